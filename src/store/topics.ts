/** The topics of a store: creating, opening once, listing, closing.
 * @module */
import { VarveError } from '../errors.ts'
import type { Checkpoint } from '../index/checkpoint.ts'
import {
  type ManifestState,
  nextHeadSlot,
  nextTopicId,
  type PartitionRow,
  type ProvenEnd,
  partitionDirectory,
  type TopicRow,
} from '../manifest/index.ts'
import { randomId } from '../ports/random.ts'
import { segmentFeatures } from '../segment/header.ts'
import { SparseIndex } from '../segment/sparse-index.ts'
import { loadCheckpoint } from '../topic/checkpoints.ts'
import type { LogContext } from '../topic/context.ts'
import { wholeOption } from '../topic/filter.ts'
import { Partition } from '../topic/partition.ts'
import { createSegment, type FreshSegment } from '../topic/roll.ts'
import type { KindSchemas } from '../topic/schema.ts'
import { LogTopic, type OpenPartition } from '../topic/topic.ts'
import type { AnyKinds, Kinds, Topic, TopicOptions, TopicStats } from '../topic/types.ts'
import { EntityVersions } from '../topic/versions.ts'
import { PartitionWriter } from '../topic/writer.ts'
import type { PartitionStarts } from './ends.ts'
import { checkName } from './names.ts'
import type { OpenTopicOptions, Topics } from './types.ts'

const LINEAGE_CHARACTERS = 12
const SEGMENT_DEFAULT_BYTES = 64 * 1024 * 1024
const MIB = 1024 * 1024
const NO_HASH = '0'.repeat(64)

interface OpenTopic {
  readonly topic: LogTopic
  readonly row: TopicRow
  readonly partitions: readonly OpenPartition[]
}

export class StoreTopics implements Topics {
  readonly #context: LogContext
  readonly #state: () => ManifestState
  readonly #starts: PartitionStarts
  readonly #open = new Map<string, Promise<OpenTopic>>()
  readonly #opened: OpenTopic[] = []
  #creating: Promise<unknown> = Promise.resolve()

  constructor(context: LogContext, state: () => ManifestState, starts: PartitionStarts) {
    this.#context = context
    this.#state = state
    this.#starts = starts
  }

  async open<K extends Kinds = AnyKinds>(name: string, options: OpenTopicOptions<K> = {}): Promise<Topic<K>> {
    checkName(name, 'topic')
    this.#checkOpen('open a topic')
    const wanted =
      options.create === undefined ? undefined : checkOptions(options.create === true ? {} : options.create)
    if (this.#row(name) === undefined) {
      if (wanted === undefined) throw this.#unknown(name)
      await this.#create(name, wanted)
    }
    // Also after a creation: another call may have been first.
    if (wanted !== undefined) this.#checkSame(name, options.create === true ? {} : (options.create ?? {}))
    const { topic } = await this.#openOnce(name)
    if (options.schemas !== undefined) topic.schemas = options.schemas as KindSchemas
    return topic as unknown as Topic<K>
  }

  #checkOpen(action: string): void {
    if (this.#context.closing.aborted) throw new VarveError('STORE_CLOSED', `Cannot ${action}: the store is closed`)
  }

