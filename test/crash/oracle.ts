/** What must be true of a store after anything happened to its disk, whatever it was.
 *
 * A workload makes calls whose events carry numbers of their own; the ledger knows which calls were made and which
 * were acknowledged. `mustHold` opens the store and checks: what was acknowledged is there (I1); each partition holds
 * the calls made, in order, whole and without gaps up to some point (I2); `verify` agrees (I3); appending works and
 * gives the next offset (I4); queries answer as a model does (I5); opening again shows the same (I6).
 * @module */
import { isVarveError, openStore } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store, StoreOptions } from '../../src/store/types.ts'
import type { AppendOptions, NewEvent, StoredEvent, Topic } from '../../src/topic/types.ts'
import { TopicModel } from '../model/log-model.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic, type SmallTopic } from '../support/small-segments.ts'
import type { Call, CallLedger, KnownCalls } from './calls.ts'
import { afterDeletions, mustHaveRemoved, prunedApart, prunings } from './pruned-oracle.ts'

export type { Call, CallLedger, KnownCalls } from './calls.ts'

let opened = 0
let clock = new ManualClock()

/** Open a store as a test does: a clock that stands still, identifiers that repeat with the run. */
export function openForTest(storage: Storage, options: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore({ storage, clock, random: seededRandom(++opened), ...options })
}

/** Create a topic whose segments are small, before the store is opened, and tell the ledger. */
export async function createSmall(storage: Storage, ledger: CallLedger, topic: SmallTopic): Promise<void> {
  const call: Call = { topic: topic.name, partitions: topic.partitions, partition: 0, events: [] }
  ledger.attempt(call)
  await createSmallTopic({ storage, clock, random: seededRandom(++opened) }, topic)
  ledger.acknowledge(call)
}

/** Begin a run: the same time and the same identifiers as in every run before. */
export function restartIdentifiers(): void {
  opened = 0
  clock = new ManualClock()
}

/** Let some time pass for everything that was opened since. */
export function passTime(): Promise<void> {
  return clock.advance(200)
}

/** Appends to topics and tells the ledger. */
export class Caller {
  readonly #store: Store
  readonly #ledger: CallLedger
  readonly #topics = new Map<string, { topic: Topic; model: TopicModel }>()
  #next: number

  constructor(store: Store, ledger: CallLedger, firstNumber = 0) {
    this.#store = store
    this.#ledger = ledger
    this.#next = firstNumber
  }

  async create(name: string, options: { partitions: number }): Promise<void> {
    const { partitions } = options
    const call: Call = { topic: name, partitions, partition: 0, events: [] }
    this.#ledger.attempt(call)
    const topic = await this.#store.topics.open(name, { create: options })
    this.#ledger.acknowledge(call)
    this.#topics.set(name, { topic, model: new TopicModel(partitions, topic.lineage) })
  }

  has(name: string): boolean {
    return this.#topics.has(name)
  }

  partitionOf(name: string, entity: string): number {
    return this.#held(name).model.partitionOf(entity)
  }

  /** Use a topic that was created before. */
  async use(name: string, partitions: number): Promise<void> {
    const topic = await this.#store.topics.open(name)
    this.#topics.set(name, { topic, model: new TopicModel(partitions, topic.lineage) })
  }

  /** Give up the oldest segments of a partition. */
  async prune(name: string, before: number, partition = 0): Promise<void> {
    const held = this.#held(name)
    const { partitions } = await held.topic.prune({ before, partition, dryRun: true })
    const logStartOffset = partitions[0]?.logStartOffset ?? 0
    const call = { topic: name, partitions: held.model.partitions.length, partition, events: [], logStartOffset }
    this.#ledger.attempt(call)
    const report = await held.topic.prune({ before, partition })
    mustEqual(report.partitions[0]?.logStartOffset, logStartOffset, 'log start that a dry run told')
    this.#ledger.acknowledge(call)
  }

  /** Delete a topic; it may be created again. */
  async delete(name: string): Promise<void> {
    const partitions = this.#held(name).model.partitions.length
    const call = { topic: name, partitions, partition: 0, events: [], deletes: true }
    this.#ledger.attempt(call)
    await this.#store.topics.delete(name)
    this.#ledger.acknowledge(call)
    this.#topics.delete(name)
  }

