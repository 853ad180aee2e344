/** The versions of a group as its frames tell them, and which of them can be read.
 *
 * A version is the keyframe, or what its delta makes of the version before it, or the same as an earlier one. A delta
 * needs all deltas before it, because they spell out keys that it may name by number; so behind a frame that is lost
 * only those versions can be read that are the same as one before it.
 * @module */
import type { StoredVersion } from './types.ts'
import type { Frame, StoredDelta, VersionFacts } from './version-frame.ts'

export interface Entry {
  readonly stored: StoredVersion
  /** Undefined for the first one, and where it is the same as another. */
  readonly delta: StoredDelta | undefined
  /** Place of the entry whose delta, or keyframe, makes the value; -1: that is not known. */
  readonly root: number
}

export class GroupEntries {
  readonly list: readonly Entry[]
  /** Raw bytes of all deltas. */
  readonly deltaBytes: number
  /** Deltas from this place on are lost. */
  readonly brokenAt: number
  readonly #places: ReadonlyMap<number, number>

  private constructor(list: readonly Entry[], places: ReadonlyMap<number, number>, brokenAt: number) {
    this.list = list
    this.#places = places
    this.brokenAt = brokenAt
    this.deltaBytes = list.reduce((sum, { delta }) => sum + (delta?.rawBytes ?? 0), 0)
  }

  static readonly none: GroupEntries = new GroupEntries([], new Map(), 0)

  /** A group of its first version alone. */
  static of(first: StoredVersion): GroupEntries {
    const list = [{ stored: first, delta: undefined, root: 0 }]
    return new GroupEntries(list, new Map([[first.version, 0]]), Number.POSITIVE_INFINITY)
  }

  /** These and more, of which an undefined one is lost. Cost: all of them. */
  with(frames: readonly (Frame | undefined)[]): GroupEntries {
    const list = [...this.list]
    const places = new Map(this.#places)
    let { brokenAt } = this
    for (const frame of frames) {
      const newest = list.at(-1)?.stored.version ?? 0
      // Versions that do not rise are as good as none.
      if (frame === undefined || frame.facts.version <= newest) {
        brokenAt = Math.min(brokenAt, list.length)
        continue
      }
      const { facts, change, sizeBytes } = frame
      places.set(facts.version, list.length)
      if ('same' in change) {
        const target = list[places.get(change.same) ?? -1]
        const stored = storedOf(facts, sizeBytes, change.same)
        list.push({ stored, delta: undefined, root: target?.root ?? -1 })
      } else list.push({ stored: storedOf(facts, sizeBytes), delta: change.delta, root: list.length })
    }
    return new GroupEntries(list, places, brokenAt)
  }

  /** Where in the file the first frame is that is lost; undefined without one. */
  get brokenPosition(): number | undefined {
    if (this.brokenAt > this.list.length) return undefined
    return this.list.slice(0, this.brokenAt).reduce((sum, { stored }) => sum + stored.sizeBytes, 0)
  }

  /** Place of a version, or -1. */
  placeOf(version: number): number {
    return this.#places.get(version) ?? -1
  }

  /** Whether the value at a place can be read, as far as the frames tell. */
  isLost(place: number, brokenAt = this.brokenAt): boolean {
    const { root } = this.list[place] as Entry
    return root < 0 || root >= brokenAt
  }
}

function storedOf(facts: VersionFacts, sizeBytes: number, sameAs?: number): StoredVersion {
  const { version, at, kind, hash, rawBytes, label, fingerprint, metadata, offset } = facts
  const stored: { -readonly [Fact in keyof StoredVersion]: StoredVersion[Fact] } = {
    version,
    at,
    kind,
    hash,
    rawBytes,
    sizeBytes,
    isDelta: true,
  }
  if (sameAs !== undefined) stored.sameAs = sameAs
  if (label !== undefined) stored.label = label
  if (fingerprint !== undefined) stored.fingerprint = fingerprint
  if (metadata !== undefined) stored.metadata = metadata
  if (offset !== undefined) stored.offset = offset
  return stored
}
