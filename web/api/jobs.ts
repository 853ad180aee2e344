/** Jobs: long work that a request starts and others watch or cancel. They live in memory, as long as the app.
 * @module */
import {
  type CleanupReport,
  type Clock,
  type HistoryReport,
  isVarveError,
  type ProjectionStatus,
  type Random,
  randomId,
  VarveError,
  type VerifyProgress,
  type VerifyReport,
} from '../../src/index.ts'

export type JobKind =
  | 'checkpoint'
  | 'verify'
  | 'history-cleanup'
  | 'history-verify'
  | 'projection-run'
  | 'projection-rebuild'

/** How far a job is: bytes of a check, groups of a clean-up, events of a projection. */
export type JobProgress =
  | VerifyProgress
  | { readonly doneBytes: number; readonly totalBytes: number }
  | { readonly groups: number; readonly totalGroups: number }
  | { readonly events: number; readonly lag: number }

export type JobReport = VerifyReport | HistoryReport | CleanupReport | ProjectionStatus

export interface Job {
  readonly id: string
  readonly kind: JobKind
  /** The name of the history or projection that it is about. */
  readonly subject?: string
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly startedAt: number
  readonly endedAt?: number
  readonly progress?: JobProgress
  readonly report?: JobReport
  /** Why the job failed; shown as this reader may see it. */
  readonly error?: unknown
}

export interface JobTools {
  readonly signal: AbortSignal
  readonly onProgress: (progress: JobProgress) => void
}

interface Running {
  job: Job
  readonly what: string
  readonly controller: AbortController
  readonly watchers: Set<() => void>
}

interface JobsOptions {
  readonly clock: Clock
  readonly random: Random
  /** Cancels all jobs when aborted. */
  readonly signal: AbortSignal
  /** How many jobs are remembered. */
  readonly kept: number
  readonly onFailure: (error: unknown, job: Job) => void
}

export class Jobs {
  readonly #options: JobsOptions
  readonly #jobs = new Map<string, Running>()

  constructor(options: JobsOptions) {
    this.#options = options
    options.signal.addEventListener('abort', () => {
      for (const { controller } of this.#jobs.values()) controller.abort()
    })
  }

  /** Start a job, or join the one that is running for the same: two scans of the whole store help nobody.
   * @param what two jobs of one text are the same. */
  start(
    kind: JobKind,
    {
      what,
      subject,
      run,
    }: { what: string; subject?: string; run: (tools: JobTools) => Promise<JobReport | undefined> },
  ): Job {
    const running = this.#running(what)
    if (running !== undefined) return running.job
    if (this.#options.signal.aborted)
      throw new VarveError('STORE_CLOSED', `Cannot start a ${kind}: the server is stopping`)
    this.#forgetOldest()
    const { clock, random } = this.#options
    const about = subject === undefined ? {} : { subject }
    const job: Job = { id: randomId(random, 16), kind, ...about, state: 'running', startedAt: clock.now() }
    const entry: Running = { job, what, controller: new AbortController(), watchers: new Set() }
    this.#jobs.set(job.id, entry)
    const { signal } = entry.controller
    const onProgress = (progress: JobProgress) => {
      // A cancelled job may still tell of its last step.
      if (entry.job.state === 'running') this.#change(entry, { progress })
    }
    const end = (facts: Partial<Job>) => {
      if (entry.job.state === 'running') this.#change(entry, { endedAt: clock.now(), ...facts })
    }
    run({ signal, onProgress }).then(
      (report) => end(report === undefined ? { state: 'done' } : { state: 'done', report }),
      (error: unknown) => {
        if (signal.aborted && !isVarveError(error)) return end({ state: 'cancelled' })
        this.#options.onFailure(error, job)
        end({ state: 'failed', error })
      },
    )
    return entry.job
  }

  /** @throws {VarveError} `JOB_UNKNOWN`. */
  get(id: string): Job {
    return this.#entry(id).job
  }

  /** The newest job of a kind and about this, if one is remembered. */
  latest(kind: JobKind, subject?: string): Job | undefined {
    return [...this.#jobs.values()].findLast(({ job }) => job.kind === kind && job.subject === subject)?.job
  }

  /** Stop a running job; one that has ended stays as it is. @throws {VarveError} `JOB_UNKNOWN`. */
  cancel(id: string): Job {
    const entry = this.#entry(id)
    entry.controller.abort()
    if (entry.job.state === 'running') this.#change(entry, { state: 'cancelled', endedAt: this.#options.clock.now() })
    return entry.job
  }

  /** The job now and after each change, until it ends or `signal` aborts. Changes between two reads are seen as one. */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    const entry = this.#entry(id)
    let wake: (() => void) | undefined
    const changed = () => wake?.()
    entry.watchers.add(changed)
    signal.addEventListener('abort', changed)
    try {
      let seen: Job | undefined
      while (!signal.aborted) {
        if (entry.job !== seen) {
          seen = entry.job
          yield seen
          if (seen.state !== 'running') return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      entry.watchers.delete(changed)
      signal.removeEventListener('abort', changed)
    }
  }

  #running(what: string): Running | undefined {
    return [...this.#jobs.values()].find((entry) => entry.what === what && entry.job.state === 'running')
  }

  #entry(id: string): Running {
    const entry = this.#jobs.get(id)
    if (entry === undefined) throw new VarveError('JOB_UNKNOWN', 'Cannot find this job', { details: { id } })
    return entry
  }

  #change(entry: Running, facts: Partial<Job>): void {
    entry.job = { ...entry.job, ...facts }
    for (const watcher of entry.watchers) watcher()
  }

  #forgetOldest(): void {
    if (this.#jobs.size < this.#options.kept) return
    const ended = [...this.#jobs.values()].find(({ job }) => job.state !== 'running')
    if (ended !== undefined) this.#jobs.delete(ended.job.id)
  }
}
