/** What of a segment can be proven good: runs of batches that pass every check, and the offsets between them.
 *
 * After a bad body the header says where the next batch is and which hash it continues; of a bad block only its own
 * rows are lost. After a bad header the next valid one is searched: its checksum is seeded with the segment's id and
 * its own position, so what is found is a header, and it says at which offset the events go on. The chain hash before
 * it is not known then, and its own is believed; the batches behind it must follow from it.
 * @module */
import { prefaceBytes, readPreface } from '../codec/batch-body.ts'
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../codec/batch-header.ts'
import { toHex } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { isVarveError } from '../errors.ts'
import { readTable } from '../segment/decode.ts'
import type { Reading } from '../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { type ScannedBatch, scanBatches } from '../segment/scan.ts'
import type { LogPoint, SegmentRef } from '../segment/segment.ts'
import { SparseIndex } from '../segment/sparse-index.ts'

const SEARCH_BYTES = 64 * 1024
const HEADER_FIRST_BYTE = 0x56
/** A scan that begins again behind every damage reads its bytes from here instead of from the file. */
const WINDOW_BYTES = 8 * 1024 * 1024

/** Good events without a gap. `begin` and `end` may lie inside a batch, of which the other blocks are bad. */
export interface GoodRun {
  readonly begin: LogPoint
  readonly end: LogPoint
  readonly index: SparseIndex
}

/** Offsets `[from, to)` that cannot be served. */
export interface Lost {
  readonly from: number
  readonly to: number
  readonly reason: string
}

export interface SalvagedSegment {
  readonly runs: readonly GoodRun[]
  readonly lost: readonly Lost[]
  /** Behind the last batch that is known of, good or bad. */
  readonly end: LogPoint
  /** Events may have followed that nothing tells of: why. */
  readonly unknownAfter: string | undefined
  /** Of the last good batch. */
  readonly recordedAt: number | undefined
  /** The last epoch that wrote to it, 0 when no batch tells. */
  readonly epoch: number
  /** By offset, for those asked for that are between two batches: the chain hash there. */
  readonly hashes: ReadonlyMap<number, string>
}

/** What is known of a segment that is scanned. */
export interface SegmentFacts {
  readonly digest: Digest
  readonly fileBytes: number
  /** Batches from this position on do not count. */
  readonly endPosition: number
  /** Offset there, when something vouches for it. */
  readonly endOffset: number | undefined
  /** Chain hash there, when the manifest vouches for it. */
  readonly endHash: string | undefined
  /** Chain hash before the first batch, when known. */
  readonly hashBefore: string | undefined
  /** Offsets of which the chain hash is wanted. */
  readonly hashesAt: ReadonlySet<number>
}

interface Start extends LogPoint {
  readonly hash: string | undefined
}

/** Scan a segment. Cost: reads every byte about once; one CRC-32 and one SHA-256 over each. Never throws for bad
 * bytes. */
export function salvageSegment(segment: SegmentRef, facts: SegmentFacts): Reading<SalvagedSegment> {
  return windowed(new SegmentSalvage(segment, facts).run(), facts.fileBytes)
}

class SegmentSalvage {
  readonly #segment: SegmentRef
  readonly #facts: SegmentFacts
  /** Batches end here. */
  readonly #stop: number
  readonly #runs: GoodRun[] = []
  readonly #lost: Lost[] = []
  readonly #hashes = new Map<number, string>()
  /** Runs from here on follow each other by their hashes, from this offset on. */
  #anchor: { runs: number; offset: number }
  #unknownAfter: string | undefined
  #recordedAt: number | undefined
  #epoch = 0

  constructor(segment: SegmentRef, facts: SegmentFacts) {
    this.#segment = segment
    this.#facts = facts
    this.#stop = Math.min(facts.endPosition, facts.fileBytes)
    this.#anchor = { runs: 0, offset: segment.baseOffset }
  }

