/** Everything that a path with wildcards and slices means.
 * @module */

import type { Maybe } from '../../ports/storage.ts'
import type { DocumentIndex, WantedStep } from '../index/document-index.ts'
import { Path, type Step } from '../path/path.ts'
import { type ChildCursor, type FoundChild, type FoundChildren, listChildren, stepOf } from './children.ts'
import { locate, type Place } from './locate.ts'
import type { Reading } from './window.ts'

/** How the document is read. */
export interface MatchSource {
  readonly index: DocumentIndex
  readonly run: <T>(read: (place: Place) => Reading<T>) => Maybe<T>
}

export interface Match {
  readonly path: Path
  /** Where the value begins. */
  readonly address: number
}

const AT_ONCE = 256

/** A value that was found, with its entry in the index, or -1. */
interface Spot extends Match {
  readonly item: number
}

/** Some steps that mean one value, then one that means many, but for the last part. */
interface Part {
  readonly single: readonly Step[]
  readonly wanted: readonly WantedStep[]
  readonly plural: Step | undefined
}

interface Level {
  readonly spots: AsyncGenerator<Spot>
  /** What comes behind them. */
  readonly part: number
}

/** Walk a path with wildcards. Order: that of the document. Memory: one page of children for each wildcard.
 * @throws {VarveError} `PATH_INVALID` for a step that is reserved. */
export async function* matchesOf(path: Path, source: MatchSource): AsyncGenerator<Match> {
  const { index } = source
  const parts = partsOf(path, index)
  const root: Spot = { path: Path.root, address: index.items.addresses[0] as number, item: 0 }
  const open: Level[] = [{ spots: one(root), part: 0 }]
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = await top.spots.next()
    if (next.done) {
      open.pop()
      continue
    }
    const part = parts[top.part] as Part
    const spot = await below(next.value, part, source)
    if (spot === undefined) continue
    if (part.plural === undefined) yield spot
    else open.push({ spots: childrenOf(spot, part.plural, source), part: top.part + 1 })
  }
}

function partsOf({ steps }: Path, index: DocumentIndex): Part[] {
  const parts: Part[] = []
  let from = 0
  for (let at = 0; at <= steps.length; at++) {
    const plural = steps[at]
    if (plural !== undefined && !isPlural(plural)) continue
    const single = steps.slice(from, at)
    parts.push({ single, wanted: index.stepsOf(Path.of(single)), plural })
    from = at + 1
  }
  return parts
}

async function* one(spot: Spot): AsyncGenerator<Spot> {
  yield spot
}

/** The value at the single steps of a part, if it is there. */
function below(spot: Spot, { single, wanted }: Part, { index, run }: MatchSource): Maybe<Spot | undefined> {
  if (single.length === 0) return spot
  return run(function* (place) {
    if (!(yield* locate(place, index.routeFrom(spot, wanted)))) return undefined
    return { path: spot.path.join(...single), address: place.address, item: place.item }
  })
}

async function* childrenOf(spot: Spot, step: Step, source: MatchSource): AsyncGenerator<Spot> {
  const isSlice = step.type === 'slice'
  const to = isSlice ? (step.to ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  let from: ChildCursor | undefined
  if (isSlice && step.from > 0) {
    from = step.from < to ? await element(spot, step.from, source) : undefined
    if (from === undefined) return
  }
  do {
    const limit = Math.min(AT_ONCE, to - (from?.ordinal ?? 0))
    const page = limit > 0 ? await list(spot, { limit, from }, source) : undefined
    // Where no such container is, nothing matches.
    if (page === undefined || page.isObject !== (step.type === 'anyField' || step.type === 'anyIntKey')) return
    for (const child of page.children) {
      if (isMeant(step, child)) yield spotOf(spot, child, source)
    }
    from = page.next
  } while (from !== undefined && from.ordinal < to)
}

function list(
  spot: Spot,
  page: { limit: number; from: ChildCursor | undefined },
  { index, run }: MatchSource,
): Maybe<FoundChildren | undefined> {
  return run(function* (place) {
    yield* locate(place, index.routeFrom(spot, []))
    return yield* listChildren(place, page.limit, page.from)
  })
}

/** Where an element of an array is. */
function element(spot: Spot, ordinal: number, { index, run }: MatchSource): Maybe<ChildCursor | undefined> {
  const steps = index.stepsOf(Path.of([{ type: 'index', index: ordinal }]))
  return run(function* (place) {
    if (!(yield* locate(place, index.routeFrom(spot, steps)))) return undefined
    return { ordinal, address: place.address, isNamed: index.entryAt(place.address) >= 0 }
  })
}

function spotOf({ path }: Spot, child: FoundChild, { index }: MatchSource): Spot {
  const { address } = child
  return { path: path.join(stepOf(child)), address, item: index.entryAt(address) }
}

function isMeant(step: Step, { key }: FoundChild): boolean {
  if (step.type === 'anyField') return typeof key === 'string'
  return step.type !== 'anyIntKey' || typeof key === 'number'
}

function isPlural(step: Step): boolean {
  return step.type === 'anyField' || step.type === 'anyIndex' || step.type === 'anyIntKey' || step.type === 'slice'
}
