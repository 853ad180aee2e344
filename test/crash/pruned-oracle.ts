/** What must be true after pruning and deleting: which calls still count, where a log begins, which files are gone.
 * @module */
import { partitionDirectory, type Removal, readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { must, mustEqual } from '../support/scenario.ts'
import type { Call, KnownCalls } from './calls.ts'

/** What waited to be removed when a store was opened is gone when it is closed, and its space is free. */
export async function mustHaveRemoved(storage: Storage, removing: readonly Removal[]): Promise<void> {
  const state = (await readManifest(storage))?.state
  mustEqual(state?.removing, undefined, 'files left to remove')
  for (const { directory, files } of removing) {
    const names = (await storage.list(directory)).map(({ name }) => name)
    // The checkpoint and the runs of a topic made anew have the names of the old one's.
    for (const file of files)
      must(!names.includes(file) || !file.endsWith('.log'), () => `${directory}/${file} is there`)
  }
  for (const { name, partitions } of state?.topics ?? []) {
    for (const { partition, logStartOffset } of partitions) {
      const entries = await storage.list(partitionDirectory(name, partition))
      const old = entries.filter(
        (entry) => entry.name.endsWith('.log') && Number(entry.name.slice(0, 20)) < logStartOffset,
      )
      mustEqual(old, [], `segments of ${name}/${partition} below its log start`)
    }
  }
}

/** What is known of the topics that are there: what was deleted does not count, whether or not the deletion was
 * acknowledged, and a deletion that did not come to pass counts as little. */
export function afterDeletions({ attempted, acknowledged }: KnownCalls, listed: ReadonlySet<string>): KnownCalls {
  const last = new Map<string, number>()
  for (const [order, call] of attempted.entries()) {
    if (call.deletes !== true) continue
    const isDone = acknowledged.includes(call) || !listed.has(call.topic)
    if (isDone) last.set(call.topic, order)
  }
  const gone = new Set(
    attempted.filter((call, order) => call.deletes === true || order <= (last.get(call.topic) ?? -1)),
  )
  const isThere = (call: Call) => !gone.has(call)
  return { attempted: attempted.filter(isThere), acknowledged: acknowledged.filter(isThere) }
}

/** The prunings that came to pass: the log starts where one of them left it, and not before the last one that was
 * acknowledged. */
export function prunings(calls: readonly Call[], acknowledged: readonly Call[], start: number): Call[] {
  const all = calls.filter(({ logStartOffset }) => logStartOffset !== undefined)
  const least = Math.max(0, ...acknowledged.map(({ logStartOffset = 0 }) => logStartOffset))
  must(start >= least, () => `the log starts at ${start}, before ${least} where a pruning left it`)
  const starts = [0, ...all.map(({ logStartOffset }) => logStartOffset)]
  must(starts.includes(start), () => `the log starts at ${start}, which nobody asked for: ${starts}`)
  return all.filter(({ logStartOffset = 0 }) => logStartOffset <= start)
}

/** The appends below the log start, and the others. Of those that failed, some may be there all the same: as many as
 * explain where the acknowledged ones after them lie. */
export function prunedApart(calls: readonly Call[], start: number): [Call[], Call[]] {
  const appends = calls.filter(({ events }) => events.length > 0)
  const pruned = new Set<Call>()
  let end = 0
  for (const [order, call] of appends.entries()) {
    const next = appends.slice(order).find(({ receipt }) => receipt !== undefined)?.receipt?.firstOffset ?? start
    const isThere = call.receipt !== undefined || (call.refused !== true && end + call.events.length <= next)
    if (!isThere || end + call.events.length > start) continue
    pruned.add(call)
    end += call.events.length
  }
  return [[...pruned], appends.filter((call) => !pruned.has(call))]
}
