/** Checking a store without writing to it: an open one, or one that cannot be opened.
 *
 * Both go by the manifest as it is on the storage now. An open store that writes adds where its partitions end; for all
 * others the head file and the batches themselves say it, and what may still be in the making is not called damage.
 * @module */
import { VarveError } from '../errors.ts'
import {
  type ManifestState,
  type ManifestView,
  type PartitionRow,
  readManifest,
  type TopicRow,
} from '../manifest/index.ts'
import { type Clock, systemClock } from '../ports/clock.ts'
import type { Storage } from '../ports/storage.ts'
import type { LogPoint } from '../segment/segment.ts'
import type { LogContext } from '../topic/context.ts'
import type { VerifyOptions, VerifyReport } from './types.ts'
import { checkDocuments, checkLooseDocuments, planDocuments } from './verify-documents.ts'
import { listStore, reportUnknown } from './verify-files.ts'
import { checkHistories, checkLooseHistories, planHistories } from './verify-histories.ts'
import { checkLooseSegments } from './verify-loose.ts'
import { type Authority, checkAuthority, checkLostRecords } from './verify-manifest.ts'
import { checkPartition, planPartition } from './verify-partition.ts'
import { VerifyRun } from './verify-run.ts'

export interface VerifyFacts extends VerifyOptions {
  readonly ends: (topicId: number, row: PartitionRow) => Promise<{ position: number; offset: number }>
}

export interface VerifyStorageOptions extends VerifyOptions {
  readonly storage: Storage
  readonly clock?: Clock
}

/** What an open store knows better than its files. */
interface OpenedStore {
  /** Of its manifest when it owns the store; undefined when it only reads. */
  readonly epoch: number | undefined
  readonly state: () => ManifestState
  readonly ends: VerifyFacts['ends']
}

/** Check a store that is open. Each partition is checked up to the durable end of the moment when its check begins.
 * @throws {VarveError} `STORE_CLOSED` when it is closed meanwhile, what the storage throws, and the signal's reason. */
export function verifyStore(
  context: LogContext,
  state: () => ManifestState,
  facts: VerifyFacts,
): Promise<VerifyReport> {
  const { storage, clock, closing, readOnly, epoch } = context
  const run = new VerifyRun({ ...facts, storage, clock, closing })
  return verifyAll(run, { epoch: readOnly ? undefined : epoch, state, ends: facts.ends })
}

/** Check every byte of a store without opening or owning it, so that a store that does not open because of damage can
 * be checked too. Never writes. Beside a live writer it sees what was durable when it came by.
 * Cost: reads every file once, term indexes twice; one CRC-32, one SHA-256 and one decoding of everything; the memory
 * of one batch.
 * @throws {VarveError} `STORE_MISSING`, `FORMAT_NEWER`, what the storage throws, and the signal's reason.
 * @example
 * ```ts
 * import { memoryStorage } from 'varve/memory'
 * import { openStore, verifyStorage } from 'varve'
 * const storage = memoryStorage()
 * const store = await openStore({ storage })
 * await store.close()
 * const report = await verifyStorage({ storage })
 * console.assert(report.ok)
 * ``` */
export function verifyStorage(options: VerifyStorageOptions): Promise<VerifyReport> {
  return verifyAll(new VerifyRun({ ...options, clock: options.clock ?? systemClock }), undefined)
}

async function verifyAll(run: VerifyRun, opened: OpenedStore | undefined): Promise<VerifyReport> {
  try {
    run.checkGoingOn()
    const authority = await checkAuthority(run)
    if (authority.nothing && opened === undefined) {
      const { location } = run.storage
      throw new VarveError('STORE_MISSING', `Cannot check "${location}": there is no store`, { details: { location } })
    }
    await checkLostRecords(run, authority)
    const state = stateOf(authority, opened)
    if (state === undefined) {
      await checkLooseSegments(run)
      await checkLooseDocuments(run)
      await checkLooseHistories(run)
    } else await checkState(run, state, { authority, opened })
    sayLimits(run)
    return run.report()
  } finally {
    await run.close()
  }
}

/** What exists: as the manifest says, or as the open store remembers it. */
function stateOf(authority: Authority, opened: OpenedStore | undefined): ManifestState | undefined {
  if (authority.view !== undefined && !authority.damaged) return authority.view.state
  return opened?.state() ?? authority.view?.state
}

interface Sources {
  readonly authority: Authority
  readonly opened: OpenedStore | undefined
}

