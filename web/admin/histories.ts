/** The list of histories, and the form for a new one.
 * @module */
import { html } from 'hono/html'
import type { HistoryStats } from '../../src/index.ts'
import { present, refuse } from '../api/fields.ts'
import { createHistory, historyPage } from '../api/histories.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { formFields, leadTo, readWhole } from './form.ts'
import { answer, type Html, layout } from './layout.ts'
import { formatAge, formatBytes, formatCount, formatRatio, isoTime } from './words.ts'

const PAGE_ITEMS = 100

/** GET /histories */
export async function historiesPage(c: WebContext, app: Shared): Promise<Response> {
  const { cursor } = factsOf(c).query
  const page = await historyPage(app, { ...present({ cursor }), limit: PAGE_ITEMS })
  const { base, role } = factsOf(c)
  const next = page.nextCursor && `${base}/histories?${new URLSearchParams({ cursor: page.nextCursor })}`
  const content = html`<h1>Histories</h1>
${page.items.length === 0 ? noHistories(c, cursor) : historiesTable(page.items, { c, app })}
${cursor !== undefined && html`<p><a class="button" rel="prev" href="${base}/histories">First page</a></p>`}
${next && html`<p><a class="button" rel="next" id="next" href="${next}">Next page</a></p>`}
${allows(role, 'admin') && !app.store.readOnly && createForm(c)}`
  return answer(layout({ title: 'Histories · varve', content }, { c, app }))
}

/** POST /histories */
export async function postCreateHistory(c: WebContext, app: Shared): Promise<Response> {
  const { history: name, ...fields } = await formFields(c, app, ['history', 'keyframeInterval', 'keyField'])
  if (name === undefined) throw refuse('history', 'Cannot create a history: it needs a name')
  const options = present({
    keyframeInterval: readWhole(fields.keyframeInterval, 'keyframeInterval'),
    keyField: fields.keyField,
  })
  const { created } = await createHistory(c, app, { name, options })
  if (!created) throw refuse('history', `Cannot create history "${name}": it exists`)
  return leadTo(c, `${factsOf(c).base}/histories/${encodeURIComponent(name)}`)
}

/** Address of the page of a history. */
export function historyAddress(c: WebContext, name: string): string {
  return `${factsOf(c).base}/histories/${encodeURIComponent(name)}`
}

/** The head of every page of a history. */
export function historyHead(
  c: WebContext,
  { name, current }: { name: string; current?: 'versions' | 'settings' | undefined },
): Html {
  const tab = (key: 'versions' | 'settings', words: string, path: string) =>
    html`<a href="${historyAddress(c, name)}${path}" ${current === key && html`aria-current="page"`}>${words}</a>`
  return html`<nav aria-label="Breadcrumb"><a href="${factsOf(c).base}/histories">Histories</a></nav>
<h1 hx-ignore>${name}</h1>
<nav class="tabs" aria-label="History" hx-ignore>
${tab('versions', 'Versions', '')}${tab('settings', 'Settings', '/settings')}</nav>`
}

function historiesTable(items: readonly HistoryStats[], { c, app }: { c: WebContext; app: Shared }): Html {
  const now = app.clock.now()
  return html`<div class="scroll" hx-ignore>
<table id="histories">
<thead><tr><th scope="col">History</th><th scope="col" class="number">Versions</th>
<th scope="col" class="number">Stored</th><th scope="col" class="number size">As copies</th>
<th scope="col" class="number size">Smaller</th><th scope="col" class="number">Newest</th></tr></thead>
<tbody>
${items.map(
  ({ history, count, storedBytes, rawBytes, ratio, newestAt }) => html`<tr>
<th scope="row"><a href="${historyAddress(c, history)}">${history}</a></th>
<td class="number">${formatCount(count)}</td><td class="number">${formatBytes(storedBytes)}</td>
<td class="number size">${formatBytes(rawBytes)}</td><td class="number size">${formatRatio(ratio)}</td>
<td class="number">${
    newestAt === undefined
      ? 'none yet'
      : html`<time datetime="${isoTime(newestAt)}">${formatAge(now - newestAt)}</time>`
  }</td></tr>`,
)}
</tbody>
</table>
</div>`
}

function noHistories(c: WebContext, cursor: string | undefined): Html {
  if (cursor !== undefined) return html`<p class="panel empty">No histories behind this name.</p>`
  const url = new URL(c.req.url)
  const address = `${url.origin}${factsOf(c).base}/api/histories/board/versions?create=true`
  return html`<div class="panel empty" hx-ignore>
<p><strong>No histories yet.</strong> A history keeps every version of a value at the price of its changes. Store a
first one:</p>
<pre tabindex="0"><code>curl '${address}' -d @board.json \\
  -H "authorization: Bearer $VARVE_TOKEN" -H 'content-type: application/json'</code></pre>
</div>`
}

function createForm(c: WebContext): Html {
  const path = `${factsOf(c).base}/histories`
  return html`<section class="panel" aria-labelledby="create-title">
<h2 id="create-title">New history</h2>
<form method="post" action="${path}" hx-post="${path}" hx-target="#create-outcome" class="fields" id="create">
<label>Name <input name="history" required maxlength="128" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
spellcheck="false" autocomplete="off"></label>
<label>Versions between whole copies (empty: as usual) <input name="keyframeInterval" inputmode="numeric"></label>
<label>Field that elements are known by (empty: none)
<input name="keyField" placeholder="id" spellcheck="false" autocomplete="off"></label>
<button>Create</button>
</form>
<div id="create-outcome" aria-live="polite"></div>
</section>`
}
