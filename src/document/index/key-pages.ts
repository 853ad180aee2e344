/** Key pages: where the keys of a big object are, sorted by hash, so that one of a million is found in a few reads.
 *
 * A *run* is up to 1,048,576 pairs of hash and address in blocks of a document: directory blocks, then leaves, one a
 * block. What lies behind a payload in its block is ignored. An object with more keys has several runs, each with the
 * number of the one before.
 *
 * | first block | size | field |
 * |---|---|---|
 * | 0 | 4 | keys, 1 to 1,048,576 |
 * | 4 | 4 | leaves |
 * | 8 | 4 | directory blocks, this one included |
 * | 12 | 4 | e, the leaves that a further directory block names |
 * | 16 | 8 | block number of the run before + 1; 0 for none |
 * | 24 | 4 each | with one directory block the first hash of each leaf, with more that of each further block |
 *
 * A further directory block is the first hashes of e leaves, 4 bytes each; the last one of those that are left.
 *
 * | leaf | size | field |
 * |---|---|---|
 * | 0 | 2 | n, the keys |
 * | 2 | 2 | w, bytes of an address, 1 to 7 |
 * | 4 | 4 | first hash |
 * | 8 | 8 | base address |
 * | 16 | w each | address of each key - base address |
 * | 16 + n * w | | n - 1 varints: hash - the hash before |
 *
 * Keys are in order of (hash, address). Of a million keys in 1 GB each takes 6.1 bytes; the directory is eight blocks
 * of 2,036 bytes, of which a look-up reads two, and one leaf.
 *
 * The hash of a key is MurmurHash3_x86_32 (Austin Appleby, public domain, github.com/aappleby/smhasher) of its UTF-8 or
 * WTF-8 bytes with seed 0; of an integer key, of its 8 bytes in two's complement with seed 1. Keys of one hash are told
 * apart by reading them, so whoever makes many such keys makes look-ups in his document as slow as scans.
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { ByteReader, ByteWriter, getU64, setU64, viewOf } from '../../codec/bytes.ts'
import { assert, VarveError } from '../../errors.ts'

export const RUN_KEYS_MAX = 1_048_576

const RUN_HEADER_BYTES = 24
const LEAF_HEADER_BYTES = 16
const HASH_BYTES = 4
const ADDRESS_BYTES_MAX = 7
/** Bits of a hash that one pass of sorting looks at. */
const DIGIT_BITS = 11
const DIGITS = 1 << DIGIT_BITS

/** Keys of one object. */
export interface RunParts {
  readonly hashes: Uint32Array
  /** In document order: ascending. */
  readonly addresses: Float64Array
  /** How many of both count, 1 to `RUN_KEYS_MAX`. */
  readonly count: number
  /** Block number of the run before + 1; 0 for none. */
  readonly previousRun: number
  readonly blockRawBytes: number
}

export interface KeyRun {
  /** Payloads, each at most `blockRawBytes`. */
  readonly blocks: readonly Uint8Array[]
}

export interface RunHeader {
  readonly keys: number
  readonly leaves: number
  /** The first block included. The run has `directoryBlocks + leaves` blocks. */
  readonly directoryBlocks: number
  readonly leavesPerBlock: number
  /** Block number + 1, at most that of this run; 0 for none. */
  readonly previousRun: number
}

/** Blocks of a run, both inclusive, counted from its first block. */
export interface BlockSpan {
  readonly first: number
  readonly last: number
}

/** The hash of the key `bytes[start, end)`, UTF-8 or WTF-8: 32 bits. */
export function hashKey(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0
  let at = start
  for (const wordsEnd = end - 3; at < wordsEnd; at += 4) {
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
    hash = mixWord(hash, low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24))
  }
  let rest = 0
  for (let shift = 0; at < end; at++, shift += 8) rest |= (bytes[at] as number) << shift
  return finish(hash ^ scramble(rest), end - start)
}

