/** When and what to prune of the topics of a store.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { TopicRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { LogContext } from '../topic/context.ts'
import { isPruneDue, type PruneTarget, prunePartition } from '../topic/prune.ts'
import type { OpenPartition } from '../topic/readable.ts'
import type { PruneRule } from '../topic/retention.ts'
import type { PruneOptions, PruneReport } from '../topic/types.ts'
import type { OpenTopic } from './open-partition.ts'

/** What pruning needs of the store. */
export interface PruningStore {
  /** A topic as it is in the manifest now; undefined when it was deleted. */
  readonly row: (topicId: number) => TopicRow | undefined
  /** Run after what else changes the set of files. */
  readonly oneByOne: <T>(task: () => Promise<T>) => Promise<T>
}

export class TopicPruning {
  readonly #context: LogContext
  readonly #store: PruningStore

  constructor(context: LogContext, store: PruningStore) {
    this.#context = context
    this.#store = store
  }

  /** Prune a topic now, as its retention or the caller says.
   * @throws {VarveError} `OPTION_INVALID`, `PARTITION_UNKNOWN`, `STORE_READ_ONLY`, `TOPIC_DELETED`, and what
   * `prunePartition` throws. */
  prune(opened: OpenTopic, options: PruneOptions = {}): Promise<PruneReport> {
    const { dryRun = false, before, partition: named } = options
    if (typeof dryRun !== 'boolean') throw optionInvalid('dryRun', 'must be true or false', dryRun)
    if (!dryRun && this.#context.readOnly) {
      throw new VarveError('STORE_READ_ONLY', 'Cannot prune: the store is open read-only')
    }
    const all = opened.partitions
    if (before !== undefined) {
      wholeOption('before', before, { least: 0 })
      if (named === undefined && all.length > 1) {
        throw optionInvalid('before', 'needs `partition` in a topic with several', before)
      }
    }
    const selected = named === undefined ? all : [namedPartition(opened, named)]
    const rule: PruneRule = before === undefined ? opened.live.settings.retention : { before }
    return this.#store.oneByOne(async () => {
      const partitions = []
      for (const open of selected) {
        const target = this.#target(opened, open)
        partitions.push(await prunePartition(this.#context, target, { rule, dryRun }))
      }
      return { dryRun, partitions }
    })
  }

  /** Prune a partition in the background if its topic's retention asks for it. Called when a topic is opened, when its
   * options have changed, and after each roll. A failure is reported; the next roll or open tries again. */
  due(opened: OpenTopic, partition: number): void {
    const { readOnly, closing } = this.#context
    const rule = opened.live.settings.retention
    const open = opened.partitions[partition]
    if (open === undefined || readOnly || closing.aborted || Object.keys(rule).length === 0) return
    const isGone = () => closing.aborted || open.partition.gone !== undefined
    if (isGone() || !isPruneDue(this.#context, this.#target(opened, open), rule)) return
    const prune = async () => {
      if (!isGone()) await prunePartition(this.#context, this.#target(opened, open), { rule, dryRun: false })
    }
    this.#store.oneByOne(prune).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      const details = { topic: opened.topic.name, partition, reason }
      if (isVarveError(error, 'STORE_FENCED')) return
      this.#context.diagnose('PRUNE_FAILED', `Could not prune topic "${opened.topic.name}"`, details)
    })
  }

  #target(opened: OpenTopic, { partition, writer }: OpenPartition): PruneTarget {
    const topicId = opened.live.row.id
    const row = () => {
      const found = this.#store.row(topicId)?.partitions[partition.partition]
      if (found !== undefined) return found
      throw partition.gone ?? new VarveError('TOPIC_DELETED', `Cannot prune topic "${partition.topic}": it was deleted`)
    }
    const closed = () => Promise.reject(new VarveError('STORE_CLOSED', 'Cannot prune: the store is closed'))
    return {
      topicId,
      partition,
      row,
      exclusively: (task) => writer?.exclusively(task) ?? closed(),
      roll: () => writer?.roll() ?? closed(),
      withRunsBefore: (offset, use) => writer?.withRunsBefore(offset, use) ?? closed(),
    }
  }
}

function namedPartition({ topic, partitions }: OpenTopic, named: number): OpenPartition {
  const open = Number.isSafeInteger(named) ? partitions[named] : undefined
  if (open !== undefined) return open
  const message = `Cannot use partition ${named} of topic "${topic.name}": it has ${partitions.length}`
  throw new VarveError('PARTITION_UNKNOWN', message, {
    details: { topic: topic.name, partition: named, partitions: partitions.length },
  })
}
