/** `varve append`: events from NDJSON or a JSON array, in batches.
 *
 * A batch is atomic, the input is not. At most two batches are in flight, and none is sent once one was refused, so
 * that what is appended is always the input up to some line (of each partition, in a topic with several).
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import { portableDigest } from '../ports/digest.ts'
import type { Terminal } from '../ports/terminal.ts'
import { partitionOf } from '../topic/prepare.ts'
import type { Durability, NewEvent, Receipt, Topic } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, directoryOf, type ExitCode, openForWriting, withStore } from './context.ts'
import { type Element, elements, plainBytes } from './elements.ts'
import { type Mapping, parseMapping, toEvent } from './mapping.ts'
import { clean, counted, elapsed, jsonLine } from './output.ts'
import { Progress } from './progress.ts'

const BATCH_DEFAULT = 1_000
const BATCH_MAX = 10_000
/** A batch is also sent when its JSON reaches this, well under the 16 MiB of an append call. */
const BATCH_BYTES = 4 * 1024 * 1024
const IN_FLIGHT = 2
/** A batch that does not fill is sent after at most two of these, so that a live pipe is not held back. */
const FLUSH_MS = 500

export const append: Command = {
  name: 'append',
  usage: 'TOPIC [FILE]',
  summary: 'Append events from a file or from standard input',
  options: {
    create: { help: 'Create the topic (and the store) when it does not exist' },
    partitions: { value: 'N', help: 'With --create: partitions of the new topic (default 1)' },
    map: {
      value: 'F=NAME,...',
      multiple: true,
      help: 'Take field F of the event from field NAME; data=* takes it all',
    },
    skip: { value: 'NAME,...', multiple: true, help: 'Leave these fields of the input out' },
    kind: { value: 'KIND', help: 'Kind of the events that name none' },
    entity: { value: 'ENTITY', help: 'Entity of the events that name none' },
    batch: { value: 'N', help: `Events per batch, 1 to ${BATCH_MAX} (default ${BATCH_DEFAULT})` },
    durability: { value: 'D', help: 'synced (default): on the device; buffered: within a second' },
  },
  notes: [
    'The input is NDJSON (one event per line) or one JSON array; gzip is undone. FILE - is standard input.',
    'Fields: kind, entity, data, and if wanted scope, tags, at (milliseconds or a time with its zone), id, meta,',
    'correlationId, causationId, lane, depth, schemaVersion, extensions. null is absent; other fields are refused.',
    'Each batch is atomic; when a line is broken, the batches before it stay and nothing of its own batch is appended.',
    'In a topic with several partitions the events of a batch go to the partitions of their entities, one atomic',
    'append for each.',
  ],
  examples: [
    ['varve append orders events.ndjson --create', 'Append a file, creating the topic when needed'],
    ['varve append orders old.json --map entity=stream_id,kind=type', 'Append a JSON array with other field names'],
    ['tail -F app.log.json | varve append logs --kind Line --entity web-1 --map data=*', 'Keep whole lines as data'],
    ['varve read orders --json | varve append copy --create --skip offset,partition,recordedAt', 'Copy a topic'],
  ],
  async run(args, context) {
    args.atMost(2)
    const topicName = args.required(0, 'TOPIC')
    const plan = planOf(args)
    const input = await openInput(args.at(1), context)
    const create = args.flag('create')
    return withStore(openForWriting(directoryOf(args), context, { create }), async (store) => {
      const { partitions } = plan
      const topic = await store.topics.open(
        topicName,
        create ? { create: partitions === undefined ? true : { partitions } } : {},
      )
      return appendAll(topic, input, { plan, context, json: args.flag('json') })
    })
  },
}

interface Plan {
  readonly mapping: Mapping
  readonly batch: number
  readonly durability: Durability
  readonly partitions: number | undefined
}

function planOf(args: Arguments): Plan {
  const partitions = args.whole('partitions', { least: 1, most: 1_024 })
  if (partitions !== undefined && !args.flag('create')) throw wrongUse('Cannot use --partitions without --create')
  const [map, skip, kind, entity] = [args.list('map'), args.list('skip'), args.text('kind'), args.text('entity')]
  return {
    mapping: parseMapping({ map, skip, kind, entity }),
    batch: args.whole('batch', { least: 1, most: BATCH_MAX }) ?? BATCH_DEFAULT,
    durability: args.choice('durability', ['synced', 'buffered']) ?? 'synced',
    partitions,
  }
}

interface Input {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly sizeBytes?: number
}

async function openInput(file: string | undefined, { terminal }: CliContext): Promise<Input> {
  if (file !== undefined && file !== '-') return terminal.openFile(file)
  if (terminal.inputIsTerminal && file === undefined)
    throw wrongUse('Missing FILE: standard input is a keyboard; name a file, pipe into varve, or give - to type events')
  return { bytes: terminal.input }
}

interface Job {
  readonly plan: Plan
  readonly context: CliContext
  readonly json: boolean
}

