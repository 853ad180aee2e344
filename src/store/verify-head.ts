/** Checking that the log contains a chain hash that was kept elsewhere, such as that of a receipt.
 *
 * A receipt names the end of its own events and the hash of the record batch that holds them, so the hash belongs to
 * the batch that the offset lies in or ends.
 * @module */
import type { PartitionRow } from '../manifest/index.ts'
import type { VerifyHead } from './types.ts'
import type { VerifyRun } from './verify-run.ts'

export class HeadCheck {
  readonly #run: VerifyRun
  readonly #head: VerifyHead
  readonly #directory: string
  readonly #row: PartitionRow
  #found: { readonly file: string; readonly hash: string } | undefined
  #endOffset: number

  constructor(run: VerifyRun, head: VerifyHead, place: { readonly directory: string; readonly row: PartitionRow }) {
    this.#run = run
    this.#head = head
    this.#directory = place.directory
    this.#row = place.row
    this.#endOffset = place.row.logStartOffset
    // Before its first event the log has the hash that pruning left, or that of nothing.
    if (head.offset === this.#endOffset) this.#found = { file: '', hash: place.row.logStartHash }
  }

  /** A batch of the log that passed its checks. */
  batch(file: string, range: { readonly baseOffset: number; readonly endOffset: number; readonly hash: string }): void {
    this.#endOffset = range.endOffset
    const { offset } = this.#head
    if (offset > range.baseOffset && offset <= range.endOffset) this.#found = { file, hash: range.hash }
  }

  /** Say what came of it. To be called when all batches were seen. */
  finish(): void {
    const { offset, hash } = this.#head
    const where = `"${this.#directory}" at offset ${offset}`
    if (this.#found !== undefined) {
      if (this.#found.hash === hash.toLowerCase()) return
      const message = `The log of ${where} has the chain hash ${this.#found.hash}, not the ${hash} that was kept`
      this.#run.problem({ code: 'HEAD_DIFFERS', file: this.#found.file || this.#directory, message, damage: true })
      return
    }
    const pruned = offset < this.#row.logStartOffset
    const reason = pruned
      ? `the log was pruned up to offset ${this.#row.logStartOffset}`
      : `the log could be followed to offset ${this.#endOffset} only`
    const message = `Cannot say whether the log of ${where} has the chain hash that was kept: ${reason}`
    // What was pruned was given up; what is beyond the end was there once, if the hash is what it is said to be.
    this.#run.problem({ code: 'HEAD_UNKNOWN', file: this.#directory, message, damage: !pruned })
  }
}
