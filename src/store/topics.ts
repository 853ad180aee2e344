/** The topics of a store: creating, opening once, changing, pruning, deleting, listing, closing.
 *
 * What changes the set of files (creation, change, pruning, deletion, removal) happens one after the other. A deletion
 * is committed while nothing is written to any partition of the topic; from its record on the topic is gone.
 * @module */

import { isVarveError, VarveError } from '../errors.ts'
import {
  type ManifestState,
  nextHeadSlot,
  nextTopicId,
  type PartitionRow,
  type ProvenEnd,
  type TopicRow,
  type TopicRowOptions,
} from '../manifest/index.ts'
import { optionInvalid } from '../options.ts'
import { removeMade } from '../snapshot/fork/made-files.ts'
import type { LogContext } from '../topic/context.ts'
import type { Partition } from '../topic/partition.ts'
import type { OpenPartition } from '../topic/readable.ts'
import { removeFiles } from '../topic/removal.ts'
import type { KindSchemas } from '../topic/schema.ts'
import { changedOptions, differingOption, newOptions, settingsOf } from '../topic/settings.ts'
import { LogTopic } from '../topic/topic.ts'
import type { AnyKinds, ChangeableTopicOptions, Kinds, Topic, TopicOptions, TopicStats } from '../topic/types.ts'
import { Upcasts } from '../topic/upcast.ts'
import { checkSpelling, createTopic } from './create-topic.ts'
import { deleteTopic } from './delete-topic.ts'
import type { PartitionStarts } from './ends.ts'
import { checkOpen, checkWritable } from './guards.ts'
import { checkName } from './names.ts'
import { type LiveRow, type OpenTopic, openPartition } from './open-partition.ts'
import { TopicPruning } from './pruning.ts'
import { provenEnd } from './recover.ts'
import { removeStrayLinks } from './stray-links.ts'
import type { OpenTopicOptions, Topics } from './types.ts'

interface Opening {
  readonly id: number
  readonly opened: Promise<OpenTopic>
}

type Fork = (name: string, as: string, options: Parameters<Topics['fork']>[2] & object) => Promise<void>

/** What topics need of their store. */
export interface TopicsParts {
  readonly state: () => ManifestState
  readonly starts: PartitionStarts
  /** How the owner before this one ended; undefined in a store that only reads. */
  readonly before: 'cleanly' | 'uncleanly' | undefined
  /** Take a topic over as a new one, and commit it. */
  readonly fork: Fork
}

/** What a new topic is to be called in the manifest. */
export interface TopicPlace {
  readonly name: string
  readonly id: number
  /** Of its first partition; the others have the next ones. */
  readonly headSlot: number
}

/** A topic whose files are there, and what is told to whoever asked for it. */
export interface Adopted<T> {
  readonly row: TopicRow
  /** Paths of all of them. */
  readonly files: readonly string[]
  readonly result: T
}

export class StoreTopics implements Topics {
  readonly #context: LogContext
  readonly #state: () => ManifestState
  readonly #starts: PartitionStarts
  readonly #open = new Map<string, Opening>()
  readonly #opened = new Set<OpenTopic>()
  readonly #pruning: TopicPruning
  readonly #fork: Fork
  #changing: Promise<unknown> = Promise.resolve()

