/** The page of one document: what it is, a value of it, and what lies below that value.
 * @module */
import { html } from 'hono/html'
import {
  type ChildPage,
  type DocumentStat,
  isVarveError,
  type OpenDocument,
  Path,
  type VarveError,
} from '../../src/index.ts'
import { isOwn } from '../api/answers.ts'
import { deleteDocument, placeOf } from '../api/documents.ts'
import { present } from '../api/fields.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { documentAddress } from './documents.ts'
import { formFields, leadTo } from './form.ts'
import { answer, type Html, layout } from './layout.ts'
import { childRows, isReachable, PAGE_CHILDREN, type Place, valueAddress } from './tree.ts'
import { counted, formatAge, formatBytes, formatCount, isoTime } from './words.ts'

/** More of a text is shown by the API. */
const TEXT_CHARACTERS = 20_000
const MATCHES = 100
const PREVIEW_CHARACTERS = 200
/** How long a page looks for matches. */
const SEARCH_MS = 5_000
/** More steps than this are not shown one by one. */
const STEPS_SHOWN = 30

/** GET /documents/:name with `path`, `cursor` */
export async function valuePage(c: WebContext, app: Shared): Promise<Response> {
  return app.store.documents.use(c.req.param('name') ?? '', async (document) => {
    const { content, status } = await valueOrProblem(c, app, document)
    const page = html`${head(c, document)}
<div class="panel">${facts(document, app)}</div>
${placeForm(c)}
${content}
${allows(factsOf(c).role, 'admin') && !app.store.readOnly && !isOwn(document.name) && deleteForm(c, document.name)}`
    return answer(layout({ title: `${document.name} · varve`, content: page }, { c, app }), status)
  })
}

/** GET /documents/:name/children with `path`, `cursor`, `version`: rows of the tree. */
export async function childrenPartial(c: WebContext, app: Shared): Promise<Response> {
  const { cursor, documentVersion } = factsOf(c).query
  return app.store.documents.use(c.req.param('name') ?? '', async (document) => {
    if (documentVersion !== document.version) return answer(changedRow(c, document.name))
    const path = placeOf(c)
    const page = await document.children(path, present({ cursor, limit: PAGE_CHILDREN }))
    const place = { c, name: document.name, path: path.toString(), version: document.version }
    return answer(childRows(page, { place, cursor }))
  })
}

/** POST /documents/:name/delete */
export async function postDeleteDocument(c: WebContext, app: Shared): Promise<Response> {
  const { confirm } = await formFields(c, app, ['confirm'])
  await deleteDocument(c, app, confirm)
  return leadTo(c, `${factsOf(c).base}/documents`)
}

/** What is asked of a document. */
interface Asked {
  readonly app: Shared
  readonly document: OpenDocument
  readonly path: Path
}

interface Shown {
  readonly content: Html
  readonly status: number
}

/** What the query asks for, or why it cannot be shown: a path is typed by hand, so its errors belong beside it. */
async function valueOrProblem(c: WebContext, app: Shared, document: OpenDocument): Promise<Shown> {
  try {
    return { content: await valueAt(c, { app, document, path: placeOf(c) }), status: 200 }
  } catch (error) {
    if (!isVarveError(error) || !PLACE_CODES.has(error.code)) throw error
    const { status, title, detail } = problemOf(error, factsOf(c))
    const content = html`<section class="panel problem" role="alert" id="place-problem"><h2>${title}</h2>
<p hx-ignore>${detail}</p></section>`
    return { content, status }
  }
}

const PLACE_CODES: ReadonlySet<VarveError['code']> = new Set(['PATH_INVALID', 'PATH_UNKNOWN', 'CURSOR_INVALID'])

async function valueAt(c: WebContext, asked: Asked): Promise<Html> {
  const { document, path } = asked
  const { name, version } = document
  if (path.isPlural) return matchesOf(c, asked)
  const place: Place = { c, name, path: path.toString(), version }
  const { cursor } = factsOf(c).query
  const options = present({ cursor, limit: PAGE_CHILDREN })
  const page = await document.children(path, options).catch((error: unknown) => {
    if (isVarveError(error, 'PATH_NOT_CONTAINER')) return undefined
    throw error
  })
  return html`${placeHead({ place, path, type: page?.type })}
${page === undefined ? await textOf(document, path) : treeOf(page, place)}`
}

function treeOf(page: ChildPage, place: Place): Html {
  return html`<ul class="tree root" id="tree" aria-label="${page.type === 'object' ? 'Fields' : 'Elements'}">
${childRows(page, { place })}
</ul>`
}

/** The text of a scalar, as far as it is shown. */
async function textOf(document: OpenDocument, path: Path): Promise<Html> {
  const { text, cut } = await beginningOf(document, path, TEXT_CHARACTERS)
  return html`<pre id="value-text" tabindex="0" hx-ignore><code>${text}</code></pre>
${cut && html`<p class="faint">The first ${formatCount(TEXT_CHARACTERS)} characters; the JSON has all.</p>`}`
}

/** The JSON text of a value, read no further than it is shown. */
async function beginningOf(
  document: OpenDocument,
  path: Path,
  characters: number,
): Promise<{ text: string; cut: boolean }> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of document.json(path)) {
    text += decoder.decode(piece, { stream: true })
    if (text.length > characters) break
  }
  return { text: text.slice(0, characters), cut: text.length > characters }
}

