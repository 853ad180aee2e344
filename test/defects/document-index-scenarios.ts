/** What kills defects in the path index of documents and in their key pages.
 * @module */
import { fromHex, viewOf } from '../../src/codec/bytes.ts'
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  BLOCK_RAW_BYTES,
  blockPosition,
  documentSeed,
  FILE_HEADER_BYTES,
  sealBlock,
} from '../../src/document/blocks.ts'
import { verifyDocumentFile } from '../../src/document/check/verify.ts'
import {
  encodeHeader,
  sealIndex,
  readTrailer as sectionTrailer,
  TRAILER_BYTES,
} from '../../src/document/file-format.ts'
import { decodeIndex } from '../../src/document/index/decode.ts'
import { encodeIndex, type IndexItems, type PathIndex } from '../../src/document/index/format.ts'
import { Path } from '../../src/document/path/path.ts'
import { openDocumentFile } from '../../src/document/read/document.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { answersAll, digest, fileOf, ID, partsOf, reading, readsBack, type Sized } from './document-support.ts'

/** A large object has several runs of key pages; every key is in one of them. */
export async function largeObjectsFindEveryKey(): Promise<void> {
  const keys = Array.from({ length: 5_000 }, (_, at) => `key ${(at * 7_919) % 5_000}`)
  const value = Object.fromEntries(keys.map((key, at) => [key, at]))
  const document = await readsBack({ value }, { heldKeys: 600 })
  for (let at = 0; at < keys.length; at += 97) {
    const key = keys[at] as string
    mustEqual(await reading(key, () => document.read(Path.of([{ type: 'field', key }]))), at, `the value of ${key}`)
  }
  mustEqual(await document.read('nothing'), undefined, 'the value of a key that is not there')
}

/** An index that was thinned leads to every value all the same, and lists every child. */
export async function thinnedIndexesAnswerAll(): Promise<void> {
  const fields = (count: number, textBytes: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`f${at}`, at % 2 === 0 ? at : `${at}`.repeat(textBytes)]),
    )
  const value = {
    large: fields(20, 300),
    rows: Array.from({ length: 150 }, (_, at) => ({ id: at, in: fields(4, 40 + (at % 90)), last: at })),
    last: { ...fields(30, 100), end: [fields(3, 400), 1] },
  }
  const document = await readsBack({ value }, { indexBudget: 1_200 })
  must(document.thresholdBytes > 64, 'the index was thinned')
  await answersAll(document, value, [])
}

/** An index, or key pages, under right checksums that lead to anything wrong are named by `verify`. */
export async function wrongIndexesAreNamed(): Promise<void> {
  const many = Object.fromEntries(Array.from({ length: 450 }, (_, at) => [`key ${at}`, at]))
  const long = (at: number) => ({ at, text: `${at}`.repeat(300), few: [at, 'x'.repeat(70)], end: at })
  const value = { many, rows: [1, 2, 3, long(4), 5, [long(6)], 7], a: 1, b: long(8), c: 2, last: 'y'.repeat(200) }
  const written = await fileOf(value, ID, { heldKeys: 200 })
  for (const [what, wrong] of [...wrongIndexes(written), ...wrongKeyPages(written)]) {
    const parts = partsOf(wrong.bytes, wrong.indexBytes)
    if (!(await verifyDocumentFile(parts)).ok) continue
    // It only leads to values by longer ways, then.
    const document = await openDocumentFile(parts)
    await answersAll(document, value, []).catch((error: unknown) => {
      throw new ScenarioFailure(`verify finds nothing, ${what}: ${error}`)
    })
  }
}

/** The file with some byte of its key pages changed. */
function* wrongKeyPages({ bytes, indexBytes }: Sized): Iterable<[string, Sized]> {
  const { index } = indexOf(bytes, indexBytes)
  const newest = Math.max(...index.items.pages) - 1
  must(newest > 0, 'an object has key pages')
  const place = { digest, seed: documentSeed(digest, fromHex(ID)) }
  for (const block of [newest, newest + 1]) {
    const from = blockPosition(block)
    const rawBytes = viewOf(bytes).getUint32(from + 8, true)
    for (let at = 0; at < rawBytes; at += at < 40 ? 1 : 19) {
      const changed = bytes.slice()
      const position = from + BLOCK_HEADER_BYTES + at
      changed[position] = (changed[position] as number) ^ 1
      sealBlock(changed.subarray(from, from + BLOCK_BYTES), rawBytes, { ...place, block })
      yield [`byte ${at} of block ${block}`, { bytes: changed, indexBytes }]
    }
  }
}

