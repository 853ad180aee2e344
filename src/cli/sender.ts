/** Collecting events into batches and sending them, two at a time, with an account of what was appended.
 *
 * No batch is sent once one was refused, so that what is appended is always the input up to some line (of each
 * partition, in a topic with several).
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import { portableDigest } from '../ports/digest.ts'
import { partitionOf } from '../topic/prepare.ts'
import type { Durability, NewEvent, Receipt, Topic } from '../topic/types.ts'
import type { Element } from './elements.ts'
import { counted } from './output.ts'

/** A batch is also sent when its JSON reaches this, well under the 16 MiB of an append call. */
const BATCH_BYTES = 4 * 1024 * 1024
const IN_FLIGHT = 2
/** Whether a batch of an import repeats an earlier one is known only when it was looked at. */
const IN_FLIGHT_REPEAT = 1

export interface SendOptions {
  /** Events per batch. */
  readonly batch: number
  readonly durability: Durability
  /** Of an import, which may be run again. */
  readonly repeat?: Repeat
}

/** How a second run of the same input appends nothing twice. */
export interface Repeat {
  /** What is not in the topic yet. @throws {VarveError} `KEY_REUSED` with the `index` of what is there otherwise. */
  missing(group: Group): Promise<Group>
  /** The idempotency key of a group. */
  key(group: Group, partition: number): string
  /** Index of the first event that is not the one which lies there, from `offset` on. */
  firstOther(group: Group, place: { readonly partition: number; readonly offset: number }): Promise<number>
  /** What the input consists of. */
  readonly noun: 'line' | 'row'
}

/** Offsets that a partition got, `[firstOffset, endOffset)`. */
export interface Range {
  readonly partition: number
  readonly firstOffset: number
  endOffset: number
}

/** Events of one append call and the lines they came from. */
export interface Group {
  readonly events: NewEvent[]
  readonly lines: number[]
}

export class Sender {
  appended = 0
  /** Events of earlier runs of the same input. */
  alreadyThere = 0
  batches = 0
  readonly ranges: Range[] = []
  readonly #topic: Topic
  readonly #options: SendOptions
  #groups = new Map<number, Group>()
  #events = 0
  #sizeBytes = 0
  readonly #inFlight: Promise<void>[] = []
  #failure: VarveError | undefined
  #turn: Promise<unknown> = Promise.resolve()
  /** Lines of the batch that is being collected. */
  #firstLine = 1
  #lastLine = 0
  /** First line of what was not appended. */
  #nextLine = 1

  constructor(topic: Topic, options: SendOptions) {
    this.#topic = topic
    this.#options = options
  }

