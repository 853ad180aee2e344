/** A reader of documents that knows src/FORMAT.md and none of the product's code: the whole value, and single ones by
 * the index, by key pages or by scanning, as the page says step by step.
 * @module */
import { crc32 } from 'node:zlib'
import { Cursor, check, type Key, RAW_BYTES, wtf8 } from './document-events.ts'
import { hashOf, KeyRun } from './document-runs.ts'

const BLOCK_BYTES = 2048
const MAGIC = 'VARVEDOC'
const RANGE = 0
const OBJECT = 3
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The row of the manifest. */
export interface Row {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly version: number
  readonly sizeBytes: number
  readonly indexBytes: number
}

export interface Item {
  readonly kind: number
  readonly depth: number
  address: number
  size: number
  count: number
  ordinal: number
  /** Block of the newest run of key pages. */
  run: number | undefined
  key: Key | undefined
  container: Item | undefined
}

/** A field, an element, or an integer key. */
export type Step = string | number | { readonly intKey: number }

/** Varints, one after another. */
class Numbers {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  next(): number {
    let value = 0
    for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 128) {
      byte = this.#bytes[this.at++] ?? 0
      value += (byte & 0x7f) * factor
    }
    return value
  }

  slice(size: number): Uint8Array {
    this.at += size
    check(this.at <= this.#bytes.length, 'bytes of the index')
    return this.#bytes.subarray(this.at - size, this.at)
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length
  }
}

export class DocumentFile {
  readonly table: string[] = []
  readonly items: Item[] = []
  readonly threshold: number
  readonly endAddress: number
  readonly hasDuplicates: boolean
  /** T as it was asked for, and the store that wrote. */
  readonly preamble: { readonly threshold: number; readonly storeId: string }
  /** Blocks that were used since this was emptied. */
  readonly used = new Set<number>()
  readonly #bytes: Uint8Array
  readonly #seed: number
  readonly #streamBytes: number
  readonly #raw = new Map<number, Uint8Array>()
  readonly #entries = new Map<number, Item>()
  readonly #children = new Map<Item, Item[]>()

