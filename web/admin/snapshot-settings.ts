/** When snapshots are made and when they go: the policy, a clean-up that is shown before it is run, the schedule.
 * @module */
import { html } from 'hono/html'
import type { SnapshotCleanupReport, SnapshotInfo, SnapshotPolicy } from '../../src/index.ts'
import { present } from '../api/fields.ts'
import { previewSnapshotCleanup, startSnapshotCleanup } from '../api/snapshot-policy.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { type FormFields, formFields, outcome, readTime, readWhole, timeText } from './form.ts'
import { jobPanel } from './job.ts'
import { answer, type Html, layout } from './layout.ts'
import { schedulePanel } from './snapshot-schedule.ts'
import { snapshotAddress, targetWords } from './snapshot-words.ts'
import { snapshotsHead } from './snapshots.ts'
import { counted, formatAge, formatBytes, formatCount } from './words.ts'

/** Snapshots that are named in a preview. */
const NAMED_SNAPSHOTS = 100
const POLICY_FIELDS = ['maxSnapshots', 'retentionTimeMs'] as const

/** GET /snapshots/settings */
export function snapshotSettingsPage(c: WebContext, app: Shared): Response {
  const may = allows(factsOf(c).role, 'admin') && !app.store.readOnly
  const { policy } = app.store.snapshots
  const content = html`${snapshotsHead(c, 'settings')}
<section class="panel" aria-labelledby="policy-title">
<h2 id="policy-title">Policy</h2>
${policyFacts(policy)}
</section>
${may && cleanupForm(c, app, policy)}
${schedulePanel(c, app)}`
  return answer(layout({ title: 'Clean-up and schedule · varve', content }, { c, app }))
}

/** POST /snapshots/cleanup: a preview, or the clean-up that it showed. */
export async function postSnapshotCleanup(c: WebContext, app: Shared): Promise<Response> {
  const { preview, ...fields } = await formFields(c, app, [...POLICY_FIELDS, 'preview'])
  const policy = readPolicy(fields)
  if (preview === undefined) return outcome(c, app, jobPanel(await startSnapshotCleanup(c, app, policy), c))
  const report = await previewSnapshotCleanup(c, app, policy)
  if (report.removed.length === 0)
    return outcome(
      c,
      app,
      html`<p role="status">Nothing would go: ${counted(report.kept.length, 'snapshot')} stay.</p>`,
    )
  return outcome(c, app, previewOf(c, { report, infos: await app.store.snapshots.list(), now: app.clock.now() }))
}

function readPolicy(fields: FormFields): Partial<SnapshotPolicy> {
  return present({
    maxSnapshots: readWhole(fields.maxSnapshots, 'maxSnapshots'),
    retentionTimeMs: readTime(fields.retentionTimeMs, 'retentionTimeMs'),
  })
}

function policyFacts({ maxSnapshots, retentionTimeMs, minIntervalMs }: SnapshotPolicy): Html {
  return html`<dl class="facts" id="policy">
<div><dt>Kept of each topic, and of the store</dt><dd>${counted(maxSnapshots, 'snapshot')}</dd></div>
<div><dt>Up to an age of</dt><dd>${timeText(retentionTimeMs) || 'none'}</dd></div>
<div><dt>Between two at least</dt><dd>${timeText(minIntervalMs) || 'no time'}</dd></div>
</dl>
<p class="faint">Pinned snapshots are not counted and stay, and so does the newest of each. The policy is given where
the store is opened.</p>`
}

function cleanupForm(c: WebContext, app: Shared, { maxSnapshots, retentionTimeMs }: SnapshotPolicy): Html {
  const path = `${factsOf(c).base}/snapshots/cleanup`
  const job = app.jobs.latest('snapshot-cleanup')
  return html`<section class="panel" aria-labelledby="cleanup-title">
<h2 id="cleanup-title">Clean up</h2>
<p>Give up what the policy does not keep. Other limits hold for this time only.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#cleanup-outcome" class="fields" id="cleanup">
<input type="hidden" name="preview" value="1">
<label>Snapshots of each that stay
<input name="maxSnapshots" value="${maxSnapshots}" inputmode="numeric" required></label>
<label>Up to an age of
<input name="retentionTimeMs" value="${timeText(retentionTimeMs)}" placeholder="7 d" required></label>
<button class="quiet">Show what would go</button>
</form>
<div id="cleanup-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>
</section>`
}

interface Preview {
  readonly report: SnapshotCleanupReport
  readonly infos: readonly SnapshotInfo[]
  readonly now: number
}

function previewOf(c: WebContext, { report, infos, now }: Preview): Html {
  const { removed, kept, freedBytes, policy } = report
  const path = `${factsOf(c).base}/snapshots/cleanup`
  const byId = new Map(infos.map((info) => [info.id, info]))
  const row = ({ id, reason }: SnapshotCleanupReport['removed'][number]) => {
    const info = byId.get(id)
    return html`<tr><th scope="row"><a href="${snapshotAddress(c, id)}">${id}</a>
${info?.label !== undefined && html`<span class="label">${info.label}</span>`}</th>
<td class="size">${info !== undefined && targetWords(info)}</td>
<td class="number">${info !== undefined && formatAge(now - info.timestamp)}</td>
<td>${reason === 'age' ? 'too old' : 'too many'}</td></tr>`
  }
  return html`<p role="status">${counted(removed.length, 'snapshot')} would go and ${formatCount(kept.length)} stay.
This would free ${formatBytes(freedBytes)}: files that the store or another snapshot needs are not counted.</p>
<div class="scroll" hx-ignore><table id="preview">
<thead><tr><th scope="col">Snapshot</th><th scope="col" class="size">Of</th>
<th scope="col" class="number">Taken</th><th scope="col">Why</th></tr></thead>
<tbody>${removed.slice(0, NAMED_SNAPSHOTS).map(row)}</tbody></table></div>
${removed.length > NAMED_SNAPSHOTS && html`<p class="faint">The first ${formatCount(NAMED_SNAPSHOTS)} of them.</p>`}
<form method="post" action="${path}" hx-post="${path}" hx-target="#cleanup-outcome" class="actions" id="cleanup-run">
<input type="hidden" name="maxSnapshots" value="${policy.maxSnapshots}">
<input type="hidden" name="retentionTimeMs" value="${policy.retentionTimeMs}">
<button class="danger">Clean up</button>
</form>`
}
