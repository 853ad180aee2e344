/** NDJSON of any length, appended in batches under the limits while it arrives.
 *
 * A batch is atomic (in a topic with several partitions: its share of each), the body is not: when a line is broken or
 * a batch is refused, earlier batches stay, and the error says which offsets they got. At most two batches are in
 * flight, so a slow disk slows the sender down. With an idempotency key each append has a key of its own, made from it,
 * the number of the batch and the partition: lines are cut into batches by their sizes alone, so the same body sent
 * again meets the same keys, what was appended is not appended again, and what was missing is.
 * @module */
import {
  type AppendOptions,
  type Durability,
  type NewEvent,
  partitionOf,
  portableDigest,
  type Receipt,
  type Topic,
  VarveError,
} from '../../src/index.ts'
import type { Shared, WebContext } from '../context.ts'
import { toVarveError } from '../problems.ts'
import { bodyPieces, decodeUtf8, joinBytes, parseJson } from './answers.ts'
import { refuse } from './fields.ts'

/** A run of offsets that one partition got, `[firstOffset, endOffset)`. */
export interface Range {
  readonly partition: number
  readonly firstOffset: number
  endOffset: number
}

/** What became of a body of lines. */
export interface LinesReceipt {
  readonly topic: string
  readonly lineage: string
  readonly events: number
  /** Of `events`, those that an earlier body with the same idempotency key had appended. */
  readonly replayedEvents: number
  readonly ranges: readonly Range[]
  readonly durability: Durability
}

export interface Line {
  readonly number: number
  readonly text: string
  readonly sizeBytes: number
}

const IN_FLIGHT = 2
/** What is left of a key's 256 bytes for the number of the batch and the partition. */
const KEY_MAX_CHARACTERS = 224
const NEWLINE = 10
const CARRIAGE_RETURN = 13

/** Append every line of the body. Empty lines are skipped.
 * @throws {VarveError} as `topic.append` and `JSON_INVALID`, `BODY_TOO_LARGE` (a line), `BODY_TIMEOUT`; `details` adds
 * `line` or `lines`, and `appended` {events, ranges}: what stays in the topic. */
export async function appendLines(
  c: WebContext,
  { app, topic, options }: { app: Shared; topic: Topic; options: AppendOptions },
): Promise<LinesReceipt> {
  if ((options.idempotencyKey?.length ?? 0) > KEY_MAX_CHARACTERS)
    throw refuse('idempotencyKey', `Cannot append lines with a key of over ${KEY_MAX_CHARACTERS} characters`)
  const sender = new Sender(topic, options)
  const { bodyBytes, bodyEvents } = app.limits
  let batch: NewEvent[] = []
  let sizeBytes = 0
  let firstLine = 1
  let line = 0
  const flush = async () => {
    if (batch.length > 0) await sender.send(batch, { first: firstLine, last: line })
    batch = []
    sizeBytes = 0
  }
  try {
    for await (const { number, text, sizeBytes: lineBytes } of lines(bodyPieces(c, app), app.limits.lineBytes)) {
      if (batch.length >= bodyEvents || sizeBytes + lineBytes > bodyBytes) await flush()
      if (batch.length === 0) firstLine = number
      line = number
      // The library checks the event.
      batch.push(parseLine(text, number) as NewEvent)
      sizeBytes += lineBytes
    }
    await flush()
    await sender.settle()
  } catch (error) {
    throw await sender.explain(error)
  }
  const { events, replayedEvents, ranges } = sender
  const { name, lineage } = topic
  return { topic: name, lineage, events, replayedEvents, ranges, durability: options.durability ?? 'synced' }
}

/** The value of a line. @throws {VarveError} `JSON_INVALID` with `line`. */
export function parseLine(text: string, line: number): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    const { code, details } = toVarveError(error)
    throw new VarveError(code, `Cannot append line ${line}: it is not JSON`, { details: { ...details, line } })
  }
}

/** Sends batches, two at a time, and keeps account of what was appended. */
class Sender {
  readonly ranges: Range[] = []
  events = 0
  replayedEvents = 0
  #batches = 0
  readonly #topic: Topic
  readonly #options: AppendOptions
  readonly #inFlight: Promise<unknown>[] = []
  #failure: VarveError | undefined

  constructor(topic: Topic, options: AppendOptions) {
    this.#topic = topic
    this.#options = options
  }

