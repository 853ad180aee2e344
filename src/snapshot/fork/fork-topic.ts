/** Taking a topic over: its files under the name of another topic, and a row that says so.
 *
 * The segments are linked, or copied where that cannot be, and the last of them is sealed where the log is cut; behind
 * it each partition goes on in a segment of its own, with a lineage of its own. What is derived from whole segments
 * goes along. Nothing of the source changes, and nothing exists before somebody commits the row.
 * @module */
import { segmentSeed } from '../../codec/batch-header.ts'
import { fromHex } from '../../codec/bytes.ts'
import {
  type AncestorRow,
  emptyState,
  lineageAt,
  type PartitionRow,
  type ProvenEnd,
  partitionDirectory,
  type SegmentRow,
  type TopicRow,
} from '../../manifest/index.ts'
import { randomId } from '../../ports/random.ts'
import { drive, FilePool } from '../../segment/file-pool.ts'
import { FEATURE_DEFLATE, SEGMENT_HEADER_BYTES, segmentFeatures } from '../../segment/header.ts'
import { rebuildIndex } from '../../segment/load-index.ts'
import { besideSegment, segmentFile, versionsFile } from '../../segment/names.ts'
import { encodeOffsetIndex, encodeTimeIndex } from '../../segment/sparse-index.ts'
import { createSegment, type FreshSegment, type SegmentMaker } from '../../topic/roll.ts'
import { type DerivedFile, derivedFiles } from '../files/state-files.ts'
import { type TransferFile, transfer } from '../files/transfer.ts'
import type { SourceTopic, TakeOver } from '../host.ts'
import { cutPartition, type PartitionCut, refOf } from './cut-partition.ts'
import { FreeNames } from './free-names.ts'
import { removeMade } from './made-files.ts'
import { encodeSplit, readSplit, type SplitRows } from './split-batch.ts'

export type { SegmentMaker } from '../../topic/roll.ts'
export { removeMade } from './made-files.ts'

const LINEAGE_CHARACTERS = 12

/** What the new topic is called, and what is free for it. */
export interface ForkTarget {
  readonly name: string
  readonly id: number
  /** The first of as many as there are partitions. */
  readonly headSlot: number
  readonly plan: TakeOver
}

export interface ForkedTopic {
  /** To be committed: every file that it names is durable. */
  readonly row: TopicRow
  readonly events: number
  readonly filesLinked: number
  readonly filesCopied: number
  readonly bytesCopied: number
  /** Paths of all files made, to be removed if the row is not committed. */
  readonly files: readonly string[]
}

/** Make the files of a topic that has the events of another one.
 * Cost: a link for each file; an active segment that somebody writes to is copied up to its end, and of a batch in
 * which the log is cut the first events are written again.
 * @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`, `STORAGE_FULL`, and what the storages throw, or the reason
 * of the signal. Then nothing is left behind. */
export async function forkTopic(maker: SegmentMaker, source: SourceTopic, as: ForkTarget): Promise<ForkedTopic> {
  const fork = new Fork(maker, source, as)
  try {
    return await fork.run()
  } catch (error) {
    await removeMade(maker, fork.files, fork.directories)
    throw error
  } finally {
    // Only read through them: nothing is lost, and what was made must not be left for that.
    await fork.close().catch(() => undefined)
  }
}

/** A partition on its way. */
interface ForkedPartition {
  readonly row: PartitionRow
  readonly cut: PartitionCut
  /** Read before anything is written. */
  readonly split: SplitRows | undefined
}

class Fork {
  /** Everything that was made, or is about to be. */
  readonly files: string[] = []
  readonly #maker: SegmentMaker
  readonly #source: SourceTopic
  readonly #as: ForkTarget
  readonly #pool: FilePool
  readonly #lineage: string

  constructor(maker: SegmentMaker, source: SourceTopic, as: ForkTarget) {
    this.#maker = maker
    this.#source = source
    this.#as = as
    this.#pool = new FilePool(source.storage, maker.clock)
    this.#lineage = randomId(maker.random, LINEAGE_CHARACTERS)
  }

  /** Where files may have been made. */
  get directories(): string[] {
    return this.#source.row.partitions.map(({ partition }) => partitionDirectory(this.#as.name, partition))
  }

