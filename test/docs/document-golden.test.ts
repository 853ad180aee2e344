/** Goal: documents that were written once are read for ever.
 * Method: the files that `test/golden/document` keeps are read by the library and by the reader made from
 * src/FORMAT.md, and answer as they did. They hold every kind of event, keys by number, an index, two runs of key pages
 * and, in one, keys that come twice. `UPDATE_GOLDEN=1` writes them anew: only while the format may change.
 * @module */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { verifyDocumentFile } from '../../src/document/check/verify.ts'
import { openDocumentFile } from '../../src/document/read/document.ts'
import { type Scalar, type StructuralEvent, systemClock } from '../../src/index.ts'
import { writeDocument } from '../unit/document/support/documents.ts'
import { KeyRun } from './document-runs.ts'
import { DocumentFile } from './documents.ts'

const FOLDER = fileURLToPath(new URL('../golden/document/', import.meta.url))
const ID = '0123456789abcdef'
const VERSION = 3

const SCALARS: readonly Scalar[] = [
  ...[null, true, false, 0, 31, 32, 2 ** 53 - 1, -1, -(2 ** 53 - 1), -0, Number.NaN, 0.1, -2.25, 1e300],
  ...['', 'short', 'ä'.repeat(40), '\ud800 alone', 0n, -1n, 2n ** 70n, -(2n ** 63n), new Uint8Array([1, 2, 255])],
  ...[new Date(1_767_225_600_000), 'x'.repeat(5_000)],
]
const ROWS = Array.from({ length: 60 }, (_, i) => ({
  id: `row-${i}`,
  note: 'n'.repeat((i % 7) * 60),
  at: { x: i / 8 },
}))
const WIDE = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`key-${i}`, i]))
const VALUE = { scalars: SCALARS, rows: ROWS, '7': '0.1000', wide: WIDE, 'odd \ud800': 1 }
const DUPLICATES = `{"a":1,"b":"${'x'.repeat(300)}","a":{"c":"${'y'.repeat(300)}","c":2},"b":3,"a":{"c":4}}`

function* eventsOf(value: unknown): Generator<StructuralEvent> {
  if (Array.isArray(value)) {
    yield { type: 'beginArray' }
    for (const element of value) yield* eventsOf(element)
    yield { type: 'endArray' }
  } else if (typeof value === 'object' && value?.constructor === Object) {
    yield { type: 'beginObject' }
    for (const [key, field] of Object.entries(value)) {
      yield { type: 'key', key }
      yield* eventsOf(field)
    }
    yield { type: 'endObject' }
  } else yield { type: 'value', value: value as Scalar }
}

function* events(): Generator<StructuralEvent> {
  yield { type: 'beginObject' }
  for (const key of ['scalars', 'rows'] as const) {
    yield { type: 'key', key }
    yield* eventsOf(VALUE[key])
  }
  yield { type: 'intKey', key: 7 }
  yield { type: 'decimal', text: '0.1000' }
  yield { type: 'intKey', key: -9 }
  yield { type: 'value', value: undefined }
  for (const key of ['wide', 'odd \ud800'] as const) {
    yield { type: 'key', key }
    yield* eventsOf(VALUE[key])
  }
  yield { type: 'endObject' }
}

/** Such documents as varve writes them now. */
const WRITERS = {
  v1: () => writeDocument({ events: events() }, { thresholdBytes: 256 }, { limits: { heldKeys: 100 } }),
  'v1-duplicates': () => writeDocument({ json: DUPLICATES }, { thresholdBytes: 256 }),
}

/** The committed file. */
async function golden(name: keyof typeof WRITERS) {
  const file = `${FOLDER}${name}.vdoc`
  if (process.env.UPDATE_GOLDEN === '1') {
    const { storage, parts } = await WRITERS[name]()
    const bytes = new Uint8Array(parts.stat.sizeBytes)
    await (await storage.openRead(parts.path)).read(0, bytes)
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(file, bytes)
  }
  const bytes = new Uint8Array(readFileSync(file))
  const sizes = { sizeBytes: bytes.length, indexBytes: new DataView(bytes.buffer).getUint32(8) }
  const path = `documents/d/${ID}.vdoc`
  const storage = memoryStorage()
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.close()
  const stat = { name: 'd', version: VERSION, writtenAt: 5, ...sizes }
  const parts = { storage, clock: systemClock, path, stat, id: ID }
  return { parts, document: await openDocumentFile(parts), file: new DocumentFile(bytes, { ...stat, id: ID }) }
}

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

test('a document of format 1 answers as it did', async () => {
  const { parts, document } = await golden('v1')
  expect(await verifyDocumentFile(parts)).toMatchObject({ ok: true, problems: [] })
  expect(await document.read()).toEqual(VALUE)
  expect(await listed(document.events())).toEqual([...events()])
  const fresh = await (await WRITERS.v1()).open()
  const text = async (pieces: AsyncIterable<Uint8Array>) => Buffer.concat(await listed(pieces)).toString()
  expect(await text(document.json())).toBe(await text(fresh.json()))
  for (const [at, scalar] of SCALARS.entries()) expect(await document.read(`scalars[${at}]`)).toEqual(scalar)
  for (const i of [0, 30, 59]) expect(await document.read(`rows[${i}].at`)).toEqual({ x: i / 8 })
  expect(await document.readMany(['wide.key-0', 'wide.key-149', 'wide.key-150', '{7}'])).toEqual([
    ...[0, 149, undefined, '0.1000'],
  ])
  expect(await document.has('{-9}')).toBe(true)
  expect((await document.children()).items.map(({ key, intKey, type }) => [key ?? intKey, type])).toEqual([
    ['scalars', 'array'],
    ['rows', 'array'],
    [7, 'decimal'],
    [-9, 'undefined'],
    ['wide', 'object'],
    ['odd \ud800', 'number'],
  ])
  expect((await listed(document.matches('rows[58:].id'))).map(({ value }) => value)).toEqual(['row-58', 'row-59'])
})

test('a document of format 1 reads as FORMAT.md says', async () => {
  const { file } = await golden('v1')
  expect(file.value()).toEqual(VALUE)
  expect(file.preamble).toEqual({ threshold: 256, storeId: 'store-1' })
  const wide = file.items.find(({ key }) => key === 'wide')
  const run = new KeyRun(file, wide?.run ?? -1)
  expect([run.keys, new KeyRun(file, run.before ?? -1).keys]).toEqual([55, 95])
  for (const i of [0, 99, 149]) expect(file.read(['wide', `key-${i}`])).toBe(i)
  expect(file.read(['rows', 17, 'at', 'x'])).toBe(17 / 8)
})

test('a document of format 1 with keys that come twice answers as it did', async () => {
  const { parts, document, file } = await golden('v1-duplicates')
  expect(await verifyDocumentFile(parts)).toMatchObject({ ok: true })
  expect([await document.read(), file.value()]).toEqual([JSON.parse(DUPLICATES), JSON.parse(DUPLICATES)])
  expect([await document.readMany(['a.c', 'b']), file.read(['a', 'c']), file.read(['b'])]).toEqual([[4, 3], 4, 3])
})
