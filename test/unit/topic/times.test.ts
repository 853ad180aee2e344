/** Reads by time: sealed segments whose times lie apart are passed over without a byte of them, and events that are out
 * of order in time are found all the same.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { openStore } from '../../../src/store/open.ts'
import type { NewEvent, ReadOptions, StoredEvent, Topic } from '../../../src/topic/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { collect, random, Wire } from './support.ts'

/** A topic whose segments hold a few batches, and the events one by one. */
async function small(events: readonly NewEvent[], facts = { partitions: 1, perBatch: 1 }): Promise<Storage> {
  const place = { storage: memoryStorage(), clock: new ManualClock(), random }
  await createSmallTopic(place, { name: 'orders', partitions: facts.partitions, segmentBytes: 900 })
  const store = await openStore(place)
  const topic = await store.topics.open('orders')
  for (let n = 0; n < events.length; n += facts.perBatch) await topic.append(events.slice(n, n + facts.perBatch))
  await store.close()
  return place.storage
}

interface Piece {
  /** What the names of its files begin with. */
  readonly name: string
  readonly events: readonly StoredEvent[]
  readonly sealed: boolean
  readonly lowestAt: number
  readonly highestAt: number
}

/** The segments of the one partition with their events. */
async function piecesOf(storage: Storage, all: readonly StoredEvent[]): Promise<Piece[]> {
  const logs = (await storage.list('topics/orders/0')).filter(({ name }) => name.endsWith('.log'))
  const bases = logs.map(({ name }) => Number.parseInt(name, 10)).sort((a, b) => a - b)
  return bases.map((base, at) => {
    const end = bases[at + 1] ?? Number.POSITIVE_INFINITY
    const events = all.filter(({ offset }) => offset >= base && offset < end)
    const times = events.map(({ at }) => at)
    const [lowestAt, highestAt] = [Math.min(...times), Math.max(...times)]
    const name = `topics/orders/0/${String(base).padStart(20, '0')}`
    return { name, events, sealed: at < bases.length - 1, lowestAt, highestAt }
  })
}

function isWanted({ at, kind, entity }: StoredEvent, options: ReadOptions): boolean {
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = options
  const isNamed = (options.kind ?? kind) === kind && (options.entity ?? entity) === entity
  return isNamed && at >= since && at < until
}

/** Events in segment after segment of which the times lie apart: 0 to 99, 1,000 to 1,099 and so on. */
async function apart(): Promise<{ wire: Wire; pieces: Piece[]; all: StoredEvent[]; open: () => Promise<Topic> }> {
  const events = (shift: (n: number) => number) =>
    Array.from({ length: 100 }, (_, n) => ({
      kind: n % 4 === 0 ? 'Rare' : 'Often',
      entity: `e-${n % 3}`,
      data: n,
      at: shift(n),
    }))
  // Which event falls into which segment does not depend on its time, so a first log tells.
  const plain = await small(events((n) => n))
  const first = await openStore({ storage: plain, readOnly: true, clock: new ManualClock() })
  const before = await collect((await first.topics.open('orders')).read())
  await first.close()
  const pieces = await piecesOf(plain, before)
  const pieceOf = (n: number) => pieces.findLastIndex(({ events: [one] }) => one !== undefined && one.offset <= n)
  const storage = await small(events((n) => pieceOf(n) * 1_000 + ((n * 37) % 100)))
  const wire = new Wire(storage)
  const open = async () => {
    const store = await openStore({ storage: wire.storage, readOnly: true, clock: new ManualClock() })
    return store.topics.open('orders')
  }
  const all = await collect((await open()).read())
  const found = await piecesOf(storage, all)
  expect(found.map(({ name }) => name)).toEqual(pieces.map(({ name }) => name))
  expect(found.length).toBeGreaterThan(5)
  return { wire, pieces: found, all, open }
}

