/** What kills defects in the files of documents: blocks, texts, limits, what hostile bytes may do.
 * @module */
import type { Digest } from '../../src/codec/digest.ts'
import { CODE, DEPTH_MAX } from '../../src/codec/structural-codes.ts'
import { BLOCK_BYTES, blockPosition, FILE_HEADER_BYTES } from '../../src/document/blocks.ts'
import { readTrailer } from '../../src/document/check/salvage.ts'
import { verifyDocumentFile } from '../../src/document/check/verify.ts'
import { ITEM } from '../../src/document/index/format.ts'
import { openDocumentFile } from '../../src/document/read/document.ts'
import type { OpenDocument } from '../../src/document/types.ts'
import { DocumentWriter } from '../../src/document/write/writer.ts'
import { bitSweep } from '../faults/bit-sweep.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { must, mustEqual, plain, ScenarioFailure } from '../support/scenario.ts'
import { writeDocument } from '../unit/document/support/documents.ts'
import { codeOf, digest, fileOf, handmade, ID, PATH, partsOf, reading, readsBack } from './document-support.ts'

export * from './document-index-scenarios.ts'

const OTHER_ID = 'fedcba9876543210'
/** Some of everything, in one block. */
const SOME_VALUE = {
  rows: [1, 2, 3].map((id) => ({ id, text: `${id}: größer als viele`.repeat(4), more: [null, true, -0.5] })),
  byKey: { one: 1, two: 2n, date: new Date(5), 'a key of more than 31 bytes, spelt out': new Uint8Array(9) },
}

/** Bits of a document are noticed wherever they are. */
export async function bitsOfDocumentsAreNoticed(): Promise<void> {
  const { bytes, indexBytes } = await fileOf(SOME_VALUE)
  const image: StoreImage = new Map([[PATH, bytes]])
  const observe = async () => {
    const parts = partsOf(bytes, indexBytes, imageStorage(image))
    const { problems } = await verifyDocumentFile(parts)
    const document = await openDocumentFile(parts)
    const answers = plain([
      await document.read(),
      await document.read('rows[1].text'),
      await document.children('byKey'),
    ])
    await document.close()
    return { answers, found: problems.map(({ message }) => message) }
  }
  const { failures } = await bitSweep({ image, observe, stride: 7, covered: true, failuresMax: 1 })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}

/** Sound blocks in the place of others: of the same document, and of one that holds the same. */
export async function misplacedBlocksAreNoticed(): Promise<void> {
  const value = { text: 'abcdefghij'.repeat(3_000) }
  const { bytes, indexBytes } = await fileOf(value)
  const other = await fileOf(value, OTHER_ID)
  const [second, third] = [blockPosition(1), blockPosition(2)]
  const swapped = bytes.slice()
  swapped.set(bytes.subarray(third, third + BLOCK_BYTES), second)
  swapped.set(bytes.subarray(second, second + BLOCK_BYTES), third)
  const foreign = bytes.slice()
  foreign.set(other.bytes.subarray(second, third), second)
  for (const [what, damaged] of Object.entries({ swapped, foreign })) {
    const document = await openDocumentFile(partsOf(damaged, indexBytes))
    mustEqual(await codeOf(() => document.read()), 'DOCUMENT_DAMAGED', `a document with blocks that are ${what}`)
  }
}

/** A file whose sizes are still zero was not finished, whatever else is in it; and a file says whose it is. */
export async function unfinishedAndForeignFilesAreRefused(): Promise<void> {
  const value = SOME_VALUE
  const { bytes, indexBytes } = await fileOf(value)
  const unfinished = bytes.slice()
  unfinished.fill(0, 0, FILE_HEADER_BYTES)
  const other = await fileOf(value, OTHER_ID)
  mustEqual([other.bytes.length, other.indexBytes], [bytes.length, indexBytes], 'sizes of two files of one value')
  for (const [what, wrong] of Object.entries({ unfinished, other: other.bytes })) {
    const parts = partsOf(wrong, indexBytes)
    mustEqual(await codeOf(() => openDocumentFile(parts)), 'DOCUMENT_DAMAGED', `an open of a file: ${what}`)
  }
  const storage = imageStorage(new Map([[PATH, unfinished]]))
  mustEqual(await readTrailer(storage, PATH), undefined, 'what salvage finds in an unfinished file')
}

