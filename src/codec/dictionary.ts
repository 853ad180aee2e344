/** The strings of one record batch, each stored once, in order of first use.
 *
 * | field | form |
 * |---|---|
 * | count | varint |
 * | per string | varint `suffix bytes x 2 + shares`; when `shares`: varint UTF-16 units shared with the string before |
 * | suffixes | UTF-8, end to end |
 *
 * Neighbours often differ in their last digits (`customer-17`, `customer-23`), so sharing a prefix halves the section.
 * These values are on disk. Do not change; add a version.
 * @module */
import { VarveError } from '../errors.ts'
import { type ByteReader, ByteWriter, fromUtf8 } from './bytes.ts'

const SHARE_MIN_UNITS = 3
/** More strings than this are joined one by one: hostile shares must not make a small section a large buffer. */
const JOINED_MAX_BYTES = 8 * 1024 * 1024
const SHARES_TOO_MUCH = 'Cannot share more than the string before'

/** Collects strings while a batch is built. Index 0 is the first string. */
export class DictionaryWriter {
  readonly #indexes = new Map<string, number>()
  readonly #lengths = new ByteWriter(4096)
  readonly #suffixes = new ByteWriter(16_384)
  #previous = ''
  #repeated = ''
  #repeatedIndex = -1

  reset(): void {
    this.#indexes.clear()
    this.#lengths.reset()
    this.#suffixes.reset()
    this.#previous = ''
    this.#repeatedIndex = -1
  }

  /** The index of `text`, which must be well-formed; a new string is added. Cheapest when it repeats. */
  index(text: string): number {
    if (text === this.#repeated && this.#repeatedIndex >= 0) return this.#repeatedIndex
    const index = this.#indexes.get(text) ?? this.#add(text)
    this.#repeated = text
    this.#repeatedIndex = index
    return index
  }

  #add(text: string): number {
    const index = this.#indexes.size
    this.#indexes.set(text, index)
    const shared = sharedUnits(this.#previous, text)
    const length = this.#suffixes.text(shared === 0 ? text : text.slice(shared))
    this.#lengths.varint(length * 2 + (shared === 0 ? 0 : 1))
    if (shared !== 0) this.#lengths.varint(shared)
    this.#previous = text
    return index
  }

  /** Append the section to `out`. */
  writeTo(out: ByteWriter): void {
    out.varint(this.#indexes.size)
    out.raw(this.#lengths.bytes)
    out.raw(this.#suffixes.bytes)
  }
}

/** UTF-16 units at the start of both strings, 0 when too few to pay; never half a surrogate pair. */
function sharedUnits(previous: string, text: string): number {
  const most = Math.min(previous.length, text.length)
  let shared = 0
  while (shared < most && previous.charCodeAt(shared) === text.charCodeAt(shared)) shared++
  if (shared > 0 && (text.charCodeAt(shared - 1) & 0xfc00) === 0xd800) shared--
  return shared < SHARE_MIN_UNITS ? 0 : shared
}

/** Read the section. Cost: one text decoding for all strings when they are ASCII.
 * @throws {VarveError} `DECODE_FAILED`. */
export function readDictionary(reader: ByteReader): string[] {
  const count = reader.varint()
  if (count > reader.remaining) throw new VarveError('DECODE_FAILED', 'Cannot read a dictionary larger than its bytes')
  const lengths = new Array<number>(count)
  const shares = new Array<number>(count)
  let total = 0
  for (let i = 0; i < count; i++) {
    const word = reader.varint()
    const length = Math.floor(word / 2)
    lengths[i] = length
    shares[i] = word % 2 === 1 ? reader.varint() : 0
    total += length
  }
  const suffixes = reader.raw(total)
  return joinAscii(suffixes, lengths, shares) ?? joinText(suffixes, lengths, shares)
}

/** Lay every string out in full, decode them all at once, and cut: the usual case, when all bytes are ASCII.
 * @returns undefined when they are not. */
function joinAscii(suffixes: Uint8Array, lengths: readonly number[], shares: readonly number[]): string[] | undefined {
  let total = suffixes.length
  for (const shared of shares) total += shared
  if (total > JOINED_MAX_BYTES) return undefined
  const joined = new Uint8Array(total)
  const ends = new Array<number>(lengths.length)
  let from = 0
  let at = 0
  let previous = 0
  for (let i = 0; i < lengths.length; i++) {
    const start = at
    const shared = shares[i] as number
    if (shared > start - previous) throw new VarveError('DECODE_FAILED', SHARES_TOO_MUCH)
    for (const end = previous + shared; previous < end; ) joined[at++] = joined[previous++] as number
    for (const end = from + (lengths[i] as number); from < end; ) {
      const byte = suffixes[from++] as number
      if (byte > 0x7f) return undefined
      joined[at++] = byte
    }
    ends[i] = at
    previous = start
  }
  const text = fromUtf8(joined)
  let start = 0
  return ends.map((end) => {
    const string = text.slice(start, end)
    start = end
    return string
  })
}

function joinText(suffixes: Uint8Array, lengths: readonly number[], shares: readonly number[]): string[] {
  let previous = ''
  let at = 0
  return lengths.map((length, i) => {
    const shared = shares[i] as number
    if (shared > previous.length) throw new VarveError('DECODE_FAILED', SHARES_TOO_MUCH)
    previous = previous.slice(0, shared) + fromUtf8(suffixes.subarray(at, at + length))
    at += length
    return previous
  })
}
