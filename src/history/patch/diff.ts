/** Comparing two values: what turns the first into the second.
 *
 * Invariants: one pass while both are equal, in which nothing is made; nothing of a patch is shared with either value;
 * the stack is never deeper than some hundred levels of a value, for below those the work is put off.
 * @module */
import { isBytes } from '../../codec/value-kinds.ts'
import { type Diffing, diffArrays } from './array-diff.ts'
import { CheckedCopy, refusal } from './copy-value.ts'
import { costsMore, KEY_COST, PART_COST } from './diff-cost.ts'
import { orderRuns } from './diff-order.ts'
import { Comparison, sameScalars } from './diff-same.ts'
import type { ObjectPatch, Patch } from './patch.ts'
import { diffStrings } from './string-diff.ts'

type Fields = Readonly<Record<string, unknown>>

/** Levels of a value that are compared before the rest is put off. */
const LEVELS_MAX = 200
/** A patch may be so much larger than the value, for it says more. */
const SLACK = 8
/** Bytes of values that are measured, all together, to choose between them and patches. */
const MEASURED_MAX = 8_388_608

export interface DiffSettings {
  /** Elements of arrays that are objects are the same element when this field of them is equal. */
  readonly keyField?: string
  /** Say what changed in a container also where the whole container would be smaller: for people. */
  readonly isDetailed?: boolean
}

/** Find what turns `before` into `after`.
 * Cost: one pass over both when they are equal, without an allocation; where they differ, about as much as a copy of
 * what differs. Where too much does, changes become coarser, never the cost higher.
 * @param before a private value of the value table, not changed.
 * @param after a caller's. Where it is not equal it is checked as `copyValue` does, and copied.
 * @returns undefined when both are equal: numbers as `Object.is` does, the order of fields counts.
 * @throws {VarveError} `VALUE_UNSUPPORTED` {path, found}, `DOCUMENT_LIMIT` {path, limit, limitName}. */
export function diffValues(before: unknown, after: unknown, settings: DiffSettings = {}): Patch | undefined {
  try {
    return new Differ(settings).run(before, after)
  } catch (cause) {
    throw refusal(after, cause)
  }
}

/** Two values that are to be compared later, and the patch that is to become theirs. */
interface PutOff {
  readonly before: unknown
  readonly after: unknown
  readonly level: number
  readonly patch: Patch
}

/** One comparison. Values of the caller that its methods take are plain, see `Comparison`. */
class Differ implements Diffing {
  readonly keyField: string | undefined
  readonly #isDetailed: boolean
  readonly copies = new CheckedCopy()
  readonly comparison = new Comparison(this.copies)
  /** About what the patch takes that was made last. */
  cost = 0
  #base = 0
  #measured = 0
  readonly #putOff: PutOff[] = []

  constructor({ keyField, isDetailed = false }: DiffSettings) {
    this.keyField = keyField
    this.#isDetailed = isDetailed
  }

  run(before: unknown, after: unknown): Patch | undefined {
    const patch = this.diff(before, this.comparison.plain(after, '') ?? null, 0)
    for (let next = this.#putOff.pop(); next !== undefined; next = this.#putOff.pop()) {
      this.#base = next.level
      const found = this.diff(next.before, next.after, next.level) ?? this.set(next.after, next.level)
      Object.assign(become(next.patch), found)
    }
    return patch
  }

  /** @param level containers around both. */
  diff(before: unknown, after: unknown, level: number): Patch | undefined {
    if (typeof after !== 'object' || after === null) {
      if (Object.is(before, after)) return undefined
      if (typeof before === 'string' && typeof after === 'string') return this.#text(before, after)
      return this.set(after, level)
    }
    if (typeof before !== 'object' || before === null) return this.set(after, level)
    if (Array.isArray(before)) {
      if (!Array.isArray(after)) return this.set(after, level)
      return level - this.#base < LEVELS_MAX
        ? diffArrays(this, { before, after, level })
        : this.#later(before, after, level)
    }
    if (Array.isArray(after) || isBytes(after) || Object.getPrototypeOf(after) !== Object.prototype) {
      return sameScalars(before, after) ? undefined : this.set(after, level)
    }
    if (Object.getPrototypeOf(before) !== Object.prototype) return this.set(after, level)
    return level - this.#base < LEVELS_MAX ? this.#object(before, after, level) : this.#later(before, after, level)
  }

