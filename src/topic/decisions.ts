/** Deciding which calls of a group may be written: each is held against the state that the calls before it, in the log,
 * in flight or in the same group, will leave. First its idempotency key, then what it expects of entities, then its
 * condition.
 * @module */
import type { Row } from '../codec/block.ts'
import { VarveError } from '../errors.ts'
import type { RowClause } from '../index/row-search.ts'
import type { QueuedCall } from './append-queue.ts'
import type { Expectation } from './types.ts'

/** A call that may not be written, and why. */
export interface Conflict {
  readonly call: QueuedCall
  readonly error: VarveError
}

export interface Decision {
  readonly accepted: readonly QueuedCall[]
  /** Of the accepted calls, in order. */
  readonly rows: readonly Row[]
  readonly conflicts: readonly Conflict[]
  /** Calls whose key an earlier call has: one that is in the log at `offset`, or one of which the end is not known. */
  readonly repeats: readonly { readonly call: QueuedCall; readonly of: number | QueuedCall }[]
}

/** What the log, written events that are not durable yet included, says about the calls of a group. */
export interface DecisionFacts {
  readonly topic: string
  /** Offset of the first event of the group. */
  readonly offset: number
  /** The version of an entity before the group. */
  readonly version: (entity: string) => number
  /** Where an earlier call with this key is: its first offset, or the call itself while it is not durable. */
  readonly keyed: (key: string) => number | QueuedCall | undefined
  /** The first event before the group that a call's condition refuses, or the error that it cannot be told. */
  readonly refused: (call: QueuedCall) => number | VarveError | undefined
}

/** Decide in queue order. Cost: nothing for a call by itself that asks nothing. */
export function decide(calls: readonly QueuedCall[], facts: DecisionFacts): Decision {
  const [only] = calls
  if (only !== undefined && calls.length === 1 && !asks(only)) {
    return { accepted: calls, rows: only.rows, conflicts: [], repeats: [] }
  }
  const group = new Group(facts, calls.some(asks))
  for (const call of calls) group.add(call)
  return group
}

/** Whether a call depends on what is in the log. */
export function asks(call: QueuedCall): boolean {
  return call.expect.length > 0 || call.condition !== undefined || call.key !== undefined
}

class Group implements Decision {
  readonly accepted: QueuedCall[] = []
  readonly rows: Row[] = []
  readonly conflicts: Conflict[] = []
  readonly repeats: { call: QueuedCall; of: number | QueuedCall }[] = []
  readonly #facts: DecisionFacts
  /** Somebody asks, so versions have to be kept. */
  readonly #asked: boolean
  readonly #versions = new Map<string, number>()
  readonly #keys = new Map<string, QueuedCall>()

  constructor(facts: DecisionFacts, asked: boolean) {
    this.#facts = facts
    this.#asked = asked
  }

  add(call: QueuedCall): void {
    const earlier = call.key === undefined ? undefined : (this.#keys.get(call.key) ?? this.#facts.keyed(call.key))
    if (earlier !== undefined) {
      this.repeats.push({ call, of: earlier })
      return
    }
    const error = this.#unexpected(call) ?? this.#conditionError(call)
    if (error !== undefined) {
      this.conflicts.push({ call, error })
      return
    }
    for (const row of call.rows) {
      this.rows.push(row)
      if (this.#asked) this.#versions.set(row.entity, this.#facts.offset + this.rows.length)
    }
    if (call.key !== undefined) this.#keys.set(call.key, call)
    this.accepted.push(call)
  }

  #version(entity: string): number {
    return this.#versions.get(entity) ?? this.#facts.version(entity)
  }

  #unexpected(call: QueuedCall): VarveError | undefined {
    const wrong = call.expect.find((wanted) => !holds(wanted, this.#version(wanted.entity)))
    return wrong === undefined ? undefined : versionConflict(this.#facts.topic, wrong, this.#version(wrong.entity))
  }

  #conditionError(call: QueuedCall): VarveError | undefined {
    const { condition } = call
    if (condition === undefined) return undefined
    const refused = this.#facts.refused(call)
    if (refused instanceof VarveError) return refused
    const pending = this.rows.findIndex((row) => condition.clauses.some((clause) => matchesRow(clause, row)))
    const at = refused ?? (pending < 0 ? undefined : this.#facts.offset + pending)
    return at === undefined ? undefined : conditionFailed(this.#facts.topic, condition.after, at)
  }
}

function holds(wanted: Expectation, version: number): boolean {
  if (wanted.version === 'none') return version === 0
  if (wanted.version === 'exists') return version > 0
  return version === wanted.version
}

function matchesRow(clause: RowClause, row: Row): boolean {
  if (clause.entity !== undefined && clause.entity !== row.entity) return false
  if (clause.kinds !== undefined && !clause.kinds.includes(row.kind)) return false
  return clause.tags === undefined || clause.tags.every((tag) => row.tags?.includes(tag) === true)
}

function versionConflict(topic: string, wanted: Expectation, version: number): VarveError {
  const message = `Cannot append to topic "${topic}": expected version ${wanted.version} of entity "${wanted.entity}", it is ${version}`
  return new VarveError('VERSION_CONFLICT', message, {
    details: { topic, entity: wanted.entity, expected: wanted.version, actual: version },
  })
}

function conditionFailed(topic: string, after: number, offset: number): VarveError {
  const message = `Cannot append to topic "${topic}": event ${offset} matches the condition, which looks from ${after} on`
  return new VarveError('CONDITION_FAILED', message, { details: { topic, after, offset } })
}
