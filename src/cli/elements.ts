/** Cutting input into JSON texts while it arrives: lines of NDJSON, or the elements of one JSON array.
 *
 * Which of the two is decided by the first byte that is not blank. Memory is bounded by the longest text.
 * @module */
import { VarveError } from '../errors.ts'

/** One JSON text and the line of the input on which it begins, from 1. */
export interface Element {
  readonly line: number
  readonly text: string
  readonly sizeBytes: number
}

/** An event is at most 1 MiB packed; its JSON can be longer, but not without end. */
export const ELEMENT_MAX_BYTES = 8 * 1024 * 1024

/** How long one text may be, and what is thrown for a longer one. */
export interface ElementLimit {
  readonly sizeBytes: number
  readonly tooLarge: (line: number) => VarveError
}

const EVENT_LIMIT: ElementLimit = {
  sizeBytes: ELEMENT_MAX_BYTES,
  tooLarge: (line) =>
    new VarveError('EVENT_TOO_LARGE', `Cannot read line ${line}: its event is over 8 MiB of JSON`, {
      details: { line, limitBytes: ELEMENT_MAX_BYTES },
    }),
}

const NEWLINE = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const BRACKET_END = 0x5d
const BRACE = 0x7b
const BRACE_END = 0x7d
const BOM = [0xef, 0xbb, 0xbf]
const GZIP = [0x1f, 0x8b]

/** Undo gzip when the input is gzip.
 * @param onBytes is told how many bytes of the input were taken. */
export async function* plainBytes(
  input: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const counted = startsWhole(input, onBytes)
  const first = await counted.next()
  if (first.done) return
  const isGzip = GZIP.every((byte, at) => first.value[at] === byte)
  const whole = (async function* () {
    yield first.value
    yield* counted
  })()
  if (isGzip) yield* inflate(whole)
  else yield* whole
}

/** The input with its first piece at least three bytes long, so that what it is can be told from it. */
async function* startsWhole(
  input: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | undefined = new Uint8Array(0)
  for await (const piece of input) {
    onBytes(piece.length)
    if (start === undefined) {
      yield piece
      continue
    }
    start = join([start, piece])
    if (start.length < BOM.length) continue
    yield start
    start = undefined
  }
  if (start !== undefined && start.length > 0) yield start
}

async function* inflate(input: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await input.next()
      if (next.done) controller.close()
      // A copy: the pieces of a runtime may be views of a buffer that is used again.
      else controller.enqueue(new Uint8Array(next.value))
    },
  })
  const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader()
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) return
      yield next.value
    }
  } catch (cause) {
    throw new VarveError('JSON_INVALID', 'Cannot read the input: its compressed data is broken or ends early', {
      cause,
    })
  } finally {
    await reader.cancel().catch(() => undefined)
    await input.return(undefined).catch(() => undefined)
  }
}

/** Cut bytes into JSON texts. Empty lines are skipped.
 * @param limit default that of events.
 * @throws {VarveError} `JSON_INVALID`, and what the limit says, such as `EVENT_TOO_LARGE`; both with `line`. */
export async function* elements(
  input: AsyncIterable<Uint8Array>,
  limit: ElementLimit = EVENT_LIMIT,
): AsyncGenerator<Element> {
  let cutter: Cutter | undefined
  let blank: Uint8Array = new Uint8Array(0)
  for await (const bytes of input) {
    let piece = bytes
    if (cutter === undefined) {
      piece = withoutBom(join([blank, piece]))
      const first = piece.findIndex((byte) => !isBlank(byte))
      if (first < 0) {
        if (piece.length > ELEMENT_MAX_BYTES) throw broken(1, 'the input begins with 8 MiB of blanks')
        // Kept for the count of lines.
        blank = piece
        continue
      }
      cutter = piece[first] === BRACKET ? new ArrayCutter(limit) : new LineCutter(limit)
    }
    yield* cutter.take(piece)
  }
  if (cutter !== undefined) yield* cutter.end()
}

interface Cutter {
  take(piece: Uint8Array): Iterable<Element>
  end(): Iterable<Element>
}

/** Bytes of a text that has not ended yet. */
class Held {
  readonly #limit: ElementLimit
  #pieces: Uint8Array[] = []
  #sizeBytes = 0
  /** Line on which the text begins. */
  line = 1

