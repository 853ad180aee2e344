/** Jobs: long work that a request starts and others watch or cancel. They live in memory, as long as the app.
 * @module */
import {
  type CleanupReport,
  type Clock,
  type DrillReport,
  type HistoryReport,
  isVarveError,
  type ProjectionStatus,
  type Random,
  type RestoreReport,
  randomId,
  type SnapshotCleanupReport,
  type SnapshotInfo,
  type SnapshotProgress,
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
  | 'snapshot-create'
  | 'snapshot-verify'
  | 'snapshot-drill'
  | 'snapshot-restore'
  | 'snapshot-cleanup'

/** How far a job is: bytes of a check or of a snapshot, groups of a clean-up, events of a projection. */
export type JobProgress =
  | VerifyProgress
  | SnapshotProgress
  | { readonly doneBytes: number; readonly totalBytes: number }
  | { readonly groups: number; readonly totalGroups: number }
  | { readonly events: number; readonly lag: number }

/** That of `snapshot-verify` is one of a drill without a restore. */
export type JobReport =
  | VerifyReport
  | HistoryReport
  | CleanupReport
  | ProjectionStatus
  | SnapshotInfo
  | DrillReport
  | RestoreReport
  | SnapshotCleanupReport

export interface Job {
  readonly id: string
  readonly kind: JobKind
  /** The name of the history or projection, or the id of the snapshot, that it is about. */
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

export interface Work {
  /** Two jobs of one text are the same: two scans of the whole store help nobody. Without it every job is its own. */
  readonly what?: string
  readonly subject?: string
  /** It reads a whole snapshot: one such job at a time. */
  readonly isHeavy?: boolean
  readonly run: (tools: JobTools) => Promise<JobReport | undefined>
}

interface Running {
  job: Job
  readonly what: string | undefined
  readonly isHeavy: boolean
  readonly controller: AbortController
  readonly watchers: Set<() => void>
  /** Settles when it is known whether the job is refused; absent where that is not asked. */
  accepted?: Promise<void>
}

/** Told once what comes of a job that may be refused. */
interface Verdict {
  accept(): void
  refuse(error: unknown): void
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

  /** Start a job, or join the one that is running for the same. */
  start(kind: JobKind, work: Work): Job {
    return (this.#running(work.what) ?? this.#start(kind, work)).job
  }

  /** The same for work that may be refused: resolves when it tells of progress beyond its preparation, or has
   * ended well.
   * @throws what it throws before that, and `SNAPSHOT_BUSY` beside another heavy one; then there is no job. */
  async begin(kind: JobKind, work: Work): Promise<Job> {
    const entry = this.#running(work.what) ?? this.#begin(kind, this.#admitted(work))
    await entry.accepted
    return entry.job
  }

  #admitted(work: Work): Work {
    const isTaken = [...this.#jobs.values()].some(({ isHeavy, job }) => isHeavy && job.state === 'running')
    if (work.isHeavy !== true || !isTaken) return work
    throw new VarveError('SNAPSHOT_BUSY', 'Cannot begin: another snapshot is being restored or checked')
  }

  #begin(kind: JobKind, work: Work): Running {
    let verdict: Verdict | undefined
    const accepted = new Promise<void>((accept, refuse) => {
      verdict = { accept, refuse }
    })
    const entry = this.#start(kind, work, verdict)
    entry.accepted = accepted
    return entry
  }

  #start(kind: JobKind, { what, subject, isHeavy = false, run }: Work, verdict?: Verdict): Running {
    if (this.#options.signal.aborted) throw stopping(kind)
    this.#forgetOldest()
    const { clock, random } = this.#options
    const about = subject === undefined ? {} : { subject }
    const job: Job = { id: randomId(random, 16), kind, ...about, state: 'running', startedAt: clock.now() }
    const entry: Running = { job, what, isHeavy, controller: new AbortController(), watchers: new Set() }
    this.#jobs.set(job.id, entry)
    const { signal } = entry.controller
    let undecided = verdict
    const accept = () => {
      undecided?.accept()
      undecided = undefined
    }
    const onProgress = (progress: JobProgress) => {
      // A cancelled job may still tell of its last step.
      if (entry.job.state === 'running') this.#change(entry, { progress })
      // What is prepared may still be refused.
      if (!('step' in progress) || progress.step !== 'prepare') accept()
    }
    run({ signal, onProgress }).then(
      (report) => {
        this.#end(entry, report === undefined ? { state: 'done' } : { state: 'done', report })
        accept()
      },
      (error: unknown) => {
        const isStopped = signal.aborted && !isVarveError(error)
        if (undecided !== undefined) {
          // Nobody knows the job yet; who asked for it is told why.
          this.#jobs.delete(job.id)
          undecided.refuse(isStopped ? stopping(kind) : error)
        } else if (isStopped) this.#end(entry, { state: 'cancelled' })
        else {
          this.#options.onFailure(error, job)
          this.#end(entry, { state: 'failed', error })
        }
      },
    )
    return entry
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

  #running(what: string | undefined): Running | undefined {
    if (what === undefined) return undefined
    return [...this.#jobs.values()].find((entry) => entry.what === what && entry.job.state === 'running')
  }

  #entry(id: string): Running {
    const entry = this.#jobs.get(id)
    if (entry === undefined) throw new VarveError('JOB_UNKNOWN', 'Cannot find this job', { details: { id } })
    return entry
  }

  #end(entry: Running, facts: Partial<Job>): void {
    if (entry.job.state === 'running') this.#change(entry, { endedAt: this.#options.clock.now(), ...facts })
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

function stopping(kind: JobKind): VarveError {
  return new VarveError('STORE_CLOSED', `Cannot start a ${kind}: the server is stopping`)
}
