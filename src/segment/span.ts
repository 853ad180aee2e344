/** When the events of some batches were: what a seal says of its segment, so that time ranges and retention by age need
 * no file of it.
 * @module */
import type { BatchHeader } from '../codec/batch-header.ts'

/** Facts of a seal about time. */
export interface SpanTimes {
  readonly lowestAt: number
  readonly highestAt: number
  /** Of the last batch. */
  readonly recordedAt: number
}

/** Takes note of batches by their headers, in order. */
export class Span {
  #times: SpanTimes | undefined

  /** Undefined before the first batch. */
  get times(): SpanTimes | undefined {
    return this.#times
  }

  add(header: Pick<BatchHeader, 'lowestAt' | 'highestAt' | 'recordedAt'>): void {
    const before = this.#times
    this.#times = {
      lowestAt: Math.min(header.lowestAt, before?.lowestAt ?? header.lowestAt),
      highestAt: Math.max(header.highestAt, before?.highestAt ?? header.highestAt),
      recordedAt: header.recordedAt,
    }
  }
}
