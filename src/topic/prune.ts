/** Giving up the oldest segments of a partition.
 *
 * 1. Everything in the active segment is too old: roll, so that it can go as well.
 * 2. Write the file with the versions of entities whose events go. A crash leaves a stray file, which is written again.
 * 3. One manifest record raises the log start, drops the segments and lists the files to remove: the commit point.
 * 4. Readers are told; from here on nobody opens the files.
 * 5. Remove them (see `removal.ts`). A crash leaves files on the list, which the next owner removes.
 *
 * Steps 1 to 4 run while nothing is written to the partition; the rest beside appends. The store sees to it that only
 * one pruning or deletion runs at a time.
 * @module */
import { isVarveError } from '../errors.ts'
import type { PartitionRow, SegmentRow } from '../manifest/index.ts'
import {
  baseOffsetOf,
  besideSegment,
  isSegmentFamily,
  isVersionsFile,
  mergedRun,
  versionsFile,
} from '../segment/names.ts'
import type { LogContext } from './context.ts'
import type { Partition } from './partition.ts'
import { type RunsHolder, writePrunedVersions } from './pruned-versions.ts'
import { removeFiles, spaceOf } from './removal.ts'
import { type PrunePlan, type PruneRule, planPrune } from './retention.ts'
import type { PruneReport } from './types.ts'

/** A merged term run of level n covers this to the power of n segments. */
const RUN_SEGMENTS = 8

/** A partition that may be pruned. */
export interface PruneTarget extends RunsHolder {
  readonly topicId: number
  /** The partition in the manifest now. */
  readonly row: () => PartitionRow
  /** Run while nothing is written to the partition. */
  readonly exclusively: (task: () => Promise<void>) => Promise<void>
  /** Seal the active segment and go on in a new one; only inside `exclusively`. */
  readonly roll: () => Promise<void>
}

export type PrunedPartition = PruneReport['partitions'][number]

/** What goes, and the row it goes from. */
interface Found {
  readonly row: PartitionRow
  readonly plan: PrunePlan
}

/** Prune a partition, or say what pruning it would do.
 * @throws {VarveError} `STORAGE_FULL` and other failures before the record: then nothing has changed; `STORE_POISONED`,
 * `STORE_FENCED`. A file that cannot be removed fails nothing: it goes when the store is opened next. */
export async function prunePartition(
  context: LogContext,
  target: PruneTarget,
  wish: { readonly rule: PruneRule; readonly dryRun: boolean },
): Promise<PrunedPartition> {
  const { partition } = target
  if (wish.dryRun) {
    const found = await find(context, target, wish.rule)
    if (found === undefined) return unchanged(target.row())
    return describe(context, partition, { ...found, files: await filesThatGo(context, partition, found) })
  }
  let report = unchanged(target.row())
  let files: readonly string[] = []
  await target.exclusively(async () => {
    if (isActiveTooOld(context, partition, wish.rule)) await target.roll()
    const found = await find(context, target, wish.rule)
    if (found === undefined) return
    const versions = await writeVersions(context, target, found.plan.logStartOffset)
    // Listed last: to keep the versions, term runs of the segments may have had to be made.
    files = (await filesThatGo(context, partition, found)).filter((file) => file !== versions)
    report = await describe(context, partition, { ...found, files })
    await raiseLogStart(context, target, { ...found, versions, removing: files })
  })
  if (files.length > 0) await removeFiles(context, { directory: partition.directory, files })
  return report
}

/** Whether a partition may have something to prune, as far as its manifest row says. Reads nothing. */
export function isPruneDue(context: LogContext, target: PruneTarget, rule: PruneRule): boolean {
  const facts = { now: context.clock.now(), end: target.partition.durable }
  const row = target.row()
  const [first] = row.segments
  const isUndated = first?.sealed !== undefined && first.sealed.recordedAt === undefined
  if (isUndated && rule.maxAgeMs !== undefined) return true
  return isActiveTooOld(context, target.partition, rule) || planPrune(row, rule, facts) !== undefined
}

function unchanged({ partition, logStartOffset }: PartitionRow): PrunedPartition {
  return {
    partition,
    logStartOffsetBefore: logStartOffset,
    logStartOffset,
    segments: 0,
    events: 0,
    sizeBytes: 0,
    sharedBytes: 0,
  }
}

function isActiveTooOld(context: LogContext, partition: Partition, { maxAgeMs }: PruneRule): boolean {
  const { lastRecordedAt, active, durable } = partition
  if (maxAgeMs === undefined || lastRecordedAt === undefined) return false
  return durable.offset > active.ref.baseOffset && lastRecordedAt < context.clock.now() - maxAgeMs
}

async function find(context: LogContext, target: PruneTarget, rule: PruneRule): Promise<Found | undefined> {
  const { partition } = target
  const now = context.clock.now()
  const row = await datedRow(partition, rolledRow(context, target, rule), { ...rule, now })
  const plan = planPrune(row, rule, { now, end: partition.durable })
  if (plan === undefined) return undefined
  return { row, plan }
}

