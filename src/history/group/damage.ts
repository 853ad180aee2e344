/** Damage of groups, told as the versions that it costs.
 * @module */
import { VarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import { versionsOf } from '../place-versions.ts'
import type { GroupEntries } from './entries.ts'

/** The keyframe cannot be read. */
export class KeyframeDamage extends Error {
  override readonly cause: VarveError

  constructor(cause: VarveError) {
    super('The keyframe cannot be read')
    this.cause = cause
  }
}

/** Versions of the row that cannot be read, ascending. @param brokenAt deltas from this place on cannot, besides those
 * of which the frames tell. */
export function lostFrom(row: GroupRow, entries: GroupEntries, brokenAt = Number.POSITIVE_INFINITY): number[] {
  const from = Math.min(brokenAt, entries.brokenAt)
  return versionsOf(row).filter((version) => {
    const place = entries.placeOf(version)
    return place < 0 || entries.isLost(place, from)
  })
}

/** What an error says that it found. */
export function foundIn(error: unknown): string {
  if (!(error instanceof VarveError)) return 'a delta that does not fit'
  return typeof error.details.found === 'string' ? error.details.found : error.message
}
