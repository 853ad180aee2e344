/** Restoring a snapshot: as a new topic of the store that it is in, or as a store of its own somewhere else.
 *
 * 1. Look at the place, then verify the snapshot. Nothing was touched.
 * 2. Claim the place, as whoever opens a store does. A crash leaves a claim that nobody adopted.
 * 3. Link or copy the files, under names that are free there, and sync. A crash leaves files that no manifest names;
 *    what was there before still counts.
 * 4. Adopt the state that names them: from here on the new store is there, and nothing of the old one.
 * 5. Say that it is closed cleanly. Whoever opens it removes what the old one left.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import {
  acquire,
  type ClaimedPlace,
  type ManifestState,
  type OwnedManifest,
  type TopicRow,
} from '../../manifest/index.ts'
import { claimLocation } from '../../manifest/registry.ts'
import { optionInvalid } from '../../options.ts'
import type { Storage } from '../../ports/storage.ts'
import type { SnapshotCatalogue } from '../catalogue/catalogue.ts'
import { countOf } from '../catalogue/info.ts'
import { checkTruth } from '../check/check.ts'
import { logEndOf } from '../fork/cut-partition.ts'
import { resolveUntil } from '../fork/until.ts'
import type { SnapshotHost, SourceTopic, TakeOver } from '../host.ts'
import type { RestoreOptions, RestoreReport, Until } from '../types.ts'
import { checkApart, checkEmpty, notOverDamage } from './restore-place.ts'
import { RestoredStore, type TopicPlan } from './restored-store.ts'

export interface RestoreParts {
  readonly host: Pick<
    SnapshotHost,
    'storage' | 'clock' | 'random' | 'storeId' | 'adoptTopic' | 'checkWritable' | 'closing'
  >
  readonly catalogue: SnapshotCatalogue
}

/** What a restore is about. */
interface Wish {
  readonly id: string
  readonly state: ManifestState
  readonly topics: readonly TopicPlan[]
  /** Everything that the snapshot has. */
  readonly isWhole: boolean
  readonly signal: AbortSignal
}

type Counts = Pick<RestoreReport, 'storeId' | 'topics' | 'filesLinked' | 'filesCopied' | 'bytesCopied'>

/** Restore a snapshot, which must stay meanwhile.
 * Cost: reads every byte of what is restored once; then a link for each file, or a copy of it.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED` {snapshot, file, reason}, `RESTORE_LIVE`,
 * `RESTORE_NOT_EMPTY`, `STORE_LOCKED`, `STORE_FOREIGN`, `TOPIC_UNKNOWN`, `TOPIC_EXISTS`, `NAME_INVALID`,
 * `OFFSET_OUT_OF_RANGE`, `OFFSET_PRUNED`, `OPTION_INVALID`, `STORAGE_FULL`, the signal's reason, and what the storages
 * throw. Then the place is as it was. */
export async function restoreSnapshot(
  parts: RestoreParts,
  id: string,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const { host, catalogue } = parts
  const started = host.clock.monotonic()
  checkOptions(options)
  const { to, onProgress } = options
  const state = await catalogue.state(id)
  if (to === undefined) host.checkWritable('restore a snapshot')
  else {
    checkApart(to, host.storage)
    if (options.overwrite !== true) await checkEmpty(to)
  }
  const wish = await wishOf(parts, { id, state }, options)
  const { topics, isWhole, signal } = wish
  const wanted = topics.map(({ source }) => `topics/${source.row.name}/`)
  const only = (path: string) => isWhole || wanted.some((directory) => path.startsWith(directory))
  const { problems, bytesChecked } = await checkTruth(catalogue.storageOf(id), state, { signal, onProgress, only })
  const [problem] = problems
  if (problem !== undefined) throw damaged(id, problem.file, problem)
  onProgress?.({ step: 'prepare', doneBytes: 0, totalBytes: 0, file: '' })
  const counts = to === undefined ? await asTopic(parts, wish, options) : await asStore(parts, wish, { ...options, to })
  const stored = countsOf(isWhole ? state : undefined)
  const left = countsOf(isWhole ? undefined : state)
  const durationMs = host.clock.monotonic() - started
  return { snapshot: id, ...counts, ...stored, leftOut: left, bytesVerified: bytesChecked, durationMs }
}

function countsOf(state: ManifestState | undefined): RestoreReport['leftOut'] {
  const { documents, histories, projections } = state ?? {}
  return { documents: countOf(documents), histories: countOf(histories), projections: countOf(projections) }
}

function checkOptions({ to, as, topic, overwrite }: RestoreOptions): void {
  if ((to === undefined) === (as === undefined)) throw optionInvalid('to', 'or `as` must be given, and not both', to)
  if (as !== undefined && typeof as !== 'string') throw optionInvalid('as', 'must be a name', as)
  if (topic !== undefined && typeof topic !== 'string') throw optionInvalid('topic', 'must be a name', topic)
  if (as !== undefined && overwrite === true) throw optionInvalid('overwrite', 'is for a place, not for a topic', true)
}

