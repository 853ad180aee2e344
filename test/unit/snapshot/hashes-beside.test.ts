/** Large batches are hashed beside reading: damage in them is found as in small ones, the first of them named.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { partitionDirectory } from '../../../src/manifest/index.ts'
import type { UnhashedBatch } from '../../../src/segment/scan.ts'
import { checkTruth } from '../../../src/snapshot/check/check.ts'
import { HashesBeside } from '../../../src/snapshot/check/hashes-beside.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { frozenStore, ID, restoreParts } from './frozen-store.ts'
import { bytesOf, putBytes } from './still-host.ts'

/** More than is hashed at once. */
const BATCHES = 40
const TEXT_BYTES = 100_000

function batchAt(position: number, isRight: boolean, bytes = 65_536): UnhashedBatch {
  return { position, offset: position / 10, logical: new Uint8Array(bytes), matches: () => isRight }
}

test('HashesBeside.take() leaves small batches to the caller', async () => {
  const hashes = new HashesBeside()
  expect(hashes.take(batchAt(0, false, 65_535))).toBe(false)
  expect(hashes.take(batchAt(0, true))).toBe(true)
  expect(await hashes.finish()).toBeUndefined()
})

test('HashesBeside.finish() says where the first batch lies that is not in its place', async () => {
  const hashes = new HashesBeside()
  for (const position of [100, 200, 300, 400]) {
    expect(hashes.take(batchAt(position, position < 200))).toBe(true)
    await hashes.room()
  }
  expect(await hashes.finish()).toEqual({ position: 200, offset: 20 })
})

test('HashesBeside.finish() throws what a check threw', async () => {
  const hashes = new HashesBeside()
  const failing = { ...batchAt(0, true), matches: () => expect.fail('cannot be read') }
  hashes.take(failing)
  await expect(hashes.finish()).rejects.toThrow('cannot be read')
})

test.each(['none', 'deflate'] as const)(
  'checkTruth() names the first damage in large batches, %s',
  async (compression) => {
    const base = memoryStorage()
    await frozenStore(base, async (store) => {
      const notes = await store.topics.open('notes', { create: { compression } })
      for (let note = 0; note < BATCHES; note++)
        await notes.append([{ kind: 'Noted', entity: 'notes', data: textOf(note) }])
    })
    const { catalogue } = restoreParts(base)
    const [state, storage] = [await catalogue.state(ID), catalogue.storageOf(ID)]
    expect(await checkTruth(storage, state, {})).toMatchObject({ problems: [], events: BATCHES })
    const file = `${partitionDirectory('notes', 0)}/${state.topics[0]?.partitions[0]?.segments[0]?.file}`
    const whole = (await bytesOf(storage, file)) ?? new Uint8Array(0)
    expect(whole.length).toBeGreaterThan(BATCHES * 65_536)
    for (const part of [1, 4, 7, 11]) {
      const damaged = whole.slice()
      const first = Math.floor((whole.length * part) / 12)
      for (const at of [first, Math.floor((first + whole.length) / 2), whole.length - 1000])
        damaged[at] = ~(whole[at] ?? 0)
      await putBytes(storage, file, damaged)
      const { problems, events } = await checkTruth(storage, state, {})
      expect(problems).toMatchObject([{ code: 'SEGMENT_DAMAGED', file }])
      const position = Number(/at position (\d+) /.exec(problems[0]?.message ?? '')?.[1])
      expect(position).toBeLessThanOrEqual(first)
      expect(position).toBeGreaterThan(first - whole.length / BATCHES - 1000)
      expect(events).toBe(Math.round((position / whole.length) * BATCHES))
    }
  },
)

/** The same length each, and hard to compress. */
function textOf(note: number): string {
  const random = seededRandom(note)
  return Array.from(random.bytes(TEXT_BYTES), (byte) => String.fromCharCode(33 + (byte % 90))).join('')
}
