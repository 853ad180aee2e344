/** The value at one path over time.
 * @module */
import type { Path } from '../document/path.ts'
import { contentHashOf } from './content-hash.ts'
import { cloneValue } from './copy-value.ts'
import type { GroupFile } from './group-file.ts'
import type { HistoryHost } from './host.ts'
import type { OpenGroups } from './open-groups.ts'
import type { PathVersion } from './types.ts'
import { valueAtSteps } from './value-path.ts'
import type { CheckedRange } from './version-list.ts'

export interface PathValuesParts {
  readonly host: HistoryHost
  readonly groups: OpenGroups
  readonly path: Path
  readonly range: CheckedRange
  readonly onlyChanges: boolean
  readonly signal: AbortSignal | undefined
}

/** Cost: each group's keyframe and changes, once. @throws {VarveError} `VERSION_DAMAGED`. */
export async function* pathValues(parts: PathValuesParts): AsyncGenerator<PathVersion> {
  const { host, groups, path, range, onlyChanges, signal } = parts
  const { digest } = host.storage
  const { from, to, isForward } = range
  let next = isForward ? from : to - 1
  let last: string | undefined
  for (;;) {
    signal?.throwIfAborted()
    const rows = host.row().groups
    const group = isForward
      ? rows.find(({ lastVersion }) => lastVersion >= next)
      : rows.findLast(({ firstVersion }) => firstVersion <= next)
    if (group === undefined) return
    const found = await groups.use(group, (file) => valuesOf(file, path, signal))
    if (!isForward) found.reverse()
    for (const one of found) {
      const isWanted =
        one.version >= from && one.version < to && (isForward ? one.version >= next : one.version <= next)
      if (!isWanted) continue
      const hash = one.value === undefined ? '' : contentHashOf(digest, one.value).hash
      if (!onlyChanges || hash !== last) yield one
      last = hash
    }
    next = isForward ? group.lastVersion + 1 : group.firstVersion - 1
    if (isForward ? next >= to : next < from) return
  }
}

async function valuesOf(file: GroupFile, path: Path, signal: AbortSignal | undefined): Promise<PathVersion[]> {
  const found: PathVersion[] = []
  const first = file.versions[0]?.version ?? 0
  for await (const { version: stored, value } of file.values(first, { signal })) {
    const { version, at, label } = stored
    const there = cloneValue(valueAtSteps(value, path.steps))
    found.push({ version, at, ...(label !== undefined && { label }), value: there })
  }
  return found
}
