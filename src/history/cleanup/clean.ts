/** Clean-ups of a history: previews beside everything else, real ones between two appends.
 * @module */

import type { HistoryHost } from '../host.ts'
import type { OpenGroups } from '../open-groups.ts'
import type { CleanupOptions, CleanupReport } from '../types.ts'
import type { VersionWriter } from '../version-writer.ts'
import { rewriteGroups } from './rewrite.ts'

/** Beside a writer, a preview that met groups which were replaced is made anew so often. */
const LOOKS_MOST = 5

export interface CleanParts {
  readonly host: HistoryHost
  readonly groups: OpenGroups
}

/** Say what a clean-up would do. Nothing waits for it.
 * @throws {VarveError} `STORE_CLOSED`, and what the storage throws. */
export async function previewCleanup(parts: CleanParts, options: CleanupOptions): Promise<CleanupReport> {
  const { host } = parts
  for (let looks = 1; ; looks++) {
    const { groups } = host.row()
    // What this process replaces meanwhile stays until it was looked at.
    const held = groups.map(({ file }) => host.hold(file))
    try {
      const { report, release } = await rewriteGroups({
        host,
        use: useOf(parts),
        options: { ...options, dryRun: true },
      })
      release()
      await host.refresh()
      const files = new Set(host.row().groups.map(({ file }) => file))
      if (looks === LOOKS_MOST || groups.every(({ file }) => files.has(file))) return report
    } finally {
      for (const release of held) release()
    }
  }
}

/** Clean up. To be called between two appends.
 * @throws {VarveError} as `previewCleanup`, and what a commit throws. */
export async function cleanUp(
  parts: CleanParts & { readonly writer: VersionWriter },
  options: CleanupOptions,
): Promise<CleanupReport> {
  const { host, groups: open, writer } = parts
  let release = () => {}
  try {
    const outcome = await rewriteGroups({ host, use: useOf(parts), options: { ...options, dryRun: false } })
    release = outcome.release
    const { report, from, groups } = outcome
    const row = host.row()
    if (from === row.groups.length) return report
    host.checkSound()
    await host.commit({ name: row.name, from, groups, lastVersion: row.lastVersion })
    open.keepOnly(host.row().groups)
    await writer.giveFileUp()
    return report
  } finally {
    release()
    await host.tidy()
  }
}

function useOf({ host, groups }: CleanParts): OpenGroups['use'] {
  return async (group, work) => {
    // Closing waits for the groups of appends, not for those of a clean-up: it is as well done later.
    host.checkOpen()
    return groups.use(group, work)
  }
}
