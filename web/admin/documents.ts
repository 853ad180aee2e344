/** The list of documents, and the form that stores a file as one.
 *
 * A file goes from the disk of the person straight to the API, so it may be of any length: the page's script sends it,
 * because forms of their own send files in a wrapping that would have to be taken off again.
 * @module */
import { html } from 'hono/html'
import type { DocumentStat } from '../../src/index.ts'
import { documentPage } from '../api/documents.ts'
import { present } from '../api/fields.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { answer, type Html, layout } from './layout.ts'
import { formatAge, formatBytes, formatCount, isoTime } from './words.ts'

const PAGE_ITEMS = 100

/** GET /documents */
export async function documentsPage(c: WebContext, app: Shared): Promise<Response> {
  const { cursor } = factsOf(c).query
  const page = await documentPage(app, { ...present({ cursor }), limit: PAGE_ITEMS })
  const { base, role } = factsOf(c)
  const next = page.nextCursor && `${base}/documents?${new URLSearchParams({ cursor: page.nextCursor })}`
  const content = html`<h1>Documents</h1>
${page.items.length === 0 ? noDocuments(c, cursor) : documentsTable(page.items, { c, app })}
${cursor !== undefined && html`<p><a class="button" rel="prev" href="${base}/documents">First page</a></p>`}
${next && html`<p><a class="button" rel="next" id="next" href="${next}">Next page</a></p>`}
${allows(role, 'append') && !app.store.readOnly && uploadForm(c)}`
  return answer(layout({ title: 'Documents · varve', content }, { c, app }))
}

/** Address of the page of a document. */
export function documentAddress(c: WebContext, name: string): string {
  return `${factsOf(c).base}/documents/${encodeURIComponent(name)}`
}

function documentsTable(items: readonly DocumentStat[], { c, app }: { c: WebContext; app: Shared }): Html {
  const now = app.clock.now()
  return html`<div class="scroll" hx-ignore>
<table id="documents">
<thead><tr><th scope="col">Document</th><th scope="col" class="number">Size</th>
<th scope="col" class="number size">Index</th><th scope="col" class="number partitions">Version</th>
<th scope="col" class="number">Written</th></tr></thead>
<tbody>
${items.map(
  ({ name, version, sizeBytes, indexBytes, writtenAt }) => html`<tr>
<th scope="row"><a href="${documentAddress(c, name)}">${name}</a></th>
<td class="number">${formatBytes(sizeBytes)}</td><td class="number size">${formatBytes(indexBytes)}</td>
<td class="number partitions">${formatCount(version)}</td>
<td class="number"><time datetime="${isoTime(writtenAt)}">${formatAge(now - writtenAt)}</time></td></tr>`,
)}
</tbody>
</table>
</div>`
}

function noDocuments(c: WebContext, cursor: string | undefined): Html {
  if (cursor !== undefined) return html`<p class="panel empty">No documents behind this name.</p>`
  const url = new URL(c.req.url)
  const address = `${url.origin}${factsOf(c).base}/api/documents/catalog`
  return html`<div class="panel empty" hx-ignore>
<p><strong>No documents yet.</strong> A document is JSON of any length, readable by path. Store one:</p>
<pre tabindex="0"><code>curl -T catalog.json ${address} \\
  -H "authorization: Bearer $VARVE_TOKEN" -H 'content-type: application/json'</code></pre>
</div>`
}

function uploadForm(c: WebContext): Html {
  const { base } = factsOf(c)
  return html`<section class="panel" aria-labelledby="upload-title">
<h2 id="upload-title">Store a file</h2>
<form class="fields" id="upload" data-api="${base}/api/documents/" data-page="${base}/documents/">
<label>JSON file, of any length <input type="file" name="file" accept=".json,application/json" required></label>
<label>Name <input name="name" required maxlength="128" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*"
spellcheck="false" autocomplete="off"></label>
<label class="check"><input type="checkbox" name="replace"> Replace the document of this name, if there is one</label>
<button hidden>Store</button>
</form>
<noscript><p>Files are sent by a script, which is turned off here.</p></noscript>
<div id="upload-outcome" hidden>
<progress id="upload-progress" max="1" value="0" aria-label="Sent"></progress>
<p><span id="upload-status" role="status"></span> <button class="quiet" id="upload-cancel">Cancel</button></p>
</div>
<div class="panel problem" id="upload-problem" role="alert" hidden></div>
</section>`
}
