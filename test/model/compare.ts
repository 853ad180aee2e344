/** Every way of asking a topic, held against the model.
 * @module */
import { expect } from 'vitest'
import type { RawEvent, ReadOptions, StoredEvent, Topic } from '../../src/topic/types.ts'
import { collect, outcome } from '../unit/topic/support.ts'
import type { ModelQuery, TopicModel } from './log-model.ts'
import { ENTITIES, type Query } from './plans.ts'

/** An id as it is: `@0-7` stands for the computed id of event 7 of partition 0. */
export function idOf(model: TopicModel, reference: string): string {
  return reference.startsWith('@') ? `${model.lineage}-${reference.slice(1)}` : reference
}

/** The options of a query that make sense for this topic. */
function optionsOf(model: TopicModel, wanted: Query): ModelQuery {
  const { keep, pageLimit, partition, id, causationId, ...rest } = wanted
  const options: Record<string, unknown> = {}
  const known = {
    ...rest,
    ...(id !== undefined && { id: idOf(model, id) }),
    ...(causationId !== undefined && { causationId: idOf(model, causationId) }),
  }
  for (const [name, value] of Object.entries(known)) {
    const isKept = ['direction', 'limit'].includes(name) || keep.includes(name as never)
    if (value !== undefined && isKept) options[name] = value
  }
  const count = model.partitions.length
  const needsOne = count > 1 && ('from' in options || 'to' in options)
  if (partition !== undefined || needsOne) options.partition = (partition ?? 0) % count
  return options
}

/** A query answered in every way there is. */
export async function compareQuery(topic: Topic, model: TopicModel, wanted: Query): Promise<void> {
  const options = optionsOf(model, wanted)
  const partition = options.partition ?? 0
  const refusal = refusalOf(model, options)
  if (refusal !== undefined) {
    await expect(topic.page({ ...options, limit: 1 })).rejects.toMatchObject(refusal)
    return
  }
  const answer = model.read(options)
  expect(await collect(topic.read(options))).toEqual(answer)
  expect((await collect(topic.read(options).batches())).flat()).toEqual(answer)
  for (const [at, raw] of (await collect(topic.read(options).raw())).flat().entries()) compareRaw(raw, answer[at])
  const all = { ...options, limit: Number.POSITIVE_INFINITY }
  expect(await pages(topic, model, { options, limit: wanted.pageLimit })).toEqual(model.read(all))
  await compareOne(topic, model, { partition, offset: wanted.pageLimit })
}

/** Reading options now, to be compared with what the model says now when it is over. */
export function startQuery(topic: Topic, model: TopicModel, wanted: Query): () => Promise<void> {
  const options = optionsOf(model, wanted)
  if (refusalOf(model, options) !== undefined) return async () => undefined
  const answer = model.read(options)
  const found = collect(topic.read(options).batches())
  return async () => expect((await found).flat()).toEqual(answer)
}

/** What `from` outside the log is refused with. */
function refusalOf(model: TopicModel, { from, partition = 0 }: ModelQuery): object | undefined {
  const logStartOffset = model.starts[partition] ?? 0
  const highWatermark = model.end(partition)
  if (from === undefined || (from >= logStartOffset && from <= highWatermark)) return undefined
  const code = from < logStartOffset ? 'OFFSET_PRUNED' : 'OFFSET_OUT_OF_RANGE'
  return { code, details: { offset: from, partition, logStartOffset, highWatermark } }
}

function compareRaw(raw: RawEvent, event: StoredEvent | undefined): void {
  const { data: _data, meta: _meta, extensions: _extensions, ...envelope } = event as StoredEvent
  for (const name of ENVELOPE) {
    expect([name, Reflect.get(raw, name)]).toEqual([name, Reflect.get(envelope, name)])
    expect([name, Object.hasOwn(raw, name)]).toEqual([name, Object.hasOwn(envelope, name)])
  }
  for (const name of ['data', 'meta', 'extensions']) expect(Object.hasOwn(raw, name)).toBe(false)
  expect(raw.decode()).toEqual(event)
}

const ENVELOPE = [
  'offset',
  'partition',
  'id',
  'kind',
  'entity',
  'scope',
  'tags',
  'at',
  'recordedAt',
  'correlationId',
  'causationId',
  'lane',
  'depth',
  'schemaVersion',
] as const

/** All pages of a query. */
async function pages(
  topic: Topic,
  model: TopicModel,
  { options, limit }: { options: ReadOptions; limit: number },
): Promise<StoredEvent[]> {
  const { partition = topic.partitions === 1 ? 0 : undefined } = options
  const ends = model.partitions.map((_, at) => model.end(at))
  const highWatermark = partition === undefined ? ends : ends[partition]
  const all: StoredEvent[] = []
  let cursor: string | undefined
  do {
    const page = await topic.page({ ...options, limit, ...(cursor !== undefined && { cursor }) })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    expect(page.highWatermark).toEqual(highWatermark)
    all.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return all
}

/** Single events, the last ones, and what comes after one. */
async function compareOne(
  topic: Topic,
  model: TopicModel,
  { partition, offset }: { partition: number; offset: number },
): Promise<void> {
  const start = model.starts[partition] ?? 0
  const end = model.end(partition)
  for (const each of [0, start - 1, start, end - 1, end, offset]) {
    if (each < 0) continue
    const wanted = each < start ? 'OFFSET_PRUNED' : model.get(each, partition)
    expect([each, await outcome(topic.get(each, { partition }))]).toEqual([each, wanted])
  }
  expect(await topic.last(offset)).toEqual(model.last(offset))
  expect(await topic.last(offset, { partition })).toEqual(model.last(offset, partition))
  const cursor = topic.cursorAfter({ partition, offset })
  const rest = await outcome((async () => collect(topic.read({ partition, cursor })))())
  if (offset + 1 < start) expect(rest).toBe('OFFSET_PRUNED')
  else if (offset + 1 > end) expect(rest).toBe('OFFSET_OUT_OF_RANGE')
  else expect(rest).toEqual(model.read({ partition, from: offset + 1 }))
}

/** Versions and folds of every entity. */
export async function compareEntities(topic: Topic, model: TopicModel): Promise<void> {
  for (const entity of [...ENTITIES, 'unknown', 'many-3']) {
    const { state, version } = await topic.fold(entity, (offsets, { offset }) => [...offsets, offset], [] as number[])
    const offsets = model.read({ entity }).map(({ offset }) => offset)
    expect([entity, state, version]).toEqual([entity, offsets, model.durableVersion(entity)])
  }
}

/** Versions count what is written, durable or not. */
export async function compareVersions(topic: Topic, model: TopicModel): Promise<void> {
  for (const entity of [...ENTITIES, 'unknown', 'many-3'])
    expect([entity, await topic.version(entity)]).toEqual([entity, model.version(entity)])
}

/** Causes, effects and the event with an id. */
export async function compareWalk(
  topic: Topic,
  model: TopicModel,
  { reference, limit }: { reference: string; limit: number | undefined },
): Promise<void> {
  const id = idOf(model, reference)
  const options = limit === undefined ? {} : { limit }
  expect(await topic.causes(id, options)).toEqual(model.causes(id).slice(0, limit))
  expect(await topic.effects(id, options)).toEqual(model.effects(id).slice(0, limit))
  expect(await collect(topic.read({ id }))).toEqual(model.read({ id }))
}
