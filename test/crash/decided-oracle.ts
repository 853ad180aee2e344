/** What must be true of a topic with keys, conditions and term indexes after anything happened to its disk.
 *
 * The ledger knows which calls were made and which were acknowledged. `mustBeDecided` opens the store and checks: what
 * was acknowledged is there, in order, once; what was refused is not; whatever is asked by a term gets the answer of a
 * scan; versions outlive pruning; a retry with its key is a replay when the first call is there and appends once when
 * it is not; a condition sees what is there; a second open shows the same.
 * @module */
import { nativeDigest } from '../../adapters/node/digest.ts'
import { isVarveError, partitionOf, verifyProof } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store, VerifyReport } from '../../src/store/types.ts'
import type { AppendOptions, NewEvent, ReadFilter, Receipt, StoredEvent, Topic } from '../../src/topic/types.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import { must, mustEqual, plain } from '../support/scenario.ts'
import { openForTest } from './oracle.ts'

export const TOPIC = 'orders'
const digest = nativeDigest(512)
const ENTITIES = ['entity-0', 'entity-1', 'entity-2', 'entity-3']

/** One append, or a pruning, which has no events. */
export interface Step {
  readonly partition: number
  readonly events: readonly NewEvent[]
  readonly key?: string
  /** Of a pruning: the log starts where it left it, or before when it did not come to pass. */
  readonly logStartOffset?: number
  receipt?: Receipt | undefined
  /** It was refused, and so must not be there. */
  refused?: boolean
}

export type StepLedger = Ledger<Step>

/** Appends and tells the ledger. */
export class Decider {
  readonly topic: Topic
  readonly #ledger: StepLedger
  #next: number

  constructor(topic: Topic, ledger: StepLedger, firstNumber: number) {
    this.topic = topic
    this.#ledger = ledger
    this.#next = firstNumber
  }

