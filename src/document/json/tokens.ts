/** The tokens of JSON bytes, given to a sink: read where they are if they lie in one chunk, collected if the end of a
 * chunk cuts them off. Line breaks occur between tokens only, so that they are counted there.
 *
 * Places are indexes of the current chunk, negative for those before it.
 * @module */
import type { VarveError } from '../../errors.ts'
import { DOCUMENT_LIMITS, type DocumentOutput } from '../write/output.ts'
import { BYTE, NUMERIC, textEnd } from './bytes.ts'
import { describeByte, type JsonPlace, jsonError, limitError } from './error.ts'
import { NUMBER_CUT, NUMBER_INVALID, NumberReader } from './number.ts'
import { StringCollector } from './string.ts'
import { isTypeKey, type JsonSink, type TypedEnd, TypedObject } from './typed.ts'

/** What the end of the chunk before cut off. */
type Cut = 'string' | 'firstKey' | 'key' | 'number' | 'word'

const SPACE = Uint8Array.of(BYTE.space)

export class JsonTokens {
  /** The output, or what takes its place behind a key `$type`. */
  sink: JsonSink
  readonly #output: DocumentOutput
  readonly #typed: TypedObject
  readonly #numbers: NumberReader
  readonly #collected = new StringCollector()
  #cut: Cut | undefined
  /** Where the token begins that was cut off. */
  #cutAt = 0
  #word = ''
  #wordAt = 0
  #isEnded = false
  /** Position of the chunk in the text. */
  #base = 0
  #line = 1
  /** Where the line begins. */
  #lineAt = 0

