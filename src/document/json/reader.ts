/** Push parser for JSON bytes: chunks in, calls of a `DocumentOutput` out. This file has the grammar; tokens, and what
 * the end of a chunk cuts off, are those of `JsonTokens`.
 * @module */
import type { VarveError } from '../../errors.ts'
import { DOCUMENT_LIMITS, type DocumentOutput } from '../write/output.ts'
import { BYTE } from './bytes.ts'
import { describeByte, limitError } from './error.ts'
import { JsonTokens } from './tokens.ts'

export interface JsonReaderOptions {
  /** `refuse`: number literals that a number cannot hold are errors. Default `keep`: as `JSON.parse` reads them. */
  readonly exactNumbers?: 'keep' | 'refuse'
}

/** What may come next, blanks aside. The states behind a value say in what it is. */
const STATE = {
  mark: 0,
  value: 1,
  firstValue: 2,
  firstKey: 3,
  key: 4,
  colon: 5,
  afterField: 6,
  afterElement: 7,
  /** Behind the object in an object that only wraps it. */
  afterWrapped: 8,
  end: 9,
} as const

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
/** Every level of a document may have a wrapper. */
const LEVELS_MAX = DOCUMENT_LIMITS.depth * 2

/** Bounded memory: that of the longest string cut off by the end of a chunk. */
export class JsonReader {
  readonly #output: DocumentOutput
  readonly #tokens: JsonTokens
  #state: number = STATE.mark
  /** The state behind a value of the innermost container. */
  #after: number = STATE.end
  /** Those of the outer ones. */
  readonly #levels = new Uint8Array(LEVELS_MAX)
  #depth = 0
  /** Bytes of the mark so far. */
  #markLength = 0

