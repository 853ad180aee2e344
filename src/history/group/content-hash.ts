/** The hash of a value, as a tree: a container counts by its hash in the one around it, so that after a small edit
 * only the containers around the edit are hashed again.
 *
 * The term of a scalar is its structural encoding, with every NaN as `7ff8000000000000`. That of a container is one
 * byte (`12` array, `10` object), the number of its children as a varint, and the terms of the children, each after its
 * key in an object; longer than 64 bytes it is replaced by `1e`, which no encoding begins with, and the first 16 bytes
 * of its SHA-256. The hash of a value is the first 16 bytes of the SHA-256 of its term. Keys count in their order.
 * @module */
import { toHex } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { CODE } from '../../codec/structural-codes.ts'
import {
  writeBigint,
  writeBinary,
  writeKey,
  writeNumber,
  writeString,
  writeTimestamp,
} from '../../codec/structural-write.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { isBytes, isDate } from '../../codec/value-kinds.ts'

const HASH_BYTES = 16
const TERM_HASHED = 0x1e
const NO_HASH = new Uint8Array(32)
/** Sign and payload of a NaN depend on how it was computed, and on the engine that reads it back. */
const NAN_TERM = Uint8Array.of(CODE.float, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
/** Terms up to this are taken as they are: a hash of its own costs more. */
const TERM_MOST_BYTES = 64

export interface ContentHash {
  /** 32 hexadecimal digits. */
  readonly hash: string
  /** What a copy of the value would take: about its structural encoding alone. */
  readonly rawBytes: number
}

interface HashedTerm {
  readonly hash: Uint8Array
  readonly rawBytes: number
}

/** Hash one value that is of the value table. Cost: about twice its encoding. */
export function contentHashOf(digest: Digest, value: unknown): ContentHash {
  return new ContentHasher(digest).of(value)
}

/** What a copy of a value would take, in bytes. */
export function contentSize(value: unknown): number {
  return new ContentHasher({ crc32: () => 0, sha256: () => NO_HASH }).of(value).rawBytes
}

/** Hashes values that change: it remembers the containers of which nobody says that they did. */
export class ContentHasher {
  readonly #digest: Digest
  readonly #known = new WeakMap<object, HashedTerm>()
  readonly #out = new ValueBuffer()

  constructor(digest: Digest) {
    this.#digest = digest
  }

  of(value: unknown): ContentHash {
    const out = this.#out
    out.begin()
    const { start } = out
    const rawBytes = this.#term(value)
    const hash = this.#digest.sha256(out.bytes.subarray(start, out.length)).subarray(0, HASH_BYTES)
    return { hash: toHex(hash), rawBytes }
  }

  /** A container has changed; those around it are to be named too. */
  forget(container: object): void {
    this.#known.delete(container)
  }

  /** Write the term of a value. @returns what a copy of the value would take. */
  #term(value: unknown): number {
    if (typeof value === 'object' && value !== null && !isBytes(value) && !isDate(value)) return this.#container(value)
    const { length } = this.#out
    this.#scalar(value)
    return this.#out.length - length
  }

  #container(container: object): number {
    const known = this.#known.get(container)
    if (known !== undefined) {
      this.#hashed(known.hash)
      return known.rawBytes
    }
    const out = this.#out
    const from = out.length - out.start
    const rawBytes = Array.isArray(container) ? this.#array(container) : this.#object(container)
    // The buffer may have moved meanwhile, and what is in it begins at `start` all the same.
    const begin = out.start + from
    if (out.length - begin <= TERM_MOST_BYTES) return rawBytes
    const hash = this.#digest.sha256(out.bytes.subarray(begin, out.length)).slice(0, HASH_BYTES)
    this.#known.set(container, { hash, rawBytes })
    out.length = begin
    this.#hashed(hash)
    return rawBytes
  }

  #hashed(hash: Uint8Array): void {
    this.#out.byte(TERM_HASHED)
    this.#out.append(hash)
  }

  #array(array: readonly unknown[]): number {
    this.#out.byte(CODE.beginArray)
    this.#out.varint(array.length)
    let rawBytes = 2
    for (const element of array) rawBytes += this.#term(element)
    return rawBytes
  }

  #object(object: object): number {
    const out = this.#out
    const keys = Object.keys(object)
    out.byte(CODE.beginObject)
    out.varint(keys.length)
    let rawBytes = 2
    for (const key of keys) {
      const { length } = out
      writeKey(out, key)
      rawBytes += out.length - length
      rawBytes += this.#term((object as Readonly<Record<string, unknown>>)[key])
    }
    return rawBytes
  }

  #scalar(value: unknown): void {
    const out = this.#out
    if (typeof value === 'string') writeString(out, value)
    else if (Number.isNaN(value)) out.append(NAN_TERM)
    else if (typeof value === 'number') writeNumber(out, value)
    else if (typeof value === 'boolean') out.byte(value ? CODE.true : CODE.false)
    else if (value === null) out.byte(CODE.null)
    else if (typeof value === 'bigint') writeBigint(out, value)
    else if (isBytes(value as object)) writeBinary(out, value as Uint8Array)
    else writeTimestamp(out, (value as Date).getTime())
  }
}
