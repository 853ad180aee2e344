/** Receipts: what a caller is told of an append.
 * @module */
import { toHex } from '../codec/bytes.ts'
import type { WrittenBatch } from './active-segment.ts'
import type { QueuedCall } from './append-queue.ts'
import type { Accepted } from './group-syncs.ts'
import type { Receipt, TopicSettings } from './types.ts'

/** What all receipts of a partition say. */
export interface ReceiptFacts {
  readonly topic: string
  readonly lineage: string
  readonly partition: number
  readonly settings: () => TopicSettings
}

/** Where a call was written, now or by an earlier one with its key. */
export interface WrittenCall {
  readonly baseOffset: number
  readonly recordedAt: number
  /** Chain hash of the batch, 64 hexadecimal digits. */
  readonly hash: string
  readonly replayed: boolean
}

export class Receipts {
  readonly #facts: ReceiptFacts

  constructor(facts: ReceiptFacts) {
    this.#facts = facts
  }

  /** The receipts of the calls of a batch, in its order. */
  ofBatch(accepted: readonly QueuedCall[], batch: WrittenBatch): Accepted[] {
    const hash = toHex(batch.end.hash)
    const { recordedAt } = batch
    let { baseOffset } = batch
    return accepted.map((call) => {
      const receipt = this.of(call, { baseOffset, recordedAt, hash, replayed: false })
      baseOffset = receipt.endOffset
      return { call, receipt }
    })
  }

  of(call: QueuedCall, written: WrittenCall): Receipt {
    const { topic, lineage, partition, settings } = this.#facts
    const { baseOffset, recordedAt, hash, replayed } = written
    const { key, durability } = call
    const entities = call.rows.map((row) => row.entity)
    let versions: Receipt['versions'] | undefined
    const receipt: Receipt = {
      topic,
      lineage,
      partition,
      firstOffset: baseOffset,
      endOffset: baseOffset + call.rows.length,
      // Made when it is asked for: few callers are, and a large call has many entities.
      get versions() {
        versions ??= versionsOf(entities, baseOffset)
        return versions
      },
      recordedAt,
      hash,
      durability,
      replayed,
    }
    if (key === undefined) return receipt
    const { windowMs, windowKeys } = settings().idempotency
    // Defined on it, because a spread would make the versions.
    return Object.defineProperty(receipt, 'idempotency', {
      value: { key, until: recordedAt + windowMs, windowKeys },
      enumerable: true,
    })
  }
}

function versionsOf(entities: readonly string[], firstOffset: number): Record<string, number> {
  const versions = new Map<string, number>()
  entities.forEach((entity, at) => {
    versions.set(entity, firstOffset + at + 1)
  })
  // Defines own keys, so that an entity named `__proto__` is one too.
  return Object.fromEntries(versions)
}