  async send(events: readonly NewEvent[], lines: { first: number; last: number }): Promise<void> {
    while (this.#inFlight.length >= IN_FLIGHT) await this.#inFlight.shift()
    if (this.#failure !== undefined) throw this.#failure
    const batch = this.#batches++
    const appended = [...this.#byPartition(events)].map(([partition, group]) =>
      this.#topic.append(group, this.#optionsOf(batch, partition)).then(
        (receipt) => this.#note(receipt),
        (error: unknown) => this.#fail(error, lines),
      ),
    )
    this.#inFlight.push(Promise.all(appended))
  }

  /** One call goes to one partition, so the lines of a batch make as many calls as they have partitions. */
  #byPartition(events: readonly NewEvent[]): ReadonlyMap<number, readonly NewEvent[]> {
    const { partitions } = this.#topic
    const only = this.#options.partition ?? (partitions === 1 ? 0 : undefined)
    if (only !== undefined) return new Map([[only, events]])
    const groups = new Map<number, NewEvent[]>()
    for (const event of events) {
      // What has no entity is left to the library to refuse.
      const entity: unknown = event?.entity
      const partition = typeof entity === 'string' ? partitionOf(entity, partitions, portableDigest) : 0
      const group = groups.get(partition)
      if (group === undefined) groups.set(partition, [event])
      else group.push(event)
    }
    return groups
  }

  #optionsOf(batch: number, partition: number): AppendOptions {
    const { idempotencyKey: key } = this.#options
    return key === undefined ? this.#options : { ...this.#options, idempotencyKey: `${key}/${batch}/${partition}` }
  }

  /** Wait for what is in flight. @throws {VarveError} of the first batch that was refused. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight.splice(0))
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Add to an error what stays appended, once everything in flight has ended. */
  async explain(error: unknown): Promise<VarveError> {
    await this.settle().catch(() => {})
    const { code, message, details, retryable } = this.#failure ?? toVarveError(error)
    const appended = { events: this.events, ranges: this.ranges }
    return new VarveError(code, message, { details: { ...details, appended }, retryable, cause: error })
  }

  #note({ partition, firstOffset, endOffset, replayed }: Receipt): void {
    this.events += endOffset - firstOffset
    if (replayed) this.replayedEvents += endOffset - firstOffset
    const last = this.ranges.findLast((range) => range.partition === partition)
    if (last?.endOffset === firstOffset) last.endOffset = endOffset
    else this.ranges.push({ partition, firstOffset, endOffset })
  }

  #fail(error: unknown, lines: { first: number; last: number }): void {
    const { code, message, details, retryable } = toVarveError(error)
    this.#failure ??= new VarveError(code, message, { details: { ...details, lines }, retryable, cause: error })
  }
}

/** Cut bytes into lines. @throws {VarveError} `BODY_TOO_LARGE`, `JSON_INVALID` (not UTF-8), both with `line`. */
export async function* lines(pieces: AsyncIterable<Uint8Array>, lineBytes: number): AsyncGenerator<Line> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let number = 1
  const hold = (bytes: Uint8Array) => {
    heldBytes += bytes.length
    if (heldBytes > lineBytes)
      throw new VarveError('BODY_TOO_LARGE', `Cannot append line ${number}: it is over ${lineBytes} bytes`, {
        details: { line: number, limit: lineBytes },
      })
    held.push(bytes)
  }
  const take = (): Line | undefined => {
    const bytes = joinBytes(held, heldBytes)
    const sizeBytes = heldBytes
    held = []
    heldBytes = 0
    const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length
    if (end === 0) return undefined
    return { number, text: decodeLine(bytes.subarray(0, end), number), sizeBytes }
  }
  for await (const piece of pieces) {
    let start = 0
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      hold(piece.subarray(start, end))
      const line = take()
      if (line !== undefined) yield line
      number++
      start = end + 1
    }
    if (start < piece.length) hold(piece.subarray(start))
  }
  const line = take()
  if (line !== undefined) yield line
}

function decodeLine(bytes: Uint8Array, line: number): string {
  try {
    return decodeUtf8(bytes)
  } catch {
    throw new VarveError('JSON_INVALID', `Cannot append line ${line}: it is not UTF-8`, { details: { line } })
  }
}
