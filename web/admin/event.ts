/** The page of one event, and the lists of what led to one and what it led to.
 * @module */
import { html } from 'hono/html'
import { type StoredEvent, stringifyValue, type Topic } from '../../src/index.ts'
import { topicOf } from '../api/answers.ts'
import { eventUnknown, offsetOf } from '../api/events.ts'
import { present, refuse } from '../api/fields.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { pageAddress } from './filter.ts'
import { mayFork } from './fork.ts'
import { answer, type Html, layout } from './layout.ts'
import { documentLink, eventAddress, row, shown, topicAddress } from './rows.ts'
import { topicHead } from './topic.ts'
import { counted, formatCount, layOut } from './words.ts'

/** More JSON than this is shown by the API. */
const JSON_CHARACTERS = 200_000
const WALK_EVENTS = 100

/** GET /topics/:topic/events/:offset */
export async function eventPage(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const offset = offsetOf(c)
  const event = await topic.get(offset, present({ partition: factsOf(c).query.partition }))
  if (event === undefined) throw eventUnknown(c, offset)
  const content = html`${topicHead(c, { name: topic.name })}
<div hx-ignore>
<div class="live"><h2>Event ${topic.partitions > 1 && `${event.partition}/`}${offset}</h2><span class="spacer"></span>
${neighbours(c, { topic, event })}</div>
<section class="panel" aria-label="Fields">
<dl class="rest">${Object.entries(event).map(([name, value]) => fieldOf(c, { name, value }))}</dl>
<p class="links">${walkLink(c, 'causes', event.id)} ${walkLink(c, 'effects', event.id)}
${mayFork(c, app, topic) && html`<a href="${topicAddress(c)}/settings?fork=${offset + 1}#fork">Fork here</a>`}
<a href="${apiAddress(c, event)}">JSON</a> ${documentLink(c, event.data)}
${topic.stats().settings?.chain === 'events' && html`<a href="${apiAddress(c, event, '/proof')}">Proof</a>`}</p>
</section>
${jsonOf(event)}
</div>`
  return answer(layout({ title: `${topic.name} ${offset} · varve`, content }, { c, app }))
}

/** GET /topics/:topic/causes, /effects */
export function walkPage(way: 'causes' | 'effects'): (c: WebContext, app: Shared) => Promise<Response> {
  return async (c, app) => {
    const topic = await topicOf(c, app)
    const { eventId } = factsOf(c).query
    if (eventId === undefined) throw refuse('id', `Cannot show ${way}: no event is named`)
    const items = await topic[way](eventId, { limit: WALK_EVENTS, signal: c.req.raw.signal })
    const words = way === 'causes' ? 'What led to it, nearest first' : 'What it led to, level by level'
    const none = way === 'causes' ? 'Nothing led to it.' : 'It led to nothing.'
    const content = html`${topicHead(c, { name: topic.name })}
<div hx-ignore>
<div class="live"><h2>${words}</h2></div>
<p class="faint">Event <a href="${pageAddress(c, { id: eventId })}"><code>${eventId}</code></a></p>
<ol id="events" class="events">${items.map((event) => row(event, { c, partitions: topic.partitions }))}</ol>
${items.length === 0 && html`<p class="panel empty" id="empty">${none}</p>`}
${
  items.length === WALK_EVENTS &&
  html`<p class="faint">The first ${counted(WALK_EVENTS, 'event')}; the API gives more.</p>`
}
</div>`
    return answer(layout({ title: `${topic.name} · varve`, content }, { c, app }))
  }
}

function walkLink(c: WebContext, way: 'causes' | 'effects', id: string): Html {
  const words = way === 'causes' ? 'Causes' : 'Effects'
  return html`<a href="${topicAddress(c)}/${way}?${new URLSearchParams({ id })}">${words}</a>`
}

function apiAddress(c: WebContext, { partition, offset }: StoredEvent, below = ''): string {
  const topic = encodeURIComponent(c.req.param('topic') ?? '')
  return `${factsOf(c).base}/api/topics/${topic}/events/${offset}${below}?partition=${partition}`
}

/** The events before and after, in the same partition. */
function neighbours(c: WebContext, { topic, event }: { topic: Topic; event: StoredEvent }): Html {
  const { partition, offset } = event
  const facts = topic.stats().partitions[partition]
  const link = (rel: 'prev' | 'next', words: string, to: number) =>
    html`<a class="button quiet" rel="${rel}" href="${eventAddress(c, { partition, offset: to })}">${words}</a>`
  return html`${offset > (facts?.logStartOffset ?? 0) && link('prev', 'Previous', offset - 1)}
${offset + 1 < (facts?.highWatermark ?? 0) && link('next', 'Next', offset + 1)}`
}

/** Fields that lead to the events which share them. */
const LINKED: ReadonlySet<string> = new Set(['kind', 'entity', 'scope', 'correlationId'])

function fieldOf(c: WebContext, { name, value }: { name: string; value: unknown }): Html {
  // The values are below, with everything else, as JSON.
  if (name === 'data' || name === 'meta' || name === 'extensions') return html``
  return html`<div><dt>${name}</dt><dd>${linked(c, { name, value })}</dd></div>`
}

function linked(c: WebContext, { name, value }: { name: string; value: unknown }): Html {
  if (name === 'tags' && Array.isArray(value))
    return html`${value.map((tag) => html`<a href="${pageAddress(c, { tag })}">${tag}</a> `)}`
  const text = shown(name, value)
  if (LINKED.has(name)) return html`<a href="${pageAddress(c, { [name]: text })}">${text}</a>`
  if (name === 'causationId') return html`<a href="${pageAddress(c, { id: text })}">${text}</a>`
  return html`${text}`
}

function jsonOf(event: StoredEvent): Html {
  const json = stringifyValue(event)
  const cut = json.length > JSON_CHARACTERS
  return html`<div class="live"><h2>JSON</h2><span class="spacer"></span>
${
  !cut &&
  html`<span id="copy-status" role="status"></span>
<button id="copy" class="quiet" data-copies="event-json" hidden>Copy</button>`
}</div>
<pre id="event-json" tabindex="0"><code>${cut ? json.slice(0, JSON_CHARACTERS) : layOut(json)}</code></pre>
${
  cut &&
  html`<p>${counted(json.length, 'character')}, of which the first ${formatCount(JSON_CHARACTERS)} are shown.</p>`
}`
}