  constructor(output: DocumentOutput, options: JsonReaderOptions = {}) {
    this.#output = output
    this.#tokens = new JsonTokens(output, {
      exact: options.exactNumbers === 'refuse',
      onWrapper: () => {
        this.#levels[this.#depth - 1] = STATE.afterWrapped
      },
    })
  }

  /** Read the next chunk; nothing of it is kept. No use of the reader after an error.
   * @throws {VarveError} `JSON_INVALID` {position, line, column, found}, `DOCUMENT_LIMIT`. */
  push(chunk: Uint8Array): void {
    let at = this.#state === STATE.mark ? this.#skipMark(chunk) : 0
    if (this.#tokens.isCut) at = this.#tokens.resume(chunk)
    this.#run(chunk, at)
    this.#tokens.passChunk(chunk.length)
  }

  /** The text is complete. @throws {VarveError} `JSON_INVALID` when it is not. */
  end(): void {
    this.#tokens.end()
    if (this.#markLength > 0 && this.#state === STATE.mark) throw this.#badMark(0)
    if (this.#state !== STATE.end) throw this.#tokens.invalid(0, 'the end')
  }

  #skipMark(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length; at++) {
      const isMark = bytes[at] === BYTE_ORDER_MARK[this.#markLength]
      if (isMark && ++this.#markLength < BYTE_ORDER_MARK.length) continue
      if (!isMark && this.#markLength > 0) throw this.#badMark(at)
      this.#state = STATE.value
      if (!isMark) return at
      // Editors do not count it as a column.
      this.#tokens.beginLine(at + 1)
      return at + 1
    }
    return bytes.length
  }

  #badMark(at: number): VarveError {
    return this.#tokens.invalid(at - this.#markLength, describeByte(BYTE_ORDER_MARK[0] as number))
  }

  #run(bytes: Uint8Array, from: number): void {
    const end = bytes.length
    const tokens = this.#tokens
    let at = from
    while (at < end) {
      const byte = bytes[at] as number
      if (byte <= BYTE.space) {
        at = tokens.blanks(bytes, at)
        continue
      }
      switch (this.#state) {
        case STATE.afterField:
          at++
          if (byte === BYTE.comma) {
            this.#state = STATE.key
            if (at < end && bytes[at] === BYTE.quote) at = this.#field(bytes, at)
          } else if (byte === BYTE.braceEnd) this.#endObject()
          else throw tokens.unexpected(bytes, at - 1)
          break
        case STATE.key:
          if (byte !== BYTE.quote) throw tokens.unexpected(bytes, at)
          at = this.#field(bytes, at)
          break
        case STATE.colon:
          if (byte !== BYTE.colon) throw tokens.unexpected(bytes, at)
          this.#state = STATE.value
          at++
          break
        case STATE.value:
          at = this.#value(bytes, at)
          break
        case STATE.firstKey:
          at = this.#firstKey(bytes, at)
          break
        case STATE.afterElement:
          if (byte === BYTE.comma) this.#state = STATE.value
          else if (byte === BYTE.bracketEnd) this.#endArray()
          else throw tokens.unexpected(bytes, at)
          at++
          break
        case STATE.firstValue:
          if (byte === BYTE.bracketEnd) {
            this.#endArray()
            at++
          } else at = this.#value(bytes, at)
          break
        default:
          if (this.#state !== STATE.afterWrapped || byte !== BYTE.braceEnd) throw tokens.unexpected(bytes, at)
          this.#leave()
          at++
      }
    }
  }

  /** Read a key, and what follows without blanks. @returns where to go on. */
  #field(bytes: Uint8Array, at: number): number {
    this.#state = STATE.colon
    return this.#behindKey(bytes, this.#tokens.key(bytes, at + 1))
  }

  #behindKey(bytes: Uint8Array, at: number): number {
    if (at === bytes.length || bytes[at] !== BYTE.colon) return at
    this.#state = STATE.value
    const to = at + 1
    return to === bytes.length || (bytes[to] as number) <= BYTE.space ? to : this.#value(bytes, to)
  }

  /** Read a scalar, or begin a container. @returns where to go on. */
  #value(bytes: Uint8Array, at: number): number {
    const tokens = this.#tokens
    switch (bytes[at]) {
      case BYTE.quote:
        this.#state = this.#after
        return tokens.string(bytes, at + 1)
      case BYTE.brace:
        // The output learns of it with the first key, which may be `$type`.
        this.#enter(STATE.afterField)
        this.#state = STATE.firstKey
        return at + 1
      case BYTE.bracket:
        this.#enter(STATE.afterElement)
        tokens.sink.beginArray()
        this.#state = STATE.firstValue
        return at + 1
      case BYTE.lowerT:
        this.#state = this.#after
        return tokens.word(bytes, at, 'true')
      case BYTE.lowerF:
        this.#state = this.#after
        return tokens.word(bytes, at, 'false')
      case BYTE.lowerN:
        this.#state = this.#after
        return tokens.word(bytes, at, 'null')
      default:
        this.#state = this.#after
        return tokens.number(bytes, at)
    }
  }

  #firstKey(bytes: Uint8Array, at: number): number {
    if (bytes[at] === BYTE.quote) {
      this.#state = STATE.colon
      return this.#behindKey(bytes, this.#tokens.firstKey(bytes, at + 1))
    }
    if (bytes[at] !== BYTE.braceEnd) throw this.#tokens.unexpected(bytes, at)
    this.#tokens.sink.beginObject()
    this.#endObject()
    return at + 1
  }

  #endObject(): void {
    this.#tokens.sink.endObject()
    this.#leave()
  }

  #endArray(): void {
    this.#tokens.sink.endArray()
    this.#leave()
  }

  #enter(after: number): void {
    // An output that checks refuses less.
    if (this.#depth === LEVELS_MAX) throw limitError(this.#output, { limitName: 'depth', found: this.#depth + 1 })
    this.#levels[this.#depth++] = this.#after
    this.#after = after
  }

  #leave(): void {
    this.#after = this.#levels[--this.#depth] as number
    this.#state = this.#after
  }
}
