/** A document as structural events in blocks, with its path index: everything of writing but the file.
 *
 * The encoder knows the path while events pass, and refuses sequences that mean nothing.
 * @module */
import { CODE, DEPTH_MAX, SHORT } from '../../codec/structural-codes.ts'
import * as write from '../../codec/structural-write.ts'
import { utf8Length, type ValueBuffer } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import type { Maybe } from '../../ports/storage.ts'
import { type Ended, IndexBuilder } from '../index/build.ts'
import { ITEM } from '../index/format.ts'
import { shownPath } from '../path/format.ts'
import type { BlockWriter } from './block-writer.ts'
import { DocumentKeys } from './document-keys.ts'
import { KeyTable } from './key-table.ts'
import { Levels } from './levels.ts'
import { DOCUMENT_LIMITS, type DocumentOutput } from './output.ts'

/** What comes next: the value of a document, of a field, of an array; a key; nothing. */
const WANTS = { root: 0, field: 1, element: 2, key: 3, nothing: 4 } as const

export interface EncoderOptions {
  /** T of the index. */
  readonly threshold: number
  /** Bytes that the items of the index may take. */
  readonly indexBudget: number
  /** Keys of open objects that are held, and keys of one run of key pages. */
  readonly heldKeys: number
  readonly duplicateKeys: 'last' | 'refuse'
}

export class DocumentEncoder implements DocumentOutput {
  values = 0
  /** Some object has a key twice. */
  hasDuplicates = false
  readonly keyTable = new KeyTable()
  readonly index: IndexBuilder
  readonly #blocks: BlockWriter
  readonly #raw: ValueBuffer
  readonly #levels: Levels
  readonly #keys: DocumentKeys
  readonly #refuseDuplicates: boolean
  readonly #ended: Ended = { kind: 0, address: 0, keyAddress: 0, size: 0, count: 0, run: 0 }
  /** One of `WANTS`. */
  #wants: number = WANTS.root
  /** Where the key of the next value begins; in arrays the value itself. */
  #keyAddress = 0

