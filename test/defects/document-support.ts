/** Files of documents for scenarios: made, changed, and asked everything.
 * @module */
import { fromHex } from '../../src/codec/bytes.ts'
import type { Digest } from '../../src/codec/digest.ts'
import { CODE } from '../../src/codec/structural-codes.ts'
import { BLOCK_HEADER_BYTES, BLOCK_RAW_BYTES, documentSeed, sealBlock } from '../../src/document/blocks.ts'
import { pumpValue } from '../../src/document/events/value-source.ts'
import { encodeHeader, encodePreamble, sealIndex, TRAILER_BYTES } from '../../src/document/file-format.ts'
import { encodeIndex, ITEM } from '../../src/document/index/format.ts'
import { Path } from '../../src/document/path/path.ts'
import type { openDocumentFile } from '../../src/document/read/document.ts'
import type { OpenDocument } from '../../src/document/types.ts'
import { DocumentWriter, type WriterLimits } from '../../src/document/write/writer.ts'
import { isVarveError } from '../../src/errors.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { imageStorage } from '../faults/image-storage.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { type Source, writeDocument } from '../unit/document/support/documents.ts'

export const ID = '0123456789abcdef'
export const PATH = `documents/d/${ID}.vdoc`
export const { digest } = imageStorage(new Map())

export type Parts = Parameters<typeof openDocumentFile>[0]

/** A file. */
export interface Sized {
  readonly bytes: Uint8Array
  readonly indexBytes: number
}

/** The parts of a file whose bytes are these. */
export function partsOf(
  bytes: Uint8Array,
  indexBytes: number,
  storage = imageStorage(new Map([[PATH, bytes]])),
): Parts {
  const stat = { name: 'd', version: 1, writtenAt: 0, sizeBytes: bytes.length, indexBytes }
  return { storage, clock: systemClock, path: PATH, stat, id: ID }
}

/** The file of a value, as version 1. */
export async function fileOf(value: unknown, id = ID, limits: WriterLimits = {}): Promise<Sized> {
  const storage = imageStorage(new Map())
  const options = { thresholdBytes: 64 }
  const writer = await DocumentWriter.create({ storage, path: PATH, id, storeId: 's', options, limits })
  await pumpValue(writer, value)
  const { sizeBytes, indexBytes } = await writer.finish(1)
  const bytes = new Uint8Array(sizeBytes)
  const handle = await storage.openRead(PATH)
  await handle.read(0, bytes)
  return { bytes, indexBytes }
}

export async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'nothing'
  } catch (error) {
    if (isVarveError(error)) return error.code
    throw error
  }
}

/** What was written must be readable: an error is a wrong answer. */
export async function reading<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw new ScenarioFailure(`${what}: ${error instanceof Error ? error.stack : String(error)}`)
  }
}

/** Write a value with some of everything small, and read it back, whole and sound. */
export async function readsBack(source: Source & { value: unknown }, limits: WriterLimits = {}): Promise<OpenDocument> {
  const written = await reading('a write', () => writeDocument(source, { thresholdBytes: 64 }, { limits }))
  const document = await reading('an open', () => written.open())
  mustEqual(await reading('a read', () => document.read()), source.value, 'the value that was written')
  const { problems } = await written.verify()
  mustEqual(problems, [], 'problems of a document that was just written')
  return document
}

/** Every value is found by its path, and every container lists its children. */
export async function answersAll(document: OpenDocument, value: unknown, steps: Path['steps']): Promise<void> {
  const path = Path.of(steps)
  mustEqual(await reading(`${path}`, () => document.read(path)), value, () => `value at "${path}"`)
  if (typeof value !== 'object' || value === null) return
  const children = Object.entries(value)
  const { items } = await reading(`${path}`, () => document.children(path, { limit: 1_000 }))
  mustEqual(items.length, children.length, () => `children of "${path}"`)
  for (const [at, [key, child]] of children.entries()) {
    const step = Array.isArray(value) ? { type: 'index' as const, index: at } : { type: 'field' as const, key }
    await answersAll(document, child, [...steps, step])
  }
}

/** A document of one block under right checksums whose value is these bytes, as a hostile writer would make it. */
export function handmade(value: readonly number[], kind: number, own: Digest = digest): Parts {
  const preamble = encodePreamble({ threshold: 512, id: ID, storeId: 's' })
  const raw = [CODE.preamble, preamble.length, ...preamble, ...value]
  must(raw.length <= BLOCK_RAW_BYTES, 'it is one block')
  const block = new Uint8Array(BLOCK_HEADER_BYTES + raw.length)
  block.set(raw, BLOCK_HEADER_BYTES)
  sealBlock(block, raw.length, { digest, seed: documentSeed(digest, fromHex(ID)), block: 0 })
  const items = {
    count: 1,
    kinds: Uint8Array.of(kind),
    depths: Uint16Array.of(0),
    addresses: Float64Array.of(raw.length - value.length),
    ordinals: Float64Array.of(0),
    sizes: Float64Array.of(value.length),
    keys: [undefined],
    counts: Float64Array.of(kind === ITEM.scalar ? 0 : 1),
    pages: Float64Array.of(0),
  }
  const index = encodeIndex({ items, keys: [] }, BLOCK_RAW_BYTES)
  const sizes = { streamBytes: block.length, indexBytes: index.length + TRAILER_BYTES }
  const trailer = { id: ID, version: 1, ...sizes, features: 0, threshold: 512, endAddress: raw.length }
  const section = sealIndex(index, trailer, digest)
  const file = [...encodeHeader(sizes.streamBytes, sizes.indexBytes), ...block, ...section]
  const bytes = Uint8Array.from(file)
  const storage: Storage = { ...imageStorage(new Map([[PATH, bytes]])), digest: own }
  return partsOf(bytes, sizes.indexBytes, storage)
}
