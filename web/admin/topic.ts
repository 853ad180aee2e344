/** The page of one topic: its sizes and its events, newest first, live.
 *
 * The list names a cursor; the page's script follows from there and skips rows it has.
 * @module */
import { html } from 'hono/html'
import type { Page, StoredEvent, Topic, TopicStats } from '../../src/index.ts'
import { topicOf } from '../api/answers.ts'
import { streamEvents } from '../api/tail.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { type Filter, filterForm, filterOfPage, liveAddress, mayFollow, pageAddress } from './filter.ts'
import { answer, type Html, layout, markup } from './layout.ts'
import { curl, FIRST_EVENT } from './overview.ts'
import { row, topicAddress } from './rows.ts'
import { formatAge, formatBytes, formatCount } from './words.ts'

const PAGE_EVENTS = 50

/** Events newest first, and where the pages beside them begin. */
interface Shown {
  readonly items: readonly StoredEvent[]
  /** Address of the page with the events before these. */
  readonly older?: string | undefined
  /** Address of the page with the events after these; absent where this is the newest, or where none can be named. */
  readonly newer?: string | undefined
}

/** GET /topics/:topic */
export async function topicPage(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const filter = filterOfPage(c)
  const first = factsOf(c).query.cursor === undefined
  // Before the page is read: an event that arrives between the two comes twice and is skipped, never lost.
  const live = first && mayFollow(filter) ? topic.tail({ from: 'end' }).cursor() : undefined
  const { items, older, newer } = await readShown(c, topic, filter)
  const content = html`${topicHead(c, { name: topic.name, current: 'events' })}
<div class="panel" id="facts" hx-get="${factsOf(c).base}/partials/topics/${encodeURIComponent(topic.name)}"
hx-trigger="every 2s" hx-swap="innerMorph">${topicFacts(topic.stats(), app)}</div>
${filterForm(c, { topic, filter })}
${live === undefined ? pageBar({ first, newest: pageAddress(c, filter) }) : liveBar()}
${newer !== undefined && html`<p><a class="button" rel="prev" id="newer" href="${newer}">Newer events</a></p>`}
<ol id="events" class="events" hx-ignore ${
    live !== undefined && html`data-live="${liveAddress(c, { ...filter, cursor: live })}"`
  }>
${items.map((event) => row(event, { c, partitions: topic.partitions }))}
</ol>
${items.length === 0 && emptyState(c, { topic, filtered: Object.keys(filter).length > 0 || !first })}
${older !== undefined && html`<p><a class="button" rel="next" id="older" href="${older}">Older events</a></p>`}`
  return answer(layout({ title: `${topic.name} · varve`, content }, { c, app }))
}

/** Read the page that the query names, in either direction, and name the pages beside it. */
async function readShown(c: WebContext, topic: Topic, filter: Filter): Promise<Shown> {
  const { cursor, direction } = factsOf(c).query
  const at = (page: { cursor: string; direction?: 'forward' }) => pageAddress(c, { ...filter, ...page })
  if (cursor !== undefined && direction === 'forward') {
    const { items, nextCursor } = await topic.page({ ...filter, cursor, limit: PAGE_EVENTS })
    const before = await cursorBefore(topic, { filter, event: items[0] })
    return {
      items: items.reverse(),
      older: before === undefined ? undefined : at({ cursor: before }),
      newer: nextCursor === undefined ? undefined : at({ cursor: nextCursor, direction: 'forward' }),
    }
  }
  const place = cursor === undefined ? {} : { cursor }
  const { items, nextCursor }: Page = await topic.page({
    ...filter,
    ...place,
    direction: 'backward',
    limit: PAGE_EVENTS,
  })
  const [newest] = items
  // A cursor forwards behind one event names the place in its partition only.
  const one = topic.partitions === 1 || filter.partition !== undefined || filter.entity !== undefined
  const newer = cursor !== undefined && newest !== undefined && one ? topic.cursorAfter(newest) : undefined
  return {
    items,
    older: nextCursor === undefined ? undefined : at({ cursor: nextCursor }),
    newer: newer === undefined ? undefined : at({ cursor: newer, direction: 'forward' }),
  }
}

/** A cursor backwards from this event. Costs a read of that event. */
async function cursorBefore(
  topic: Topic,
  { filter, event }: { filter: Filter; event: StoredEvent | undefined },
): Promise<string | undefined> {
  if (event === undefined) return undefined
  const { partition, offset } = event
  const page = await topic.page({ ...filter, partition, to: offset + 1, direction: 'backward', limit: 1 })
  return page.nextCursor
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

/** The head of every page of a topic: where it is, and the pages beside it. */
export function topicHead(
  c: WebContext,
  { name, current }: { name: string; current?: 'events' | 'settings' | undefined },
): Html {
  const tab = (key: 'events' | 'settings', words: string, path: string) =>
    html`<a href="${topicAddress(c)}${path}" ${current === key && html`aria-current="page"`}>${words}</a>`
  return html`<nav aria-label="Breadcrumb"><a href="${factsOf(c).base || '/'}">Topics</a></nav>
<h1 hx-ignore>${name}</h1>
<nav class="tabs" aria-label="Topic" hx-ignore>
${tab('events', 'Events', '')}${tab('settings', 'Settings', '/settings')}</nav>`
}

function topicFacts(stats: TopicStats, app: Shared): Html {
  const segments = stats.partitions.reduce((total, partition) => total + partition.segments, 0)
  const pruned = stats.partitions.reduce((total, partition) => total + partition.logStartOffset, 0)
  return html`<dl class="facts">
<div><dt>Events</dt><dd id="event-count">${formatCount(stats.events)}</dd></div>
<div><dt>Size</dt><dd>${formatBytes(stats.sizeBytes)}</dd></div>
<div><dt>Segments</dt><dd>${formatCount(segments)}</dd></div>
<div><dt>Partitions</dt><dd>${formatCount(stats.partitions.length)}</dd></div>
${pruned > 0 && html`<div><dt>Pruned events</dt><dd id="pruned-count">${formatCount(pruned)}</dd></div>`}
<div><dt>Last event</dt><dd>${
    stats.lastRecordedAt === undefined ? 'none yet' : formatAge(app.clock.now() - stats.lastRecordedAt)
  }</dd></div>
</dl>`
}

function liveBar(): Html {
  return html`<div class="live" id="live">
<h2>Events</h2><span class="spacer"></span>
<span id="live-status" role="status">Newest first</span>
<button id="pause" class="quiet" aria-pressed="false" hidden>Pause</button>
</div>`
}

function pageBar({ first, newest }: { first: boolean; newest: string }): Html {
  return html`<div class="live"><h2>${first ? 'Events' : 'Older events'}</h2><span class="spacer"></span>
${!first && html`<a class="button quiet" href="${newest}">Newest</a>`}</div>`
}

function emptyState(c: WebContext, { topic, filtered }: { topic: Topic; filtered: boolean }): Html {
  if (filtered) return html`<p class="panel empty" id="empty">No event matches.</p>`
  const url = new URL(c.req.url)
  const address = `${url.origin}${factsOf(c).base}/api/topics/${encodeURIComponent(topic.name)}/events`
  return html`<div class="panel empty" id="empty" hx-ignore>
<p><strong>No events yet.</strong> Append the first one and it appears here:</p>
<pre tabindex="0"><code>${curl({ address, body: FIRST_EVENT })}</code></pre>
</div>`
}
