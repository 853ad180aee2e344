/** Topics: listing, creating, changing, pruning, deleting.
 *
 * What takes events away wants the name of the topic again as `confirm`, so that no slip of an address does it.
 * @module */
import {
  type ChangeableTopicOptions,
  isVarveError,
  type PruneOptions,
  type PruneReport,
  type TopicOptions,
  type TopicStats,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, isOwn, json, parseJson, refuseOwn, topicOf, writableTopicOf } from './answers.ts'
import { recorded } from './audit.ts'
import { checkConfirmed, fieldsOf, numberField, present, refuse, textField } from './fields.ts'
import { CHANGEABLE, FIXED, readChange, readTopicOptions } from './topic-options.ts'

/** GET /api/topics. The store's own topics are not listed. */
export async function listTopics(_c: WebContext, app: Shared): Promise<Response> {
  return json({ items: await usersTopics(app) })
}

/** All topics but the store's own. */
export async function usersTopics(app: Shared): Promise<TopicStats[]> {
  return (await app.store.topics.list()).filter(({ topic }) => !isOwn(topic))
}

/** POST /api/topics with `{ topic, ...options }` */
export async function postTopic(c: WebContext, app: Shared): Promise<Response> {
  const body = parseJson(await bodyText(c, app))
  const { topic: name, ...rest } = fieldsOf(body, 'topic', ['topic', ...FIXED, ...CHANGEABLE])
  if (typeof name !== 'string') throw refuse('topic', 'Cannot create a topic: "topic" is not a string')
  const options = readTopicOptions(rest)
  const { created, stats } = await createTopic(c, app, { name, options })
  const headers = { location: `${factsOf(c).base}/api/topics/${encodeURIComponent(name)}` }
  return json(stats, { status: created ? 201 : 200, headers })
}

/** Create a topic; fine when it exists with the same options. */
export async function createTopic(
  c: WebContext,
  app: Shared,
  { name, options }: { name: string; options: TopicOptions },
): Promise<{ created: boolean; stats: TopicStats }> {
  refuseOwn(name)
  // Opening one that is there changes nothing, and a name that cannot be one is refused before it is recorded.
  const existed = await app.store.topics.open(name).then(
    () => true,
    (error: unknown) => {
      if (isVarveError(error, 'TOPIC_UNKNOWN')) return false
      throw error
    },
  )
  const run = () => app.store.topics.open(name, { create: options })
  const topic = existed
    ? await run()
    : await recorded(c, app, { action: 'TopicCreate', entity: name, asked: options, run })
  return { created: !existed, stats: topic.stats() }
}

/** GET /api/topics/:topic */
export async function readTopic(c: WebContext, app: Shared): Promise<Response> {
  return json((await topicOf(c, app)).stats())
}

/** PATCH /api/topics/:topic */
export async function patchTopic(c: WebContext, app: Shared): Promise<Response> {
  return json(await changeTopic(c, app, readChange(parseJson(await bodyText(c, app)))))
}

/** Change options of the topic of the path. */
export async function changeTopic(c: WebContext, app: Shared, options: ChangeableTopicOptions): Promise<TopicStats> {
  const { name } = await writableTopicOf(c, app)
  const run = () => app.store.topics.change(name, options)
  return recorded(c, app, { action: 'TopicChange', entity: name, asked: options, run })
}

/** POST /api/topics/:topic/prune with `{ dryRun?, before?, partition?, confirm? }` */
export async function postPrune(c: WebContext, app: Shared): Promise<Response> {
  const body = fieldsOf(parseJson(await bodyText(c, app)), 'prune', ['dryRun', 'before', 'partition', 'confirm'])
  const { dryRun } = body
  if (dryRun !== undefined && typeof dryRun !== 'boolean')
    throw refuse('dryRun', 'Cannot prune: "dryRun" is neither true nor false')
  const options = present({
    dryRun,
    before: numberField(body.before, 'before'),
    partition: numberField(body.partition, 'partition'),
  })
  return json(await pruneTopic(c, app, { options, confirm: textField(body.confirm, 'confirm') }))
}

/** Prune the topic of the path, or say what that would do. */
export async function pruneTopic(
  c: WebContext,
  app: Shared,
  { options, confirm }: { options: PruneOptions; confirm: string | undefined },
): Promise<PruneReport> {
  const topic = await writableTopicOf(c, app)
  if (options.dryRun === true) return topic.prune(options)
  checkConfirmed(confirm, { name: topic.name, what: 'topic', action: 'prune' })
  const run = () => topic.prune(options)
  return recorded(c, app, { action: 'TopicPrune', entity: topic.name, asked: options, run })
}

/** DELETE /api/topics/:topic?confirm= */
export async function removeTopic(c: WebContext, app: Shared): Promise<Response> {
  await deleteTopic(c, app, factsOf(c).query.confirm)
  return new Response(null, { status: 204 })
}

/** Delete the topic of the path and all its events. */
export async function deleteTopic(c: WebContext, app: Shared, confirm: string | undefined): Promise<void> {
  const { name } = await writableTopicOf(c, app)
  checkConfirmed(confirm, { name, what: 'topic', action: 'delete' })
  const run = () => app.store.topics.delete(name)
  await recorded(c, app, { action: 'TopicDelete', entity: name, run })
}
