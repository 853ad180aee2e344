/** Sending events of an import to their topics, and the account of it. @module */
import { isVarveError } from '../errors.ts'
import type { Store } from '../store/types.ts'
import type { NewEvent } from '../topic/types.ts'
import type { Arguments } from './arguments.ts'
import type { CliContext } from './context.ts'
import type { Element } from './elements.ts'
import { clean, counted, elapsed, jsonLine } from './output.ts'
import type { Progress } from './progress.ts'
import { repeatOf } from './repeat.ts'
import { Sender } from './sender.ts'

/** Part of what a second run must do alike, so it is no option. */
const BATCH_EVENTS = 1_000
/** Of all topics together; then all that wait are sent. */
const WAITING_MAX_BYTES = 16 * 1024 * 1024

export interface ImporterOptions {
  readonly noun: 'line' | 'row'
  /** Of topics that are made. */
  readonly partitions: number | undefined
}

/** Where an event goes and where it came from. */
export interface Place {
  readonly topic: string
  readonly source: string
  readonly element: Pick<Element, 'line' | 'sizeBytes'>
}

export class Importer {
  /** Events taken from the input. */
  events = 0
  readonly #store: Store
  readonly #options: ImporterOptions
  readonly #senders = new Map<string, Sender>()
  readonly #made: string[] = []

  constructor(store: Store, options: ImporterOptions) {
    this.#store = store
    this.#options = options
  }

  async add(event: NewEvent, { topic, source, element }: Place): Promise<void> {
    const sender = this.#senders.get(topic) ?? (await this.#open(topic, source))
    await sender.add(event, element)
    this.events++
    if (this.#senders.size === 1) return
    let waiting = 0
    for (const { pendingBytes } of this.#senders.values()) waiting += pendingBytes
    if (waiting >= WAITING_MAX_BYTES) for (const one of this.#senders.values()) one.flush()
  }

  async #open(name: string, source: string): Promise<Sender> {
    const { noun, partitions } = this.#options
    const known = (await this.#store.topics.list()).some(({ topic }) => topic === name)
    const create = partitions === undefined ? true : { partitions }
    const topic = await this.#store.topics.open(name, known ? {} : { create })
    if (!known) this.#made.push(name)
    const repeat = repeatOf(topic, { source, noun })
    const sender = new Sender(topic, { batch: BATCH_EVENTS, durability: 'synced', repeat })
    this.#senders.set(name, sender)
    return sender
  }

  /** Send the rest and wait for everything. */
  async finish(): Promise<void> {
    for (const sender of this.#senders.values()) await sender.finish()
  }

  /** Wait for what is under way, and say in the error what stays. */
  async explain(error: unknown): Promise<{ error: unknown; kept: string }> {
    let told = error
    for (const sender of this.#senders.values()) {
      const explained = await sender.explain(error)
      // What one of them failed with comes first.
      if (isVarveError(explained) && (told === error || !isVarveError(told))) told = explained
    }
    const stays = this.report().topics.reduce((sum, { appended }) => sum + appended, 0)
    const kept =
      stays === 0 ? 'nothing new was imported' : `${counted(stays, 'event')} imported, the same command again goes on`
    return { error: told, kept }
  }

  report() {
    const topics = [...this.#senders].map(([topic, { appended, alreadyThere, batches, ranges }]) => {
      return { topic, created: this.#made.includes(topic), appended, alreadyThere, batches, partitions: ranges }
    })
    return { events: this.events, topics }
  }
}

/** Partitions of topics that the import makes. @throws {VarveError} `OPTION_INVALID`. */
export function partitionsOf(args: Arguments): number | undefined {
  return args.whole('partitions', { least: 1, most: 1_024 })
}

/** The last part of a path: the same file from another place is the same source. */
export function baseName(path: string): string {
  return path.split(/[/\\]/).findLast((part) => part !== '') ?? path
}

/** Run an import to its end and tell of it; also where it is interrupted or fails. */
export async function tellImported(
  importer: Importer,
  { args, context, progress }: { args: Arguments; context: CliContext; progress: Progress },
  work: () => Promise<void>,
): Promise<void> {
  const { terminal, clock } = context
  const startedAt = clock.monotonic()
  try {
    await work()
    await importer.finish()
  } catch (error) {
    const explained = await importer.explain(error)
    progress.end()
    if (terminal.interrupted.aborted) terminal.writeError(`varve: ${explained.kept}\n`)
    throw explained.error
  } finally {
    progress.end()
  }
  const durationMs = Math.round(clock.monotonic() - startedAt)
  const report = { ...importer.report(), durationMs }
  if (args.flag('json')) return terminal.write(jsonLine(report))
  const lines = report.topics.map(({ topic, created, appended, alreadyThere }) => {
    const there = alreadyThere === 0 ? '' : `, ${counted(alreadyThere, 'event')} already there`
    return `${clean(topic)}${created ? ' (made)' : ''}: imported ${counted(appended, 'event')}${there}\n`
  })
  const total = `Imported from ${counted(importer.events, 'event')} of the input in ${elapsed(durationMs)}\n`
  await terminal.write(lines.join('') + total)
}