  #held(name: string): { topic: Topic; model: TopicModel } {
    const held = this.#topics.get(name)
    if (held === undefined) throw new RangeError(`Nobody opened topic ${name}`)
    return held
  }

  /** Append `count` events of one entity. A `buffered` acknowledgement promises nothing after a crash. */
  async append(
    name: string,
    count: number,
    more: { entity?: string; size?: number } & AppendOptions = {},
  ): Promise<Call> {
    const held = this.#held(name)
    const { entity = `entity-${this.#next % 3}`, size = 0, ...options } = more
    const events = Array.from({ length: count }, () => this.#event(entity, size))
    const { model } = held
    const call: Call = {
      topic: name,
      partitions: model.partitions.length,
      partition: model.partitionOf(entity),
      events,
    }
    this.#ledger.attempt(call)
    const [only] = events
    try {
      call.receipt = await held.topic.append(count === 1 && only !== undefined ? only : events, options)
    } catch (error) {
      call.refused = isVarveError(error, 'STORAGE_FULL')
      throw error
    }
    if (options.durability !== 'buffered') this.#ledger.acknowledge(call)
    return call
  }

  #event(entity: string, size: number): NewEvent {
    const number = this.#next++
    return {
      kind: ['Opened', 'Changed', 'Closed'][number % 3] ?? '',
      entity,
      at: 1_600_000_000_000 + ((number * 7919) % 1000),
      data: size === 0 ? { number } : { number, filler: filler(size, number) },
      ...(number % 4 === 0 && { tags: ['fourth', `n${number % 5}`] }),
      ...(number % 5 === 0 && { correlationId: `c${number % 7}` }),
    }
  }
}

const fillers = new Map<string, string>()

/** Text that does not compress away; made once. */
function filler(size: number, number: number): string {
  const key = `${size} ${number}`
  let text = fillers.get(key)
  if (text === undefined) {
    text = Array.from(seededRandom(number).bytes(size), (byte) => String.fromCharCode(33 + (byte % 90))).join('')
    fillers.set(key, text)
  }
  return text
}

export interface Holding {
  /** Calls that failed may be missing between others; default false: what is there is a prefix. */
  readonly gaps?: boolean
  /** Skip the second open. Default false. */
  readonly once?: boolean
  /** Skip the queries. Default false. */
  readonly unasked?: boolean
  readonly options?: Partial<StoreOptions>
}

/** Check the invariants, and tell the ledger what was shown and what was appended. @throws {ScenarioFailure} */
export async function mustHold(
  storage: () => Storage,
  run: { known: KnownCalls; ledger: CallLedger },
  holding: Holding = {},
): Promise<void> {
  const { known, ledger } = run
  const store = await openForTest(storage(), holding.options)
  const shown = await shownCalls(store, known, holding)
  ledger.shown(shown)
  const removing = (await readManifest(storage()))?.state.removing
  const verified = await store.verify()
  must(verified.ok, () => `verify: ${JSON.stringify(verified.problems)}`)
  const caller = new Caller(store, ledger, 1_000_000 + 10 * known.attempted.length)
  const ends = new Map<string, number>()
  for (const call of shown) ends.set(place(call), (ends.get(place(call)) ?? 0) + call.events.length)
  for (const call of creations(shown)) {
    await caller.use(call.topic, call.partitions)
    const added = await caller.append(call.topic, 2, { entity: 'after' })
    mustEqual(added.receipt?.firstOffset, ends.get(place(added)) ?? 0, 'offset of an append after the open')
  }
  await store.close()
  if (holding.once === true) return
  await mustHaveRemoved(storage(), removing ?? [])
  const now = ledger.at(Number.POSITIVE_INFINITY)
  const again = await openForTest(storage(), holding.options)
  const repeated = await shownCalls(again, now, { unasked: true })
  mustEqual(repeated.length, now.attempted.length, 'calls shown by a second open')
  await again.close()
}

/** The first call for each topic; creating one again changes nothing. */
function creations(calls: readonly Call[]): Call[] {
  const all = calls.filter(({ events, logStartOffset }) => events.length === 0 && logStartOffset === undefined)
  return all.filter((call, order) => all.findIndex(({ topic }) => topic === call.topic) === order)
}

function place(call: Call): string {
  return `${call.topic}/${call.partition}`
}

