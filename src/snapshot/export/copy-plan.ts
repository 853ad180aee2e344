/** What has to be sent so that a place has a snapshot, and which of its files other snapshots there have already.
 *
 * A file is the same when its key says so (see `StateFile`) and it is as long. Merged term runs are written anew from
 * segments that have long been there, so most of their bytes are no growth: those that would make a copy much longer
 * than what is new are left out, and the runs they were merged from are linked where an earlier snapshot has them. A
 * run that is missing costs a scan of its segments when terms are first asked for. Of a file that has grown since an
 * earlier snapshot only the rest is sent.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import { type ManifestState, partitionDirectory } from '../../manifest/index.ts'
import type { Storage } from '../../ports/storage.ts'
import { mergedRun } from '../../segment/names.ts'
import { RUN_FAN_IN } from '../../topic/term-cover.ts'
import type { SnapshotCatalogue } from '../catalogue/catalogue.ts'
import { derivedFiles, type StateFile, truthFiles } from '../files/state-files.ts'
import type { Beginning } from './copy-rest.ts'

/** A file of a snapshot that is copied. */
export interface CopyFile {
  readonly path: string
  readonly sizeBytes: number
  /** Derived files are not verified: nobody believes them without looking. */
  readonly isTruth: boolean
  /** Where another snapshot of the place has the same. */
  readonly shared?: FileThere
  /** Where another snapshot of the place has its first bytes. */
  readonly beginning?: Beginning
  /** Only there: the snapshot that is copied does not have it. */
  readonly isExtra?: true
}

/** A file of another snapshot. */
export interface FileThere {
  readonly storage: Storage
  readonly path: string
}

/** A snapshot to be copied. */
export interface CopySource {
  readonly id: string
  readonly state: ManifestState
  readonly storage: Storage
}

/** The other snapshots of a place, the newest first, and what they have, by key. */
interface There {
  readonly storages: readonly Storage[]
  readonly files: ReadonlyMap<string, FileThere>
  /** What has grown since, or will, by what it is of. */
  readonly beginnings: ReadonlyMap<string, readonly Beginning[]>
}

/** How much merged runs may say again, of what is sent anyway. */
const SAID_AGAIN_MAX = 0.02

/** Find the files of a snapshot, and where the place `to` has them already.
 * Cost: the manifest of every snapshot there, and a look at the size of every file.
 * @throws {VarveError} `SNAPSHOT_DAMAGED` {snapshot, file, reason} when a file is missing or too short. */
export async function planCopy(source: CopySource, to: SnapshotCatalogue): Promise<CopyFile[]> {
  const there = await filesThere(source, to)
  const truth = await truthOf(source, there)
  const derived: CopyFile[] = []
  for (const { path, key } of await derivedFiles(source.storage, source.state)) {
    const sizeBytes = await sizeOf(source.storage, path)
    if (sizeBytes !== undefined) derived.push(withShared({ path, sizeBytes, isTruth: false }, there.files.get(key)))
  }
  const leftOut = saidAgain(source.state, { truth, derived })
  if (leftOut.size === 0) return [...truth, ...derived]
  const kept = derived.filter(({ path }) => !leftOut.has(path))
  return [...truth, ...kept, ...(await runsBefore(source, { there, derived }))]
}

async function truthOf(source: CopySource, there: There): Promise<CopyFile[]> {
  const files: CopyFile[] = []
  for (const stored of truthFiles(source.state)) {
    const { path, sizeBytes, key, kind } = stored
    const found = await sizeOf(source.storage, path)
    if (found === undefined) throw copyDamaged(source.id, path, 'it is missing')
    if (found < sizeBytes) throw copyDamaged(source.id, path, `it has ${found} of ${sizeBytes} bytes`)
    // Of those files the state does not say how long they are.
    const bytes = kind === 'versions' ? found : sizeBytes
    const shared = there.files.get(key)
    const beginning = shared === undefined ? longestOf(there.beginnings.get(growingOf(stored)), bytes) : undefined
    const file = { path, sizeBytes: bytes, isTruth: true, ...(beginning === undefined ? {} : { beginning }) }
    files.push(withShared(file, shared))
  }
  return files
}

/** Segments and groups are only ever appended to, copies of groups too: their ids say what the first bytes are. */
function growingOf({ kind, key }: StateFile): string {
  return kind === 'document' || kind === 'versions' ? key : key.split(' ', 2).join(' ')
}

function longestOf(beginnings: readonly Beginning[] = [], sizeBytes: number): Beginning | undefined {
  let longest: Beginning | undefined
  for (const beginning of beginnings)
    if (beginning.sizeBytes < sizeBytes && beginning.sizeBytes > (longest?.sizeBytes ?? 0)) longest = beginning
  return longest
}

function withShared(file: CopyFile, shared: FileThere | undefined): CopyFile {
  return shared === undefined ? file : { ...file, shared }
}

