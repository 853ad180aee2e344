/** What a partition knows of its events without reading them: the rows of the unsealed tail, and versions of entities
 * (the offset after the last event of each).
 *
 * Rows appended since open are in memory. Those before them are in the checkpoint, or in the active segment, and are
 * read when they are first asked for; versions that lie before the tail cost one pass over the envelopes of the log.
 * @module */
import type { Checkpoint } from '../index/checkpoint.ts'
import { scanRows } from '../index/scan-rows.ts'
import { TailRows } from '../index/tail-rows.ts'
import type { BlockView } from '../segment/decode.ts'
import type { LogPoint } from '../segment/segment.ts'
import type { LogContext } from './context.ts'
import type { Partition } from './partition.ts'

export class EntityVersions {
  readonly #context: LogContext
  readonly #partition: Partition
  /** Log end at open. Events before it are `#earlier`, `#checkpoint` or `#older`. */
  readonly #opened: LogPoint
  #checkpoint: Checkpoint | undefined
  /** Rows of the active segment from before open are missing in `tail`. */
  #tailIncomplete: boolean
  #older: Map<string, number> | undefined
  /** Of events that were appended since open and lie in sealed segments. */
  readonly #sealed = new Map<string, number>()
  /** Rows of the active segment, since open or since its beginning. */
  tail = new TailRows()

  constructor(context: LogContext, partition: Partition, checkpoint: Checkpoint | undefined) {
    this.#context = context
    this.#partition = partition
    this.#opened = partition.durable
    this.#checkpoint = checkpoint
    this.#tailIncomplete = partition.active.ref.baseOffset < this.#opened.offset
    if (this.#opened.offset === partition.logStartOffset) this.#older = new Map()
  }

  /** Make `version` able to answer for these entities. */
  async load(entities: readonly string[]): Promise<void> {
    if (this.#older !== undefined || entities.every((entity) => this.#recent(entity) !== undefined)) return
    const older = new Map<string, number>()
    const match = ({ columns, firstOffset }: BlockView, row: number) => {
      older.set(columns.entities[row] ?? '', firstOffset + row + 1)
      return false
    }
    const wish = { to: this.#opened.offset, since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, match }
    for (let from = this.#partition.logStartOffset; from < wish.to; ) {
      const reading = this.#partition.forward(from, { ...wish, from, limit: Number.POSITIVE_INFINITY })
      from = (await this.#partition.drive(reading)).next
    }
    this.#older = older
  }

  #recent(entity: string): number | undefined {
    return this.tail.version(entity) ?? this.#sealed.get(entity) ?? this.#checkpoint?.versionOf(entity)
  }

  /** The version of an entity, 0 when it has none. `load` must have been called for it. */
  version(entity: string): number {
    return this.#recent(entity) ?? this.#older?.get(entity) ?? 0
  }

  /** The rows of the active segment, all of them. Nothing may be written meanwhile. */
  async completeTail(): Promise<TailRows> {
    if (this.#tailIncomplete) {
      const earlier = await this.#earlierRows()
      earlier.addAll(this.tail)
      this.tail = earlier
      this.#tailIncomplete = false
    }
    return this.tail
  }

  async #earlierRows(): Promise<TailRows> {
    if (this.#checkpoint !== undefined) return this.#checkpoint.rows()
    const { ref } = this.#partition.active
    return this.#partition.drive(scanRows(ref, this.#opened, this.#context.digest))
  }

  /** The active segment was sealed: keep its versions, begin a new tail. */
  seal(): void {
    for (const [entity, version] of this.tail.versions()) this.#sealed.set(entity, version)
    this.tail = new TailRows()
    this.#tailIncomplete = false
  }
}
