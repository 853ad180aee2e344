/** Finding what lies in a store's directories and belongs to nobody. Reported, never touched.
 * @module */
import {
  findDocument,
  findHistory,
  headEpoch,
  type ManifestState,
  manifestEpoch,
  type PartitionRow,
  partitionDirectory,
} from '../manifest/index.ts'
import { DOCUMENT_FILES, HISTORY_FILES } from '../manifest/stored-paths.ts'
import type { StorageEntry } from '../ports/storage.ts'
import { besideSegment, CHECKPOINT_FILE, isPartitionFile, isVersionsFile, mergedRun } from '../segment/names.ts'
import { SNAPSHOTS_DIRECTORY } from '../snapshot/catalogue/ids.ts'
import { isSnapshotName } from '../snapshot/catalogue/names.ts'
import type { VerifyRun } from './verify-run.ts'
import { listStored, reportUnknownStored } from './verify-stored.ts'
import { isRunOf } from './verify-terms.ts'

const ROOT_DIRECTORIES = new Set(['topics', 'tmp', DOCUMENT_FILES.root, HISTORY_FILES.root, SNAPSHOTS_DIRECTORY])

/** The names in a store's directories. */
export type Listing = ReadonlyMap<string, readonly StorageEntry[]>

/** List the root, the directories of documents, histories and snapshots, and those of topics and partitions that
 * `state` knows.
 * To be taken before the state that judges it is read: a file made in between is then no stranger. */
export async function listStore(run: VerifyRun, state: ManifestState): Promise<Listing> {
  const listing = new Map<string, readonly StorageEntry[]>()
  const directories = ['', 'topics', SNAPSHOTS_DIRECTORY]
  for (const topic of state.topics) {
    directories.push(`topics/${topic.name}`)
    for (const row of topic.partitions) directories.push(partitionDirectory(topic.name, row.partition))
  }
  const list = async (directory: string) => {
    run.checkGoingOn()
    const entries = await run.storage.list(directory)
    listing.set(directory, entries)
    return entries.filter(({ kind }) => kind === 'directory').map(({ name }) => `${directory}/${name}`)
  }
  for (const directory of directories) await list(directory)
  // A deleted topic leaves its directories behind; anything else there is a stranger.
  for (const topic of await list('topics')) {
    if (!listing.has(topic)) for (const partition of await list(topic)) await list(partition)
  }
  for (const paths of [DOCUMENT_FILES, HISTORY_FILES])
    for (const [directory, entries] of await listStored(run, paths)) listing.set(directory, entries)
  return listing
}

function idsOf(row: { readonly id: string } | undefined): string[] {
  return row === undefined ? [] : [row.id]
}

/** Whether a directory is what deletion leaves: directories, and files that wait to be removed. */
function isLeftOver(listing: Listing, directory: string, leaving: Leaving): boolean {
  const entries = listing.get(directory)
  return (
    entries?.every(({ name, kind }) =>
      kind === 'directory'
        ? isLeftOver(listing, `${directory}/${name}`, leaving)
        : leaving.get(directory)?.has(name) === true,
    ) === true
  )
}

/** By directory, the files that wait to be removed. */
type Leaving = ReadonlyMap<string, ReadonlySet<string>>

/** Report what no rule names. An unknown directory is reported once and not walked. */
export function reportUnknown(run: VerifyRun, listing: Listing, state: ManifestState): void {
  const report = (directory: string, isKnown: (entry: StorageEntry) => boolean) => {
    for (const entry of listing.get(directory) ?? []) {
      if (isKnown(entry)) continue
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      run.unknownFiles.push(entry.kind === 'file' && isPartitionFile(entry.name) ? explained(path) : path)
    }
  }
  report('', ({ name, kind }) => {
    if (kind === 'directory') return ROOT_DIRECTORIES.has(name)
    return kind === 'file' && (manifestEpoch(name) !== undefined || headEpoch(name) !== undefined)
  })
  const topics = new Set(state.topics.map((topic) => topic.name))
  const leaving = new Map(state.removing?.map(({ directory, files }) => [directory, new Set(files)]))
  for (const [directory, { size }] of leaving) run.leaveOut(`${directory}: ${size} files that wait to be removed.`)
  const isKnownTopic = (name: string) => topics.has(name) || isLeftOver(listing, `topics/${name}`, leaving)
  report('topics', ({ name, kind }) => kind === 'directory' && isKnownTopic(name))
  for (const topic of state.topics) {
    const partitions = new Set(topic.partitions.map((row) => String(row.partition)))
    report(`topics/${topic.name}`, ({ name, kind }) => kind === 'directory' && partitions.has(name))
    for (const row of topic.partitions) {
      const known = knownFiles(row)
      const directory = partitionDirectory(topic.name, row.partition)
      const isKnown = (name: string) =>
        known.has(name) || isRunOf(row, name) || leaving.get(directory)?.has(name) === true
      report(directory, ({ name, kind }) => kind !== 'directory' && isKnown(name))
    }
  }
  const documentIds = (name: string) => idsOf(findDocument(state.documents, name))
  reportUnknownStored(run, listing, { paths: DOCUMENT_FILES, named: documentIds })
  const groupFiles = (name: string) => findHistory(state.histories, name)?.groups.map(({ file }) => file) ?? []
  reportUnknownStored(run, listing, { paths: HISTORY_FILES, named: groupFiles })
  report(SNAPSHOTS_DIRECTORY, isSnapshotName)
  if (listing.get('')?.some(({ name }) => name === SNAPSHOTS_DIRECTORY)) {
    run.leaveOut(`${SNAPSHOTS_DIRECTORY}: this check does not look into snapshots.`)
  }
}

function explained(path: string): string {
  if (path.endsWith('.log')) return `${path}: not in the manifest; left by an interrupted roll or recovery, or a copy`
  if (isVersionsFile(nameOf(path))) return `${path}: left by an interrupted pruning`
  if (mergedRun(nameOf(path)) !== undefined) return `${path}: a term index of segments that there are none of`
  return `${path}: an index without a sealed segment`
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function knownFiles(row: PartitionRow): Set<string> {
  const known = new Set<string>([CHECKPOINT_FILE])
  if (row.prunedVersions !== undefined) known.add(row.prunedVersions)
  for (const { file, sealed } of row.segments) {
    known.add(file)
    if (sealed === undefined) continue
    known.add(besideSegment(file, 'index'))
    known.add(besideSegment(file, 'timeindex'))
    known.add(besideSegment(file, 'terms'))
  }
  return known
}
