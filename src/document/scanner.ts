/** Passing over structural events without decoding them.
 *
 * Every method works on the bytes that its window has. One that needs others has told the window so and returns a sign
 * of it: the reading yields, and calls again. Nothing is passed over in part: what is here is complete, or is left.
 * @module */
import { CODE, DEPTH_MAX, SHORT } from '../codec/structural-codes.ts'
import { decodeWtf8 } from '../codec/value-buffer.ts'
import { VarveError } from '../errors.ts'
import { BLOCK_RAW_BYTES } from './blocks.ts'
import { DOCUMENT_LIMITS } from './output.ts'
import type { Window } from './window.ts'

/** What follows a code. */
const FOLLOWS = {
  nothing: 0,
  varint: 1,
  f64: 2,
  sized: 3,
  scaled: 4,
  shortString: 5,
  shortKey: 6,
  keyNumber: 7,
  sizedKey: 8,
  varintKey: 9,
  begin: 10,
  end: 11,
  children: 12,
  keyPages: 13,
  invalid: 14,
} as const

const CLASSES = classes()

function classes(): Uint8Array {
  const table = new Uint8Array(256).fill(FOLLOWS.invalid)
  const set = (codes: readonly number[], follows: number) => {
    for (const code of codes) table[code] = follows
  }
  set([CODE.null, CODE.false, CODE.true, CODE.undefined], FOLLOWS.nothing)
  set([CODE.int, CODE.negativeInt], FOLLOWS.varint)
  set([CODE.float, CODE.timestamp], FOLLOWS.f64)
  set([CODE.string, CODE.string + 1, CODE.bigint, CODE.negativeBigint, CODE.binary, CODE.decimal], FOLLOWS.sized)
  set([CODE.scaled, CODE.negativeScaled], FOLLOWS.scaled)
  set([CODE.key, CODE.key + 1, CODE.newKey], FOLLOWS.sizedKey)
  set([CODE.keyNumber, CODE.intKey, CODE.negativeIntKey], FOLLOWS.varintKey)
  set([CODE.beginObject, CODE.beginArray], FOLLOWS.begin)
  set([CODE.endObject, CODE.endArray], FOLLOWS.end)
  set([CODE.keyPages], FOLLOWS.keyPages)
  table.fill(FOLLOWS.children, CODE.shortArray, CODE.shortInt)
  table.fill(FOLLOWS.nothing, CODE.shortInt, CODE.shortString)
  table.fill(FOLLOWS.shortString, CODE.shortString, CODE.shortKey)
  table.fill(FOLLOWS.shortKey, CODE.shortKey, CODE.shortKeyNumber)
  table.fill(FOLLOWS.keyNumber, CODE.shortKeyNumber)
  return table
}

const isEndCode = (code: number) => code === CODE.endObject || code === CODE.endArray

/** What `skip` found. */
export const SKIP = { done: 0, wanting: 1, ended: 2 } as const

export class Scanner {
  /** Events passed over. */
  events = 0
  /** Raw bytes passed over that are no events: key pages, and what is empty before them. */
  skippedBytes = 0
  readonly window: Window
  /** Of the container that was entered last: what it is, and how many children it has, Infinity where an end follows. */
  isObject = false
  count = 0
  /** Values still to be passed over, and those around the open containers. */
  #left = 0
  #depth = 0
  readonly #lefts = new Float64Array(DEPTH_MAX)
  /** Of the varint that `#varint` read last. */
  #number = 0
  /** Address behind what was passed over, if the window is not there; otherwise -1. */
  #away = -1

  constructor(window: Window) {
    this.window = window
  }

  /** Move to an address. @returns whether its bytes are there; otherwise yield. */
  seek(address: number): boolean {
    this.#away = -1
    return this.window.seek(address)
  }

  /** Address behind what was passed over. */
  get behind(): number {
    return this.#away >= 0 ? this.#away : this.window.addressOf(this.window.at)
  }

  /** Pass over `values` values with `skip`: `peek` came before. */
  beginSkip(values: number): void {
    this.#left = values
    this.#depth = 0
  }

  /** Pass over values and their keys. @returns `SKIP.ended` at the end of the container around them, which is left. */
  skip(): number {
    const { window } = this
    for (;;) {
      const found = this.#skipHere()
      if (found !== SKIP.wanting) return found
      const { at, end, bytes } = window
      if (at >= end || bytes[at] !== CODE.keyPages) return SKIP.wanting
      if (!this.passKeyPages()) return SKIP.wanting
    }
  }

  /** Pass over a value that must be there, after `beginSkip(1)`. @returns whether that is done; otherwise yield. */
  skipValue(): boolean {
    const found = this.skip()
    if (found === SKIP.ended) throw this.#damaged(this.window.at, 'an end where a value should be')
    return found === SKIP.done
  }

  /** Values still to be passed over when the container ended. */
  get left(): number {
    return this.#left
  }

