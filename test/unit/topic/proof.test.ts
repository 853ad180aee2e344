/** Proofs of single events against the chain hash of their batch.
 *
 * Goal: every event of a chain over events can be proven without the store, and nothing else can.
 * Method: random batches, plain and compressed; each event proves, also through JSON; then every part of a proof is
 * changed in turn, and each change must be refused. A known proof keeps the bytes that are hashed.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/codec/bytes.ts'
import { parseJsonValue, stringifyValue } from '../../../src/codec/values.ts'
import { planRecovery } from '../../../src/segment/recovery.ts'
import { scanBatches } from '../../../src/segment/scan.ts'
import { proveEvent, verifyProof } from '../../../src/topic/proof.ts'
import type { EventProof } from '../../../src/topic/types.ts'
import { share } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import { digest, eventArbitrary, type TestEvent } from '../codec/batch-support.ts'
import {
  AT,
  type BatchPlan,
  type BuiltSegment,
  buildSegment,
  Desk,
  deflatedSegment,
  endOf,
  LINEAGE,
  plansOf,
  storageWith,
} from '../segment/support.ts'

const EVENTS = { eventChain: true, baseOffset: 1_000, hashBefore: 'ab'.repeat(32) }

async function deskOf(segment: BuiltSegment): Promise<Desk> {
  return new Desk(await storageWith({ [segment.ref.path]: segment.bytes }))
}

async function prove(segment: BuiltSegment, offset: number, desk?: Desk): Promise<EventProof | undefined> {
  const at = desk ?? (await deskOf(segment))
  const place = { topic: 't', lineage: LINEAGE, context: at.context, index: segment.index, end: endOf(segment) }
  return at.run(proveEvent(segment.ref, offset, place))
}

const plansArbitrary: fc.Arbitrary<BatchPlan[]> = fc.array(
  fc.record({ events: fc.array(eventArbitrary, { minLength: 1, maxLength: 9 }) }),
  { minLength: 1, maxLength: 4 },
)

describe('proveEvent()', () => {
  test('proves every event of random batches, also through JSON, against the hash of its batch', async () => {
    await fc.assert(
      fc.asyncProperty(plansArbitrary, fc.boolean(), async (plans, compressed) => {
        const segment = compressed ? await deflatedSegment(plans, EVENTS) : buildSegment(plans, EVENTS)
        const desk = await deskOf(segment)
        for (const event of segment.events) {
          const proof = (await prove(segment, event.offset, desk)) as EventProof
          expect(difference(proof.event, event)).toBeUndefined()
          const point = segment.points.find(({ offset }) => offset > event.offset)
          expect(verifyProof(proof)).toBe(point?.hash)
          expect(verifyProof(parseJsonValue(stringifyValue(proof)) as EventProof)).toBe(point?.hash)
        }
      }),
      { numRuns: share(60) },
    )
  })

  test('finds the hash before a batch wherever the sparse index begins', async () => {
    const segment = buildSegment(
      plansOf(60, [1, 7, 2], (n) => (n % 13) * 100),
      EVENTS,
    )
    expect(segment.index.offsets.length).toBeGreaterThan(5)
    const desk = await deskOf(segment)
    for (const [batch, point] of segment.points.slice(0, -1).entries()) {
      const proof = await prove(segment, point.offset, desk)
      expect(proof?.batch.previousHash).toBe(point.hash)
      expect(proof?.hash).toBe(segment.points[batch + 1]?.hash)
    }
    expect(await prove(segment, endOf(segment).offset)).toBeUndefined()
  })

  test('takes about 2 KiB in a batch of 1,000', async () => {
    const segment = buildSegment(
      plansOf(1, [1_000], () => 20),
      EVENTS,
    )
    const proof = (await prove(segment, 1_500)) as EventProof
    expect(proof.path.length).toBe(10)
    expect(stringifyValue(proof).length).toBeLessThan(2_048)
  })

  test('is refused in a chain over batches', async () => {
    const segment = buildSegment(plansOf(2, [3], () => 10))
    await expect(prove(segment, 4)).rejects.toMatchObject({ code: 'PROOF_UNSUPPORTED', details: { topic: 't' } })
  })

  test('refuses a damaged batch, as reads do', async () => {
    const segment = buildSegment(
      plansOf(2, [3], () => 10),
      EVENTS,
    )
    const bytes = segment.bytes.slice()
    const last = bytes.length - 1
    bytes[last] = (bytes[last] as number) ^ 1
    await expect(prove({ ...segment, bytes }, 1_004)).rejects.toMatchObject({ code: 'SEGMENT_DAMAGED' })
    const other = buildSegment(
      plansOf(2, [3], () => 10),
      EVENTS,
    )
    const foreign = { ...other, ref: { ...other.ref, hashBefore: 'cd'.repeat(32) } }
    await expect(prove(foreign, 1_001)).rejects.toMatchObject({ code: 'SEGMENT_DAMAGED' })
  })
})

const full: TestEvent = {
  kind: 'OrderPlaced',
  entity: 'order-1',
  at: AT,
  data: { total: 12, lines: [1, 'two', null], big: 2n ** 60n },
  scope: 's',
  tags: ['a', 'b'],
  id: 'own-id',
  meta: { by: 'me' },
  correlationId: 'c',
  causationId: 'd',
  lane: 1,
  depth: 2,
  schemaVersion: 3,
  extensions: { x: new Uint8Array(3) },
  idempotencyKey: 'key',
}

/** Every value inside `value` replaced by another one, one at a time, and every field taken away. */
function* changes(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    yield [...value, value[0] ?? 0]
    if (value.length > 0) yield value.slice(1)
    for (const [at, element] of value.entries()) for (const other of changes(element)) yield value.with(at, other)
  } else if (value instanceof Uint8Array) yield new Uint8Array(value.length + 1)
  else if (typeof value === 'object' && value !== null) {
    yield { ...value, added: 1 }
    for (const [key, field] of Object.entries(value)) {
      const { [key]: _, ...without } = value as Record<string, unknown>
      yield without
      for (const other of changes(field)) yield { ...value, [key]: other }
    }
  } else if (typeof value === 'string') {
    yield value.startsWith('0') ? `1${value.slice(1)}` : `0${value.slice(1)}`
    yield `${value} `
    yield value.toUpperCase() === value ? `${value}x` : value.toUpperCase()
    yield 7
  } else if (typeof value === 'number') {
    yield value + 1
    yield value - 1
    yield -0.5
    yield String(value)
  } else yield 'other'
}

