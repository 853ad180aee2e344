/** The bytes of a path index: which values of a document are where, as columns.
 *
 * An index is items in document order: *entries*, values that are known by address and size, and *ranges*, places
 * between them where a search may begin. An address is `block number * raw bytes of a block + offset in the block`.
 * Numbers are varints (LEB128, up to 2^53 - 1). The columns follow each other, each with a number for every item that
 * it is for, in the order of items; nothing follows the last.
 *
 * | column | for | numbers |
 * |---|---|---|
 * | head | | n items, k keys of the key table |
 * | key table | each of k | bytes of its text; then all texts, UTF-8 |
 * | shapes | runs of items | one item: shape * 2; m items alike: shape * 2 + 1, m - 2; shape = depth * 4 + kind |
 * | addresses | items | address; after the first: address - the one before - 1 |
 * | sizes | entries | encoded bytes |
 * | counts | entries of containers | children |
 * | ordinals | items but the first | which child, from 0; after a sibling: ordinal - that of the sibling - 1 |
 * | pages | m objects with key pages | m; then for each: items since the one before, blocks since its address |
 * | keys | entries in objects | a number as below |
 * | texts | | the texts of keys, UTF-8 |
 *
 * | key | number |
 * |---|---|
 * | key n of the key table | n * 2 |
 * | n bytes of texts | n * 4 + 1 |
 * | the next n bytes, WTF-8, with lone surrogates | n * 16 + 3 |
 * | the integer n, the integer -1 - n | 7, 15; then n |
 *
 * Kinds are 0 range, 1 scalar, 2 array, 3 object. Item 0 is the entry of the root, the only one of depth 0. A range has
 * the depth, ordinal and address of the child that begins there. An ordinary range takes 3 to 4 bytes, an entry 6 to 9
 * and its key. What is not said here (a checksum, a version) is in the trailer behind the index.
 * `decode.ts` reads what is written here.
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { ByteWriter } from '../../codec/bytes.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { assert } from '../../errors.ts'

/** Kinds of items. Containers are the last two. */
export const ITEM = { range: 0, scalar: 1, array: 2, object: 3 } as const

/** Low bits of the numbers in the column of keys. */
export const KEY_FORM = { text: 1, wtf8: 3, integer: 7, negativeInteger: 15 } as const

/** Items of a path index in document order, as columns. */
export interface IndexItems {
  readonly count: number
  readonly kinds: Uint8Array
  /** 0 for the root. A range has the depth of the child that begins there. */
  readonly depths: Uint16Array
  /** Of an entry: where the value begins, behind its key. Of a range: where the key (in objects) or the value (in
   * arrays) of the child begins. Strictly increasing. */
  readonly addresses: Float64Array
  /** Which child of its container, from 0. */
  readonly ordinals: Float64Array
  /** Of entries: encoded bytes. Ranges 0. */
  readonly sizes: Float64Array
  /** Of entries in objects: a string, or a safe integer for an integer key. Undefined for all others. */
  readonly keys: readonly (string | number | undefined)[]
  /** Of entries of containers: number of children. Others 0. */
  readonly counts: Float64Array
  /** Of entries of objects with key pages: block number of the newest run + 1. Others 0. */
  readonly pages: Float64Array
}

export interface PathIndex {
  readonly items: IndexItems
  /** The key table of the document, by number: well-formed strings. */
  readonly keys: readonly string[]
}

/** About the most that one item takes, for a budget: with gaps of up to 256 MiB and 16,384 children before it and
 * values of up to 256 MiB. A few that are larger weigh less than what ordinary items leave.
 * @param keyBytes of an entry in an object: UTF-8 bytes, or 1 when its key is in the key table. Otherwise 0. */
export function itemSizeBytes(keyBytes: number, kind: number): number {
  if (kind === ITEM.range) return 7
  const key = keyBytes === 0 ? 0 : keyBytes + 2
  return (kind === ITEM.scalar ? 11 : 14) + key
}

/** Give for every item the index behind the last item inside it; for ranges and scalars that is the next item.
 * Cost: one pass. */
export function itemTree(items: IndexItems): { readonly ends: Uint32Array } {
  const { count, depths } = items
  const ends = new Uint32Array(count)
  /** The item that is open at each depth. */
  const open: number[] = []
  let depth = 0
  for (let item = 0; item < count; item++) {
    const own = depths[item] as number
    while (depth > own) ends[open[--depth] as number] = item
    open[own] = item
    depth = own + 1
  }
  while (depth > 0) ends[open[--depth] as number] = count
  return { ends }
}