  /** Pass over what is here. */
  #skipHere(): number {
    const { window } = this
    const { bytes, end } = window
    let { at } = window
    let left = this.#left
    let events = 0
    const stop = (found: number): number => {
      window.at = at
      this.#left = left
      this.events += events
      return found
    }
    while (left > 0) {
      if (at >= end) {
        stop(SKIP.wanting)
        window.more()
        return SKIP.wanting
      }
      const code = bytes[at] as number
      let next = at + 1
      switch (CLASSES[code]) {
        case FOLLOWS.nothing:
          left--
          break
        case FOLLOWS.keyNumber:
          break
        case FOLLOWS.shortString:
          next += code - CODE.shortString
          left--
          break
        case FOLLOWS.shortKey:
          next += code - CODE.shortKey
          break
        case FOLLOWS.f64:
          next += 8
          left--
          break
        case FOLLOWS.scaled:
          next++
          while ((bytes[next] as number) >= 0x80 && next < end) next++
          next++
          left--
          break
        case FOLLOWS.varint:
          while ((bytes[next] as number) >= 0x80 && next < end) next++
          next++
          left--
          break
        case FOLLOWS.varintKey:
          while ((bytes[next] as number) >= 0x80 && next < end) next++
          next++
          break
        case FOLLOWS.children:
          left += (code & (SHORT.count - 1)) - 1
          break
        case FOLLOWS.begin:
          if (this.#depth >= DEPTH_MAX) throw this.#damaged(at, 'too many levels')
          this.#lefts[this.#depth++] = left - 1
          left = Number.POSITIVE_INFINITY
          break
        case FOLLOWS.end:
          if (this.#depth === 0) return stop(SKIP.ended)
          left = this.#lefts[--this.#depth] as number
          break
        case FOLLOWS.sized:
        case FOLLOWS.sizedKey: {
          next = this.#varint(bytes, next, end)
          if (next < 0) {
            stop(SKIP.wanting)
            window.more()
            return SKIP.wanting
          }
          if (this.#number > DOCUMENT_LIMITS.scalarBytes) throw this.#damaged(at, 'a size past the limit')
          next += this.#number
          if (CLASSES[code] === FOLLOWS.sized) left--
          break
        }
        case FOLLOWS.keyPages:
          return stop(SKIP.wanting)
        default:
          throw this.#damaged(at, `the code ${code}`)
      }
      if (next > end) return this.#cut({ at, next, left, code, events })
      at = next
      events++
    }
    return stop(SKIP.done)
  }

  /** An event ends behind what is here: go where it ends if its size says so, otherwise see all of it. */
  #cut(found: { at: number; next: number; left: number; code: number; events: number }): number {
    const { window } = this
    const { at, next, left, code, events } = found
    const follows = CLASSES[code]
    const isSized =
      follows === FOLLOWS.sized ||
      follows === FOLLOWS.sizedKey ||
      follows === FOLLOWS.shortString ||
      follows === FOLLOWS.shortKey ||
      follows === FOLLOWS.f64
    this.events += events
    window.at = at
    if (isSized) {
      this.events++
      this.#left = left
      const behind = window.addressOf(next)
      if (left === 0) {
        // The last event of a document has nothing behind it.
        this.#away = behind
        return SKIP.done
      }
      window.seek(behind)
    } else {
      // The number is read again with what follows.
      this.#left = follows === FOLLOWS.varintKey ? left : left + 1
      window.more()
    }
    return SKIP.wanting
  }

  /** The code at the window, or -1: yield. Key pages are passed over. */
  peek(): number {
    const { window } = this
    if (this.#away >= 0 && !this.seek(this.#away)) return -1
    for (;;) {
      if (window.at >= window.end) {
        window.more()
        return -1
      }
      const code = window.bytes[window.at] as number
      if (code !== CODE.keyPages) return code
      if (!this.passKeyPages()) return -1
    }
  }

  /** Pass over the key pages announced here. @returns whether that needed nothing; otherwise yield. */
  passKeyPages(): boolean {
    const { window } = this
    const next = this.#varint(window.bytes, window.at + 1, window.end)
    if (next < 0) {
      window.more()
      return false
    }
    const end = window.addressOf(next)
    const behind = (Math.floor((end - 1) / BLOCK_RAW_BYTES) + 1 + this.#number) * BLOCK_RAW_BYTES
    this.events++
    this.skippedBytes += behind - end
    return window.seek(behind)
  }

  /** Go into the container at the window: `isObject` and `count` tell which. `peek` came before.
   * @returns false for a scalar, before which the window stays. */
  enter(): boolean {
    const { window } = this
    const code = window.bytes[window.at] as number
    const follows = CLASSES[code]
    if (follows === FOLLOWS.children) {
      this.isObject = code >= CODE.shortObject
      this.count = code & (SHORT.count - 1)
    } else if (follows === FOLLOWS.begin) {
      this.isObject = code === CODE.beginObject
      this.count = Number.POSITIVE_INFINITY
    } else return false
    window.at++
    this.events++
    return true
  }

  /** Whether a container ends here; `peek` came before. */
  atEnd(): boolean {
    return isEndCode(this.window.bytes[this.window.at] as number)
  }

  /** Pass over the end of a container; `atEnd` came before. */
  passEnd(isObject: boolean): void {
    const { window } = this
    const code = window.bytes[window.at] as number
    if (code !== (isObject ? CODE.endObject : CODE.endArray)) throw this.#damaged(window.at, 'the end of another one')
    window.at++
    this.events++
  }

  /** Compare the key at the window with `key`, and move behind it; `peek` came before.
   * @returns 1 the same, 0 another one, -1: yield, then call again. */
  matchKey(key: WantedKey): number {
    const { window } = this
    const { bytes, at, end } = window
    const code = bytes[at] as number
    const follows = CLASSES[code]
    let text = at + 1
    let sizeBytes = code - CODE.shortKey
    if (follows === FOLLOWS.keyNumber) {
      window.at = text
      this.events++
      return code - CODE.shortKeyNumber === key.number ? 1 : 0
    }
    if (follows === FOLLOWS.varintKey || follows === FOLLOWS.sizedKey) {
      text = this.#varint(bytes, text, end)
      if (text < 0) return this.#wantMore()
      sizeBytes = this.#number
      if (follows === FOLLOWS.varintKey) {
        window.at = text
        this.events++
        return this.#isNumber(code, key) ? 1 : 0
      }
      if (sizeBytes > DOCUMENT_LIMITS.keyBytes) throw this.#damaged(at, 'a size past the limit')
    } else if (follows !== FOLLOWS.shortKey) throw this.#damaged(at, 'no key')
    if (text + sizeBytes > end) return this.#wantMore()
    window.at = text + sizeBytes
    this.events++
    const wanted = key.bytes
    if (wanted === undefined || wanted.length !== sizeBytes) return 0
    for (let i = 0; i < sizeBytes; i++) if (wanted[i] !== bytes[text + i]) return 0
    return 1
  }

  /** The key at the window, which moves behind it; `peek` came before. @returns undefined: yield, then call again. */
  readKey(keys: readonly string[]): string | number | undefined {
    const { window } = this
    const { bytes, at, end } = window
    const code = bytes[at] as number
    const follows = CLASSES[code]
    let text = at + 1
    let sizeBytes = code - CODE.shortKey
    let key: string | number | undefined
    if (follows === FOLLOWS.keyNumber) key = keys[code - CODE.shortKeyNumber]
    else {
      if (follows === FOLLOWS.varintKey || follows === FOLLOWS.sizedKey) {
        text = this.#varint(bytes, text, end)
        if (text < 0) {
          window.more()
          return undefined
        }
        sizeBytes = this.#number
      } else if (follows !== FOLLOWS.shortKey) throw this.#damaged(at, 'no key')
      if (follows === FOLLOWS.varintKey) key = this.#numberKey(code, keys)
      else {
        if (sizeBytes > DOCUMENT_LIMITS.keyBytes) throw this.#damaged(at, 'a size past the limit')
        if (text + sizeBytes > end) {
          window.more()
          return undefined
        }
        try {
          key = decodeWtf8(bytes.subarray(text, text + sizeBytes))
        } catch {
          throw this.#damaged(at, 'a key that is not WTF-8')
        }
        text += sizeBytes
      }
    }
    if (key === undefined) throw this.#damaged(at, 'a key that the table lacks')
    window.at = text
    this.events++
    return key
  }

  #numberKey(code: number, keys: readonly string[]): string | number | undefined {
    if (code === CODE.keyNumber) return keys[this.#number + SHORT.keyNumber]
    return code === CODE.intKey ? this.#number : -1 - this.#number
  }

  #isNumber(code: number, key: WantedKey): boolean {
    if (code === CODE.keyNumber) return this.#number + SHORT.keyNumber === key.number
    if (key.intKey === undefined) return false
    return (code === CODE.intKey ? this.#number : -1 - this.#number) === key.intKey
  }

  #wantMore(): number {
    this.window.more()
    return -1
  }

  /** Read a varint into `#number`. @returns the position behind it, or -1 when it is cut off. */
  #varint(bytes: Uint8Array, from: number, end: number): number {
    let value = 0
    let unit = 1
    for (let at = from; at < end; at++) {
      const byte = bytes[at] as number
      value += (byte & 0x7f) * unit
      if (value > Number.MAX_SAFE_INTEGER) throw this.#damaged(from, 'a number too long')
      if (byte < 0x80) {
        this.#number = value
        return at + 1
      }
      if (at - from >= 8) throw this.#damaged(from, 'a number too long')
      unit *= 0x80
    }
    return -1
  }

  #damaged(at: number, found: string): VarveError {
    const address = this.window.addressOf(at)
    return new VarveError('DECODE_FAILED', `Cannot pass over structural events: found ${found}`, {
      details: { address, found },
    })
  }
}

/** A key that is looked for, as its document may have written it. */
export interface WantedKey {
  /** UTF-8 or WTF-8; undefined for an integer key. */
  readonly bytes: Uint8Array | undefined
  /** In the key table of the document, or -1. */
  readonly number: number
  readonly intKey: number | undefined
}
