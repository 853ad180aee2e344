/** Compressed batches: the same events and hash from fewer bytes; others are refused, and nothing inflates far.
 *
 * Goal: no bytes make a reader give other events, or make it inflate more than it was told to.
 * Method: random batches there and back; every bit of a small batch flipped; forged entries with right checksums.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPreface } from '../../../src/codec/batch-body.ts'
import { deflateBatch } from '../../../src/codec/batch-deflate.ts'
import { BATCH_HEADER_BYTES, readBatchHeader } from '../../../src/codec/batch-header.ts'
import { toHex } from '../../../src/codec/bytes.ts'
import { portableCompression } from '../../../src/ports/compression.ts'
import { share } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import {
  digest,
  eventArbitrary,
  flipBit,
  inFull,
  makeBatch,
  PLACE,
  readPlain,
  type TestEvent,
} from './batch-support.ts'
import { forged, scan } from './deflate-support.ts'

const AT = 1_700_000_000_000
const facts = { place: PLACE, digest, deflate: portableCompression.deflate }
const order = (i: number): TestEvent => ({
  kind: 'OrderPlaced',
  entity: `order-${i}`,
  at: AT + i,
  data: { total: i, city: 'Hamburg', note: 'Please ring twice and leave it with the neighbour' },
})
const orders = Array.from({ length: 40 }, (_, i) => order(i))

async function eventsOf(bytes: Uint8Array): Promise<TestEvent[] | string> {
  const scanned = await scan(bytes)
  return typeof scanned === 'string' ? scanned : readPlain(scanned)
}

describe('deflateBatch()', () => {
  test('keeps the events and the chain hash of any batch', async () => {
    const batches = fc.array(eventArbitrary, { minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(batches, async (events) => {
        const batch = makeBatch(events)
        const bytes = await deflateBatch(batch, facts)
        expect(bytes.length).toBeLessThanOrEqual(batch.bytes.length)
        expect(toHex(bytes.subarray(68, 100))).toBe(toHex(batch.hash))
        expect(difference(await eventsOf(bytes), events.map(inFull))).toBeUndefined()
      }),
      { numRuns: share(100) },
    )
  })

  test('compresses blocks that shrink and leaves the others as they are', async () => {
    let state = 1
    const noise = Uint8Array.from({ length: 20_000 }, () => {
      state = Math.imul(state, 1_103_515_245) + 12_345
      return state >>> 24
    })
    const events = [...orders, { ...order(41), data: noise }, ...orders, { ...order(42), data: 'x'.repeat(500_000) }]
    const bytes = await deflateBatch(makeBatch(events), facts)
    const { blocks, deflated } = prefaceOf(bytes)
    expect(deflated).toBe(true)
    // The last shrinks to a thousandth, which no reader would inflate.
    expect(blocks.map(({ rawBytes }) => rawBytes !== undefined)).toEqual([true, false, true, false])
    expect(difference(await eventsOf(bytes), events.map(inFull))).toBeUndefined()
  })

  test('leaves tiny batches and those that do not shrink alone, byte for byte', async () => {
    const tiny = makeBatch([order(1)])
    expect(await deflateBatch(tiny, facts)).toBe(tiny.bytes)
    const deflate = (bytes: Uint8Array) => bytes.slice(0, bytes.length - Math.floor(bytes.length / 8) + 1)
    const whole = makeBatch(orders)
    expect(await deflateBatch(whole, { ...facts, deflate })).toBe(whole.bytes)
  })
})

function prefaceOf(bytes: Uint8Array) {
  const header = readBatchHeader(bytes, 0, { place: PLACE, digest })
  if (header === undefined) throw new Error('no header')
  return readPreface(header, bytes.subarray(BATCH_HEADER_BYTES), digest)
}

describe('a compressed batch', () => {
  test('with any bit flipped is refused', async () => {
    const bytes = await deflateBatch(makeBatch(orders), facts)
    expect(prefaceOf(bytes).deflated).toBe(true)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      expect(typeof (await scan(flipBit(bytes, bit))), `bit ${bit}`).toBe('string')
    }
  })

  test('with other blocks under right checksums never gives other events, nor inflates past what it says', async () => {
    const plain = makeBatch(orders)
    const bytes = await deflateBatch(plain, facts)
    const rawBytes = prefaceOf(bytes).blocks[0]?.rawBytes ?? 0
    const stored = await portableCompression.deflate(plain.bytes.subarray(plain.layout.blocksAt))
    const bomb = await portableCompression.deflate(new Uint8Array(4_000_000))
    const asked: number[] = []
    const forge = (block: Uint8Array, codec: number, raw: number) => scan(forged(plain, { block, codec, raw }), asked)
    expect(typeof (await forge(stored, 1, rawBytes))).toBe('object')
    for (const codec of [2, 3]) expect(await forge(stored, codec, rawBytes)).toContain('unknown codec')
    expect(await forge(bomb, 1, bomb.length * 100 + 1)).toContain('Cannot inflate')
    for (const raw of [0, 1, rawBytes - 1, rawBytes + 1, stored.length * 100]) {
      expect(typeof (await forge(stored, 1, raw)), `raw size ${raw}`).toBe('string')
    }
    expect(typeof (await forge(bomb, 1, bomb.length * 100))).toBe('string')
    const other = await portableCompression.deflate(new Uint8Array(rawBytes).fill(7))
    expect(await forge(other, 1, rawBytes)).toBeTypeOf('string')
    expect(await forge(stored, 0, 0)).toBeTypeOf('string')
    expect(Math.max(...asked)).toBeLessThanOrEqual(bomb.length * 100)
  })

  test('whose blocks inflate to more than a batch may hold is refused before anything is inflated', async () => {
    const asked: number[] = []
    const entry = { block: new Uint8Array(260_000), codec: 1, raw: 25_500_000 }
    expect(await scan(forged(makeBatch([order(1)]), entry), asked)).toContain('so many')
    expect(asked).toEqual([])
  })
})
