/** A store whose checkpoint is damaged, gone, old or foreign opens with the same answers, and says why it refused it.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { flipBit } from '../codec/batch-support.ts'
import { bodyOf, fileOf } from '../index/checkpoint-support.ts'

const CHECKPOINT = 'topics/orders/0/index.ckpt'
type Files = Map<string, Uint8Array>

const event = (n: number) => ({
  kind: n % 2 ? 'Odd' : 'Even',
  entity: `e-${n % 7}`,
  data: { n },
  ...(n % 5 === 0 ? { id: `id-${n}`, correlationId: `c-${n}`, lane: n } : {}),
})

async function filesOf(storage: Storage, directory = ''): Promise<Files> {
  const files: Files = new Map()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') {
      for (const [inner, bytes] of await filesOf(storage, path)) files.set(inner, bytes)
      continue
    }
    const handle = await storage.openRead(path)
    const bytes = new Uint8Array(await handle.size())
    await handle.read(0, bytes)
    await handle.close()
    files.set(path, bytes)
  }
  return files
}

async function storageOf(files: Files): Promise<Storage> {
  const storage = memoryStorage()
  for (const [path, bytes] of files) {
    const handle = await storage.createExclusive(path)
    await handle.append(bytes)
    await handle.close()
  }
  return storage
}

/** Append `counts` one after another, closing the store cleanly after each. @returns the files after each close. */
async function closedStores(...counts: number[]): Promise<Files[]> {
  const storage = memoryStorage()
  const images: Files[] = []
  let n = 0
  for (const count of counts) {
    const store = await openStore({ storage })
    const topic = await store.topics.open('orders', { create: true })
    for (const end = n + count; n < end; n++) await topic.append(event(n))
    await store.close()
    images.push(await filesOf(storage))
  }
  return images
}

/** What a store answers, also of versions, and after it went on. */
async function answersOf(files: Files) {
  const storage = await storageOf(files)
  const store = await openStore({ storage, takeOver: true })
  const topic = await store.topics.open('orders')
  const events: unknown[] = []
  for await (const one of topic.read()) events.push(one)
  const versions: Record<string, number> = {}
  for (let i = 0; i < 9; i++) versions[`e-${i}`] = await topic.version(`e-${i}`)
  const { source, refused } = store.openReport
  const { firstOffset } = await topic.append(event(3), { expect: { entity: 'e-3', version: versions['e-3'] ?? 0 } })
  await store.close()
  // The checkpoint of that close is good again.
  const again = await openStore({ storage })
  const reopened = await again.topics.open('orders')
  const after = [await reopened.version('e-3'), again.openReport.refused.length]
  await again.close()
  return { source, refused, answers: { events, versions, firstOffset, after } }
}

const withCheckpoint = (files: Files, checkpoint: Uint8Array | undefined): Files => {
  const changed = new Map(files)
  if (checkpoint === undefined) changed.delete(CHECKPOINT)
  else changed.set(CHECKPOINT, checkpoint)
  return changed
}

const closing = closedStores(20, 15)
const elsewhere = closedStores(35)

/** The stores of this page: after the first close, after the second, and another one with as many events. */
async function images() {
  const [older, newer] = (await closing) as [Files, Files]
  const [other] = (await elsewhere) as [Files]
  const of = (files: Files) => files.get(CHECKPOINT) as Uint8Array
  return { older, newer, other, of, good: of(newer) }
}

test.each<[string, (all: Awaited<ReturnType<typeof images>>) => Uint8Array | undefined, string | undefined]>([
  ['as it was', ({ good }) => good, undefined],
  ['gone', () => undefined, undefined],
  ['empty', () => new Uint8Array(0), 'the magic differs'],
  ['something else', () => new TextEncoder().encode('not a checkpoint at all'), 'the magic differs'],
  ['with a flipped bit', ({ good }) => flipBit(good, 700), 'the checksum differs'],
  ['cut', ({ good }) => good.slice(0, 300), 'the checksum differs'],
  ['of version 1', ({ good }) => fileOf({ ...bodyOf(good), version: 1 }, 1), 'version 1 is not one of 2 to 6'],
  ['of version 7', ({ good }) => fileOf({ ...bodyOf(good), version: 7 }, 7), 'version 7 is not one of 2 to 6'],
  ['an older one', ({ older, of }) => of(older), 'it ends elsewhere than the segment'],
  ['of another store', ({ other, of }) => of(other), 'it belongs to another store'],
  [
    'of another store that calls itself this one',
    ({ other, of, good }) => {
      const { storeId, lineage } = bodyOf(good)
      return fileOf({ ...bodyOf(of(other)), storeId, lineage }, 6)
    },
    'the segment of the watermark is not the active one',
  ],
  [
    'with another hash',
    ({ good }) => {
      const { watermark, ...body } = bodyOf(good) as { watermark: object }
      return fileOf({ ...body, watermark: { ...watermark, hash: 'a'.repeat(64) } }, 6)
    },
    'the hash differs from that of the segment',
  ],
])('openStore() gives the same answers from a closed store with a checkpoint %s', async (_name, change, reason) => {
  const all = await images()
  const want = await answersOf(all.newer)
  expect(want).toMatchObject({ source: 'clean', refused: [] })
  expect(want.answers.after).toEqual([36, 0])
  const found = await answersOf(withCheckpoint(all.newer, change(all)))
  expect(found.answers).toEqual(want.answers)
  expect(found.refused).toEqual(reason === undefined ? [] : [{ file: CHECKPOINT, reason }])
})

test.each<[string, (good: Uint8Array) => Uint8Array | undefined, string | undefined]>([
  ['as it was', (good) => good, undefined],
  ['gone', () => undefined, undefined],
  ['with a flipped bit', (good) => flipBit(good, 700), 'the checksum differs'],
  [
    'past the end of the segment',
    (good) => {
      const body = bodyOf(good) as { watermark: { position: number } }
      const position = body.watermark.position + 100
      const none = [0, 0, 0, new Uint8Array(0)]
      const columns = { batchRows: none, recordedAts: none, segment: none, position: none, length: none }
      return fileOf({ ...body, ...columns, watermark: { ...body.watermark, position }, batches: 0, rows: 0 }, 6)
    },
    'the segment is shorter than the watermark',
  ],
  [
    'with another hash',
    (good) => {
      const { watermark, ...body } = bodyOf(good) as { watermark: object }
      return fileOf({ ...body, watermark: { ...watermark, hash: 'a'.repeat(64) } }, 6)
    },
    'the hash differs from that of the segment',
  ],
])('openStore() recovers the same answers with a checkpoint %s', async (_name, change, reason) => {
  // The owner wrote a checkpoint and stopped without closing: its files are copied while it is open.
  const storage = memoryStorage()
  const store = await openStore({ storage })
  const topic = await store.topics.open('orders', { create: true })
  for (let n = 0; n < 30; n++) await topic.append(event(n))
  await store.checkpoint()
  const files = await filesOf(storage)
  const good = files.get(CHECKPOINT) as Uint8Array
  const want = await answersOf(files)
  await store.close()
  expect(want).toMatchObject({ source: 'recovered', refused: [] })
  const found = await answersOf(withCheckpoint(files, change(good)))
  expect(found.answers).toEqual(want.answers)
  // Recovery looks at it first; the first use of the topic may refuse it again.
  expect(found.refused[0]).toEqual(reason === undefined ? undefined : { file: CHECKPOINT, reason })
})
