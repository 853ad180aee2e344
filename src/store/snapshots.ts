/** The snapshots of a store: who may do what when, and the way from public calls to the parts that do it.
 * @module */
import { isVarveError, type VarveError } from '../errors.ts'
import type { TopicRow } from '../manifest/index.ts'
import { wholeOption } from '../options.ts'
import type { Storage } from '../ports/storage.ts'
import { SnapshotCatalogue } from '../snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../snapshot/check/check.ts'
import { createSnapshot } from '../snapshot/create.ts'
import { copySnapshot } from '../snapshot/export/copy-snapshot.ts'
import { logEndOf } from '../snapshot/fork/cut-partition.ts'
import { forkTopic } from '../snapshot/fork/fork-topic.ts'
import { resolveUntil } from '../snapshot/fork/until.ts'
import type { CheckOptions, SnapshotHost, SourceTopic, TakeOver } from '../snapshot/host.ts'
import { cleanUp } from '../snapshot/policy/cleanup.ts'
import { checkInterval, checkPolicy, newestOf } from '../snapshot/policy/policy.ts'
import { SnapshotSchedule } from '../snapshot/policy/schedule.ts'
import { SnapshotTurns, type TurnOptions } from '../snapshot/policy/turns.ts'
import { usageOf } from '../snapshot/policy/usage.ts'
import { restoreSnapshot } from '../snapshot/restore/restore.ts'
import type {
  CreateSnapshotOptions,
  DrillReport,
  RestoreOptions,
  RestoreReport,
  SnapshotCleanupOptions,
  SnapshotCleanupReport,
  SnapshotCopyOptions,
  SnapshotCopyReport,
  SnapshotDetails,
  SnapshotInfo,
  SnapshotLockOptions,
  SnapshotPolicy,
  SnapshotReport,
  SnapshotScheduleOptions,
  SnapshotScheduleStatus,
  Snapshots,
  SnapshotUsage,
  Until,
} from '../snapshot/types.ts'
import type { LogContext } from '../topic/context.ts'
import { type CutParts, cutStore } from './cut.ts'
import { checkOpen, checkWritable } from './guards.ts'
import { Stopping } from './stopping.ts'
import { verifyStorage } from './verify.ts'

/** What a store gives its snapshots. */
export interface SnapshotParts extends CutParts {
  readonly policy: Partial<SnapshotPolicy> | undefined
  /** The store was just created: it has none. */
  readonly isNew: boolean
}

export class StoreSnapshots implements Snapshots {
  readonly policy: SnapshotPolicy
  readonly #context: LogContext
  readonly #parts: SnapshotParts
  readonly #host: SnapshotHost
  readonly #catalogue: SnapshotCatalogue
  readonly #turns: SnapshotTurns
  readonly #stopping: Stopping
  #schedule: SnapshotSchedule | undefined
  #cleaning: Promise<unknown> = Promise.resolve()

