/** Opening a store.
 *
 * For writing: 1. own the manifest; 2. check every partition, and recover those that were not closed cleanly; 3. begin
 * the head file and the heartbeat. Read-only: read the manifest and the head file of its owner, write nothing.
 * @module */
import { fromHex } from '../codec/bytes.ts'
import { isVarveError, VarveError } from '../errors.ts'
import { PageCache } from '../index/page-cache.ts'
import {
  acquire,
  HEARTBEAT_INTERVAL_MS,
  type Head,
  HeadFile,
  highestHeadSlot,
  isLeaving,
  type ManifestState,
  type ManifestView,
  type OwnedManifest,
  readHead,
  readManifest,
} from '../manifest/index.ts'
import { claimLocation } from '../manifest/registry.ts'
import { hasTruth } from '../manifest/stored-paths.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import { systemRandom } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'
import { TableCache } from '../segment/decode.ts'
import { FilePool } from '../segment/file-pool.ts'
import { Health, type LogContext } from '../topic/context.ts'
import { FileHolds } from '../topic/file-holds.ts'
import { withSnapshotHint } from './damage-hint.ts'
import { type PartitionStarts, partitionsOf, readOnlyStarts, recoverAll } from './ends.ts'
import { Follower } from './follow.ts'
import type { PreviousOwner } from './recover.ts'
import { type SalvageAuthority, salvage, wholeAuthority } from './salvage.ts'
import { readRemaining } from './salvage-manifest.ts'
import { LogStore } from './store.ts'
import type { OpenReport, Store, StoreOptions } from './types.ts'
import { wholeClock } from './whole-clock.ts'

/** Open a store, creating it when the storage is empty and `readOnly` is not set.
 *
 * After a crash this recovers by itself; `store.openReport` says what was done. One process owns a store for writing;
 * any number may open it `readOnly` beside it.
 * Cost: the manifest and a header per partition after a clean close; the unsealed tail of each partition after a crash.
 * @throws {VarveError} `STORE_LOCKED`, `STORE_OPEN_HERE`, `STORE_MISSING` (read-only), `STORE_FOREIGN`, `FORMAT_NEWER`,
 * `MANIFEST_DAMAGED`, `SEGMENT_DAMAGED`, `SEGMENT_MISSING`, `SEGMENT_FOREIGN`, and what the storage throws.
 * @example
 * ```ts
 * import { openStore } from 'varve'
 * import { memoryStorage } from 'varve/memory'
 * const store = await openStore({ storage: memoryStorage() })
 * const orders = await store.topics.open('orders', { create: true })
 * const receipt = await orders.append({ kind: 'OrderPlaced', entity: 'customer-42', data: { total: 12 } })
 * console.assert(receipt.firstOffset === 0)
 * await store.close()
 * ``` */
export async function openStore(options: StoreOptions): Promise<Store> {
  const clock = options.clock === undefined ? systemClock : wholeClock(options.clock)
  const started = clock.monotonic()
  if (options.readOnly === 'salvage') return openSalvage(options, clock, started)
  if (options.readOnly) return openReadOnly(options, clock, started).catch((error) => rethrow(error, options))
  const release = claimLocation(options.storage)
  try {
    return await openForWriting(options, { clock, started, release })
  } catch (error) {
    release()
    return rethrow(error, options)
  }
}

async function rethrow(error: unknown, { storage }: StoreOptions): Promise<never> {
  throw await withSnapshotHint(error, storage)
}

const MEMORY_BUDGET_BYTES = 32 * 1024 * 1024
const NO_HEAD: Head = { heartbeat: undefined, slots: new Map() }

interface Opening {
  readonly clock: Clock
  readonly started: number
  readonly release: () => void
}

async function openForWriting(options: StoreOptions, opening: Opening): Promise<Store> {
  const { storage, signal } = options
  const { clock, started } = opening
  const random = options.random ?? systemRandom
  const acquired = await acquire({
    storage,
    clock,
    random,
    takeOver: options.takeOver ?? false,
    lockTimeoutMs: options.lockTimeoutMs ?? 0,
    ...(signal === undefined ? {} : { signal }),
  })
  const { manifest, previous } = acquired
  let head: HeadFile | undefined
  let stopHeartbeat = () => {}
  const closing = new AbortController()
  const refused: RefusedFile[] = []
  const release = async () => {
    stopHeartbeat()
    await head?.close()
    await manifest.close()
  }
  const shared = sharedContext(options, { clock, closing: closing.signal, refused })
  const context = writingContext(shared, manifest, () => head)
  try {
    // What the owner before us left behind is read before our own head file takes its place among the files kept.
    const owner = await previousOwner(storage, previous)
    head = await HeadFile.create(storage, manifest.epoch, highestHeadSlot(manifest.state))
    stopHeartbeat = heartbeat(clock, head)
    const recovered = await recoverAll(context, () => manifest.state, { clean: previous?.clean ?? true, owner })
    await publishStarts(context, manifest.state, recovered.starts)
    const report: OpenReport = {
      source: acquired.created ? 'created' : recovered.source,
      epoch: manifest.epoch,
      ...(previous === undefined || previous.clean ? {} : { previousOwner: previous.owner }),
      ...recovered.counts,
      refused,
      repaired: recovered.repaired,
      gaps: [],
      ignored: acquired.notes.map((note) => `${note.file}: ${note.reason}`),
      durationMs: clock.monotonic() - started,
    }
    return new LogStore(context, {
      state: () => manifest.state,
      starts: recovered.starts,
      report,
      closing,
      snapshotPolicy: options.snapshotPolicy,
      before: (previous?.clean ?? true) ? 'cleanly' : 'uncleanly',
      release: async () => {
        await release().finally(() => opening.release())
      },
    })
  } catch (error) {
    await context.pool.close()
    await release()
    throw error
  }
}

