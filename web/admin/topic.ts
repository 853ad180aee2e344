/** The page of one topic: its sizes and its events, newest first, live.
 *
 * Rows are made in one place, here, for the page and for the stream, so live rows look like the others and are escaped
 * by the same template. The list names a cursor; the page's script follows from there and skips rows it has.
 * @module */
import { html } from 'hono/html'
import { type ReadFilter, type StoredEvent, stringifyValue, type Topic, type TopicStats } from '../../src/index.ts'
import { topicOf } from '../api/answers.ts'
import { streamEvents } from '../api/tail.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { filterOf } from '../parameters.ts'
import { answer, type Html, layout, markup } from './layout.ts'
import { curl, FIRST_EVENT } from './overview.ts'
import { counted, formatAge, formatBytes, formatCount, formatTime, isoTime, layOut } from './words.ts'

const PAGE_EVENTS = 50
const PREVIEW_CHARACTERS = 160
/** More data than this is shown by the API, not by the page. */
const DATA_CHARACTERS = 20_000

/** GET /topics/:topic */
export async function topicPage(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const { query } = factsOf(c)
  const filter = filterOf(query)
  // Before the page is read: an event that arrives between the two comes twice and is skipped, never lost.
  const live = query.cursor === undefined ? liveCursor(topic) : undefined
  const position = query.cursor === undefined ? {} : { cursor: query.cursor }
  const page = await topic.page({ ...filter, ...position, direction: 'backward', limit: PAGE_EVENTS })
  const content = html`<nav aria-label="Breadcrumb"><a href="${factsOf(c).base || '/'}">Topics</a></nav>
<h1 hx-ignore>${topic.name}</h1>
<div class="panel" id="facts" hx-get="${factsOf(c).base}/partials/topics/${encodeURIComponent(topic.name)}"
hx-trigger="every 2s" hx-swap="innerMorph">${topicFacts(topic.stats(), app)}</div>
${filterForm(filter, { c, topic })}
${live === undefined ? olderBar({ c, topic, filter }) : liveBar()}
<ol id="events" class="events" hx-ignore ${
    live !== undefined && html`data-live="${address({ c, topic, filter, live })}"`
  }>
${page.items.map((event) => row(event, { c, partitions: topic.partitions }))}
</ol>
${page.items.length === 0 && emptyState({ c, topic, filtered: Object.keys(filter).length > 0 })}
${
  page.nextCursor !== undefined &&
  html`<p><a class="button" rel="next" id="older"
href="${pageAddress({ c, topic, filter: { ...filter, cursor: page.nextCursor } })}">Older events</a></p>`
}`
  return answer(layout({ title: `${topic.name} · varve`, content }, { c, app }))
}

/** GET /partials/topics/:topic */
export async function topicPartial(c: WebContext, app: Shared): Promise<Response> {
  return answer(topicFacts((await topicOf(c, app)).stats(), app))
}

/** GET /topics/:topic/live: the rows of new events as server-sent events. */
export async function liveRows(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  return streamEvents(c, {
    app,
    topic,
    data: (event) => markup(row(event, { c, partitions: topic.partitions })),
  })
}

function liveCursor(topic: Topic): string {
  return topic.tail({ from: 'end' }).cursor()
}

function topicFacts(stats: TopicStats, app: Shared): Html {
  const segments = stats.partitions.reduce((total, partition) => total + partition.segments, 0)
  return html`<dl class="facts">
<div><dt>Events</dt><dd id="event-count">${formatCount(stats.events)}</dd></div>
<div><dt>Size</dt><dd>${formatBytes(stats.sizeBytes)}</dd></div>
<div><dt>Segments</dt><dd>${formatCount(segments)}</dd></div>
<div><dt>Partitions</dt><dd>${formatCount(stats.partitions.length)}</dd></div>
<div><dt>Last event</dt><dd>${
    stats.lastRecordedAt === undefined ? 'none yet' : formatAge(app.clock.now() - stats.lastRecordedAt)
  }</dd></div>
</dl>`
}

function filterForm(filter: ReadFilter, { c, topic }: { c: WebContext; topic: Topic }): Html {
  const path = pageAddress({ c, topic, filter: {} })
  return html`<form class="filter" method="get" action="${path}" hx-ignore role="search" aria-label="Filter events">
<label>Kind <input name="kind" value="${filter.kind ?? ''}" maxlength="256" spellcheck="false"></label>
<label>Entity <input name="entity" value="${filter.entity ?? ''}" maxlength="256" spellcheck="false"></label>
<button class="quiet">Filter</button>
${Object.keys(filter).length > 0 && html`<a href="${path}">Clear</a>`}
</form>`
}

function liveBar(): Html {
  return html`<div class="live" id="live">
<h2>Events</h2><span class="spacer"></span>
<span id="live-status" role="status">Newest first</span>
<button id="pause" class="quiet" aria-pressed="false" hidden>Pause</button>
</div>`
}

function olderBar({ c, topic, filter }: { c: WebContext; topic: Topic; filter: ReadFilter }): Html {
  return html`<div class="live"><h2>Older events</h2><span class="spacer"></span>
<a class="button quiet" href="${pageAddress({ c, topic, filter })}">Newest, live</a></div>`
}

function row(event: StoredEvent, { c, partitions }: { c: WebContext; partitions: number }): Html {
  const { offset, partition, kind, entity, at, data, scope, tags, ...rest } = event
  const json = stringifyValue(data)
  const address = `${factsOf(c).base}/api/topics/${encodeURIComponent(c.req.param('topic') ?? '')}/events/${offset}`
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
<p><a href="${address}?partition=${partition}">JSON</a></p>
</details></li>`
}

function shown(name: string, value: unknown): string {
  if (typeof value === 'number' && name === 'recordedAt') return formatTime(value)
  return typeof value === 'string' ? value : stringifyValue(value).slice(0, DATA_CHARACTERS)
}

function emptyState({ c, topic, filtered }: { c: WebContext; topic: Topic; filtered: boolean }): Html {
  if (filtered) return html`<p class="panel empty" id="empty">No event matches.</p>`
  const url = new URL(c.req.url)
  const address = `${url.origin}${factsOf(c).base}/api/topics/${encodeURIComponent(topic.name)}/events`
  return html`<div class="panel empty" id="empty" hx-ignore>
<p><strong>No events yet.</strong> Append the first one and it appears here:</p>
<pre tabindex="0"><code>${curl({ address, body: FIRST_EVENT })}</code></pre>
</div>`
}

function address({
  c,
  topic,
  filter,
  live,
}: {
  c: WebContext
  topic: Topic
  filter: ReadFilter
  live: string
}): string {
  const query = new URLSearchParams({ ...textOf(filter), cursor: live })
  return `${factsOf(c).base}/topics/${encodeURIComponent(topic.name)}/live?${query}`
}

function pageAddress({
  c,
  topic,
  filter,
}: {
  c: WebContext
  topic: Topic
  filter: ReadFilter & { cursor?: string }
}): string {
  const query = new URLSearchParams(textOf(filter)).toString()
  return `${factsOf(c).base}/topics/${encodeURIComponent(topic.name)}${query && `?${query}`}`
}

function textOf(filter: ReadFilter): Record<string, string> {
  return Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, String(value)]))
}
