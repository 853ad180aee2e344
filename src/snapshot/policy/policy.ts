/** How many snapshots stay, for how long, and how soon the next one may be made: plain planning, without a file.
 *
 * Everything counts for each target on its own. Times are wall time, which may jump: a snapshot from the future is
 * young, and holds up no other.
 * @module */
import { VarveError } from '../../errors.ts'
import { optionInvalid, wholeOption } from '../../options.ts'
import { msOf } from '../catalogue/ids.ts'
import type { SnapshotCleanupReport, SnapshotInfo, SnapshotPolicy, SnapshotTarget } from '../types.ts'

export const DEFAULT_POLICY: SnapshotPolicy = {
  maxSnapshots: 5,
  retentionTimeMs: 24 * 60 * 60_000,
  minIntervalMs: 60 * 60_000,
}

/** The last moment that a date can say. */
const TIME_MOST = 8.64e15

const LEAST: Readonly<Record<keyof SnapshotPolicy, number>> = {
  maxSnapshots: 1,
  // Nobody means "none stays for any time" by 0: `maxSnapshots: 1` says that.
  retentionTimeMs: 1,
  minIntervalMs: 0,
}

/** A whole policy: the fields that are given in the place of those of `base`, which is the default one.
 * @throws {VarveError} `OPTION_INVALID`, also for a field that does not exist. */
export function checkPolicy(
  given: Partial<SnapshotPolicy> = {},
  base: SnapshotPolicy = DEFAULT_POLICY,
): SnapshotPolicy {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw optionInvalid('policy', 'must be an object', given)
  // A name that nobody knows is a typo that would remove what was to be kept.
  for (const name of Object.keys(given))
    if (!Object.hasOwn(LEAST, name))
      throw optionInvalid(`policy.${name}`, `is not one of ${Object.keys(LEAST).join(', ')}`, undefined)
  const fieldOf = (name: keyof SnapshotPolicy) =>
    wholeOption(`policy.${name}`, given[name] ?? base[name], { least: LEAST[name] })
  return {
    maxSnapshots: fieldOf('maxSnapshots'),
    retentionTimeMs: fieldOf('retentionTimeMs'),
    minIntervalMs: fieldOf('minIntervalMs'),
  }
}

/** Check that the newest snapshot of the same target is old enough for the next one. Those from the future do not
 * count: a clock that went back would keep everybody waiting.
 * @param facts `now` in milliseconds since 1970; `minIntervalMs` 0 for no interval.
 * @throws {VarveError} `SNAPSHOT_TOO_SOON` {snapshot, nextAllowedAt, retryAfterMs}. */
export function checkInterval(
  infos: readonly SnapshotInfo[],
  target: SnapshotTarget,
  facts: { readonly now: number; readonly minIntervalMs: number },
): void {
  const { now, minIntervalMs } = facts
  const newest = newestOf(infos, target, now)
  if (newest === undefined || now - newest.timestamp >= minIntervalMs) return
  const nextAllowedAt = Math.min(TIME_MOST, newest.timestamp + minIntervalMs)
  const when = new Date(nextAllowedAt).toISOString()
  throw new VarveError(
    'SNAPSHOT_TOO_SOON',
    `Cannot make a snapshot: the newest one is "${newest.id}", and the next one is allowed at ${when}`,
    { details: { snapshot: newest.id, nextAllowedAt, retryAfterMs: nextAllowedAt - now } },
  )
}

/** The newest snapshot of a target that was made before now, in milliseconds since 1970. */
export function newestOf(
  infos: readonly SnapshotInfo[],
  target: SnapshotTarget,
  now: number,
): SnapshotInfo | undefined {
  const key = targetKey(target)
  return newestFirst(infos).find((info) => targetKey(info) === key && info.timestamp <= now)
}

/** Say which snapshots go, the oldest first. Pinned ones stay and are not counted, and the newest one of a target that
 * is not pinned stays however old it is. Those from the future stay and are not counted either until their time comes:
 * a clock that was ahead for a while would otherwise make every later snapshot go at once.
 * @param now milliseconds since 1970. */
export function planCleanup(
  infos: readonly SnapshotInfo[],
  policy: SnapshotPolicy,
  now: number,
): SnapshotCleanupReport['removed'] {
  const before = new Map<string, number>()
  const removed: { readonly id: string; readonly reason: 'count' | 'age' }[] = []
  for (const info of newestFirst(infos)) {
    if (info.pinned || info.timestamp > now) continue
    const target = targetKey(info)
    const newer = before.get(target) ?? 0
    before.set(target, newer + 1)
    if (newer >= policy.maxSnapshots) removed.push({ id: info.id, reason: 'count' })
    else if (newer > 0 && now - info.timestamp > policy.retentionTimeMs) removed.push({ id: info.id, reason: 'age' })
  }
  return removed.reverse()
}

/** In the order of their timestamps from the newest; of two with the same, the one that was made later is first. */
export function newestFirst(infos: readonly SnapshotInfo[]): SnapshotInfo[] {
  return [...infos].sort((a, b) => b.timestamp - a.timestamp || msOf(b.id) - msOf(a.id))
}

/** The same for snapshots of the same target. */
function targetKey({ topic = '', partition }: SnapshotTarget): string {
  return `${topic}/${partition ?? ''}`
}