  *run(): Reading<SalvagedSegment> {
    const { digest, hashBefore } = this.#facts
    let at: Start = { position: SEGMENT_HEADER_BYTES, offset: this.#segment.baseOffset, hash: hashBefore }
    this.#noteHash(at)
    const onBatch = (batch: ScannedBatch) => this.#onBatch(batch)
    while (at.position < this.#stop) {
      const scan = yield* scanBatches(this.#segment, at, { digest, endPosition: this.#stop, onBatch })
      at = { ...scan.end, hash: scan.end.hash === '' ? undefined : scan.end.hash }
      if (scan.problem === undefined) break
      at = yield* this.#pastDamage(at, scan.problem)
    }
    const end = this.#checkEnd(at)
    return {
      runs: this.#runs,
      lost: this.#lost,
      end,
      unknownAfter: this.#unknownAfter,
      recordedAt: this.#recordedAt,
      epoch: this.#epoch,
      hashes: this.#hashes,
    }
  }

  #noteHash({ offset, hash }: Start): void {
    if (hash !== undefined && this.#facts.hashesAt.has(offset)) this.#hashes.set(offset, hash)
  }

  #onBatch({ header, position, bytes }: ScannedBatch): void {
    const endOffset = endOf(header)
    this.#good(
      header,
      { position, offset: header.baseOffset },
      { position: position + bytes.length, offset: endOffset },
    )
    if (this.#facts.hashesAt.has(endOffset)) this.#hashes.set(endOffset, toHex(header.hash))
  }

  /** Note good events `[begin.offset, end.offset)` of the batch at `begin.position`. */
  #good(header: BatchHeader, begin: LogPoint, end: LogPoint): void {
    const last = this.#runs.at(-1)
    const follows = last !== undefined && last.end.offset === begin.offset && last.end.position === begin.position
    const index = follows ? last.index : new SparseIndex()
    index.add({ baseOffset: begin.offset, position: begin.position, highestAt: header.highestAt })
    if (follows) this.#runs[this.#runs.length - 1] = { ...last, end }
    else this.#runs.push({ begin, end, index })
    this.#recordedAt = header.recordedAt
    this.#epoch = Math.max(this.#epoch, header.epoch)
  }

