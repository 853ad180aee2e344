/** Goal: wherever a log is cut, the copy holds exactly the events before the cut, with their ids, and is a sound log
 * that goes on.
 * Method: logs of random batches in small segments, with every kind of value and field, are cut at random offsets or
 * times, one copy of another; each is compared event by event, verified, and appended to. A failure prints its seed.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { checkTruth } from '../../../src/snapshot/check/check.ts'
import { restoreSnapshot } from '../../../src/snapshot/restore/restore.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/types.ts'
import { partitionOf } from '../../../src/topic/prepare.ts'
import type { NewEvent } from '../../../src/topic/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { draws, seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { freeze, ID, restoreParts, topicAt } from './frozen-store.ts'

const PARTITIONS = 2

interface Shape {
  readonly seed: number
  readonly compression: boolean
  readonly events: boolean
}

const shapes = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  compression: fc.boolean(),
  events: fc.boolean(),
})

/** Entities of each partition. */
const ENTITIES = Array.from({ length: PARTITIONS }, (_, partition) =>
  Array.from({ length: 40 }, (_, n) => `entity-${n}`).filter(
    (entity) => partitionOf(entity, PARTITIONS, memoryStorage().digest) === partition,
  ),
)

function makeEvent(draw: () => number, partition: number, n: number): NewEvent {
  const pick = <T>(...choices: T[]) => choices[Math.floor(draw() * choices.length)] as T
  const maybe = <T>(name: string, value: T) => (draw() < 0.3 ? { [name]: value } : {})
  return {
    kind: pick('A', 'B', 'C'),
    entity: pick(...(ENTITIES[partition] ?? []).slice(0, 4)),
    data: pick<unknown>(
      { n, text: 'x'.repeat(n % 50) },
      n,
      'lone \ud800',
      2n ** 80n,
      [n, { [`key${n % 9}`]: n }],
      null,
    ),
    ...maybe('at', pick(n, -5_000_000_000_000, 1_800_000_000_000)),
    ...maybe('id', `own-${n}`),
    ...maybe('scope', `scope-${n % 3}`),
    ...maybe('tags', ['t', `t${n % 4}`]),
    ...maybe('meta', pick<unknown>({ by: n }, '\udfff', 7)),
    ...maybe('extensions', { e: n }),
    ...maybe('correlationId', `c${n % 6}`),
    ...maybe('causationId', `own-${n - 1}`),
    ...maybe('lane', n % 3),
    ...maybe('depth', n % 2),
    ...maybe('schemaVersion', 1),
  }
}

async function grow(store: Store, clock: ManualClock, draw: () => number): Promise<void> {
  const topic = await store.topics.open('log')
  for (let batch = 0; batch < 12; batch++) {
    await clock.advance(Math.floor(draw() * 100))
    const partition = Math.floor(draw() * PARTITIONS)
    const events = Array.from({ length: 1 + Math.floor(draw() * 30) }, (_, at) =>
      makeEvent(draw, partition, batch * 100 + at),
    )
    await topic.append(events, { partition, ...(draw() < 0.3 && { idempotencyKey: `key-${draw()}` }) })
  }
}

type Log = { partition: number; offset: number; recordedAt: number }[]

async function logOf(storage: Storage): Promise<Log[]> {
  const store = await openStore({ storage, readOnly: true })
  const topic = await store.topics.open('log')
  const logs: Log[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const log: Log = []
    for await (const event of topic.read({ partition })) log.push(event)
    logs.push(log)
  }
  await store.close()
  return logs
}

async function sound(storage: Storage, clock: ManualClock): Promise<void> {
  const reader = await openStore({ storage, readOnly: true, clock })
  const { problems } = await reader.verify()
  await reader.close()
  expect(problems.filter(({ damage }) => damage)).toEqual([])
}

async function firstLog({ seed, compression, events }: Shape) {
  const next = draws(seed)
  const draw = () => next() / 2 ** 32
  const clock = new ManualClock()
  const random = seededRandom(seed)
  const base = memoryStorage()
  const storage = storageAt(base, `.snapshots/${ID}`)
  await createSmallTopic(
    { storage, clock, random },
    {
      name: 'log',
      partitions: PARTITIONS,
      segmentBytes: 1_200,
      ...(compression && { compression: 'deflate' }),
      ...(events && { chain: 'events' }),
    },
  )
  const store = await openStore({ storage, clock, random })
  await grow(store, clock, draw)
  await store.close()
  await freeze(base)
  return { base, draw, clock, random }
}

test('restoreSnapshot() of a restored store holds the events before the cut, with their ids, and goes on', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const { base, draw, clock, random } = await firstLog(shape)
      let from = base
      for (let generation = 0; generation < 4; generation++) {
        const place = storageAt(from, `.snapshots/${ID}`)
        const before = await logOf(place)
        const to = memoryStorage()
        const ends = before.map((log) => Math.floor(draw() * (log.length + 1)))
        const until = draw() < 0.2 ? {} : { until: { offset: ends } }
        const wanted = before.map((log, at) => ('until' in until ? log.slice(0, ends[at]) : log))
        const target = storageAt(to, `.snapshots/${ID}`)
        await restoreSnapshot(restoreParts(from, { clock, random }), ID, { to: target, ...until })
        expect(await logOf(target)).toEqual(wanted)
        await sound(target, clock)
        const store = await openStore({ storage: target, clock, random })
        expect(store.openReport.source).toBe('clean')
        await grow(store, clock, draw)
        await store.close()
        const after = await logOf(target)
        expect(after.map((log, at) => log.slice(0, wanted[at]?.length))).toEqual(wanted)
        await sound(target, clock)
        const state = await freeze(to)
        expect((await checkTruth(target, state, {})).problems).toEqual([])
        from = to
      }
    }),
    { numRuns: 5 },
  )
}, 120_000)

test('restoreSnapshot() up to a time ends with the last event recorded then', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const { base, draw, clock, random } = await firstLog(shape)
      const place = storageAt(base, `.snapshots/${ID}`)
      const before = await logOf(place)
      const times = before.flat().map(({ recordedAt }) => recordedAt)
      const [low, high] = [Math.min(...times), Math.max(...times)]
      for (const time of [low - 1, low, high, high + 1, Math.floor(low + draw() * (high - low))]) {
        const to = memoryStorage()
        await restoreSnapshot(restoreParts(base, { clock, random }), ID, { to, until: { time } })
        expect(await logOf(to)).toEqual(before.map((log) => log.filter(({ recordedAt }) => recordedAt <= time)))
      }
    }),
    { numRuns: 6 },
  )
}, 120_000)

test('a topic at rest names its partitions for the cuts', async () => {
  const { base } = await firstLog({ seed: 1, compression: false, events: false })
  const { row } = await topicAt(storageAt(base, `.snapshots/${ID}`), 'log')
  expect(row.partitions.every(({ segments }) => segments.length > 2)).toBe(true)
})
