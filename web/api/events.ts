/** Reading events: pages, single events, what led to one and what it led to.
 * @module */
import { type Page, partitionOf, portableDigest, type ReadOptions, type Topic, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { filterOf, type Query } from '../parameters.ts'
import { json, jsonPage, topicOf } from './answers.ts'
import { present, refuse } from './fields.ts'
import { isKnown } from './preconditions.ts'

/** GET /api/topics/:topic/events. A page of one entity says the version of the entity, also as its ETag: what an
 * append that was decided on this page puts into `If-Match`. */
export async function readPage(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const { query } = factsOf(c)
  const { entity } = query
  if (entity === undefined) {
    const page = await topic.page(readOptions(query))
    return jsonPage(page, nextLink(c, page.nextCursor))
  }
  const before = await topic.version(entity)
  const page = await topic.page(readOptions(query))
  const entityVersion = await pageVersion(topic, { entity, before, page })
  return jsonPage({ ...page, entityVersion }, { ...nextLink(c, page.nextCursor), etag: `"${entityVersion}"` })
}

/** The version of an entity as a page knows it. An event that was not durable when the page was read is not in the
 * page, so it must not be in the version either; one that came between the two only makes the version too old. */
async function pageVersion(
  topic: Topic,
  { entity, before, page }: { entity: string; before: number; page: Page },
): Promise<number> {
  const marks = [page.highWatermark].flat()
  const mark = marks.length === 1 ? marks[0] : marks[partitionOf(entity, topic.partitions, portableDigest)]
  if (before <= (mark ?? 0)) return before
  const { items } = await topic.page({ entity, direction: 'backward', limit: 1 })
  return (items[0]?.offset ?? -1) + 1
}

/** GET /api/topics/:topic/events/:offset. An event never changes, so its ETag is where it is; and the schema version
 * it is read as, which changes with the program. */
export async function readEvent(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const offset = offsetOf(c)
  const event = await topic.get(offset, present({ partition: factsOf(c).query.partition }))
  if (event === undefined) throw eventUnknown(c, offset)
  const version = event.schemaVersion === undefined ? '' : `-v${event.schemaVersion}`
  const etag = `"${topic.lineage}-${event.partition}-${offset}${version}"`
  if (isKnown(c, etag)) return new Response(null, { status: 304, headers: { etag } })
  return json(event, { headers: { etag } })
}

/** GET /api/topics/:topic/events/:offset/proof */
export async function readProof(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const offset = offsetOf(c)
  const proof = await topic.proof(offset, present({ partition: factsOf(c).query.partition }))
  if (proof === undefined) throw eventUnknown(c, offset)
  return json(proof)
}

/** GET /api/topics/:topic/causes, /effects: of the event with this id, which may lie in another topic. */
export function walkEvents(way: 'causes' | 'effects'): (c: WebContext, app: Shared) => Promise<Response> {
  return async (c, app) => {
    const topic = await topicOf(c, app)
    const { eventId, limit } = factsOf(c).query
    if (eventId === undefined) throw refuse('id', `Cannot find ${way}: parameter "id" names the event they are of`)
    return jsonPage({ items: await topic[way](eventId, present({ limit, signal: c.req.raw.signal })) }, {})
  }
}

/** The offset in the path. @throws {VarveError} `OPTION_INVALID`. */
export function offsetOf(c: WebContext): number {
  const text = c.req.param('offset') ?? ''
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw refuse('offset', 'Cannot read this event: its offset is not a whole number')
}

/** `EVENT_UNKNOWN` for the topic of the path. */
export function eventUnknown(c: WebContext, offset: number): VarveError {
  const { partition } = factsOf(c).query
  return new VarveError('EVENT_UNKNOWN', `Cannot find an event at offset ${offset}`, {
    details: { topic: c.req.param('topic') ?? '', offset, ...present({ partition }) },
  })
}

/** Options of a read, as a query names them. */
export function readOptions(query: Query): ReadOptions {
  const { from, to, partition, direction, limit, cursor } = query
  return { ...filterOf(query), ...present({ from, to, partition, direction, limit, cursor }) }
}

/** `Link: rel="next"`: this address, continued at `cursor`. */
export function nextLink(c: WebContext, cursor: string | undefined): Record<string, string> {
  if (cursor === undefined) return {}
  const url = new URL(c.req.url)
  url.searchParams.set('cursor', cursor)
  return { link: `<${url.pathname}${url.search}>; rel="next"` }
}
