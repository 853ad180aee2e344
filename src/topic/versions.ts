/** Versions of entities: the offset after the last event of each.
 *
 * Rows appended since open are in memory. What lies before them is read when it is first asked for: the envelopes of
 * the whole log, no values. Cost of that first question: one pass over the log.
 * @module */
import { TailRows } from '../index/tail-rows.ts'
import type { BlockView } from '../segment/decode.ts'
import type { Partition } from './partition.ts'

export class EntityVersions {
  readonly #partition: Partition
  /** Log end offset at open: what lies before it is in `#older` once that is loaded. */
  readonly #before: number
  #older: Map<string, number> | undefined
  /** Of events that were appended since open and lie in sealed segments. */
  readonly #sealed = new Map<string, number>()
  /** Rows of the active segment appended since open. */
  tail = new TailRows()

  constructor(partition: Partition, before: number) {
    this.#partition = partition
    this.#before = before
    if (before === partition.logStartOffset) this.#older = new Map()
  }

  /** Make `version` able to answer for these entities. */
  async load(entities: readonly string[]): Promise<void> {
    if (this.#older !== undefined || entities.every((entity) => this.#recent(entity) !== undefined)) return
    const older = new Map<string, number>()
    const match = ({ columns, firstOffset }: BlockView, row: number) => {
      older.set(columns.entities[row] ?? '', firstOffset + row + 1)
      return false
    }
    const wish = { to: this.#before, since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, match }
    for (let from = this.#partition.logStartOffset; from < this.#before; ) {
      const reading = this.#partition.forward(from, { ...wish, from, limit: Number.POSITIVE_INFINITY })
      from = (await this.#partition.drive(reading)).next
    }
    this.#older = older
  }

  #recent(entity: string): number | undefined {
    return this.tail.version(entity) ?? this.#sealed.get(entity)
  }

  /** The version of an entity, 0 when it has none. `load` must have been called for it. */
  version(entity: string): number {
    return this.#recent(entity) ?? this.#older?.get(entity) ?? 0
  }

  /** The active segment was sealed: keep its versions, begin a new tail. */
  seal(): void {
    for (const [entity, version] of this.tail.versions()) this.#sealed.set(entity, version)
    this.tail = new TailRows()
  }
}
