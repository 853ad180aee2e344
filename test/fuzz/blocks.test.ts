/** Goal: no compressed block, and no batch in a chain over events, makes a scan do more than refuse it or give events.
 * Method: raw blocks are mutated, compressed again and put under right checksums, as a hostile writer could; what is
 * compressed is mutated as well. A scan ends with a reason or with a batch, and asks for no more than entries may say.
 * fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RATIO_MAX } from '../../src/codec/batch-body.ts'
import { BATCH_BODY_MAX_BYTES } from '../../src/codec/batch-header.ts'
import { RowRoots } from '../../src/codec/row-root.ts'
import { ValueEncoder } from '../../src/codec/values.ts'
import { portableCompression } from '../../src/ports/compression.ts'
import { share } from '../support/runtime.ts'
import { digest, eventArbitrary, makeBatch, makeRows, type TestEvent } from '../unit/codec/batch-support.ts'
import { forged, LINEAGE, scan } from '../unit/codec/deflate-support.ts'

const recordedAt = 1_700_000_000_000

/** A batch of one block; in a chain over events as the writer makes it. */
function batchOf(events: readonly TestEvent[], eventChain: boolean) {
  if (!eventChain) return makeBatch(events)
  const encoder = new ValueEncoder()
  const rows = makeRows(events, encoder)
  const roots = new RowRoots(digest, { lineage: LINEAGE, partition: 0 })
  return makeBatch(events, { eventRoot: roots.of(rows, { baseOffset: 0, recordedAt, shapes: encoder.shapes }) })
}

/** Bytes set, taken away and doubled, by position. */
function mutated(bytes: Uint8Array, changes: readonly (readonly [number, number, number])[]): Uint8Array {
  let out = Array.from(bytes)
  for (const [kind, where, byte] of changes) {
    const at = where % Math.max(1, out.length)
    if (kind === 0) out[at] = byte
    else if (kind === 1) out.splice(at, 1 + (byte % 8))
    else out = [...out.slice(0, at), ...out.slice(at, at + byte), ...out.slice(at)]
  }
  return Uint8Array.from(out)
}

const changesArbitrary = fc.array(fc.tuple(fc.nat(2), fc.nat(1_000_000), fc.nat(255)), { minLength: 1, maxLength: 6 })

test('scanBatches() of mutated blocks under right checksums ends with a reason, or with the same hash', async () => {
  const events = fc.array(eventArbitrary, { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      fc.record({ events, eventChain: fc.boolean(), raw: fc.boolean(), lie: fc.boolean(), changes: changesArbitrary }),
      async ({ events, eventChain, raw, lie, changes }) => {
        const batch = batchOf(events, eventChain)
        if (batch.layout.cuts.length > 1) return
        const block = batch.bytes.slice(batch.layout.blocksAt)
        const changed = raw ? mutated(block, changes) : block
        const deflated = (await portableCompression.deflate(changed)).slice()
        const stored = raw ? deflated : mutated(deflated, changes)
        const rawBytes = changed.length + (lie ? (changes[0]?.[1] ?? 0) : 0)
        const asked: number[] = []
        const found = await scan(forged(batch, { block: stored, codec: 1, raw: rawBytes }), asked)
        for (const bytes of asked) {
          expect(bytes).toBeLessThanOrEqual(Math.min(stored.length * RATIO_MAX, BATCH_BODY_MAX_BYTES))
        }
        if (typeof found !== 'string') expect(found.header.hash).toEqual(batch.hash)
      },
    ),
    { numRuns: share(1_500) },
  )
})

test('scanBatches() takes the batches that the fuzz begins with', async () => {
  for (const eventChain of [true, false]) {
    const events = Array.from({ length: 9 }, (_, i) => ({ kind: 'k', entity: `e${i}`, at: i, data: { i } }))
    const batch = batchOf(events, eventChain)
    const raw = batch.bytes.slice(batch.layout.blocksAt)
    const block = (await portableCompression.deflate(raw)).slice()
    expect(typeof (await scan(forged(batch, { block, codec: 1, raw: raw.length })))).toBe('object')
  }
})
