/** Passing over structural events without decoding them.
 *
 * Every method works on the bytes that its window has. One that needs others has told the window so and returns a sign
 * of it: the reading yields, and calls again. Nothing is passed over in part: what is here is complete, or is left.
 * @module */
import { CODE, DEPTH_MAX, SHORT } from '../../codec/structural-codes.ts'
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import { BLOCK_RAW_BYTES } from '../blocks.ts'
import { DOCUMENT_LIMITS } from '../write/output.ts'
import { CHANGES, CLASSES, EVENT_BYTES, FOLLOWS } from './scan-tables.ts'
import type { Window } from './window.ts'

const isEndCode = (code: number) => code === CODE.endObject || code === CODE.endArray

/** What `skip` found. */
export const SKIP = { done: 0, wanting: 1, ended: 2 } as const

export class Scanner {
  /** Events passed over. */
  events = 0
  /** Raw bytes passed over that are no events: key pages, and what is empty before them. */
  skippedBytes = 0
  readonly window: Window
  /** Of the container that was entered last: what it is, and how many children it has, Infinity where an end follows.
   * */
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

  /** Pass over what is here. */
  #skipHere(): number {
    const { window } = this
    const { bytes, end } = window
    let { at } = window
    let left = this.#left
    let events = 0
    let found: number = SKIP.done
    while (left > 0 && at < end) {
      const code = bytes[at] as number
      const sizeBytes = EVENT_BYTES[code] as number
      if (sizeBytes > 0) {
        left += CHANGES[code] as number
        at += sizeBytes
      } else {
        window.at = at
        this.#left = left
        found = this.#skipSpecial(code)
        if (found !== SKIP.done) break
        at = window.at
        left = this.#left
      }
      events++
    }
    this.events += events
    if (found !== SKIP.done) return found
    this.#left = left
    return this.#goTo(at)
  }

  /** Pass over an event whose code does not tell its size. */
  #skipSpecial(code: number): number {
    const { window } = this
    const { bytes, at, end } = window
    const follows = CLASSES[code]
    switch (follows) {
      case FOLLOWS.begin:
        if (this.#depth >= DEPTH_MAX) throw this.#damaged(at, 'too many levels')
        this.#lefts[this.#depth++] = this.#left - 1
        this.#left = Number.POSITIVE_INFINITY
        window.at = at + 1
        return SKIP.done
      case FOLLOWS.end:
        if (this.#depth === 0) return SKIP.ended
        this.#left = this.#lefts[--this.#depth] as number
        window.at = at + 1
        return SKIP.done
      case FOLLOWS.keyPages:
        return SKIP.wanting
      case FOLLOWS.invalid:
        throw this.#damaged(at, `the code ${code}`)
    }
    const next = this.#varint(bytes, follows === FOLLOWS.scaled ? at + 2 : at + 1, end)
    if (next < 0) {
      window.more()
      return SKIP.wanting
    }
    this.#left += CHANGES[code] as number
    if (follows !== FOLLOWS.sized && follows !== FOLLOWS.sizedKey) {
      window.at = next
      return SKIP.done
    }
    if (this.#number > DOCUMENT_LIMITS.scalarBytes) throw this.#damaged(at, 'a size past the limit')
    // The window stays: what is inside a value may look like the code of key pages.
    return this.#goTo(next + this.#number)
  }

  /** Go on at a position, which may be behind what is here. */
  #goTo(next: number): number {
    const { window } = this
    if (next < window.end || (next === window.end && this.#left === 0)) {
      window.at = next
      return SKIP.done
    }
    const behind = window.addressOf(next)
    if (next === window.end) {
      window.at = next
      window.more()
      return SKIP.wanting
    }
    if (this.#left === 0) {
      // The last event of a document has nothing behind it.
      this.#away = behind
      return SKIP.done
    }
    window.seek(behind)
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
