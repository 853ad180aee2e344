/** Finding versions: among the groups by their rows, in a group by its frames.
 * @module */
import type { GroupRow, HistoryRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { GroupFile } from './group/group-file.ts'
import type { StoredVersion } from './group/types.ts'
import type { OpenGroups } from './open-groups.ts'
import { placeOfOffset, placeOfTime, placeOfVersion, versionsOf } from './place-versions.ts'
import type { VersionSelector } from './types.ts'
import { outOfRange, versionUnknown } from './version-errors.ts'

const SELECTORS = ['version', 'time', 'label', 'offset'] as const

/** Where a version is. */
export interface FoundPlace {
  readonly group: GroupRow
  readonly version: number
}

/** @throws {VarveError} `OPTION_INVALID` for more than one. */
export function checkSelector(selector: VersionSelector): void {
  const given = SELECTORS.filter((name) => selector[name] !== undefined)
  const [name, second] = given
  if (name !== undefined && second !== undefined) {
    throw optionInvalid(second, `cannot be given together with "${name}"`, selector[second])
  }
  if (name === undefined) return
  if (name !== 'label') wholeOption(name, selector[name], { least: name === 'version' ? 1 : 0 })
  else if (typeof selector.label !== 'string') throw optionInvalid('label', 'must be a text', selector.label)
}

export class VersionFinder {
  readonly #groups: OpenGroups
  /** Labels of groups that were searched, by file: the newest version with each. */
  #labels = new Map<string, { readonly endBytes: number; readonly newest: ReadonlyMap<string, number> }>()

  constructor(groups: OpenGroups) {
    this.#groups = groups
  }

  /** Give the memory back that labels take. */
  rest(): void {
    this.#labels = new Map()
  }

  /** Where the version is that a selector means. Cost: a search among the rows of groups, and for a time or an offset
   * the frames of one group; for a label those of the groups from the newest on, which are remembered.
   * @throws {VarveError} `VERSION_OUT_OF_RANGE`, `VERSION_GONE`, `VERSION_UNKNOWN`, `VERSION_DAMAGED`. */
  async find(row: HistoryRow, { version, time, label, offset }: VersionSelector): Promise<FoundPlace> {
    if (time !== undefined) return this.#findTime(row, time)
    if (label !== undefined) return this.#findLabel(row, label)
    if (offset !== undefined) return this.#findOffset(row, offset)
    const wanted = version ?? row.lastVersion
    if (row.groups.length === 0) throw outOfRange(row, wanted)
    return { group: row.groups[placeOfVersion(row, wanted)] as GroupRow, version: wanted }
  }

  async #findTime(row: HistoryRow, time: number): Promise<FoundPlace> {
    const group = row.groups[placeOfTime(row.groups, time)]
    if (group === undefined) throw versionUnknown(row, `is of ${time} or before`)
    const version = await this.#groups.use(group, (file) => lastWith(file, group, ({ at }) => at <= time))
    if (version === undefined) throw versionUnknown(row, `is of ${time} or before`)
    return { group, version }
  }

  async #findOffset(row: HistoryRow, offset: number): Promise<FoundPlace> {
    const reflects = (stored: StoredVersion) => stored.offset !== undefined && stored.offset <= offset
    for (let at = placeOfOffset(row.groups, offset); at >= 0; at--) {
      const group = row.groups[at] as GroupRow
      // No version up to here says what it reflects.
      if (group.lastOffset === undefined) break
      const version = await this.#groups.use(group, (file) => lastWith(file, group, reflects))
      if (version !== undefined) return { group, version }
    }
    throw versionUnknown(row, `reflects the log up to ${offset} or less`)
  }

  async #findLabel(row: HistoryRow, label: string): Promise<FoundPlace> {
    if (this.#labels.size > 2 * row.groups.length) this.#labels = new Map()
    for (let at = row.groups.length - 1; at >= 0; at--) {
      const group = row.groups[at] as GroupRow
      const version = (await this.#labelsOf(group)).get(label)
      if (version !== undefined) return { group, version }
    }
    throw versionUnknown(row, `has the label "${label.slice(0, 60)}"`)
  }

  async #labelsOf(group: GroupRow): Promise<ReadonlyMap<string, number>> {
    const known = this.#labels.get(group.file)
    if (known?.endBytes === group.endBytes) return known.newest
    const newest = new Map<string, number>()
    await this.#groups.use(group, async (file) => {
      for (const { label, version } of file.versions) if (label !== undefined) newest.set(label, version)
    })
    this.#labels.set(group.file, { endBytes: group.endBytes, newest })
    return newest
  }
}

/** The last version of a group of which a test holds that does not hold again once it did not.
 * @throws {VarveError} `VERSION_DAMAGED` when a version that cannot be listed may be the one. */
async function lastWith(
  file: GroupFile,
  group: GroupRow,
  holds: (stored: StoredVersion) => boolean,
): Promise<number | undefined> {
  const { versions } = file
  let at = versions.length - 1
  while (at >= 0 && !holds(versions[at] as StoredVersion)) at--
  const found = versions[at]?.version
  if (versions.length === versionsOf(group).length) return found
  const hidden = versionsOf(group).find((version) => (found === undefined || version > found) && !file.has(version))
  const next = versions[at + 1]?.version ?? Number.POSITIVE_INFINITY
  if (hidden !== undefined && hidden < next) await file.value(hidden)
  return found
}
