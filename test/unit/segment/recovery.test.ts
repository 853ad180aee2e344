/** What recovery keeps of a segment that was not closed: what it seals, what it writes again, what it calls damage.
 * @module */
import { describe, expect, test } from 'vitest'
import { moveBatch } from '../../../src/codec/batch.ts'
import { segmentSeed } from '../../../src/codec/batch-header.ts'
import { fromHex } from '../../../src/codec/bytes.ts'
import { planRecovery, type TailPlan } from '../../../src/segment/recovery.ts'
import { SparseIndex } from '../../../src/segment/sparse-index.ts'
import { digest, openBatch } from '../codec/batch-support.ts'
import { type BatchPlan, buildSegment, plansOf, runOver } from './support.ts'

const plans = plansOf(6, [2, 1], () => 30)

/** Two groups in flight: each batch knows that all but the one before it was synced. */
const pipelined: BatchPlan[] = plans.map((plan, i) => ({ ...plan, syncedBefore: Math.max(0, i - 1) }))
const segment = buildSegment(pipelined)
const quiet = buildSegment(plans)
const at = (i: number) => segment.points[i]?.position ?? 0

type Damage = (bytes: Uint8Array) => Uint8Array
const flip =
  (batch: number, byte = 112): Damage =>
  (bytes) => {
    const copy = bytes.slice()
    copy[at(batch) + byte] = (copy[at(batch) + byte] ?? 0) ^ 0x10
    return copy
  }
const cut =
  (position: number): Damage =>
  (bytes) =>
    bytes.slice(0, position)
const garbage: Damage = (bytes) => Uint8Array.of(...bytes, ...Array.from({ length: 333 }, (_, i) => (i * 37) & 255))
const zeros: Damage = (bytes) => Uint8Array.of(...bytes, ...new Uint8Array(500))
const none: Damage = (bytes) => bytes

interface Facts {
  readonly of?: typeof segment
  readonly from?: number
  readonly synced?: number
  readonly index?: SparseIndex
}

function plan(damage: Damage, facts: Facts = {}): TailPlan {
  const { of = segment, from = 0, synced = 0, index } = facts
  const bytes = damage(of.bytes)
  const proven = of.points[from]
  if (proven === undefined) throw new Error('no such point')
  const known = index === undefined ? {} : { index }
  const reading = planRecovery(of.ref, proven, { digest, fileBytes: bytes.length, synced, ...known })
  return runOver(reading, { [of.ref.path]: bytes })
}

/** Batches kept in place, batches written again, torn bytes. */
function outcome(damage: Damage, facts: Facts = {}): [sealed: number, moved: number[], torn: number] | string {
  const of = facts.of ?? segment
  try {
    const { seal, moved, tornBytes } = plan(damage, facts)
    const sealed = of.points.findIndex(({ position }) => position === seal.position)
    expect(seal).toEqual(of.points[sealed])
    return [sealed, moved.map(({ position }) => of.points.findIndex((point) => point.position === position)), tornBytes]
  } catch (error) {
    const { code, details } = error as { code: string; details: { position: number } }
    return `${code} at ${of.points.findIndex(({ position }) => position === details.position)}`
  }
}

test.each<[string, Damage, Facts, ReturnType<typeof outcome>]>([
  ['clean, nothing known', none, { of: quiet }, [0, [0, 1, 2, 3, 4, 5], 0]],
  ['clean, batches tell what was synced', none, {}, [4, [4, 5], 0]],
  ['clean, the head tells all', none, { synced: at(6) }, [6, [], 0]],
  ['clean, the head tells less than a batch', none, { synced: at(2) }, [4, [4, 5], 0]],
  ['clean, the head tells more than a batch', none, { synced: at(5) }, [5, [5], 0]],
  ['clean, from a proven end', none, { from: 3, of: quiet }, [3, [3, 4, 5], 0]],
  ['clean, from the very end', none, { from: 6, of: quiet }, [6, [], 0]],
  ['empty', cut(at(0)), {}, [0, [], 0]],
  ['the last torn', cut(at(6) - 5), {}, [4, [4], at(6) - 5 - at(5)]],
  ['the last torn within its header', cut(at(5) + 50), {}, [3, [3, 4], 50]],
  ['the last with a bad byte', flip(5), {}, [4, [4], at(6) - at(5)]],
  ['the first of two in flight bad, the second whole', flip(4), {}, [4, [], at(6) - at(4)]],
  [
    'the first of two in flight zeros, the second whole',
    (bytes) => bytes.slice().fill(0, at(4), at(5)),
    {},
    [4, [], at(6) - at(4)],
  ],
  ['garbage behind', garbage, {}, [4, [4, 5], 333]],
  ['zeros behind', zeros, {}, [4, [4, 5], 500]],
  ['garbage behind, all synced', garbage, { synced: at(6) }, [6, [], 333]],
  ['a bad batch that later ones prove synced', flip(3), {}, 'SEGMENT_DAMAGED at 3'],
  ['a bad header that later ones prove synced', flip(2, 30), {}, 'SEGMENT_DAMAGED at 2'],
  ['a bad first batch that later ones prove synced', flip(0), {}, 'SEGMENT_DAMAGED at 0'],
  ['a bad batch that nothing proves synced', flip(3), { of: quiet }, [0, [0, 1, 2], at(6) - at(3)]],
  ['a bad header that the head proves synced', flip(3, 30), { of: quiet, synced: at(4) }, 'SEGMENT_DAMAGED at 3'],
  [
    'a bad body that the head proves synced, which reads and verify find',
    flip(3),
    { of: quiet, synced: at(4) },
    [4, [4, 5], 0],
  ],
  ['a bad body right after what the head proves', flip(4), { of: quiet, synced: at(4) }, [4, [], at(6) - at(4)]],
  ['a bad batch at what the head proves synced', flip(3), { of: quiet, synced: at(3) }, [3, [], at(6) - at(3)]],
  ['a bad batch before a proven end is not looked at', flip(1), { from: 3 }, [4, [4, 5], 0]],
  ['cut below what the head proves', cut(at(3)), { synced: at(4) }, 'SEGMENT_DAMAGED at 3'],
  ['cut below a proven end', cut(at(2)), { from: 4 }, 'SEGMENT_DAMAGED at 2'],
  ['cut exactly at a proven end', cut(at(4)), { from: 4 }, [4, [], 0]],
])('planRecovery() of a segment: %s', (_name, damage, facts, want) => {
  expect(outcome(damage, facts)).toEqual(want)
})