/** The context of a store that owns its manifest. */
function writingContext(shared: Shared, manifest: OwnedManifest, head: () => HeadFile | undefined): LogContext {
  return {
    ...shared,
    storeId: manifest.state.storeId,
    epoch: manifest.epoch,
    isFenced: () => manifest.isFenced(),
    follow: () => undefined,
    refresh: async () => undefined,
    isLeaving: (path) => isLeaving(manifest.state, path),
    // A commit of unknown outcome may have sealed the segment that a writer holds: nothing may be acknowledged.
    commit: (record) =>
      manifest.append(record).catch((error: unknown) => {
        const isOver = isVarveError(error, 'STORE_POISONED') || isVarveError(error, 'STORE_FENCED')
        throw isOver ? shared.health.fail(error) : error
      }),
    publishHead: (slot, end) => head()?.write(slot, end),
  }
}

async function previousOwner(storage: Storage, previous: ManifestView | undefined): Promise<PreviousOwner> {
  if (previous === undefined || previous.clean) return { head: NO_HEAD, gone: true }
  return { head: await readHead(storage, previous.epoch), gone: storage.owner.isGone(previous.owner) }
}

/** Tell other processes where every partition is durable. */
async function publishStarts(context: LogContext, state: ManifestState, starts: PartitionStarts): Promise<void> {
  for (const { topic, row } of partitionsOf(state)) {
    const { end } = starts.get(topic.id, row)
    const segmentId = row.segments.at(-1)?.id ?? ''
    await context.publishHead(row.headSlot, {
      endOffset: end.offset,
      position: end.position,
      segmentId,
      hash: fromHex(end.hash),
    })
  }
}

/** Show every few seconds that the owner lives. @returns stops it. */
function heartbeat(clock: Clock, head: HeadFile): () => void {
  let cancel = () => {}
  const beat = () => {
    void head.beat()
    cancel = clock.after(HEARTBEAT_INTERVAL_MS, beat)
  }
  cancel = clock.after(HEARTBEAT_INTERVAL_MS, beat)
  return () => cancel()
}

type Shared = Omit<
  LogContext,
  'storeId' | 'epoch' | 'isFenced' | 'follow' | 'refresh' | 'isLeaving' | 'commit' | 'publishHead'
>

type RefusedFile = OpenReport['refused'][number]

function sharedContext(
  options: StoreOptions,
  facts: { clock: Clock; closing: AbortSignal; refused: RefusedFile[] },
): Shared {
  const { storage } = options
  return {
    storage,
    digest: storage.digest,
    clock: facts.clock,
    random: options.random ?? systemRandom,
    pool: new FilePool(storage, facts.clock),
    tables: new TableCache(),
    termPages: new PageCache(options.memoryBudgetBytes ?? MEMORY_BUDGET_BYTES),
    health: new Health(),
    holds: new FileHolds(),
    readOnly: options.readOnly !== undefined && options.readOnly !== false,
    checkpoints: options.checkpoint ?? true,
    closing: facts.closing,
    refuse: (file, reason) => {
      const known = facts.refused.some((other) => other.file === file && other.reason === reason)
      if (!known) facts.refused.push({ file, reason })
    },
    diagnose: (code, message, details) => {
      try {
        options.onDiagnostic?.({ code, message, details })
      } catch {
        // Facts are told in the middle of steps that must be finished, a roll above all.
      }
    },
  }
}