  constructor(blocks: BlockWriter, options: EncoderOptions) {
    this.#blocks = blocks
    this.#raw = blocks.raw
    this.#levels = new Levels(this.keyTable.names)
    this.#keys = new DocumentKeys(
      this.keyTable,
      { levels: this.#levels, blocks },
      { spills: options.duplicateKeys !== 'refuse', heldKeys: options.heldKeys },
    )
    this.index = new IndexBuilder(this.#levels, options.threshold, options.indexBudget)
    this.#refuseDuplicates = options.duplicateKeys === 'refuse'
  }

  get isFull(): boolean {
    return this.#blocks.isFull
  }

  /** The value is complete. */
  get isDone(): boolean {
    return this.#wants === WANTS.nothing
  }

  path(): string {
    return this.#levels.path(this.#wants === WANTS.key || this.#wants === WANTS.element)
  }

  null(): void {
    const at = this.#begin('a value')
    this.#raw.byte(CODE.null)
    this.#endScalar(at)
  }

  undefined(): void {
    const at = this.#begin('a value')
    this.#raw.byte(CODE.undefined)
    this.#endScalar(at)
  }

  boolean(value: boolean): void {
    const at = this.#begin('a value')
    this.#raw.byte(value ? CODE.true : CODE.false)
    this.#endScalar(at)
  }

  number(value: number): void {
    const at = this.#begin('a value')
    write.writeNumber(this.#raw, value)
    this.#endScalar(at)
  }

  scaled(m: number, e: number): void {
    const at = this.#begin('a value')
    write.writeScaled(this.#raw, m, e)
    this.#endScalar(at)
  }

  bigint(value: bigint): void {
    const at = this.#begin('a value')
    write.writeBigint(this.#raw, value)
    this.#endScalar(at)
  }

  date(time: number): void {
    const at = this.#begin('a value')
    write.writeTimestamp(this.#raw, time)
    this.#endScalar(at)
  }

  decimal(text: string): void {
    const at = this.#begin('a value')
    this.#checkSize(text.length)
    write.writeDecimal(this.#raw, text)
    this.#endScalar(at)
  }

  bytes(value: Uint8Array): void {
    const at = this.#begin('a value')
    this.#checkSize(value.length)
    write.writeBinary(this.#raw, value)
    this.#endScalar(at)
  }

  string(value: string): void {
    const at = this.#begin('a value')
    if (value.length > DOCUMENT_LIMITS.scalarBytes / 3) this.#checkSize(utf8Length(value))
    write.writeString(this.#raw, value)
    this.#endScalar(at)
  }

  utf8(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#begin('a value')
    const sizeBytes = end - start
    const raw = this.#raw
    if (sizeBytes < SHORT.stringBytes) {
      raw.ensure(SHORT.stringBytes)
      const into = raw.bytes
      into[at] = CODE.shortString | sizeBytes
      let to = at + 1
      for (let from = start; from < end; from++) into[to++] = bytes[from] as number
      raw.length = to
    } else {
      this.#checkSize(sizeBytes)
      raw.byte(CODE.string)
      raw.varint(sizeBytes)
      raw.append(bytes.subarray(start, end))
    }
    this.#endScalar(at)
  }

  beginObject(): void {
    this.#beginContainer(ITEM.object)
  }

  beginArray(): void {
    this.#beginContainer(ITEM.array)
  }

  endObject(): void {
    if (this.#wants !== WANTS.key) this.impossible('the end of an object')
    if (this.#keys.end()) this.#duplicate()
    this.#endContainer(this.#levels.depth - 1)
  }

  endArray(): void {
    if (this.#wants !== WANTS.element) this.impossible('the end of an array')
    this.#endContainer(this.#levels.depth - 1)
  }

  key(key: string): void {
    this.#beginKey()
    this.#endKey(this.#keys.key(key))
  }

  keyUtf8(bytes: Uint8Array, start: number, end: number): void {
    this.#beginKey()
    this.#endKey(this.#keys.keyUtf8(bytes, start, end))
  }

  intKey(key: number): void {
    this.#beginKey()
    this.#keys.intKey(key)
  }

  drain(): Maybe<void> {
    return this.#blocks.drain()
  }

  #beginKey(): void {
    if (this.#wants !== WANTS.key) this.impossible('a key')
    if (this.#keys.isFull) this.#keys.ready()
    const levels = this.#levels
    const level = levels.depth - 1
    const address = this.#blocks.base + this.#raw.length
    if ((levels.marks[level] as number) < 0) this.index.range(address)
    ;(levels.counts[level] as number)++
    this.#keyAddress = address
    this.#wants = WANTS.field
  }

  #endKey(sizeBytes: number): void {
    if (sizeBytes > DOCUMENT_LIMITS.keyBytes) throw this.#tooLarge('keyBytes', sizeBytes)
  }

  /** A value begins. @returns where in the raw bytes. */
  #begin(found: string): number {
    const at = this.#raw.length
    const wants = this.#wants
    if (wants === WANTS.element) this.#beginElement(at)
    else if (wants === WANTS.root) this.#keyAddress = this.#blocks.base + at
    else if (wants !== WANTS.field) this.impossible(found)
    this.values++
    return at
  }

  #beginElement(at: number): void {
    const levels = this.#levels
    const level = levels.depth - 1
    const address = this.#blocks.base + at
    if (address - (levels.marks[level] as number) >= this.index.threshold) this.index.range(address)
    ;(levels.counts[level] as number)++
    this.#keyAddress = address
  }

  #endScalar(at: number): void {
    const sizeBytes = this.#raw.length - at
    const wants = this.#wants
    if (sizeBytes >= this.index.threshold || wants === WANTS.root) this.#indexScalar(at, sizeBytes)
    if (wants !== WANTS.element) this.#wants = wants === WANTS.field ? WANTS.key : WANTS.nothing
  }

  #indexScalar(at: number, sizeBytes: number): void {
    const ended = this.#ended
    ended.kind = ITEM.scalar
    ended.address = this.#blocks.base + at
    ended.keyAddress = this.#keyAddress
    ended.size = sizeBytes
    ended.count = 0
    ended.run = 0
    this.index.end(ended, -1)
  }

  #beginContainer(kind: number): void {
    const address = this.#blocks.base + this.#begin(kind === ITEM.object ? 'an object' : 'an array')
    const levels = this.#levels
    const level = levels.depth
    if (level >= DEPTH_MAX) throw this.#tooLarge('depth', level + 1)
    levels.begin(level)
    levels.kinds[level] = kind
    levels.addresses[level] = address
    levels.keyAddresses[level] = this.#keyAddress
    levels.skips[level] = this.#keys.skippedBytes
    levels.marks[level] = address
    this.#keys.begin(level)
    this.#raw.byte(kind === ITEM.object ? CODE.beginObject : CODE.beginArray)
    this.#wants = kind === ITEM.object ? WANTS.key : WANTS.element
  }

  #duplicate(): void {
    if (this.#refuseDuplicates) {
      const path = this.path()
      const object = path === '' ? 'the root object' : `the object "${shownPath(path)}"`
      throw new VarveError('KEY_DUPLICATE', `Cannot store ${object}: a key is there twice`, { details: { path } })
    }
    this.hasDuplicates = true
  }

  #endContainer(level: number): void {
    const levels = this.#levels
    const raw = this.#raw
    const address = levels.addresses[level] as number
    const kind = levels.kinds[level] as number
    const count = levels.counts[level] as number
    const begin = address - this.#blocks.base
    if (count < SHORT.count && begin >= 0) {
      raw.bytes[begin] = (kind === ITEM.object ? CODE.shortObject : CODE.shortArray) | count
    } else raw.byte(kind === ITEM.object ? CODE.endObject : CODE.endArray)
    levels.depth = level
    const size = this.#blocks.address - address - (this.#keys.skippedBytes - (levels.skips[level] as number))
    const item = levels.items[level] as number
    if (item >= 0 || size >= this.index.threshold || level === 0) {
      const ended = this.#ended
      ended.kind = kind
      ended.address = address
      ended.keyAddress = levels.keyAddresses[level] as number
      ended.size = size
      ended.count = count
      ended.run = levels.runs[level] as number
      this.index.end(ended, item)
    }
    if (level === 0) this.#wants = WANTS.nothing
    else this.#wants = levels.kinds[level - 1] === ITEM.object ? WANTS.key : WANTS.element
  }

  #expected(): string {
    if (this.#wants === WANTS.nothing) return 'the end of the document'
    if (this.#wants === WANTS.key) return 'a key or the end of an object'
    return this.#wants === WANTS.element ? 'a value or the end of an array' : 'a value'
  }

  /** @throws {VarveError} `DOCUMENT_SEQUENCE`. */
  protected impossible(found: string): never {
    const expected = this.#expected()
    const path = this.path()
    const message = `Cannot go on with a document at "${shownPath(path)}": found ${found}, expected ${expected}`
    throw new VarveError('DOCUMENT_SEQUENCE', message, { details: { found, expected, path } })
  }

  #checkSize(sizeBytes: number): void {
    if (sizeBytes > DOCUMENT_LIMITS.scalarBytes) throw this.#tooLarge('scalarBytes', sizeBytes)
  }

  /** The child that was begun last breaks a limit. */
  #tooLarge(limitName: keyof typeof DOCUMENT_LIMITS, found: number): VarveError {
    const path = shownPath(this.#levels.path(false))
    const limit = DOCUMENT_LIMITS[limitName]
    const message = `Cannot store "${path}" in a document: ${limitName} is ${found}, limit ${limit}`
    return new VarveError('DOCUMENT_LIMIT', message, { details: { path, limit, limitName, found } })
  }
}
