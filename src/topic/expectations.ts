/** Deciding which calls of a group may be written: every expectation is held against the state that the calls before
 * it, in the log, in flight or in the same group, will leave.
 * @module */
import type { Row } from '../codec/block.ts'
import { VarveError } from '../errors.ts'
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
}

/** What the decision depends on. */
export interface DecisionFacts {
  readonly topic: string
  /** Offset of the first event of the group. */
  readonly offset: number
  /** The version of an entity before the group. */
  readonly version: (entity: string) => number
}

/** Decide in queue order. Cost: nothing for a call by itself that expects nothing. */
export function decide(calls: readonly QueuedCall[], facts: DecisionFacts): Decision {
  const [only] = calls
  if (only !== undefined && calls.length === 1 && only.expect.length === 0) {
    return { accepted: calls, rows: only.rows, conflicts: [] }
  }
  const accepted: QueuedCall[] = []
  const rows: Row[] = []
  const conflicts: Conflict[] = []
  const pending = new Map<string, number>()
  const version = (entity: string) => pending.get(entity) ?? facts.version(entity)
  const expecting = calls.some((call) => call.expect.length > 0)
  for (const call of calls) {
    const conflict = call.expect.find((wanted) => !holds(wanted, version(wanted.entity)))
    if (conflict !== undefined) {
      conflicts.push({ call, error: conflictError(facts.topic, conflict, version(conflict.entity)) })
      continue
    }
    for (const row of call.rows) {
      rows.push(row)
      if (expecting) pending.set(row.entity, facts.offset + rows.length)
    }
    accepted.push(call)
  }
  return { accepted, rows, conflicts }
}

function holds(wanted: Expectation, version: number): boolean {
  if (wanted.version === 'none') return version === 0
  if (wanted.version === 'exists') return version > 0
  return version === wanted.version
}

function conflictError(topic: string, wanted: Expectation, version: number): VarveError {
  const message = `Cannot append to topic "${topic}": expected version ${wanted.version} of entity "${wanted.entity}", it is ${version}`
  return new VarveError('VERSION_CONFLICT', message, {
    details: { topic, entity: wanted.entity, expected: wanted.version, actual: version },
  })
}
