/** A growing byte buffer for values, and UTF-8 into it. Writers reserve room first and then set bytes directly.
 * @module */

const CHUNK_BYTES = 65_536
/** Larger chunks, made by a huge value, are not kept. */
const CHUNK_MAX_BYTES = 2 * 1_048_576
const SPARES_MAX = 4
/** With less room than this a new chunk is begun. */
const ROOM_BYTES = 4_096
/** Below this many characters a loop is faster than `TextEncoder.encodeInto` with its subarray. */
const LOOP_CHARS = 40
const encoder = new TextEncoder()

interface Chunk {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** How many takers still read it. */
  lent: number
}

function newChunk(sizeBytes: number): Chunk {
  const bytes = new Uint8Array(sizeBytes)
  return { bytes, view: new DataView(bytes.buffer), lent: 0 }
}

/** Bytes that were taken stay as they are until they are given back; then their memory is used again, because memory
 * outside the heap that comes and goes makes the collector run. */
export class ValueBuffer {
  #chunk = newChunk(CHUNK_BYTES)
  /** Chunks that may be read still, or be used again. */
  #spares: Chunk[] = []
  bytes: Uint8Array = this.#chunk.bytes
  view: DataView = this.#chunk.view
  /** Where what was written since `begin` starts in `bytes`. */
  start = 0
  /** End of the bytes in use; what lies behind is garbage. */
  length = 0

  /** Make room for `sizeBytes` more. */
  ensure(sizeBytes: number): void {
    if (this.length + sizeBytes > this.bytes.length) this.#grow(sizeBytes)
  }

  byte(value: number): void {
    this.ensure(1)
    this.bytes[this.length++] = value
  }

  append(bytes: Uint8Array): void {
    this.ensure(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** Write an unsigned integer below 2^53, seven bits a byte, lowest first. */
  varint(value: number): void {
    this.ensure(8)
    let rest = value
    // What is no 32-bit integer is slow to divide, and slower with a remainder.
    while (rest > 0x7fffffff) {
      const high = Math.floor(rest / 0x80)
      this.bytes[this.length++] = (rest - high * 0x80) | 0x80
      rest = high
    }
    let small = rest | 0
    while (small >= 0x80) {
      this.bytes[this.length++] = (small & 0x7f) | 0x80
      small >>= 7
    }
    this.bytes[this.length++] = small
  }

  /** Write well-formed text at `position`, for which there is room (3 bytes a character), without moving `length`.
   * @returns the end position, or -1 for text with a lone surrogate. */
  utf8(text: string, position: number): number {
    if (text.length > LOOP_CHARS) {
      if (!text.isWellFormed()) return -1
      return position + encoder.encodeInto(text, this.bytes.subarray(position)).written
    }
    const bytes = this.bytes
    let at = position
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit >= 0x80) return writeUnits(bytes, at, text, index)
      bytes[at++] = unit
    }
    return at
  }

  /** Write any text as WTF-8: UTF-8 in which a lone surrogate takes three bytes. Room as for `utf8`. */
  wtf8(text: string): void {
    for (const character of text) {
      const point = character.codePointAt(0) as number
      if (point >= 0xd800 && point <= 0xdfff) {
        this.bytes[this.length++] = 0xe0 | (point >> 12)
        this.bytes[this.length++] = 0x80 | ((point >> 6) & 0x3f)
        this.bytes[this.length++] = 0x80 | (point & 0x3f)
      } else this.length = writeUnits(this.bytes, this.length, character, 0)
    }
  }

  /** Take what was written since `begin`. `giveBack` when it is not read any more; forgetting costs memory only. */
  take(): { values: Uint8Array; giveBack: () => void } {
    const chunk = this.#chunk
    chunk.lent++
    const giveBack = () => {
      chunk.lent--
    }
    return { values: this.bytes.subarray(this.start, this.length), giveBack }
  }

