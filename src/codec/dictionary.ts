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

/** Collects strings while a batch is built. Index 0 is the first string. */
export class DictionaryWriter {
  readonly #indexes = new Map<string, number>()
  readonly #lengths = new ByteWriter(4096)
  readonly #suffixes = new ByteWriter(16_384)
  #previous = ''

  reset(): void {
    this.#indexes.clear()
    this.#lengths.reset()
    this.#suffixes.reset()
    this.#previous = ''
  }

  /** The index of `text`, which must be well-formed; a new string is added. */
  index(text: string): number {
    const known = this.#indexes.get(text)
    if (known !== undefined) return known
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
  const blob = reader.raw(total)
  const text = fromUtf8(blob)
  const ascii = text.length === blob.length
  const strings = new Array<string>(count)
  let previous = ''
  let at = 0
  for (let i = 0; i < count; i++) {
    const end = at + (lengths[i] ?? 0)
    const suffix = ascii ? text.slice(at, end) : fromUtf8(blob.subarray(at, end))
    const shared = shares[i] ?? 0
    if (shared > previous.length) throw new VarveError('DECODE_FAILED', 'Cannot share more than the string before')
    previous = shared === 0 ? suffix : previous.slice(0, shared) + suffix
    strings[i] = previous
    at = end
  }
  return strings
}