async function appendAll(topic: Topic, input: Input, { plan, context, json }: Job): Promise<ExitCode> {
  const { terminal, clock } = context
  const startedAt = clock.monotonic()
  const sender = new Sender(topic, plan, terminal)
  const progress = new Progress(`append ${clean(topic.name)}`, context)
  let readBytes = 0
  const bytes = plainBytes(input.bytes, (piece) => {
    readBytes += piece
  })
  const stopFlushing = flushing(sender, clock)
  try {
    for await (const element of elements(bytes)) {
      terminal.interrupted.throwIfAborted()
      await sender.add(toEvent(element, plan.mapping), element)
      const items = { count: sender.appended, noun: 'events' }
      progress.update({ done: readBytes, total: input.sizeBytes ?? 0, items })
    }
    await sender.finish()
  } catch (error) {
    throw await sender.explain(error)
  } finally {
    stopFlushing()
    progress.end()
  }
  const durationMs = Math.round(clock.monotonic() - startedAt)
  const { appended, batches, ranges } = sender
  const summary = { topic: topic.name, appended, batches, partitions: ranges, durationMs }
  await terminal.write(json ? jsonLine(summary) : sentence(summary))
  return 0
}

/** Send what waits when the input pauses. @returns stops it. */
function flushing(sender: Sender, clock: Clock): () => void {
  let cancel = () => {}
  let seen = 0
  const tick = () => {
    if (sender.pending > 0 && sender.batches === seen) sender.flush()
    seen = sender.batches
    cancel = clock.after(FLUSH_MS, tick)
  }
  cancel = clock.after(FLUSH_MS, tick)
  return () => cancel()
}

interface Summary {
  readonly topic: string
  readonly appended: number
  readonly batches: number
  readonly partitions: readonly Range[]
  readonly durationMs: number
}

function sentence({ topic, appended, batches, partitions, durationMs }: Summary): string {
  const where = partitions.map(({ partition, firstOffset, endOffset }) => {
    const offsets = `offsets ${firstOffset} to ${endOffset - 1}`
    return partitions.length === 1 && partition === 0 ? offsets : `partition ${partition}: ${offsets}`
  })
  const rate = durationMs > 0 ? `, ${counted((appended / durationMs) * 1000, 'event')}/s` : ''
  const head = `Appended ${counted(appended, 'event')} to ${clean(topic)} in ${counted(batches, 'batch').replace(/batchs$/, 'batches')}`
  return `${head}, ${elapsed(durationMs)}${rate}${where.length > 0 ? `; ${where.join('; ')}` : ''}\n`
}

/** Offsets that a partition got, `[firstOffset, endOffset)`. */
interface Range {
  readonly partition: number
  readonly firstOffset: number
  endOffset: number
}

/** Events of one append call and the lines they came from. */
interface Group {
  readonly events: NewEvent[]
  readonly lines: number[]
}

/** Collects batches, sends them two at a time, and keeps account of what was appended. */
class Sender {
  appended = 0
  batches = 0
  readonly ranges: Range[] = []
  readonly #topic: Topic
  readonly #plan: Plan
  readonly #terminal: Terminal
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

  constructor(topic: Topic, plan: Plan, terminal: Terminal) {
    this.#topic = topic
    this.#plan = plan
    this.#terminal = terminal
  }

  async add(event: NewEvent, { line, sizeBytes }: Element): Promise<void> {
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
    if (this.#events >= this.#plan.batch || this.#sizeBytes >= BATCH_BYTES) await this.#send()
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
    const groups = [...this.#groups.values()]
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

  async #sendNow(groups: readonly Group[], batch: { first: number; last: number }): Promise<void> {
    while (this.#inFlight.length >= IN_FLIGHT) await this.#inFlight.shift()
    // A batch that the topic refuses is refused before this turn ends, so that none after it is sent.
    await Promise.resolve()
    if (this.#failure !== undefined) throw this.#failure
    const { durability } = this.#plan
    const appends = groups.map((group) =>
      this.#topic.append(group.events, { durability }).then(
        (receipt) => this.#note(receipt),
        (error: unknown) => this.#fail(error, group, batch.first),
      ),
    )
    this.#nextLine = batch.last + 1
    this.batches++
    this.#inFlight.push(Promise.all(appends).then(() => undefined))
  }

  #note({ partition, firstOffset, endOffset }: Receipt): void {
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
        .replace(/^Cannot append:/, `Cannot append line ${line}:`)
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

  /** Add to an error what stays appended, once everything in flight has ended. */
  async explain(error: unknown): Promise<unknown> {
    await this.#turn
    await Promise.all(this.#inFlight)
    const told = this.#failure ?? error
    const partitions = this.ranges
    const stays = { appended: this.appended, partitions, nextLine: this.#nextLine }
    const kept =
      this.appended === 0
        ? 'nothing was appended'
        : `${counted(this.appended, 'event')} of earlier batches ${this.appended === 1 ? 'stays' : 'stay'} appended`
    const rest = this.appended > 0 ? `; continue at line ${this.#nextLine}` : ''
    if (!isVarveError(told)) {
      if (this.appended > 0) this.#terminal.writeError(`varve: ${kept}${rest}\n`)
      return told
    }
    return new VarveError(told.code, `${told.message} (${kept}${rest})`, {
      details: { ...told.details, ...stays },
      cause: told.cause,
    })
  }
}
