/** Checking the checkpoint of a partition: made again from what the scan of the active segment finds, and compared byte
 * for byte. Memory: the rows of the unsealed tail, as the writer holds them.
 * @module */

import type { BlockColumns } from '../codec/block.ts'
import { isVarveError } from '../errors.ts'
import {
  CHECKPOINT_VERSION,
  type Checkpoint,
  type CheckpointOwner,
  decodeCheckpoint,
  encodeCheckpoint,
} from '../index/checkpoint.ts'
import { rowsOf } from '../index/scan-rows.ts'
import { type TailRow, TailRows } from '../index/tail-rows.ts'
import type { ChainPoint, ScannedBatch } from '../segment/scan.ts'
import type { SparseIndex } from '../segment/sparse-index.ts'
import type { VerifyRun } from './verify-run.ts'

/** Read a checkpoint. @returns undefined when there is none to compare: absent, refused, or of another segment. */
export async function readCheckpoint(
  run: VerifyRun,
  path: string,
  facts: { owner: CheckpointOwner; segmentId: string | undefined },
): Promise<CheckpointCheck | undefined> {
  let check: CheckpointCheck | undefined
  await run.about(path, async () => {
    const size = await run.sizeOf(path)
    if (size === undefined) return
    run.begin(path, size)
    const bytes = await run.read({ path, position: 0, length: size })
    run.reached(size)
    let checkpoint: Checkpoint
    try {
      checkpoint = decodeCheckpoint(bytes, facts.owner, run.digest)
    } catch (error) {
      if (!isVarveError(error, 'DECODE_FAILED')) throw error
      const message = `Checkpoint "${path}" is not used: ${error.details.reason ?? error.message}`
      run.problem({ code: 'CHECKPOINT_DAMAGED', file: path, message, damage: false })
      return
    }
    if (checkpoint.watermark.segment !== facts.segmentId) {
      run.leaveOut(`${path}: it is of another segment than the active one, and open does not use it.`)
    } else check = new CheckpointCheck(run, path, { bytes, checkpoint, owner: facts.owner })
  })
  return check
}

interface CheckpointFile {
  readonly bytes: Uint8Array
  readonly checkpoint: Checkpoint
  readonly owner: CheckpointOwner
}

export class CheckpointCheck {
  readonly #run: VerifyRun
  readonly #path: string
  readonly #file: CheckpointFile
  readonly #rows = new TailRows()
  #pending: TailRow[] = []
  #lastRecordedAt: number | undefined
  #lowestAt = Number.POSITIVE_INFINITY
  #done = false
  #broken = false

  constructor(run: VerifyRun, path: string, file: CheckpointFile) {
    this.#run = run
    this.#path = path
    this.#file = file
  }

  /** Take the rows of the next block of the segment. */
  block(columns: BlockColumns): void {
    if (this.#done || this.#broken) return
    for (const row of rowsOf(columns)) this.#pending.push(row)
  }

  /** The blocks of this batch were all taken. */
  batch({ header, position, bytes }: ScannedBatch): void {
    const { baseOffset, recordedAt, lowestAt } = header
    if (!this.#done) this.#rows.add(this.#pending, { baseOffset, recordedAt, position, length: bytes.length })
    this.#pending = []
    this.#lastRecordedAt = recordedAt
    if (!this.#done) this.#lowestAt = Math.min(this.#lowestAt, lowestAt)
  }

  /** The scan is between two batches. */
  at(point: ChainPoint, index: SparseIndex): void {
    const { bytes, checkpoint, owner } = this.#file
    const { watermark, epoch, version } = checkpoint
    if (this.#done || this.#broken || point.offset < watermark.offset) return
    this.#done = true
    if (point.offset !== watermark.offset || point.position !== watermark.position || point.hash !== watermark.hash) {
      this.#differs('its end is not that of a batch of the segment')
      return
    }
    if (version !== CHECKPOINT_VERSION) {
      this.#run.leaveOut(`${this.#path}: only its end, because an older version of varve wrote it.`)
      return
    }
    // In a segment without batches it is that of a segment before.
    const recordedAt = this.#lastRecordedAt ?? checkpoint.recordedAt
    // It may not be known, after an open without a checkpoint.
    const isKnown = checkpoint.lowestAt !== undefined && Number.isFinite(this.#lowestAt)
    const lowestAt = isKnown ? { lowestAt: this.#lowestAt } : {}
    const facts = { ...owner, epoch, watermark, recordedAt, ...lowestAt, index, rows: this.#rows }
    const made = encodeCheckpoint(facts, this.#run.digest)
    if (made.length === bytes.length && made.every((byte, at) => byte === bytes[at])) return
    this.#differs('its contents are not those of the segment')
  }

  /** A batch could not be read: nothing is left to compare with. */
  giveUp(): void {
    this.#broken = true
  }

  /** The segment was scanned as far as it goes. */
  finish(): void {
    if (!this.#done) this.#run.leaveOut(`${this.#path}: its segment could not be read as far as it goes.`)
  }

  #differs(reason: string): void {
    const message = `Checkpoint "${this.#path}" differs from its segment: ${reason}; it is derived and can be deleted`
    this.#run.problem({ code: 'CHECKPOINT_DIFFERS', file: this.#path, message, damage: false })
  }
}