  constructor(parts: SnapshotParts) {
    const { context } = parts
    this.#context = context
    this.#parts = parts
    this.policy = checkPolicy(parts.policy)
    this.#catalogue = new SnapshotCatalogue(context.storage, {
      isFenced: () => context.isFenced(),
      diagnose: (code, message, details) => context.diagnose(code, message, details),
    })
    this.#host = hostOf(parts)
    this.#turns = new SnapshotTurns(context.clock)
    this.#stopping = new Stopping(context.closing)
    // A process that lost the store may have left something after this one came, so also after a clean close.
    if (!context.readOnly && !parts.isNew) this.#cleaning = this.#removeLeftovers()
  }

  /** What a crash left half made. Never rejects. */
  async #removeLeftovers(): Promise<void> {
    try {
      await this.#turns.exclusively({}, () => this.#catalogue.cleanLeftovers(() => false))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#context.diagnose('FILE_LEFT', 'Left half-made snapshots behind for the next open to remove', { reason })
    }
  }

  create(options: CreateSnapshotOptions = {}): Promise<SnapshotInfo> {
    return this.#change('create a snapshot', options, async (signal) => {
      const { minIntervalMs = this.policy.minIntervalMs } = options
      wholeOption('minIntervalMs', minIntervalMs, { least: 0 })
      checkInterval(await this.#catalogue.list(), options, { now: this.#context.clock.now(), minIntervalMs })
      return createSnapshot({ host: this.#host, catalogue: this.#catalogue }, { ...options, signal })
    })
  }

  /** Do something that nothing else of its kind may do meanwhile. */
  async #change<T>(action: string, wait: TurnOptions, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    checkWritable(this.#context, action)
    const { signal, end } = this.#stopping.begin(wait.signal)
    try {
      // Nobody is told that snapshots are being changed who was there first.
      await this.#cleaning
      return await this.#turns.exclusively({ ...wait, signal }, () => task(signal))
    } finally {
      end()
    }
  }

  /** Read a snapshot, which stays meanwhile. */
  async #read<T>(
    action: string,
    id: string,
    work: { readonly signal: AbortSignal | undefined; readonly task: (signal: AbortSignal) => Promise<T> },
  ): Promise<T> {
    checkOpen(this.#context, action)
    const { signal, end } = this.#stopping.begin(work.signal)
    try {
      return await this.#turns.read(id, () => work.task(signal))
    } catch (error) {
      // Turns are of this process: another one, which owns the store, may have deleted it meanwhile.
      if (isVarveError(error, 'SNAPSHOT_DAMAGED') || isVarveError(error, 'FILE_MISSING'))
        await this.#catalogue.state(id)
      throw error
    } finally {
      end()
    }
  }

  async list(): Promise<SnapshotInfo[]> {
    checkOpen(this.#context, 'list snapshots')
    return this.#catalogue.list()
  }

  async get(id: string): Promise<SnapshotDetails> {
    checkOpen(this.#context, 'look at a snapshot')
    return this.#catalogue.details(id)
  }

  async usage(): Promise<SnapshotUsage[]> {
    checkOpen(this.#context, 'measure snapshots')
    await this.#context.refresh()
    return usageOf(this.#catalogue, this.#parts.state())
  }

  async storageOf(id: string): Promise<Storage> {
    checkOpen(this.#context, 'open a snapshot')
    await this.#catalogue.state(id)
    return this.#catalogue.storageOf(id)
  }

  async verify(id: string, options: SnapshotCopyOptions = {}): Promise<SnapshotReport> {
    const task = async (signal: AbortSignal) => {
      const { headHash } = await this.#catalogue.details(id)
      const report = await this.#host.verify(this.#catalogue.storageOf(id), { ...options, signal })
      const isAsListed = (await this.#catalogue.info(id)).headHash === headHash
      return { snapshot: id, ...(isAsListed ? report : withProblem(report, differsFromList(id))) }
    }
    return this.#verdict(id, () => this.#read('check a snapshot', id, { signal: options.signal, task }))
  }

  async restore(id: string, options: RestoreOptions): Promise<RestoreReport> {
    // Verifying takes long, so a name that is taken is told before it.
    if (options.as !== undefined) this.#parts.topics.checkFree(options.as)
    const parts = { host: this.#host, catalogue: this.#catalogue }
    const task = (signal: AbortSignal) => restoreSnapshot(parts, id, { ...options, signal })
    return this.#read('restore a snapshot', id, { signal: options.signal, task })
  }

  async drill(id: string, options: SnapshotCopyOptions & { readonly to?: Storage } = {}): Promise<DrillReport> {
    const { to, ...check } = options
    if (to === undefined) return this.verify(id, check)
    const parts = { host: this.#host, catalogue: this.#catalogue }
    const task = async (signal: AbortSignal) => {
      const { clock } = this.#context
      const started = clock.monotonic()
      await restoreSnapshot(parts, id, { ...check, signal, to })
      const restoreMs = clock.monotonic() - started
      const report = await this.#host.verify(to, { ...check, signal })
      return { snapshot: id, ...report, restoreMs, durationMs: clock.monotonic() - started }
    }
    return this.#verdict(id, () => this.#read('restore a snapshot', id, { signal: check.signal, task }))
  }

  /** A snapshot that is too damaged to be looked at further is reported, not thrown. */
  async #verdict<T extends SnapshotReport>(id: string, check: () => Promise<T>): Promise<T | SnapshotReport> {
    const { clock } = this.#context
    const started = clock.monotonic()
    try {
      return await check()
    } catch (error) {
      if (!isVarveError(error, 'SNAPSHOT_DAMAGED')) throw error
      return { snapshot: id, ...damagedReport(error, clock.monotonic() - started) }
    }
  }

  delete(id: string, options: SnapshotLockOptions = {}): Promise<{ readonly freedBytes: number }> {
    return this.#change('delete a snapshot', { ...options, unread: id }, () => this.#catalogue.remove(id))
  }

  pin(id: string, pinned = true): Promise<SnapshotInfo> {
    return this.#change('pin a snapshot', {}, () => this.#catalogue.pin(id, pinned))
  }

  async cleanup(options: SnapshotCleanupOptions = {}): Promise<SnapshotCleanupReport> {
    const parts = { catalogue: this.#catalogue, turns: this.#turns, clock: this.#context.clock }
    const all = { ...options, policy: checkPolicy(options.policy, this.policy) }
    if (options.dryRun !== true)
      return this.#change('clean up snapshots', options, async () => {
        // What a removal that failed has left.
        await this.#catalogue.cleanLeftovers(() => false)
        return cleanUp(parts, all)
      })
    checkOpen(this.#context, 'look at snapshots')
    return cleanUp(parts, all)
  }

  async export(id: string, to: Storage, options: SnapshotCopyOptions = {}): Promise<SnapshotCopyReport> {
    const task = (signal: AbortSignal) =>
      copySnapshot({ from: this.#catalogue, to: new SnapshotCatalogue(to) }, id, this.#copying({ ...options, signal }))
    return this.#read('export a snapshot', id, { signal: options.signal, task })
  }

  import(id: string, from: Storage, options: SnapshotCopyOptions = {}): Promise<SnapshotCopyReport> {
    return this.#change('import a snapshot', options, (signal) =>
      copySnapshot(
        { from: new SnapshotCatalogue(from), to: this.#catalogue },
        id,
        this.#copying({ ...options, signal }),
      ),
    )
  }

  #copying(options: SnapshotCopyOptions) {
    const { clock, random } = this.#context
    return { ...options, check: checkTruth, clock, random }
  }

  schedule(options: SnapshotScheduleOptions | undefined): void {
    checkWritable(this.#context, 'schedule snapshots')
    const { clock, random } = this.#context
    const next =
      options &&
      new SnapshotSchedule(options, {
        clock,
        random,
        create: (target) => this.#told(async () => (await this.create(target)).id),
        cleanUp: () => this.#told(async () => (await this.cleanup()).removed.map(({ id }) => id)),
        last: async () => newestOf(await this.#catalogue.list(), options, clock.now())?.timestamp,
      })
    void this.#schedule?.stop()
    this.#schedule = next
  }

  /** Do something regular: the schedule keeps its failure, and who watches the store is told. */
  async #told<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      const isExpected = this.#context.closing.aborted || isVarveError(error, 'SNAPSHOT_TOO_SOON')
      const code = isVarveError(error) ? error.code : 'INTERNAL'
      const reason = error instanceof Error ? error.message : String(error)
      if (!isExpected) this.#context.diagnose('SNAPSHOT_FAILED', 'A regular snapshot failed', { code, reason })
      throw error
    }
  }

  get scheduled(): SnapshotScheduleStatus | undefined {
    return this.#schedule?.status
  }

  /** Make a topic of another one. @throws {VarveError} as `Topics.fork` says. */
  async fork(name: string, as: string, options: { readonly until?: Until; readonly signal?: AbortSignal }) {
    const { storage, storeId } = this.#context
    const { signal, end } = this.#stopping.begin(options.signal)
    try {
      await this.#parts.topics.adopt(as, async (place) => {
        const cut = await cutStore(this.#parts, { topic: name })
        try {
          const source: SourceTopic = { storage, storeId, row: cut.state.topics[0] as TopicRow, isAtRest: false }
          const plan = { ends: await resolveUntil(source, options.until), signal }
          const { row, files } = await forkTopic(this.#context, source, { ...place, plan })
          return { row, files, result: undefined }
        } finally {
          cut.release()
        }
      })
    } finally {
      end()
    }
  }

  /** End what runs in the background, give up what is being made or read. */
  async close(): Promise<void> {
    await this.#schedule?.stop()
    await this.#cleaning
    await this.#turns.settled()
  }
}

function hostOf(parts: SnapshotParts): SnapshotHost {
  const { context, topics } = parts
  const { storage, clock, random, storeId, epoch, closing } = context
  return {
    storage,
    clock,
    random,
    storeId,
    epoch,
    closing,
    checkOpen: (action) => checkOpen(context, action),
    checkWritable: (action) => checkWritable(context, action),
    isFenced: () => context.isFenced(),
    cut: (target) => cutStore(parts, target),
    adoptTopic: (source: SourceTopic, as: { readonly name: string; readonly plan: TakeOver }) =>
      topics.adopt(as.name, async (place) => {
        const { row, files, ...facts } = await forkTopic(context, source, { ...place, plan: as.plan })
        return { row, files, result: { topic: as.name, highWatermarks: row.partitions.map(logEndOf), ...facts } }
      }),
    verify: (where, options) => verifySnapshot(where, options, clock),
  }
}

/** Somebody put another manifest, with another log, in the place of the one that the catalogue was told of. */
function differsFromList(id: string): SnapshotReport['problems'][number] {
  const message = `Snapshot "${id}" ends with another hash than the catalogue has of it`
  return { code: 'HEAD_DIFFERS', file: '.snapshots/snapshots.json', message }
}

function withProblem<T extends Omit<SnapshotReport, 'snapshot'>>(
  report: T,
  problem: SnapshotReport['problems'][number],
) {
  return { ...report, ok: false, problems: [...report.problems, problem] }
}

/** Check every byte of a store at rest. What is damaged is said, not thrown. */
export async function verifySnapshot(
  storage: Storage,
  { signal, onProgress }: CheckOptions,
  clock: LogContext['clock'],
): Promise<Omit<SnapshotReport, 'snapshot'>> {
  const started = clock.monotonic()
  try {
    const report = await verifyStorage({
      storage,
      clock,
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onProgress: (progress) => onProgress({ step: 'verify', ...progress }) }),
    })
    const { ok, filesChecked, bytesChecked, eventsChecked: events, durationMs } = report
    const problems = report.problems.map(({ code, file, message }) => ({ code, file, message }))
    return { ok, filesChecked, bytesChecked, events, problems, durationMs }
  } catch (error) {
    if (!isVarveError(error) || error.kind !== 'corrupt') throw error
    return damagedReport(error, clock.monotonic() - started)
  }
}

function damagedReport({ code, message, details }: VarveError, durationMs: number): Omit<SnapshotReport, 'snapshot'> {
  const problems = [{ code, file: String(details.file ?? ''), message }]
  return { ok: false, filesChecked: 0, bytesChecked: 0, events: 0, problems, durationMs }
}