  async add(event: NewEvent, { line, sizeBytes }: Pick<Element, 'line' | 'sizeBytes'>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const { entity } = event
    const count = this.#topic.partitions
    // What is no string is refused by the topic, whatever the partition.
    const partition = count === 1 || typeof entity !== 'string' ? 0 : partitionOf(entity, count, portableDigest)
    const group = this.#groups.get(partition) ?? { events: [], lines: [] }
    this.#groups.set(partition, group)
    group.events.push(event)
    group.lines.push(line)
    this.#lastLine = line
    this.#events++
    this.#sizeBytes += sizeBytes
    if (this.#events >= this.#options.batch || this.#sizeBytes >= BATCH_BYTES) await this.#send()
  }

  /** Bytes that wait for their batch to fill. */
  get pendingBytes(): number {
    return this.#sizeBytes
  }

  /** Events that wait for their batch to fill. */
  get pending(): number {
    return this.#events
  }

  /** Send what waits; a failure is told by the next call. */
  flush(): void {
    this.#send().catch(() => undefined)
  }

  #send(): Promise<void> {
    const groups = [...this.#groups]
    const batch = { first: this.#firstLine, last: this.#lastLine }
    this.#groups = new Map()
    this.#events = 0
    this.#sizeBytes = 0
    this.#firstLine = batch.last + 1
    // One after another: the order of the batches is that of the input.
    const sent = this.#turn.then(() => this.#sendNow(groups, batch))
    this.#turn = sent.catch(() => undefined)
    return sent
  }

  async #sendNow(
    groups: readonly (readonly [partition: number, group: Group])[],
    batch: { first: number; last: number },
  ): Promise<void> {
    const most = this.#options.repeat === undefined ? IN_FLIGHT : IN_FLIGHT_REPEAT
    while (this.#inFlight.length >= most) await this.#inFlight.shift()
    // A batch that the topic refuses is refused before this turn ends, so that none after it is sent.
    await Promise.resolve()
    if (this.#failure !== undefined) throw this.#failure
    const appends: Promise<void>[] = []
    for (const [partition, group] of groups) {
      const rest = await this.#missing(group, batch.first)
      if (this.#failure !== undefined) break
      if (rest.events.length > 0) appends.push(this.#append(rest, partition, batch.first))
    }
    this.#inFlight.push(Promise.all(appends).then(() => undefined))
    if (this.#failure !== undefined) throw this.#failure
    this.#nextLine = batch.last + 1
    if (appends.length > 0) this.batches++
  }

  async #missing(group: Group, firstLine: number): Promise<Group> {
    try {
      const rest = (await this.#options.repeat?.missing(group)) ?? group
      this.alreadyThere += group.events.length - rest.events.length
      return rest
    } catch (error) {
      this.#fail(error, group, firstLine)
      return group
    }
  }

  #append(group: Group, partition: number, firstLine: number): Promise<void> {
    const { durability, repeat } = this.#options
    const key = repeat === undefined ? {} : { idempotencyKey: repeat.key(group, partition) }
    return this.#topic.append(group.events, { durability, ...key }).then(
      (receipt) => this.#note(receipt),
      (error: unknown) => {
        if (repeat === undefined || !isVarveError(error, 'KEY_REUSED')) return this.#fail(error, group, firstLine)
        return this.#failRepeat(error, { group, partition, repeat }, firstLine)
      },
    )
  }

  /** The first line that differs from what an earlier run appended under the same key. */
  async #failRepeat(
    error: VarveError,
    { group, partition, repeat }: { group: Group; partition: number; repeat: Repeat },
    firstLine: number,
  ): Promise<void> {
    const { offset } = error.details
    const place = { partition, offset: typeof offset === 'number' ? offset : 0 }
    const index = await repeat.firstOther(group, place).catch(() => 0)
    const message = 'Cannot import: an earlier run of this input had something else there, or ended there'
    const details = { ...error.details, index }
    this.#fail(new VarveError('KEY_REUSED', message, { details, cause: error }), group, firstLine)
  }

  #note({ partition, firstOffset, endOffset, replayed }: Receipt): void {
    if (replayed) {
      this.alreadyThere += endOffset - firstOffset
      return
    }
    this.appended += endOffset - firstOffset
    const range = this.ranges.find((one) => one.partition === partition)
    if (range === undefined) {
      this.ranges.push({ partition, firstOffset, endOffset })
      this.ranges.sort((a, b) => a.partition - b.partition)
    } else range.endOffset = endOffset
  }

  #fail(error: unknown, group: Group, firstLine: number): void {
    if (this.#failure !== undefined) return
    if (!isVarveError(error)) {
      this.#failure = new VarveError('INTERNAL', 'Cannot append: something unexpected failed', { cause: error })
    } else {
      const { index } = error.details
      const line = group.lines[typeof index === 'number' ? index : 0]
      const message = error.message
        .replace(/^Cannot (append|import):/, `Cannot $1 ${this.#options.repeat?.noun ?? 'line'} ${line}:`)
        .replace(/ \(event .*\)$/, '')
      this.#failure = new VarveError(error.code, message, { details: { ...error.details, line }, cause: error })
    }
    this.#nextLine = Math.min(this.#nextLine, firstLine)
  }

  /** Send the rest and wait for everything. @throws {VarveError} of the first batch that was refused. */
  async finish(): Promise<void> {
    if (this.#events > 0) await this.#send()
    await this.#turn
    await Promise.all(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Wait for everything in flight, and add to an error what stays appended. */
  async explain(error: unknown): Promise<unknown> {
    await this.#turn
    await Promise.all(this.#inFlight)
    const told = this.#failure ?? error
    if (!isVarveError(told)) return told
    const stays = { appended: this.appended, partitions: this.ranges, nextLine: this.#nextLine }
    return new VarveError(told.code, `${told.message} (${this.kept})`, {
      details: { ...told.details, ...stays },
      cause: told.cause,
    })
  }

  /** What stays appended and where to continue, for people. */
  get kept(): string {
    if (this.appended === 0) return 'nothing was appended'
    const stays = this.appended === 1 ? 'stays' : 'stay'
    if (this.#options.repeat !== undefined)
      return `${counted(this.appended, 'event')} ${stays} imported; the same command again goes on from there`
    return `${counted(this.appended, 'event')} of earlier batches ${stays} appended; continue at line ${this.#nextLine}`
  }
}