describe('Topic.read() with since and until', () => {
  test('reads no byte of sealed segments whose times lie apart', async () => {
    const { wire, pieces, all, open } = await apart()
    // What is looked at below is seen here.
    wire.calls.length = 0
    await collect((await open()).read())
    for (const { name } of pieces) expect(wire.count(({ path }) => path === `${name}.log`)).toBeGreaterThan(0)
    const spans: [number | undefined, number | undefined][] = [
      [2_000, 2_100],
      [2_000, 4_000],
      [3_050, undefined],
      [undefined, 1_020],
      [1_100, 2_000],
      [undefined, 0],
      [1e9, undefined],
    ]
    // The very edges: the last event that is in, and the first that is not.
    const { lowestAt: lowest = 0, highestAt: highest = 0 } = pieces[2] ?? {}
    spans.push([highest, highest + 1], [highest + 1, 3_000], [1_100, lowest], [1_100, lowest + 1])
    for (const [since, until] of spans)
      for (const filter of [{}, { kind: 'Rare' }, { entity: 'e-1', kind: 'Often' }])
        for (const direction of ['forward', 'backward'] as const) {
          const options = {
            ...filter,
            direction,
            ...(since === undefined ? {} : { since }),
            ...(until === undefined ? {} : { until }),
          }
          const topic = await open()
          wire.calls.length = 0
          const read = (await collect(topic.read(options))).map(({ offset }) => offset)
          const wanted = all.filter((event) => isWanted(event, options)).map(({ offset }) => offset)
          expect([options, read]).toEqual([options, direction === 'forward' ? wanted : wanted.toReversed()])
          // The index of terms is asked for all segments; the log and its offsets are not.
          const touched = wire.calls.map(({ path }) => path).filter((path) => !path.includes('terms'))
          for (const { name, sealed, lowestAt, highestAt } of pieces) {
            const isApart = sealed && (highestAt < (since ?? lowestAt) || lowestAt >= (until ?? highestAt + 1))
            if (isApart) expect([options, touched.filter((path) => path.startsWith(name))]).toEqual([options, []])
          }
        }
  })

  test('finds all events that are out of order in time, as a filter over all would', async () => {
    const time = fc.oneof(fc.integer({ min: -5, max: 40 }), fc.constantFrom(-(2 ** 45), 2 ** 50, 0))
    const times = fc.array(time, { minLength: 1, maxLength: 90 })
    const facts = fc.constantFrom(
      { partitions: 1, perBatch: 1 },
      { partitions: 1, perBatch: 4 },
      { partitions: 3, perBatch: 1 },
    )
    const read = fc.record(
      {
        since: time,
        until: time,
        kind: fc.constantFrom('Kind0', 'Kind1'),
        entity: fc.constantFrom('e-0', 'e-3'),
        direction: fc.constantFrom('forward', 'backward'),
      },
      { requiredKeys: [] },
    )
    const property = fc.asyncProperty(times, facts, fc.array(read, { maxLength: 12 }), async (given, how, reads) => {
      const events = given.map((at, n) => ({ kind: `Kind${n % 3}`, entity: `e-${n % 5}`, data: n, at }))
      const storage = await small(events, how)
      const store = await openStore({ storage, clock: new ManualClock() })
      const topic = await store.topics.open('orders')
      const all = await collect(topic.read())
      expect(all.map(({ data }) => data).sort((a, b) => a - b)).toEqual(events.map(({ data }) => data))
      for (const options of reads as ReadOptions[]) {
        const forward = all.filter((event) => isWanted(event, options))
        const wanted = options.direction === 'backward' ? forward.toReversed() : forward
        expect(await collect(topic.read(options))).toEqual(wanted)
        expect(await collect(topic.read({ ...options, limit: 3 }))).toEqual(wanted.slice(0, 3))
        expect(await paged(topic, options)).toEqual(wanted)
      }
      await store.close()
    })
    await fc.assert(property, { numRuns: 40 })
  }, 60_000)
})

async function paged(topic: Topic, options: ReadOptions): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  let cursor: string | undefined
  do {
    const page = await topic.page({ ...options, limit: 4, ...(cursor === undefined ? {} : { cursor }) })
    events.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return events
}