  #row(name: string): TopicRow | undefined {
    return this.#state().topics.find((topic) => topic.name === name)
  }

  #unknown(name: string): VarveError {
    const topics = this.#state().topics.map((topic) => topic.name)
    const known = topics.length === 0 ? 'there are none' : `there are: ${topics.slice(0, 10).join(', ')}`
    return new VarveError('TOPIC_UNKNOWN', `Cannot open topic "${name}": it does not exist; ${known}`, {
      details: { topic: name, topics: topics.slice(0, 100) },
    })
  }

  #checkSame(name: string, wanted: TopicOptions): void {
    const has = this.#row(name)?.options
    for (const option of ['partitions', 'segmentBytes'] as const) {
      if (wanted[option] === undefined || wanted[option] === has?.[option]) continue
      const message = `Cannot create topic "${name}": it exists with ${option} ${has?.[option]}, not ${wanted[option]}`
      throw new VarveError('TOPIC_EXISTS', message, {
        details: { topic: name, option, has: has?.[option], wanted: wanted[option] },
      })
    }
  }

  #create(name: string, options: Required<TopicOptions>): Promise<void> {
    const created = this.#creating.then(async () => {
      if (this.#row(name) === undefined) await this.#createNow(name, options)
    })
    this.#creating = created.catch(() => undefined)
    return created
  }

  /** Segment files first, made durable; then one manifest record, the commit point. */
  async #createNow(name: string, options: Required<TopicOptions>): Promise<void> {
    const { storage, health, readOnly } = this.#context
    if (readOnly) throw this.#unknown(name)
    if (health.failure !== undefined) throw health.failure
    const folded = this.#state().topics.find((topic) => topic.name.toLowerCase() === name.toLowerCase())
    if (folded !== undefined) {
      throw new VarveError('NAME_INVALID', `Cannot create topic "${name}": "${folded.name}" differs only in case`, {
        details: { name, other: folded.name },
      })
    }
    const lineage = randomId(this.#context.random, LINEAGE_CHARACTERS)
    const headSlot = nextHeadSlot(this.#state())
    const partitions: PartitionRow[] = []
    for (let partition = 0; partition < options.partitions; partition++) {
      const directory = partitionDirectory(name, partition)
      const facts = { partition, lineage, baseOffset: 0, hashBefore: NO_HASH, features: segmentFeatures(options) }
      const fresh: FreshSegment = await createSegment(this.#context, directory, facts)
      try {
        await fresh.handle.sync()
        await storage.syncDirectory(directory)
      } catch (error) {
        throw health.poison(error)
      } finally {
        await fresh.handle.close()
      }
      const segments = [fresh.row]
      partitions.push({ partition, headSlot: headSlot + partition, logStartOffset: 0, logStartHash: NO_HASH, segments })
    }
    const row: TopicRow = {
      name,
      id: nextTopicId(this.#state()),
      lineage,
      createdAt: this.#context.clock.now(),
      options: { ...options, partitioner: 1 },
      partitions,
    }
    await this.#context.commit({ type: 'topic-created', topic: row })
  }

  #openOnce(name: string): Promise<OpenTopic> {
    const known = this.#open.get(name)
    if (known !== undefined) return known
    const opening = this.#openNow(name)
    this.#open.set(name, opening)
    opening.catch(() => this.#open.delete(name))
    return opening
  }

  async #openNow(name: string): Promise<OpenTopic> {
    const row = this.#row(name)
    if (row === undefined) throw this.#unknown(name)
    const partitions: OpenPartition[] = []
    try {
      for (const partitionRow of row.partitions) partitions.push(await this.#openPartition(row, partitionRow))
    } catch (error) {
      for (const { writer } of partitions) await writer?.close()
      throw error
    }
    const opened = { topic: new LogTopic(this.#context, row, partitions), row, partitions }
    this.#opened.push(opened)
    return opened
  }

  async #openPartition(topic: TopicRow, row: PartitionRow): Promise<OpenPartition> {
    const start = this.#starts.get(topic.id, row)
    const { end, pieces } = start
    const facts = { topic: topic.name, lineage: topic.lineage, row, durable: end }
    const partition = new Partition(this.#context, pieces === undefined ? facts : { ...facts, pieces })
    const checkpoint = await this.#checkpointAt(topic, partition, end)
    const fresh = end.offset === partition.active.ref.baseOffset ? new SparseIndex() : undefined
    const index = fresh ?? start.index ?? checkpoint?.index
    if (index !== undefined) partition.adoptActiveIndex(index)
    const lastRecordedAt = start.recordedAt ?? checkpoint?.recordedAt ?? (await lastRecorded(partition))
    if (lastRecordedAt !== undefined) partition.adoptLastRecordedAt(lastRecordedAt)
    const versions = new EntityVersions(this.#context, partition, checkpoint)
    if (this.#context.readOnly) return { partition, versions, writer: undefined }
    const writer = new PartitionWriter(this.#context, partition, {
      topic: topic.name,
      lineage: topic.lineage,
      segmentBytes: topic.options.segmentBytes,
      topicId: topic.id,
      handle: await this.#context.storage.openAppend(partition.active.ref.path),
      end,
      lastRecordedAt: lastRecordedAt ?? 0,
      compression: topic.options.compression ?? 'none',
      chain: topic.options.chain ?? 'batches',
      versions,
      checkpointed: checkpoint !== undefined,
    })
    return { partition, versions, writer }
  }

  /** The checkpoint of a partition when it covers everything up to `end`: the usual case after a clean close. */
  async #checkpointAt(topic: TopicRow, partition: Partition, end: ProvenEnd): Promise<Checkpoint | undefined> {
    const active = partition.active.ref
    if (end.offset === active.baseOffset) return undefined
    const owner = { lineage: topic.lineage, partition: partition.partition }
    const facts = { owner, segment: active, end }
    return loadCheckpoint(this.#context, partition.directory, facts)
  }

  async list(): Promise<TopicStats[]> {
    this.#checkOpen('list topics')
    const names = this.#state().topics.map((topic) => topic.name)
    names.sort()
    const stats: TopicStats[] = []
    for (const name of names) stats.push((await this.#openOnce(name)).topic.stats())
    return stats
  }

  /** Every partition that is open, with the id of its topic. */
  *openPartitions(): Iterable<{ topicId: number; partition: Partition }> {
    for (const { row, partitions } of this.#opened) {
      for (const { partition } of partitions) yield { topicId: row.id, partition }
    }
  }

  /** The durable end of a partition now. */
  async endOf(topicId: number, row: PartitionRow): Promise<{ position: number; offset: number }> {
    for (const opening of this.#open.values()) {
      const open = await opening.catch(() => undefined)
      if (open?.row.id === topicId)
        return open.partitions[row.partition]?.partition.durable ?? this.#starts.get(topicId, row).end
    }
    return this.#starts.get(topicId, row).end
  }

  async checkpoint(): Promise<void> {
    for (const opening of this.#open.values()) {
      // One that cannot be opened has nothing to write, and its caller is told.
      const open = await opening.catch(() => undefined)
      for (const { writer } of open?.partitions ?? []) await writer?.checkpoint()
    }
  }

  /** Finish and close every writer. @returns the ends of all partitions, for the record of a clean close. */
  async closeWriters(): Promise<({ topic: number; partition: number } & ProvenEnd)[]> {
    await this.#creating
    for (const opening of this.#open.values()) {
      const open = await opening.catch(() => undefined)
      for (const { partition, writer } of open?.partitions ?? []) {
        const end = await writer?.close()
        if (end !== undefined && open !== undefined) this.#starts.set(open.row.id, partition.partition, { end })
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

/** `recordedAt` of the last event, so that it never goes backwards over a restart. Reads one block. */
async function lastRecorded(partition: Partition): Promise<number | undefined> {
  const { offset } = partition.durable
  if (offset === partition.logStartOffset) return undefined
  return (await partition.drive(partition.one(offset - 1)))?.recordedAt
}

/** @throws {VarveError} `OPTION_INVALID`. */
function checkOptions(options: TopicOptions): Required<TopicOptions> {
  return {
    partitions: wholeOption('partitions', options.partitions ?? 1, { least: 1, most: 1_024 }),
    segmentBytes: wholeOption('segmentBytes', options.segmentBytes ?? SEGMENT_DEFAULT_BYTES, {
      least: MIB,
      most: 1024 * MIB,
    }),
  }
}
