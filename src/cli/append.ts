/** `varve append`: events from NDJSON or a JSON array. A batch is atomic, the input is not.
 * @module */
import type { Clock } from '../ports/clock.ts'
import type { AppendOptions, Topic } from '../topic/types.ts'
import { appendOnce, receiptText } from './append-once.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { CONDITION_OPTIONS, conditionsOf } from './conditions.ts'
import { type CliContext, type Command, directoryOf, type ExitCode, openForWriting, withStore } from './context.ts'
import { elements, plainBytes } from './elements.ts'
import { type Input, openInput } from './input.ts'
import { type Mapping, parseMapping, toEvent } from './mapping.ts'
import { clean, count, counted, elapsed, jsonLine } from './output.ts'
import { Progress } from './progress.ts'
import { type Range, Sender, type SendOptions } from './sender.ts'

const BATCH_DEFAULT = 1_000
const BATCH_MAX = 10_000
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
    ...CONDITION_OPTIONS,
    partition: { value: 'N', help: 'With --if-no on a topic with several: the partition to look at and append to' },
  },
  notes: [
    'The input is NDJSON (one event per line) or one JSON array; gzip is undone. FILE - is standard input.',
    'Fields: kind, entity, data, and if wanted scope, tags, at (milliseconds or a time with its zone), id, meta,',
    'correlationId, causationId, lane, depth, schemaVersion, extensions. null is absent; other fields are refused.',
    'Each batch is atomic; when a line is broken, the batches before it stay and nothing of its own batch is appended.',
    'In a topic with several partitions the events of a batch go to the partitions of their entities, one atomic',
    'append for each.',
    'With --expect, --if-no, --key or --partition the whole input is one atomic append of at most 10,000 events; the',
    'receipt is printed, and whether an earlier call with the same key had appended it already (replayed).',
    'Several --expect must all hold; several --if-no refuse when any of them matches.',
  ],
  examples: [
    ['varve append orders events.ndjson --create', 'Append a file, creating the topic when needed'],
    ['varve append orders old.json --map entity=stream_id,kind=type', 'Append a JSON array with other field names'],
    ['tail -F app.log.json | varve append logs --kind Line --entity web-1 --map data=*', 'Keep whole lines as data'],
    ['varve append orders e.json --expect order-1=41 --key req-9', 'Only if nobody changed order-1; safe to repeat'],
    ['varve append seats e.json --if-no kind=Taken,tag=seat-7 --after 120', 'Only if seat-7 was not taken since 120'],
  ],
  async run(args, context) {
    args.atMost(2)
    const topicName = args.required(0, 'TOPIC')
    const plan = planOf(args)
    const input = await openInput(args.at(1), context, 'events')
    const create = args.flag('create')
    return withStore(openForWriting(directoryOf(args), context, { create }), async (store) => {
      const { partitions } = plan
      const topic = await store.topics.open(
        topicName,
        create ? { create: partitions === undefined ? true : { partitions } } : {},
      )
      if (plan.once !== undefined) return appendWhole(topic, input, { plan, context, json: args.flag('json') })
      return appendAll(topic, input, { plan, context, json: args.flag('json') })
    })
  },
}

interface Plan extends SendOptions {
  readonly mapping: Mapping
  readonly partitions: number | undefined
  /** The input is one call with these. */
  readonly once: AppendOptions | undefined
}

function planOf(args: Arguments): Plan {
  const partitions = args.whole('partitions', { least: 1, most: 1_024 })
  if (partitions !== undefined && !args.flag('create')) throw wrongUse('Cannot use --partitions without --create')
  if (args.text('batch') !== undefined && conditionsOf(args) !== undefined)
    throw wrongUse('Cannot use --batch with --expect, --if-no, --key or --partition: the input is one append')
  const [map, skip, kind, entity] = [args.list('map'), args.list('skip'), args.text('kind'), args.text('entity')]
  return {
    mapping: parseMapping({ map, skip, kind, entity }),
    batch: args.whole('batch', { least: 1, most: BATCH_MAX }) ?? BATCH_DEFAULT,
    durability: args.choice('durability', ['synced', 'buffered']) ?? 'synced',
    partitions,
    once: conditionsOf(args),
  }
}

interface Job {
  readonly plan: Plan
  readonly context: CliContext
  readonly json: boolean
}

async function appendWhole(topic: Topic, input: Input, { plan, context, json }: Job): Promise<ExitCode> {
  const { mapping, durability, once } = plan
  const { interrupted: signal } = context.terminal
  const found = elements(plainBytes(input.bytes, () => undefined))
  const receipt = await appendOnce(topic, found, { mapping, options: { ...once, durability, signal } })
  if (receipt === undefined) throw wrongUse('Cannot append: the input has no event')
  await context.terminal.write(receiptText(receipt, json))
  return 0
}

async function appendAll(topic: Topic, input: Input, { plan, context, json }: Job): Promise<ExitCode> {
  const { terminal, clock } = context
  const startedAt = clock.monotonic()
  const sender = new Sender(topic, plan)
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
    const explained = await sender.explain(error)
    if (terminal.interrupted.aborted) terminal.writeError(`varve: ${sender.kept}\n`)
    throw explained
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
  const inBatches = batches === 1 ? '1 batch' : `${count(batches)} batches`
  const head = `Appended ${counted(appended, 'event')} to ${clean(topic)} in ${inBatches}`
  return `${head}, ${elapsed(durationMs)}${rate}${where.length > 0 ? `; ${where.join('; ')}` : ''}\n`
}
