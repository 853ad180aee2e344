/** Steps of paths: what they are, which ones make sense, and their total order.
 * @module */
import { VarveError } from '../../errors.ts'
import { DOCUMENT_LIMITS } from '../write/output.ts'

/** One step from a container to a child, or to several. */
export type Step =
  | { readonly type: 'field'; readonly key: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'intKey'; readonly key: number }
  /** Reserved: an element by a key of its own. Parses and prints; reads refuse it. */
  | { readonly type: 'keyed'; readonly key: string }
  | { readonly type: 'anyField' | 'anyIndex' | 'anyIntKey' }
  /** Elements `[from, to)`; `to` absent: to the end. */
  | { readonly type: 'slice'; readonly from: number; readonly to?: number }

/** As many as a document has containers inside each other. */
export const STEPS_MAX = DOCUMENT_LIMITS.depth

/** Field < index < integer key, wildcards after their kind. */
const RANKS = { field: 0, anyField: 1, index: 2, slice: 3, anyIndex: 4, intKey: 5, anyIntKey: 6, keyed: 7 } as const

/** Copy steps that come from a caller. @throws {VarveError} `PATH_INVALID` {step, found}: `step` counts from 0. */
export function checkSteps(steps: readonly Step[]): Step[] {
  if (steps.length > STEPS_MAX) throw tooManySteps({ step: STEPS_MAX, found: `${steps.length} steps` })
  return steps.map(checkStep)
}

function checkStep(step: Step, at: number): Step {
  const found = describeProblem(step)
  if (found === undefined) return copyStep(step)
  throw new VarveError('PATH_INVALID', `Path cannot be made: step ${at} is ${found}`, { details: { step: at, found } })
}

/** The steps are typed, but callers without types come here too. */
function describeProblem(step: Step): string | undefined {
  if (typeof step !== 'object' || step === null) return `${step === null ? 'null' : typeof step}, not a step`
  switch (step.type) {
    case 'field':
    case 'keyed':
      return typeof step.key === 'string' ? undefined : `a ${step.type} whose key is no string`
    case 'index':
      return isCount(step.index) ? undefined : `an index ${shown(step.index)}`
    case 'intKey':
      return Number.isSafeInteger(step.key) ? undefined : `an integer key ${shown(step.key)}`
    case 'slice': {
      const { from, to } = step
      const fits = isCount(from) && (to === undefined || (isCount(to) && to >= from))
      return fits ? undefined : `a slice from ${shown(from)} to ${shown(to)}`
    }
    case 'anyField':
    case 'anyIndex':
    case 'anyIntKey':
      return undefined
    default:
      return `a step of the type ${shown((step as { type: unknown }).type)}`
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' ? String(value) : typeof value
}

/** -0 is 0. */
function copyStep(step: Step): Step {
  switch (step.type) {
    case 'field':
    case 'keyed':
      return { type: step.type, key: step.key }
    case 'index':
      return { type: 'index', index: step.index + 0 }
    case 'intKey':
      return { type: 'intKey', key: step.key + 0 }
    case 'slice':
      return step.to === undefined
        ? { type: 'slice', from: step.from + 0 }
        : { type: 'slice', from: step.from + 0, to: step.to + 0 }
    default:
      return { type: step.type }
  }
}

/** `PATH_INVALID` {limit} and what else is known. */
export function tooManySteps(details: { readonly [name: string]: unknown }): VarveError {
  return new VarveError('PATH_INVALID', `Path has more than ${STEPS_MAX} steps`, {
    details: { ...details, limit: STEPS_MAX },
  })
}

/** Negative when `a` comes before `b`, 0 when they are the same. Keys are compared by their UTF-16 units. */
export function compareSteps(a: Step, b: Step): number {
  if (a.type === 'field' && b.type === 'field') return compareKeys(a.key, b.key)
  if (a.type === 'index' && b.type === 'index') return a.index - b.index
  if (a.type === 'intKey' && b.type === 'intKey') return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
  if (a.type === 'keyed' && b.type === 'keyed') return compareKeys(a.key, b.key)
  if (a.type === 'slice' && b.type === 'slice') {
    if (a.from !== b.from) return a.from - b.from
    if (a.to === b.to) return 0
    // Without an end it is the longest one.
    return (a.to ?? Number.POSITIVE_INFINITY) - (b.to ?? Number.POSITIVE_INFINITY)
  }
  return RANKS[a.type] - RANKS[b.type]
}

function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
