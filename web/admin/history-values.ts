/** The value at one path over time.
 * @module */
import { html } from 'hono/html'
import { type History, isVarveError, type PathVersion, type VarveError } from '../../src/index.ts'
import { placeOf } from '../api/documents.ts'
import { historyOf } from '../api/histories.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { historyAddress, historyHead } from './histories.ts'
import { problemPart, told, valueText } from './history-moment.ts'
import { answer, type Html, layout } from './layout.ts'
import { address } from './tree.ts'
import { counted, formatTime, isoTime } from './words.ts'

const PATH_VERSIONS = 200
/** How long a page looks for versions. */
const SEARCH_MS = 5_000

/** GET /histories/:name/values with `path`, `from`: the value at one path over time. */
export async function valuesPage(c: WebContext, app: Shared): Promise<Response> {
  const history = await historyOf(c, app)
  const here = historyAddress(c, history.name)
  const { path = '' } = factsOf(c).query
  const content = html`${historyHead(c, { name: history.name })}
<form class="filter" method="get" action="${here}/values" hx-ignore role="search" aria-label="Path">
<label>Path <input name="path" value="${path}" maxlength="6000" placeholder="shapes[4].x" spellcheck="false"
autocomplete="off" autocapitalize="off"></label>
<button class="quiet">Show</button>
</form>
${await told(c, app, { id: 'values', part: () => valuesOf(c, app, history) })}`
  return answer(layout({ title: `${history.name} over time · varve`, content }, { c, app }))
}

async function valuesOf(c: WebContext, app: Shared, history: History): Promise<Html> {
  const { path = '', fromVersion } = factsOf(c).query
  const here = historyAddress(c, history.name)
  const { found, next, isLate, damage } = await readValues(c, app, history)
  const more = next !== undefined && address(`${here}/values`, { path, from: String(next) })
  return html`<h2>${found.length === 0 ? 'No values' : counted(found.length, 'value')}${
    fromVersion !== undefined && html` from version ${fromVersion}`
  }${isLate === true && html` within ${SEARCH_MS / 1_000} s`}</h2>
<div class="scroll" hx-ignore>
<table id="values">
<thead><tr><th scope="col">Since version</th><th scope="col">Time</th><th scope="col">Value</th></tr></thead>
<tbody>${found.map(
    ({ version, at, label, value }) => html`<tr>
<th scope="row"><a href="${address(here, { version: String(version), path })}">${version}</a>
${label !== undefined && html`<span class="faint">${label}</span>`}</th>
<td><time datetime="${isoTime(at)}">${formatTime(at)}</time></td>
<td>${value === undefined ? html`<span class="faint">nothing there</span>` : html`<code class="value">${valueText(value)}</code>`}</td></tr>`,
  )}</tbody>
</table>
</div>
${damage !== undefined && problemPart(c, app, { id: 'values', error: damage })}
${more && html`<p><a class="button" rel="next" id="later" href="${more}">Later values</a></p>`}`
}

interface Found {
  readonly found: readonly PathVersion[]
  /** The version where the next page begins. */
  readonly next?: number
  readonly isLate?: boolean
  /** What ended it; it may go on behind. */
  readonly damage?: VarveError
}

/** Values that changed, as many as a page shows and within some seconds. */
async function readValues(c: WebContext, app: Shared, history: History): Promise<Found> {
  const { fromVersion } = factsOf(c).query
  const late = new AbortController()
  const cancel = app.clock.after(SEARCH_MS, () => late.abort())
  const found: PathVersion[] = []
  try {
    const range = fromVersion === undefined ? {} : { from: fromVersion }
    for await (const one of history.values(placeOf(c), { ...range, signal: late.signal })) {
      if (found.length === PATH_VERSIONS) return { found, next: one.version }
      found.push(one)
    }
    return { found }
  } catch (error) {
    if (isVarveError(error, 'VERSION_DAMAGED')) return { found, ...(await behind(history, error)), damage: error }
    const last = found.at(-1)
    if (!late.signal.aborted || last === undefined) throw error
    return { found, next: last.version + 1, isLate: true }
  } finally {
    cancel()
  }
}

/** Where to go on behind what is damaged. */
async function behind(history: History, { details }: VarveError): Promise<{ readonly next?: number }> {
  const lost = details.versions
  if (!Array.isArray(lost)) return {}
  const next = Math.max(...lost) + 1
  const { newestVersion } = await history.stats()
  return next <= newestVersion ? { next } : {}
}
