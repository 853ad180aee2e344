/** One version as the page shows it: what is known of it, what changed, and its value.
 * @module */
import { html } from 'hono/html'
import {
  type Change,
  type History,
  type HistoryStats,
  isVarveError,
  Path,
  stringifyValue,
  type VarveError,
  type VersionInfo,
} from '../../src/index.ts'
import { isOwn } from '../api/answers.ts'
import { recorded } from '../api/audit.ts'
import { refuse } from '../api/fields.ts'
import { writableHistoryOf } from '../api/histories.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { logFailure, problemOf } from '../problems.ts'
import { formFields, leadTo, readWhole } from './form.ts'
import { historyAddress } from './histories.ts'
import type { Html } from './layout.ts'
import { metricsTable, seriesOf } from './metrics-table.ts'
import { address, isReachable } from './tree.ts'
import { counted, formatBytes, formatCount, formatTime, isoTime, layOut } from './words.ts'

/** More of a text is shown by the API. */
const TEXT_CHARACTERS = 20_000
const CHANGES = 200
const CHANGE_CHARACTERS = 300

/** What the page of a history points at. */
export interface Moment {
  readonly history: History
  readonly stats: HistoryStats
  readonly info: VersionInfo
  /** The version that was asked for; another one is shown where that is gone. */
  readonly asked: number
  /** The version it is compared with; none: it is the first. */
  readonly base: VersionInfo | undefined
  readonly isBaseChosen: boolean
  readonly path: string
}

type Drawn = Moment & { readonly addressOf: (version: number) => string }

/** A version: its facts, its changes, its value. */
export async function momentOf(c: WebContext, app: Shared, moment: Drawn): Promise<Html> {
  const { info, asked, history } = moment
  const [changes, value] = await Promise.all([changesOf(c, app, moment), shownValue(c, app, moment)])
  return html`<section aria-labelledby="moment-title">
<div class="live" hx-ignore><h2 id="moment-title">Version ${info.version}</h2>
${info.label !== undefined && html`<strong class="label">${info.label}</strong>`}
<time class="faint" datetime="${isoTime(info.at)}">${formatTime(info.at)}</time><span class="spacer"></span>
${await beside(moment)}</div>
${
  asked !== info.version &&
  html`<p class="faint" id="moved" role="status">Version ${asked} is gone: this is the nearest one that is kept.</p>`
}
${infoFacts(info)}
${allows(factsOf(c).role, 'admin') && !app.store.readOnly && !isOwn(history.name) && pinForm(c, moment)}
</section>
${changes}
${value}`
}

async function beside({ history, info, addressOf }: Drawn): Promise<Html> {
  const { version } = info
  const [older, newer] = await Promise.all([
    history.list({ to: version, direction: 'backward', limit: 1 }),
    history.list({ from: version + 1, limit: 1 }),
  ])
  const [before, after] = [older.items[0], newer.items[0]]
  return html`${before && html`<a rel="prev" href="${addressOf(before.version)}">Older</a>`}
${after && html`<a rel="next" href="${addressOf(after.version)}">Newer</a>`}`
}

function infoFacts({
  sizeBytes,
  rawBytes,
  isDelta,
  group,
  tier,
  kind,
  pinned,
  fingerprint,
  offset,
  metadata,
}: VersionInfo): Html {
  return html`<dl class="rest" id="version-facts" hx-ignore>
<div><dt>Kept as</dt><dd>${isDelta ? `a change, in the group of version ${group}` : 'a whole copy'}</dd></div>
<div><dt>Stored</dt><dd>${formatBytes(sizeBytes)} of ${formatBytes(rawBytes)}</dd></div>
<div><dt>Tier</dt><dd>${tier}${pinned && ', pinned'}</dd></div>
${kind !== 'value' && html`<div><dt>Kind</dt><dd>${kind}</dd></div>`}
${offset !== undefined && html`<div><dt>Log up to offset</dt><dd>${formatCount(offset)}</dd></div>`}
<div><dt>Fingerprint</dt><dd><code>${fingerprint}</code></dd></div>
${metadata !== undefined && html`<div><dt>Metadata</dt><dd><code>${cut(stringifyValue(metadata))}</code></dd></div>`}
</dl>`
}

function pinForm(c: WebContext, { history, info, addressOf }: Drawn): Html {
  const path = `${historyAddress(c, history.name)}/pin`
  const { version, pinned } = info
  return html`<form method="post" action="${path}" class="actions" id="pin" hx-ignore>
<input type="hidden" name="version" value="${version}">
<input type="hidden" name="pinned" value="${pinned ? 'no' : 'yes'}">
<input type="hidden" name="back" value="${addressOf(version).slice(historyAddress(c, history.name).length)}">
<button class="quiet">${pinned ? 'Take the pin away' : 'Pin this version'}</button>
</form>`
}

/** POST /histories/:name/pin */
export async function postPinForm(c: WebContext, app: Shared): Promise<Response> {
  const fields = await formFields(c, app, ['version', 'pinned', 'back'])
  const version = readWhole(fields.version, 'version')
  if (version === undefined) throw refuse('version', 'Cannot pin: "version" is missing')
  const history = await writableHistoryOf(c, app)
  const way = fields.pinned === 'no' ? 'unpin' : 'pin'
  await recorded(c, app, {
    action: way === 'pin' ? 'HistoryPin' : 'HistoryUnpin',
    entity: history.name,
    asked: { version },
    run: () => history[way]({ version }),
  })
  // Only the query is the caller's to say.
  const { search } = new URL(fields.back ?? '', 'http://localhost')
  return leadTo(c, historyAddress(c, history.name) + search)
}

