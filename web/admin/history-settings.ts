/** The settings of a history: read by everybody; changed, thinned out, checked and deleted by admins.
 * @module */
import { html } from 'hono/html'
import type { CleanupReport, HistoryOptions, HistorySettings, Tier, TierOptions } from '../../src/index.ts'
import { isOwn } from '../api/answers.ts'
import { present, refuse } from '../api/fields.ts'
import {
  changeHistory,
  deleteHistory,
  historyOf,
  previewCleanup,
  startCleanup,
  startHistoryVerify,
} from '../api/histories.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { type FormFields, formFields, leadTo, outcome, readTime, readWhole, timeText } from './form.ts'
import { historyAddress, historyHead } from './histories.ts'
import { jobPanel } from './job.ts'
import { answer, type Html, layout } from './layout.ts'
import { counted, formatBytes, formatCount } from './words.ts'

const TIERS = ['raw', 'compressed', 'archive'] as const
/** Versions that are named in a preview. */
const NAMED_VERSIONS = 100

/** GET /histories/:name/settings */
export async function historySettingsPage(c: WebContext, app: Shared): Promise<Response> {
  const history = await historyOf(c, app)
  const { settings } = await history.stats()
  const { name } = history
  const isAdmin = allows(factsOf(c).role, 'admin')
  // States of projections are as their projection wants them.
  const may = isAdmin && !isOwn(name) && !app.store.readOnly
  const content = html`${historyHead(c, { name, current: 'settings' })}
<section class="panel" id="settings" aria-label="Settings">${factsList(settings)}</section>
${may && html`${changeForm(c, { name, settings })}${cleanupForm(c, app, name)}`}
${isAdmin && verifyForm(c, app, name)}
${may && deleteForm(c, name)}`
  return answer(layout({ title: `${name} settings · varve`, content }, { c, app }))
}

/** POST /histories/:name/settings */
export async function postHistorySettings(c: WebContext, app: Shared): Promise<Response> {
  const fields = await formFields(c, app, [
    'keyframeInterval',
    ...TIERS.flatMap((tier) => [`${tier}.forMs`, `${tier}.everyMs`]),
  ])
  const { settings } = await changeHistory(c, app, readForm(fields))
  // What the page shows elsewhere is as it is now, too.
  return outcome(
    c,
    app,
    html`<p role="status">Saved.</p><div hx-swap-oob="innerHTML:#settings">${factsList(settings)}</div>`,
  )
}

/** POST /histories/:name/cleanup: a preview, unless the name is there. */
export async function postCleanupForm(c: WebContext, app: Shared): Promise<Response> {
  const { confirm, preview } = await formFields(c, app, ['confirm', 'preview'])
  if (preview === undefined) {
    const job = await startCleanup(c, app, { confirm })
    return outcome(c, app, jobPanel(job, c))
  }
  const report = await previewCleanup(c, app)
  const { name } = await historyOf(c, app)
  const gone = report.versions - report.kept
  if (gone === 0 && report.groupsRewritten === 0)
    return outcome(c, app, html`<p role="status">Nothing would go: all versions are as the tiers want them.</p>`)
  const path = `${historyAddress(c, name)}/cleanup`
  return outcome(
    c,
    app,
    html`<p role="status">This would give up ${counted(gone, 'version')} of ${formatCount(report.versions)} and
${report.freedBytes < 0 ? `take ${formatBytes(-report.freedBytes)} more` : `free ${formatBytes(report.freedBytes)}`}.</p>
${previewTable(report)}
${
  report.removed.length > 0 &&
  html`<p class="faint">Gone then: ${rangesOf(report.removed).slice(0, NAMED_VERSIONS).join(', ')}${
    rangesOf(report.removed).length > NAMED_VERSIONS && ' and more'
  }.</p>`
}
<form method="post" action="${path}" hx-post="${path}" hx-target="#cleanup-outcome" class="fields" id="cleanup-run">
<label>Name of the history, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Clean up</button>
</form>`,
  )
}

/** POST /histories/:name/verify */
export async function verifyHistoryPartial(c: WebContext, app: Shared): Promise<Response> {
  return outcome(c, app, jobPanel(await startHistoryVerify(c, app), c))
}

/** POST /histories/:name/delete */
export async function postDeleteHistory(c: WebContext, app: Shared): Promise<Response> {
  const { confirm } = await formFields(c, app, ['confirm'])
  await deleteHistory(c, app, confirm)
  return leadTo(c, `${factsOf(c).base}/histories`)
}

function readForm(fields: FormFields): HistoryOptions {
  const tiers = TIERS.map((tier) => [tier, readTier(fields, tier)] as const)
  return {
    ...present({ keyframeInterval: readWhole(fields.keyframeInterval, 'keyframeInterval') }),
    tiers: Object.fromEntries(tiers) as Record<Tier, TierOptions>,
  }
}

function readTier(fields: FormFields, tier: Tier): TierOptions {
  const name = `${tier}.forMs`
  const age = fields[name]
  if (age === undefined) throw refuse(name, `Cannot read "${name}": expected a time such as 30 d, or "ever"`)
  const forMs = age === 'ever' ? null : readTime(age, name)
  const everyMs = readTime(fields[`${tier}.everyMs`], `${tier}.everyMs`)
  return { forMs: forMs ?? null, ...present({ everyMs }) }
}