  /** Go on behind what was written, or in another chunk. */
  begin(): void {
    const used = this.length - this.start
    this.start = this.length
    if (this.#chunk.lent === 0 && this.bytes.length <= CHUNK_MAX_BYTES) {
      this.start = 0
      this.length = 0
    }
    const room = ROOM_BYTES + Math.min(used, CHUNK_MAX_BYTES)
    if (this.bytes.length <= CHUNK_MAX_BYTES && this.bytes.length - this.length >= room) return
    this.#use(this.#free(room) ?? newChunk(Math.max(CHUNK_BYTES, room * 2)))
    this.start = 0
    this.length = 0
  }

  /** A chunk that nobody reads, with room for `sizeBytes`. */
  #free(sizeBytes: number): Chunk | undefined {
    const at = this.#spares.findIndex((chunk) => chunk.lent === 0 && chunk.bytes.length >= sizeBytes)
    return at < 0 ? undefined : this.#spares.splice(at, 1)[0]
  }

  /** Positions stay as they are. */
  #grow(sizeBytes: number): void {
    const before = this.bytes
    this.#use(newChunk(Math.max(before.length * 2, this.length + sizeBytes)))
    this.bytes.set(before.subarray(this.start, this.length), this.start)
  }

  #use(chunk: Chunk): void {
    if (this.#chunk.bytes.length <= CHUNK_MAX_BYTES) this.#spares.push(this.#chunk)
    if (this.#spares.length > SPARES_MAX) this.#spares.shift()
    this.#chunk = chunk
    this.bytes = chunk.bytes
    this.view = chunk.view
  }
}

/** @returns the end position, or -1 at a lone surrogate. */
function writeUnits(bytes: Uint8Array, position: number, text: string, from: number): number {
  let at = position
  for (let index = from; index < text.length; index++) {
    let unit = text.charCodeAt(index)
    if (unit < 0x80) {
      bytes[at++] = unit
    } else if (unit < 0x800) {
      bytes[at++] = (unit >> 6) | 0xc0
      bytes[at++] = (unit & 0x3f) | 0x80
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = (unit >> 12) | 0xe0
      bytes[at++] = ((unit >> 6) & 0x3f) | 0x80
      bytes[at++] = (unit & 0x3f) | 0x80
    } else {
      const low = text.charCodeAt(++index)
      // Past the end `low` is NaN, which fails the comparison too.
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return -1
      unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff)
      bytes[at++] = (unit >> 18) | 0xf0
      bytes[at++] = ((unit >> 12) & 0x3f) | 0x80
      bytes[at++] = ((unit >> 6) & 0x3f) | 0x80
      bytes[at++] = (unit & 0x3f) | 0x80
    }
  }
  return at
}

/** Bytes that `text` takes as UTF-8; a lone surrogate counts three. Cost: one pass over the text. */
export function utf8Length(text: string): number {
  let sizeBytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // A pair is two units and four bytes: each half adds one.
    if (unit >= 0x800) sizeBytes += unit >= 0xd800 && unit <= 0xdfff && isPaired(text, index) ? 1 : 2
    else if (unit >= 0x80) sizeBytes++
  }
  return sizeBytes
}

function isPaired(text: string, index: number): boolean {
  if (text.charCodeAt(index) <= 0xdbff) return (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00
  return index > 0 && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800
}

const UNITS_AT_ONCE = 4_096

/** Text of WTF-8 bytes. @throws {RangeError} when they are not. */
export function decodeWtf8(bytes: Uint8Array): string {
  let text = ''
  let units: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    let point = size === 1 ? first : first & (0xff >> (size + 1))
    for (let index = 1; index < size; index++) {
      const next = bytes[at + index] ?? 0
      if ((next & 0xc0) !== 0x80) throw new RangeError('not WTF-8')
      point = (point << 6) | (next & 0x3f)
    }
    if (first >= 0xf8 || point < (FIRST_POINTS[size] as number) || point > 0x10ffff) throw new RangeError('not WTF-8')
    if (point < 0x10000) units.push(point)
    else units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff))
    at += size
    if (units.length < UNITS_AT_ONCE) continue
    text += String.fromCharCode(...units)
    units = []
  }
  return text + String.fromCharCode(...units)
}

/** The lowest code point of each size: a longer form than needed is refused. */
const FIRST_POINTS = [0, 0, 0x80, 0x800, 0x10000]
