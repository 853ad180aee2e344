/** The versions of entities whose events were pruned: they outlive the events, and nothing else tells them.
 * @module */
import { LEVEL_LAST, type RunIdentity } from '../index/term-format.ts'
import { mergeLast } from '../index/term-merge.ts'
import { openRun, type TermRun } from '../index/term-run.ts'
import type { LogContext } from './context.ts'
import { publishFile } from './derived.ts'
import { mergeTools } from './merge-tools.ts'
import type { Partition } from './partition.ts'

/** What a file of pruned versions has to say of itself. */
export function prunedIdentity(logStartOffset: number): RunIdentity {
  const nowhere = { lastSegmentId: '0'.repeat(16), endPosition: 0, endHash: '0'.repeat(64) }
  return { level: LEVEL_LAST, sequence: 0, segments: 0, baseOffset: 0, endOffset: logStartOffset, ...nowhere }
}

/** A partition whose term runs can be read in peace. */
export interface RunsHolder {
  readonly partition: Partition
  /** Do something with the term runs of all segments that begin before an offset, which stay as they are meanwhile. */
  readonly withRunsBefore: <T>(offset: number, use: (runs: readonly TermRun[]) => Promise<T>) => Promise<T>
}

/** Write the file that keeps the versions of all entities pruned so far, before the record that prunes more of them.
 * It joins what the partition's `prunedVersions` holds with the runs of the segments that go. A run that goes further
 * gives versions that are true, too; those of entities that are still in the log are never asked for.
 * @returns whether there is such a file, durable. @throws what the storage throws: then nothing is pruned. */
export function writePrunedVersions(context: LogContext, from: RunsHolder, to: PrunedVersions): Promise<boolean> {
  return from.withRunsBefore(to.logStartOffset, (runs) =>
    joinVersions(context, { partition: from.partition, runs }, to),
  )
}

/** Where the versions go. */
export interface PrunedVersions {
  readonly file: string
  readonly logStartOffset: number
}

async function joinVersions(
  context: LogContext,
  from: { readonly partition: Partition; readonly runs: readonly TermRun[] },
  to: PrunedVersions,
): Promise<boolean> {
  const { digest, termPages: cache } = context
  const { prunedVersions, directory, logStartOffset } = from.partition
  const runs = [...from.runs]
  if (prunedVersions !== undefined) {
    const expected = prunedIdentity(logStartOffset)
    runs.unshift(await from.partition.drive(openRun(`${directory}/${prunedVersions}`, expected, { digest, cache })))
  }
  if (runs.length === 0) return false
  await publishFile(context, { path: `${directory}/${to.file}`, durable: true }, (handle) =>
    mergeLast(
      runs,
      prunedIdentity(to.logStartOffset),
      mergeTools(context, handle, () => undefined),
    ),
  )
  return true
}
