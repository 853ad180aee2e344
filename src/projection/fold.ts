/** Folding: events into a state, and how far it goes.
 * @module */
import { VarveError } from '../errors.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { StoredEvent } from '../topic/types.ts'
import type { Fold } from './types.ts'

/** A state while it is folded, private to whoever folds it. */
export interface Folding {
  state: unknown
  /** End offset, exclusive, of each partition. */
  readonly positions: number[]
  /** The highest `recordedAt` of any event in it; 0: none, or not known. */
  recordedAt: number
}

/** An apply threw, or gave nothing. The state that it was given may be changed: nobody may use it any more. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError'
  readonly event: StoredEvent
  /** `state`: what was made of the events up to this one, it is not known by which, cannot be stored. */
  readonly found: 'apply' | 'state'

  constructor(event: StoredEvent, cause: unknown, found: 'apply' | 'state' = 'apply') {
    super(found === 'apply' ? messageOf(cause) : `the state cannot be stored: ${messageOf(cause)}`, { cause })
    this.event = event
    this.found = found
  }
}

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error && thrown.message !== '' ? thrown.message : String(thrown)
  } catch {
    return 'something that cannot be shown'
  }
}

type Apply = (state: unknown, event: StoredEvent) => unknown

/** A fold as it was when it was given, checked. */
export class Folder {
  readonly version: number
  readonly #initial: () => unknown
  readonly #all: Apply | undefined
  readonly #byKind: ReadonlyMap<string, Apply>

  /** @throws {VarveError} `OPTION_INVALID`. */
  constructor(fold: Fold<unknown>) {
    if (typeof fold !== 'object' || fold === null) throw optionInvalid('fold', 'must be an object', fold)
    const { version, initial, apply } = fold as { version: unknown; initial: unknown; apply: unknown }
    this.version = wholeOption('fold.version', version, { least: 1 })
    if (typeof initial !== 'function') throw optionInvalid('fold.initial', 'must be a function', initial)
    this.#initial = initial as () => unknown
    if (typeof apply === 'function') this.#all = apply as Apply
    this.#byKind = new Map(typeof apply === 'function' ? [] : handlersOf(apply))
  }

  /** The state before the first event. @param positions where that is, of each partition. */
  begin(positions: readonly number[]): Folding {
    const initial = this.#initial
    return { state: initial(), positions: [...positions], recordedAt: 0 }
  }

  /** Fold `events[from, to)`.
   * @throws {ApplyError} at the first event that cannot be folded; the positions are those before it then. */
  fold(into: Folding, events: readonly StoredEvent[], range: { readonly from: number; readonly to: number }): void {
    const { positions } = into
    const all = this.#all
    const byKind = this.#byKind
    let { state, recordedAt } = into
    let at = range.from
    try {
      for (; at < range.to; at++) {
        const event = events[at] as StoredEvent
        const apply = all ?? byKind.get(event.kind)
        if (apply !== undefined) {
          state = apply(state, event)
          if (state === undefined) throw new TypeError('apply gave no state')
        }
        positions[event.partition] = event.offset + 1
        if (event.recordedAt > recordedAt) recordedAt = event.recordedAt
      }
    } catch (cause) {
      throw new ApplyError(events[at] as StoredEvent, cause)
    }
    into.state = state
    into.recordedAt = recordedAt
  }
}

function handlersOf(apply: unknown): [string, Apply][] {
  if (typeof apply !== 'object' || apply === null) {
    throw optionInvalid('fold.apply', 'must be a function, or an object of functions by kind', apply)
  }
  const handlers = Object.entries(apply).filter(([, handler]) => handler !== undefined)
  for (const [kind, handler] of handlers) {
    if (typeof handler !== 'function') throw optionInvalid(`fold.apply.${kind}`, 'must be a function', handler)
  }
  return handlers
}

/** The error of a projection that cannot go on. */
export function projectionFailed(projection: string, failed: ApplyError): VarveError {
  const { partition, offset, kind } = failed.event
  const message = `Cannot fold event ${offset} of partition ${partition} into projection "${projection}": ${failed.message}`
  const details = { projection, partition, offset, kind, reason: failed.message }
  return new VarveError('PROJECTION_FAILED', message, { details, cause: failed.cause })
}