/** The hash of an integer key. */
export function hashIntKey(key: number): number {
  return finish(mixWord(mixWord(1, key | 0), Math.floor(key / 0x1_0000_0000) | 0), 8)
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

function mixWord(hash: number, word: number): number {
  const mixed = hash ^ scramble(word)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number, sizeBytes: number): number {
  let mixed = hash ^ sizeBytes
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** Make the blocks of a run. Cost: linear; a million keys take about 0.1 s. */
export function buildKeyRun(parts: RunParts): KeyRun {
  const { count, addresses } = parts
  assert(count > 0 && count <= RUN_KEYS_MAX, 'a run has 1 to 1,048,576 keys')
  for (let row = 1; row < count; row++) {
    assert((addresses[row] as number) > (addresses[row - 1] as number), 'keys come in document order')
  }
  const order = orderByHash(parts.hashes, count)
  const addressBytes = bytesOf((addresses[count - 1] as number) - (addresses[0] as number))
  const leafParts = { rows: parts, order, addressBytes, deltas: new ByteWriter(parts.blockRawBytes) }
  const leaves: Uint8Array[] = []
  for (let place = 0; place < count; ) {
    const { leaf, end } = leafFrom(leafParts, place)
    leaves.push(leaf)
    place = end
  }
  return { blocks: [...directoryFor(leaves, parts), ...leaves] }
}

/** Row numbers in order of hash, equal ones as they come: three passes by 11 bits. */
function orderByHash(hashes: Uint32Array, count: number): Uint32Array {
  let order = new Uint32Array(count)
  let sorted = new Uint32Array(count)
  for (let row = 0; row < count; row++) order[row] = row
  const starts = new Uint32Array(DIGITS)
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    starts.fill(0)
    for (let row = 0; row < count; row++) {
      const digit = ((hashes[row] as number) >>> shift) & (DIGITS - 1)
      starts[digit] = (starts[digit] as number) + 1
    }
    let start = 0
    for (let digit = 0; digit < DIGITS; digit++) {
      const next = start + (starts[digit] as number)
      starts[digit] = start
      start = next
    }
    for (let place = 0; place < count; place++) {
      const row = order[place] as number
      const digit = ((hashes[row] as number) >>> shift) & (DIGITS - 1)
      const to = starts[digit] as number
      sorted[to] = row
      starts[digit] = to + 1
    }
    ;[order, sorted] = [sorted, order]
  }
  return order
}

interface LeafParts {
  readonly rows: RunParts
  readonly order: Uint32Array
  readonly addressBytes: number
  /** Written anew for each leaf. */
  readonly deltas: ByteWriter
}

/** Fill a leaf with the keys from place `from` of the order on. */
function leafFrom({ rows, order, addressBytes, deltas }: LeafParts, from: number): { leaf: Uint8Array; end: number } {
  const { hashes, addresses, count, blockRawBytes } = rows
  const first = hashes[order[from] as number] as number
  let room = blockRawBytes - LEAF_HEADER_BYTES - addressBytes
  assert(room >= 0, 'a leaf holds a key')
  deltas.reset()
  let before = first
  let end = from + 1
  for (; end < count; end++) {
    const hash = hashes[order[end] as number] as number
    const length = deltas.length
    deltas.varint(hash - before)
    if (deltas.length + addressBytes > room) {
      deltas.reset(length)
      break
    }
    room -= addressBytes
    before = hash
  }
  const keys = end - from
  const leaf = new Uint8Array(LEAF_HEADER_BYTES + keys * addressBytes + deltas.length)
  const view = viewOf(leaf)
  const base = addresses[0] as number
  view.setUint16(0, keys, true)
  view.setUint16(2, addressBytes, true)
  view.setUint32(4, first, true)
  setU64(view, 8, base)
  let at = LEAF_HEADER_BYTES
  for (let place = from; place < end; place++, at += addressBytes) {
    setUint(leaf, at, { value: (addresses[order[place] as number] as number) - base, sizeBytes: addressBytes })
  }
  leaf.set(deltas.bytes, at)
  return { leaf, end }
}

function bytesOf(value: number): number {
  let sizeBytes = 1
  for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256)) sizeBytes++
  return sizeBytes
}