async function describe(
  context: LogContext,
  { directory }: Partition,
  { row, plan, files }: Found & { readonly files: readonly string[] },
): Promise<PrunedPartition> {
  let sizeBytes = 0
  let sharedBytes = 0
  for (const file of files) {
    const space = await spaceOf(context, `${directory}/${file}`)
    if (space.isShared) sharedBytes += space.sizeBytes
    else sizeBytes += space.sizeBytes
  }
  const { logStartOffset, segments } = plan
  const before = row.logStartOffset
  return {
    partition: row.partition,
    logStartOffsetBefore: before,
    logStartOffset,
    segments,
    events: logStartOffset - before,
    sizeBytes,
    sharedBytes,
  }
}

/** The row as it would be after the roll that comes first when all of the active segment is too old. */
function rolledRow(context: LogContext, { partition, row }: PruneTarget, rule: PruneRule): PartitionRow {
  const now = row()
  const active = now.segments.at(-1)
  if (active === undefined || !isActiveTooOld(context, partition, rule)) return now
  const { position, offset } = partition.durable
  const { lastRecordedAt: recordedAt = 0 } = partition
  const seal = { endOffset: offset, endPosition: position, endHash: now.logStartHash, recordedAt }
  const next = { file: '', id: '', baseOffset: offset, hashBefore: now.logStartHash }
  return { ...now, segments: [...now.segments.slice(0, -1), { ...active, sealed: seal }, next] }
}

/** The row with the times of the first segments that may be too old, read where their seals do not say them. */
async function datedRow(
  partition: Partition,
  row: PartitionRow,
  { maxAgeMs, now }: PruneRule & { readonly now: number },
): Promise<PartitionRow> {
  if (maxAgeMs === undefined) return row
  const segments = [...row.segments]
  for (const [at, segment] of segments.entries()) {
    const { sealed, baseOffset } = segment
    if (sealed === undefined) break
    if (sealed.endOffset === baseOffset) continue
    const recordedAt = sealed.recordedAt ?? (await recordedBefore(partition, sealed.endOffset))
    if (recordedAt === undefined || recordedAt >= now - maxAgeMs) break
    segments[at] = { ...segment, sealed: { ...sealed, recordedAt } }
  }
  return { ...row, segments }
}

/** When the event before an offset was recorded; undefined when that cannot be read, and so is not known to be old. */
async function recordedBefore(partition: Partition, offset: number): Promise<number | undefined> {
  try {
    return (await partition.drive(partition.one(offset - 1)))?.recordedAt
  } catch (error) {
    if (isVarveError(error) && error.kind === 'corrupt') return undefined
    throw error
  }
}

/** The files in the directory of a partition that are of no use once a plan is carried out: those of its segments, what
 * interrupted rolls left below the new log start, merged runs of nothing else, and versions that are written anew. */
async function filesThatGo(context: LogContext, partition: Partition, { row, plan }: Found): Promise<string[]> {
  const dropped = row.segments.slice(0, plan.segments)
  const families = new Set(dropped.flatMap(familyOf))
  const sequence = (row.droppedSegments ?? 0) + plan.segments
  const goes = (name: string) => {
    if (isSegmentFamily(name)) return families.has(name) || baseOffsetOf(name) < plan.logStartOffset
    const run = mergedRun(name)
    return run === undefined ? isVersionsFile(name) : run.sequence + RUN_SEGMENTS ** run.level <= sequence
  }
  const listed = await context.storage.list(partition.directory)
  const found = listed.filter(({ name, kind }) => kind === 'file' && goes(name)).map(({ name }) => name)
  return [...new Set([...dropped.map(({ file }) => file), ...found])].filter((file) => file !== '')
}

function familyOf({ file }: SegmentRow): string[] {
  return [file, ...(['index', 'timeindex', 'terms'] as const).map((kind) => besideSegment(file, kind))]
}

/** @returns the name of the file with the versions of everything pruned; undefined when there are none to keep. */
async function writeVersions(
  context: LogContext,
  target: PruneTarget,
  logStartOffset: number,
): Promise<string | undefined> {
  const file = freeVersionsFile(context, target.partition.directory, logStartOffset)
  return (await writePrunedVersions(context, target, { file, logStartOffset })) ? file : undefined
}

async function raiseLogStart(
  context: LogContext,
  { partition, topicId, row: rowNow }: PruneTarget,
  raise: Found & { readonly versions: string | undefined; readonly removing: readonly string[] },
): Promise<void> {
  const { row, plan, versions, removing } = raise
  await context.commit({
    type: 'log-start-raised',
    topic: topicId,
    partition: row.partition,
    ...plan,
    ...(versions === undefined ? {} : { prunedVersions: versions }),
    removing,
  })
  partition.pruned(rowNow())
}

/** A name for the versions that is not about to be removed. What an interrupted pruning left under it is replaced. */
function freeVersionsFile(context: LogContext, directory: string, logStartOffset: number): string {
  for (let attempt = 0; ; attempt++) {
    const file = versionsFile(logStartOffset, attempt)
    if (!context.isLeaving(`${directory}/${file}`)) return file
  }
}
