/** A projection of an open store: what callers ask of it, and at most one run.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import { copyValue } from '../history/patch/copy-value.ts'
import type { ProjectionRow } from '../manifest/index.ts'
import type { Topic } from '../topic/types.ts'
import { findBeginning } from './beginning.ts'
import { Folder } from './fold.ts'
import type { ProjectionHost } from './host.ts'
import { beginningOf, lagOf, projected } from './reading.ts'
import { ProjectionRun } from './run.ts'
import { foldAt } from './state-at.ts'
import type { Fold, Projected, Projection, ProjectionStatus, RunOptions, StateMoment } from './types.ts'

interface Running {
  state: 'running' | 'following'
  run: ProjectionRun | undefined
  /** Ends it as its signal would. */
  readonly stop: AbortController
  /** Resolves when it is over. */
  readonly over: Promise<void>
  readonly isOver: () => void
}

export class StoredProjection implements Projection {
  readonly name: string
  readonly topic: string
  readonly #host: ProjectionHost
  #folder: Folder | undefined
  #running: Running | undefined
  #gone: VarveError | undefined
  /** What whoever follows makes way for. */
  #rebuilding: Promise<ProjectionStatus> | undefined

  constructor(host: ProjectionHost, row: Pick<ProjectionRow, 'name' | 'topic'>) {
    this.#host = host
    this.name = row.name
    this.topic = row.topic
  }

  /** Take a fold for everything that begins from here on. @throws {VarveError} `OPTION_INVALID`. */
  use(fold: Fold<unknown>): void {
    this.#folder = new Folder(fold)
  }

  run(options: RunOptions = {}): Promise<ProjectionStatus> {
    return this.#run(options, {})
  }

  async follow(options: RunOptions = {}): Promise<ProjectionStatus> {
    const { signal, end } = this.#host.begin(options.signal)
    try {
      for (;;) {
        const status = await this.#run(options, { isFollowing: true })
        const rebuilding = this.#rebuilding
        if (rebuilding === undefined) return status
        // What it throws its caller learns; and an apply that throws once more whoever follows.
        await rebuilding.catch(() => undefined)
        if (signal.aborted) return await this.#status(this.#host.row(this.name))
      }
    } finally {
      end()
    }
  }

  async rebuild(options: RunOptions = {}): Promise<ProjectionStatus> {
    const following = this.#running
    if (following?.state !== 'following' || this.#rebuilding !== undefined) {
      return this.#run(options, { isRebuild: true })
    }
    const rebuilding = this.#rebuildBetween(following, options)
    this.#rebuilding = rebuilding
    try {
      return await rebuilding
    } finally {
      this.#rebuilding = undefined
    }
  }

