/** Checking the truth of a store at rest before it is believed: every byte that the state names, against the checksums
 * and hashes that it names. What is derived is not looked at, nor is any value of an event decoded.
 * @module */

import { verifyDocumentFile } from '../../document/check/verify.ts'
import { isVarveError } from '../../errors.ts'
import { GroupFile } from '../../history/group/group-file.ts'
import { verifyGroup } from '../../history/group/verify.ts'
import { PageCache } from '../../index/page-cache.ts'
import { readPages } from '../../index/term-cursor.ts'
import { PAGE_BYTES, runRefused } from '../../index/term-format.ts'
import { openRun } from '../../index/term-run.ts'
import {
  type DocumentRow,
  type GroupRow,
  lineageAt,
  type ManifestState,
  type PartitionRow,
  partitionDirectory,
  type SegmentRow,
  type TopicRow,
} from '../../manifest/index.ts'
import { DOCUMENT_FILES, HISTORY_FILES } from '../../manifest/stored-paths.ts'
import { nextTurn, systemClock } from '../../ports/clock.ts'
import type { Storage } from '../../ports/storage.ts'
import { drive, FilePool, type Reading } from '../../segment/file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../../segment/header.ts'
import { type ScanResult, scanBatches, type UnhashedBatch } from '../../segment/scan.ts'
import { type SegmentRef, segmentRef } from '../../segment/segment.ts'
import { prunedIdentity } from '../../topic/pruned-versions.ts'
import { truthFiles } from '../files/state-files.ts'
import { segmentEnd } from '../fork/cut-partition.ts'
import type { CheckOptions } from '../host.ts'
import type { SnapshotReport } from '../types.ts'
import { HashesBeside } from './hashes-beside.ts'
import { AheadFile } from './read-ahead.ts'

type Problem = SnapshotReport['problems'][number]

export interface CheckTruthOptions extends CheckOptions {
  /** Which files, by their paths; default all. */
  readonly only?: (path: string) => boolean
}

export interface TruthReport {
  readonly bytesChecked: number
  readonly filesChecked: number
  readonly events: number
  readonly problems: readonly Problem[]
}

/** Check every file that a state names.
 * Cost: reads each once; one SHA-256 over each byte of segments, beside the reading where batches are large; a CRC-32
 * besides where they are small.
 * @returns damage as problems. @throws the reason of the signal, and what the storage throws that may pass. */
export async function checkTruth(
  storage: Storage,
  state: ManifestState,
  options: CheckTruthOptions,
): Promise<TruthReport> {
  const check = new TruthCheck(storage, state, options)
  try {
    return await check.run()
  } finally {
    await check.close()
  }
}

class TruthCheck {
  readonly #storage: Storage
  readonly #state: ManifestState
  readonly #options: CheckTruthOptions
  readonly #pool: FilePool
  readonly #problems: Problem[] = []
  #totalBytes = 0
  /** Of files that are done, and of the one that is being checked. */
  #doneBytes = 0
  #reachedBytes = 0
  #filesChecked = 0
  #events = 0

  constructor(storage: Storage, state: ManifestState, options: CheckTruthOptions) {
    this.#storage = storage
    this.#state = state
    this.#options = options
    this.#pool = new FilePool(storage, systemClock)
  }