async function wishOf(
  { host, catalogue }: RestoreParts,
  { id, state }: { id: string; state: ManifestState },
  { as, topic, until, signal: stop, onProgress }: RestoreOptions,
): Promise<Wish> {
  const rows = topic === undefined ? state.topics : [topicOf(id, state, topic)]
  if (as !== undefined && rows.length !== 1)
    throw optionInvalid('topic', `must say which of the ${rows.length} topics of the snapshot`, topic)
  if (until !== undefined && 'offset' in until && rows.length !== 1)
    throw optionInvalid('until.offset', 'is for one topic: name it with `topic`', until.offset)
  const signal = stop === undefined ? host.closing : AbortSignal.any([stop, host.closing])
  const storage = catalogue.storageOf(id)
  const topics: TopicPlan[] = []
  for (const row of rows) {
    const source = { storage, storeId: state.storeId, row, isAtRest: true }
    topics.push({ source, plan: { ends: await endsOf(id, source, untilOf(state, row, until)), signal, onProgress } })
  }
  const isWhole = topic === undefined && until === undefined && as === undefined
  return { id, state, topics, isWhole, signal }
}

/** In a snapshot of one partition an offset is about that one. */
function untilOf({ snapshot }: ManifestState, { partitions }: TopicRow, until: Until | undefined): Until | undefined {
  const only = snapshot?.partition
  if (only === undefined || until === undefined || !('offset' in until)) return until
  const { offset } = until
  if (typeof offset !== 'number') return until
  return { offset: partitions.map((row) => (row.partition === only ? offset : logEndOf(row))) }
}

async function endsOf(id: string, source: SourceTopic, until: RestoreOptions['until']): Promise<TakeOver['ends']> {
  try {
    return await resolveUntil(source, until)
  } catch (error) {
    if (!isVarveError(error) || error.kind !== 'corrupt') throw error
    throw damaged(id, String(error.details.file ?? ''), error)
  }
}

function topicOf(id: string, { topics }: ManifestState, name: string): TopicRow {
  const row = topics.find((topic) => topic.name === name)
  if (row !== undefined) return row
  const known = topics.slice(0, 100).map((topic) => topic.name)
  throw new VarveError('TOPIC_UNKNOWN', `Cannot restore topic "${name}": snapshot "${id}" does not have it`, {
    details: { topic: name, snapshot: id, topics: known },
  })
}

function damaged(id: string, file: string, found: { readonly message: string }): VarveError {
  const message = `Cannot restore snapshot "${id}": its file "${file}" is damaged`
  return new VarveError('SNAPSHOT_DAMAGED', message, { details: { snapshot: id, file, reason: found.message } })
}

async function asTopic({ host }: RestoreParts, { topics }: Wish, { as = '' }: RestoreOptions): Promise<Counts> {
  host.checkWritable('restore a snapshot')
  const [{ source, plan }] = topics as [TopicPlan]
  const adopted = await host.adoptTopic(source, { name: as, plan })
  const { topic, events, highWatermarks, filesLinked, filesCopied, bytesCopied } = adopted
  return { storeId: host.storeId, topics: [{ topic, events, highWatermarks }], filesLinked, filesCopied, bytesCopied }
}

async function asStore(
  { host, catalogue }: RestoreParts,
  wish: Wish,
  { to, overwrite = false, onProgress }: RestoreOptions & { readonly to: Storage },
): Promise<Counts> {
  const { clock, random } = host
  const { id, state, topics, isWhole, signal } = wish
  const from = { id, storage: catalogue.storageOf(id), live: host.storage, state, topics, isWhole }
  const restored = new RestoredStore(from, { to, clock, random, overwrite, signal, onProgress })
  const release = claimHere(to)
  try {
    const begin = (claimed: ClaimedPlace) => restored.begin(claimed)
    const owner = { storage: to, clock, random, takeOver: false, lockTimeoutMs: 0, signal }
    const { manifest } = await acquire({ ...owner, begin })
    await close(manifest, restored)
    const { storeId, topics: rows } = manifest.state
    return { storeId, topics: rows.map(reportOf), ...restored.counts }
  } catch (error) {
    throw isVarveError(error, 'MANIFEST_DAMAGED') ? notOverDamage(to, error) : error
  } finally {
    release()
  }
}

/** In this process nobody may have it open either. @returns gives it up. */
function claimHere(to: Storage): () => void {
  try {
    return claimLocation(to)
  } catch (cause) {
    if (!isVarveError(cause, 'STORE_OPEN_HERE')) throw cause
    const message = `Cannot restore to "${to.location}": this process has a store open there`
    throw new VarveError('STORE_LOCKED', message, { details: cause.details, cause })
  }
}

/** The new store is there: nothing fails any more. Without this record it is recovered when it is opened. */
async function close(manifest: OwnedManifest, { closed }: RestoredStore): Promise<void> {
  await manifest.append(closed).catch(() => undefined)
  await manifest.close().catch(() => undefined)
}

function reportOf({ name, partitions }: TopicRow): RestoreReport['topics'][number] {
  const events = partitions.reduce((sum, row) => sum + logEndOf(row) - row.logStartOffset, 0)
  return { topic: name, events, highWatermarks: partitions.map(logEndOf) }
}