  /** Let the one that follows publish and pause, which takes it up again afterwards. */
  async #rebuildBetween(following: Running, options: RunOptions): Promise<ProjectionStatus> {
    following.stop.abort()
    await following.over
    return this.#run(options, { isRebuild: true })
  }

  async #run(
    options: RunOptions,
    { isRebuild = false, isFollowing = false }: { readonly isRebuild?: boolean; readonly isFollowing?: boolean },
  ): Promise<ProjectionStatus> {
    const host = this.#host
    const { name } = this
    host.checkWritable('run a projection')
    this.#row()
    const folder = this.#given('run')
    this.#checkIdle('run')
    const running = newRunning()
    this.#running = running
    const { signal, end } = host.begin(options.signal)
    const stop = () => running.stop.abort(signal.reason)
    signal.addEventListener('abort', stop)
    try {
      signal.throwIfAborted()
      const facts = { host, name, folder, isRebuild, signal: running.stop.signal, onProgress: options.onProgress }
      const run = new ProjectionRun(facts, await findBeginning(facts))
      running.run = run
      const begins = () => {
        running.state = 'following'
      }
      await run.go(isFollowing ? { begins } : undefined)
      this.#running = undefined
      return await this.#status(host.row(name))
    } finally {
      if (this.#running === running) this.#running = undefined
      signal.removeEventListener('abort', stop)
      running.isOver()
      // From here on the store may close.
      end()
    }
  }

  /** Do something while it does not run; then it is no more. @throws {VarveError} `PROJECTION_BUSY`. */
  async end(task: () => Promise<void>): Promise<void> {
    this.#checkIdle('delete')
    this.#running = newRunning()
    try {
      await task()
      const { name } = this
      this.#gone = new VarveError('PROJECTION_UNKNOWN', `Cannot use projection "${name}": it was deleted`, {
        details: { projection: name },
      })
    } finally {
      this.#running = undefined
    }
  }

  #checkIdle(action: string): void {
    if (this.#running === undefined) return
    const details = { projection: this.name, state: this.#running.state }
    throw new VarveError('PROJECTION_BUSY', `Cannot ${action} projection "${this.name}": it runs already`, { details })
  }

  /** The projection as it is now. @throws {VarveError} `PROJECTION_UNKNOWN`. */
  #row(): ProjectionRow {
    if (this.#gone !== undefined) throw this.#gone
    return this.#host.row(this.name)
  }

  /** @throws {VarveError} `PROJECTION_UNDEFINED`. */
  #given(action: string): Folder {
    if (this.#folder !== undefined) return this.#folder
    throw new VarveError(
      'PROJECTION_UNDEFINED',
      `Cannot ${action} projection "${this.name}": it was opened without a fold`,
      {
        details: { projection: this.name },
      },
    )
  }

  async state(): Promise<Projected<unknown>> {
    const host = this.#host
    await host.refresh()
    const row = this.#row()
    const live = this.#running?.run?.served
    if (live !== undefined) return projected(copyValue(live.state), live.positions)
    const published = await host.published(this.name)
    if (published !== undefined) return projected(published.state, published.positions)
    const folder = this.#folder
    if (folder === undefined) {
      throw new VarveError('PROJECTION_EMPTY', `Cannot give the state of projection "${this.name}": it has none yet`, {
        details: { projection: this.name },
      })
    }
    const { state, positions } = folder.begin(beginningOf(row, await host.openTopic(row.topic)))
    return projected(copyValue(state), positions)
  }

  async stateAt(moment: StateMoment, options: { readonly signal?: AbortSignal } = {}): Promise<Projected<unknown>> {
    const host = this.#host
    await host.refresh()
    this.#row()
    const folder = this.#given('fold')
    const { signal, end } = host.begin(options.signal)
    try {
      signal.throwIfAborted()
      const { state, positions } = await foldAt(host, { name: this.name, folder }, { moment, signal })
      return projected(state, positions)
    } finally {
      end()
    }
  }

  async status(): Promise<ProjectionStatus> {
    await this.#host.refresh()
    return this.#status(this.#row())
  }

  async #status(row: ProjectionRow): Promise<ProjectionStatus> {
    const { topic, keep, everyEvents, foldVersion, publishedAt, failure } = row
    const opened = await this.#openTopic(row)
    const running = this.#running
    const positions = [...(running?.run?.served?.positions ?? row.positions)]
    return {
      projection: this.name,
      topic,
      keep,
      everyEvents,
      foldVersion,
      state: running?.state ?? (failure === undefined ? 'idle' : 'failed'),
      hasFold: this.#folder !== undefined,
      positions,
      publishedPositions: row.positions,
      publishedAt,
      highWatermarks: opened?.topic.stats().partitions.map(({ highWatermark }) => highWatermark) ?? [],
      lag: opened === undefined ? 0 : lagOf(opened.topic, opened.isSame ? positions : []),
      ...(failure !== undefined && { failure }),
    }
  }

  /** The topic, if there is one; and whether it is the one that the published positions are of. */
  async #openTopic(row: ProjectionRow): Promise<{ topic: Topic; isSame: boolean } | undefined> {
    try {
      const { topic, topicId } = await this.#host.openTopic(row.topic)
      return { topic, isSame: topicId === row.topicId }
    } catch (error) {
      if (isVarveError(error, 'TOPIC_UNKNOWN')) return undefined
      throw error
    }
  }
}

function newRunning(): Running {
  let isOver = () => {}
  const over = new Promise<void>((resolve) => {
    isOver = resolve
  })
  return { state: 'running', run: undefined, stop: new AbortController(), over, isOver }
}