function setUint(bytes: Uint8Array, at: number, number: { value: number; sizeBytes: number }): void {
  let low = number.value >>> 0
  for (let byte = 0; byte < 4 && byte < number.sizeBytes; byte++, low >>>= 8) bytes[at + byte] = low
  let high = Math.floor(number.value / 0x1_0000_0000)
  for (let byte = 4; byte < number.sizeBytes; byte++, high >>>= 8) bytes[at + byte] = high
}

function directoryFor(leaves: readonly Uint8Array[], { count, previousRun, blockRawBytes }: RunParts): Uint8Array[] {
  const hashes = new Uint8Array(leaves.length * HASH_BYTES)
  for (const [number, leaf] of leaves.entries()) hashes.set(leaf.subarray(4, 8), number * HASH_BYTES)
  const leavesPerBlock = Math.floor(blockRawBytes / HASH_BYTES)
  const further: Uint8Array[] = []
  if (RUN_HEADER_BYTES + hashes.length > blockRawBytes) {
    const step = leavesPerBlock * HASH_BYTES
    for (let at = 0; at < hashes.length; at += step) further.push(hashes.slice(at, at + step))
  }
  const top = new Uint8Array(RUN_HEADER_BYTES + (further.length > 0 ? further.length * HASH_BYTES : hashes.length))
  assert(top.length <= blockRawBytes, 'the first block of a run names all further directory blocks')
  const view = viewOf(top)
  view.setUint32(0, count, true)
  view.setUint32(4, leaves.length, true)
  view.setUint32(8, 1 + further.length, true)
  view.setUint32(12, leavesPerBlock, true)
  setU64(view, 16, previousRun)
  if (further.length === 0) top.set(hashes, RUN_HEADER_BYTES)
  for (const [number, block] of further.entries()) {
    top.set(block.subarray(0, HASH_BYTES), RUN_HEADER_BYTES + number * HASH_BYTES)
  }
  return [top, ...further]
}

/** Read the header of a run.
 * @param bytes the first block of the run.
 * @param block its number in the document: runs before have lower ones.
 * @throws {VarveError} `DECODE_FAILED` {reason}. */
export function readRunHeader(bytes: Uint8Array, block: number): RunHeader {
  if (bytes.length < RUN_HEADER_BYTES) throw refused('it is too short')
  const view = viewOf(bytes)
  const header = {
    keys: view.getUint32(0, true),
    leaves: view.getUint32(4, true),
    directoryBlocks: view.getUint32(8, true),
    leavesPerBlock: view.getUint32(12, true),
    previousRun: getU64(view, 16),
  }
  const { keys, leaves, directoryBlocks, leavesPerBlock } = header
  if (keys > RUN_KEYS_MAX || leaves === 0 || leaves > keys) throw refused(`${keys} keys in ${leaves} leaves`)
  if (directoryBlocks !== 1 && directoryBlocks - 1 !== Math.ceil(leaves / leavesPerBlock)) {
    throw refused(`${directoryBlocks} directory blocks for ${leaves} leaves`)
  }
  if ((bytes.length - RUN_HEADER_BYTES) / HASH_BYTES < topCount(header)) throw refused('it is too short')
  if (header.previousRun > block) throw refused('the run before is behind it')
  return header
}

/** Which blocks of the run say in which leaf a hash is: block 0, the first, when there are no further ones. Several
 * when the hash is where two meet.
 * @param first the first block.
 * @returns undefined when the run does not have the hash. */
export function directoryOf(header: RunHeader, first: Uint8Array, hash: number): BlockSpan | undefined {
  if (header.directoryBlocks === 1) return { first: 0, last: 0 }
  const found = search(first, { at: RUN_HEADER_BYTES, count: topCount(header) }, hash)
  return found && { first: found.first + 1, last: found.last + 1 }
}

/** Which leaves may have a hash, as blocks of the run.
 * @param directory a block that `directoryOf` named, and which.
 * @returns undefined when none of those that it names has.
 * @throws {VarveError} `DECODE_FAILED` {reason}. */
