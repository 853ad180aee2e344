/** Checking all groups of a history.
 * @module */

import { verifyGroup } from './group/verify.ts'
import type { HistoryHost } from './host.ts'
import type { OpenGroups } from './open-groups.ts'
import { groupFrom } from './place-versions.ts'
import type { History, HistoryReport } from './types.ts'

/** See `History.verify`. */
export async function verifyHistory(
  { host, groups }: { readonly host: HistoryHost; readonly groups: OpenGroups },
  { signal, onProgress }: NonNullable<Parameters<History['verify']>[0]>,
): Promise<HistoryReport> {
  let versionsChecked = 0
  let bytesChecked = 0
  const damaged: number[] = []
  const problems: HistoryReport['problems'][number][] = []
  const totalBytes = host.row().groups.reduce((sum, { endBytes }) => sum + endBytes, 0)
  const { digest } = host.storage
  for (let next = 1; ; ) {
    signal?.throwIfAborted()
    host.checkOpen()
    // Looked up anew each time: a clean-up may have replaced those that were there.
    const group = groupFrom(host.row().groups, next, true)
    if (group === undefined) break
    const checked = await groups.use(group, (file) => verifyGroup(file, group, { digest, signal }))
    if (checked.problems.length > 0) {
      // Beside a writer a file that was replaced is not there any more.
      await host.refresh()
      if (!host.row().groups.some(({ file }) => file === group.file)) continue
    }
    next = group.lastVersion + 1
    versionsChecked += checked.versionsChecked
    bytesChecked += group.endBytes
    damaged.push(...checked.damaged)
    const { path } = host.place(group)
    problems.push(...checked.problems.map((problem) => ({ ...problem, file: path })))
    onProgress?.({ doneBytes: bytesChecked, totalBytes })
  }
  return { ok: problems.length === 0, versionsChecked, bytesChecked, damaged, problems }
}
