/** What forks and restores that a crash cut short left behind: names of segments in directories of topics that do not
 * exist. They would keep the bytes of segments that are pruned elsewhere. Only what has another name goes, so that
 * nothing is lost whatever the manifest has forgotten; copies stay, and `verify` names them.
 * @module */
import type { ManifestState } from '../manifest/index.ts'
import { isPartitionFile } from '../segment/names.ts'
import type { LogContext } from '../topic/context.ts'
import { isOwnOrName } from './names.ts'

const PARTITION = /^(?:0|[1-9][0-9]{0,8})$/

/** Remove second names of files in directories of topics that do not exist. To be called while nobody makes a topic.
 * Never throws: what stays is told. Cost: a listing of each such directory. */
export async function removeStrayLinks(context: LogContext, state: ManifestState): Promise<void> {
  try {
    await removeAll(context, state)
  } catch (error) {
    if (context.health.failure !== undefined) return
    context.diagnose('FILE_LEFT', 'Left files of topics that do not exist', { reason: String(error) })
  }
}

async function removeAll(context: LogContext, state: ManifestState): Promise<void> {
  const { storage } = context
  const known = new Set(state.topics.map(({ name }) => name.toLowerCase()))
  const leaving = new Set(state.removing?.map(({ directory }) => directory))
  for (const { name, kind } of await storage.list('topics')) {
    if (kind !== 'directory' || !isOwnOrName(name) || known.has(name.toLowerCase())) continue
    for (const partition of await storage.list(`topics/${name}`)) {
      const directory = `topics/${name}/${partition.name}`
      if (!PARTITION.test(partition.name) || leaving.has(directory)) continue
      await removeLinks(context, directory)
      await storage.removeDirectory(directory)
    }
    await storage.removeDirectory(`topics/${name}`)
  }
}

async function removeLinks(context: LogContext, directory: string): Promise<void> {
  const { storage } = context
  for (const { name, kind } of await storage.list(directory)) {
    const path = `${directory}/${name}`
    if (kind !== 'file' || !isPartitionFile(name) || (await storage.linkCount(path)) === 1) continue
    if (await context.isFenced()) throw context.health.fenced(context.epoch)
    await storage.remove(path)
  }
}
