/** The worked examples of src/FORMAT.md are what the product writes, and readers made from that page alone read them.
 *
 * `UPDATE_DOCS=1` writes the dumps into the page; review the change as a change of the format.
 * @module */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type Storage } from '../../src/index.ts'
import { TOP } from '../support/bundle.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { dumpDocument } from './document-dump.ts'
import { DocumentFile } from './documents.ts'
import { dumpManifest, dumpSegment } from './dump.ts'
import { dumpGroup } from './group-dump.ts'
import { GroupPage } from './group-files.ts'

const PAGE = join(TOP, 'src/FORMAT.md')
const AT = 1_767_225_600_000
const MANIFEST = 'MANIFEST-00000000000000000001'
const SEGMENT = 'topics/orders/0/00000000000000000000.log'

const storage = memoryStorage()

beforeAll(async () => {
  const store = await openStore({ storage, clock: new ManualClock(AT), random: seededRandom(1) })
  const orders = await store.topics.open('orders', { create: true })
  await orders.append({ kind: 'OrderPlaced', entity: 'order-1', data: { total: 12 } })
  await store.close()
})

function bytesOf(path: string): Promise<Uint8Array> {
  return fileOf(storage, path)
}

async function fileOf(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  const bytes = new Uint8Array(await handle.size())
  await handle.read(0, bytes)
  await handle.close()
  return bytes
}

/** The block after `<!-- dump: PATH -->`. */
function expectOnPage(path: string, lines: readonly string[]): void {
  const page = readFileSync(PAGE, 'utf8')
  const mark = page.indexOf(`<!-- dump: ${path} -->`)
  expect(mark, path).toBeGreaterThan(0)
  const start = page.indexOf('```text\n', mark) + '```text\n'.length
  const end = page.indexOf('\n```', start)
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, page.slice(0, start) + lines.join('\n') + page.slice(end))
  else expect(page.slice(start, end).split('\n')).toEqual(lines)
}

test('the manifest of the example is on the page, and its frames read as described', async () => {
  const { lines, bodies } = dumpManifest(await bytesOf(MANIFEST), 1)
  expect(bodies).toMatchObject([
    { type: 'claim', epoch: 1 },
    { type: 'adopted', previousEpoch: 0, state: { topics: [] } },
    { type: 'topic-created', topic: { name: 'orders' } },
    { type: 'closed', partitions: [{ topic: 1, partition: 0, offset: 1 }] },
  ])
  expectOnPage(MANIFEST, lines)
})

test('the segment of the example is on the page, and its event reads as described', async () => {
  const { lines, event } = dumpSegment(await bytesOf(SEGMENT))
  expect(event).toEqual({
    offset: 0,
    kind: 'OrderPlaced',
    entity: 'order-1',
    at: AT,
    recordedAt: AT,
    data: { total: 12 },
  })
  expectOnPage(SEGMENT, lines)
})

test('the small document is on the page, and reads as described', async () => {
  const storage = memoryStorage()
  const value = {
    products: [
      { name: 'tea', price: 3.5 },
      { name: 'mug', price: 12 },
      { name: 'pot', price: 30.25 },
    ],
  }
  const store = await openStore({ storage, clock: new ManualClock(AT), random: seededRandom(1) })
  const stat = await store.documents.write('catalog', value, { thresholdBytes: 16 })
  await store.close()
  const [{ name: file = '' } = {}] = await storage.list('documents/catalog')
  const bytes = await fileOf(storage, `documents/catalog/${file}`)
  const document = new DocumentFile(bytes, { ...stat, id: file.slice(0, 16) })
  expect(document.preamble).toEqual({ threshold: 16, storeId: store.id })
  expect([document.value(), document.read(['products', 2, 'price'])]).toEqual([value, 30.25])
  expectOnPage('a small document', dumpDocument(bytes))
})

test('the small group is on the page, and reads as described', async () => {
  const storage = memoryStorage()
  // Runtimes deflate differently: this one saves nothing, so that bytes stay as they are.
  const compression = { ...storage.compression, deflate: (bytes: Uint8Array) => bytes }
  Object.defineProperty(storage, 'compression', { value: compression })
  const store = await openStore({ storage, clock: new ManualClock(AT), random: seededRandom(1) })
  const board = await store.histories.open('board', { create: true })
  const first = { title: 'Plan', cards: [{ text: 'tea', done: false }] }
  const second = { title: 'Plan B', cards: [{ text: 'tea', done: true }] }
  const values = [first, second, first, { ...first, points: [1, 2, 3, 5, 7, 9, 11, 13, 15, 17] }]
  for (const [at, value] of values.entries()) await board.append(value, at === 1 ? { label: 'better' } : {})
  await store.close()
  const { bodies } = dumpManifest(await fileOf(storage, MANIFEST), 1)
  const [row] = (bodies.findLast((body) => (body as { type: string }).type === 'history-written') as Written).groups
  const bytes = (await fileOf(storage, `histories/board/${row?.file}.vgrp`)).subarray(0, row?.endBytes)
  expect(new GroupPage(bytes, row?.id ?? '').values().map(({ value }) => value)).toEqual(values)
  expectOnPage('a small group', dumpGroup(bytes))
})

test('the small snapshot is on the page, and reads as described', async () => {
  const storage = memoryStorage()
  const store = await openStore({ storage, clock: new ManualClock(AT), random: seededRandom(1) })
  const orders = await store.topics.open('orders', { create: true })
  await orders.append({ kind: 'OrderPlaced', entity: 'order-1', data: { total: 12 } })
  const { id } = await store.snapshots.create({ label: 'first' })
  await store.close()
  const [catalogue, manifest] = ['.snapshots/snapshots.json', `.snapshots/${id}/MANIFEST-00000000000000000002`]
  const { lines, bodies } = dumpManifest(await fileOf(storage, manifest), 2)
  expect(bodies).toMatchObject([
    { type: 'claim', epoch: 2 },
    { type: 'adopted', previousEpoch: 1, state: { snapshot: { id, timestamp: AT, label: 'first' } } },
    { type: 'closed', partitions: [{ topic: 1, partition: 0, offset: 1 }] },
  ])
  expectOnPage(catalogue, [new TextDecoder().decode(await fileOf(storage, catalogue))])
  expectOnPage(manifest, lines)
})

interface Written {
  readonly groups: readonly { readonly id: string; readonly file: string; readonly endBytes: number }[]
}
