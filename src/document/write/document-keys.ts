/** Keys while a document is written: their numbers, their rows, and the key pages of large objects.
 * @module */
import { CODE, SHORT, WTF8 } from '../../codec/structural-codes.ts'
import { writeIntKey } from '../../codec/structural-write.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { BLOCK_RAW_BYTES } from '../blocks.ts'
import { buildKeyRun, hashIntKey } from '../index/key-pages.ts'
import type { BlockWriter } from './block-writer.ts'
import { KeyRows } from './key-rows.ts'
import { FIRST_OF_ROOT, KEYS_MAX, type KeyTable, secondHash } from './key-table.ts'
import { KEY_INT, type Levels } from './levels.ts'

/** An object with more keys, or with more bytes and some keys, gets key pages: else it is scanned. */
const SCANNED_KEYS_MAX = 4_096
const SCANNED_BYTES_MAX = 262_144
const SOME_KEYS = 16

export class DocumentKeys {
  /** Raw bytes that are no events: key pages, and what is empty before them. */
  skippedBytes = 0
  readonly #table: KeyTable
  readonly #levels: Levels
  readonly #blocks: BlockWriter
  readonly #raw: ValueBuffer
  readonly #rows = new KeyRows()
  readonly #scratch = new ValueBuffer()
  readonly #spills: boolean
  readonly #heldKeys: number

  /** @param options `spills`: key pages are written as soon as there are enough keys for a run. Otherwise all keys of
   * the open objects are held, 20 bytes each, so that each is compared with all. */
  constructor(
    table: KeyTable,
    parts: { levels: Levels; blocks: BlockWriter },
    options: { spills: boolean; heldKeys: number },
  ) {
    this.#table = table
    this.#levels = parts.levels
    this.#blocks = parts.blocks
    this.#raw = parts.blocks.raw
    this.#spills = options.spills
    this.#heldKeys = options.heldKeys
  }

  /** A container begins at `level`. */
  begin(level: number): void {
    const levels = this.#levels
    levels.rows[level] = this.#rows.count
    levels.runs[level] = 0
    // The first key is guessed from the key that the container has, or the one around it.
    const outer = level === 0 ? FIRST_OF_ROOT : (levels.lastKeys[level - 1] as number)
    levels.lastKeys[level] = outer >= 0 && outer < KEYS_MAX ? outer + KEYS_MAX : outer
  }

  /** Write a key of the innermost object. @returns its bytes, if it was written as text. */
  key(key: string): number {
    const level = this.#levels.depth - 1
    const number = this.#table.find(key, this.#levels.lastKeys[level] as number)
    if (number >= 0) return this.#numbered(level, number)
    const scratch = this.#scratch
    scratch.length = 0
    scratch.ensure(key.length * 3)
    const isWellFormed = key.isWellFormed()
    if (isWellFormed) scratch.length = scratch.utf8(key, 0)
    else scratch.wtf8(key)
    this.#table.look(scratch.bytes, 0, scratch.length)
    return this.#text(level, isWellFormed)
  }

  /** The same for well-formed UTF-8. */
  keyUtf8(bytes: Uint8Array, start: number, end: number): number {
    const level = this.#levels.depth - 1
    const before = this.#levels.lastKeys[level] as number
    const { following, texts, starts } = this.#table
    const guess = before < 0 ? -1 : (following[before] as number)
    if (guess >= 0) {
      let at = starts[guess] as number
      if ((starts[guess + 1] as number) - at === end - start) {
        let from = start
        while (from < end && bytes[from] === texts[at]) {
          from++
          at++
        }
        if (from === end) return this.#numbered(level, guess)
      }
    }
    return this.#unexpected(bytes, start, end)
  }

