/** Bringing the files of a snapshot to another place, so that an interrupted copy can go on.
 *
 * 1. Link what another snapshot there has. What cannot be linked is sent.
 * 2. Send the others under names of their own, a few at a time, and sync them.
 * 3. Rename them, so that a file that has its name is whole. A crash before leaves files that the next copy removes.
 * No names are durable before `syncNames`. Two copies of one snapshot at the same time do not mix: each writes only
 * files that it created under a name that nobody else draws, and what they put in place is the same.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import { type Random, randomId } from '../../ports/random.ts'
import type { Storage } from '../../ports/storage.ts'
import { linkBetween } from '../../ports/storage-at.ts'
import { forEach } from '../files/several.ts'
import { transfer } from '../files/transfer.ts'
import type { SnapshotProgress } from '../types.ts'
import { namesBeside } from './copy-names.ts'
import { type CopyFile, sizeOf } from './copy-plan.ts'
import { sendRest } from './copy-rest.ts'

/** Where a copy comes from and goes to. */
export interface CopyPlaces {
  readonly from: Storage
  readonly to: Storage
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: SnapshotProgress) => void) | undefined
}

/** What became of the files, as far as it got. */
export interface Placed {
  readonly sent: CopyFile[]
  /** From another snapshot there. */
  readonly linked: CopyFile[]
  /** Whole files that an interrupted copy left. */
  readonly kept: CopyFile[]
  /** Those of `kept` that nobody has verified. */
  readonly unsure: CopyFile[]
}

const NOT_LINKED = new Set(['FILE_MISSING', 'STORAGE_DENIED', 'CAPABILITY_MISSING'])
const LINKS_AT_ONCE = 16
/** What an interrupted copy loses at most, apart from the file that is longer. */
const SENT_AT_ONCE = { bytes: 64 * 1024 * 1024, files: 64 }

/** Bring files to `to`. After a failure whole files stay, for the next copy.
 * @throws {VarveError} `STORAGE_FULL` {neededBytes, freeBytes} before anything is sent that has no room. */
export async function placeFiles(files: readonly CopyFile[], parts: CopyParts): Promise<void> {
  const left = await keepWhole(files, parts)
  const toSend = await linkFiles(left, parts)
  await checkRoom(toSend, parts.places.to)
  await sendFiles(toSend, parts)
}

export interface CopyParts {
  readonly places: CopyPlaces
  readonly placed: Placed
}

/** @returns those that are not there yet. What is there and too short or too long is removed. */
async function keepWhole(files: readonly CopyFile[], { places: { to }, placed }: CopyParts): Promise<CopyFile[]> {
  const names = await namesBeside(files, to)
  // Where nothing is renamed, a file has its name before it is whole and synced.
  const isWhole = to.capabilities.atomicReplace
  const left: CopyFile[] = []
  for (const file of files) {
    if (!names.has(file.path)) left.push(file)
    else if (file.isExtra || !isWhole || (await sizeOf(to, file.path)) !== file.sizeBytes) {
      await to.remove(file.path)
      left.push(file)
    } else {
      placed.kept.push(file)
      // A second name says that it was linked from a snapshot that was verified.
      if (file.shared === undefined || (await to.linkCount(file.path)) < 2) placed.unsure.push(file)
    }
  }
  return left
}

/** @returns those that have to be sent. */
async function linkFiles(files: readonly CopyFile[], { places, placed }: CopyParts): Promise<CopyFile[]> {
  const toSend: CopyFile[] = []
  await forEach(files, LINKS_AT_ONCE, async (file) => {
    places.signal?.throwIfAborted()
    const found = await linkFile(file, places.to)
    if (found === 'linked') placed.linked.push(file)
    else if (found === undefined && !file.isExtra) toSend.push(file)
    if (found !== 'there') return
    placed.kept.push(file)
    placed.unsure.push(file)
  })
  return toSend
}