  /** @param onWrapper called when the innermost object turns out to wrap the next one only. */
  constructor(output: DocumentOutput, options: { exact: boolean; onWrapper: () => void }) {
    this.#output = output
    this.sink = output
    this.#numbers = new NumberReader(options.exact)
    this.#typed = new TypedObject(output, (end: TypedEnd) => {
      this.sink = output
      if (end === 'wrapped') options.onWrapper()
    })
  }

  /** Whether the rest of a token is to come: the next chunk begins with `resume`. */
  get isCut(): boolean {
    return this.#cut !== undefined
  }

  /** The next chunk comes. */
  passChunk(sizeBytes: number): void {
    this.#base += sizeBytes
    this.#lineAt -= sizeBytes
    this.#cutAt -= sizeBytes
  }

  /** What lies before is no part of the line: a byte order mark. */
  beginLine(at: number): void {
    this.#lineAt = at
  }

  /** Pass blanks. @returns the place behind them. */
  blanks(bytes: Uint8Array, from: number): number {
    const end = bytes.length
    let at = from
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === BYTE.space) continue
      if (byte > BYTE.space) break
      if (byte === BYTE.lineFeed) {
        this.#line++
        this.#lineAt = at + 1
      } else if (byte !== BYTE.carriageReturn && byte !== BYTE.tab) throw this.unexpected(bytes, at)
    }
    return at
  }

  /** Read a string. @param start behind its quote. @returns where to go on, for all readers of tokens. */
  string(bytes: Uint8Array, start: number): number {
    const to = textEnd(bytes, start, bytes.length)
    if (to === bytes.length || bytes[to] !== BYTE.quote) return this.#collect(bytes, { start, to }, 'string')
    this.sink.utf8(bytes, start, to)
    return to + 1
  }

  key(bytes: Uint8Array, start: number): number {
    const to = textEnd(bytes, start, bytes.length)
    if (to === bytes.length || bytes[to] !== BYTE.quote) return this.#collect(bytes, { start, to }, 'key')
    this.sink.keyUtf8(bytes, start, to)
    return to + 1
  }

  /** Read the first key of an object, of which the sink does not know yet. */
  firstKey(bytes: Uint8Array, start: number): number {
    const to = textEnd(bytes, start, bytes.length)
    if (to === bytes.length || bytes[to] !== BYTE.quote) return this.#collect(bytes, { start, to }, 'firstKey')
    if (!isTypeKey(bytes, start, to) || !this.#beginTyped(start - 1)) {
      this.sink.beginObject()
      this.sink.keyUtf8(bytes, start, to)
    }
    return to + 1
  }

  number(bytes: Uint8Array, at: number): number {
    const end = bytes.length
    const to = this.#numbers.read(bytes, at, { end, sink: this.sink })
    if (to >= 0) return to
    if (to !== NUMBER_CUT) throw this.#badNumber(bytes, to)
    this.#beginCut('number', at)
    this.#collected.append(bytes, at, end)
    return end
  }

  /** Read `true`, `false` or `null`. */
  word(bytes: Uint8Array, at: number, word: string): number {
    this.#word = word
    this.#wordAt = 1
    return this.#finishWord(bytes, at + 1)
  }

  /** Go on with the token that was cut off. */
  resume(bytes: Uint8Array): number {
    if (this.#cut === 'number') return this.#resumeNumber(bytes)
    return this.#cut === 'word' ? this.#finishWord(bytes, 0) : this.#take(bytes, 0)
  }

  /** The text ends here. @throws {VarveError} `JSON_INVALID` when that cuts off a token. */
  end(): void {
    this.#isEnded = true
    if (this.#cut === 'number') this.#finishNumber(SPACE, 0)
    else if (this.#cut === 'word') throw this.invalid(0, 'the end')
    else if (this.#cut !== undefined) throw this.invalid(0, 'the end inside a string')
  }

  unexpected(bytes: Uint8Array, at: number): VarveError {
    return this.invalid(at, describeByte(bytes[at] as number))
  }

  invalid(at: number, found: string): VarveError {
    return jsonError(this.#place(at), found)
  }

  #place(at: number): JsonPlace {
    return { position: this.#base + at, line: this.#line, column: at - this.#lineAt + 1 }
  }

  #beginCut(cut: Cut, at: number): void {
    this.#cut = cut
    this.#cutAt = at
    this.#collected.begin()
  }

  /** Begin to collect a string that has an escape at `to`, or is cut off or wrong there. */
  #collect(bytes: Uint8Array, { start, to }: { start: number; to: number }, cut: Cut): number {
    this.#beginCut(cut, start - 1)
    this.#collected.append(bytes, start, to)
    return this.#take(bytes, to)
  }

  #take(bytes: Uint8Array, at: number): number {
    const collected = this.#collected
    const to = collected.take(bytes, at, bytes.length)
    if (collected.fault !== undefined) throw this.invalid(to, collected.fault)
    this.#checkSize()
    if (to === bytes.length) return to
    const { bytes: text, length } = collected
    const cut = this.#cut
    this.#cut = undefined
    if (cut === 'string') {
      if (collected.isWellFormed) this.sink.utf8(text, 0, length)
      else this.sink.string(collected.text)
    } else if (cut === 'key' || !isTypeKey(text, 0, length) || !this.#beginTyped(this.#cutAt)) {
      if (cut === 'firstKey') this.sink.beginObject()
      if (collected.isWellFormed) this.sink.keyUtf8(text, 0, length)
      else this.sink.key(collected.text)
    }
    return to + 1
  }

  /** Complete tokens are checked by the output. */
  #checkSize(): void {
    const limitName = this.#cut === 'key' || this.#cut === 'firstKey' ? 'keyBytes' : 'scalarBytes'
    const found = this.#collected.length
    if (found > DOCUMENT_LIMITS[limitName]) throw limitError(this.#output, { limitName, found })
  }

  /** The first key is `$type`: wait for what comes, unless the object is wrapped. */
  #beginTyped(at: number): boolean {
    if (this.sink !== this.#output) {
      if (this.#typed.wraps) return false
      this.#typed.settle()
    }
    this.#typed.begin(this.#place(at))
    this.sink = this.#typed
    return true
  }

  #finishWord(bytes: Uint8Array, from: number): number {
    const word = this.#word
    let at = from
    for (; this.#wordAt < word.length; at++, this.#wordAt++) {
      if (at === bytes.length) {
        this.#cut = 'word'
        return at
      }
      if (bytes[at] !== word.charCodeAt(this.#wordAt)) throw this.unexpected(bytes, at)
    }
    this.#cut = undefined
    if (word === 'null') this.sink.null()
    else this.sink.boolean(word === 'true')
    return at
  }

  #resumeNumber(bytes: Uint8Array): number {
    const end = bytes.length
    let to = 0
    while (to < end && NUMERIC[bytes[to] as number] === 1) to++
    this.#collected.append(bytes, 0, to)
    this.#checkSize()
    if (to < end) this.#finishNumber(bytes, to)
    return to
  }

  /** Read what was collected of a number, and the byte behind it. */
  #finishNumber(bytes: Uint8Array, at: number): void {
    const collected = this.#collected
    collected.append(bytes, at, at + 1)
    const { bytes: text, length } = collected
    const to = this.#numbers.read(text, 0, { end: length, sink: this.sink })
    if (to < 0) throw this.#badNumber(text, to)
    if (to < length - 1) throw this.#unexpectedIn(text, to)
    this.#cut = undefined
  }

  /** @param result of reading the number in these bytes. */
  #badNumber(bytes: Uint8Array, result: number): VarveError {
    const index = NUMBER_INVALID - result
    const { fault } = this.#numbers
    return fault === undefined ? this.#unexpectedIn(bytes, index) : this.invalid(index + this.#origin, fault)
  }

  /** Where the bytes begin that a number is read from. */
  get #origin(): number {
    return this.#cut === undefined ? 0 : this.#cutAt
  }

  #unexpectedIn(bytes: Uint8Array, index: number): VarveError {
    const at = index + this.#origin
    // Behind the last byte of the text stands a blank.
    return this.invalid(at, this.#isEnded && at >= 0 ? 'the end' : describeByte(bytes[index] as number))
  }
}
