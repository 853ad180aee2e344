/** A reader of term runs that knows src/FORMAT.md and none of the product's code.
 * @module */
import { crc32 } from 'node:zlib'

const PAGE = 4096
const ROOM = PAGE - 4
const text = new TextDecoder()

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** Where a batch lies. */
export interface Place {
  readonly segment: number
  readonly position: number
  readonly offset: number
  readonly rows: number
  readonly sizeBytes: number
}

/** Bytes that are taken one after the other. */
class Taken {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  number(size: 2 | 4 | 8): number {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at)
    this.at += size
    if (size === 8) return Number(view.getBigUint64(0, true))
    return size === 4 ? view.getUint32(0, true) : view.getUint16(0, true)
  }

  varint(): number {
    let value = 0
    for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 128) {
      byte = this.bytes[this.at++] ?? 0
      value += (byte & 0x7f) * factor
    }
    return value
  }

  slice(size: number): Uint8Array {
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }

  /** A chunk: first, last, count, differences. */
  chunk(): number[] {
    const numbers = [this.number(8)]
    const last = this.number(8)
    for (let left = this.number(2) - 1; left > 0; left--) numbers.push((numbers.at(-1) ?? 0) + this.varint())
    check(numbers.at(-1) === last, 'the last number of a chunk')
    return numbers
  }
}

interface Entry {
  readonly key: Uint8Array
  readonly hash: number
  /** Within the terms. */
  readonly page: number
  readonly offsets: readonly number[]
}

/** One file. */
export class Run {
  readonly #bytes: Uint8Array
  readonly level: number
  readonly segments: number
  readonly sequence: number
  readonly baseOffset: number
  readonly endOffset: number
  readonly #first: { places: number; postings: number; terms: number; filter: number; end: number }
  readonly #blocks: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    const header = new Taken(this.#page(0))
    check(text.decode(header.slice(8)) === 'VARVTRM\x01', 'magic and version')
    this.level = header.number(4)
    this.segments = header.number(4)
    this.sequence = header.number(8)
    this.baseOffset = header.number(8)
    this.endOffset = header.number(8)
    header.at = 88
    const places = 1
    const postings = places + header.number(4)
    const terms = postings + header.number(4)
    const filter = terms + header.number(4)
    this.#first = { places, postings, terms, filter, end: filter + header.number(4) }
    this.#blocks = header.number(4)
    check(header.number(4) === 0 && bytes.length === this.#first.end * PAGE, 'sizes')
    check(this.#blocks === Math.ceil(header.number(8) / 48), 'a block for 48 terms')
  }

  #page(page: number): Uint8Array {
    const seed = (crc32(this.#bytes.subarray(0, 88)) ^ Math.imul(page, 0x9e3779b1)) >>> 0
    const own = this.#bytes.subarray(page * PAGE, (page + 1) * PAGE)
    check(new Taken(own, ROOM).number(4) === crc32(own.subarray(0, ROOM), seed), `checksum of page ${page}`)
    return own
  }

  *#entries(): Generator<Entry> {
    let before: Entry | undefined
    for (let page = this.#first.terms; page < this.#first.filter; page++) {
      const taken = new Taken(this.#page(page))
      for (let left = taken.number(2); left > 0; left--) {
        const hash = taken.number(4)
        const key = taken.slice(taken.varint())
        check(hash === crc32(key), 'the hash of a key')
        check(before === undefined || isAfter({ hash, key }, before), 'terms are in order')
        before = { hash, key, page: page - this.#first.terms, offsets: this.#list(taken) }
        yield before
      }
    }
  }

  #list(taken: Taken): number[] {
    const n = taken.varint()
    if (n === 1) return [taken.varint()]
    if (n === 0) return this.#longList(taken)
    const end = taken.varint() + taken.at
    const offsets = [taken.varint()]
    for (let left = n - 1; left > 0; left--) offsets.push((offsets.at(-1) ?? 0) + taken.varint())
    check(taken.at === end, 'the length of a list')
    return offsets
  }

  #longList(taken: Taken): number[] {
    const [count, page, at, pages] = [taken.varint(), taken.varint(), taken.varint(), taken.varint()]
    const first = taken.varint()
    const last = first + taken.varint()
    const offsets: number[] = []
    for (let own = 0; own < pages; own++)
      offsets.push(...new Taken(this.#page(this.#first.postings + page + own), own === 0 ? at : 0).chunk())
    check(offsets.length === count && offsets[0] === first && offsets.at(-1) === last, 'what an entry says of its list')
    return offsets
  }

  /** Offsets by `field:text`. Every term is looked for in the filter, too. */
  terms(): Map<string, readonly number[]> {
    const found = new Map<string, readonly number[]>()
    const firstPages = new Map<number, number>()
    for (const { key, hash, page, offsets } of this.#entries()) {
      found.set(`${key[0]}:${text.decode(key.subarray(1))}`, offsets)
      const block = Math.floor((hash * this.#blocks) / 2 ** 32)
      if (!firstPages.has(block)) firstPages.set(block, page)
      check(this.mayHave(hash), 'the filter has the term')
      check(this.#block(block).number(4) === firstPages.get(block), 'the page of the first term of a block')
    }
    return found
  }

  /** A block of the filter, at its page number. */
  #block(block: number): Taken {
    return new Taken(this.#page(this.#first.filter + Math.floor(block / 63)), (block % 63) * 64 + 60)
  }

  /** What the filter says of a hash. */
  mayHave(hash: number): boolean {
    const { bytes, at } = this.#block(Math.floor((hash * this.#blocks) / 2 ** 32))
    let x = hash
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    x = (x ^ (x >>> 16)) >>> 0
    for (let left = 7; left > 0; left--) {
      const bit = ((x >>> 16) * 480) >>> 16
      if ((((bytes[at - 60 + (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 0) return false
      x = (Math.imul(x, 0x9e3779b1) + 0x7f4a7c15) >>> 0
    }
    return true
  }

  places(): Place[] {
    const found: Place[] = []
    for (let page = this.#first.places; page < this.#first.postings; page++) {
      const taken = new Taken(this.#page(page))
      let offset = taken.number(8)
      const last = taken.number(8)
      const entries = taken.number(2)
      let segment = taken.number(4)
      let position = taken.number(4)
      for (let left = entries; left > 0; left--) {
        const rows = taken.varint()
        if (rows === 0) {
          const segments = taken.varint()
          segment += segments
          offset += taken.varint()
          position = (segments > 0 ? 128 : position) + taken.varint()
          continue
        }
        const sizeBytes = taken.varint()
        found.push({ segment, position, offset, rows, sizeBytes })
        offset += rows
        position += sizeBytes
      }
      check(offset - 1 === last, 'the last row of a page')
    }
    return found
  }
}

function isAfter(entry: Pick<Entry, 'hash' | 'key'>, before: Pick<Entry, 'hash' | 'key'>): boolean {
  if (entry.hash !== before.hash) return entry.hash > before.hash
  const at = entry.key.findIndex((byte, i) => byte !== before.key[i])
  return at >= 0 && (entry.key[at] ?? 0) > (before.key[at] ?? -1)
}