  async run(): Promise<TruthReport> {
    const { topics, documents = [], histories = [] } = this.#state
    for (const { path, sizeBytes } of truthFiles(this.#state)) if (this.#isWanted(path)) this.#totalBytes += sizeBytes
    for (const topic of topics) for (const row of topic.partitions) await this.#partition(topic, row)
    for (const row of documents) await this.#document(row)
    for (const { name, groups } of histories) for (const row of groups) await this.#group(name, row)
    this.#tell('')
    const counts = { bytesChecked: this.#doneBytes, filesChecked: this.#filesChecked, events: this.#events }
    return { ...counts, problems: this.#problems }
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  #isWanted(path: string): boolean {
    return this.#options.only?.(path) ?? true
  }

  #tell(file: string): void {
    const doneBytes = this.#doneBytes + this.#reachedBytes
    this.#options.onProgress?.({ step: 'verify', doneBytes, totalBytes: this.#totalBytes, file })
  }

  #reached(path: string, bytes: number): void {
    this.#options.signal?.throwIfAborted()
    this.#reachedBytes = bytes
    this.#tell(path)
  }

  /** Check one file: what it throws for damage becomes a problem. */
  async #file(path: string, sizeBytes: number, check: () => Promise<void>): Promise<void> {
    if (!this.#isWanted(path)) return
    this.#filesChecked++
    this.#reached(path, 0)
    try {
      await check()
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (!isVarveError(error) || error.retryable || error.kind === 'closed') throw error
      const isMissing = error.code === 'FILE_MISSING' && path.endsWith('.log')
      this.#problems.push({ code: isMissing ? 'SEGMENT_MISSING' : error.code, file: path, message: error.message })
    }
    this.#doneBytes += sizeBytes
    this.#reachedBytes = 0
    await nextTurn()
  }

  #damaged(code: string, file: string, reason: string): void {
    this.#problems.push({ code, file, message: `Cannot use "${file}": ${reason}` })
  }

  async #partition(topic: TopicRow, row: PartitionRow): Promise<void> {
    const directory = partitionDirectory(topic.name, row.partition)
    for (const segment of row.segments) {
      const lineage = lineageAt(topic, row.partition, segment.baseOffset)
      const { position } = segmentEnd(row, segment)
      const ref = segmentRef(directory, segment, { partition: row.partition, digest: this.#storage.digest })
      await this.#file(ref.path, position, () => this.#segment(ref, { row, segment, lineage }))
    }
    const { prunedVersions, logStartOffset } = row
    if (prunedVersions === undefined) return
    const path = `${directory}/${prunedVersions}`
    await this.#file(path, 0, async () => {
      try {
        await drive(this.#versions(path, logStartOffset), this.#pool)
      } catch (error) {
        if (!isVarveError(error, 'DECODE_FAILED') && !isVarveError(error, 'FILE_MISSING')) throw error
        this.#damaged('VERSIONS_DAMAGED', path, error.message)
      }
    })
  }

  async #segment(ref: SegmentRef, facts: { row: PartitionRow; segment: SegmentRow; lineage: string }): Promise<void> {
    const { row, segment, lineage } = facts
    const { path } = ref
    const end = segmentEnd(row, segment)
    const file = await AheadFile.open(this.#storage, path)
    try {
      const size = file.sizeBytes
      if (size < end.position) {
        this.#damaged('SEGMENT_DAMAGED', path, `it ends at ${size}, before its durable end at ${end.position}`)
        return
      }
      const foreign = differs(await file.read(0, SEGMENT_HEADER_BYTES), ref, { lineage, digest: this.#storage.digest })
      if (foreign !== undefined) {
        this.#damaged('SEGMENT_FOREIGN', path, foreign)
        return
      }
      const hashes = new HashesBeside()
      const found = await file.drive(this.#scan(ref, end.position, hashes), (position) => {
        this.#reached(path, position)
        return hashes.room()
      })
      const wrong = await hashes.finish()
      const { position, offset, hash } = { ...found.end, ...wrong }
      const problem = wrong === undefined ? found.problem : 'the chain hash differs'
      this.#events += Math.max(0, offset - ref.baseOffset)
      if (problem !== undefined) {
        this.#damaged('SEGMENT_DAMAGED', path, `at position ${position} ${problem}`)
      } else if (position !== end.position || offset !== end.offset || hash !== end.hash) {
        this.#damaged('SEGMENT_DAMAGED', path, 'it does not end where and with the hash that the manifest says')
      }
    } finally {
      await file.close()
    }
  }

  #scan(ref: SegmentRef, endPosition: number, hashes: HashesBeside): Reading<ScanResult> {
    const start = { position: SEGMENT_HEADER_BYTES, offset: ref.baseOffset, hash: ref.hashBefore }
    const beside = (batch: UnhashedBatch) => hashes.take(batch)
    return scanBatches(ref, start, { digest: this.#storage.digest, endPosition, onBatch: () => undefined, beside })
  }

  /** Check every page of the versions of pruned entities. */
  *#versions(path: string, logStartOffset: number): Reading<void> {
    const tools = { digest: this.#storage.digest, cache: new PageCache(PAGE_BYTES) }
    const run = yield* openRun(path, prunedIdentity(logStartOffset), tools)
    const pages = run.filter + run.sizes.filterPages
    for (let page = 1; page < pages; ) page += (yield* readPages(run, page, pages)).length
    const behind = yield { path, position: pages * PAGE_BYTES, length: 1 }
    if (behind.length > 0) throw runRefused(path, `it has more than ${pages} pages`)
  }

  #document(row: DocumentRow): Promise<void> {
    const { name, id, sizeBytes, version, indexBytes, writtenAt } = row
    const path = DOCUMENT_FILES.path(name, id)
    return this.#file(path, sizeBytes, async () => {
      const stat = { name, version, sizeBytes, indexBytes, writtenAt }
      const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => this.#reached(path, doneBytes)
      const parts = { storage: this.#storage, clock: systemClock, path, stat, id }
      const { problems } = await verifyDocumentFile(parts, { onProgress })
      for (const { code, message } of problems) this.#problems.push({ code, file: path, message })
    })
  }

  #group(history: string, row: GroupRow): Promise<void> {
    const path = HISTORY_FILES.path(history, row.file)
    return this.#file(path, row.endBytes, async () => {
      const { storeId } = this.#state
      const place = { storage: this.#storage, clock: systemClock, history, path, storeId, id: row.id }
      const file = await GroupFile.open(place, row)
      try {
        const { digest } = this.#storage
        const reached = async (bytes: number) => this.#reached(path, bytes)
        const { problems } = await verifyGroup(file, row, { digest, reached })
        for (const { code, message } of problems) this.#problems.push({ code, file: path, message })
      } finally {
        await file.close()
      }
    })
  }
}

/** How the header of a segment is not the one that the manifest means; undefined when it is. */
function differs(
  bytes: Uint8Array,
  ref: SegmentRef,
  { lineage, digest }: { lineage: string; digest: Storage['digest'] },
): string | undefined {
  const header = decodeSegmentHeader(bytes, ref.path, digest)
  const isSame =
    header.id === ref.id &&
    header.baseOffset === ref.baseOffset &&
    header.hashBefore === ref.hashBefore &&
    header.partition === ref.partition &&
    header.lineage === lineage
  return isSame ? undefined : `its header is that of segment ${header.id}, or of another topic, partition or place`
}