/** What changed between two versions, or why that cannot be said. */
async function changesOf(c: WebContext, app: Shared, { history, info, base }: Drawn): Promise<Html> {
  if (base === undefined) return html`<p class="faint" id="changes">This is the oldest version that is kept.</p>`
  if (base.version === info.version)
    return html`<p class="faint" id="changes">A version does not differ from itself.</p>`
  const part = async () => {
    const { changes, isCut } = await history.diff({
      from: { version: base.version },
      to: { version: info.version },
      limit: CHANGES,
      signal: c.req.raw.signal,
    })
    const api = `${factsOf(c).base}/api/histories/${encodeURIComponent(history.name)}/diff`
    const words = changes.length === 0 ? 'Nothing' : `${isCut ? 'The first ' : ''}${counted(changes.length, 'change')}`
    return html`<section aria-labelledby="changes-title">
<div class="live"><h2 id="changes-title">${words} since version ${base.version}</h2><span class="spacer"></span>
<a href="${address(api, { from: String(base.version), to: String(info.version) })}" hx-ignore>JSON</a></div>
${
  changes.length > 0 &&
  html`<ol class="changes panel" id="changes" hx-ignore>${changes.map((change) => changeRow(c, history.name, change))}</ol>`
}
</section>`
  }
  return told(c, app, { id: 'changes', part })
}

const MARKS: Readonly<Record<Change['type'], string>> = { added: '+', removed: '−', changed: '~', moved: '↷' }

function changeRow(c: WebContext, name: string, { type, path, from, before, after }: Change): Html {
  const shown = path === '' ? 'the whole' : path
  const over = isReachable(path)
    ? html`<a href="${address(`${historyAddress(c, name)}/values`, { path })}" title="This path over time">${cut(shown)}</a>`
    : cut(shown)
  return html`<li class="${type}"><span class="mark-of" aria-hidden="true">${MARKS[type]}</span>
<span class="visually-hidden">${type}</span> <span class="key">${over}</span>
${type === 'moved' && html`<span class="faint">was at ${cut(from ?? '')}</span>`}
${(type === 'changed' || type === 'removed') && html`<del><code>${valueText(before)}</code></del>`}
${(type === 'changed' || type === 'added') && html`<ins><code>${valueText(after)}</code></ins>`}</li>`
}

/** The value of a version, or of a path in it. */
async function shownValue(c: WebContext, app: Shared, { history, info, path }: Drawn): Promise<Html> {
  const api = `${factsOf(c).base}/api/histories/${encodeURIComponent(history.name)}/versions/${info.version}`
  const part = async () => {
    const place = Path.parse(path)
    const value = await history.read({
      version: info.version,
      signal: c.req.raw.signal,
      ...(place.steps.length > 0 && { path: place }),
    })
    const series = info.kind === 'value' || place.steps.length > 0 ? undefined : seriesOf(value)
    return html`<section aria-labelledby="value-title">
<div class="live" hx-ignore><h2 id="value-title">Value${path !== '' && html` at ${cut(path)}`}</h2>
<span class="spacer"></span>
${path !== '' && html`<a href="${address(`${historyAddress(c, history.name)}/values`, { path })}">Over time</a>`}
<a href="${address(api, { path })}">JSON</a></div>
${series === undefined ? valueTextOf(value) : metricsTable(series)}
</section>`
  }
  return told(c, app, { id: 'value', part })
}

function valueTextOf(value: unknown): Html {
  if (value === undefined)
    return html`<p class="panel empty" id="value-text">Nothing is at this path in this version.</p>`
  const json = stringifyValue(value)
  const isLong = json.length > TEXT_CHARACTERS
  return html`<pre id="value-text" tabindex="0" hx-ignore><code>${layOut(json.slice(0, TEXT_CHARACTERS))}</code></pre>
${
  isLong &&
  html`<p class="faint">The first ${formatCount(TEXT_CHARACTERS)} of ${counted(json.length, 'character')}; a path shows
the rest, and the JSON has all.</p>`
}`
}

/** A part of the page, or beside the others why it cannot be shown: damage of one version does not hide the rest. */
export async function told(
  c: WebContext,
  app: Shared,
  { id, part }: { id: string; part: () => Promise<Html> },
): Promise<Html> {
  try {
    return await part()
  } catch (error) {
    if (!isVarveError(error) || !TOLD_CODES.has(error.code)) throw error
    return problemPart(c, app, { id, error })
  }
}

/** A problem as a part of a page, told to the server's log where it is the server's own. */
export function problemPart(c: WebContext, app: Shared, { id, error }: { id: string; error: unknown }): Html {
  logFailure(error, { options: app.options, requestId: factsOf(c).requestId })
  const { title, detail, hint } = problemOf(error, factsOf(c))
  return html`<section class="panel problem" role="alert" id="${id}-problem"><h2>${title}</h2>
<p hx-ignore>${detail} ${hint}</p></section>`
}

const TOLD_CODES: ReadonlySet<VarveError['code']> = new Set([
  'PATH_INVALID',
  'PATH_PLURAL',
  'VERSION_DAMAGED',
  'VERSION_GONE',
  'VERSION_OUT_OF_RANGE',
])

/** A value as one line of JSON, as far as it is shown. */
export function valueText(value: unknown): string {
  return cut(stringifyValue(value))
}

function cut(text: string): string {
  const isLong = text.length > CHANGE_CHARACTERS
  return isLong ? `${text.slice(0, CHANGE_CHARACTERS)}… (${formatCount(text.length)} characters)` : text
}