describe('verifyProof()', () => {
  const plans = [
    { events: [full] },
    ...plansOf(2, [5], () => 30),
    { events: [full, { ...full, at: AT + 5 }, { ...full, lane: 9 }] },
  ]
  const segment = buildSegment(plans, EVENTS)

  test.each([1_000, 1_003, 1_010, 1_011, 1_012, 1_013])(
    'refuses every change of the proof of offset %d',
    async (offset) => {
      const proof = (await prove(segment, offset)) as EventProof
      expect(verifyProof(proof)).toBe(proof.hash)
      let refused = 0
      for (const changed of changes(proof)) {
        const { topic } = changed as EventProof
        // The name of the topic is a label.
        if (topic !== proof.topic && typeof topic === 'string') continue
        expect(() => verifyProof(changed as EventProof), JSON.stringify(changed, text)).toThrow(
          expect.objectContaining({ code: 'PROOF_INVALID' }),
        )
        refused++
      }
      expect(refused).toBeGreaterThan(80)
    },
  )

  test('refuses the proof of one event for another of the same batch', async () => {
    const one = (await prove(segment, 1_011)) as EventProof
    const other = (await prove(segment, 1_013)) as EventProof
    for (const changed of [
      { ...one, event: other.event },
      { ...one, path: other.path },
      { ...one, event: { ...other.event, offset: one.event.offset, id: one.event.id } },
    ]) {
      expect(() => verifyProof(changed)).toThrow(expect.objectContaining({ code: 'PROOF_INVALID' }))
    }
  })

  test.each([undefined, null, 1, 'proof', [], {}, { format: 2 }])('refuses %j', (value) => {
    expect(() => verifyProof(value as unknown as EventProof)).toThrow(
      expect.objectContaining({ code: 'PROOF_INVALID' }),
    )
  })

  test('takes values that JSON gives back in another form', async () => {
    const data = {
      small: 5n,
      zero: -0,
      nan: Number.NaN,
      date: new Date(-1),
      lone: '\uD800',
      ['__proto__']: 1,
      bytes: new Uint8Array(9),
    }
    const odd = buildSegment([{ events: [{ ...full, data }] }], EVENTS)
    const proof = (await prove(odd, 1_000)) as EventProof
    const back = parseJsonValue(stringifyValue(proof)) as EventProof
    expect(back.event.data.small).toBe(5)
    expect(verifyProof(back)).toBe(proof.hash)
    expect(Object.is((proof.event.data as { zero: number }).zero, -0)).toBe(true)
    const changed = { ...proof, event: { ...proof.event, data: { ...data, zero: 0 } } }
    expect(() => verifyProof(changed as EventProof)).toThrow(expect.objectContaining({ code: 'PROOF_INVALID' }))
  })
})

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

