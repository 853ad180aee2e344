/** Reading events: pages and single events.
 * @module */
import { type ReadOptions, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { filterOf, type Query } from '../parameters.ts'
import { json, jsonPage, topicOf } from './answers.ts'

/** GET /api/topics/:topic/events */
export async function readPage(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const page = await topic.page(readOptions(factsOf(c).query))
  return jsonPage(page, nextLink(c, page.nextCursor))
}

/** GET /api/topics/:topic/events/:offset */
export async function readEvent(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const text = c.req.param('offset') ?? ''
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw new VarveError('OPTION_INVALID', 'Cannot read this event: its offset is not a whole number', {
      details: { option: 'offset' },
    })
  const { partition } = factsOf(c).query
  const event = await topic.get(Number(text), partition === undefined ? {} : { partition })
  if (event !== undefined) return json(event)
  throw new VarveError('EVENT_UNKNOWN', `Cannot find an event at offset ${text}`, {
    details: { topic: topic.name, offset: Number(text), ...(partition !== undefined && { partition }) },
  })
}

/** Options of a read, as a query names them. */
export function readOptions(query: Query): ReadOptions {
  const { from, to, partition, direction, limit, cursor } = query
  return {
    ...filterOf(query),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(partition !== undefined && { partition }),
    ...(direction !== undefined && { direction }),
    ...(limit !== undefined && { limit }),
    ...(cursor !== undefined && { cursor }),
  }
}

/** `Link: rel="next"`: this address, continued at `cursor`. */
export function nextLink(c: WebContext, cursor: string | undefined): Record<string, string> {
  if (cursor === undefined) return {}
  const url = new URL(c.req.url)
  url.searchParams.set('cursor', cursor)
  return { link: `<${url.pathname}${url.search}>; rel="next"` }
}
