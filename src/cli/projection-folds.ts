/** The folds that `varve projection run --fold` knows by name, and those that a file brings. @module */
import type { Fold } from '../projection/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import type { CliContext } from './context.ts'
import { clean } from './output.ts'

export const FOLD_OPTION: OptionSpecs = {
  fold: {
    value: 'FOLD',
    help: 'counts (events by kind), latest (newest data by entity), or a module such as ./fold.mjs',
  },
}

export const FOLD_NOTES: readonly string[] = [
  'A module exports the fold as its default: { version: 1, initial: () => state, apply: { Kind(state, event) { ... return',
  'state } } }, or apply as one function. It runs in this process, with all its rights.',
]

/** How many events there are of each kind. */
export const counts: Fold<Record<string, number>> = {
  version: 1,
  initial: () => ({}),
  apply: (state, { kind }) => put(state, kind, (Object.hasOwn(state, kind) ? (state[kind] ?? 0) : 0) + 1),
}

/** Data of the newest event of each entity. */
export const latest: Fold<Record<string, unknown>> = {
  version: 1,
  initial: () => ({}),
  apply: (state, { entity, data }) => put(state, entity, data ?? null),
}

const BUILT_IN: Readonly<Record<string, Fold<unknown>>> = {
  counts: counts as Fold<unknown>,
  latest: latest as Fold<unknown>,
}

/** Kinds and entities have any name, `__proto__` included. */
function put<T>(state: Record<string, T>, key: string, value: T): Record<string, T> {
  if (key !== '__proto__') state[key] = value
  else Object.defineProperty(state, key, { value, configurable: true, enumerable: true, writable: true })
  return state
}

/** The fold of `--fold`, undefined without. @throws {VarveError} `OPTION_INVALID`, and what loading a module throws. */
export async function foldOf(args: Arguments, context: CliContext): Promise<Fold<unknown> | undefined> {
  const name = args.text('fold')
  return name === undefined ? undefined : foldNamed(name, context)
}

/** @throws {VarveError} as `foldOf`. */
export async function foldNamed(name: string, context: CliContext): Promise<Fold<unknown>> {
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined
  if (builtIn !== undefined) return builtIn
  if (!/[./\\]/.test(name))
    throw wrongUse(`Cannot use --fold "${name}": there are counts and latest, or name a file such as ./${name}.mjs`)
  const loaded = await context.importModule(name)
  const found = typeof loaded === 'object' && loaded !== null && 'default' in loaded ? loaded.default : undefined
  if (isFold(found)) return found
  throw wrongUse(`Cannot use --fold "${clean(name)}": its default export must be { version, initial, apply }`)
}

function isFold(value: unknown): value is Fold<unknown> {
  if (typeof value !== 'object' || value === null) return false
  const { version, initial, apply } = value as Record<string, unknown>
  const isApply = typeof apply === 'function' || (typeof apply === 'object' && apply !== null)
  return Number.isSafeInteger(version) && typeof initial === 'function' && isApply
}