describe('TailPlan', () => {
  test('planRecovery() says what it scanned, and an index of exactly what stays', () => {
    const found = plan(garbage)
    expect(found).toMatchObject({ rows: 9, tornBytes: 333 })
    expect(found.recordedAt).toBe(found.moved.at(-1)?.header.recordedAt)
    const kept = new SparseIndex()
    for (const [i, point] of segment.points.slice(0, 4).entries()) {
      const highestAt = Math.max(...(pipelined[i]?.events ?? []).map((event) => event.at))
      kept.add({ baseOffset: point.offset, position: point.position, highestAt })
    }
    const columns = ({ offsets, positions, highestAt }: SparseIndex) => ({ offsets, positions, highestAt })
    expect(columns(found.index)).toEqual(columns(kept))
    expect(plan(none, { from: 6 }).recordedAt).toBeUndefined()
    const index = new SparseIndex()
    expect(plan(none, { from: 2, index }).index).toBe(index)
    expect(index.positions).toEqual([at(2)])
  })

  test('planRecovery() gives batches that can be written again, with bytes of their own', () => {
    const { moved, seal } = plan(none, { of: quiet, from: 3 })
    const place = { seed: segmentSeed(fromHex('00000000000000ff'), digest), position: 128 }
    let previousHash = fromHex(seal.hash)
    for (const batch of moved) {
      expect(batch.bytes.buffer.byteLength).toBe(batch.bytes.length)
      const { table } = batch
      const again = moveBatch(batch.bytes, batch, {
        place,
        epoch: 2,
        syncedThrough: 0,
        table,
        tablePosition: undefined,
        digest,
      })
      expect(openBatch(again.bytes, { place, previousHash })).toHaveLength(batch.header.lastOffsetDelta + 1)
      previousHash = batch.header.hash
    }
    expect(moved).toHaveLength(3)
  })

  /** Goal: a long tail without a head costs as much per batch as a short one. Method: the bytes that stay in memory. */
  test('planRecovery() lets go of batches as later ones prove them synced', () => {
    const long = buildSegment(
      plansOf(3_000, [1], () => 1).map((one, i) => ({ ...one, syncedBefore: Math.max(0, i - 1) })),
    )
    const reading = planRecovery(long.ref, long.points[0] as (typeof long.points)[number], {
      digest,
      fileBytes: long.bytes.length,
      synced: 0,
    })
    const { seal, moved } = runOver(reading, { [long.ref.path]: long.bytes })
    expect(seal).toEqual(long.points[2_998])
    expect(moved).toHaveLength(2)
  })
})

test('planRecovery() says when the events of the sealed part were', () => {
  for (const [from, synced] of [
    [0, 0],
    [0, at(6)],
    [2, at(5)],
    [6, 0],
  ] as const) {
    const { seal, times } = plan(none, { from, synced })
    const sealed = segment.events.filter(
      ({ offset }) => offset >= (segment.points[from]?.offset ?? 0) && offset < seal.offset,
    )
    const ats = sealed.map((event) => event.at)
    const recordedAt = sealed.at(-1)?.recordedAt
    expect(times).toEqual(
      recordedAt === undefined ? undefined : { lowestAt: Math.min(...ats), highestAt: Math.max(...ats), recordedAt },
    )
  }
})
