/** What workloads tell the ledger.
 * @module */
import type { NewEvent, Receipt } from '../../src/topic/types.ts'
import type { Known, Ledger } from '../faults/explorer.ts'

/** One call of a workload: the creation or deletion of a topic, an append to one of its partitions, or pruning one. */
export interface Call {
  readonly topic: string
  readonly partitions: number
  readonly partition: number
  readonly events: readonly NewEvent[]
  /** Pruning: where the log starts then. */
  readonly logStartOffset?: number
  readonly deletes?: boolean
  /** Of an acknowledged append. */
  receipt?: Receipt
  /** An append that was refused for want of space, and so must not be there. */
  refused?: boolean
}

export type CallLedger = Ledger<Call>
export type KnownCalls = Known<Call>