async function openReadOnly(options: StoreOptions, clock: Clock, started: number): Promise<Store> {
  const seen = await stableView(options)
  const closing = new AbortController()
  const refused: RefusedFile[] = []
  let follower: Follower | undefined
  const context: LogContext = {
    ...sharedContext(options, { clock, closing: closing.signal, refused }),
    storeId: seen.view.state.storeId,
    epoch: seen.view.epoch,
    isFenced: () => false,
    follow: () => follower?.start(),
    refresh: async () => follower?.refresh(),
    isLeaving: () => false,
    commit: refuseWrite,
    publishHead: () => undefined,
  }
  const { view, read } = await startsOf(context, options, seen)
  const report: OpenReport = {
    source: 'read-only',
    epoch: view.epoch,
    ...read.counts,
    refused,
    repaired: [],
    gaps: [],
    ignored: view.notes.map((note) => `${note.file}: ${note.reason}`),
    durationMs: clock.monotonic() - started,
  }
  const store = new LogStore(context, {
    state: () => follower?.view.state ?? view.state,
    starts: read.starts,
    report,
    closing,
    snapshotPolicy: options.snapshotPolicy,
    before: undefined,
    release: async () => undefined,
  })
  follower = new Follower(context, view, store)
  return store
}

/** Read what a damaged store still holds. One without damage is opened as for reading, so it answers the same. */
async function openSalvage(options: StoreOptions, clock: Clock, started: number): Promise<Store> {
  const authority = await authorityOf(options)
  const closing = new AbortController()
  const refused: RefusedFile[] = []
  // Nothing derived is used: it was made by a store that was whole.
  const shared = sharedContext({ ...options, checkpoint: false }, { clock, closing: closing.signal, refused })
  try {
    const { signal } = options
    const found = await salvage(signal === undefined ? shared : { ...shared, signal }, authority)
    if (authority.whole !== undefined && found.sound) {
      await shared.pool.close()
      return await openReadOnly(options, clock, started)
    }
    const context: LogContext = {
      ...shared,
      storeId: found.state.storeId,
      epoch: authority.epoch,
      isFenced: () => false,
      follow: () => undefined,
      refresh: async () => undefined,
      isLeaving: () => false,
      commit: refuseWrite,
      publishHead: () => undefined,
    }
    const report: OpenReport = {
      source: 'read-only',
      epoch: authority.epoch,
      segmentsRead: found.segmentsRead,
      bytesRead: shared.pool.bytesRead,
      rowsReplayed: found.rows,
      refused,
      repaired: [],
      gaps: found.gaps,
      ignored: found.notes,
      durationMs: clock.monotonic() - started,
    }
    const { starts } = found
    return new LogStore(context, {
      state: () => found.state,
      starts,
      report,
      closing,
      snapshotPolicy: options.snapshotPolicy,
      before: undefined,
      release: async () => undefined,
    })
  } catch (error) {
    await shared.pool.close()
    throw error
  }
}

async function authorityOf(options: StoreOptions): Promise<SalvageAuthority> {
  try {
    const { view, head } = await stableView(options)
    return wholeAuthority(view, head.slots)
  } catch (error) {
    const { storage } = options
    const isLost = isVarveError(error, 'STORE_MISSING') && hasTruth((await storage.list('')).map(({ name }) => name))
    const isUnreadable = isVarveError(error) && (error.kind === 'corrupt' || error.code === 'STORAGE_UNAVAILABLE')
    if (!isLost && !isUnreadable) throw error
    return { ...(await readRemaining(options.storage)), whole: undefined }
  }
}

function refuseWrite(): Promise<never> {
  return Promise.reject(new VarveError('STORE_READ_ONLY', 'Cannot write: the store is open read-only'))
}

/** Where the partitions end by a manifest, or by a later one: its owner may prune between our looks at it and the
 * files. */
async function startsOf(context: LogContext, options: StoreOptions, seen: StableView) {
  const { view, head } = seen
  try {
    return { view, read: await readOnlyStarts(context, view, head) }
  } catch (error) {
    if (!isVarveError(error, 'SEGMENT_MISSING')) throw error
    const now = await stableView(options)
    if (now.view.epoch === view.epoch && now.view.endPosition === view.endPosition) throw error
    return startsOf(context, options, now)
  }
}

interface StableView {
  readonly view: ManifestView
  readonly head: Head
}

/** The manifest and the head file of the same moment: a roll between reading the two would tear them apart. */
async function stableView(options: StoreOptions): Promise<StableView> {
  const { storage } = options
  for (;;) {
    options.signal?.throwIfAborted()
    const view = await readManifest(storage)
    if (view === undefined) {
      throw new VarveError('STORE_MISSING', `Cannot open "${storage.location}": there is no store`, {
        details: { location: storage.location },
      })
    }
    const head = view.clean ? NO_HEAD : await readHead(storage, view.epoch)
    const again = await readManifest(storage).catch((error: unknown) => {
      if (isVarveError(error, 'MANIFEST_DAMAGED')) return undefined
      throw error
    })
    if (again !== undefined && again.epoch === view.epoch && again.endPosition === view.endPosition)
      return { view, head }
  }
}
