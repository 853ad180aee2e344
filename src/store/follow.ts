/** Following a writer in another process: a read-only store looks at the writer's head file while somebody waits.
 *
 * The head file says how far each partition is durable; when it names another segment, or another epoch exists, the
 * manifest says what happened. Nothing is written, and nobody is asked.
 * @module */
import { isVarveError } from '../errors.ts'
import { type ManifestView, manifestName, type PartitionRow, readHead, readManifest } from '../manifest/index.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import type { LogContext } from '../topic/context.ts'
import type { Partition } from '../topic/partition.ts'
import { provenEnd } from './recover.ts'

const LOOK_EVERY_MS = 50

/** A partition that may be followed, by the id of its topic. */
export interface Followed {
  readonly topicId: number
  readonly partition: Partition
}

export class Follower {
  readonly #context: LogContext
  readonly #partitions: () => Iterable<Followed>
  #view: ManifestView
  #looking = false

  constructor(context: LogContext, view: ManifestView, partitions: () => Iterable<Followed>) {
    this.#context = context
    this.#view = view
    this.#partitions = partitions
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
    const wanted = [...this.#partitions()].some(({ partition }) => partition.awaited)
    if (wanted && !this.#context.closing.aborted) this.#later()
    else this.#looking = false
  }

  /** See how far the writer is now. */
  async refresh(): Promise<void> {
    const { storage } = this.#context
    if (await storage.exists(manifestName(this.#view.epoch + 1))) await this.#reload()
    let { slots } = await readHead(storage, this.#view.epoch)
    const rolled = [...this.#partitions()].some(({ partition }) => {
      const slot = slots.get(partition.headSlot)
      return slot !== undefined && slot.segmentId !== partition.active.ref.id
    })
    if (rolled) {
      await this.#reload()
      slots = (await readHead(storage, this.#view.epoch)).slots
    }
    for (const { topicId, partition } of this.#partitions()) {
      const row = this.#row(topicId, partition.partition)
      if (row === undefined) continue
      const slot = slots.get(partition.headSlot)
      const active = row.segments.at(-1)
      const known = slot !== undefined && slot.segmentId === active?.id
      const proven = row.proven === undefined ? undefined : provenEnd(row)
      const start = { position: SEGMENT_HEADER_BYTES, offset: active?.baseOffset ?? 0 }
      partition.follow(row, known ? { position: slot.position, offset: slot.endOffset } : (proven ?? start))
    }
  }

  async #reload(): Promise<void> {
    this.#view = (await readManifest(this.#context.storage)) ?? this.#view
  }

  #row(topicId: number, partition: number): PartitionRow | undefined {
    return this.#view.state.topics.find((topic) => topic.id === topicId)?.partitions[partition]
  }
}
