/** Reading segments against a plain list: every batch size, window, limit and time, with and without synchronous reads.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nativeCompression } from '../../../adapters/node/compression.ts'
import type { DecodedEvent } from '../../../src/segment/decode.ts'
import { LazyEvent } from '../../../src/segment/events.ts'
import { type RunOptions, readBackward, readForward, readOne } from '../../../src/segment/read.ts'
import type { LogPoint } from '../../../src/segment/segment.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { share } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import { flipBit } from '../codec/batch-support.ts'
import {
  AT,
  type BatchPlan,
  type BuiltSegment,
  buildSegment,
  Desk,
  deflatedSegment,
  endOf,
  plansOf,
  storageWith,
} from './support.ts'

/** Chunks are 16 KiB and 256 KiB: batches of a few bytes, of about a chunk, and of many chunks. */
const SHAPES: Record<string, BatchPlan[]> = {
  'tiny batches': plansOf(900, [1], () => 20),
  'batches around a small chunk': plansOf(14, [3, 1, 40], (n) => 5_200 + (n % 50)),
  'one large batch': plansOf(1, [400], (n) => n * 11),
  'large and tiny batches': plansOf(9, [120, 1, 1, 260], (n) => (n % 97) * 60),
}
const segments: (readonly [string, BuiltSegment])[] = []
for (const [name, plans] of Object.entries(SHAPES)) {
  segments.push([name, buildSegment(plans, { baseOffset: 1_000 })])
  segments.push([`${name}, compressed`, await deflatedSegment(plans, { baseOffset: 1_000 })])
}
const NO_TIME = { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY }

interface Wish {
  readonly from: number
  readonly to: number
  readonly limit: number
  readonly since: number
  readonly until: number
  readonly odd: boolean
}

async function deskOf(segment: BuiltSegment, facts: { sync: boolean; bytes?: Uint8Array }): Promise<Desk> {
  const storage = await storageWith({ [segment.ref.path]: facts.bytes ?? segment.bytes })
  // Inflating answers at once, too, or neither does.
  const sync = { ...limitedStorage(storage, { syncReads: true }), compression: nativeCompression }
  return new Desk(facts.sync ? sync : limitedStorage(storage))
}

function optionsOf(desk: Desk, segment: BuiltSegment, wish: Wish): RunOptions {
  const { odd, ...rest } = wish
  const timed = ({ columns, lowestAt }: { columns: { at: number[] | undefined }; lowestAt: number }, row: number) => {
    const at = lowestAt + (columns.at?.[row] ?? 0)
    return at >= wish.since && at < wish.until
  }
  const match: RunOptions['match'] = odd
    ? (block, row) => (block.firstOffset + row) % 2 === 1 && timed(block, row)
    : timed
  return { ...rest, context: desk.context, end: endOf(segment), match }
}

function wanted(segment: BuiltSegment, wish: Wish): DecodedEvent[] {
  return segment.events.filter(
    ({ offset, at }) =>
      offset >= wish.from && offset < wish.to && at >= wish.since && at < wish.until && (!wish.odd || offset % 2 === 1),
  )
}

/** All runs of a forward read from the batch at `start`. */
async function forward(
  desk: Desk,
  segment: BuiltSegment,
  wish: Wish,
  start: LogPoint,
  how: { raw?: boolean } = {},
): Promise<DecodedEvent[]> {
  const all: DecodedEvent[] = []
  let point = start
  let { from } = wish
  while (from < Math.min(wish.to, endOf(segment).offset)) {
    const run = await desk.run(
      readForward(segment.ref, point, { ...optionsOf(desk, segment, { ...wish, from }), ...how }),
    )
    expect(run.events.length).toBeLessThanOrEqual(wish.limit)
    expect(run.next.offset > from || run.next.position > point.position).toBe(true)
    all.push(...run.events)
    point = run.next
    from = Math.max(from, run.next.offset)
  }
  return all
}

async function backward(
  desk: Desk,
  segment: BuiltSegment,
  wish: Wish,
  how: { raw?: boolean } = {},
): Promise<DecodedEvent[]> {
  const all: DecodedEvent[] = []
  let before = Math.min(wish.to, endOf(segment).offset)
  while (before > Math.max(wish.from, segment.ref.baseOffset)) {
    const options = { ...optionsOf(desk, segment, wish), index: segment.index, ...how }
    const run = await desk.run(readBackward(segment.ref, before, options))
    expect(run.events.length).toBeLessThanOrEqual(wish.limit)
    expect(run.before).toBeLessThan(before)
    all.push(...run.events)
    before = run.before
  }
  return all
}