  #bad(from: number, to: number, reason: string): void {
    if (to > from) this.#lost.push({ from, to, reason })
  }

  /** Find where the scan goes on behind a bad batch, which begins at `at`. */
  *#pastDamage(at: Start, problem: string): Reading<Start> {
    const { digest } = this.#facts
    const bytes = yield { path: this.#segment.path, position: at.position, length: BATCH_HEADER_BYTES }
    const place = { seed: this.#segment.seed, position: at.position }
    const header = readBatchHeader(bytes, 0, { place, digest })
    if (header === undefined || header.baseOffset !== at.offset) return yield* this.#search(at, problem)
    const next = { position: at.position + BATCH_HEADER_BYTES + header.bodyBytes, offset: endOf(header) }
    const reason = `${problem}, at position ${at.position}`
    if (next.position > this.#stop) {
      this.#bad(at.offset, next.offset, reason)
      return { position: this.#stop, offset: next.offset, hash: undefined }
    }
    yield* this.#goodBlocks(header, { at, next, reason })
    const hash = toHex(header.hash)
    this.#noteHash({ ...next, hash })
    return { ...next, hash }
  }

  /** Keep the good blocks of a batch with a good header and a bad body. */
  *#goodBlocks(header: BatchHeader, batch: { at: Start; next: LogPoint; reason: string }): Reading<void> {
    const { at, next, reason } = batch
    const blocks = header.single ? [] : yield* this.#checkedBlocks(header, at.position)
    // With good blocks only it is the chain that is broken: the batch is whole, but not the one that was here.
    if (blocks.length === 0 || blocks.every(({ good }) => good)) return this.#bad(at.offset, next.offset, reason)
    let offset = at.offset
    for (const { rows, good } of blocks) {
      const end = offset + rows
      if (good) this.#goodRows(header, { offset, position: at.position }, { offset: end, position: next.position })
      else this.#bad(offset, end, reason)
      offset = end
    }
  }

  /** Blocks of one batch that follow each other are one run, or go on with the run before the batch. */
  #goodRows(header: BatchHeader, begin: LogPoint, end: LogPoint): void {
    const last = this.#runs.at(-1)
    if (last !== undefined && last.end.offset === begin.offset && last.end.position === end.position)
      this.#runs[this.#runs.length - 1] = { ...last, end }
    else this.#good(header, begin, end)
  }

  /** The blocks of a batch; none when what all of them need is bad. */
  *#checkedBlocks(header: BatchHeader, position: number): Reading<{ rows: number; good: boolean }[]> {
    const { digest } = this.#facts
    const { path } = this.#segment
    const body = yield { path, position: position + BATCH_HEADER_BYTES, length: header.bodyBytes }
    try {
      if (prefaceBytes(header, body) > body.length) return []
      const preface = readPreface(header, body, digest)
      if (!header.carriesTable && header.tablePosition !== 0) yield* readTable(this.#segment, header, digest)
      return preface.blocks.map(({ rows, start, end, crc }) => {
        return { rows, good: digest.crc32(body.subarray(start, end)) === crc }
      })
    } catch (error) {
      if (isVarveError(error, 'DECODE_FAILED') || isVarveError(error, 'SEGMENT_DAMAGED')) return []
      throw error
    }
  }

  /** Look for the next header behind a bad one, at every byte. */
  *#search(at: Start, problem: string): Reading<Start> {
    const reason = `${problem}, at position ${at.position}`
    const { endOffset } = this.#facts
    const found = yield* this.#nextHeader(at)
    // What lies behind the end is left over from something that does not count.
    if (found === undefined || (endOffset !== undefined && found.position >= this.#stop)) {
      if (endOffset !== undefined) this.#bad(at.offset, endOffset, reason)
      else this.#unknownAfter = reason
      return { position: this.#stop, offset: endOffset ?? at.offset, hash: undefined }
    }
    this.#bad(at.offset, found.offset, reason)
    if (found.position < this.#stop) this.#anchor = { runs: this.#runs.length, offset: found.offset }
    return { ...found, position: Math.min(found.position, this.#stop), hash: undefined }
  }

  *#nextHeader(at: Start): Reading<LogPoint | undefined> {
    const { digest, fileBytes, endOffset = Number.POSITIVE_INFINITY } = this.#facts
    const { path, seed } = this.#segment
    let position = at.position + 1
    while (position + BATCH_HEADER_BYTES <= fileBytes) {
      const bytes = yield { path, position, length: Math.min(SEARCH_BYTES, fileBytes - position) }
      if (bytes.length < BATCH_HEADER_BYTES) return undefined
      const last = bytes.length - BATCH_HEADER_BYTES
      for (
        let i = bytes.indexOf(HEADER_FIRST_BYTE);
        i !== -1 && i <= last;
        i = bytes.indexOf(HEADER_FIRST_BYTE, i + 1)
      ) {
        const header = readBatchHeader(bytes, i, { place: { seed, position: position + i }, digest })
        if (header === undefined || header.baseOffset < at.offset || header.baseOffset > endOffset) continue
        return { position: position + i, offset: header.baseOffset }
      }
      position += last + 1
    }
    return undefined
  }

  /** Compare the end with what is vouched for. Runs that lead elsewhere are those of another segment. */
  #checkEnd(at: Start): LogPoint {
    const { endOffset, endHash, fileBytes, endPosition } = this.#facts
    if (endOffset === undefined) return at
    if (fileBytes < endPosition && at.offset <= endOffset) {
      this.#bad(at.offset, endOffset, `the file ends at position ${fileBytes} instead of ${endPosition}`)
    } else if (at.offset !== endOffset || (endHash !== undefined && at.hash !== undefined && at.hash !== endHash)) {
      this.#refuseFrom(this.#anchor, endOffset)
    }
    return { position: at.position, offset: Math.max(endOffset, 0) }
  }

  #refuseFrom(anchor: { runs: number; offset: number }, endOffset: number): void {
    this.#runs.splice(anchor.runs)
    for (let i = this.#lost.length; i-- > 0; ) if ((this.#lost[i]?.from ?? 0) >= anchor.offset) this.#lost.splice(i, 1)
    this.#bad(anchor.offset, endOffset, 'its events do not lead to the end that the manifest names')
  }
}

function endOf(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta + 1
}

/** Answer the small reads of a reading, all of one file, from large ones. */
function* windowed<T>(reading: Reading<T>, fileBytes: number): Reading<T> {
  let window: Uint8Array = new Uint8Array(0)
  let windowAt = 0
  let step = reading.next()
  while (!step.done) {
    const request = step.value
    if (!('path' in request)) {
      step = reading.next(yield request)
      continue
    }
    const { path, position } = request
    const length = Math.max(0, Math.min(request.length, fileBytes - position))
    if (position < windowAt) {
      // A record table: the scan goes on where it was.
      step = reading.next(yield request)
      continue
    }
    if (length > 0 && position + length > windowAt + window.length) {
      window = yield { path, position, length: Math.max(length, Math.min(WINDOW_BYTES, fileBytes - position)) }
      windowAt = position
    }
    step = reading.next(window.subarray(position - windowAt, position - windowAt + length))
  }
  return step.value
}
