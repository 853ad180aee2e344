/** Snapshots with the answers of the real ones, as far as the doors can tell.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import {
  type RestoreOptions,
  type RestoreReport,
  type SnapshotDetails,
  type SnapshotInfo,
  type SnapshotPolicy,
  type SnapshotProgress,
  type SnapshotScheduleOptions,
  type SnapshotScheduleStatus,
  type Snapshots,
  type SnapshotUsage,
  type Store,
  VarveError,
} from '../../../src/index.ts'

export interface FakeSnapshots {
  /** The newest first. */
  infos: SnapshotInfo[]
  policy: SnapshotPolicy
  usage: SnapshotUsage[]
  /** What creating fails with, before any progress. */
  refusal: VarveError | undefined
  /** Damaged snapshots. */
  readonly damaged: Set<string>
  /** What long work waits for, after its first progress. */
  held: Promise<void> | undefined
  schedule: SnapshotScheduleStatus | undefined
  /** What was asked for, in order: the method and its arguments. */
  readonly asked: unknown[][]
}

const HASH = 'ab'.repeat(32)
const STEP: SnapshotProgress = { step: 'files', doneBytes: 10, totalBytes: 40, file: 'topics/orders/0/0.seg' }

/** A row of a list, made at `timestamp`. */
export function fakeInfo(timestamp: number, facts: Partial<SnapshotInfo> = {}): SnapshotInfo {
  const counts = { topics: 1, documents: 2, histories: 3, projections: 0, events: 1_200, numSegments: 2 }
  return {
    id: `snapshot-${timestamp}`,
    timestamp,
    pinned: false,
    ...counts,
    headHash: HASH,
    totalSizeBytes: 4_096,
    ...facts,
  }
}

/** Put snapshots that were made at these times into the place of the store's. */
export function fakeSnapshots(store: Store, infos: readonly SnapshotInfo[] = []): FakeSnapshots {
  const fake: FakeSnapshots = {
    infos: [...infos],
    policy: { maxSnapshots: 5, retentionTimeMs: 86_400_000, minIntervalMs: 3_600_000 },
    usage: [],
    refusal: undefined,
    damaged: new Set(),
    held: undefined,
    schedule: undefined,
    asked: [],
  }
  Object.defineProperty(store, 'snapshots', { value: new Fake(fake), configurable: true })
  return fake
}

class Fake implements Snapshots {
  readonly #fake: FakeSnapshots

  constructor(fake: FakeSnapshots) {
    this.#fake = fake
  }

  get policy(): SnapshotPolicy {
    return this.#fake.policy
  }

  get scheduled(): SnapshotScheduleStatus | undefined {
    return this.#fake.schedule
  }