const startOf = (segment: BuiltSegment, offset: number): LogPoint => {
  const entry = Math.max(0, segment.index.entryAt(offset))
  return { position: segment.index.positions[entry] as number, offset: segment.index.offsets[entry] as number }
}

describe.each(segments)('a segment of %s', (_name, segment) => {
  const last = endOf(segment).offset
  const everything: Wish = { from: 1_000, to: last, limit: Number.POSITIVE_INFINITY, ...NO_TIME, odd: false }

  test.each([true, false])('readForward() and readBackward() give every event, synchronous reads %s', async (sync) => {
    const desk = await deskOf(segment, { sync })
    for (const limit of [7, 64, 65, Number.POSITIVE_INFINITY]) {
      const wish = { ...everything, limit }
      const there = await forward(desk, segment, wish, segment.points[0] as LogPoint)
      expect(difference(there, segment.events), `forward ${limit}`).toBeUndefined()
      const back = await backward(desk, segment, wish)
      expect(difference(back, segment.events.toReversed()), `backward ${limit}`).toBeUndefined()
    }
  })

  test('readForward() and readBackward() give what a filter of the list gives', async () => {
    const desk = await deskOf(segment, { sync: true })
    const offset = fc.integer({ min: 1_000, max: last })
    const time = fc.integer({ min: AT - 200, max: AT + segment.events.length * 10 })
    const wishes = fc.record({
      from: offset,
      to: fc.integer({ min: 1_000, max: last + 5 }),
      limit: fc.constantFrom(1, 3, 64, 65, 1_000),
      since: fc.oneof(fc.constant(NO_TIME.since), time),
      until: fc.oneof(fc.constant(NO_TIME.until), time),
      odd: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(wishes, async (wish) => {
        const list = wanted(segment, wish)
        expect(difference(await forward(desk, segment, wish, startOf(segment, wish.from)), list)).toBeUndefined()
        expect(difference(await backward(desk, segment, wish), list.toReversed())).toBeUndefined()
      }),
      { numRuns: share(25) },
    )
  })

  test.each([true, false])('readOne() gives every event by itself, synchronous reads %s', async (sync) => {
    const desk = await deskOf(segment, { sync })
    const step = Math.max(1, segment.events.length >> 7)
    for (let i = 0; i < segment.events.length; i += step) {
      const event = segment.events[i] as DecodedEvent
      const facts = { start: startOf(segment, event.offset), end: endOf(segment), context: desk.context }
      const found = await desk.run(readOne(segment.ref, event.offset, facts))
      expect(difference(found, event)).toBeUndefined()
    }
    const facts = { start: segment.points[0] as LogPoint, end: endOf(segment), context: desk.context }
    expect(await desk.run(readOne(segment.ref, last, facts))).toBeUndefined()
    expect(await desk.run(readOne(segment.ref, 999, facts))).toBeUndefined()
  })

  test('raw reads give envelopes, and decode the rest later, when the memory of the read is used again', async () => {
    const desk = await deskOf(segment, { sync: true })
    const wish = { ...everything, odd: true, limit: 50 }
    const there = await forward(desk, segment, wish, segment.points[0] as LogPoint, { raw: true })
    const back = await backward(desk, segment, wish, { raw: true })
    const events = wanted(segment, wish)
    for (const [found, expected] of [
      [there, events],
      [back, events.toReversed()],
    ] as const) {
      const lazy = found.map((event) => {
        if (!(event instanceof LazyEvent)) throw new Error('not a lazy event')
        return event
      })
      const envelopes = expected.map(({ data: _, meta: __, extensions: ___, ...envelope }) => envelope)
      expect(
        difference(
          lazy.map((event) => ({ ...event })),
          envelopes,
        ),
      ).toBeUndefined()
      expect(
        difference(
          lazy.map((event) => event.decode()),
          expected,
        ),
      ).toBeUndefined()
      for (const [i, event] of lazy.entries()) {
        const { data, meta, extensions } = expected[i] as DecodedEvent
        expect(difference([event.data, event.meta, event.extensions], [data, meta, extensions])).toBeUndefined()
      }
    }
  })

  test('reads end at a durable end before the end of the file', async () => {
    const desk = await deskOf(segment, { sync: true })
    const points = segment.points.filter((_, i) => i % Math.ceil(segment.points.length / 6) === 0)
    for (const end of points) {
      const cut: BuiltSegment = { ...segment, points: [segment.points[0] as (typeof points)[number], end] }
      const wish = { ...everything, to: end.offset }
      expect(difference(await forward(desk, cut, wish, segment.points[0] as LogPoint), wanted(segment, wish))).toBe(
        undefined,
      )
      expect(difference(await backward(desk, cut, wish), wanted(segment, wish).toReversed())).toBeUndefined()
    }
  })
})

describe('headers across the end of a chunk', () => {
  test('readForward() and readOne() do not care where in a chunk a batch begins', async () => {
    // The second batch begins from 220 bytes before the end of a small chunk to 20 behind it.
    for (let short = -20; short <= 220; short += 4) {
      const text = 'x'.repeat(16 * 1024 - 170 - short)
      const event = (data: unknown) => ({ kind: 'k', entity: 'e', at: AT, data })
      const segment = buildSegment([{ events: [event(text)] }, { events: [event(1)] }, { events: [event(2)] }])
      const desk = await deskOf(segment, { sync: true })
      const wish = { from: 0, to: 3, limit: 5, ...NO_TIME, odd: false }
      const start = segment.points[0] as LogPoint
      expect(difference(await forward(desk, segment, wish, start), segment.events)).toBeUndefined()
      for (const event of segment.events) {
        const facts = { start, end: endOf(segment), context: desk.context }
        expect(difference(await desk.run(readOne(segment.ref, event.offset, facts)), event)).toBeUndefined()
      }
    }
  })
})

describe('damage below the durable end', () => {
  const plans = plansOf(6, [2], () => 10)
  const segment = buildSegment(plans)
  const wish = { from: 0, to: 12, limit: 1_000, ...NO_TIME, odd: false }

  test('readForward() gives everything before a damaged batch, then names it; no bit is missed', async () => {
    const third = segment.points[3] as LogPoint
    const fourth = segment.points[4] as LogPoint
    for (let bit = third.position * 8; bit < fourth.position * 8; bit += 5) {
      const desk = await deskOf(segment, { sync: true, bytes: flipBit(segment.bytes, bit) })
      const first = await desk.run(
        readForward(segment.ref, segment.points[0] as LogPoint, optionsOf(desk, segment, wish)),
      )
      expect(difference(first.events, segment.events.slice(0, third.offset)), `bit ${bit}`).toBeUndefined()
      expect(first.next).toMatchObject({ position: third.position, offset: third.offset })
      const options = optionsOf(desk, segment, { ...wish, from: third.offset })
      await expect(desk.run(readForward(segment.ref, first.next, options)), `bit ${bit}`).rejects.toMatchObject({
        code: 'SEGMENT_DAMAGED',
        details: { file: segment.ref.path, position: third.position, partition: 0 },
      })
    }
  })

  test('readOne() and readBackward() name a damaged batch and still give the others', async () => {
    const third = segment.points[3] as LogPoint
    const desk = await deskOf(segment, { sync: true, bytes: flipBit(segment.bytes, (third.position + 130) * 8) })
    for (const event of segment.events) {
      const at = Math.floor(event.offset / 2)
      const facts = { start: segment.points[at] as LogPoint, end: endOf(segment), context: desk.context }
      const found = desk.run(readOne(segment.ref, event.offset, facts))
      if (at === 3) await expect(found).rejects.toMatchObject({ code: 'SEGMENT_DAMAGED' })
      else expect(difference(await found, event)).toBeUndefined()
    }
    const options = { ...optionsOf(desk, segment, wish), index: segment.index }
    await expect(desk.run(readBackward(segment.ref, 12, options))).rejects.toMatchObject({ code: 'SEGMENT_DAMAGED' })
    const before = await desk.run(readBackward(segment.ref, third.offset, options))
    expect(difference(before.events, segment.events.slice(0, third.offset).toReversed())).toBeUndefined()
  })

  test('readForward() and readOne() name the place where a file ends too early', async () => {
    for (const length of [128, 200, endOf(segment).position - 1]) {
      const desk = await deskOf(segment, { sync: true, bytes: segment.bytes.slice(0, length) })
      const facts = { start: segment.points[0] as LogPoint, end: endOf(segment), context: desk.context }
      const want = { code: 'SEGMENT_DAMAGED', details: { position: length } }
      await expect(desk.run(readOne(segment.ref, 0, facts))).rejects.toMatchObject(want)
      const options = optionsOf(desk, segment, wish)
      await expect(desk.run(readForward(segment.ref, facts.start, options))).rejects.toMatchObject(want)
    }
  })
})