/** Of a key that comes twice the last one counts, wherever both are. */
export async function theLastOfEqualKeysCounts(): Promise<void> {
  const long = 'x'.repeat(500)
  for (const json of [`{"a":1,"b":"${long}","a":2}`, `{"a":"${long}","b":1,"a":2}`, `{"b":{"a":1,"a":2}}`]) {
    const written = await writeDocument({ json }, { thresholdBytes: 64 })
    const document = await written.open()
    const path = json.includes('{"b":{') ? 'b.a' : 'a'
    mustEqual(await reading(json, () => document.read(path)), 2, `"${path}" of ${json.slice(0, 30)}`)
  }
}

/** Keys with numbers and without, containers that end behind the bytes that wait: all read back. */
export async function whatIsWrittenReadsBack(): Promise<void> {
  const keys = Array.from({ length: 60 }, (_, at) => `key-${at}`)
  const row = (turn: number) => Object.fromEntries(keys.map((_, at) => [keys[(at * (turn + 1)) % 59], at * turn]))
  await readsBack({ value: Array.from({ length: 12 }, (_, turn) => row(turn)) })
  const parts = (count: number) => Array.from({ length: count }, (_, at) => String(at).repeat(90_000))
  await readsBack({ value: { few: parts(6), none: [], after: { key: parts(2), end: 1 } } })
}

/** Containers are as deep inside each other as the limit says, and no deeper. */
export async function depthHasItsLimit(): Promise<void> {
  const deep = (levels: number) => {
    let value: unknown = 1
    for (let level = 0; level < levels; level++) value = [value]
    return value
  }
  await readsBack({ value: deep(DEPTH_MAX) })
  const storage = imageStorage(new Map())
  const writer = await DocumentWriter.create({ storage, path: PATH, id: ID, storeId: 's', options: {} })
  for (let level = 0; level < DEPTH_MAX; level++) writer.beginArray()
  mustEqual(await codeOf(async () => writer.beginArray()), 'DOCUMENT_LIMIT', 'one level more')
  await writer.discard()
  const codes = (levels: number) => [...Array<number>(levels).fill(CODE.shortArray + 1), CODE.null]
  const read = async (levels: number) => {
    const document = await openDocumentFile(handmade(codes(levels), ITEM.array))
    return codeOf(() => document.read())
  }
  mustEqual(await read(DEPTH_MAX), 'nothing', 'a read of as many levels as there may be')
  mustEqual(await read(DEPTH_MAX + 1), 'DOCUMENT_DAMAGED', 'a read of one level more')
}

/** Texts that are not UTF-8 are damage, and no text with other characters. */
export async function brokenTextsAreRefused(): Promise<void> {
  for (const sizeBytes of [2, 40]) {
    const text = [...Array<number>(sizeBytes - 2).fill(0x61), 0xc3, 0x28]
    const document = await openDocumentFile(handmade([CODE.shortString + sizeBytes, ...text], ITEM.scalar))
    mustEqual(await codeOf(() => document.read()), 'DOCUMENT_DAMAGED', `a read of ${sizeBytes} bytes`)
    mustEqual(await codeOf(() => wholeText(document)), 'DOCUMENT_DAMAGED', `JSON text of ${sizeBytes} bytes`)
  }
}

async function wholeText(document: OpenDocument): Promise<void> {
  for await (const piece of document.json()) must(piece.length > 0, 'a piece of JSON text has bytes')
}

/** Objects that end where the value of a key should be: asking them ends, with an error. */
export async function hostileObjectsEnd(): Promise<void> {
  const key = (letter: number) => [CODE.shortKey + 1, letter]
  // What comes behind the object looks like more of it to whoever does not notice its end.
  const codes = [CODE.beginObject, ...key(0x61), CODE.endObject, ...key(0x63), CODE.endObject]
  const document = await openDocumentFile(handmade(codes, ITEM.object, impatient(1_000)))
  mustEqual(await codeOf(() => document.read('b')), 'DOCUMENT_DAMAGED', 'a field of an object without a value')
  mustEqual(await codeOf(() => document.children()), 'DOCUMENT_DAMAGED', 'children of an object without a value')
}

/** A digest that takes so many checksums of blocks for a sign that a read does not end. */
function impatient(checksums: number): Digest {
  let left = checksums
  return {
    crc32: (bytes, seed) => {
      if (left-- === 0) throw new ScenarioFailure('a read does not end')
      return digest.crc32(bytes, seed)
    },
    sha256: (bytes) => digest.sha256(bytes),
  }
}