  async create({ onProgress, signal, ...options }: Parameters<Snapshots['create']>[0] = {}): Promise<SnapshotInfo> {
    this.#fake.asked.push(['create', options])
    if (this.#fake.refusal !== undefined) throw this.#fake.refusal
    await this.#work({ onProgress, signal })
    const { topic, partition, label, pinned = false } = options
    const about = { ...(topic !== undefined && { topic }), ...(partition !== undefined && { partition }) }
    const info = fakeInfo((this.#fake.infos[0]?.timestamp ?? 0) + 1, {
      ...about,
      ...(label !== undefined && { label }),
      pinned,
    })
    this.#fake.infos.unshift(info)
    return info
  }

  async list(): Promise<SnapshotInfo[]> {
    return [...this.#fake.infos]
  }

  async get(id: string): Promise<SnapshotDetails> {
    const info = this.#find(id)
    if (this.#fake.damaged.has(id))
      throw new VarveError('SNAPSHOT_DAMAGED', `Cannot read snapshot "${id}": its manifest is cut short`, {
        details: { snapshot: id, file: 'MANIFEST-1' },
      })
    const { topic = 'orders', partition = 0, events } = info
    const place = { topic, partition, baseOffset: 0, highWatermark: events, headHash: HASH }
    return { ...info, storeId: 'the-store', partitions: [{ ...place, segmentOffsets: [0, 900], sizeBytes: 4_000 }] }
  }

  async usage(): Promise<SnapshotUsage[]> {
    return this.#fake.usage
  }

  async storageOf(id: string) {
    this.#find(id)
    return memoryStorage()
  }

  async verify(id: string, options: Parameters<Snapshots['verify']>[1] = {}) {
    const { events } = this.#find(id)
    await this.#work(options)
    const isDamaged = this.#fake.damaged.has(id)
    const problem = { code: 'SNAPSHOT_DAMAGED', file: 'topics/orders/0/0.seg', message: 'Cannot read a batch' }
    const problems = isDamaged ? [problem] : []
    return { snapshot: id, ok: !isDamaged, filesChecked: 3, bytesChecked: 4_096, events, problems, durationMs: 7 }
  }

  async restore(id: string, { to, onProgress, signal, ...options }: RestoreOptions): Promise<RestoreReport> {
    const { events } = this.#find(id)
    this.#fake.asked.push(['restore', id, { ...options, ...(to !== undefined && { to: to.location }) }])
    await this.#work({ onProgress, signal })
    if (this.#fake.damaged.has(id)) throw new VarveError('SNAPSHOT_DAMAGED', `Cannot restore snapshot "${id}"`)
    const files = { filesLinked: 2, filesCopied: 1, bytesCopied: 100, bytesVerified: 4_096 }
    const counts = { documents: 2, histories: 3, projections: 0 }
    return {
      snapshot: id,
      storeId: 'another-store',
      topics: [{ topic: options.as ?? options.topic ?? 'orders', events, highWatermarks: [events] }],
      ...counts,
      leftOut: { documents: 0, histories: 0, projections: 0 },
      ...files,
      durationMs: 9,
    }
  }

  async drill(id: string, options: Parameters<Snapshots['drill']>[1] = {}) {
    return { ...(await this.verify(id, options)), restoreMs: 5 }
  }

  async delete(id: string) {
    const info = this.#find(id)
    this.#fake.asked.push(['delete', id])
    if (info.pinned) throw new VarveError('SNAPSHOT_PINNED', `Cannot delete snapshot "${id}": it is pinned`)
    this.#fake.infos = this.#fake.infos.filter((one) => one.id !== id)
    return { freedBytes: 1_024 }
  }

  async pin(id: string, pinned = true): Promise<SnapshotInfo> {
    const info = { ...this.#find(id), pinned }
    this.#fake.asked.push(['pin', id, pinned])
    this.#fake.infos = this.#fake.infos.map((one) => (one.id === id ? info : one))
    return info
  }

  async cleanup({ dryRun = false, policy: given }: Parameters<Snapshots['cleanup']>[0] = {}) {
    const policy = { ...this.#fake.policy, ...given }
    this.#fake.asked.push(['cleanup', dryRun, policy])
    const free = this.#fake.infos.filter(({ pinned }) => !pinned)
    const removed = free.slice(policy.maxSnapshots).map(({ id }) => ({ id, reason: 'count' as const }))
    const isGone = (id: string) => removed.some((one) => one.id === id)
    const kept = this.#fake.infos.map(({ id }) => id).filter((id) => !isGone(id))
    if (!dryRun) this.#fake.infos = this.#fake.infos.filter(({ id }) => !isGone(id))
    return { dryRun, policy, removed, kept, freedBytes: removed.length * 1_024 }
  }

  async export(id: string) {
    this.#find(id)
    return { snapshot: id, filesSent: 1, bytesSent: 10, filesShared: 2, bytesShared: 20, durationMs: 3 }
  }

  import(id: string) {
    return this.export(id)
  }

  schedule(options: SnapshotScheduleOptions | undefined): void {
    this.#fake.asked.push(['schedule', options])
    const { everyMs = 0, jitterMs = everyMs / 10, topic } = options ?? {}
    const about = { everyMs, jitterMs, isRunning: false, nextRunAt: everyMs, runs: [], failures: 0 }
    this.#fake.schedule = options === undefined ? undefined : { ...about, ...(topic !== undefined && { topic }) }
  }

  /** Asked by a store that closes. */
  async close(): Promise<void> {}

  #find(id: string): SnapshotInfo {
    const info = this.#fake.infos.find((one) => one.id === id)
    if (info !== undefined) return info
    throw new VarveError('SNAPSHOT_UNKNOWN', `Cannot find snapshot "${id}"`, { details: { snapshot: id } })
  }

  async #work({
    onProgress,
    signal,
  }: {
    onProgress?: ((progress: SnapshotProgress) => void) | undefined
    signal?: AbortSignal | undefined
  }): Promise<void> {
    onProgress?.(STEP)
    await this.#fake.held
    signal?.throwIfAborted()
  }
}
