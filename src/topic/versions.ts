/** What a partition knows of its events without reading them: the rows of the unsealed tail, and versions of entities
 * (the offset after the last event of each).
 *
 * Rows appended since open are in memory. Those before them are in the checkpoint, or in the active segment, and are
 * read when they are first asked for; versions that lie before the tail cost one pass over the envelopes of the log.
 * @module */
import { isVarveError } from '../errors.ts'
import type { Checkpoint } from '../index/checkpoint.ts'
import { scanRows } from '../index/scan-rows.ts'
import { TailRows } from '../index/tail-rows.ts'
import type { BlockView } from '../segment/decode.ts'
import { CHECKPOINT_FILE } from '../segment/names.ts'
import type { LogPoint } from '../segment/segment.ts'
import type { LogContext } from './context.ts'
import type { Partition, ScanPlace } from './partition.ts'

export class EntityVersions {
  readonly #context: LogContext
  readonly #partition: Partition
  /** Log end at open. Events before it are `#earlier`, `#checkpoint` or `#older`. */
  readonly #opened: LogPoint
  #checkpoint: Checkpoint | undefined
  /** Rows of the active segment from before open are missing in `tail`. */
  #tailIncomplete: boolean
  #older: Map<string, number> | undefined
  /** Up to here `#sealed` holds what a writer in another process appended since open. */
  #followed: number
  /** Of events that were appended since open and lie in sealed segments, or come from another process. */
  readonly #sealed = new Map<string, number>()
  /** Rows of the active segment, since open or since its beginning. */
  tail = new TailRows()

  constructor(context: LogContext, partition: Partition, checkpoint: Checkpoint | undefined) {
    this.#context = context
    this.#partition = partition
    this.#opened = partition.durable
    this.#followed = this.#opened.offset
    this.#checkpoint = checkpoint
    this.#tailIncomplete = partition.active.ref.baseOffset < this.#opened.offset
    if (this.#opened.offset === partition.logStartOffset) this.#older = new Map()
  }

  /** Make `version` able to answer for these entities. */
  async load(entities: readonly string[]): Promise<void> {
    if (this.#context.readOnly) await this.#follow()
    if (this.#older !== undefined || entities.every((entity) => this.#recent(entity) !== undefined)) return
    const older = new Map<string, number>()
    await this.#collect(older, { from: this.#partition.logStartOffset, to: this.#opened.offset })
    this.#older = older
  }

  /** Take in what another process appended since this was last asked. */
  async #follow(): Promise<void> {
    const to = this.#partition.durable.offset
    if (to <= this.#followed) return
    await this.#collect(this.#sealed, { from: this.#followed, to })
    if (to > this.#followed) this.#followed = to
  }

  /** Note the versions that the events of `range` give their entities. Cost: the envelopes of those events. */
  async #collect(versions: Map<string, number>, range: { from: number; to: number }): Promise<void> {
    const match = ({ columns, firstOffset }: BlockView, row: number) => {
      const entity = columns.entities[row] ?? ''
      const version = firstOffset + row + 1
      if (version > (versions.get(entity) ?? 0)) versions.set(entity, version)
      return false
    }
    const wish = { to: range.to, since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, match }
    // Without its place a run before a batch larger than a chunk would begin at the same index entry again, for ever.
    let place: ScanPlace | undefined
    for (let { from } = range; from < wish.to; ) {
      const reading = this.#partition.forward(from, { ...wish, from, limit: Number.POSITIVE_INFINITY }, place)
      const scanned = await this.#partition.drive(reading)
      from = scanned.next
      place = scanned.place
    }
  }

  #recent(entity: string): number | undefined {
    return (
      this.tail.version(entity) ?? this.#sealed.get(entity) ?? this.#fromCheckpoint((known) => known.stored.versionOf(entity))
    )
  }

  /** Ask the checkpoint, and do without it from the first answer that shows it wrong. */
  #fromCheckpoint<T>(ask: (checkpoint: Checkpoint) => T): T | undefined {
    if (this.#checkpoint === undefined) return undefined
    try {
      return ask(this.#checkpoint)
    } catch (error) {
      if (!isVarveError(error, 'DECODE_FAILED')) throw error
      const reason = String(error.details.reason ?? error.message)
      this.#context.refuse(`${this.#partition.directory}/${CHECKPOINT_FILE}`, reason)
      this.#checkpoint = undefined
      return undefined
    }
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
    const known = this.#fromCheckpoint((checkpoint) => checkpoint.rows())
    if (known !== undefined) return known
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
