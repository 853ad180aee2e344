/** From one segment to the next.
 *
 * 1. Create the file under its own name and write the header. A crash leaves a stray file, which is ignored.
 * 2. Sync the file, then its directory: from here on bytes in it can be acknowledged.
 * 3. One manifest record seals the old segment and adds the new one: the commit point.
 * 4. Write the derived files of the sealed segment and remove the checkpoint of its tail. A crash costs time only.
 * @module */
import { toHex } from '../codec/bytes.ts'
import { isVarveError } from '../errors.ts'
import type { Seal, SegmentRow } from '../manifest/index.ts'
import type { WriteHandle } from '../ports/storage.ts'
import { encodeSegmentHeader } from '../segment/header.ts'
import { besideSegment, segmentFile } from '../segment/names.ts'
import { encodeOffsetIndex, encodeTimeIndex, type SealFacts, type SparseIndex } from '../segment/sparse-index.ts'
import type { LogContext } from './context.ts'
import { writeDerived } from './derived.ts'
import type { Partition } from './partition.ts'

/** A new segment file: header written and synced, name durable, not yet in the manifest. */
export interface FreshSegment {
  readonly row: SegmentRow
  readonly handle: WriteHandle
}

/** What making the file of a segment needs of the store that it is for. */
export type SegmentMaker = Pick<
  LogContext,
  'storage' | 'digest' | 'clock' | 'random' | 'epoch' | 'isFenced' | 'isLeaving' | 'diagnose'
>

const NAME_ATTEMPTS = 1_000

/** Create the file of a new segment in `directory` and write its header. Nothing is synced. */
export async function createSegment(
  context: SegmentMaker,
  directory: string,
  facts: { partition: number; lineage: string; baseOffset: number; hashBefore: string; features: number },
): Promise<FreshSegment> {
  const { file, handle } = await createUnderFreeName(context, directory, facts.baseOffset)
  const id = toHex(context.random.bytes(8))
  const header = { ...facts, id, epoch: context.epoch, createdAt: context.clock.now() }
  try {
    await handle.append(encodeSegmentHeader(header, context.digest))
  } catch (error) {
    await discard(context, `${directory}/${file}`, handle)
    throw error
  }
  const { baseOffset, hashBefore, features } = facts
  return { row: { file, id, baseOffset, hashBefore, ...(features === 0 ? {} : { features }) }, handle }
}

/** A name may be taken by the leftover of a crash, by a segment whose bytes recovery left behind, or by one that is
 * about to be removed. */
async function createUnderFreeName(
  context: SegmentMaker,
  directory: string,
  baseOffset: number,
): Promise<{ file: string; handle: WriteHandle }> {
  for (let attempt = 0; ; attempt++) {
    const file = segmentFile(baseOffset, attempt)
    if (context.isLeaving(`${directory}/${file}`)) continue
    try {
      return { file, handle: await context.storage.createExclusive(`${directory}/${file}`) }
    } catch (error) {
      if (!isVarveError(error, 'FILE_EXISTS') || attempt >= NAME_ATTEMPTS) throw error
    }
  }
}

/** Remove a file that never became part of the store. Best effort: a leftover is ignored. */
async function discard(context: SegmentMaker, path: string, handle: WriteHandle): Promise<void> {
  try {
    await handle.close()
    if (!(await context.isFenced())) await context.storage.remove(path)
  } catch {
    context.diagnose('FILE_LEFT', `Left "${path}" behind`, { file: path })
  }
}

/** Seal the active segment of a partition and make the next one active.
 * @throws what the storage throws: then nothing has changed. A failed sync poisons the store. */
export async function openNextSegment(
  context: LogContext,
  partition: Partition,
  facts: { topicId: number; lineage: string; seal: Seal; features: number },
): Promise<FreshSegment> {
  const { ref } = partition.active
  // Before anything is changed: after the commit nothing may fail any more.
  const index = await partition.drive(partition.indexOfActive())
  const highestAt = index.highestAt.at(-1)
  const seal = highestAt === undefined ? facts.seal : { ...facts.seal, highestAt }
  const fresh = await createSegment(context, partition.directory, {
    partition: partition.partition,
    lineage: facts.lineage,
    baseOffset: seal.endOffset,
    hashBefore: seal.endHash,
    features: facts.features,
  })
  await commitSegment(context, partition.directory, fresh, async () => {
    const { row } = fresh
    await context.commit({
      type: 'segment-added',
      topic: facts.topicId,
      partition: partition.partition,
      seal,
      segment: row,
    })
  })
  partition.rolled(seal, fresh.row)
  await writeIndexes(context, ref.path, { index, seal: { id: ref.id, baseOffset: ref.baseOffset, ...seal } })
  return fresh
}

/** Make a fresh segment durable, then commit it. */
export async function commitSegment(
  context: LogContext,
  directory: string,
  fresh: FreshSegment,
  commit: () => Promise<void>,
): Promise<void> {
  const path = `${directory}/${fresh.row.file}`
  try {
    await fresh.handle.sync()
    await context.storage.syncDirectory(directory)
  } catch (error) {
    await discard(context, path, fresh.handle)
    throw context.health.poison(error)
  }
  try {
    await commit()
  } catch (error) {
    // The record may be in the manifest although its commit failed: the file stays.
    await fresh.handle.close().catch(() => undefined)
    throw error
  }
}

/** Write `.index` and `.timeindex` beside a sealed segment. Derived: a failure is reported, never thrown. */
export async function writeIndexes(
  context: LogContext,
  segmentPath: string,
  facts: { index: SparseIndex; seal: SealFacts },
): Promise<void> {
  const { index, seal } = facts
  const { digest } = context
  const beside = (kind: 'index' | 'timeindex') => ({ path: besideSegment(segmentPath, kind), durable: false })
  await writeDerived(context, beside('index'), encodeOffsetIndex(index, seal, digest))
  await writeDerived(context, beside('timeindex'), encodeTimeIndex(index, seal, digest))
}
