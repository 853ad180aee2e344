/** The projections of a store: rows of the manifest, and the documents and histories in which their states are kept.
 *
 * A state and the positions that it reflects are one record of the manifest. Projections are created and deleted one
 * after the other.
 * @module */

import { VarveError } from '../errors.ts'
import { findDocument, findProjection, type ManifestState, ownName, type ProjectionRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import { Folder } from '../projection/fold.ts'
import type { ProjectionHost } from '../projection/host.ts'
import { StoredProjection } from '../projection/projection.ts'
import type {
  Fold,
  OpenProjectionOptions,
  Projection,
  ProjectionOptions,
  ProjectionStatus,
} from '../projection/types.ts'
import type { LogContext } from '../topic/context.ts'
import type { AnyKinds, Kinds, Topic } from '../topic/types.ts'
import type { StoreDocuments } from './documents.ts'
import { checkWritable } from './guards.ts'
import type { StoreHistories } from './histories.ts'
import { historySettings } from './history-settings.ts'
import { checkName } from './names.ts'
import { ProjectionStates } from './projection-states.ts'
import { Stopping } from './stopping.ts'
import type { StoreTopics } from './topics.ts'
import type { Projections } from './types.ts'

const EVERY_DEFAULT = 10_000
const EVERY_MOST = 10_000_000

/** What projections are made of. */
export interface ProjectionParts {
  readonly topics: StoreTopics
  readonly documents: StoreDocuments
  readonly histories: StoreHistories
}

export class StoreProjections implements Projections {
  readonly #context: LogContext
  readonly #state: () => ManifestState
  readonly #parts: ProjectionParts
  readonly #host: ProjectionHost
  readonly #open = new Map<string, StoredProjection>()
  readonly #ending = new AbortController()
  readonly #stopping = new Stopping(this.#ending.signal)
  /** Runs, folds, creations and deletions that are under way. */
  readonly #begun = new Set<Promise<void>>()
  #changing: Promise<unknown> = Promise.resolve()

  constructor(context: LogContext, state: () => ManifestState, parts: ProjectionParts) {
    this.#context = context
    this.#state = state
    this.#parts = parts
    const states = new ProjectionStates(parts, {
      row: (name) => this.#row(name, 'read'),
      documentVersion: (name) => findDocument(state().documents, name)?.version,
      commit: (record) => context.commit(record),
    })
    this.#host = {
      clock: context.clock,
      begin: (caller) => this.#begin(caller),
      row: (name) => this.#row(name, 'use'),
      refresh: () => this.#refresh('use a projection'),
      checkWritable: (action) => this.#checkWritable(action),
      openTopic: (name) => this.#openTopic(name),
      published: (name) => states.published(name),
      keptAt: (name, moment) => states.kept(name, moment),
      publish: (row, newState) => states.publish(row, newState),
      draft: (name) => states.draft(name),
      diagnose: (code, message, details) => context.diagnose(code, message, details),
    }
  }

  async open<S, K extends Kinds = AnyKinds>(
    name: string,
    options: OpenProjectionOptions<S, K> = {},
  ): Promise<Projection<S>> {
    checkName(name, 'projection')
    const { create } = options
    const fold = options.fold as Fold<unknown> | undefined
    // Checked before anything is created.
    if (fold !== undefined) new Folder(fold)
    if (create !== undefined) checkOptions(create)
    await this.#refresh('open a projection')
    if (this.#find(name) === undefined) {
      if (create === undefined) throw this.#unknown('open', name)
      await this.#oneByOne(() => this.#create(name, create))
    }
    const row = this.#row(name, 'open')
    if (create !== undefined) checkSame(row, create)
    const projection = this.#opened(row)
    if (fold !== undefined) projection.use(fold)
    return projection as Projection<unknown> as Projection<S>
  }

  async #create(name: string, options: ProjectionOptions): Promise<void> {
    this.#checkWritable('create a projection')
    const other = findProjection(this.#state().projections, name)
    if (other?.name === name) return
    if (other !== undefined) {
      const message = `Cannot create projection "${name}": "${other.name}" differs only in case`
      throw new VarveError('NAME_INVALID', message, { details: { name, other: other.name } })
    }
    const { topic, topicId } = await this.#openTopic(options.topic)
    const { keep = 'document', everyEvents = EVERY_DEFAULT } = options
    const createdAt = this.#context.clock.now()
    const projection: ProjectionRow = {
      name,
      topic: options.topic,
      topicId,
      keep,
      everyEvents,
      createdAt,
      foldVersion: 0,
      positions: new Array<number>(topic.partitions).fill(0),
      publishedAt: 0,
    }
    const history = { name: ownName(name), createdAt, options: historySettings({}), lastVersion: 0, groups: [] }
    const states = keep === 'history' ? { history } : {}
    await this.#context.commit({ type: 'projection-created', projection, ...states })
  }

  async list(): Promise<ProjectionStatus[]> {
    await this.#refresh('list projections')
    const names = (this.#state().projections ?? []).map(({ name }) => name).sort()
    const statuses: ProjectionStatus[] = []
    for (const name of names) {
      // Deleted meanwhile.
      const row = this.#find(name)
      if (row !== undefined) statuses.push(await this.#opened(row).status())
    }
    return statuses
  }

  async delete(name: string): Promise<void> {
    checkName(name, 'projection')
    this.#checkWritable('delete a projection')
    await this.#oneByOne(async () => {
      const { keep, ...row } = this.#row(name, 'delete')
      const { documents, histories } = this.#parts
      await this.#opened(row).end(() => this.#context.commit({ type: 'projection-deleted', name }))
      this.#open.delete(name)
      await (keep === 'document' ? documents : histories).forget(ownName(name))
    })
  }

  #checkOpen(action: string): void {
    const isClosed = this.#ending.signal.aborted || this.#context.closing.aborted
    if (isClosed) throw new VarveError('STORE_CLOSED', `Cannot ${action}: the store is closed`)
  }

  #checkWritable(action: string): void {
    this.#checkOpen(action)
    checkWritable(this.#context, action)
  }

  async #refresh(action: string): Promise<void> {
    this.#checkOpen(action)
    await this.#context.refresh()
  }

  #oneByOne<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(task)
    const settled: Promise<void> = done.then(
      () => undefined,
      () => undefined,
    )
    this.#changing = settled
    this.#begun.add(settled)
    void settled.then(() => this.#begun.delete(settled))
    return done
  }

  #find(name: string): ProjectionRow | undefined {
    const row = findProjection(this.#state().projections, name)
    return row?.name === name ? row : undefined
  }

  #row(name: string, action: string): ProjectionRow {
    const row = this.#find(name)
    if (row === undefined) throw this.#unknown(action, name)
    return row
  }

  #unknown(action: string, name: string): VarveError {
    const names = (this.#state().projections ?? []).slice(0, 100).map((row) => row.name)
    const known = names.length === 0 ? 'there are none' : `there are: ${names.slice(0, 10).join(', ')}`
    return new VarveError('PROJECTION_UNKNOWN', `Cannot ${action} projection "${name}": it does not exist; ${known}`, {
      details: { projection: name, projections: names },
    })
  }

  #opened(row: Pick<ProjectionRow, 'name' | 'topic'>): StoredProjection {
    const known = this.#open.get(row.name)
    if (known?.topic === row.topic) return known
    const projection = new StoredProjection(this.#host, row)
    this.#open.set(row.name, projection)
    return projection
  }

  #begin(caller: AbortSignal | undefined): { readonly signal: AbortSignal; end(): void } {
    const { signal, end } = this.#stopping.begin(caller)
    let ended = () => {}
    const done = new Promise<void>((resolve) => {
      ended = resolve
    })
    this.#begun.add(done)
    return {
      signal,
      end: () => {
        end()
        this.#begun.delete(done)
        ended()
      },
    }
  }

  async #openTopic(name: string): Promise<{ readonly topic: Topic; readonly topicId: number }> {
    for (;;) {
      const topic = await this.#parts.topics.open(name)
      const row = this.#state().topics.find(({ lineage }) => lineage === topic.lineage)
      // Otherwise deleted meanwhile; there may be another one by now.
      if (row !== undefined) return { topic, topicId: row.id }
    }
  }

  /** Runs publish once more and end. @returns undefined when nothing is under way. */
  close(): Promise<unknown> | undefined {
    this.#ending.abort()
    const begun = [...this.#begun]
    return begun.length === 0 ? undefined : Promise.all(begun)
  }
}

function checkOptions(options: ProjectionOptions): void {
  if (typeof options !== 'object' || options === null) throw optionInvalid('create', 'must be an object', options)
  const { topic, keep = 'document', everyEvents = EVERY_DEFAULT } = options
  checkName(topic, 'topic')
  if (keep !== 'document' && keep !== 'history') throw optionInvalid('keep', 'must be "document" or "history"', keep)
  wholeOption('everyEvents', everyEvents, { least: 1, most: EVERY_MOST })
}

function checkSame(row: ProjectionRow, create: ProjectionOptions): void {
  for (const option of ['topic', 'keep', 'everyEvents'] as const) {
    const [has, wanted] = [row[option], create[option]]
    if (wanted === undefined || wanted === has) continue
    const [found, asked] = [JSON.stringify(has), JSON.stringify(wanted)]
    const message = `Cannot create projection "${row.name}": it exists with ${option} ${found}, not ${asked}`
    throw new VarveError('PROJECTION_EXISTS', message, { details: { projection: row.name, option, has, wanted } })
  }
}
