/** What a history is after steps: the model that the crash tests hold histories against.
 * @module */
import { rollUp } from '../../src/history/cleanup/rollup.ts'
import { planCleanup, tierSettings } from '../../src/history/cleanup/tiers.ts'
import type { AppendVersionOptions, HistoryOptions, Tier, VersionKind } from '../../src/history/types.ts'
import type { Known, Ledger } from '../faults/explorer.ts'

type Rolled = Parameters<typeof rollUp>[0][number]

export type Action =
  | { readonly do: 'create' | 'change'; readonly options: HistoryOptions }
  | {
      readonly do: 'append'
      readonly kind: VersionKind
      readonly value: unknown
      readonly options: AppendVersionOptions & { readonly at: number }
    }
  | { readonly do: 'pin' | 'unpin'; readonly version: number }
  | { readonly do: 'cleanup'; readonly now: number }
  | { readonly do: 'delete' }

/** One thing that was done to a history, or was to be. Steps of one history happen in the order in which they began. */
export interface Step {
  readonly name: string
  readonly action: Action
  /** What an acknowledged append said. */
  version?: number
  /** It threw: it may have happened, and what came after it may have as well. */
  failed?: boolean
  /** It was refused, and so must not have happened. */
  refused?: boolean
  /** A clean-up that said it did nothing: what it could not read stays. */
  idle?: boolean
}

export type StepLedger = Ledger<Step>

export interface ModelVersion {
  readonly version: number
  readonly kind: VersionKind
  readonly value: unknown
  readonly at: number
  readonly tier: Tier
  readonly pinned: boolean
  readonly label?: string
  readonly metadata?: unknown
  readonly offset?: number
}

export interface Model {
  readonly options: HistoryOptions
  readonly lastVersion: number
  readonly versions: readonly ModelVersion[]
}

/** What a history may be, and the steps that made it that. */
export interface Candidate {
  readonly model: Model | undefined
  readonly steps: readonly Step[]
}

/** Everything that a history may be: what was acknowledged is in it, what was refused is not, and of the rest nothing
 * without what came before it. The fullest first. */
export function candidatesOf({ attempted, acknowledged }: Known<Step>, name: string): Candidate[] {
  const steps = attempted.filter((step) => step.name === name)
  const known = new Set(acknowledged)
  const lastKnown = steps.findLastIndex((step) => known.has(step))
  const found: Candidate[] = []
  let open: Candidate[] = [{ model: undefined, steps: [] }]
  for (const [at, step] of steps.entries()) {
    if (at > lastKnown) found.push(...open)
    const maySkip = !known.has(step) && (step.failed === true || step.refused === true)
    open = open.flatMap((candidate) => {
      const next = step.refused === true ? undefined : taken(candidate, step)
      return [...(next === undefined ? [] : [next]), ...(maySkip ? [candidate] : [])]
    })
  }
  return [...found, ...open].sort((one, other) => other.steps.length - one.steps.length)
}

/** @returns undefined when the step cannot be taken there. */
function taken({ model, steps }: Candidate, step: Step): Candidate | undefined {
  const after = modelAfter(model, step)
  return after === 'impossible' ? undefined : { model: after, steps: [...steps, step] }
}

function modelAfter(
  model: Model | undefined,
  { action, version, idle = false }: Step,
): Model | undefined | 'impossible' {
  if (action.do === 'create') return model ?? { options: action.options, lastVersion: 0, versions: [] }
  if (model === undefined) return 'impossible'
  switch (action.do) {
    case 'append': {
      const next = model.lastVersion + 1
      return version !== undefined && version !== next ? 'impossible' : appended(model, action)
    }
    case 'pin':
    case 'unpin':
      return pinned(model, action.version, action.do === 'pin')
    case 'cleanup':
      return idle ? model : cleaned(model, action.now)
    case 'change':
      return { ...model, options: { ...model.options, ...action.options } }
    case 'delete':
      return undefined
  }
}

function appended(model: Model, { kind, value, options }: Extract<Action, { do: 'append' }>): Model {
  const { at, label, metadata, offset } = options
  const version: ModelVersion = {
    version: model.lastVersion + 1,
    kind,
    value,
    at,
    tier: 'raw',
    pinned: false,
    ...(label !== undefined && { label }),
    ...(metadata !== undefined && { metadata }),
    ...(offset !== undefined && { offset }),
  }
  return { ...model, lastVersion: version.version, versions: [...model.versions, version] }
}

function pinned(model: Model, version: number, isPinned: boolean): Model | 'impossible' {
  if (!model.versions.some((one) => one.version === version)) return 'impossible'
  const versions = model.versions.map((one) => (one.version === version ? { ...one, pinned: isPinned } : one))
  return { ...model, versions }
}

function cleaned(model: Model, now: number): Model {
  const { keep } = planCleanup(model.versions, tierSettings(model.options.tiers), now)
  const valueAt = (version: number) => model.versions.find((one) => one.version === version)?.value as Rolled
  const versions = model.versions.flatMap((one): ModelVersion[] => {
    const kept = keep.find(({ version }) => version === one.version)
    if (kept === undefined) return []
    const { tier, rollup } = kept
    return [
      { ...one, tier, ...(rollup !== undefined && { kind: 'rollup' as const, value: rollUp(rollup.map(valueAt)) }) },
    ]
  })
  return { ...model, versions }
}