  constructor(limit: ElementLimit) {
    this.#limit = limit
  }

  add(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length
    if (this.#sizeBytes > this.#limit.sizeBytes) throw this.#limit.tooLarge(this.line)
    if (bytes.length > 0) this.#pieces.push(bytes)
  }

  /** The text so far; begins a new one. @throws {VarveError} `JSON_INVALID`. */
  take(): Element {
    const bytes = join(this.#pieces)
    this.#pieces = []
    this.#sizeBytes = 0
    return { line: this.line, text: decode(bytes, this.line), sizeBytes: bytes.length }
  }
}

class LineCutter implements Cutter {
  readonly #held: Held
  #line = 1

  constructor(limit: ElementLimit) {
    this.#held = new Held(limit)
  }

  *take(piece: Uint8Array): Iterable<Element> {
    let start = 0
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      this.#held.add(piece.subarray(start, end))
      yield* this.#finish()
      this.#held.line = ++this.#line
      start = end + 1
    }
    // The rest is a view of the runtime's buffer, which may be used again.
    this.#held.add(piece.slice(start))
  }

  *end(): Iterable<Element> {
    yield* this.#finish()
  }

  *#finish(): Iterable<Element> {
    const element = this.#held.take()
    if (element.text.trim() !== '') yield element
  }
}

/** Follows strings and nesting; what the texts mean is the parser's business. */
class ArrayCutter implements Cutter {
  readonly #held: Held
  #line = 1
  #state: 'before' | 'inside' | 'after' = 'before'
  #depth = 0
  #inString = false
  #escaped = false
  /** Whether the text since the last comma holds anything but blanks. */
  #begun = false
  #elements = 0

  constructor(limit: ElementLimit) {
    this.#held = new Held(limit)
  }

  *take(piece: Uint8Array): Iterable<Element> {
    let start = 0
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number
      if (byte === NEWLINE) this.#line++
      if (this.#inString) {
        this.#inside(byte)
        continue
      }
      if (isBlank(byte)) continue
      if (this.#state !== 'inside') {
        this.#enter(byte)
        continue
      }
      const ends = this.#depth === 0 && (byte === COMMA || byte === BRACKET_END)
      if (!ends) {
        if (!this.#begun) start = at
        this.#follow(byte)
        continue
      }
      if (this.#begun) this.#held.add(piece.subarray(start, at))
      yield* this.#finish(byte === BRACKET_END)
    }
    if (this.#begun) this.#held.add(piece.slice(start))
  }

  #enter(byte: number): void {
    if (this.#state === 'after') throw broken(this.#line, 'there is something after the end of the array')
    assertArray(byte)
    this.#state = 'inside'
  }

  #inside(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inString = false
  }

  #follow(byte: number): void {
    if (!this.#begun) this.#held.line = this.#line
    this.#begun = true
    if (byte === QUOTE) this.#inString = true
    else if (byte === BRACE || byte === BRACKET) this.#depth++
    else if (byte === BRACE_END || byte === BRACKET_END) this.#depth--
  }

  *#finish(last: boolean): Iterable<Element> {
    const begun = this.#begun
    this.#begun = false
    if (last) this.#state = 'after'
    if (!begun) {
      if (last && this.#elements === 0) return
      throw broken(this.#line, 'there is nothing where an element of the array must be')
    }
    this.#elements++
    yield this.#held.take()
  }

  end(): Iterable<Element> {
    if (this.#state !== 'after') throw broken(this.#line, 'the array does not end')
    return []
  }
}

function assertArray(byte: number): void {
  if (byte !== BRACKET) throw broken(1, 'the array does not begin')
}

function broken(line: number, reason: string): VarveError {
  return new VarveError('JSON_INVALID', `Cannot read line ${line}: ${reason}`, { details: { line } })
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

function withoutBom(bytes: Uint8Array): Uint8Array {
  return BOM.every((byte, at) => bytes[at] === byte) ? bytes.subarray(BOM.length) : bytes
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (only !== undefined && pieces.length === 1) return only
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

function decode(bytes: Uint8Array, line: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw broken(line, 'it is not UTF-8')
  }
}
