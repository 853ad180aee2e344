/** A topic with segments smaller than the smallest that callers may ask for, so that a short test rolls often.
 * @module */

import { acquire, nextHeadSlot, nextTopicId, partitionDirectory } from '../../src/manifest/index.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { type Random, randomId } from '../../src/ports/random.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { encodeSegmentHeader, segmentFeatures } from '../../src/segment/header.ts'
import { segmentFile } from '../../src/segment/names.ts'

export interface SmallTopic {
  readonly name: string
  readonly partitions: number
  readonly segmentBytes: number
  readonly compression?: 'deflate'
  readonly chain?: 'events'
}

const NO_HASH = '0'.repeat(64)

/** Create the store if need be, and in it the topic, as the product does: files, syncs, manifest record. */
export async function createSmallTopic(
  place: { storage: Storage; clock: Clock; random: Random },
  topic: SmallTopic,
): Promise<void> {
  const { storage, clock, random } = place
  const { name, partitions: _, ...more } = topic
  const features = segmentFeatures(more)
  const { manifest } = await acquire({ ...place, takeOver: false, lockTimeoutMs: 0 })
  try {
    const lineage = randomId(random, 12)
    const headSlot = nextHeadSlot(manifest.state)
    const partitions = []
    for (let partition = 0; partition < topic.partitions; partition++) {
      const directory = partitionDirectory(topic.name, partition)
      const file = segmentFile(0, 0)
      const id = Array.from(random.bytes(8), (byte) => byte.toString(16).padStart(2, '0')).join('')
      const facts = { partition, lineage, baseOffset: 0, hashBefore: NO_HASH }
      const handle = await storage.createExclusive(`${directory}/${file}`)
      try {
        const header = { ...facts, features, id, epoch: manifest.epoch, createdAt: clock.now() }
        await handle.append(encodeSegmentHeader(header, storage.digest))
        await handle.sync()
        await storage.syncDirectory(directory)
      } finally {
        await handle.close()
      }
      const segments = [{ file, id, baseOffset: 0, hashBefore: NO_HASH, ...(features === 0 ? {} : { features }) }]
      partitions.push({ partition, headSlot: headSlot + partition, logStartOffset: 0, logStartHash: NO_HASH, segments })
    }
    const options = { partitions: topic.partitions, ...more, partitioner: 1 as const }
    const row = {
      name,
      id: nextTopicId(manifest.state),
      lineage,
      createdAt: clock.now(),
      options,
      partitions,
    }
    await manifest.append({ type: 'topic-created', topic: row })
  } finally {
    await manifest.close()
  }
}