/** What the other snapshots of the place have. One that cannot be read has nothing. */
async function filesThere({ id }: CopySource, to: SnapshotCatalogue): Promise<There> {
  const files = new Map<string, FileThere>()
  const storages: Storage[] = []
  const beginnings = new Map<string, Beginning[]>()
  if (!to.storageOf(id).capabilities.hardLinks) return { files, storages, beginnings }
  for (const other of await to.list()) {
    if (other.id === id) continue
    try {
      const state = await to.state(other.id)
      const storage = to.storageOf(other.id)
      const truth = truthFiles(state)
      for (const { path, key } of [...truth, ...(await derivedFiles(storage, state))])
        if (!files.has(key)) files.set(key, { storage, path })
      for (const file of truth) {
        const growing = growingOf(file)
        const known = beginnings.get(growing) ?? []
        beginnings.set(growing, [...known, { storage, path: file.path, sizeBytes: file.sizeBytes }])
      }
      storages.push(storage)
    } catch (error) {
      // Damaged, of a newer version, or deleted meanwhile.
      if (!isVarveError(error) || error.kind === 'unavailable' || error.kind === 'denied') throw error
    }
  }
  return { files, storages, beginnings }
}

/** The paths of merged runs that are left out: those that say the least again are sent first. */
function saidAgain(
  state: ManifestState,
  { truth, derived }: { truth: readonly CopyFile[]; derived: readonly CopyFile[] },
): Set<string> {
  const againOf = saidAgainBytes(state, truth)
  const runs: { path: string; bytes: number }[] = []
  let newBytes = sentBytes(truth)
  for (const file of derived) {
    const bytes = file.shared === undefined ? againOf(file) : 0
    if (bytes > 0) runs.push({ path: file.path, bytes })
    else newBytes += sentBytes([file])
  }
  let roomBytes = newBytes * SAID_AGAIN_MAX
  const leftOut = new Set<string>()
  for (const { path, bytes } of runs.sort((a, b) => a.bytes - b.bytes)) {
    if (bytes > roomBytes) leftOut.add(path)
    else roomBytes -= bytes
  }
  return leftOut
}

/** How many bytes of a derived file are about segments that are there already: of one beside a segment none count. */
function saidAgainBytes(state: ManifestState, truth: readonly CopyFile[]): (file: CopyFile) => number {
  const shared = new Set(truth.filter((file) => file.shared !== undefined).map(({ path }) => path))
  const rows = new Map(
    state.topics.flatMap(({ name, partitions }) =>
      partitions.map((row) => [partitionDirectory(name, row.partition), row] as const),
    ),
  )
  return ({ path, sizeBytes }) => {
    const end = path.lastIndexOf('/')
    const directory = path.slice(0, end)
    const run = mergedRun(path.slice(end + 1))
    const row = rows.get(directory)
    if (run === undefined || row === undefined) return 0
    const { segments, droppedSegments = 0 } = row
    const first = Math.max(0, run.sequence - droppedSegments)
    const covered = segments.slice(first, run.sequence + RUN_FAN_IN ** run.level - droppedSegments)
    const again = covered.filter(({ file }) => shared.has(`${directory}/${file}`)).length
    return (sizeBytes * again) / Math.max(1, covered.length)
  }
}

/** The bytes of files that no snapshot of the place has. */
function sentBytes(files: readonly CopyFile[]): number {
  const bytesOf = ({ shared, sizeBytes, beginning }: CopyFile) =>
    shared === undefined ? sizeBytes - (beginning?.sizeBytes ?? 0) : 0
  return files.reduce((total, file) => total + bytesOf(file), 0)
}

/** Derived files that earlier snapshots have and this one does not any more, since they were merged. */
async function runsBefore(
  { state }: CopySource,
  { there, derived }: { there: There; derived: readonly CopyFile[] },
): Promise<CopyFile[]> {
  const paths = new Set(derived.map(({ path }) => path))
  const files: CopyFile[] = []
  for (const storage of there.storages) {
    for (const { path, key } of await derivedFiles(storage, state)) {
      // A name may be that of other segments there: the key is that of ours, and has to be one of theirs.
      const shared = there.files.get(key)
      if (shared === undefined || paths.has(path)) continue
      const sizeBytes = await sizeOf(shared.storage, shared.path)
      if (sizeBytes === undefined) continue
      paths.add(path)
      files.push({ path, sizeBytes, isTruth: false, shared, isExtra: true })
    }
  }
  return files
}

/** How many bytes a file has; undefined when it is not there. */
export async function sizeOf(storage: Storage, path: string): Promise<number | undefined> {
  try {
    const handle = await storage.openRead(path)
    try {
      return await handle.size()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return undefined
    throw error
  }
}

/** The error of a snapshot that cannot be copied. */
export function copyDamaged(snapshot: string, file: string, reason: string): VarveError {
  return new VarveError('SNAPSHOT_DAMAGED', `Cannot copy snapshot "${snapshot}": "${file}" is damaged: ${reason}`, {
    details: { snapshot, file, reason },
  })
}
