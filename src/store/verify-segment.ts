/** Checking one segment: its header, every batch from the header to its end, the chain, and that every value decodes.
 *
 * A bad batch whose header is intact does not end the check: its successor's place and chain hash are known from it.
 * @module */
import { BATCH_HEADER_BYTES, readBatchHeader } from '../codec/batch-header.ts'
import { toHex } from '../codec/bytes.ts'
import type { Seal } from '../manifest/index.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { type ChainPoint, provenBeyond, type ScannedBatch, scanBatches } from '../segment/scan.ts'
import type { LogPoint, SegmentRef } from '../segment/segment.ts'
import { SparseIndex } from '../segment/sparse-index.ts'
import type { CheckpointCheck } from './verify-checkpoint.ts'
import type { HeadCheck } from './verify-head.ts'
import { headerFits } from './verify-header.ts'
import type { VerifyRun } from './verify-run.ts'
import type { SegmentSums } from './verify-sums.ts'
import { ValueCheck } from './verify-values.ts'

/** After so many bad batches the rest of a segment is left out. */
const BAD_BATCHES_MAX = 16

/** A place that something outside the segment vouches for. */
export interface Mark {
  readonly offset: number
  readonly position: number
  /** 64 hexadecimal digits. */
  readonly hash: string
  /** Called when the segment says otherwise, with the difference as a clause. */
  readonly differs: (difference: string) => void
}

export interface SegmentWish {
  readonly ref: SegmentRef
  readonly lineage: string
  readonly seal: Seal | undefined
  /** End in bytes up to which everything must be there and right. */
  readonly endPosition: number
  /** The durable end, when the writer is this store: bytes behind it are being written and are not looked at. */
  readonly own: LogPoint | undefined
  readonly marks: readonly Mark[]
  /** Of the active segment: compared while the scan goes on. */
  readonly checkpoint: CheckpointCheck | undefined
  readonly head: HeadCheck | undefined
  /** Of a sealed segment: what its terms add up to. */
  readonly sums: SegmentSums | undefined
  /** Whether the manifest still names the segment: it may be pruned while the check goes on. */
  readonly isKept: () => Promise<boolean>
}

/** Check a segment. @returns its index as the scan found it; undefined when not all of it could be scanned. */
export async function checkSegment(run: VerifyRun, wish: SegmentWish): Promise<SparseIndex | undefined> {
  const { ref, endPosition } = wish
  const sizeBytes = await run.sizeOf(ref.path)
  if (sizeBytes === undefined) {
    run.plan(ref.path, 0)
    if (!(await wish.isKept())) return undefined
    const message = `Segment "${ref.path}" is missing, and with it the events from offset ${ref.baseOffset}${
      wish.seal === undefined ? '' : ` to ${wish.seal.endOffset - 1}`
    }`
    run.problem({ code: 'SEGMENT_MISSING', file: ref.path, message, damage: true })
    return undefined
  }
  // Another process, or an owner that is gone, may have written more than is known to be durable.
  const last = wish.seal === undefined && wish.own === undefined ? Math.max(sizeBytes, endPosition) : endPosition
  run.begin(ref.path, last)
  const check = new SegmentScan(run, wish, sizeBytes)
  if (sizeBytes < endPosition) {
    check.damaged(sizeBytes, `the file ends at ${sizeBytes}, before its durable end at ${endPosition}`)
  }
  if (sizeBytes >= SEGMENT_HEADER_BYTES && !(await headerFits(run, ref, wish.lineage))) return undefined
  return check.run()
}

/** Where the scan goes on behind a bad batch, and the record table that this batch carries or needs. */
interface NextBatch extends ChainPoint {
  readonly carriesTable: number | undefined
  readonly needsTable: number | undefined
}

class SegmentScan {
  readonly #run: VerifyRun
  readonly #wish: SegmentWish
  readonly #sizeBytes: number
  readonly #index = new SparseIndex()
  readonly #marks = new Map<number, Mark[]>()
  readonly #values = new ValueCheck()
  /** Record tables that bad batches carry. */
  readonly #badTables = new Set<number>()
  #badBatches = 0
  #withoutTable = 0

