/** Reading the bytes of a path index: every number is checked before anything relies on it. See `format.ts`.
 * @module */
import { ByteReader, fromUtf8 } from '../../codec/bytes.ts'
import { DEPTH_MAX } from '../../codec/structural-codes.ts'
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import { type IndexItems, ITEM, KEY_FORM, type PathIndex } from './format.ts'

/** What an index is checked against. */
export interface IndexFacts {
  readonly blockRawBytes: number
  /** Address behind the last event. */
  readonly endAddress: number
}

/** Read an index. Cost: one pass over the bytes; memory at most about 100 times the bytes.
 * @throws {VarveError} `DECODE_FAILED` {reason} for anything that `encodeIndex` does not write. */
export function decodeIndex(bytes: Uint8Array, facts: IndexFacts): PathIndex {
  const reader = new ByteReader(bytes)
  const count = reader.varint()
  const tableCount = reader.varint()
  // Every item and every key takes a byte at least, so this bounds what is allocated.
  if (count === 0 || count + tableCount > reader.remaining) throw refused('its counts do not fit its length')
  const table = readTable(reader, tableCount)
  // Most items have none. The engine keeps an array that begins with its end as a table of what is in it.
  const keys: (string | number | undefined)[] = []
  keys[count - 1] = undefined
  const items: IndexItems = {
    count,
    kinds: new Uint8Array(count),
    depths: new Uint16Array(count),
    addresses: new Float64Array(count),
    ordinals: new Float64Array(count),
    sizes: new Float64Array(count),
    keys,
    counts: new Float64Array(count),
    pages: new Float64Array(count),
  }
  const shapes = readShapes(reader, items)
  readAddresses(reader, items, facts.endAddress)
  readSizes(reader, items, { entries: shapes.entries, endAddress: facts.endAddress })
  readOrdinals(reader, items, shapes.runs)
  readPages(reader, items, facts)
  readKeys(reader, items, { keys, table, entries: shapes.entries })
  return { items, keys: table }
}

