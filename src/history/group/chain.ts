/** What makes the value of a version out of keyframe and deltas.
 * @module */
import { applyPatch } from '../patch/apply.ts'
import type { Patch } from '../patch/patch.ts'
import { withDelta } from './deltas.ts'
import type { Entry } from './entries.ts'

/** Values that are kept because a later version is the same, by what copies of them would take. */
const KEPT_BYTES = 67_108_864

/** Patches by the places of their entries. */
export type PlacedPatches = readonly (Patch | undefined)[]

/** Places of the patches that make the value of a root, ascending. The first of them replaces the whole value, or
 * applies to the keyframe, of which `isOnKeyframe` tells. */
export function chainOf(entries: readonly Entry[], root: number, patches: PlacedPatches) {
  const places: number[] = []
  for (let at = root; at > 0; at = (entries[at - 1] as Entry).root) {
    places.push(at)
    if (patches[at]?.type === 'set') return { places: places.reverse(), isOnKeyframe: false }
  }
  return { places: places.reverse(), isOnKeyframe: true }
}

/** Apply the patches at some places. @throws {DeltaDamage} when one does not fit. */
export function applyChain(value: unknown, places: readonly number[], patches: PlacedPatches): unknown {
  let now = value
  for (const place of places) {
    const patch = patches[place]
    if (patch !== undefined) now = withDelta(place, () => applyPatch(now, patch))
  }
  return now
}

/** Which entries cannot be read without the keyframe. @param patches of all entries. */
export function needingKeyframe(entries: readonly Entry[], patches: PlacedPatches): boolean[] {
  const needing: boolean[] = []
  for (const [place, { root }] of entries.entries()) {
    if (root < 0) needing.push(false)
    else if (root < place) needing.push(needing[root] as boolean)
    else if (place === 0) needing.push(true)
    else needing.push(patches[place]?.type !== 'set' && (needing[place - 1] as boolean))
  }
  return needing
}

/** Values on the way through a group that come again, by their roots. */
export class KeptValues {
  readonly #entries: readonly Entry[]
  /** The last place that has the value of a root. */
  readonly #lastUses = new Map<number, number>()
  readonly #values = new Map<number, unknown>()
  #bytes = 0

  constructor(entries: readonly Entry[]) {
    this.#entries = entries
    for (const [place, { root }] of entries.entries()) this.#lastUses.set(root, place)
  }

  /** Keep a value that is left behind at a place. */
  keep(root: number, place: number, value: () => unknown): void {
    if ((this.#lastUses.get(root) as number) <= place || this.#values.has(root)) return
    const { rawBytes } = (this.#entries[root] as Entry).stored
    if (this.#bytes + rawBytes > KEPT_BYTES) return
    this.#bytes += rawBytes
    this.#values.set(root, value())
  }

  /** Have a value that was kept: it is not kept any more. */
  take(root: number): { readonly value: unknown } | undefined {
    if (!this.#values.has(root)) return undefined
    const value = this.#values.get(root)
    this.#values.delete(root)
    this.#bytes -= (this.#entries[root] as Entry).stored.rawBytes
    return { value }
  }
}