function indexOf(bytes: Uint8Array, indexBytes: number) {
  const section = bytes.subarray(bytes.length - indexBytes)
  const trailer = sectionTrailer(section)
  const facts = { blockRawBytes: BLOCK_RAW_BYTES, endAddress: trailer.endAddress }
  return { trailer, index: decodeIndex(section.subarray(0, indexBytes - TRAILER_BYTES), facts) }
}

/** The file with its index as it was, with each number of it changed, and with each item but the root taken out. */
function* wrongIndexes({ bytes, indexBytes }: Sized): Iterable<[string, Sized]> {
  const { trailer } = indexOf(bytes, indexBytes)
  const read = () => indexOf(bytes, indexBytes).index
  const sealed = (index: PathIndex, endAddress = trailer.endAddress): Sized[] => {
    try {
      const encoded = encodeIndex(index, BLOCK_RAW_BYTES)
      const sizes = { streamBytes: trailer.streamBytes, indexBytes: encoded.length + TRAILER_BYTES }
      const blocks = bytes.subarray(FILE_HEADER_BYTES, bytes.length - indexBytes)
      const header = encodeHeader(sizes.streamBytes, sizes.indexBytes)
      const end = sealIndex(encoded, { ...trailer, ...sizes, endAddress }, digest)
      return [{ bytes: Uint8Array.from([...header, ...blocks, ...end]), indexBytes: sizes.indexBytes }]
    } catch (error) {
      // It cannot even be written.
      if (error instanceof Error && error.name === 'AssertionError') return []
      throw error
    }
  }
  // What a number means nothing for is not written.
  const isOther = (file: Sized) => file.indexBytes !== indexBytes || file.bytes.some((byte, at) => byte !== bytes[at])
  const named = (what: string, all: Sized[]) => all.filter(isOther).map((file): [string, Sized] => [what, file])
  mustEqual(sealed(read())[0]?.bytes, bytes, 'an index that is written again')
  yield* named('an end a byte before', sealed(read(), trailer.endAddress - 1))
  const { items, keys } = read()
  for (let at = 0; at < items.count; at++) {
    for (const column of ['kinds', 'depths', 'addresses', 'ordinals', 'sizes', 'counts', 'pages'] as const) {
      for (const by of column === 'pages' ? [-6, -5, -4, -3, -2, -1, 1] : [-1, 1]) {
        const { items: changed } = read()
        changed[column][at] = (changed[column][at] as number) + by
        const what = `${column} of item ${at}, a ${items.kinds[at]} at depth ${items.depths[at]}, ${by} more`
        yield* named(what, sealed({ items: changed, keys }))
      }
    }
    const other = items.keys.map((key, item) => (item === at && key !== undefined ? `${key}x` : key))
    if (items.keys[at] !== undefined)
      yield* named(`key of item ${at}`, sealed({ items: { ...items, keys: other }, keys }))
    if (at > 0) yield* named(`no item ${at}, a ${items.kinds[at]}`, sealed({ items: without(items, at), keys }))
  }
  for (const [number, key] of keys.entries()) {
    yield* named(`name of key ${number}`, sealed({ items, keys: keys.with(number, `${key}x`) }))
  }
}

function without(items: IndexItems, item: number): IndexItems {
  const keep = <T extends Uint8Array | Uint16Array | Float64Array>(column: T) =>
    column.filter((_, at) => at !== item) as T
  const { kinds, depths, addresses, ordinals, sizes, keys, counts, pages } = items
  return {
    count: items.count - 1,
    kinds: keep(kinds),
    depths: keep(depths),
    addresses: keep(addresses),
    ordinals: keep(ordinals),
    sizes: keep(sizes),
    keys: Array.from(keys).filter((_, at) => at !== item),
    counts: keep(counts),
    pages: keep(pages),
  }
}
