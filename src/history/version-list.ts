/** The list of the versions of a history.
 * @module */
import { VarveError } from '../errors.ts'
import type { GroupRow, HistoryRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { GroupFile } from './group/group-file.ts'
import type { StoredVersion } from './group/types.ts'
import type { HistoryHost } from './host.ts'
import type { OpenGroups } from './open-groups.ts'
import { groupFrom, versionsOf } from './place-versions.ts'
import { decodeQueryCursor, encodeQueryCursor } from './query/cursor.ts'
import type { ListVersionsOptions, VersionInfo, VersionPage, VersionRange } from './types.ts'

const PAGE_DEFAULT = 100
const PAGE_MOST = 1_000

/** A range and direction, checked. */
export interface CheckedRange {
  readonly from: number
  /** Exclusive. */
  readonly to: number
  readonly isForward: boolean
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function checkRange({ from, to, direction = 'forward' }: VersionRange): CheckedRange {
  if (direction !== 'forward' && direction !== 'backward') {
    throw optionInvalid('direction', 'must be "forward" or "backward"', direction)
  }
  return {
    from: from === undefined ? 1 : wholeOption('from', from, { least: 0 }),
    to: to === undefined ? Number.POSITIVE_INFINITY : wholeOption('to', to, { least: 0 }),
    isForward: direction === 'forward',
  }
}

/** What names a history in its cursors: one that is made later with the same name has another. */
export function cursorId({ name, createdAt }: HistoryRow): string {
  return `${name}@${createdAt}`
}

/** What is known of the versions of a group, ascending; of those that cannot be listed any more, next to nothing. */
export function infosOf(file: GroupFile, group: GroupRow, pins: readonly number[] = []): VersionInfo[] {
  const damaged = new Set(file.damaged)
  const listed = new Map(file.versions.map((stored) => [stored.version, stored]))
  const pinned = new Set(pins)
  let at = group.firstAt
  return versionsOf(group).map((version) => {
    const stored = listed.get(version)
    at = stored?.at ?? at
    const info = infoOf(stored ?? lostVersion(version, at), group, pinned.has(version))
    return damaged.has(version) || stored === undefined ? { ...info, isDamaged: true } : info
  })
}

function lostVersion(version: number, at: number): StoredVersion {
  return { version, at, kind: 'value', hash: '', rawBytes: 0, sizeBytes: 0, isDelta: false }
}

function infoOf(stored: StoredVersion, group: GroupRow, pinned: boolean): VersionInfo {
  const { version, at, kind, label, fingerprint, metadata, offset, hash, rawBytes, sizeBytes, isDelta } = stored
  return {
    version,
    at,
    kind,
    ...(label !== undefined && { label }),
    fingerprint: fingerprint ?? hash,
    ...(metadata !== undefined && { metadata }),
    ...(offset !== undefined && { offset }),
    tier: group.tier,
    pinned,
    rawBytes,
    sizeBytes,
    isDelta,
    group: group.firstVersion,
  }
}

export class VersionList {
  readonly #host: HistoryHost
  readonly #groups: OpenGroups

  constructor(host: HistoryHost, groups: OpenGroups) {
    this.#host = host
    this.#groups = groups
  }

  /** @throws {VarveError} `VERSION_DAMAGED` when nothing is known of it any more. */
  async infoOf(group: GroupRow, version: number): Promise<VersionInfo> {
    return this.#groups.use(group, async (file) => {
      const stored = file.versions.find((one) => one.version === version)
      if (stored === undefined) await file.value(version)
      const info = infoOf(stored as StoredVersion, group, this.#host.row().pins?.includes(version) ?? false)
      return file.damaged.includes(version) ? { ...info, isDamaged: true } : info
    })
  }

  /** Every version in a range. The groups are looked up anew between two of them: a clean-up may thin out what is yet
   * to come. */
  async *index({ from, to, isForward }: CheckedRange, signal?: AbortSignal): AsyncGenerator<VersionInfo> {
    let next = isForward ? from : to - 1
    for (;;) {
      signal?.throwIfAborted()
      const used = await this.#groups.acquireFound(() => groupFrom(this.#host.row().groups, next, isForward))
      if (used === undefined) return
      const { group, file } = used
      const infos = infosOf(file, group, this.#host.row().pins)
      used.release()
      if (!isForward) infos.reverse()
      for (const info of infos) {
        const { version } = info
        if (version < from || version >= to) continue
        if (isForward ? version >= next : version <= next) yield info
      }
      next = isForward ? group.lastVersion + 1 : group.firstVersion - 1
      if (isForward ? next >= to : next < from) return
    }
  }

  async page(options: ListVersionsOptions): Promise<VersionPage> {
    const { limit, cursor, direction = 'forward' } = options
    const most = limit === undefined ? PAGE_DEFAULT : wholeOption('limit', limit, { least: 1, most: PAGE_MOST })
    const range = checkRange(options)
    const id = cursorId(this.#host.row())
    const place = cursor === undefined ? undefined : decodeQueryCursor(cursor, id)
    if (place !== undefined && place.direction !== direction) {
      throw new VarveError('CURSOR_INVALID', `Cannot continue ${direction}: the cursor goes ${place.direction}`)
    }
    const items: VersionInfo[] = []
    for await (const info of this.index(rangeFrom(range, place?.version), options.signal)) {
      if (items.length < most) items.push(info)
      else return { items, nextCursor: encodeQueryCursor(id, { direction, version: info.version }) }
    }
    return { items }
  }
}

function rangeFrom(range: CheckedRange, version: number | undefined): CheckedRange {
  if (version === undefined) return range
  return range.isForward
    ? { ...range, from: Math.max(range.from, version) }
    : { ...range, to: Math.min(range.to, version + 1) }
}