  constructor(bytes: Uint8Array, row: Row) {
    this.#bytes = bytes
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#streamBytes = Number(view.getBigUint64(0))
    const id = Buffer.from(row.id, 'hex')
    this.#seed = crc32(id)
    const sizes = [12 + this.#streamBytes + row.indexBytes, row.sizeBytes, view.getUint32(8)]
    check(sizes.join() === [bytes.length, bytes.length, row.indexBytes].join(), 'sizes of the header')
    const trailer = bytes.length - 64
    check(Buffer.compare(bytes.subarray(trailer, trailer + 8), id) === 0, 'the id')
    check(Number(view.getBigUint64(trailer + 8, true)) === row.version, 'the version')
    check(Number(view.getBigUint64(trailer + 16, true)) === this.#streamBytes, 'size of the blocks')
    check(view.getUint32(trailer + 24, true) === row.indexBytes, 'size of the index section')
    check(view.getUint32(trailer + 28, true) < 2, 'feature bits')
    check(text.decode(bytes.subarray(trailer + 48, trailer + 56)) === MAGIC, 'magic')
    check(view.getUint32(trailer + 56, true) === 1, 'format version')
    this.hasDuplicates = view.getUint32(trailer + 28, true) === 1
    this.threshold = view.getFloat64(trailer + 32, true)
    this.endAddress = Number(view.getBigUint64(trailer + 40, true))
    const section = bytes.subarray(12 + this.#streamBytes, bytes.length - 4)
    const crc = crc32(section, crc32(bytes.subarray(0, 12), ~this.#seed >>> 0))
    check(view.getUint32(trailer + 60, true) === crc, 'checksum of the index section')
    this.#readIndex(new Numbers(section.subarray(0, section.length - 60)))
    this.preamble = this.#readPreamble(id)
  }

  #readPreamble(id: Uint8Array): { threshold: number; storeId: string } {
    const cursor = new Cursor(this, 0)
    check(cursor.code() === 0x1b, 'a preamble')
    const preamble = cursor.bytes(cursor.varint())
    check(cursor.address === this.items[0]?.address, 'the root begins behind the preamble')
    const view = new DataView(preamble.buffer)
    check(text.decode(preamble.subarray(0, 8)) === MAGIC && view.getUint32(8, true) === 1, 'preamble')
    check(view.getUint32(12, true) === BLOCK_BYTES, 'size of a block')
    check(Buffer.compare(preamble.subarray(24, 32), id) === 0, 'the id in the preamble')
    return { threshold: view.getFloat64(16, true), storeId: text.decode(preamble.subarray(32)) }
  }

  raw(block: number): Uint8Array {
    this.used.add(block)
    let raw = this.#raw.get(block)
    if (raw === undefined) {
      raw = this.#checked(block)
      this.#raw.set(block, raw)
    }
    return raw
  }

  #checked(block: number): Uint8Array {
    const start = 12 + block * BLOCK_BYTES
    const end = Math.min(start + BLOCK_BYTES, 12 + this.#streamBytes)
    check(start < end, 'a block that is there')
    const bytes = this.#bytes.subarray(start, end)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const seed = (this.#seed ^ Math.imul(block + 1, 0x9e3779b1)) >>> 0
    check(view.getUint32(0, true) === crc32(bytes.subarray(4), seed), `checksum of block ${block}`)
    const rawBytes = view.getUint32(8, true)
    check(view.getUint32(4, true) === rawBytes && rawBytes > 0 && rawBytes <= RAW_BYTES, 'sizes and codec of a block')
    return bytes.subarray(12, 12 + rawBytes)
  }

  #readIndex(numbers: Numbers): void {
    const count = numbers.next()
    const sizes = Array.from({ length: numbers.next() }, () => numbers.next())
    for (const size of sizes) this.table.push(text.decode(numbers.slice(size)))
    this.#readShapes(numbers, count)
    const { items } = this
    const entries = items.filter(({ kind }) => kind !== RANGE)
    for (const [at, item] of items.entries()) {
      const number = numbers.next()
      item.address = at === 0 ? number : (items[at - 1]?.address ?? 0) + 1 + number
    }
    for (const entry of entries) entry.size = numbers.next()
    for (const entry of entries) if (entry.kind > 1) entry.count = numbers.next()
    /** The ordinal that was last in a container. */
    const last = new Map<Item | undefined, number>()
    for (const item of items.slice(1)) {
      item.ordinal = (last.get(item.container) ?? -1) + 1 + numbers.next()
      last.set(item.container, item.ordinal)
    }
    let having = 0
    for (let left = numbers.next(); left > 0; left--) {
      having += numbers.next()
      const item = items[having]
      if (item?.kind !== OBJECT) throw new Error('an object with key pages')
      item.run = Math.floor(item.address / RAW_BYTES) + numbers.next()
    }
    this.#readKeys(numbers)
    for (const entry of entries) {
      this.#entries.set(entry.address, entry)
      this.#children.set(entry, [])
    }
    for (const item of items) if (item.container !== undefined) this.#children.get(item.container)?.push(item)
  }

  #readShapes(numbers: Numbers, count: number): void {
    const open: Item[] = []
    while (this.items.length < count) {
      const number = numbers.next()
      const shape = Math.floor(number / 2)
      for (let left = number % 2 === 0 ? 1 : numbers.next() + 2; left > 0; left--) {
        const depth = Math.floor(shape / 4)
        const container = depth === 0 ? undefined : open[depth - 1]
        const found = { address: 0, size: 0, count: 0, ordinal: 0, run: undefined, key: undefined, container }
        const item: Item = { kind: shape % 4, depth, ...found }
        check((container === undefined) === (this.items.length === 0), 'one root')
        open[depth] = item
        this.items.push(item)
      }
    }
  }

  #readKeys(numbers: Numbers): void {
    const waiting: { item: Item; size: number }[] = []
    for (const item of this.items) {
      if (item.kind === RANGE || item.container?.kind !== OBJECT) continue
      const number = numbers.next()
      if (number % 2 === 0) item.key = this.table[number / 2]
      else if (number % 4 === 1) waiting.push({ item, size: (number - 1) / 4 })
      else if (number === 7) item.key = numbers.next()
      else if (number === 15) item.key = -1 - numbers.next()
      else item.key = wtf8(numbers.slice((number - 3) / 16))
    }
    for (const { item, size } of waiting) item.key = text.decode(numbers.slice(size))
    check(numbers.isAtEnd, 'nothing behind the index')
  }

  /** The whole value. */
  value(): unknown {
    const cursor = new Cursor(this, this.items[0]?.address ?? 0)
    const value = cursor.value()
    check(cursor.address === this.endAddress, 'the end of the value')
    return value
  }

  /** The value at a path, `undefined` where nothing is. */
  read(steps: readonly Step[]): unknown {
    const address = this.find(steps)
    return address === undefined ? undefined : new Cursor(this, address).value()
  }

  find(steps: readonly Step[]): number | undefined {
    let address: number | undefined = this.items[0]?.address ?? 0
    for (const step of steps) {
      const entry = this.#entries.get(address)
      address = entry === undefined ? this.#scan(address, step) : this.#byIndex(entry, step)
      if (address === undefined) return undefined
    }
    return address
  }

  #byIndex(entry: Item, step: Step): number | undefined {
    const children = this.#children.get(entry) ?? []
    if (entry.kind !== OBJECT) return typeof step === 'number' ? this.#element(entry, children, step) : undefined
    const key = keyOf(step)
    const named = children.filter((child) => child.kind !== RANGE && child.key === key).at(-1)?.address
    if (named !== undefined && !this.hasDuplicates) return named
    if (key === undefined) return undefined
    return entry.run === undefined ? this.#field(entry, children, { key, named }) : this.#byPages(entry.run, key)
  }