  /** Append some events of one entity. @returns the call, whether it was written or refused by what it asked. */
  async append(count: number, more: { entity?: string; size?: number } & AppendOptions = {}): Promise<Step> {
    const { entity = ENTITIES[this.#next % ENTITIES.length] ?? '', size = 0, ...options } = more
    const events = Array.from({ length: count }, () => eventOf(this.#next++, entity, size))
    const { idempotencyKey: key } = options
    const partition = partitionOf(entity, this.topic.partitions, digest)
    const step: Step = { partition, events, ...(key === undefined ? {} : { key }) }
    this.#ledger.attempt(step)
    try {
      step.receipt = await this.topic.append(events, options)
    } catch (error) {
      step.refused = isVarveError(error) && REFUSALS.has(error.code)
      if (isVarveError(error, 'CONDITION_FAILED') || isVarveError(error, 'VERSION_CONFLICT')) return step
      throw error
    }
    must(!step.receipt.replayed, () => `${describe(step)} was not made before`)
    if (options.durability !== 'buffered') this.#ledger.acknowledge(step)
    return step
  }

  /** Make a call with a key again: it is a replay, however far the first one is. */
  async again(step: Step): Promise<void> {
    const receipt = await this.topic.append(step.events, { idempotencyKey: step.key ?? '' })
    must(receipt.replayed, () => `the repetition of ${describe(step)} appended it`)
    if (step.receipt !== undefined) mustEqual(offsetsOf(receipt), offsetsOf(step.receipt), 'offsets of a replay')
    this.#ledger.acknowledge(step)
  }

  async prune(before: number, partition = 0): Promise<void> {
    const { partitions } = await this.topic.prune({ before, partition, dryRun: true })
    const [now] = partitions
    const step: Step = { partition, events: [], logStartOffset: now?.logStartOffset ?? 0 }
    this.#ledger.attempt(step)
    try {
      await this.topic.prune({ before, partition })
    } catch (error) {
      const start = this.topic.stats().partitions[partition]?.logStartOffset
      const isOver = isVarveError(error) && OVER.has(error.code)
      must(isOver || start === now?.logStartOffsetBefore, () => `a pruning that failed left the log start at ${start}`)
      throw error
    }
    this.#ledger.acknowledge(step)
  }
}

/** After these nobody can tell what is on the device. */
const OVER = new Set(['STORE_POISONED', 'STORE_FENCED'])
const REFUSALS = new Set(['CONDITION_FAILED', 'VERSION_CONFLICT', 'STORAGE_FULL', 'KEY_REUSED'])

function eventOf(number: number, entity: string, size: number): NewEvent {
  return {
    kind: `Kind-${number % 3}`,
    entity,
    at: 1_600_000_000_000 + ((number * 7919) % 1000),
    data: { number, filler: `${number}.`.repeat(size).slice(0, size) },
    ...(number % 2 === 0 && { tags: [`t${number % 3}`, 'even'], scope: `s${number % 4}` }),
    ...(number % 3 === 0 && { id: `id-${number}`, correlationId: `c${number % 5}`, causationId: `id-${number - 3}` }),
  }
}

function offsetsOf({ partition, firstOffset, endOffset }: Receipt) {
  return { partition, firstOffset, endOffset }
}

function describe({ partition, events, key = 'none', receipt }: Step): string {
  const place = receipt === undefined ? '' : ` at [${receipt.firstOffset}, ${receipt.endOffset})`
  return `call ${events[0]?.data.number} of ${events.length} in ${partition}, key ${key}${place}`
}

export interface Deciding {
  /** Calls that failed may be missing between others, or be there. Default false. */
  readonly gaps?: boolean
  /** Check a proof of every event. */
  readonly proves?: boolean
}

/** Check everything, and tell the ledger what was shown and what was appended. @throws {ScenarioFailure} */
export async function mustBeDecided(
  storage: () => Storage,
  run: { known: Known<Step>; ledger: StepLedger },
  deciding: Deciding = {},
): Promise<void> {
  const { known, ledger } = run
  const store = await openForTest(storage())
  const topic = await openTopic(store)
  if (topic === undefined) {
    must(known.acknowledged.length === 0, 'a topic with acknowledged events is there')
    ledger.shown([])
    await store.close()
    return
  }
  const shown = await shownSteps(topic, known, deciding)
  ledger.shown(shown.steps)
  const verified = await store.verify()
  must(verified.ok && !tellsLies(verified), () => `verify: ${JSON.stringify(verified.problems)}`)
  await mustAnswer(topic, shown)
  if (deciding.proves === true) await mustProve(topic, shown)
  await mustRepeat(topic, { shown, known, ledger })
  await mustCondition(topic, { shown, ledger })
  await store.close()
  const now = ledger.at(Number.POSITIVE_INFINITY)
  const again = await openForTest(storage())
  const reopened = await openTopic(again)
  must(reopened !== undefined, 'the topic is there after a second open')
  const later = await shownSteps(reopened, now, {})
  const written = now.attempted.filter(({ refused }) => refused !== true)
  mustEqual(later.steps.length, written.length, 'calls shown by a second open')
  await mustAnswer(reopened, later)
  const last = await again.verify()
  must(last.ok && !tellsLies(last), () => `verify after a clean close: ${JSON.stringify(last.problems)}`)
  await again.close()
}

async function openTopic(store: Store): Promise<Topic | undefined> {
  const listed = await store.topics.list()
  return listed.some(({ topic }) => topic === TOPIC) ? store.topics.open(TOPIC) : undefined
}

/** A crash may tear an index, which its checksums tell; never may one that is whole say something else. */
function tellsLies({ problems }: VerifyReport): boolean {
  return problems.some(({ code }) => code === 'TERMS_DIFFER')
}

/** Check what an open topic answers. @throws {ScenarioFailure} */
export async function mustAnswerNow(topic: Topic, known: Known<Step>): Promise<void> {
  await mustAnswer(topic, await shownSteps(topic, known, {}))
}

/** What a scan of every partition found. */
interface Shown {
  readonly steps: readonly Step[]
  readonly logs: readonly StoredEvent[][]
  readonly starts: readonly number[]
  /** Of every entity, from the calls, pruned ones included. */
  readonly versions: ReadonlyMap<string, number>
  /** Entities of calls that failed and may have been pruned: nobody can tell their versions. */
  readonly unclear: ReadonlySet<string>
  /** Of each call that is there, or was before it was pruned: its first offset. */
  readonly offsets: ReadonlyMap<Step, number>
}

async function shownSteps(topic: Topic, known: Known<Step>, { gaps = false }: Deciding): Promise<Shown> {
  const logs: StoredEvent[][] = []
  const starts: number[] = []
  const versions = new Map<string, number>()
  const offsets = new Map<Step, number>()
  const there = new Set<Step>()
  const unclear = new Set<string>()
  for (let partition = 0; partition < topic.partitions; partition++) {
    const steps = known.attempted.filter((step) => step.partition === partition)
    const start = topic.stats().partitions[partition]?.logStartOffset ?? 0
    const log = await collect(topic, { partition })
    for (const step of prunings(steps, known, start)) there.add(step)
    const appends = steps.filter(({ events }) => events.length > 0)
    const pruned = appends.filter(({ receipt }) => receipt !== undefined && receipt.endOffset <= start)
    for (const step of pruned) offsets.set(step, step.receipt?.firstOffset ?? 0)
    const kept = appends.filter((step) => !pruned.includes(step))
    for (const [step, offset] of matched(log, kept, start)) offsets.set(step, offset)
    const unknown = kept.filter((step) => gaps && step.receipt === undefined && !offsets.has(step) && start > 0)
    for (const { events } of unknown) for (const { entity } of events) unclear.add(entity)
    for (const step of appends) {
      const offset = offsets.get(step)
      if (offset === undefined) continue
      there.add(step)
      step.events.forEach(({ entity }, at) => {
        versions.set(entity, offset + at + 1)
      })
    }
    logs.push(log)
    starts.push(start)
  }
  for (const step of known.acknowledged)
    must(there.has(step) || step.logStartOffset !== undefined, () => `lost: acknowledged ${describe(step)}`)
  for (const entity of unclear) versions.delete(entity)
  return { steps: known.attempted.filter((step) => there.has(step)), logs, starts, versions, unclear, offsets }
}

/** The prunings that came to pass. */
function prunings(steps: readonly Step[], { acknowledged }: Known<Step>, start: number): Step[] {
  const all = steps.filter(({ logStartOffset }) => logStartOffset !== undefined)
  const least = Math.max(0, ...all.map((step) => (acknowledged.includes(step) ? (step.logStartOffset ?? 0) : 0)))
  must(start >= least, () => `the log starts at ${start}, before ${least} where a pruning left it`)
  const asked = start === 0 || all.some(({ logStartOffset }) => logStartOffset === start)
  must(asked, () => `the log starts at ${start}, which nobody asked for`)
  return all.filter(({ logStartOffset = 0 }) => logStartOffset <= start)
}

/** Which calls these events are: whole, each once, where their receipts say, nothing else. */
function matched(log: readonly StoredEvent[], steps: readonly Step[], start: number): Map<Step, number> {
  const byNumber = new Map(steps.map((step) => [step.events[0]?.data.number, step]))
  const found = new Map<Step, number>()
  const named = ({ entity, data }: NewEvent | StoredEvent) => `${entity} ${data.number}`
  for (let at = 0; at < log.length; ) {
    const step = byNumber.get(log[at]?.data.number)
    must(step !== undefined, () => `offset ${start + at} holds ${log[at]?.data.number}, which nobody appended`)
    must(step.refused !== true, () => `refused, but there: ${describe(step)}`)
    must(!found.has(step), () => `twice: ${describe(step)}`)
    const numbers = log.slice(at, at + step.events.length).map(named)
    mustEqual(numbers, step.events.map(named), () => `events of ${describe(step)}`)
    if (step.receipt !== undefined) mustEqual(start + at, step.receipt.firstOffset, () => `place of ${describe(step)}`)
    found.set(step, start + at)
    at += step.events.length
  }
  return found
}

const FILTERS: readonly ReadFilter[] = [
  { entity: 'entity-1' },
  { kind: 'Kind-2' },
  { tag: 't0' },
  { scope: 's2' },
  { id: 'id-6' },
  { correlationId: 'c1' },
  { causationId: 'id-3' },
  { entity: 'entity-3', kind: ['Kind-0', 'Kind-1'] },
  { entity: 'nobody' },
]

/** Everything that a topic answers, as one text. */
export async function allAnswers(topic: Topic): Promise<string> {
  const parts: string[] = []
  for (let partition = 0; partition < topic.partitions; partition++) {
    for (const filter of [{}, ...FILTERS]) {
      parts.push(plain(await collect(topic, { partition, ...filter })))
      parts.push(plain(await collect(topic, { partition, direction: 'backward', limit: 2, ...filter })))
    }
  }
  for (const entity of [...ENTITIES, 'rare', 'nobody']) parts.push(`${entity} ${await topic.version(entity)}`)
  return parts.join('\n')
}

/** Whatever is asked by a term gets what a scan gives. */
async function mustAnswer(topic: Topic, { logs, versions, unclear }: Shown): Promise<void> {
  for (const [partition, log] of logs.entries()) {
    for (const [turn, filter] of FILTERS.entries()) {
      const wanted = log.filter((event) => matches(event, filter))
      const direction = turn % 2 === 0 ? ('forward' as const) : ('backward' as const)
      if (direction === 'backward') wanted.reverse()
      const found = await collect(topic, { partition, direction, ...filter })
      mustEqual(found, wanted, () => `read ${plain({ partition, direction, ...filter })}`)
    }
  }
  for (const entity of [...ENTITIES, 'rare', 'nobody']) {
    if (unclear.has(entity)) continue
    mustEqual(await topic.version(entity), versions.get(entity) ?? 0, () => `version of ${entity}`)
  }
}

function matches(event: StoredEvent, filter: ReadFilter): boolean {
  const { tag, kind, ...fields } = filter
  if (tag !== undefined && event.tags?.includes(tag) !== true) return false
  if (kind !== undefined && ![kind].flat().includes(event.kind)) return false
  return Object.entries(fields).every(([name, value]) => event[name as keyof StoredEvent] === value)
}

async function mustProve(topic: Topic, { logs }: Shown): Promise<void> {
  for (const [partition, log] of logs.entries()) {
    for (const event of log) {
      const proof = await topic.proof(event.offset, { partition })
      must(proof !== undefined, () => `event ${event.offset} has a proof`)
      mustEqual(
        { event: proof.event, hash: verifyProof(proof) },
        { event, hash: proof.hash },
        () => `proof of ${event.offset}`,
      )
    }
  }
}

/** Every call with a key that was ever made is made again. */
async function mustRepeat(
  topic: Topic,
  { shown, known, ledger }: { shown: Shown; known: Known<Step>; ledger: StepLedger },
): Promise<void> {
  for (const step of known.attempted) {
    if (step.key === undefined || step.refused === true) continue
    const offset = shown.offsets.get(step)
    if (offset !== undefined && offset < (shown.starts[step.partition] ?? 0)) continue
    if (offset === undefined) await mustAppendOnce(topic, step, ledger)
    else {
      const receipt = await topic.append(step.events, { idempotencyKey: step.key })
      must(receipt.replayed, () => `a retry of ${describe(step)} is a replay`)
      mustEqual(receipt.firstOffset, offset, () => `where a retry says ${describe(step)} is`)
    }
    const others = step.events.map((event) => ({ ...event, data: 'other' }))
    const refused = await topic.append(others, { idempotencyKey: step.key }).then(
      () => 'nothing',
      (error: unknown) => (isVarveError(error) ? error.code : String(error)),
    )
    mustEqual(refused, 'KEY_REUSED', () => `what other events with the key of ${describe(step)} get`)
  }
}

/** A retry of a call that is not there. */
async function mustAppendOnce(topic: Topic, { partition, events, key = '' }: Step, ledger: StepLedger): Promise<void> {
  const retry: Step = { partition, events, key }
  ledger.attempt(retry)
  retry.receipt = await topic.append(events, { idempotencyKey: key })
  must(!retry.receipt.replayed, () => `a retry of ${describe(retry)}, which was not there, is no replay`)
  ledger.acknowledge(retry)
  const twice = await topic.append(events, { idempotencyKey: key })
  must(twice.replayed, () => `a second retry of ${describe(retry)} is a replay`)
  mustEqual(offsetsOf(twice), offsetsOf(retry.receipt), () => `where a second retry says ${describe(retry)} is`)
}

/** A condition refuses what it should, and nothing else. */
async function mustCondition(topic: Topic, { shown, ledger }: { shown: Shown; ledger: StepLedger }): Promise<void> {
  const [entity = ''] = ENTITIES
  const version = await topic.version(entity)
  const partition = partitionOf(entity, topic.partitions, digest)
  const decider = new Decider(topic, ledger, 1_000_000 + 100 * shown.steps.length)
  if (version > (shown.starts[partition] ?? 0)) {
    const late = await decider.append(1, { entity, condition: { query: { entity }, after: version - 1 } })
    must(late.refused === true, () => `a condition that looks from ${version - 1} on sees the event there`)
  }
  const timely = await decider.append(1, { entity, condition: { query: { entity }, after: version } })
  must(timely.refused !== true, () => `a condition that looks from ${version} on sees nothing there`)
}

async function collect(topic: Topic, query: Parameters<Topic['read']>[0]): Promise<StoredEvent[]> {
  const found: StoredEvent[] = []
  for await (const batch of topic.read(query).batches()) found.push(...batch)
  return found
}