function refused(reason: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot use the path index: ${reason}`, { details: { reason } })
}

/** Read a number for each of the first `count` places of a column. Most take one or two bytes. */
function fill(reader: ByteReader, column: Float64Array, count: number): void {
  const { bytes } = reader
  const nearEnd = bytes.length - 1
  let at = reader.position
  for (let place = 0; place < count; place++) {
    const low = at < nearEnd ? (bytes[at] as number) : 0xff
    const high = low < 0x80 || at >= nearEnd ? 0 : (bytes[at + 1] as number)
    if (low < 0x80) {
      column[place] = low
      at++
    } else if (at < nearEnd && high < 0x80) {
      column[place] = (low & 0x7f) | (high << 7)
      at += 2
    } else {
      reader.position = at
      column[place] = reader.varint()
      at = reader.position
    }
  }
  reader.position = at
}

interface Shapes {
  /** Ends of runs of items of one kind and depth. */
  readonly runs: readonly number[]
  /** Items that are entries. */
  readonly entries: Uint32Array
}

function readShapes(reader: ByteReader, { count, kinds, depths }: IndexItems): Shapes {
  const runs: number[] = []
  const entries: number[] = []
  let deepest = 0
  for (let item = 0; item < count; ) {
    const number = reader.varint()
    const shape = Math.floor(number / 2)
    const kind = shape % 4
    const depth = Math.floor(shape / 4)
    const run = number % 2 === 0 ? 1 : reader.varint() + 2
    if (run > count - item) throw refused('it has more shapes than items')
    if (depth > deepest || depth > DEPTH_MAX || (depth === 0) !== (item === 0)) throw refused(`a depth of ${depth}`)
    if (depth === 0 && (run > 1 || kind === ITEM.range)) throw refused('it does not begin with one root')
    const end = item + run
    kinds.fill(kind, item, end)
    depths.fill(depth, item, end)
    if (kind !== ITEM.range) for (let entry = item; entry < end; entry++) entries.push(entry)
    runs.push(end)
    item = end
    deepest = kind >= ITEM.array ? depth + 1 : depth
  }
  return { runs, entries: Uint32Array.from(entries) }
}

function readAddresses(reader: ByteReader, { count, addresses }: IndexItems, endAddress: number): void {
  fill(reader, addresses, count)
  let address = -1
  for (let item = 0; item < count; item++) {
    address += (addresses[item] as number) + 1
    if (address >= endAddress) throw refused('an address is past the end')
    addresses[item] = address
  }
}

interface SizeFacts {
  readonly entries: Uint32Array
  readonly endAddress: number
}

/** A child is smaller than its container, and every child takes a byte. */
function readSizes(reader: ByteReader, items: IndexItems, { entries, endAddress }: SizeFacts): void {
  const { kinds, depths, addresses, sizes, counts } = items
  /** The size of the container at each depth. */
  const open = new Float64Array(DEPTH_MAX + 1)
  const column = new Float64Array(entries.length)
  fill(reader, column, entries.length)
  for (let entry = 0; entry < entries.length; entry++) {
    const item = entries[entry] as number
    const size = column[entry] as number
    const depth = depths[item] as number
    const most = depth === 0 ? endAddress : (open[depth - 1] as number) - 1
    if (size === 0 || size > most || size > endAddress - (addresses[item] as number)) throw refused(`a size of ${size}`)
    sizes[item] = size
    open[depth] = size
  }
  for (const item of entries) {
    if ((kinds[item] as number) < ITEM.array) continue
    const children = reader.varint()
    if (children >= (sizes[item] as number)) throw refused(`${children} children in ${sizes[item]} bytes`)
    counts[item] = children
  }
}

function readOrdinals(
  reader: ByteReader,
  { count, kinds, depths, ordinals, counts }: IndexItems,
  runs: readonly number[],
): void {
  /** The next ordinal, and the number of children, at each depth. */
  const next = new Float64Array(DEPTH_MAX + 2)
  const ends = new Float64Array(DEPTH_MAX + 2)
  ends[1] = counts[0] as number
  fill(reader, ordinals.subarray(1), count - 1)
  let item = 1
  for (const end of runs) {
    if (item >= end) continue
    const depth = depths[item] as number
    const isContainer = (kinds[item] as number) >= ITEM.array
    const last = ends[depth] as number
    let ordinal = next[depth] as number
    for (; item < end; item++) {
      ordinal += ordinals[item] as number
      if (ordinal >= last) throw refused('an ordinal is past the number of children')
      ordinals[item] = ordinal++
      if (isContainer) ends[depth + 1] = counts[item] as number
    }
    next[depth] = ordinal
    if (isContainer) next[depth + 1] = 0
  }
}

function readPages(reader: ByteReader, { count, kinds, addresses, pages }: IndexItems, facts: IndexFacts): void {
  const blocks = Math.ceil(facts.endAddress / facts.blockRawBytes)
  let item = 0
  for (let left = reader.varint(), isFirst = true; left > 0; left--, isFirst = false) {
    const step = reader.varint()
    const since = reader.varint()
    item += step
    if (item >= count || (step === 0 && !isFirst) || kinds[item] !== ITEM.object) {
      throw refused('key pages of what is no object')
    }
    const block = Math.floor((addresses[item] as number) / facts.blockRawBytes) + since
    if (since === 0 || block >= blocks) throw refused('key pages are past the end')
    pages[item] = block + 1
  }
}

interface KeyParts {
  readonly keys: (string | number | undefined)[]
  readonly table: readonly string[]
  readonly entries: Uint32Array
}

function readKeys(reader: ByteReader, items: IndexItems, { keys, table, entries }: KeyParts): void {
  const { kinds, depths } = items
  /** Items whose keys are among the texts, and their lengths. */
  const waiting: number[] = []
  const lengths: number[] = []
  const open = new Uint8Array(DEPTH_MAX + 2)
  for (const item of entries) {
    // One more than the depth, so that the root is in no object.
    const depth = (depths[item] as number) + 1
    open[depth] = kinds[item] as number
    if (open[depth - 1] !== ITEM.object) continue
    const number = reader.varint()
    if (number % 2 === 0) {
      const key = table[number / 2]
      if (key === undefined) throw refused('a key is past the end of the key table')
      keys[item] = key
    } else if (number % 4 === KEY_FORM.text) {
      waiting.push(item)
      lengths.push(Math.floor(number / 4))
    } else keys[item] = readOddKey(reader, number)
  }
  const texts = readTexts(reader.raw(reader.remaining), lengths)
  for (let text = 0; text < waiting.length; text++) keys[waiting[text] as number] = texts[text]
}

/** A key with lone surrogates, or an integer. */
function readOddKey(reader: ByteReader, number: number): string | number {
  if (number === KEY_FORM.integer) return reader.varint()
  if (number === KEY_FORM.negativeInteger) {
    const key = -1 - reader.varint()
    if (Number.isSafeInteger(key)) return key
  }
  if (number % 16 !== KEY_FORM.wtf8) throw refused('a key of no known form')
  let key = ''
  const bytes = reader.raw(Math.floor(number / 16))
  try {
    key = decodeWtf8(bytes)
  } catch (cause) {
    throw new VarveError('DECODE_FAILED', 'Cannot use the path index: a key is not WTF-8', { cause })
  }
  if (key.isWellFormed()) throw refused('a key has no lone surrogate')
  return key
}

function readTable(reader: ByteReader, count: number): string[] {
  const lengths: number[] = []
  let sizeBytes = 0
  for (let key = 0; key < count; key++) {
    const length = reader.varint()
    sizeBytes += length
    lengths.push(length)
  }
  return readTexts(reader.raw(sizeBytes), lengths)
}

/** Cut texts out of bytes that have nothing else. Most are ASCII: then they are decoded at once, and cut by bytes. */
function readTexts(bytes: Uint8Array, lengths: readonly number[]): string[] {
  const all = fromUtf8(bytes)
  const isAscii = all.length === bytes.length
  const texts: string[] = []
  let at = 0
  for (const length of lengths) {
    if (length > bytes.length - at) throw refused('a key is past the end')
    texts.push(isAscii ? all.slice(at, at + length) : fromUtf8(bytes.subarray(at, at + length)))
    at += length
  }
  if (at !== bytes.length) throw refused('bytes are left over')
  return texts
}