  #element(entry: Item, children: readonly Item[], index: number): number | undefined {
    if (index >= entry.count) return undefined
    const near = children.filter(({ ordinal }) => ordinal <= index).at(-1)
    const cursor = new Cursor(this, near?.address ?? entry.address)
    if (near === undefined) cursor.enter()
    cursor.pass(index - (near?.ordinal ?? 0))
    cursor.peek()
    return cursor.address
  }

  /** Scan the small fields of an entry. */
  #field(entry: Item, children: readonly Item[], wanted: { key: Key; named: number | undefined }): number | undefined {
    const cursor = new Cursor(this, entry.address)
    let found = wanted.named
    check(cursor.enter()?.isObject === true, 'an object')
    for (let field = 0; field < entry.count; field++) {
      const isSame = cursor.key() === wanted.key
      const { address } = cursor
      if (isSame) found = Math.max(found ?? 0, address)
      if (isSame && !this.hasDuplicates) return address
      const child = children.findIndex((item) => item.address === address && item.kind !== RANGE)
      if (child < 0) cursor.pass(1)
      else {
        const range = children.slice(child).find(({ kind }) => kind === RANGE)
        if (range === undefined) break
        cursor.address = range.address
        field = range.ordinal - 1
      }
    }
    return found
  }

  #byPages(newest: number, key: Key): number | undefined {
    for (let block: number | undefined = newest; block !== undefined; ) {
      const run: KeyRun = new KeyRun(this, block)
      for (const address of run.addressesOf(hashOf(key)).reverse()) {
        const cursor = new Cursor(this, address)
        if (cursor.key() === key) return cursor.address
      }
      block = run.before
    }
    return undefined
  }

  /** Look for a child of a container that the index does not name. */
  #scan(address: number, step: Step): number | undefined {
    const cursor = new Cursor(this, address)
    const container = cursor.enter()
    if (container === undefined) return undefined
    let found: number | undefined
    if (!container.isObject) {
      if (typeof step !== 'number') return undefined
      for (let at = 0; at < container.count && !cursor.isAtEnd(); at++) {
        if (at === step) return cursor.address
        cursor.pass(1)
      }
      return undefined
    }
    for (let field = 0; field < container.count && (container.count < 16 || !cursor.isAtEnd()); field++) {
      if (cursor.key() === keyOf(step)) found = cursor.address
      if (found !== undefined && !this.hasDuplicates) return found
      cursor.pass(1)
    }
    return found
  }
}

function keyOf(step: Step): Key | undefined {
  if (typeof step === 'object') return step.intKey
  return typeof step === 'string' ? step : undefined
}
