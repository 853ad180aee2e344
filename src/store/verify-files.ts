/** Finding what lies in a store's directories and belongs to nobody. Reported, never touched.
 * @module */
import {
  headEpoch,
  type ManifestState,
  manifestEpoch,
  type PartitionRow,
  partitionDirectory,
} from '../manifest/index.ts'
import type { StorageEntry } from '../ports/storage.ts'
import { besideSegment, CHECKPOINT_FILE, isSegmentFamily } from '../segment/names.ts'
import type { VerifyRun } from './verify-run.ts'

const ROOT_DIRECTORIES = new Set(['topics', 'tmp', 'documents', 'histories', 'projections', '.snapshots'])
/** Directories that are not looked into. */
const OTHER_PARTS = ['documents', 'histories', 'projections', '.snapshots']

/** The names in a store's directories. */
export type Listing = ReadonlyMap<string, readonly StorageEntry[]>

/** List the root, and the directories of topics and partitions that `state` knows. To be taken before the state that
 * judges it is read: a file made in between is then no stranger. */
export async function listStore(run: VerifyRun, state: ManifestState): Promise<Listing> {
  const listing = new Map<string, readonly StorageEntry[]>()
  const directories = ['', 'topics']
  for (const topic of state.topics) {
    directories.push(`topics/${topic.name}`)
    for (const row of topic.partitions) directories.push(partitionDirectory(topic.name, row.partition))
  }
  for (const directory of directories) {
    run.checkGoingOn()
    listing.set(directory, await run.storage.list(directory))
  }
  return listing
}

/** Report what no rule names. An unknown directory is reported once and not walked. */
export function reportUnknown(run: VerifyRun, listing: Listing, state: ManifestState): void {
  const report = (directory: string, isKnown: (entry: StorageEntry) => boolean) => {
    for (const entry of listing.get(directory) ?? []) {
      if (isKnown(entry)) continue
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      run.unknownFiles.push(entry.kind === 'file' && isSegmentFamily(entry.name) ? explained(path) : path)
    }
  }
  report('', ({ name, kind }) => {
    if (kind === 'directory') return ROOT_DIRECTORIES.has(name)
    return kind === 'file' && (manifestEpoch(name) !== undefined || headEpoch(name) !== undefined)
  })
  const topics = new Set(state.topics.map((topic) => topic.name))
  report('topics', ({ name, kind }) => kind === 'directory' && topics.has(name))
  for (const topic of state.topics) {
    const partitions = new Set(topic.partitions.map((row) => String(row.partition)))
    report(`topics/${topic.name}`, ({ name, kind }) => kind === 'directory' && partitions.has(name))
    for (const row of topic.partitions) {
      const known = knownFiles(row)
      report(partitionDirectory(topic.name, row.partition), ({ name, kind }) => kind !== 'directory' && known.has(name))
    }
  }
  for (const { name } of listing.get('') ?? []) {
    if (OTHER_PARTS.includes(name)) run.leaveOut(`${name}: this check covers the log only.`)
  }
}

function explained(path: string): string {
  return path.endsWith('.log')
    ? `${path}: not in the manifest; left by an interrupted roll or recovery, or a copy`
    : `${path}: an index without a sealed segment`
}

function knownFiles(row: PartitionRow): Set<string> {
  const known = new Set<string>([CHECKPOINT_FILE])
  for (const { file, sealed } of row.segments) {
    known.add(file)
    if (sealed === undefined) continue
    known.add(besideSegment(file, 'index'))
    known.add(besideSegment(file, 'timeindex'))
  }
  return known
}
