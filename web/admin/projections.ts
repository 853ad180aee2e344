/** The list of projections.
 * @module */
import { html } from 'hono/html'
import type { ProjectionStatus } from '../../src/index.ts'
import { pageByName } from '../api/documents.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { answer, type Html, layout } from './layout.ts'
import { counted, formatAge, formatCount } from './words.ts'

const PAGE_ITEMS = 100

/** GET /projections */
export async function projectionsPage(c: WebContext, app: Shared): Promise<Response> {
  const { base } = factsOf(c)
  const { cursor } = factsOf(c).query
  const page = await listed(c, app)
  const here = cursor === undefined ? '' : `?${new URLSearchParams({ cursor })}`
  const next = page.nextCursor && `${base}/projections?${new URLSearchParams({ cursor: page.nextCursor })}`
  const content = html`<h1>Projections</h1>
<div id="projections" hx-get="${base}/partials/projections${here}" hx-trigger="every 5s" hx-swap="innerMorph">
${projectionsTable(page.items, { c, app })}
</div>
${cursor !== undefined && html`<p><a class="button" rel="prev" href="${base}/projections">First page</a></p>`}
${next && html`<p><a class="button" rel="next" id="next" href="${next}">Next page</a></p>`}`
  return answer(layout({ title: 'Projections · varve', content }, { c, app }))
}

/** GET /partials/projections */
export async function projectionsPartial(c: WebContext, app: Shared): Promise<Response> {
  return answer(projectionsTable((await listed(c, app)).items, { c, app }))
}

async function listed(c: WebContext, app: Shared): Promise<{ items: ProjectionStatus[]; nextCursor?: string }> {
  const all = await app.store.projections.list()
  const { cursor } = factsOf(c).query
  return pageByName(all, { cursor, limit: PAGE_ITEMS, nameOf: ({ projection }) => projection })
}

/** Address of the page of a projection. */
export function projectionAddress(c: WebContext, name: string): string {
  return `${factsOf(c).base}/projections/${encodeURIComponent(name)}`
}

function projectionsTable(items: readonly ProjectionStatus[], { c, app }: { c: WebContext; app: Shared }): Html {
  if (items.length === 0) return noProjections()
  const now = app.clock.now()
  return html`<div class="scroll" hx-ignore>
<table>
<thead><tr><th scope="col">Projection</th><th scope="col">Topic</th><th scope="col">State</th>
<th scope="col" class="number">Lag</th><th scope="col" class="number size">Fold version</th>
<th scope="col" class="number size">Published</th></tr></thead>
<tbody>
${items.map(
  ({ projection, topic, state, lag, foldVersion, publishedAt }) => html`<tr>
<th scope="row"><a href="${projectionAddress(c, projection)}">${projection}</a></th>
<td><a href="${factsOf(c).base}/topics/${encodeURIComponent(topic)}">${topic}</a></td>
<td><span class="state-of ${state}">${state}</span></td>
<td class="number">${lag === 0 ? 'caught up' : counted(lag, 'event')}</td>
<td class="number size">${formatCount(foldVersion)}</td>
<td class="number size">${foldVersion === 0 ? 'never' : formatAge(now - publishedAt)}</td></tr>`,
)}
</tbody>
</table>
</div>`
}

function noProjections(): Html {
  return html`<div class="panel empty">
<p><strong>No projections yet.</strong> A projection folds the events of a topic into a state. A program opens it with
its fold:</p>
<pre tabindex="0"><code>await store.projections.open('totals', {
  create: { topic: 'orders' },
  fold: { version: 1, initial: () => ({ count: 0 }), apply: (state) => ({ count: state.count + 1 }) },
})</code></pre>
</div>`
}
