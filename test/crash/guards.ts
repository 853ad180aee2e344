/** What guards the bytes of a file, asked directly: much faster than opening the store, and sharper.
 * @module */
import { nativeDigest } from '../../adapters/node/digest.ts'
import { PageCache } from '../../src/index/page-cache.ts'
import { checkRun, openRun } from '../../src/index/term-run.ts'
import { scanFrames } from '../../src/manifest/frame.ts'
import { manifestEpoch, partitionDirectory, readManifest } from '../../src/manifest/index.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { drive, FilePool } from '../../src/segment/file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../../src/segment/header.ts'
import { scanBatches } from '../../src/segment/scan.ts'
import { type SegmentRef, segmentRef } from '../../src/segment/segment.ts'
import type { Store } from '../../src/store/types.ts'
import type { Observation } from '../faults/bit-sweep.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { plain } from '../support/scenario.ts'
import { openForTest } from './oracle.ts'

const digest = nativeDigest(512)

export type Observe = () => Promise<Observation>

/** What guards a manifest: the scan of its frames. */
function guardOfManifest(image: StoreImage, path: string): Observe {
  const bytes = image.get(path) ?? new Uint8Array()
  return async () => {
    const { tail } = scanFrames(bytes, manifestEpoch(path) ?? 0, digest)
    return { answers: '', found: tail === 'clean' ? [] : [tail] }
  }
}

/** What guards a segment: its header's checksum and the scan of its batches; and what a reader gets. */
function guardOfSegment(image: StoreImage, segment: GuardedSegment, store: Store): Observe {
  const bytes = image.get(segment.ref.path) ?? new Uint8Array()
  const pool = new FilePool(imageStorage(image), systemClock)
  const start = { position: SEGMENT_HEADER_BYTES, offset: segment.ref.baseOffset, hash: segment.hashBefore }
  return async () => {
    const topic = await store.topics.open(segment.topic)
    const { partition } = segment
    const range = { partition, from: segment.ref.baseOffset, to: segment.endOffset }
    const answers: string[] = []
    for await (const events of topic.read(range).batches()) answers.push(plain(events))
    decodeSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_BYTES), segment.ref.path, digest)
    const options = { digest, endPosition: bytes.length, onBatch: () => {} }
    const { problem } = await drive(scanBatches(segment.ref, start, options), pool)
    return { answers: answers.join(), found: problem === undefined ? [] : [problem] }
  }
}

interface GuardedSegment {
  readonly ref: SegmentRef
  readonly topic: string
  readonly partition: number
  readonly hashBefore: string
  readonly endOffset: number
}

/** The guards of all manifests and segments of a store. */
export async function guards(image: StoreImage): Promise<Map<string, Observe>> {
  const found = new Map<string, Observe>()
  for (const path of image.keys()) if (manifestEpoch(path) !== undefined) found.set(path, guardOfManifest(image, path))
  const store = await openForTest(imageStorage(image), { readOnly: true })
  const view = await readManifest(imageStorage(image))
  for (const topic of view?.state.topics ?? []) {
    for (const { partition, segments, proven } of topic.partitions) {
      for (const row of segments) {
        const ref = segmentRef(partitionDirectory(topic.name, partition), row, { partition, digest })
        const endOffset = row.sealed?.endOffset ?? proven?.offset ?? row.baseOffset
        const segment = { ref, topic: topic.name, partition, hashBefore: row.hashBefore, endOffset }
        found.set(ref.path, guardOfSegment(image, segment, store))
      }
    }
  }
  return found
}

/** What guards a term run, or a file of versions: the checksums of its pages. */
export function guardOfRun(image: StoreImage, path: string): Observe {
  const storage = imageStorage(image)
  return async () => {
    // A pool of its own, because pages must be read anew.
    const pool = new FilePool(storage, systemClock)
    const run = await drive(openRun(path, {}, { digest, cache: new PageCache(0) }), pool)
    await drive(checkRun(run), pool)
    await pool.forget(path)
    return { answers: '', found: [] }
  }
}
