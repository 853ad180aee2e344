/** Goal: no bytes of a document make reading or checking it do more than fail: damage is named by its error, no read is
 * endless, and what a check finds sound is read without an error of another kind.
 * Method: bytes of blocks and of the index section are changed and put under right checksums, as a hostile writer
 * could; each document is checked, read whole and by paths, and its children are listed. fast-check prints the seed of
 * a failure.
 * @module */
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { fromHex, viewOf } from '../../src/codec/bytes.ts'
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  documentSeed,
  FILE_HEADER_BYTES,
  sealBlock,
} from '../../src/document/blocks.ts'
import { verifyDocumentFile } from '../../src/document/check/verify.ts'
import { pumpValue } from '../../src/document/events/value-source.ts'
import { readTrailer, sealIndex, TRAILER_BYTES } from '../../src/document/file-format.ts'
import { openDocumentFile } from '../../src/document/read/document.ts'
import type { OpenDocument } from '../../src/document/types.ts'
import { DocumentWriter } from '../../src/document/write/writer.ts'
import { isVarveError } from '../../src/errors.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { documentValue } from '../crash/documents-oracle.ts'
import { imageStorage } from '../faults/image-storage.ts'
import { share } from '../support/runtime.ts'
import { type Draw, draws } from '../support/seeded-random.ts'

const ID = 'abcdef0123456789'
const PATH = `documents/d/${ID}.vdoc`
const storage = memoryStorage()
const PLACE = { digest: storage.digest, seed: documentSeed(storage.digest, fromHex(ID)) }
/** Codes of all classes, and lengths. */
const BYTES = [0xff, 0, 0x1a, 0x10, 0x11, 0x12, 0x13, 0x80, 0xe0, 0xc0, 0x40, 0x50]
const PATHS = ['', 'number', 'rows[1].text', 'rows[59].id', 'deep.x[2][1].y', 'keys.k2i8', 'keys.zzz', 'deep.b']
const PARENTS = ['', 'rows', 'keys', 'deep.x', 'rows[1]']

interface Base {
  readonly bytes: Uint8Array
  readonly sizes: { readonly sizeBytes: number; readonly indexBytes: number }
}

const bases: Base[] = []

async function write(rows: number, keys: number, thresholdBytes: number): Promise<Base> {
  const value = {
    ...documentValue(1, rows),
    deep: { x: [1, 2, [3, { y: 'z' }]], b: new Uint8Array(40), n: 12345678901234567890n, f: 0.1, at: new Date(5) },
    keys: Object.fromEntries(Array.from({ length: keys }, (_, key) => [`k${key.toString(36)}`, key])),
  }
  const writer = await DocumentWriter.create({ storage, path: PATH, id: ID, storeId: 's', options: { thresholdBytes } })
  await pumpValue(writer, value, {})
  const sizes = await writer.finish(1)
  const handle = await storage.openRead(PATH)
  const bytes = new Uint8Array(sizes.sizeBytes)
  await handle.read(0, bytes)
  await handle.close()
  await storage.remove(PATH)
  return { bytes, sizes }
}

beforeAll(async () => {
  bases.push(await write(3, 0, 0), await write(60, 0, 64), await write(10, 300, 0), await write(20, 4_200, 64))
})

function drawByte(draw: Draw): number {
  const value = draw()
  return value % 3 === 0 ? value >>> 24 : (BYTES[value % BYTES.length] as number) | ((value >>> 24) % 4)
}

/** A document with some bytes changed, under right checksums. */
function mutated({ bytes, sizes }: Base, draw: Draw): Uint8Array {
  const out = bytes.slice()
  const what = draw() % 3
  if (what !== 1) for (let left = 1 + (draw() % 4); left > 0; left--) changeBlock(out, sizes, draw)
  if (what === 0) return out
  const section = out.subarray(out.length - sizes.indexBytes)
  const trailer = { ...readTrailer(section) }
  const index = section.slice(0, section.length - TRAILER_BYTES)
  for (let left = draw() % 4; left > 0; left--) index[draw() % index.length] = drawByte(draw)
  if (draw() % 5 === 0) trailer.endAddress = Math.max(1, trailer.endAddress + (draw() % 9) - 4)
  if (draw() % 5 === 0) trailer.features ^= 1
  if (draw() % 9 === 0) trailer.threshold = [Number.NaN, -1, Number.POSITIVE_INFINITY, 1e300, 0][draw() % 5] as number
  out.set(sealIndex(index, trailer, storage.digest), out.length - sizes.indexBytes)
  return out
}

function changeBlock(bytes: Uint8Array, sizes: Base['sizes'], draw: Draw): void {
  const streamBytes = sizes.sizeBytes - sizes.indexBytes - FILE_HEADER_BYTES
  const block = draw() % Math.ceil(streamBytes / BLOCK_BYTES)
  const start = FILE_HEADER_BYTES + block * BLOCK_BYTES
  const stored = bytes.subarray(start, start + Math.min(BLOCK_BYTES, streamBytes - block * BLOCK_BYTES))
  const rawBytes = viewOf(stored).getUint32(8, true)
  for (let left = 1 + (draw() % 3); left > 0; left--) {
    const at = draw() % (draw() % 3 === 0 ? Math.min(rawBytes, 60) : rawBytes)
    stored[BLOCK_HEADER_BYTES + at] = drawByte(draw)
  }
  const isCut = draw() % 20 === 0
  sealBlock(stored, isCut ? 1 + (draw() % rawBytes) : rawBytes, { ...PLACE, block })
}

const EXPECTED = new Set(['DOCUMENT_DAMAGED', 'PATH_NOT_CONTAINER', 'PATH_UNKNOWN'])

/** What `attempt` gives, or undefined when it says why not; other errors are thrown on. */
async function answer<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt()
  } catch (error) {
    if (!isVarveError(error) || !EXPECTED.has(error.code)) throw error
    return undefined
  }
}

async function askEverything(document: OpenDocument): Promise<void> {
  for (const path of PATHS) await answer(() => document.read(path))
  for (const path of PARENTS) {
    const page = await answer(() => document.children(path, { limit: 20 }))
    const cursor = page?.nextCursor
    if (cursor !== undefined) await answer(() => document.children(path, { limit: 500, cursor }))
  }
  await answer(() => document.readMany([...PATHS, ...PARENTS]))
  await answer(() => countOf(document.json()))
  await answer(() => countOf(document.matches('rows[*].id')))
  await answer(() => countOf(document.events('deep')))
}

async function countOf(pieces: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of pieces) if (++count === 1_000) break
  return count
}

test('documents of changed bytes with right checksums are read, or fail as damaged', { timeout: 120_000 }, async () => {
  let sound = 0
  let opened = 0
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 0x7fff_ffff }), async (seed) => {
      const draw = draws(seed)
      const base = bases[[0, 0, 0, 0, 1, 1, 2, 2, 3][draw() % 9] as number] as Base
      const image = new Map([[PATH, mutated(base, draw)]])
      const stat = { name: 'd', version: 1, writtenAt: 0, ...base.sizes }
      const parts = { storage: imageStorage(image), clock: systemClock, path: PATH, id: ID, stat }
      if ((await verifyDocumentFile(parts)).ok) sound++
      const document = await answer(() => openDocumentFile(parts))
      if (document === undefined) return
      opened++
      await askEverything(document)
      await document.close()
    }),
    { numRuns: share(3_000) },
  )
  expect(opened).toBeGreaterThan(share(1_000))
  expect(sound).toBeGreaterThan(share(100))
})
