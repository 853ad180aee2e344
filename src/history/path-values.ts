/** The value at one path over time.
 * @module */
import type { Path } from '../document/path/path.ts'
import { contentHashOf } from './group/content-hash.ts'
import type { GroupFile } from './group/group-file.ts'
import type { HistoryHost } from './host.ts'
import type { OpenGroups } from './open-groups.ts'
import { cloneValue } from './patch/copy-value.ts'
import { valueAtSteps } from './patch/value-path.ts'
import { groupFrom, versionsOf } from './place-versions.ts'
import type { PathVersion } from './types.ts'
import type { CheckedRange } from './version-list.ts'

export interface PathValuesParts {
  readonly host: HistoryHost
  readonly groups: OpenGroups
  readonly path: Path
  readonly range: CheckedRange
  readonly onlyChanges: boolean
  readonly signal: AbortSignal | undefined
}

/** Cost: each group's keyframe and changes, once. @throws {VarveError} `VERSION_DAMAGED` at the first version that is
 * lost. */
export async function* pathValues(parts: PathValuesParts): AsyncGenerator<PathVersion> {
  const { host, groups, range, onlyChanges, signal } = parts
  const { from, to, isForward } = range
  let next = isForward ? from : to - 1
  let last: string | undefined
  for (;;) {
    signal?.throwIfAborted()
    const used = await groups.acquireFound(() => groupFrom(host.row().groups, next, isForward))
    if (used === undefined) return
    const { group, file } = used
    try {
      const wanted = versionsOf(group).filter((version) => {
        return version >= from && version < to && (isForward ? version >= next : version <= next)
      })
      const found = valuesOf(file, wanted, parts)
      for await (const one of isForward ? found : reversed(found)) {
        const hash = one.value === undefined ? '' : contentHashOf(host.storage.digest, one.value).hash
        if (!onlyChanges || hash !== last) yield one
        last = hash
      }
    } finally {
      used.release()
    }
    next = isForward ? group.lastVersion + 1 : group.firstVersion - 1
    if (isForward ? next >= to : next < from) return
  }
}

/** @param wanted versions of the group without gaps, ascending. */
async function* valuesOf(
  file: GroupFile,
  wanted: readonly number[],
  { path, signal }: PathValuesParts,
): AsyncGenerator<PathVersion> {
  const [first, last] = [wanted[0], wanted.at(-1)]
  if (first === undefined || last === undefined) return
  for await (const { version: stored, value } of file.values(first, { signal })) {
    const { version, at, label } = stored
    const there = cloneValue(valueAtSteps(value, path.steps))
    yield { version, at, ...(label !== undefined && { label }), value: there }
    if (version === last) return
  }
}

async function* reversed(values: AsyncIterable<PathVersion>): AsyncGenerator<PathVersion> {
  const all: PathVersion[] = []
  for await (const one of values) all.push(one)
  yield* all.reverse()
}
