/** The fields and elements of a value as rows of a tree, a page at a time.
 *
 * A row of a container asks for its own rows when it is opened, the last row of a page for the next page: so a tree of
 * any size costs what is looked at. Texts of a document stand below `hx-ignore`; in what htmx reads they stand only
 * within addresses, encoded.
 * @module */
import { html } from 'hono/html'
import { type ChildPage, type DocumentChild, portableDigest, stringifyValue } from '../../src/index.ts'
import type { WebContext } from '../context.ts'
import { documentAddress } from './documents.ts'
import type { Html } from './layout.ts'
import { formatBytes, formatCount } from './words.ts'

export const PAGE_CHILDREN = 100
/** A longer path fits no address. */
const PATH_CHARACTERS = 6_000
const KEY_CHARACTERS = 200

const encoder = new TextEncoder()

/** Where rows belong. */
export interface Place {
  readonly c: WebContext
  readonly name: string
  /** Path of the container, as text. */
  readonly path: string
  /** Version that the rows were read from: those of another would not fit. */
  readonly version: number
}

/** Whether the path of a value fits an address. */
export function isReachable(path: string): boolean {
  return new URLSearchParams({ path }).toString().length <= PATH_CHARACTERS
}

/** Address of the page of a value, continued at a cursor. */
export function valueAddress({ c, name }: Pick<Place, 'c' | 'name'>, path: string, cursor?: string): string {
  return address(documentAddress(c, name), { path, cursor })
}

/** The rows of a page of children.
 * @param cursor where the page begins, if it continues another: its first row gets the id of the link that asked for
 * it, and so the focus. */
export function childRows(page: ChildPage, { place, cursor }: { place: Place; cursor?: string | undefined }): Html {
  const { nextCursor } = page
  const id = cursor === undefined ? undefined : idOf(place, cursor)
  return html`${page.items.map((child, at) => childRow(child, { place, id: at === 0 ? id : undefined }))}
${page.items.length === 0 && html`<li class="node faint">Empty ${page.type}</li>`}
${nextCursor !== undefined && moreRow(place, nextCursor)}`
}

function childRow(child: DocumentChild, { place, id }: { place: Place; id: string | undefined }): Html {
  const { path, type } = child
  const container = type === 'object' || type === 'array'
  const reachable = isReachable(path)
  const open = container && reachable
  const idAttribute = id !== undefined && html`id="${id}"`
  const label = html`<span class="key" hx-ignore>${keyText(child)}</span>
<span class="faint kind-of">${type}</span> <span class="faint size">${formatBytes(child.sizeBytes)}</span>`
  return html`<li class="node">
${
  open
    ? html`<details hx-get="${rowsAddress(place, path)}" hx-trigger="toggle once" hx-target="find .tree">
<summary class="branch" ${idAttribute}>${label}</summary>
<ul class="tree"><li class="node"><a href="${valueAddress(place, path)}">Open</a></li></ul>
</details>`
    : html`<div class="leaf" ${id !== undefined && html`tabindex="-1"`} ${idAttribute}>${label}
${preview(child, { place, reachable })}</div>`
}
${reachable && html`<button class="quiet copy" data-copy="${path}" hx-ignore>Copy path</button>`}
</li>`
}

function preview(
  { path, type, value }: DocumentChild,
  { place, reachable }: { place: Place; reachable: boolean },
): Html {
  if (value !== undefined) return html`<code class="value" hx-ignore>${stringifyValue(value)}</code>`
  if (type === 'undefined') return html``
  if (reachable) return html`<a href="${valueAddress(place, path)}">Show</a>`
  return html`<span class="faint">Its path is too long for an address; the command line reads it</span>`
}

function moreRow(place: Place, cursor: string): Html {
  return html`<li class="node more"><a class="button quiet" id="${idOf(place, cursor)}"
href="${valueAddress(place, place.path, cursor)}" hx-get="${rowsAddress(place, place.path, cursor)}"
hx-target="closest li" hx-swap="outerHTML">Next ${formatCount(PAGE_CHILDREN)}</a></li>`
}

/** The link to a page and the first row of that page have one id, which is how htmx knows that the focus goes on. */
function idOf({ path }: Place, cursor: string): string {
  return `from-${portableDigest.crc32(encoder.encode(`${path} ${cursor}`)).toString(16)}`
}

function rowsAddress({ c, name, version }: Place, path: string, cursor?: string): string {
  return address(`${documentAddress(c, name)}/children`, { version: String(version), path, cursor })
}

/** An address with those parameters that are there. */
export function address(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const text = new URLSearchParams(given).toString()
  return text === '' ? path : `${path}?${text}`
}

/** A key as the page shows it. */
export function keyText({ key, intKey, index }: DocumentChild): string {
  if (index !== undefined) return `[${index}]`
  if (intKey !== undefined) return `{${intKey}}`
  const text = key ?? ''
  if (text === '') return '""'
  const cut = text.length > KEY_CHARACTERS
  return cut ? `${text.slice(0, KEY_CHARACTERS)}… (${formatCount(text.length)} characters)` : text
}
