/** Forks of topics over HTTP.
 * @module */
import type { TopicStats, Until } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, json, parseJson, refuseOwn, topicOf } from './answers.ts'
import { recorded } from './audit.ts'
import { fieldsOf, present, refuse } from './fields.ts'
import { readUntil } from './snapshot-options.ts'

/** POST /api/topics/:topic/fork with `{ as, until? }` */
export async function postFork(c: WebContext, app: Shared): Promise<Response> {
  const { as, until } = fieldsOf(parseJson(await bodyText(c, app)), 'fork', ['as', 'until'])
  if (typeof as !== 'string') throw refuse('as', 'Cannot fork a topic: "as" is not a string')
  const stats = await forkTopic(c, app, { as, until: readUntil(until) })
  const headers = { location: `${factsOf(c).base}/api/topics/${encodeURIComponent(as)}` }
  return json(stats, { status: 201, headers })
}

/** Make the topic `as` of the topic of the path. @throws {VarveError} as `Topics.fork`. */
export async function forkTopic(
  c: WebContext,
  app: Shared,
  { as, until }: { readonly as: string; readonly until?: Until | undefined },
): Promise<TopicStats> {
  const { name } = await topicOf(c, app)
  refuseOwn(as)
  const { signal } = c.req.raw
  return recorded(c, app, {
    action: 'TopicFork',
    entity: name,
    asked: { as, ...present({ until }) },
    signal,
    run: () => app.store.topics.fork(name, as, { ...present({ until }), signal }),
  })
}