  constructor(run: VerifyRun, wish: SegmentWish, sizeBytes: number) {
    this.#run = run
    this.#wish = wish
    this.#sizeBytes = sizeBytes
    for (const mark of wish.marks) this.#marks.set(mark.offset, [...(this.#marks.get(mark.offset) ?? []), mark])
  }

  damaged(position: number, reason: string): void {
    const { path } = this.#wish.ref
    const message = `Segment "${path}" is damaged at position ${position}: ${reason}`
    this.#run.problem({ code: 'SEGMENT_DAMAGED', file: path, position, message, damage: true })
  }

  async run(): Promise<SparseIndex | undefined> {
    const { ref, seal, own, endPosition } = this.#wish
    const start: ChainPoint = { position: SEGMENT_HEADER_BYTES, offset: ref.baseOffset, hash: ref.hashBefore }
    this.#run.reached(SEGMENT_HEADER_BYTES)
    this.#compareMarks(start)
    this.#wish.checkpoint?.at(start, this.#index)
    const end = await this.#durablePart(start)
    if (this.#withoutTable > 0) {
      const count = this.#withoutTable
      this.#run.leaveOut(`${ref.path}: ${count} batches that cannot be read without the record table of a damaged one.`)
    }
    if (end === undefined || this.#sizeBytes < endPosition) return undefined
    if (this.#badBatches === 0) this.#missedMarks(end)
    if (seal !== undefined) {
      const fits = end.offset === seal.endOffset && end.hash === seal.endHash
      if (!fits) this.damaged(end.position, `the manifest seals it with another end offset or hash`)
      const behind = this.#sizeBytes - endPosition
      if (behind > 0) this.#run.leaveOut(`${ref.path}: ${behind} bytes behind the sealed end, which do not count.`)
    } else if (own !== undefined) {
      if (end.offset !== own.offset) {
        this.damaged(end.position, `its events end before offset ${end.offset} instead of ${own.offset}`)
      }
    } else {
      await this.#tail(end)
    }
    return this.#badBatches === 0 ? this.#index : undefined
  }

  /** Scan what must be right. @returns undefined when the scan could not reach the end. */
  async #durablePart(start: ChainPoint): Promise<ChainPoint | undefined> {
    const { ref, endPosition } = this.#wish
    const stop = Math.min(this.#sizeBytes, endPosition)
    let from = start
    for (;;) {
      const scan = await this.#scan(from, stop)
      if (scan.problem === undefined) return scan.end
      const { position } = scan.end
      const next = await this.#after(scan.end, stop)
      if (next === 'cut') return undefined
      this.#wish.checkpoint?.giveUp()
      if (next?.needsTable !== undefined && this.#badTables.has(next.needsTable)) {
        this.#withoutTable++
        from = next
        continue
      }
      if (next?.carriesTable !== undefined) this.#badTables.add(next.carriesTable)
      this.#badBatches++
      this.damaged(position, scan.problem)
      if (next === undefined || this.#badBatches >= BAD_BATCHES_MAX) {
        this.#run.leaveOut(`${ref.path}: positions ${position} to ${endPosition}, at and behind the damage.`)
        return undefined
      }
      from = next
    }
  }

  #scan(from: ChainPoint, endPosition: number) {
    const options = { digest: this.#run.digest, endPosition, onBatch: (batch: ScannedBatch) => this.#onBatch(batch) }
    return this.#run.drive(scanBatches(this.#wish.ref, from, options))
  }

  /** Where the scan can go on after a bad batch; `cut`: it is the batch in which a truncated file ends. */
  async #after(at: ChainPoint, stop: number): Promise<NextBatch | 'cut' | undefined> {
    const { ref, endPosition } = this.#wish
    const { position } = at
    const truncated = stop < endPosition
    if (stop - position < BATCH_HEADER_BYTES) return truncated ? 'cut' : undefined
    const bytes = await this.#run.read({ path: ref.path, position, length: BATCH_HEADER_BYTES })
    const header = readBatchHeader(bytes, 0, { place: { seed: ref.seed, position }, digest: this.#run.digest })
    if (header === undefined || header.baseOffset !== at.offset) return undefined
    const end = position + BATCH_HEADER_BYTES + header.bodyBytes
    if (end > stop) return truncated ? 'cut' : undefined
    const table = header.tablePosition === 0 ? undefined : header.tablePosition
    return {
      position: end,
      offset: header.baseOffset + header.lastOffsetDelta + 1,
      hash: toHex(header.hash),
      carriesTable: header.carriesTable ? table : undefined,
      needsTable: header.carriesTable ? undefined : table,
    }
  }

  /** What an owner that is gone, or another process, wrote above the last end it told: whole batches, then perhaps
   * a torn tail. A torn place is damage only when a later batch proves that it was synced. */
  async #tail(from: ChainPoint): Promise<void> {
    const { ref } = this.#wish
    const { problem, end } = await this.#scan(from, this.#sizeBytes)
    if (problem === undefined) return
    const facts = { digest: this.#run.digest, fileBytes: this.#sizeBytes }
    const proven = await this.#run.drive(provenBeyond(ref, end.position, facts))
    if (proven > end.position) {
      this.#badBatches++
      this.damaged(end.position, problem)
      this.#run.leaveOut(`${ref.path}: positions ${end.position} to ${this.#sizeBytes}, at and behind the damage.`)
      return
    }
    const behind = this.#sizeBytes - end.position
    this.#run.leaveOut(
      `${ref.path}: ${behind} bytes behind the last whole batch: a torn tail, or a batch being written.`,
    )
  }

  #onBatch(batch: ScannedBatch): void {
    const { header, position } = batch
    this.#index.add({ baseOffset: header.baseOffset, position, highestAt: header.highestAt })
    const { sums } = this.#wish
    sums?.batch(batch)
    try {
      this.#values.check(batch, [this.#wish.checkpoint, sums])
    } catch (error) {
      const { path } = this.#wish.ref
      const reason = error instanceof Error ? error.message : String(error)
      const message = `A batch of "${path}" at position ${position} passes its checksums but cannot be decoded: ${reason}`
      this.#run.problem({ code: 'DECODE_FAILED', file: path, position, message, damage: true })
      this.#wish.checkpoint?.giveUp()
    }
    const offset = header.baseOffset + header.lastOffsetDelta + 1
    const end = position + batch.bytes.length
    this.#run.eventsChecked += header.lastOffsetDelta + 1
    this.#run.reached(end)
    const { checkpoint, head, ref } = this.#wish
    head?.batch(ref.path, { baseOffset: header.baseOffset, endOffset: offset, hash: toHex(header.hash) })
    if (!this.#marks.has(offset) && checkpoint === undefined) return
    const point = { position: end, offset, hash: toHex(header.hash) }
    this.#compareMarks(point)
    checkpoint?.batch(batch)
    checkpoint?.at(point, this.#index)
  }

  #compareMarks(point: ChainPoint): void {
    for (const mark of this.#marks.get(point.offset) ?? []) {
      if (mark.position !== point.position) {
        mark.differs(`offset ${mark.offset} is at position ${point.position} instead of ${mark.position}`)
      } else if (mark.hash !== point.hash) {
        mark.differs(`the chain hash before offset ${mark.offset} is another`)
      }
    }
    this.#marks.delete(point.offset)
  }

  #missedMarks(end: ChainPoint): void {
    for (const [offset, marks] of this.#marks) {
      for (const mark of marks) {
        // What the own writer told after its end was taken lies behind it.
        const later = this.#wish.own !== undefined && mark.position > end.position
        if (!later) mark.differs(`no batch ends before offset ${offset}`)
      }
    }
  }
}
