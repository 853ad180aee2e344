/** Making the files of a new topic.
 * @module */
import { VarveError } from '../errors.ts'
import {
  type ManifestState,
  nextHeadSlot,
  nextTopicId,
  type PartitionRow,
  partitionDirectory,
  type TopicRow,
  type TopicRowOptions,
} from '../manifest/index.ts'
import { randomId } from '../ports/random.ts'
import { segmentFeatures } from '../segment/header.ts'
import type { LogContext } from '../topic/context.ts'
import { createSegment, type FreshSegment } from '../topic/roll.ts'

const LINEAGE_CHARACTERS = 12
const NO_HASH = '0'.repeat(64)

/** Make the first segment of each partition, durably. The topic exists once its row is committed; a crash before leaves
 * stray files. @throws {VarveError} `NAME_INVALID`, `STORE_POISONED`, and what the storage throws. */
export async function createTopic(
  context: LogContext,
  state: ManifestState,
  topic: { readonly name: string; readonly options: TopicRowOptions },
): Promise<TopicRow> {
  const { name, options } = topic
  if (context.health.failure !== undefined) throw context.health.failure
  checkSpelling(state, name)
  const lineage = randomId(context.random, LINEAGE_CHARACTERS)
  const headSlot = nextHeadSlot(state)
  const partitions: PartitionRow[] = []
  for (let partition = 0; partition < options.partitions; partition++) {
    const directory = partitionDirectory(name, partition)
    const facts = { partition, lineage, baseOffset: 0, hashBefore: NO_HASH, features: segmentFeatures(options) }
    const fresh: FreshSegment = await createSegment(context, directory, facts)
    try {
      await fresh.handle.sync()
      await context.storage.syncDirectory(directory)
    } catch (error) {
      throw context.health.poison(error)
    } finally {
      await fresh.handle.close()
    }
    const segments = [fresh.row]
    partitions.push({ partition, headSlot: headSlot + partition, logStartOffset: 0, logStartHash: NO_HASH, segments })
  }
  return { name, id: nextTopicId(state), lineage, createdAt: context.clock.now(), options, partitions }
}

/** Names that differ only in case would share files on some systems. @throws {VarveError} `NAME_INVALID`. */
export function checkSpelling({ topics }: ManifestState, name: string): void {
  const folded = topics.find((other) => other.name.toLowerCase() === name.toLowerCase())
  if (folded === undefined) return
  throw new VarveError('NAME_INVALID', `Cannot create topic "${name}": "${folded.name}" differs only in case`, {
    details: { name, other: folded.name },
  })
}
