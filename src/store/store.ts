/** An open store: its topics, documents, histories and projections, and the order in which things end.
 * @module */
import { VarveError } from '../errors.ts'
import { FORMAT_VERSION, type ManifestState } from '../manifest/index.ts'
import type { SnapshotPolicy } from '../snapshot/types.ts'
import type { LogContext } from '../topic/context.ts'
import { StoreDocuments } from './documents.ts'
import type { PartitionStarts } from './ends.ts'
import { StoreHistories } from './histories.ts'
import { StoreProjections } from './projections.ts'
import { StoreSnapshots } from './snapshots.ts'
import { StoreTopics } from './topics.ts'
import type { OpenReport, Store, StoreStats, VerifyOptions, VerifyReport } from './types.ts'
import { verifyStore } from './verify.ts'

/** What opening hands to the store. */
export interface OpenedParts {
  readonly state: () => ManifestState
  readonly starts: PartitionStarts
  readonly report: OpenReport
  readonly closing: AbortController
  readonly snapshotPolicy: Partial<SnapshotPolicy> | undefined
  /** How the owner before this one ended; undefined in a store that only reads. */
  readonly before: 'cleanly' | 'uncleanly' | undefined
  /** Stop the heartbeat; give up head file, manifest and place. */
  readonly release: () => Promise<unknown>
}

export class LogStore implements Store {
  readonly id: string
  readonly readOnly: boolean
  readonly openReport: OpenReport
  readonly topics: StoreTopics
  readonly documents: StoreDocuments
  readonly histories: StoreHistories
  readonly projections: StoreProjections
  readonly snapshots: StoreSnapshots
  readonly #context: LogContext
  readonly #parts: OpenedParts
  #closing: Promise<void> | undefined

  constructor(context: LogContext, parts: OpenedParts) {
    this.#context = context
    this.#parts = parts
    this.id = context.storeId
    this.readOnly = context.readOnly
    this.openReport = parts.report
    const { state, starts, before } = parts
    this.topics = new StoreTopics(context, { state, starts, before, fork: (...call) => this.snapshots.fork(...call) })
    this.documents = new StoreDocuments(context, parts.state, parts.before)
    this.histories = new StoreHistories(context, parts.state, parts.before)
    this.projections = new StoreProjections(context, parts.state, this)
    const { topics, documents, histories } = this
    const { snapshotPolicy: policy } = parts
    const isNew = parts.report.source === 'created'
    this.snapshots = new StoreSnapshots({ context, state, isNew, topics, documents, histories, policy })
  }

  async stats(): Promise<StoreStats> {
    this.#checkOpen()
    const topics = await this.topics.list()
    const documents = this.documents.totals()
    const histories = this.histories.totals()
    const { budgetBytes, sizeBytes: usedBytes } = this.#context.termPages
    return {
      storeId: this.id,
      storage: this.#context.storage.name,
      location: this.#context.storage.location,
      readOnly: this.readOnly,
      epoch: this.#context.epoch,
      formatVersion: FORMAT_VERSION,
      topics: topics.length,
      documents: documents.count,
      histories: histories.count,
      projections: (this.#parts.state().projections ?? []).length,
      events: topics.reduce((sum, { events }) => sum + events, 0),
      sizeBytes: topics.reduce((sum, { sizeBytes }) => sum + sizeBytes, documents.sizeBytes + histories.sizeBytes),
      memory: { budgetBytes, usedBytes },
      state: this.#state(),
    }
  }

  #state(): StoreStats['state'] {
    if (this.#closing !== undefined) return 'closed'
    const failure = this.#context.health.failure
    if (failure === undefined) return 'open'
    return failure.code === 'STORE_FENCED' ? 'fenced' : 'poisoned'
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new VarveError('STORE_CLOSED', 'Cannot use the store: it is closed')
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.#checkOpen()
    return verifyStore(this.#context, this.#parts.state, {
      ...options,
      ends: (id, row) => this.topics.endOf(id, row),
    })
  }

  async checkpoint(): Promise<void> {
    this.#checkOpen()
    if (this.readOnly) throw new VarveError('STORE_READ_ONLY', 'Cannot checkpoint: the store is open read-only')
    await this.topics.checkpoint()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** 1. Projections that run publish once more and end. 2. Tails end; snapshots that are being made or restored, and
   * documents that are still streaming in, are given up. 3. Queued appends finish. 4. Checkpoints. Beside them
   * documents that are being published are, and versions that wait, and what is open is closed. 5. The record of a
   * clean close, unless something failed: then the next open recovers. 6. The place is free. */
  async #close(): Promise<void> {
    const ended = this.projections.close()
    if (ended !== undefined) await ended
    this.#parts.closing.abort()
    await this.snapshots.close()
    const { health } = this.#context
    // To its end, whatever becomes of the topics; and they to theirs.
    const documents = this.documents.close()
    documents.catch(() => undefined)
    const histories = this.histories.close()
    histories.catch(() => undefined)
    try {
      if (!this.readOnly) {
        if (health.failure === undefined) await this.topics.checkpoint()
        const partitions = await this.topics.closeWriters()
        const [untidyDocuments, untidyHistories] = [await documents, await histories]
        const left = {
          ...(untidyDocuments.length > 0 && { untidyDocuments }),
          ...(untidyHistories.length > 0 && { untidyHistories }),
        }
        if (health.failure === undefined) await this.#context.commit({ type: 'closed', partitions, ...left })
      }
    } catch (error) {
      // What was acknowledged is safe either way; without the record the next open scans the tails.
      this.#context.diagnose('CLOSED_UNCLEANLY', 'Closed without the record of a clean close', {
        reason: String(error),
      })
    } finally {
      await Promise.allSettled([documents, histories])
      await this.#context.pool.close().finally(() => this.#parts.release())
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
