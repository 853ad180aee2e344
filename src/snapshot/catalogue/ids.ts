/** What snapshots are called, and where they are.
 * @module */
import { VarveError } from '../../errors.ts'

export const SNAPSHOTS_DIRECTORY = '.snapshots'

const PREFIX = 'snapshot-'
const PIN = '.pinned'
const ID = /^snapshot-\d{1,16}$/

/** Check an id before it touches a path. @throws {VarveError} `SNAPSHOT_UNKNOWN`. */
export function checkSnapshotId(id: unknown): asserts id is string {
  if (!isSnapshotId(id)) throw unknownSnapshot(typeof id === 'string' ? id.slice(0, 60) : typeof id)
}

/** Whether this is what a snapshot may be called. */
export function isSnapshotId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id)
}

/** The id of a snapshot of a moment, in milliseconds since 1970. */
export function snapshotId(ms: number): string {
  return `${PREFIX}${ms}`
}

/** The moment that an id says. */
export function msOf(id: string): number {
  return Number(id.slice(PREFIX.length))
}

/** The directory of a snapshot, in the place that has `.snapshots` in it. */
export function directoryOf(id: string): string {
  return `${SNAPSHOTS_DIRECTORY}/${id}`
}

/** The name in `.snapshots/` of the file that pins a snapshot by being there. */
export function pinOf(id: string): string {
  return id + PIN
}

/** The snapshot that a file pins by its name; undefined for every other name. */
export function pinnedBy(name: string): string | undefined {
  const id = name.endsWith(PIN) ? name.slice(0, -PIN.length) : ''
  return isSnapshotId(id) ? id : undefined
}

/** `SNAPSHOT_UNKNOWN`. */
export function unknownSnapshot(id: string, cause?: unknown): VarveError {
  return new VarveError('SNAPSHOT_UNKNOWN', `There is no snapshot "${id}"`, { details: { snapshot: id }, cause })
}