  /** The whole value. */
  set(after: unknown, level: number): Patch {
    const sizeBytes = this.copies.sizeBytes
    const value = this.copies.copy(after, level)
    this.cost = 1 + this.copies.sizeBytes - sizeBytes
    return { type: 'set', value }
  }

  /** The patch, or the whole value when that is smaller. @param cost of the patch. */
  smaller(patch: Patch, after: unknown, { cost, level }: { cost: number; level: number }): Patch {
    const limit = cost - SLACK
    if (limit > 0 && this.#measured < MEASURED_MAX && !this.#isDetailed) {
      this.#measured += limit
      if (!costsMore(after, limit)) return this.set(after, level)
    }
    this.cost = cost
    return patch
  }

  #text(before: string, after: string): Patch {
    const found = diffStrings(before, after)
    if (found === undefined) return this.set(after, 0)
    this.cost = found.cost
    return found.patch
  }

  #later(before: unknown, after: unknown, level: number): Patch | undefined {
    if (this.comparison.same(before, after)) return undefined
    const patch: Patch = { type: 'set', value: undefined }
    this.#putOff.push({ before, after, level, patch })
    this.cost = PART_COST
    return patch
  }

  #object(before: object, after: object, level: number): Patch | undefined {
    const { comparison } = this
    const { keys, values, isSimple } = comparison
    const from = comparison.open(after)
    const { end } = comparison
    let changed: [string, Patch][] | undefined
    let cost = PART_COST
    let at = from
    let isSame = true
    for (const key in before) {
      if (!isSimple && !Object.hasOwn(before, key)) continue
      if (at === end || keys[at] !== key) {
        isSame = false
        break
      }
      const patch = this.diff((before as Fields)[key], values[at++], level + 1)
      if (patch === undefined) continue
      cost += KEY_COST + this.cost
      if (changed === undefined) changed = []
      changed.push([key, patch])
    }
    let patch: Patch | undefined
    if (!isSame || at < end) patch = this.#otherFields({ before, after, level, from, at, changed: changed ?? [], cost })
    else if (changed !== undefined) {
      patch = this.smaller({ type: 'object', removed: [], changed, added: [] }, after, { cost, level })
    }
    comparison.end = from
    return patch
  }

  /** An object with other fields than it had, from the one at `at` on. */
  #otherFields({ before, after, level, from, at, changed, cost: costSoFar }: OpenObject): Patch {
    const { keys, values, end } = this.comparison
    const wanted = keys.slice(from, end)
    const places = new Map<string, number>()
    for (let index = at; index < end; index++) places.set(keys[index] as string, index)
    const stays = wanted.slice(0, at - from)
    const removed: string[] = []
    let cost = costSoFar
    for (const key of Object.keys(before).slice(at - from)) {
      const place = places.get(key)
      if (place === undefined) {
        removed.push(key)
        continue
      }
      stays.push(key)
      places.delete(key)
      const patch = this.diff((before as Fields)[key], values[place], level + 1)
      if (patch === undefined) continue
      cost += KEY_COST + this.cost
      changed.push([key, patch])
    }
    if (stays.length === 0) return this.set(after, level)
    const sizeBytes = this.copies.sizeBytes
    const added = [...places].map(([key, place]): [string, unknown] => {
      this.copies.key(key)
      return [key, this.copies.copy(values[place], level + 1)]
    })
    const order = orderRuns(stays, [...places.keys()], wanted)
    cost += removed.length * KEY_COST + this.copies.sizeBytes - sizeBytes + (order?.length ?? 0) * PART_COST
    const patch: ObjectPatch = { type: 'object', removed, changed, added, ...(order === undefined ? {} : { order }) }
    return this.smaller(patch, after, { cost, level })
  }
}

interface OpenObject {
  readonly before: object
  readonly after: object
  readonly level: number
  /** Its fields on the stack begin here, */
  readonly from: number
  /** and those that are not compared yet here. */
  readonly at: number
  readonly changed: [string, Patch][]
  readonly cost: number
}

/** Empty a patch that is put off, for what it becomes. */
function become(patch: Patch): object {
  delete (patch as { value?: unknown }).value
  return patch
}