  async run(): Promise<ForkedTopic> {
    const { storage } = this.#maker
    const { signal, onProgress, ends } = this.#as.plan
    const forked: ForkedPartition[] = []
    for (const row of this.#source.row.partitions) forked.push(await this.#cut(row, ends[row.partition]))
    const derived = await this.#derived(forked)
    const transfers: TransferFile[] = []
    const named: PartitionRow[] = []
    for (const partition of forked) {
      const { row, files } = await this.#name(partition, derived)
      named.push(row)
      transfers.push(...files)
    }
    const isStopped = () => this.#maker.isFenced()
    this.files.push(...transfers.map(({ to }) => to))
    const sums = await transfer({ from: this.#source.storage, to: storage }, transfers, {
      signal,
      onProgress,
      isStopped,
    })
    for (const [at, partition] of forked.entries()) await this.#index(partition, named[at] as PartitionRow)
    const begun = await Promise.allSettled(forked.map((one, at) => this.#begin(one, named[at] as PartitionRow)))
    const partitions = begun.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    // Whoever gave it up is told so, and then there must be nothing of it.
    signal?.throwIfAborted()
    const row = { ...this.#source.row, ...this.#identity(forked), partitions }
    const events = forked.reduce((sum, { row, cut }) => sum + cut.endOffset - row.logStartOffset, 0)
    return { row, events, ...sums, files: this.files }
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #cut(row: PartitionRow, end: number | undefined): Promise<ForkedPartition> {
    this.#as.plan.signal?.throwIfAborted()
    const { digest, row: topic } = { ...this.#source, digest: this.#maker.digest }
    const source = { row, directory: partitionDirectory(topic.name, row.partition), digest }
    const cut = await drive(cutPartition(source, end), this.#pool)
    if (cut.split === undefined) return { row, cut, split: undefined }
    const lineage = lineageAt(topic, row.partition, cut.split.segment.baseOffset)
    const split = await drive(readSplit(cut.split, { endOffset: cut.endOffset, lineage, digest }), this.#pool)
    return { row, cut, split }
  }

  /** What is derived from segments that are as they were. */
  #derived(forked: readonly ForkedPartition[]): Promise<DerivedFile[]> {
    const partitions = forked.map(({ row, cut }) => {
      const { proven: _, ...rest } = row
      return { ...rest, segments: cut.segments.slice(0, cut.whole) }
    })
    const topics = [{ ...this.#source.row, partitions }]
    return derivedFiles(this.#source.storage, { ...emptyState('', 0), topics })
  }

  /** Find names in the directory of the new topic, where files may wait to be removed. */
  async #name(
    { row, cut }: ForkedPartition,
    derived: readonly DerivedFile[],
  ): Promise<{ row: PartitionRow; files: TransferFile[] }> {
    const { partition, prunedVersions } = row
    const from = partitionDirectory(this.#source.row.name, partition)
    const to = partitionDirectory(this.#as.name, partition)
    const names = new FreeNames(this.#maker, to, await this.#maker.storage.list(to))
    const files: TransferFile[] = []
    const beside = new Map<string, string>()
    const segments = cut.segments.map((segment): SegmentRow => {
      const { file, baseOffset, sealed } = segment
      const name = names.take(file, (attempt) => segmentFile(baseOffset, attempt))
      for (const kind of ['index', 'timeindex', 'terms'] as const)
        beside.set(`${from}/${besideSegment(file, kind)}`, besideSegment(name, kind))
      const isWritten = row.segments.at(-1)?.id === segment.id && row.segments.at(-1)?.sealed === undefined
      const copy = isWritten && !this.#source.isAtRest ? { copyBytes: sealed.endPosition } : {}
      files.push({ from: `${from}/${file}`, to: `${to}/${name}`, sizeBytes: sealed.endPosition, ...copy })
      return { ...segment, file: name }
    })
    const { proven: _, ...rest } = row
    let named: PartitionRow = { ...rest, headSlot: this.#as.headSlot + partition, segments }
    if (prunedVersions !== undefined) {
      const name = names.take(prunedVersions, (attempt) => versionsFile(row.logStartOffset, attempt))
      files.push({ from: `${from}/${prunedVersions}`, to: `${to}/${name}` })
      named = { ...named, prunedVersions: name }
    }
    for (const { path } of derived) {
      if (!path.startsWith(`${from}/`)) continue
      const name = beside.get(path) ?? path.slice(from.length + 1)
      // Where another file has the name of a merged run, the run is made again.
      if (names.has(name)) continue
      files.push({ from: path, to: `${to}/${name}`, optional: true })
    }
    return { row: named, files }
  }

  /** Write the indexes of a segment that ends elsewhere than in the source. Derived: a failure is reported. */
  async #index({ row, cut }: ForkedPartition, named: PartitionRow): Promise<void> {
    const { digest } = this.#maker
    const source = { row, directory: partitionDirectory(this.#source.row.name, row.partition), digest }
    for (let at = cut.whole; at < cut.segments.length; at++) {
      const { file } = named.segments[at] as SegmentRow
      const segment = cut.segments[at] as PartitionCut['segments'][number]
      const path = `${partitionDirectory(this.#as.name, row.partition)}/${file}`
      try {
        const index = await drive(rebuildIndex(refOf(source, segment), segment.sealed.endPosition, digest), this.#pool)
        const seal = { id: segment.id, baseOffset: segment.baseOffset, ...segment.sealed }
        await this.#write(besideSegment(path, 'index'), encodeOffsetIndex(index, seal, digest))
        await this.#write(besideSegment(path, 'timeindex'), encodeTimeIndex(index, seal, digest))
      } catch (error) {
        // A full disk or a fence is met again by what has to be written.
        this.#maker.diagnose('DERIVED_NOT_WRITTEN', `Did not write the indexes of "${path}"`, {
          file: path,
          reason: String(error),
        })
      }
    }
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    this.files.push(path)
    const handle = await this.#maker.storage.createExclusive(path)
    try {
      await handle.append(bytes)
    } finally {
      await handle.close()
    }
  }

  /** Make the segment in which a partition goes on. */
  async #begin({ cut, split }: ForkedPartition, row: PartitionRow): Promise<PartitionRow> {
    const { options } = this.#source.row
    const directory = partitionDirectory(this.#as.name, row.partition)
    const fresh = await createSegment(this.#maker, directory, {
      partition: row.partition,
      lineage: this.#lineage,
      baseOffset: cut.end.offset,
      hashBefore: cut.end.hash,
      features: segmentFeatures(options),
    })
    this.files.push(`${directory}/${fresh.row.file}`)
    try {
      const proven = await this.#writeSplit(fresh, split, { row, hashBefore: cut.end.hash })
      await fresh.handle.sync()
      await this.#maker.storage.syncDirectory(directory)
      return { ...row, segments: [...row.segments, fresh.row], proven }
    } finally {
      await fresh.handle.close()
    }
  }

  async #writeSplit(
    fresh: FreshSegment,
    split: SplitRows | undefined,
    { row, hashBefore }: { row: PartitionRow; hashBefore: string },
  ): Promise<ProvenEnd> {
    if (split === undefined) return { position: SEGMENT_HEADER_BYTES, offset: fresh.row.baseOffset, hash: hashBefore }
    const { storage, digest, epoch } = this.#maker
    const features = fresh.row.features ?? 0
    const { bytes, end } = await encodeSplit(split, {
      storage,
      partition: row.partition,
      lineage: this.#lineage,
      seed: segmentSeed(fromHex(fresh.row.id), digest),
      epoch,
      chain: this.#source.row.options.chain,
      deflate: (features & FEATURE_DEFLATE) !== 0,
      hashBefore,
    })
    await fresh.handle.append(bytes)
    return end
  }

  #identity(forked: readonly ForkedPartition[]): Pick<TopicRow, 'name' | 'id' | 'lineage' | 'ancestors' | 'createdAt'> {
    const { row, storeId } = this.#source
    const ends = forked.map(({ cut }) => cut.end)
    // An older log ends where this one does, if it was cut inside of that.
    const earlier = (row.ancestors ?? []).map(
      (ancestor): AncestorRow => ({
        ...ancestor,
        ends: ancestor.ends.map((end, partition) => {
          const ours = ends[partition] ?? end
          return end.offset <= ours.offset ? end : ours
        }),
      }),
    )
    const { name, id } = this.#as
    const ancestors = [...earlier, { lineage: row.lineage, storeId, ends }]
    return { name, id, lineage: this.#lineage, ancestors, createdAt: this.#maker.clock.now() }
  }
}
