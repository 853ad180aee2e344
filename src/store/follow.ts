/** Following a writer in another process: a read-only store looks at the writer's head file while somebody waits.
 *
 * The head file says how far each partition is durable; when it names another segment, or another epoch exists, the
 * manifest says what happened. Nothing is written, and nobody is asked.
 * @module */
import { toHex } from '../codec/bytes.ts'
import { isVarveError } from '../errors.ts'
import {
  type HeadSlot,
  type ManifestView,
  manifestName,
  type PartitionRow,
  readHead,
  readManifest,
} from '../manifest/index.ts'
import type { LogContext } from '../topic/context.ts'
import type { Partition } from '../topic/partition.ts'
import { provenEnd } from './recover.ts'

const LOOK_EVERY_MS = 50

/** What a read-only store has open. */
export interface Following {
  readonly topics: {
    /** Every partition that is open, with the id of its topic. */
    openPartitions(): Iterable<{ readonly topicId: number; readonly partition: Partition }>
    /** The manifest has changed. */
    moved(): void
  }
  readonly documents: { moved(): void }
  readonly histories: { moved(): void }
}

export class Follower {
  readonly #context: LogContext
  readonly #following: Following
  #view: ManifestView
  /** Size of the manifest in bytes when it was last read. */
  #manifestBytes: number
  #looking = false
  #refreshing: Promise<void> = Promise.resolve()

  constructor(context: LogContext, view: ManifestView, following: Following) {
    this.#context = context
    this.#view = view
    this.#following = following
    this.#manifestBytes = view.endPosition
  }

  get view(): ManifestView {
    return this.#view
  }

  /** Look now and then for as long as somebody waits for a partition to change. Holds the process meanwhile. */
  start(): void {
    if (this.#looking) return
    this.#looking = true
    this.#later()
  }

  #later(): void {
    this.#context.clock.after(LOOK_EVERY_MS, () => void this.#look(), true)
  }

  async #look(): Promise<void> {
    try {
      await this.refresh()
    } catch (error) {
      // A file may be replaced under our eyes; the next look finds it whole. What stays wrong is reported each time.
      const reason = isVarveError(error) ? error.message : String(error)
      this.#context.diagnose('FOLLOW_FAILED', 'Could not look for new events', { reason })
    }
    const wanted = [...this.#following.topics.openPartitions()].some(({ partition }) => partition.awaited)
    if (wanted && !this.#context.closing.aborted) this.#later()
    else this.#looking = false
  }

  /** See how far the writer is now: everything that was durable when this was called. */
  refresh(): Promise<void> {
    const refreshed = this.#refreshing.then(() => this.#refresh())
    this.#refreshing = refreshed.catch(() => undefined)
    return refreshed
  }

  async #refresh(): Promise<void> {
    const { storage } = this.#context
    const bytes = await this.#manifestSize()
    if (bytes !== this.#manifestBytes || (await storage.exists(manifestName(this.#view.epoch + 1)))) {
      await this.#reload(bytes)
    }
    let { slots } = await readHead(storage, this.#view.epoch)
    // The head file may be of a moment after that of the manifest.
    const rolled = [...this.#following.topics.openPartitions()].some(({ topicId, partition }) => {
      const slot = slots.get(partition.headSlot)
      const active = this.#row(topicId, partition.partition)?.segments.at(-1)
      return slot !== undefined && active !== undefined && slot.segmentId !== active.id
    })
    if (rolled) {
      await this.#reload(await this.#manifestSize())
      slots = (await readHead(storage, this.#view.epoch)).slots
    }
    for (const { topicId, partition } of [...this.#following.topics.openPartitions()]) {
      const row = this.#row(topicId, partition.partition)
      if (row !== undefined) follow(partition, row, slots.get(row.headSlot))
    }
  }

  /** Size of the manifest we know; undefined when newer owners have removed it. */
  async #manifestSize(): Promise<number | undefined> {
    try {
      const handle = await this.#context.storage.openRead(this.#view.file)
      try {
        return await handle.size()
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (isVarveError(error, 'FILE_MISSING')) return undefined
      throw error
    }
  }

  /** Read the manifest, of which the one we know had a size of `bytes` before. */
  async #reload(bytes: number | undefined): Promise<void> {
    const { epoch } = this.#view
    this.#view = (await readManifest(this.#context.storage)) ?? this.#view
    this.#manifestBytes = this.#view.epoch === epoch ? (bytes ?? 0) : this.#view.endPosition
    const { topics, documents, histories } = this.#following
    for (const part of [topics, documents, histories]) part.moved()
  }

  #row(topicId: number, partition: number): PartitionRow | undefined {
    return this.#view.state.topics.find((topic) => topic.id === topicId)?.partitions[partition]
  }
}

/** Bring a partition to what the manifest and the head file say of it. */
function follow(partition: Partition, row: PartitionRow, slot: HeadSlot | undefined): void {
  const active = row.segments.at(-1)
  const known = slot !== undefined && slot.segmentId === active?.id
  const { position, endOffset: offset } = slot ?? { position: 0, endOffset: 0 }
  partition.follow(row, known ? { position, offset, hash: toHex(slot.hash) } : provenEnd(row))
  if (row.logStartOffset > partition.logStartOffset) partition.pruned(row)
}