describe('a chain over events', () => {
  test('is kept by recovery, which moves batches', async () => {
    for (const segment of [
      buildSegment(
        plansOf(6, [4], () => 200),
        EVENTS,
      ),
      await deflatedSegment(
        plansOf(6, [4], () => 200),
        EVENTS,
      ),
    ]) {
      const desk = await deskOf(segment)
      const proven = segment.points[2] as BuiltSegment['points'][number]
      const facts = { digest, fileBytes: segment.bytes.length, synced: proven.position }
      const plan = await desk.run(planRecovery(segment.ref, proven, facts))
      expect(plan.moved.map(({ header }) => toHex(header.hash))).toEqual(
        segment.points.slice(3).map(({ hash }) => hash),
      )
    }
  })

  test('is the same however the events are written', async () => {
    const plans = plansOf(3, [40], () => 100)
    const plain = buildSegment(plans, EVENTS)
    expect((await deflatedSegment(plans, EVENTS)).points.map(({ hash }) => hash)).toEqual(
      plain.points.map(({ hash }) => hash),
    )
    expect(buildSegment(plans, { ...EVENTS, eventChain: false }).points[1]?.hash).not.toBe(plain.points[1]?.hash)
  })

  test('is checked by scans: other events under right checksums are refused', async () => {
    const segment = buildSegment(
      plansOf(1, [3], () => 10),
      EVENTS,
    )
    const lying = { ...segment, bytes: segment.bytes.slice() }
    const scan = async (of: BuiltSegment) => {
      const onBatch = () => undefined
      const start = of.points[0] as BuiltSegment['points'][number]
      const options = { digest, endPosition: of.bytes.length, onBatch }
      return (await (await deskOf(of)).run(scanBatches(of.ref, start, options))).problem
    }
    expect(await scan(lying)).toBeUndefined()
    // Another lineage in the header of the segment: other computed ids.
    lying.bytes.set(new TextEncoder().encode('lineage54321'), 80)
    new DataView(lying.bytes.buffer).setUint32(124, digest.crc32(lying.bytes.subarray(0, 124)), true)
    expect(await scan(lying)).toBe('the chain hash differs')
    lying.bytes[80] = 0
    expect(await scan(lying)).toContain('header of segment')
  })
})

/** A proof that another implementation made from the page on the format. */
const KNOWN = `{
 "format": 1,
 "topic": "orders",
 "lineage": "lineage12345",
 "event": {
  "offset": 8,
  "partition": 0,
  "id": "lineage12345-0-8",
  "kind": "OrderPaid",
  "entity": "order-1",
  "at": 1700000000005,
  "recordedAt": 1700000000001,
  "data": {
   "total": 12.5,
   "lines": [
    -70,
    0.1
   ]
  },
  "scope": "shop",
  "tags": [
   "late"
  ],
  "meta": {
   "by": "me"
  },
  "lane": 3
 },
 "idempotencyKey": "key-1",
 "path": [
  "27176756b0403db0630ff8b01178c5e4cad102895e93d97d28b768a540632826",
  "02ecd29199911cfaf7200c65b14c3ec1a7a99129216a2d6cbc86c962d1d2aed5"
 ],
 "batch": {
  "previousHash": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  "baseOffset": 7,
  "lastOffsetDelta": 2,
  "lowestAt": 1699999999999,
  "highestAt": 1700000000005,
  "recordedAt": 1700000000001
 },
 "hash": "782cd6eab4efa146363c315e63467f873b51bc92ba9e2f71989b030d7b8a1f78"
}`

test('verifyProof() follows a known proof', () => {
  const proof = parseJsonValue(KNOWN) as EventProof
  expect(verifyProof(proof)).toBe('782cd6eab4efa146363c315e63467f873b51bc92ba9e2f71989b030d7b8a1f78')
})
