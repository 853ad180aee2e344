/** What the batches and terms of segments add up to, so that a term run can be compared with segments without keeping
 * either in memory: sums of mixed hashes, which do not depend on the order and can be added to each other.
 *
 * Two different sets of postings have the same sum once in 2^64: enough against mistakes, which is what runs can have;
 * whoever forges a derived file can also delete it.
 * @module */
import type { BlockColumns } from '../codec/block.ts'
import { utf8 } from '../codec/bytes.ts'
import { fieldNumber } from '../index/term-format.ts'
import type { ScannedBatch } from '../segment/scan.ts'

const TWO_32 = 0x1_0000_0000
const ASCII_MAX = 127

/** The sum of a set, and how many it has. */
export class SetSum {
  count = 0
  #low = 0
  #high = 0

  /** Add a member by two hashes of it and a number. */
  add(one: number, other: number, value: number): void {
    const low = value % TWO_32
    const high = Math.floor(value / TWO_32)
    this.count++
    this.#low = (this.#low + mixed(one ^ Math.imul(low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca77))) | 0
    this.#high = (this.#high + mixed(other ^ Math.imul(low, 0xc2b2_ae3d) ^ Math.imul(high, 0x27d4_eb2f))) | 0
  }

  addAll(other: SetSum): void {
    this.count += other.count
    this.#low = (this.#low + other.#low) | 0
    this.#high = (this.#high + other.#high) | 0
  }

  equals(other: SetSum): boolean {
    return this.count === other.count && this.#low === other.#low && this.#high === other.#high
  }
}

/** Two hashes of a term, set by one call and read before the next: an object for each would cost more than the hash. */
export class TermHash {
  one = 0
  other = 0

  /** Of a field and a text in it. */
  text(field: number, text: string): this {
    this.#begin()
    this.#byte(field)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > ASCII_MAX) return this.#encoded(field, text)
      this.#byte(code)
    }
    return this
  }

  /** Of the bytes of a key, as a run keeps it: the field and the text in UTF-8. */
  key(bytes: Uint8Array): this {
    this.#begin()
    for (const byte of bytes) this.#byte(byte)
    return this
  }

  #encoded(field: number, text: string): this {
    this.#begin()
    this.#byte(field)
    for (const byte of utf8(text)) this.#byte(byte)
    return this
  }

  #begin(): void {
    this.one = 0x811c_9dc5 | 0
    this.other = 0x2f0b_4c47
  }

  #byte(byte: number): void {
    this.one = Math.imul(this.one ^ byte, 0x0100_0193)
    this.other = Math.imul(this.other + byte + 1, 0x85eb_ca6b) ^ (this.other >>> 15)
  }
}

/** The finalizer of MurmurHash3. */
function mixed(hash: number): number {
  let state = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2_ae35)
  return state ^ (state >>> 16)
}

/** What one or more adjacent segments add up to. */
export class TermSums {
  readonly postings = new SetSum()
  readonly places = new SetSum()

  addAll(other: TermSums): void {
    this.postings.addAll(other.postings)
    this.places.addAll(other.places)
  }

  /** Add a batch by where it lies. @param sequence of its segment. */
  place(sequence: number, batch: { baseOffset: number; rows: number; position: number; sizeBytes: number }): void {
    const { baseOffset, rows, position, sizeBytes } = batch
    const shape = Math.imul(position, 0x9e37_79b1) ^ Math.imul(sizeBytes, 0x85eb_ca77) ^ Math.imul(rows, 0xc2b2_ae3d)
    const where = Math.imul(sequence, 0x27d4_eb2f) ^ Math.imul(position, 0x1656_67b1) ^ Math.imul(sizeBytes, 0x0d3)
    this.places.add(shape, where ^ rows, baseOffset)
  }
}

/** The sums of one segment, made while it is scanned. */
export class SegmentSums extends TermSums {
  readonly #sequence: number
  readonly #hash = new TermHash()
  #offset = 0

  constructor(sequence: number) {
    super()
    this.#sequence = sequence
  }

  /** A batch begins, of which the blocks follow. */
  batch({ header, position, bytes }: ScannedBatch): void {
    const { baseOffset, lastOffsetDelta } = header
    this.#offset = baseOffset
    this.place(this.#sequence, { baseOffset, rows: lastOffsetDelta + 1, position, sizeBytes: bytes.length })
  }

  /** The next block of the batch. */
  block(columns: BlockColumns): void {
    const { rows, kinds, entities, scopes, tags, ids, correlationIds, causationIds, idempotencyKeys } = columns
    for (let row = 0; row < rows; row++) {
      this.#add(KIND, kinds[row])
      this.#add(ENTITY, entities[row])
      if (scopes !== undefined) this.#add(SCOPE, scopes[row])
      if (ids !== undefined) this.#add(ID, ids[row])
      if (correlationIds !== undefined) this.#add(CORRELATION, correlationIds[row])
      if (causationIds !== undefined) this.#add(CAUSATION, causationIds[row])
      if (idempotencyKeys !== undefined) this.#add(KEY, idempotencyKeys[row])
      const own = tags?.[row]
      if (own !== undefined) for (const tag of new Set(own)) this.#add(TAG, tag)
      this.#offset++
    }
  }

  #add(field: number, text: string | undefined): void {
    if (text === undefined) return
    const { one, other } = this.#hash.text(field, text)
    this.postings.add(one, other, this.#offset)
  }
}

const ENTITY = fieldNumber('entity')
const KIND = fieldNumber('kind')
const SCOPE = fieldNumber('scope')
const TAG = fieldNumber('tag')
const ID = fieldNumber('id')
const CORRELATION = fieldNumber('correlationId')
const CAUSATION = fieldNumber('causationId')
const KEY = fieldNumber('idempotencyKey')
