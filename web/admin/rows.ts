/** One event as a row of a list.
 *
 * Rows are made in one place, here, for pages and for the stream, so live rows look like the others and are escaped by
 * the same template.
 * @module */
import { html } from 'hono/html'
import { isDocumentRef, type StoredEvent, stringifyValue } from '../../src/index.ts'
import { factsOf, type WebContext } from '../context.ts'
import { documentAddress } from './documents.ts'
import type { Html } from './layout.ts'
import { counted, formatCount, formatTime, isoTime, layOut } from './words.ts'

const PREVIEW_CHARACTERS = 160
/** More data than this is shown by the event's own page, or by the API. */
const DATA_CHARACTERS = 20_000

/** A row. Its list stands below `hx-ignore`. */
export function row(event: StoredEvent, { c, partitions }: { c: WebContext; partitions: number }): Html {
  const { offset, partition, kind, entity, at, data, scope, tags, ...rest } = event
  const json = stringifyValue(data)
  const cut = json.length > DATA_CHARACTERS
  return html`<li class="event" data-key="${partition}:${offset}"><details>
<summary><span class="offset">${partitions > 1 && html`${partition}/`}${offset}</span>
<span class="kind">${kind}</span> <span class="entity">${entity}</span>
<time datetime="${isoTime(at)}">${formatTime(at)}</time>
<code class="preview">${json.slice(0, PREVIEW_CHARACTERS)}</code></summary>
<pre tabindex="0"><code>${cut ? json.slice(0, DATA_CHARACTERS) : layOut(json)}</code></pre>
${
  cut &&
  html`<p>${counted(json.length, 'character')}, of which the first ${formatCount(DATA_CHARACTERS)} are shown.</p>`
}
<dl class="rest">
${scope !== undefined && html`<div><dt>scope</dt><dd>${scope}</dd></div>`}
${tags !== undefined && html`<div><dt>tags</dt><dd>${tags.join(', ')}</dd></div>`}
${Object.entries(rest).map(([name, value]) => html`<div><dt>${name}</dt><dd>${shown(name, value)}</dd></div>`)}
</dl>
<p class="links"><a href="${eventAddress(c, event)}">Open this event</a> ${documentLink(c, data)}</p>
</details></li>`
}

/** Where the data of an event names a document: the way there. */
export function documentLink(c: WebContext, data: unknown): Html {
  if (!isDocumentRef(data)) return html``
  const { $document: name } = data
  return html`<a href="${documentAddress(c, name)}">Document ${name.slice(0, PREVIEW_CHARACTERS)}</a>`
}

/** The value of a field as text. */
export function shown(name: string, value: unknown): string {
  if (typeof value === 'number' && (name === 'recordedAt' || name === 'at')) return formatTime(value)
  return typeof value === 'string' ? value : stringifyValue(value).slice(0, DATA_CHARACTERS)
}

/** Address of the topic of the path, below the app. */
export function topicAddress(c: WebContext): string {
  return `${factsOf(c).base}/topics/${encodeURIComponent(c.req.param('topic') ?? '')}`
}

/** Address of the page of an event. */
export function eventAddress(
  c: WebContext,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): string {
  return `${topicAddress(c)}/events/${offset}?partition=${partition}`
}
