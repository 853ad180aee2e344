/** Reads of random topics, against the model.
 *
 * Goal: whatever was appended, in however many segments and partitions, every way of reading answers as arrays do.
 * Method: append random calls to a topic whose segments are small, ask random queries of the open store, then after a
 * clean reopen or a takeover. A failure prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import type { NewEvent, ReadOptions, StoredEvent, Topic } from '../../src/topic/types.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { collect, outcome, Wire } from '../unit/topic/support.ts'
import { type ModelQuery, TopicModel } from './log-model.ts'

const ENTITIES = ['a', 'b', 'c', 'd', 'e', 'f', '__proto__', 'ä']
const LARGE = 'x'.repeat(270_000)
const few = (...names: string[]) => fc.constantFrom(...names)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })

const eventOf = fc.record(
  {
    kind: few('K1', 'K2', 'K3'),
    entity: few(...ENTITIES),
    data: fc.oneof(
      { weight: 9, arbitrary: fc.nat(9) },
      { weight: 9, arbitrary: fc.string({ maxLength: 200 }) },
      { weight: 9, arbitrary: fc.record({ n: fc.nat(), s: fc.string() }) },
      // More than one read takes.
      { weight: 1, arbitrary: fc.constant(LARGE) },
    ),
    scope: few('s1', 's2'),
    tags: fc.uniqueArray(few('t1', 't2', 't3'), { minLength: 1, maxLength: 3 }),
    at: fc.integer({ min: -20, max: 20 }).map((time) => time * 10),
    id: few('own-1', 'own-2'),
    correlationId: few('c1', 'c2'),
    causationId: few('own-1', 'x'),
    lane: fc.nat(3),
    meta: fc.constantFrom(null, 0, 'm'),
  },
  { requiredKeys: ['kind', 'entity', 'data'] },
)

const call = fc.record({
  events: fc.array(eventOf, { minLength: 1, maxLength: 12 }),
  clockBy: fc.integer({ min: -30, max: 60 }),
  expect: maybe(
    fc.record({ guess: fc.nat(3), version: fc.constantFrom('none' as const, 'exists' as const, 'right' as const) }),
  ),
})

const query = fc.record({
  kind: maybe(fc.oneof(few('K1', 'K4'), fc.subarray(['K1', 'K2', 'K3']))),
  entity: maybe(few(...ENTITIES, 'unknown')),
  scope: maybe(few('s1', 's3')),
  tag: maybe(few('t1', 't3')),
  correlationId: maybe(few('c1')),
  causationId: maybe(few('own-1')),
  id: maybe(fc.oneof(few('own-1', 'nobody'), fc.nat(40))),
  since: maybe(fc.integer({ min: -210, max: 210 })),
  until: maybe(fc.integer({ min: -210, max: 210 })),
  partition: maybe(fc.nat(2)),
  from: maybe(fc.nat(60)),
  to: maybe(fc.nat(60)),
  direction: maybe(fc.constantFrom('forward' as const, 'backward' as const)),
  limit: maybe(fc.nat(30)),
  pageLimit: fc.integer({ min: 1, max: 9 }),
  keep: fc.subarray([
    'kind',
    'entity',
    'scope',
    'tag',
    'correlationId',
    'causationId',
    'id',
    'since',
    'until',
    'from',
    'to',
  ]),
})

type Query = typeof query extends fc.Arbitrary<infer T> ? T : never

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  segmentBytes: fc.constantFrom(600, 3_000, 1 << 20),
  syncReads: fc.boolean(),
  checkpoint: fc.boolean(),
  lives: fc.array(
    fc.record({
      calls: fc.array(call, { maxLength: 12 }),
      queries: fc.array(query, { minLength: 1, maxLength: 6 }),
      end: fc.constantFrom('close', 'vanish', 'read-only'),
    }),
    { minLength: 1, maxLength: 3 },
  ),
})

test('Topic reads answer as the model does, before and after reopening', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (wanted) => {
      const { partitions, segmentBytes, checkpoint } = wanted
      const files = memoryStorage()
      const capabilities = { ...files.capabilities, syncReads: wanted.syncReads }
      const clock = new ManualClock(0)
      const place = { storage: files, clock, random: seededRandom(7) }
      await createSmallTopic(place, { name: 'orders', partitions, segmentBytes })
      let model: TopicModel | undefined
      for (const life of wanted.lives) {
        const { storage } = new Wire(files, { capabilities })
        const store = await openStore({ storage, clock, checkpoint })
        const topic = await store.topics.open('orders')
        model ??= new TopicModel(partitions, topic.lineage)
        for (const one of life.calls) await appendBoth(topic, model, { ...one, clock })
        for (const one of life.queries) await compare(topic, model, one)
        if (life.end === 'read-only') await compareBeside(new Wire(files, { capabilities }), model, life.queries)
        if (life.end !== 'vanish') await store.close()
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 4_000, markInterruptAsFailure: false },
  )
}, 20_000)

type AppendCall = typeof call extends fc.Arbitrary<infer T> ? T : never

async function appendBoth(topic: Topic, model: TopicModel, one: AppendCall & { clock: ManualClock }): Promise<void> {
  one.clock.setWall(Math.max(0, one.clock.now() + one.clockBy))
  const home = model.partitionOf(one.events[0]?.entity ?? '')
  const events = one.events.filter(({ entity }) => model.partitionOf(entity) === home) as NewEvent[]
  const entity = events.at(one.expect?.guess ?? 0)?.entity ?? events[0]?.entity ?? ''
  const version = one.expect?.version === 'right' ? model.version(entity) : one.expect?.version
  const expectation = version === undefined ? {} : { expect: { entity, version } }
  const wanted = model.append(events, { recordedAt: one.clock.now(), ...expectation })
  const given = await outcome(topic.append(events, expectation))
  if (wanted === 'conflict') expect(given).toBe('VERSION_CONFLICT')
  else expect(given).toMatchObject({ ...wanted, versions: expect.anything() })
  if (typeof given !== 'string' && wanted !== 'conflict')
    expect(Object.entries(given.versions)).toEqual(
      Object.entries(Object.fromEntries(latest(events, wanted.firstOffset))),
    )
}

const latest = (events: readonly NewEvent[], first: number) =>
  new Map(events.map(({ entity }, at) => [entity, first + at + 1]))

async function compareBeside(wire: Wire, model: TopicModel, queries: readonly Query[]): Promise<void> {
  const store = await openStore({ storage: wire.storage, readOnly: true })
  const topic = await store.topics.open('orders')
  for (const one of queries) await compare(topic, model, one)
  await store.close()
}

/** The options of a query that make sense for this topic. */
function optionsOf(topic: Topic, model: TopicModel, wanted: Query): ModelQuery {
  const { keep, pageLimit, partition, id, ...rest } = wanted
  const all = model.read()
  const known = { ...rest, id: typeof id === 'number' ? all[id % Math.max(1, all.length)]?.id : id }
  const chosen = Object.entries(known).filter(
    ([name, value]) => value !== undefined && (['direction', 'limit'].includes(name) || keep.includes(name as never)),
  )
  const options: Record<string, unknown> = Object.fromEntries(chosen)
  const needs = topic.partitions > 1 && ('from' in options || 'to' in options)
  if (partition !== undefined || needs) options.partition = (partition ?? 0) % topic.partitions
  return options
}