async function linkFile(file: CopyFile, to: Storage): Promise<'linked' | 'there' | undefined> {
  const { path, sizeBytes, isTruth, shared } = file
  if (shared === undefined) return undefined
  const found = (await sizeOf(shared.storage, shared.path)) ?? 0
  // What follows after the end that the state says does not count.
  if (isTruth ? found < sizeBytes : found !== sizeBytes) return undefined
  try {
    return (await linkBetween(shared, { storage: to, path })) ? 'linked' : undefined
  } catch (error) {
    // Another copy was quicker, or the snapshot that has it was deleted.
    if (isVarveError(error, 'FILE_EXISTS')) return 'there'
    // Some file systems have no links, and none has any number of them.
    if (isVarveError(error) && (NOT_LINKED.has(error.code) || error.details.errno === 'EMLINK')) return undefined
    throw error
  }
}

async function checkRoom(files: readonly CopyFile[], to: Storage): Promise<void> {
  const neededBytes = files.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  const freeBytes = neededBytes === 0 ? undefined : await to.freeBytes()
  if (freeBytes === undefined || freeBytes >= neededBytes) return
  throw new VarveError('STORAGE_FULL', `Cannot copy the snapshot: ${neededBytes} bytes do not fit`, {
    details: { neededBytes, freeBytes },
  })
}

/** Send files that are not there, in the order given. */
export async function sendFiles(files: readonly CopyFile[], { places, placed }: CopyParts): Promise<void> {
  const totalBytes = files.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  let before = 0
  for (const batch of batchesOf(files)) {
    const { signal, onProgress } = places
    signal?.throwIfAborted()
    const base = before
    const report = (progress: SnapshotProgress) =>
      onProgress?.({ ...progress, doneBytes: base + progress.doneBytes, totalBytes })
    await sendBatch(batch, { places: { ...places, onProgress: report }, placed })
    before += batch.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
  }
}

function* batchesOf(files: readonly CopyFile[]): Generator<CopyFile[]> {
  let batch: CopyFile[] = []
  let bytes = 0
  for (const file of files) {
    if (batch.length > 0 && (batch.length === SENT_AT_ONCE.files || bytes + file.sizeBytes > SENT_AT_ONCE.bytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(file)
    bytes += file.sizeBytes
  }
  if (batch.length > 0) yield batch
}

async function sendBatch(files: readonly CopyFile[], { places, placed }: CopyParts): Promise<void> {
  const { to, random } = places
  const isRenamed = to.capabilities.atomicReplace
  const nameOf = (path: string) => (isRenamed ? `${path}.${randomId(random, 10)}.part` : path)
  const parts: Part[] = files.map((file) => ({ file, name: nameOf(file.path) }))
  const sent: Part[] = []
  try {
    await sendParts(parts, { places, sent })
    for (const { file, name } of sent) {
      if (isRenamed) await to.replace(name, file.path)
      placed.sent.push(file)
    }
  } catch (error) {
    for (const { name } of sent) await to.remove(name).catch(() => undefined)
    throw error
  }
}

interface Part {
  readonly file: CopyFile
  readonly name: string
}

/** Send files under their names; they are in `sent` then, without their beginnings where those are gone. */
async function sendParts(
  parts: readonly Part[],
  { places: { from, to, signal, onProgress }, sent }: { places: CopyPlaces; sent: Part[] },
): Promise<void> {
  const whole: Part[] = []
  let doneBytes = 0
  for (const { file, name } of parts) {
    const { path, sizeBytes, beginning } = file
    const onBytes = (bytes: number) => {
      signal?.throwIfAborted()
      doneBytes += bytes
      onProgress?.({ step: 'files', doneBytes, totalBytes: 0, file: path })
    }
    const isSent = beginning !== undefined && (await sendRest({ from, path, sizeBytes, beginning, to, name, onBytes }))
    if (isSent) sent.push({ file, name })
    else whole.push({ file: withoutBeginning(file), name })
  }
  const before = doneBytes
  const files = whole.map(({ file, name }) => ({ from: file.path, to: name, copyBytes: file.sizeBytes }))
  const report = (progress: SnapshotProgress) => onProgress?.({ ...progress, doneBytes: before + progress.doneBytes })
  await transfer({ from, to }, files, { signal, onProgress: report })
  sent.push(...whole)
}

/** The file as one that is sent whole. */
export function withoutBeginning({ beginning: _, ...file }: CopyFile): CopyFile {
  return file
}