/** The calls that the store shows, in the order they were made. */
async function shownCalls(store: Store, all: KnownCalls, holding: Holding): Promise<Call[]> {
  const shown = new Set<Call>()
  const listed = new Set((await store.topics.list()).map(({ topic }) => topic))
  const known = afterDeletions(all, listed)
  for (const creation of creations(known.attempted)) {
    const { topic: name, partitions } = creation
    if (!listed.has(name)) continue
    const topic = await store.topics.open(name)
    mustEqual(topic.partitions, partitions, `partitions of ${name}`)
    shown.add(creation)
    const model = new TopicModel(partitions, topic.lineage)
    for (let partition = 0; partition < partitions; partition++) {
      const isHere = (call: Call) => call.topic === name && call.partition === partition
      const calls = known.attempted.filter(isHere)
      const start = topic.stats().partitions[partition]?.logStartOffset ?? 0
      for (const call of prunings(calls, known.acknowledged.filter(isHere), start)) shown.add(call)
      const [pruned, kept] = prunedApart(calls, start)
      for (const call of pruned) {
        model.append(call.events, { recordedAt: call.receipt?.recordedAt ?? 0, partition })
        shown.add(call)
      }
      model.starts[partition] = start
      mustEqual(model.partitions[partition]?.length, start, 'events of the calls that were pruned')
      const found = await collect(topic, { partition })
      for (const call of match(found, kept, { model, gaps: holding.gaps === true })) shown.add(call)
    }
    if (holding.unasked !== true) await mustAnswer(topic, model)
  }
  for (const call of known.acknowledged) {
    if (call.logStartOffset !== undefined) continue
    if (call.events.length === 0) {
      must(listed.has(call.topic), () => `lost: topic ${call.topic}`)
      continue
    }
    must(shown.has(call), () => `lost: acknowledged ${describe(call)}`)
    const { receipt } = call
    if (receipt === undefined) continue
    const topic = await store.topics.open(call.topic)
    const start = topic.stats().partitions[call.partition]?.logStartOffset ?? 0
    if (receipt.firstOffset < start) continue
    const first = await topic.get(receipt.firstOffset, { partition: call.partition })
    mustEqual(first?.data, call.events[0]?.data, () => `event at the offset of ${describe(call)}`)
  }
  const isCreation = (call: Call) => call.events.length === 0 && call.logStartOffset === undefined
  return known.attempted.filter((call) => shown.has(call) || (isCreation(call) && listed.has(call.topic)))
}

function describe({ topic, partition, events, receipt }: Call): string {
  const offsets = receipt === undefined ? '' : ` [${receipt.firstOffset}, ${receipt.endOffset})`
  const first = JSON.stringify(events[0]?.data)?.slice(0, 40)
  return `${topic}/${partition}${offsets} of ${events.length} events, first ${first}`
}

/** Which calls these events are: whole, in order, nothing else. Gives them to the model. */
function match(
  found: readonly StoredEvent[],
  calls: readonly Call[],
  options: { model: TopicModel; gaps: boolean },
): Call[] {
  const matched: Call[] = []
  let at = 0
  for (const call of calls) {
    if (call.events.length === 0) continue
    const event = found[at]
    if (event === undefined && !options.gaps) break
    if (event?.data.number !== call.events[0]?.data.number) {
      must(options.gaps, () => `offset ${at} holds ${JSON.stringify(event?.data)}, not ${describe(call)}`)
      continue
    }
    must(call.refused !== true, () => `refused for want of space, but there: ${describe(call)}`)
    const { recordedAt } = event ?? { recordedAt: 0 }
    options.model.append(call.events, { recordedAt, partition: call.partition })
    const log = options.model.partitions[call.partition] ?? []
    const start = options.model.starts[call.partition] ?? 0
    mustEqual(found.slice(at, at + call.events.length), log.slice(start + at), () => `events of ${describe(call)}`)
    at += call.events.length
    matched.push(call)
  }
  must(at === found.length, () => `offset ${at} of ${found.length} holds what nobody appended`)
  return matched
}

/** Queries give what the model gives. */
async function mustAnswer(topic: Topic, model: TopicModel): Promise<void> {
  const queries = [
    { kind: 'Changed' },
    { entity: 'entity-1', direction: 'backward' as const },
    { tag: 'fourth', limit: 3 },
    { since: 1_600_000_000_300, until: 1_600_000_000_700 },
  ]
  for (const query of queries)
    mustEqual(await collect(topic, query), model.read(query), () => `read ${JSON.stringify(query)}`)
  mustEqual(await topic.last(4), model.last(4), 'last 4')
  for (const entity of ['entity-0', 'entity-2', 'nobody'])
    mustEqual(await topic.version(entity), model.version(entity), `version of ${entity}`)
  for (const [partition, log] of model.partitions.entries()) {
    const start = model.starts[partition] ?? 0
    const offset = start + ((log.length - start) >>> 1)
    mustEqual(await topic.get(offset, { partition }), log[offset], `event ${offset} of partition ${partition}`)
  }
}

async function collect(topic: Topic, query: Parameters<Topic['read']>[0]): Promise<StoredEvent[]> {
  const found: StoredEvent[] = []
  for await (const batch of topic.read(query).batches()) found.push(...batch)
  return found
}