async function compare(topic: Topic, model: TopicModel, wanted: Query): Promise<void> {
  const options = optionsOf(topic, model, wanted)
  const end = model.partitions[options.partition ?? 0]?.length ?? 0
  if ((options.from ?? 0) > end) {
    const details = { offset: options.from, logStartOffset: 0, highWatermark: end }
    await expect(topic.page({ ...options, limit: 1 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', details })
    return
  }
  const answer = model.read(options)
  expect(await collect(topic.read(options))).toEqual(answer)
  expect((await collect(topic.read(options).batches())).flat()).toEqual(answer)
  expect(await pages(topic, options, wanted.pageLimit)).toEqual(
    model.read({ ...options, limit: Number.POSITIVE_INFINITY }),
  )
  const one = { partition: options.partition ?? 0 }
  for (const offset of [0, end - 1, end, wanted.pageLimit])
    if (offset >= 0) expect(await topic.get(offset, one)).toEqual(model.get(offset, one.partition))
  expect(await topic.last(wanted.pageLimit)).toEqual(model.last(wanted.pageLimit))
  expect(await topic.last(wanted.pageLimit, one)).toEqual(model.last(wanted.pageLimit, one.partition))
  const entity = options.entity ?? 'a'
  expect(await topic.version(entity)).toBe(model.version(entity))
  const known = model.get(wanted.pageLimit, one.partition)
  if (known === undefined) return
  const rest = await collect(topic.read({ ...one, cursor: topic.cursorAfter(known) }))
  expect(rest).toEqual(model.read({ ...one, from: known.offset + 1 }))
}

/** All pages of a query, each of them as full as it can be. */
async function pages(topic: Topic, options: ReadOptions, limit: number): Promise<StoredEvent[]> {
  const all: StoredEvent[] = []
  let cursor: string | undefined
  do {
    const page = await topic.page({ ...options, limit, ...(cursor === undefined ? {} : { cursor }) })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    all.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return all
}
