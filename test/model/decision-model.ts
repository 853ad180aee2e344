/** What a topic must decide about append calls: idempotency keys, expectations, conditions, in plain arrays.
 *
 * Where the words of a topic leave room, as with keys that may be remembered longer, several outcomes are allowed, and
 * the model is told which one came.
 * @module */
import type { AppendCondition, Expectation, NewEvent, QueryClause, StoredEvent } from '../../src/topic/types.ts'
import { type ModelReceipt, TopicModel } from './log-model.ts'

/** `appended`, `replayed`, or the code of an error. */
export type Outcome = string

export interface ModelCall {
  readonly events: readonly NewEvent[]
  readonly partition: number
  /** The writer's clock. */
  readonly now: number
  readonly expect?: readonly Expectation[]
  readonly condition?: AppendCondition
  readonly key?: string
}

/** What is not certain of the moment at which a call was decided. */
export interface Leeway {
  /** Log starts when the calls were over: what lies below may have been pruned in between. */
  readonly starts: readonly number[]
  /** Durable ends when the calls were made: what lies above may have been in flight. */
  readonly durable: readonly number[]
  /** Written ends when the calls were made. */
  readonly written: readonly number[]
  /** Calls with keys that were made at once. */
  readonly keyed: number
  /** Base offsets of the segments of each partition; undefined: which calls with keys are counted is not known. */
  readonly bases: readonly (readonly number[])[] | undefined
}

/** A call that was accepted with a key. */
export interface KeyedCall {
  readonly key: string
  readonly partition: number
  readonly firstOffset: number
  readonly endOffset: number
  readonly recordedAt: number
}

export class DecisionModel extends TopicModel {
  window = { windowMs: 86_400_000, windowKeys: 1_000_000 }
  readonly #keyed: KeyedCall[] = []

  /** What may come of a call. */
  allowed(call: ModelCall, leeway: Leeway): Outcome[] {
    const outcomes = new Set<Outcome>()
    let forgotten = true
    for (const known of this.#latest(call.key)) {
      const memory = this.#memory(known, call, leeway)
      if (memory !== 'no') outcomes.add(this.#isSame(call, known) ? 'replayed' : 'KEY_REUSED')
      if (memory === 'yes') forgotten = false
    }
    if (forgotten) for (const outcome of this.#judge(call, leeway)) outcomes.add(outcome)
    return [...outcomes]
  }

  /** Take a call that was accepted. */
  accept(call: ModelCall): ModelReceipt & { readonly recordedAt: number } {
    const { events, partition, key, now } = call
    const receipt = this.append(events, { partition, recordedAt: now })
    if (receipt === 'conflict') throw new Error('Nothing was expected')
    const { firstOffset, endOffset } = receipt
    const recordedAt = this.partitions[partition]?.at(-1)?.recordedAt ?? 0
    if (key !== undefined) {
      this.#keyed.push({ key, partition, firstOffset, endOffset, recordedAt })
      for (let offset = firstOffset; offset < endOffset; offset++) this.keys.set(`${partition}-${offset}`, key)
    }
    return { ...receipt, recordedAt }
  }

  /** The last call with a key in a partition. */
  keyed(key: string, partition: number): KeyedCall | undefined {
    return this.#keyed.findLast((known) => known.key === key && known.partition === partition)
  }

  /** The last call with a key in each partition. */
  #latest(key: string | undefined): KeyedCall[] {
    if (key === undefined) return []
    return this.partitions.flatMap((_, partition) => this.keyed(key, partition) ?? [])
  }

  #memory(known: KeyedCall, { now }: ModelCall, leeway: Leeway): 'yes' | 'maybe' | 'no' {
    const { partition, firstOffset } = known
    const { windowMs, windowKeys } = this.window
    if (firstOffset < (this.starts[partition] ?? 0)) return 'no'
    const inFlight = firstOffset >= (leeway.durable[partition] ?? 0)
    if (now - known.recordedAt >= windowMs || this.#counted(known, leeway) >= windowKeys) {
      return inFlight ? 'maybe' : 'no'
    }
    if (firstOffset < (leeway.starts[partition] ?? 0)) return 'maybe'
    const newer = this.#keyed.length - 1 - this.#keyed.indexOf(known)
    return newer + leeway.keyed >= windowKeys ? 'maybe' : 'yes'
  }

  /** Newer calls with keys that count for certain: those in later segments which are sealed. */
  #counted({ partition, firstOffset }: KeyedCall, { bases }: Leeway): number {
    const own = bases?.[partition] ?? []
    const next = own.find((base) => base > firstOffset) ?? Number.POSITIVE_INFINITY
    const active = own.at(-1) ?? 0
    return this.#keyed.filter(
      (other) => other.partition === partition && other.firstOffset >= next && other.firstOffset < active,
    ).length
  }

  #isSame({ events, partition }: ModelCall, known: KeyedCall): boolean {
    const log = this.partitions[known.partition] ?? []
    const earlier = log.slice(known.firstOffset, known.endOffset)
    if (partition !== known.partition || earlier.length !== events.length) return false
    return events.every((event, at) => isSameEvent(event, earlier[at] as StoredEvent))
  }

  #judge(call: ModelCall, leeway: Leeway): Outcome[] {
    const isWrong = ({ entity, version }: Expectation) => {
      const actual = this.version(entity)
      return version === 'exists' ? actual === 0 : actual !== (version === 'none' ? 0 : version)
    }
    if (call.expect?.some(isWrong)) return ['VERSION_CONFLICT']
    return call.condition === undefined ? ['appended'] : this.#judgeCondition(call, call.condition, leeway)
  }

  #judgeCondition({ partition }: ModelCall, { query, after }: AppendCondition, leeway: Leeway): Outcome[] {
    const log = this.partitions[partition] ?? []
    if (after < (this.starts[partition] ?? 0)) return ['OFFSET_PRUNED']
    if (after > log.length) return ['OFFSET_OUT_OF_RANGE']
    const clauses = [query].flat() as QueryClause[]
    const found = log.slice(after).some((event) => clauses.some((clause) => matchesClause(event, clause)))
    const outcomes = [found ? 'CONDITION_FAILED' : 'appended']
    if (after > (leeway.written[partition] ?? 0)) outcomes.push('OFFSET_OUT_OF_RANGE')
    if (after < (leeway.starts[partition] ?? 0)) outcomes.push('OFFSET_PRUNED')
    return outcomes
  }
}

function matchesClause({ kind, entity, tags }: StoredEvent, clause: QueryClause): boolean {
  if (clause.entity !== undefined && clause.entity !== entity) return false
  if (clause.kinds !== undefined && clause.kinds.length > 0 && !clause.kinds.includes(kind)) return false
  return (clause.tags ?? []).every((tag) => tags?.includes(tag))
}

/** `at` and `id` count only where the caller gives them. */
function isSameEvent(event: NewEvent, earlier: StoredEvent): boolean {
  const given: Record<string, unknown> = { ...event, tags: event.tags ?? [] }
  const had: Record<string, unknown> = { ...earlier, tags: earlier.tags ?? [] }
  for (const name of ['at', 'id']) if (given[name] === undefined) given[name] = had[name]
  for (const name of ['offset', 'partition', 'recordedAt']) delete had[name]
  return textOf(given) === textOf(had)
}

/** JSON with the keys of objects in order. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, one) => {
    const isPlain = typeof one === 'object' && one !== null && !Array.isArray(one)
    return isPlain ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one
  })
}