function ageText(forMs: number | null): string {
  return forMs === null ? 'ever' : timeText(forMs) || '0 ms'
}

function factsList({ keyframeInterval, keyField, tiers }: HistorySettings): Html {
  return html`<dl class="facts">
<div><dt>Versions between whole copies</dt><dd id="interval">${formatCount(keyframeInterval)}</dd></div>
<div><dt>Elements are known by</dt><dd hx-ignore>${keyField ?? 'their values'}</dd></div>
${TIERS.map((tier) => {
  const { forMs, everyMs } = tiers[tier]
  const which = everyMs === undefined ? 'every version' : `one per ${timeText(everyMs)}`
  const until = forMs === null ? 'for ever' : `up to an age of ${timeText(forMs)}`
  return html`<div class="wide"><dt>${tier}</dt><dd id="tier-${tier}">${which}, ${until}</dd></div>`
})}
</dl>`
}

function changeForm(c: WebContext, { name, settings }: { name: string; settings: HistorySettings }): Html {
  const path = `${historyAddress(c, name)}/settings`
  const { keyframeInterval, tiers } = settings
  return html`<section class="panel" aria-labelledby="change-title">
<h2 id="change-title">Change</h2>
<p>Tiers follow each other by age. Nothing goes without a clean-up.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#change-outcome" class="fields" id="change">
<label>Versions between whole copies
<input name="keyframeInterval" value="${keyframeInterval}" inputmode="numeric"></label>
${TIERS.map(
  (tier) => html`<fieldset class="fields tier"><legend>${tier}</legend>
<label>Up to an age of (“ever”: for ever)
<input name="${tier}.forMs" value="${ageText(tiers[tier].forMs)}" required></label>
<label>One version per (empty: all)
<input name="${tier}.everyMs" value="${timeText(tiers[tier].everyMs)}" placeholder="1 h"></label></fieldset>`,
)}
<button>Save</button>
</form>
<div id="change-outcome" aria-live="polite"></div>
</section>`
}

function cleanupForm(c: WebContext, app: Shared, name: string): Html {
  const path = `${historyAddress(c, name)}/cleanup`
  const job = app.jobs.latest('history-cleanup', name)
  return html`<section class="panel" aria-labelledby="cleanup-title">
<h2 id="cleanup-title">Clean up</h2>
<p>Thin out as the tiers say. Pinned versions and the newest one stay.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#cleanup-outcome" id="cleanup">
<input type="hidden" name="preview" value="1">
<button class="quiet">Show what would go</button>
</form>
<div id="cleanup-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>
</section>`
}

function verifyForm(c: WebContext, app: Shared, name: string): Html {
  const path = `${historyAddress(c, name)}/verify`
  const job = app.jobs.latest('history-verify', name)
  return html`<section class="panel" aria-labelledby="verify-title">
<h2 id="verify-title">Verify</h2>
<p>Rebuild every version and compare it with the hash that was stored with it.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#verify-outcome" id="verify">
<button class="quiet">Verify every version</button>
</form>
<div id="verify-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>
</section>`
}

function deleteForm(c: WebContext, name: string): Html {
  const path = `${historyAddress(c, name)}/delete`
  return html`<section class="panel" aria-labelledby="delete-title">
<h2 id="delete-title">Delete</h2>
<p>All versions of <code hx-ignore>${name}</code> are gone for good, pinned ones too.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#delete-outcome" class="fields" id="delete">
<label>Name of the history, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Delete this history</button>
</form>
<div id="delete-outcome" aria-live="polite"></div>
</section>`
}

function previewTable({
  versions,
  kept,
  tiers,
  rolledUp,
  groupsRewritten,
  storedBytesBefore,
  storedBytes,
}: CleanupReport): Html {
  const row = (words: string, before: string, after: string) =>
    html`<tr><th scope="row">${words}</th><td class="number">${before}</td><td class="number">${after}</td></tr>`
  return html`<div class="scroll"><table id="preview">
<thead><tr><td></td><th scope="col" class="number">Now</th>
<th scope="col" class="number">Then</th></tr></thead>
<tbody>${row('Versions', formatCount(versions), formatCount(kept))}
${row('Stored', formatBytes(storedBytesBefore), formatBytes(storedBytes))}
${TIERS.map((tier) => row(`In tier ${tier}`, '', formatCount(tiers[tier])))}
${rolledUp > 0 && row('Metrics rolled up', '', formatCount(rolledUp))}
${row('Groups written anew', '', formatCount(groupsRewritten))}</tbody></table></div>`
}

/** Ascending numbers as `3, 5 to 9`. */
export function rangesOf(numbers: readonly number[]): string[] {
  const ranges: { from: number; to: number }[] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last !== undefined && last.to === number - 1) last.to = number
    else ranges.push({ from: number, to: number })
  }
  return ranges.map(({ from, to }) => (from === to ? formatCount(from) : `${formatCount(from)} to ${formatCount(to)}`))
}