/** The bytes of an index, without trailer. Cost: a few passes over the items. */
export function encodeIndex(index: PathIndex, blockRawBytes: number): Uint8Array {
  const { items, keys } = index
  assert(items.count > 0 && items.kinds[0] !== ITEM.range, 'an index begins with the root')
  const out = new ByteWriter(1024 + items.count * 8)
  const texts = new ByteWriter()
  out.varint(items.count)
  out.varint(keys.length)
  for (const key of keys) out.varint(texts.text(key))
  out.raw(texts.bytes)
  texts.reset()
  writeShapes(out, items)
  writeAddresses(out, items)
  for (let item = 0; item < items.count; item++) {
    if (items.kinds[item] !== ITEM.range) out.varint(items.sizes[item] as number)
  }
  for (let item = 0; item < items.count; item++) {
    if ((items.kinds[item] as number) >= ITEM.array) out.varint(items.counts[item] as number)
  }
  writeOrdinals(out, items)
  writePages(out, items, blockRawBytes)
  writeKeys(out, texts, index)
  out.raw(texts.bytes)
  return out.bytes.slice()
}

function writeShapes(out: ByteWriter, { count, kinds, depths }: IndexItems): void {
  for (let item = 0; item < count; ) {
    const kind = kinds[item] as number
    const depth = depths[item] as number
    let end = item + 1
    while (end < count && kinds[end] === kind && depths[end] === depth) end++
    const shape = (depth * 4 + kind) * 2
    if (end - item === 1) out.varint(shape)
    else {
      out.varint(shape + 1)
      out.varint(end - item - 2)
    }
    item = end
  }
}

function writeAddresses(out: ByteWriter, { count, addresses }: IndexItems): void {
  let before = -1
  for (let item = 0; item < count; item++) {
    const address = addresses[item] as number
    assert(address > before, 'addresses of index items increase')
    out.varint(address - before - 1)
    before = address
  }
}

function writeOrdinals(out: ByteWriter, { count, kinds, depths, ordinals }: IndexItems): void {
  /** The last ordinal at each depth, -1 when its container has just begun. */
  const last: number[] = [-1, -1]
  for (let item = 0; item < count; item++) {
    const depth = depths[item] as number
    const ordinal = ordinals[item] as number
    assert(ordinal > (last[depth] as number), 'ordinals of siblings increase')
    if (item > 0) out.varint(ordinal - (last[depth] as number) - 1)
    last[depth] = ordinal
    if ((kinds[item] as number) >= ITEM.array) last[depth + 1] = -1
  }
}

function writePages(out: ByteWriter, { count, addresses, pages }: IndexItems, blockRawBytes: number): void {
  const having: number[] = []
  for (let item = 0; item < count; item++) if (pages[item] !== 0) having.push(item)
  out.varint(having.length)
  let before = 0
  for (const item of having) {
    const blocks = (pages[item] as number) - 1 - Math.floor((addresses[item] as number) / blockRawBytes)
    assert(blocks > 0, 'key pages come after the beginning of their object')
    out.varint(item - before)
    out.varint(blocks)
    before = item
  }
}

function writeKeys(out: ByteWriter, texts: ByteWriter, { items, keys: table }: PathIndex): void {
  const { count, kinds, depths, keys } = items
  const numbers = new Map(table.map((key, number) => [key, number]))
  /** The kind of the container that is open at each depth. */
  const open: number[] = []
  for (let item = 0; item < count; item++) {
    const kind = kinds[item] as number
    const depth = depths[item] as number
    open[depth] = kind
    if (kind === ITEM.range || depth === 0 || open[depth - 1] !== ITEM.object) continue
    const key = keys[item]
    assert(key !== undefined, 'an entry in an object has a key')
    const number = numbers.get(key as string)
    if (typeof key === 'number') {
      out.varint(key < 0 ? KEY_FORM.negativeInteger : KEY_FORM.integer)
      out.varint(key < 0 ? -1 - key : key)
    } else if (number !== undefined) out.varint(number * 2)
    else if (key.isWellFormed()) out.varint(texts.text(key) * 4 + KEY_FORM.text)
    else writeWtf8(out, key)
  }
}

function writeWtf8(out: ByteWriter, key: string): void {
  const buffer = new ValueBuffer()
  buffer.ensure(key.length * 3)
  buffer.wtf8(key)
  out.varint(buffer.length * 16 + KEY_FORM.wtf8)
  out.raw(buffer.bytes.subarray(0, buffer.length))
}