  #unexpected(bytes: Uint8Array, start: number, end: number): number {
    const level = this.#levels.depth - 1
    this.#table.look(bytes, start, end)
    const number = this.#table.number(this.#levels.lastKeys[level] as number)
    return number >= 0 ? this.#numbered(level, number) : this.#text(level, true)
  }

  intKey(key: number): void {
    const levels = this.#levels
    const level = levels.depth - 1
    this.#rows.add(hashIntKey(key), Math.floor(key / 2 ** 32) >>> 0, this.#blocks.address)
    levels.setKey(KEY_INT)
    levels.intKeys[level] = key
    levels.lastKeys[level] = -1
    writeIntKey(this.#raw, key)
  }

  /** Whether `ready` must come before anything of the next key is written. */
  get isFull(): boolean {
    return this.#rows.count >= this.#heldKeys && this.#spills
  }

  /** Make room for one more key by writing key pages. */
  ready(): void {
    const levels = this.#levels
    let largest = 0
    let largestKeys = -1
    let end = this.#rows.count
    for (let level = levels.depth - 1; level >= 0; level--) {
      const first = levels.rows[level] as number
      if (end - first > largestKeys) {
        largest = level
        largestKeys = end - first
      }
      end = first
    }
    const first = levels.rows[largest] as number
    this.#writeRun(largest, first, first + largestKeys)
    this.#rows.remove(first, first + largestKeys)
    for (let level = largest + 1; level < levels.depth; level++)
      levels.rows[level] = (levels.rows[level] as number) - largestKeys
  }

  /** The innermost object ends. @returns whether it has a key twice, or may have: keys whose pages were written before
   * its end are not compared any more. */
  end(): boolean {
    const levels = this.#levels
    const level = levels.depth - 1
    const rows = this.#rows
    const first = levels.rows[level] as number
    const keys = rows.count - first
    if (keys < 2 && levels.runs[level] === 0) {
      rows.count = first
      return false
    }
    const hasDuplicate = levels.runs[level] !== 0 || rows.hasDuplicate(first)
    const sizeBytes = this.#blocks.address - (levels.addresses[level] as number)
    const isLarge = keys > SCANNED_KEYS_MAX || (sizeBytes > SCANNED_BYTES_MAX && keys >= SOME_KEYS)
    if (keys > 0 && (isLarge || levels.runs[level] !== 0)) {
      for (let from = first; from < rows.count; from += this.#heldKeys) {
        this.#writeRun(level, from, Math.min(from + this.#heldKeys, rows.count))
      }
    }
    rows.count = first
    return hasDuplicate
  }

  /** Write a run of key pages of the rows `[from, to)`, which are keys of the object at `level`. */
  #writeRun(level: number, from: number, to: number): void {
    const levels = this.#levels
    const blocks = this.#blocks
    const run = buildKeyRun({
      hashes: this.#rows.hashes.subarray(from, to),
      addresses: this.#rows.addresses.subarray(from, to),
      count: to - from,
      previousRun: levels.runs[level] as number,
      blockRawBytes: BLOCK_RAW_BYTES,
    })
    this.#raw.byte(CODE.keyPages)
    this.#raw.varint(run.blocks.length)
    const before = blocks.address
    levels.runs[level] = blocks.insert(run.blocks) + 1
    this.skippedBytes += blocks.address - before
  }

  #numbered(level: number, number: number): number {
    const levels = this.#levels
    const { hashes, secondHashes } = this.#table
    this.#rows.add(hashes[number] as number, secondHashes[number] as number, this.#blocks.address)
    levels.setKey(number)
    levels.lastKeys[level] = number
    if (number < SHORT.keyNumber) this.#raw.byte(CODE.shortKeyNumber | number)
    else {
      this.#raw.byte(CODE.keyNumber)
      this.#raw.varint(number - SHORT.keyNumber)
    }
    return 0
  }

  /** Write the key that the table looked for, which has no number. */
  #text(level: number, isWellFormed: boolean): number {
    const table = this.#table
    const { bytes, start, end } = table
    const sizeBytes = end - start
    const levels = this.#levels
    const raw = this.#raw
    this.#rows.add(table.hash, secondHash(bytes, start, end), this.#blocks.address)
    levels.setText(bytes, start, end)
    levels.lastKeys[level] = -1
    if (isWellFormed && table.admit()) {
      levels.lastKeys[level] = table.names.length - 1
      raw.byte(CODE.newKey)
      raw.varint(sizeBytes)
    } else if (isWellFormed && sizeBytes < SHORT.keyBytes) raw.byte(CODE.shortKey | sizeBytes)
    else {
      raw.byte(isWellFormed ? CODE.key : CODE.key + WTF8)
      raw.varint(sizeBytes)
    }
    raw.append(bytes.subarray(start, end))
    return sizeBytes
  }
}