  constructor(context: LogContext, parts: TopicsParts) {
    this.#context = context
    this.#state = parts.state
    this.#starts = parts.starts
    this.#fork = parts.fork
    this.#pruning = new TopicPruning(context, {
      row: (id) => this.#rowById(id),
      oneByOne: (task) => this.#oneByOne(task),
    })
    if (!context.readOnly) this.#removeLeftovers()
    if (parts.before === 'uncleanly') void this.#oneByOne(() => removeStrayLinks(context, this.#state()))
  }

  async open<K extends Kinds = AnyKinds>(name: string, options: OpenTopicOptions<K> = {}): Promise<Topic<K>> {
    checkName(name, 'topic')
    checkOpen(this.#context, 'open a topic')
    const create = options.create === true ? {} : options.create
    const wanted = create === undefined ? undefined : newOptions(create)
    if (this.#context.readOnly) await this.#context.refresh()
    if (this.#row(name) === undefined) {
      if (wanted === undefined) throw this.#unknown('open', name)
      await this.#create(name, wanted)
    }
    // Also after a creation: another call may have been first.
    if (create !== undefined) this.#checkSame(name, create)
    const { topic } = await this.#openOnce(name)
    if (options.upcasts !== undefined) topic.upcasts = new Upcasts(name, options.upcasts)
    if (options.schemas !== undefined) topic.schemas = options.schemas as KindSchemas
    return topic as unknown as Topic<K>
  }

  #oneByOne<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(task)
    this.#changing = done.catch(() => undefined)
    return done
  }

  #row(name: string): TopicRow | undefined {
    return this.#state().topics.find((topic) => topic.name === name)
  }

  #rowById(id: number): TopicRow | undefined {
    return this.#state().topics.find((topic) => topic.id === id)
  }

  #unknown(action: string, name: string): VarveError {
    const topics = this.#state().topics.map((topic) => topic.name)
    const known = topics.length === 0 ? 'there are none' : `there are: ${topics.slice(0, 10).join(', ')}`
    return new VarveError('TOPIC_UNKNOWN', `Cannot ${action} topic "${name}": it does not exist; ${known}`, {
      details: { topic: name, topics: topics.slice(0, 100) },
    })
  }

  #checkSame(name: string, create: TopicOptions): void {
    const row = this.#row(name)
    const differs = row === undefined ? undefined : differingOption(row.options, create)
    if (differs === undefined) return
    const { option, has, wanted } = differs
    const [found, asked] = [JSON.stringify(has), JSON.stringify(wanted)]
    const message = `Cannot create topic "${name}": it exists with ${option} ${found}, not ${asked}`
    throw new VarveError('TOPIC_EXISTS', message, { details: { topic: name, option, has, wanted } })
  }

  #create(name: string, options: TopicRowOptions): Promise<void> {
    return this.#oneByOne(async () => {
      if (this.#row(name) !== undefined) return
      if (this.#context.readOnly) throw this.#unknown('open', name)
      const topic = await createTopic(this.#context, this.#state(), { name, options })
      await this.#context.commit({ type: 'topic-created', topic })
    })
  }

  #openOnce(name: string): Promise<OpenTopic> {
    const row = this.#row(name)
    if (row === undefined) return Promise.reject(this.#unknown('open', name))
    const known = this.#open.get(name)
    if (known?.id === row.id) return known.opened
    const opening = { id: row.id, opened: this.#openNow(row) }
    this.#open.set(name, opening)
    opening.opened.catch(() => {
      if (this.#open.get(name) === opening) this.#open.delete(name)
    })
    return opening.opened
  }

  async #openNow(row: TopicRow): Promise<OpenTopic> {
    try {
      return await this.#openAs(row)
    } catch (error) {
      if (!this.#context.readOnly || !isVarveError(error, 'SEGMENT_MISSING')) throw error
      // The owner may have pruned or deleted it between our looks at manifest and files.
      await this.#context.refresh()
      const now = this.#rowById(row.id)
      if (now === undefined) throw this.#unknown('open', row.name)
      if (now === row) throw error
      return this.#openAs(now)
    }
  }

  async #openAs(row: TopicRow): Promise<OpenTopic> {
    const live: LiveRow = { row, settings: settingsOf(row) }
    const partitions: OpenPartition[] = []
    try {
      for (const each of row.partitions) {
        const start = this.#starts.get(row.id, each)
        const rolled = () => this.#pruneDue(live, each.partition)
        partitions.push(await openPartition(this.#context, { live, row: each, start }, rolled))
      }
    } catch (error) {
      for (const { writer } of partitions) await writer?.close()
      throw error
    }
    const topic = new LogTopic(this.#context, {
      row: () => live.row,
      open: partitions,
      prune: (options) => this.#pruning.prune(opened, options),
    })
    const opened: OpenTopic = { topic, live, partitions }
    this.#opened.add(opened)
    // Where the partitions end was known when the store was opened; now is later.
    if (this.#context.readOnly) await this.#context.refresh()
    for (const { partition } of partitions) this.#pruneDue(live, partition.partition)
    return opened
  }

  /** A partition of an open topic may have become too large or too old. */
  #pruneDue(live: LiveRow, partition: number): void {
    const opened = [...this.#opened].find((open) => open.live === live)
    if (opened !== undefined) this.#pruning.due(opened, partition)
  }

  async change(name: string, options: ChangeableTopicOptions): Promise<TopicStats> {
    checkName(name, 'topic')
    checkWritable(this.#context, 'change a topic')
    for (const fixed of ['partitions', 'chain'] as const) {
      const given: unknown = Reflect.get(options, fixed)
      if (given !== undefined) throw optionInvalid(fixed, 'is fixed when the topic is created', given)
    }
    return this.#oneByOne(async () => {
      const row = this.#row(name)
      if (row === undefined) throw this.#unknown('change', name)
      const changed = changedOptions(row.options, options)
      await this.#context.commit({ type: 'topic-changed', topic: row.id, options: changed })
      const opened = await this.#openOnce(name)
      this.moved()
      for (const { partition } of opened.partitions) this.#pruneDue(opened.live, partition.partition)
      return opened.topic.stats()
    })
  }

  async fork(name: string, as: string, options: Parameters<Topics['fork']>[2] = {}): Promise<TopicStats> {
    await this.#fork(name, as, options)
    return (await this.#openOnce(as)).topic.stats()
  }

  async delete(name: string): Promise<void> {
    checkName(name, 'topic')
    checkWritable(this.#context, 'delete a topic')
    await this.#oneByOne(async () => {
      const row = this.#row(name)
      if (row === undefined) throw this.#unknown('delete', name)
      const opened = await this.#openOnce(name).catch(() => undefined)
      await deleteTopic(this.#context, { row, opened }, () => {
        if (opened !== undefined) this.#gone(opened)
      })
    })
  }

  /** Whoever has a deleted topic open is told so. */
  #gone(opened: OpenTopic): void {
    const { name, id, lineage } = opened.live.row
    if (this.#open.get(name)?.id === id) this.#open.delete(name)
    this.#opened.delete(opened)
    const details = { topic: name, lineage }
    const error = new VarveError('TOPIC_DELETED', `Cannot use topic "${name}": it was deleted`, { details })
    for (const { partition, writer } of opened.partitions) {
      partition.gone = error
      writer?.end(error)
      // A topic of the same name has files of the same names.
      this.#context.termPages.forgetAll(partition.directory)
      void this.#context.pool.forgetAll(partition.directory).catch(() => undefined)
    }
    opened.topic.deleted()
  }

  /** Go on with removals that an owner before us did not finish. */
  #removeLeftovers(): void {
    for (const { directory } of this.#state().removing ?? []) {
      const removed = this.#oneByOne(async () => {
        const removal = this.#state().removing?.find((one) => one.directory === directory)
        if (removal !== undefined) await removeFiles(this.#context, removal)
      })
      // A store that may not write any more says so to whoever writes next.
      removed.catch(() => undefined)
    }
  }

  /** The manifest has changed: take over options, and tell those who have a topic open that is gone. */
  moved(): void {
    const rows = new Map(this.#state().topics.map((row) => [row.id, row]))
    for (const opened of [...this.#opened]) {
      const { live } = opened
      const row = rows.get(live.row.id)
      if (row === undefined) this.#gone(opened)
      else if (row !== live.row) Object.assign(live, { row, settings: settingsOf(row) })
    }
  }

  async list(): Promise<TopicStats[]> {
    checkOpen(this.#context, 'list topics')
    if (this.#context.readOnly) await this.#context.refresh()
    const names = this.#state().topics.map((topic) => topic.name)
    names.sort()
    const stats: TopicStats[] = []
    for (const name of names) {
      // Deleted meanwhile.
      if (this.#row(name) === undefined) continue
      stats.push((await this.#openOnce(name)).topic.stats())
    }
    return stats
  }

  /** Every partition that is open, with the id of its topic. */
  *openPartitions(): Iterable<{ topicId: number; partition: Partition }> {
    for (const { live, partitions } of this.#opened) {
      for (const { partition } of partitions) yield { topicId: live.row.id, partition }
    }
  }

  /** The durable end of a partition at this moment, which may be later than what the row says. */
  endNow(topicId: number, row: PartitionRow): ProvenEnd {
    const opened = [...this.#opened].find(({ live }) => live.row.id === topicId)
    const partition = opened?.partitions[row.partition]?.partition
    if (partition === undefined) return this.#starts.get(topicId, row).end
    // Its segment was sealed in the manifest, and it does not know yet.
    return partition.active.ref.id === row.segments.at(-1)?.id ? partition.durable : provenEnd(row)
  }

  /** Seal active segments of so many bytes; of a topic that is deleted meanwhile nothing. */
  async rollLarge(name: string, bytes: number): Promise<void> {
    const { live, partitions } = await this.#openOnce(name)
    for (const { partition, writer } of partitions) {
      const isDue = () => this.#rowById(live.row.id) !== undefined && partition.durable.position >= bytes
      if (writer === undefined || !isDue()) continue
      await writer.exclusively(async () => {
        if (isDue()) await writer.roll()
      })
    }
  }

  /** Check that a topic may have this name. @throws {VarveError} `NAME_INVALID`, `TOPIC_EXISTS`. */
  checkFree(name: string): void {
    checkName(name, 'topic')
    if (this.#row(name) !== undefined)
      throw new VarveError('TOPIC_EXISTS', `Cannot create topic "${name}": it exists`, { details: { topic: name } })
    checkSpelling(this.#state(), name)
  }

  /** Make a topic of the log of another one.
   * @param take what is taken over, asked for when nothing else changes the set of files.
   * @throws {VarveError} `TOPIC_EXISTS`, `NAME_INVALID`, and what `take` throws. */
  async adopt<T>(name: string, take: (place: TopicPlace) => Promise<Adopted<T>>): Promise<T> {
    this.checkFree(name)
    checkWritable(this.#context, 'create a topic')
    return this.#oneByOne(async () => {
      this.checkFree(name)
      const state = this.#state()
      const { row, files, result } = await take({ name, id: nextTopicId(state), headSlot: nextHeadSlot(state) })
      await this.#context.commit({ type: 'topic-created', topic: row }).catch(async (error: unknown) => {
        // Unless the record may be there all the same, nobody will ever need them.
        if (this.#context.health.failure === undefined) await removeMade(this.#context, files)
        throw error
      })
      return result
    })
  }

  /** The durable end of a partition now. */
  async endOf(topicId: number, row: PartitionRow): Promise<{ position: number; offset: number }> {
    for (const { id, opened } of this.#open.values()) {
      if (id !== topicId) continue
      const open = await opened.catch(() => undefined)
      return open?.partitions[row.partition]?.partition.durable ?? this.#starts.get(topicId, row).end
    }
    return this.#starts.get(topicId, row).end
  }

  async checkpoint(): Promise<void> {
    for (const { opened } of [...this.#open.values()]) {
      // One that cannot be opened has nothing to write, and its caller is told.
      const open = await opened.catch(() => undefined)
      for (const { writer } of open?.partitions ?? []) await writer?.checkpoint()
    }
  }

  /** Finish and close every writer. @returns the ends of all partitions, for the record of a clean close. */
  async closeWriters(): Promise<({ topic: number; partition: number } & ProvenEnd)[]> {
    await this.#changing
    for (const { id, opened } of [...this.#open.values()]) {
      const open = await opened.catch(() => undefined)
      for (const { partition, writer } of open?.partitions ?? []) {
        const end = await writer?.close()
        if (end !== undefined) this.#starts.set(id, partition.partition, { end })
      }
    }
    return this.#state().topics.flatMap((topic) =>
      topic.partitions.map((row) => {
        const { position, offset, hash } = this.#starts.get(topic.id, row).end
        return { topic: topic.id, partition: row.partition, position, offset, hash }
      }),
    )
  }
}