export function leavesOf(
  header: RunHeader,
  directory: { readonly bytes: Uint8Array; readonly block: number },
  hash: number,
): BlockSpan | undefined {
  const { leaves, leavesPerBlock, directoryBlocks } = header
  const { bytes, block } = directory
  const isTop = block === 0
  const from = isTop ? 0 : (block - 1) * leavesPerBlock
  const count = isTop ? leaves : Math.min(leavesPerBlock, leaves - from)
  const at = isTop ? RUN_HEADER_BYTES : 0
  assert(count > 0 && isTop === (directoryBlocks === 1), 'a directory block is asked for leaves')
  if ((bytes.length - at) / HASH_BYTES < count) throw refused('it is too short')
  const found = search(bytes, { at, count }, hash)
  const base = directoryBlocks + from
  return found && { first: base + found.first, last: base + found.last }
}

/** Hashes in the first block. */
function topCount({ leaves, directoryBlocks }: RunHeader): number {
  return directoryBlocks === 1 ? leaves : directoryBlocks - 1
}

/** Among parts by their first hashes, those that may have `hash`. A part may end with the hash that the next begins
 * with. */
function search(bytes: Uint8Array, list: { at: number; count: number }, hash: number): BlockSpan | undefined {
  const view = viewOf(bytes)
  /** How many first hashes are below `limit`. */
  const below = (limit: number) => {
    let low = 0
    for (let high = list.count; low < high; ) {
      const middle = (low + high) >>> 1
      if (view.getUint32(list.at + middle * HASH_BYTES, true) < limit) low = middle + 1
      else high = middle
    }
    return low
  }
  const end = below(hash + 1)
  return end === 0 ? undefined : { first: Math.max(0, below(hash) - 1), last: end - 1 }
}

/** Addresses of the keys with a hash, ascending. Cost: one pass over the hashes of the leaf.
 * @throws {VarveError} `DECODE_FAILED` {reason}. */
export function findInLeaf(leaf: Uint8Array, hash: number): number[] {
  const { keys, addressBytes, base, reader, first } = openLeaf(leaf)
  const found: number[] = []
  let own = first
  for (let key = 0; own <= hash; own += reader.varint()) {
    if (own === hash) found.push(addressAt(leaf, { key, addressBytes, base }))
    if (++key === keys) break
  }
  return found
}

/** Everything in a leaf, to check it. @throws {VarveError} `DECODE_FAILED` {reason}. */
export function readLeaf(leaf: Uint8Array): { readonly hashes: Uint32Array; readonly addresses: Float64Array } {
  const { keys, addressBytes, base, reader, first } = openLeaf(leaf)
  const hashes = new Uint32Array(keys)
  const addresses = new Float64Array(keys)
  let own = first
  for (let key = 0; key < keys; key++) {
    if (key > 0) own += reader.varint()
    if (own > 0xffff_ffff) throw refused('a hash is above 2^32 - 1')
    hashes[key] = own
    addresses[key] = addressAt(leaf, { key, addressBytes, base })
  }
  return { hashes, addresses }
}

/** @returns among others a reader of the differences between hashes. */
function openLeaf(leaf: Uint8Array) {
  if (leaf.length < LEAF_HEADER_BYTES) throw refused('a leaf is too short')
  const view = viewOf(leaf)
  const keys = view.getUint16(0, true)
  const addressBytes = view.getUint16(2, true)
  if (keys === 0 || addressBytes === 0 || addressBytes > ADDRESS_BYTES_MAX) throw refused('a leaf of no known form')
  const reader = new ByteReader(leaf, LEAF_HEADER_BYTES)
  reader.raw(keys * addressBytes)
  return { keys, addressBytes, base: getU64(view, 8), reader, first: view.getUint32(4, true) }
}

function addressAt(leaf: Uint8Array, row: { key: number; addressBytes: number; base: number }): number {
  const at = LEAF_HEADER_BYTES + row.key * row.addressBytes
  let address = 0
  for (let byte = row.addressBytes - 1; byte >= 0; byte--) address = address * 256 + (leaf[at + byte] as number)
  address += row.base
  if (address > Number.MAX_SAFE_INTEGER) throw refused('an address is above 2^53 - 1')
  return address
}

function refused(reason: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot use key pages: ${reason}`, { details: { reason } })
}