/** What a path with wildcards means: the first of it, as far as it is found within some seconds. */
async function matchesOf(c: WebContext, { app, document, path }: Asked): Promise<Html> {
  const found: Html[] = []
  let words = ''
  const late = new AbortController()
  const cancel = app.clock.after(SEARCH_MS, () => late.abort())
  try {
    for await (const one of document.paths(path, { signal: late.signal })) {
      if (found.length === MATCHES) {
        words = `The first ${counted(MATCHES, 'match', 'matches')}`
        break
      }
      found.push(await matchRow(c, { document, path: one }))
    }
  } catch (error) {
    if (!late.signal.aborted) throw error
    words = `${counted(found.length, 'match', 'matches')} within ${SEARCH_MS / 1_000} s; the API finds all`
  } finally {
    cancel()
  }
  return html`<div class="live"><h2>${words || counted(found.length, 'match', 'matches')}</h2></div>
<ul class="tree root" id="matches" hx-ignore>${found}</ul>`
}

async function matchRow(c: WebContext, { document, path }: { document: OpenDocument; path: Path }): Promise<Html> {
  const { text } = await beginningOf(document, path, PREVIEW_CHARACTERS)
  const shown = path.toString()
  const key = isReachable(shown)
    ? html`<a class="key" href="${valueAddress({ c, name: document.name }, shown)}">${shown}</a>`
    : html`<span class="key">${shown.slice(0, PREVIEW_CHARACTERS)}…</span>`
  return html`<li class="node"><div class="leaf">${key} <code class="value">${text}</code></div></li>`
}

function head(c: WebContext, { name }: DocumentStat): Html {
  return html`<nav aria-label="Breadcrumb"><a href="${factsOf(c).base}/documents">Documents</a></nav>
<h1 hx-ignore>${name}</h1>`
}

function facts(document: OpenDocument, app: Shared): Html {
  const { version, sizeBytes, indexBytes, writtenAt, thresholdBytes, entries } = document
  const threshold = Number.isFinite(thresholdBytes) ? formatBytes(thresholdBytes) : 'none'
  return html`<dl class="facts" id="document-facts">
<div><dt>Size</dt><dd>${formatBytes(sizeBytes)}</dd></div>
<div><dt>Version</dt><dd>${formatCount(version)}</dd></div>
<div><dt>Index</dt><dd>${formatBytes(indexBytes)}</dd></div>
<div><dt>Index entries</dt><dd>${formatCount(entries)}</dd></div>
<div><dt>Entry from</dt><dd>${threshold}</dd></div>
<div><dt>Written</dt>
<dd><time datetime="${isoTime(writtenAt)}">${formatAge(app.clock.now() - writtenAt)}</time></dd></div>
</dl>`
}

function placeForm(c: WebContext): Html {
  const { path } = factsOf(c).query
  return html`<form class="filter" method="get" action="${documentAddress(c, c.req.param('name') ?? '')}" hx-ignore
role="search" aria-label="Go to a path">
<label>Path <input name="path" value="${path ?? ''}" maxlength="6000" placeholder="users[812345].address.city"
spellcheck="false" autocomplete="off" autocapitalize="off"></label>
<button class="quiet">Go</button>
</form>`
}

/** Where the value is: each step leads to the value that it is in. */
function placeHead({ place, path, type }: { place: Place; path: Path; type: string | undefined }): Html {
  const text = place.path
  const api = `${factsOf(place.c).base}/api/documents/${encodeURIComponent(place.name)}`
  const json = `${api}?${new URLSearchParams({ path: text })}`
  return html`<div class="live"><nav class="steps" aria-label="Path" hx-ignore>${stepsOf(place, path)}</nav>
<span class="faint">${type}</span><span class="spacer"></span>
${isReachable(text) && html`<a href="${json}">JSON</a>`}
<span id="copy-status" role="status"></span>
${text !== '' && html`<button class="quiet copy" data-copy="${text}" hx-ignore>Copy path</button>`}
</div>`
}

function stepsOf(place: Place, path: Path): Html {
  const chain: Path[] = []
  for (let at: Path | undefined = path; at !== undefined && chain.length < STEPS_SHOWN; at = at.parent) chain.push(at)
  const rest = path.steps.length >= STEPS_SHOWN
  const links = chain.reverse().map((at) => {
    const words = at.steps.length === 0 ? 'root' : stepText(at)
    const current = at.steps.length === path.steps.length
    return html`<a href="${valueAddress(place, at.toString())}" ${current && html`aria-current="page"`}>${words}</a> `
  })
  return html`${rest && html`<a href="${valueAddress(place, '')}">root</a> … `}${links}`
}

/** The last step of a path as it is printed. */
function stepText(path: Path): string {
  const step = path.steps.at(-1)
  const text = step === undefined ? '' : Path.of([step]).toString()
  return text.length > PREVIEW_CHARACTERS ? `${text.slice(0, PREVIEW_CHARACTERS)}…` : text
}

function changedRow(c: WebContext, name: string): Html {
  return html`<li class="node changed" role="alert">The document was written again meanwhile.
<a href="${documentAddress(c, name)}">Show the newest version</a></li>`
}

function deleteForm(c: WebContext, name: string): Html {
  const path = `${documentAddress(c, name)}/delete`
  return html`<section class="panel" aria-labelledby="delete-title">
<h2 id="delete-title">Delete</h2>
<p>The document <code hx-ignore>${name}</code> is gone for good; events that name it stay.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#delete-outcome" class="fields" id="delete">
<label>Name of the document, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Delete this document</button>
</form>
<div id="delete-outcome" aria-live="polite"></div>
</section>`
}
