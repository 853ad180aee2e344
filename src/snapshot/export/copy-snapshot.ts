/** Copying a snapshot from one place to another: export and import.
 *
 * Only what no snapshot of the other place has is sent. What was sent is verified there, by the hashes of the state,
 * before the manifest is published: until then there is nothing that anybody lists. Interrupted by whatever, the next
 * call goes on with the files that are whole. Nothing is shared between the two places, even where they could.
 * @module */
import { sameBytes } from '../../codec/bytes.ts'
import { isVarveError, VarveError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import { checkSnapshotId, type SnapshotCatalogue, type SnapshotManifest } from '../catalogue/catalogue.ts'
import { UNPUBLISHED } from '../catalogue/leftovers.ts'
import type { checkTruth } from '../check/check.ts'
import { truthFiles } from '../files/state-files.ts'
import type { SnapshotCopyOptions, SnapshotCopyReport } from '../types.ts'
import { type CopyParts, type Placed, placeFiles, sendFiles, withoutBeginning } from './copy-files.ts'
import { removeFiles, removeOthers, syncNames } from './copy-names.ts'
import { type CopyFile, type CopySource, copyDamaged, planCopy } from './copy-plan.ts'

export interface CopyOptions extends SnapshotCopyOptions {
  readonly check: typeof checkTruth
  readonly clock: Clock
  readonly random: Random
}

/** Copy a snapshot to a place that may have others. Pinned in the one, it is pinned in the other.
 * Cost: what is not there yet is read, written, and read again there; a look at every file, and the manifest of every
 * snapshot there.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED` {snapshot, file, reason}, `FILE_EXISTS` {snapshot} when
 * another snapshot has this id there, `STORAGE_FULL` {neededBytes, freeBytes}, and what the storages throw. */
export async function copySnapshot(
  { from, to }: { readonly from: SnapshotCatalogue; readonly to: SnapshotCatalogue },
  id: string,
  options: CopyOptions,
): Promise<SnapshotCopyReport> {
  checkSnapshotId(id)
  options.signal?.throwIfAborted()
  const began = options.clock.monotonic()
  const manifest = await from.manifest(id)
  const copy = { from, to, options, source: { id, state: manifest.state, storage: from.storageOf(id), manifest } }
  const sums = (await sumsOfSame(copy)) ?? (await bring(copy))
  return { snapshot: id, ...sums, durationMs: options.clock.monotonic() - began }
}

interface Copy {
  readonly from: SnapshotCatalogue
  readonly to: SnapshotCatalogue
  readonly options: CopyOptions
  readonly source: CopySource & { readonly manifest: SnapshotManifest }
}

type Sums = Omit<SnapshotCopyReport, 'snapshot' | 'durationMs'>

/** What a copy reports that has nothing to do; undefined when the snapshot is not there. */
async function sumsOfSame({ to, source }: Copy): Promise<Sums | undefined> {
  let there: SnapshotManifest
  try {
    there = await to.manifest(source.id)
  } catch (error) {
    if (isVarveError(error, 'SNAPSHOT_UNKNOWN')) return undefined
    throw error
  }
  if (there.name !== source.manifest.name || !sameBytes(there.bytes, source.manifest.bytes)) {
    const message = `Cannot copy snapshot "${source.id}": another one has that id there`
    throw new VarveError('FILE_EXISTS', message, { details: { snapshot: source.id } })
  }
  // Whoever published it may have come no further.
  await to.storageOf(source.id).syncDirectory('')
  const files = truthFiles(there.state)
  return { filesSent: 0, bytesSent: 0, filesShared: files.length, bytesShared: bytesOf(files) }
}

/** Bring everything, and publish it. */
async function bring(copy: Copy): Promise<Sums> {
  const { to, options, source } = copy
  const { signal, onProgress, random } = options
  const places = { from: source.storage, to: to.storageOf(source.id), random, signal, onProgress }
  const placed: Placed = { sent: [], linked: [], kept: [], unsure: [] }
  let files: readonly CopyFile[] = []
  try {
    onProgress?.({ step: 'prepare', doneBytes: 0, totalBytes: 0, file: '' })
    files = await planCopy(source, to)
    await placeFiles(files, { places, placed })
    await verifyPlaced(copy, { places, placed })
    await removeOthers(files, places.to)
    await syncNames(files, places.to)
    signal?.throwIfAborted()
    onProgress?.({ step: 'publish', doneBytes: 0, totalBytes: 0, file: '' })
    await publish(copy)
    return sumsOf(placed)
  } catch (error) {
    await tidyUp(copy, error, { places, placed, files })
    return await lookAgain(copy, error)
  }
}

async function publish({ from, to, source }: Copy): Promise<void> {
  if ((await from.info(source.id)).pinned) await to.mark(source.id, true)
  await to.publishManifest(source.id, source.manifest)
}

/** What a full disk holds of a copy goes; otherwise it stays for the next one. */
async function tidyUp(
  { to, source }: Copy,
  error: unknown,
  { places, placed, files }: CopyParts & { readonly files: readonly CopyFile[] },
): Promise<void> {
  const isFull = isVarveError(error, 'STORAGE_FULL')
  const made = isFull ? [{ path: UNPUBLISHED }, ...placed.sent, ...placed.linked] : []
  const removed = await removeFiles(made, places.to, files)
  if (isFull && removed) await to.mark(source.id, false).catch(() => undefined)
}

function sumsOf({ sent, linked, kept }: Placed): Sums {
  const beginnings = sent.reduce((total, { beginning }) => total + (beginning?.sizeBytes ?? 0), 0)
  return {
    filesSent: sent.length,
    bytesSent: bytesOf(sent) - beginnings,
    filesShared: linked.length + kept.length,
    bytesShared: bytesOf(linked) + bytesOf(kept) + beginnings,
  }
}

function bytesOf(files: readonly { readonly sizeBytes: number }[]): number {
  return files.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
}

/** Verify what nobody has verified there. What arrived damaged although it is not is sent once more: a snapshot that
 * was published is never touched.
 * @throws {VarveError} `SNAPSHOT_DAMAGED`; what is damaged is removed. */
async function verifyPlaced(copy: Copy, { places, placed }: CopyParts): Promise<void> {
  const { source } = copy
  let unsure = [...placed.sent, ...placed.unsure].filter(({ isTruth }) => isTruth)
  for (let attempt = 1; unsure.length > 0; attempt++) {
    const bad = await problemsOf(copy, { files: unsure, side: 'to' })
    const [first] = bad
    if (first === undefined) return
    unsure = unsure.filter(({ path }) => bad.some(({ file }) => file === path))
    await removeFiles(unsure, places.to)
    const [cause] = await problemsOf(copy, { files: unsure, side: 'from' })
    if (cause !== undefined) throw copyDamaged(source.id, cause.file, cause.message)
    if (attempt === 2 || unsure.length === 0)
      throw copyDamaged(source.id, first.file, `${first.message}, as it arrived`)
    await sendFiles(unsure.map(withoutBeginning), { places, placed })
  }
}

async function problemsOf(
  { to, options, source }: Copy,
  { files, side }: { files: readonly CopyFile[]; side: 'from' | 'to' },
): Promise<readonly { readonly file: string; readonly message: string }[]> {
  const paths = new Set(files.map(({ path }) => path))
  const storage = side === 'to' ? to.storageOf(source.id) : source.storage
  const { signal, onProgress, check } = options
  const { problems } = await check(storage, source.state, { signal, onProgress, only: (path) => paths.has(path) })
  return problems
}

/** A copy of the same snapshot, or its removal, may have been the reason for a failure. */
async function lookAgain(copy: Copy, error: unknown): Promise<Sums> {
  if (!isVarveError(error) || (error.code !== 'FILE_MISSING' && error.code !== 'FILE_EXISTS')) throw error
  const sums = await sumsOfSame(copy)
  if (sums !== undefined) return sums
  // Throws when it is not there any more.
  await copy.from.state(copy.source.id)
  throw error
}