async function checkState(run: VerifyRun, state: ManifestState, sources: Sources): Promise<void> {
  const { files, damaged, view } = sources.authority
  for (const { path, bytes } of files) run.plan(path, bytes)
  for (const topic of state.topics) for (const row of topic.partitions) await planPartition(run, topic.name, row)
  planDocuments(run, state)
  planHistories(run, state)
  for (const { path, bytes } of files) {
    run.begin(path, bytes)
    run.reached(bytes)
    run.finish()
  }
  for (const topic of state.topics) for (const row of topic.partitions) await checkOne(run, { topic, row }, sources)
  checkHeadKnown(run, state)
  await checkDocuments(run, state, () => stateNow(run, sources))
  await checkHistories(run, state, () => stateNow(run, sources))
  const listing = await listStore(run, state)
  if (damaged) {
    run.leaveOut('Unknown files: with a damaged manifest they cannot be told from those it would name.')
    return
  }
  const later = view === undefined ? undefined : await viewNow(run, view)
  reportUnknown(run, listing, later?.state ?? state)
}

/** A hash of a partition that does not exist cannot be found. */
function checkHeadKnown(run: VerifyRun, state: ManifestState): void {
  if (run.head === undefined) return
  const { topic: name, partition = 0 } = run.head
  const topic = state.topics.find((other) => other.name === name)
  if (topic?.partitions[partition] !== undefined) return
  const directory = `topics/${name}/${partition}`
  const message = `Cannot say whether the log of "${directory}" has the chain hash that was kept: there is no such log`
  run.problem({ code: 'HEAD_UNKNOWN', file: directory, message, damage: true })
}

/** Check a partition as it is now: it may have rolled since the check began. */
async function checkOne(
  run: VerifyRun,
  place: { topic: TopicRow; row: PartitionRow },
  { authority, opened }: Sources,
): Promise<void> {
  const { topic } = place
  const { head, view } = authority
  // The end first, then the manifest: so the segment that the end lies in is always known.
  const own = await ownEnd(place, { authority, opened })
  const rowIn = (state: ManifestState | undefined) =>
    state?.topics.find((other) => other.id === topic.id)?.partitions[place.row.partition]
  const now = await stateNow(run, { authority, opened })
  // Deleted since the check began.
  if (now !== undefined && rowIn(now) === undefined) return
  const row = rowIn(now) ?? place.row
  const { partition } = row
  const isHead = run.head?.topic === topic.name && (run.head.partition ?? 0) === partition
  await checkPartition(run, {
    storeId: (now ?? view?.state)?.storeId ?? '',
    topic: topic.name,
    lineage: topic.lineage,
    ancestors: topic.ancestors,
    row,
    manifestFile: view?.file ?? '',
    epoch: view?.epoch ?? 0,
    own,
    slot: head.slots.get(row.headSlot),
    head: isHead ? run.head : undefined,
    isKept: async (id) => {
      const state = await stateNow(run, { authority, opened })
      return state === undefined || rowIn(state)?.segments.some((segment) => segment.id === id) === true
    },
    isNamed: async (file) => {
      const state = await stateNow(run, { authority, opened })
      return state === undefined || rowIn(state)?.prunedVersions === file
    },
  })
}

/** What exists by now. */
async function stateNow(run: VerifyRun, { authority, opened }: Sources): Promise<ManifestState | undefined> {
  const { view, damaged } = authority
  return view === undefined || damaged ? opened?.state() : (await viewNow(run, view)).state
}

/** Where the open store says a partition ends, as long as it is the one that knows best. */
async function ownEnd(
  place: { topic: TopicRow; row: PartitionRow },
  { authority, opened }: Sources,
): Promise<LogPoint | undefined> {
  if (opened === undefined) return undefined
  const { view, damaged } = authority
  const owns = opened.epoch !== undefined && view?.epoch === opened.epoch
  // Without a readable manifest the state is that of the store, and its ends fit.
  if (owns || damaged || view === undefined) return opened.ends(place.topic.id, place.row)
  return undefined
}

/** The manifest now, read again only when it has changed; the one in hand when it cannot be read. */
async function viewNow(run: VerifyRun, view: ManifestView): Promise<ManifestView> {
  if ((await run.sizeOf(view.file)) === view.endPosition) return view
  const now = await readManifest(run.storage, 'leave').catch(() => undefined)
  return now?.epoch === view.epoch ? now : view
}

function sayLimits(run: VerifyRun): void {
  run.leaveOut('Who wrote the events: the chain has no key, so whoever can write all files can write another chain.')
  run.leaveOut(
    'Whether the last events are there: after an unclean stop the loss of the last batches leaves no trace, unless a receipt or the head file tells of them.',
  )
}
