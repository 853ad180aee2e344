/** Goal: no flipped bit gives a wrong answer, and every one is noticed.
 * Method: flip every bit of every file of a cleanly closed store with all kinds of files. Each flip of a derived file
 * opens the store read-only, verifies it and reads everything. For manifests and segments, which are most of the bytes,
 * each flip asks what guards the file, the scan of its frames or batches, and reads the events of the segment from a
 * store that is open already. Every 41st flip also opens the store whole, in turn read-only and for writing.
 * @module */
import { expect, test } from 'vitest'
import { nativeDigest } from '../../adapters/node/digest.ts'
import { scanFrames } from '../../src/manifest/frame.ts'
import { manifestEpoch, partitionDirectory, readManifest } from '../../src/manifest/index.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { drive, FilePool } from '../../src/segment/file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../../src/segment/header.ts'
import { scanBatches } from '../../src/segment/scan.ts'
import { type SegmentRef, segmentRef } from '../../src/segment/segment.ts'
import type { Store } from '../../src/store/types.ts'
import { bitSweep, type Observation } from '../faults/bit-sweep.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { plain } from '../support/scenario.ts'
import { openForTest } from './oracle.ts'
import { closedStore, observeWhole } from './whole.ts'

const WHOLE_EVERY = 41
const STRIDE = RUNTIME === 'node' ? 1 : 13
const FLIPS_FLOOR = RUNTIME === 'node' ? 190_000 : 14_000
const digest = nativeDigest(512)

type Observe = () => Promise<Observation>

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

async function guards(image: StoreImage): Promise<Map<string, Observe>> {
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

test('a store notices every flipped bit', { timeout: 240_000 }, async () => {
  const image = await closedStore()
  const guarded = await guards(image)
  const baseline = new Map<string, string>()
  let turn = 0
  let whole = 0
  const observe = async (path: string): Promise<Observation> => {
    const guard = guarded.get(path) ?? (() => observeWhole(image, true))
    const answers = baseline.get(path) ?? (await observeWhole(image, true)).answers
    const isFirst = !baseline.has(path)
    baseline.set(path, answers)
    if (!isFirst && ++turn % WHOLE_EVERY === 0) {
      whole++
      const isReader = turn % (2 * WHOLE_EVERY) === 0
      const seen = await observeWhole(image, isReader)
      if (seen.answers !== answers) return { ...seen, answers: 'the whole store answers otherwise' }
      // A writer may remove the file, or have no reason to read it.
      if (isReader && seen.found.length === 0) return { ...seen, answers: 'the whole store notices nothing' }
    }
    return guard()
  }
  const report = await bitSweep({ image, observe, stride: STRIDE })
  const kinds = [...new Set([...image.keys()].map((path) => path.replace(/.*[./]|-\d+$/g, '')))].join(' ')
  const counts = `${report.flips} bits of ${image.size} files (${kinds}), ${whole} opened whole`
  console.log(`flipped on ${RUNTIME}: ${counts}`)
  expect(report.failures).toEqual([])
  expect(report.unchangedAt).toEqual(new Map())
  expect(report.flips).toBeGreaterThanOrEqual(FLIPS_FLOOR)
})
