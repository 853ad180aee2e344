/** A group as its own file describes it, when nothing else says what counts.
 * @module */
import { isVarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import type { ReadHandle } from '../../ports/storage.ts'
import { readBytes } from './chunks.ts'
import { GroupFile } from './group-file.ts'
import { groupHeaderSize, type ReadHeader, readGroupHeader } from './header.ts'
import type { GroupPlace, StoredVersion } from './types.ts'

const FIRST_READ_BYTES = 4_096

export interface LooseGroup {
  readonly row: GroupRow
  /** How many of its versions can be read, as far as header and frames tell. */
  readonly readable: number
}

/** Read header and frames of a file. What is behind the last frame that can be read does not count, unless something
 * is damaged before it. Cost: the header and all frames, some twice.
 * @param file name of the file without its suffix, for the row.
 * @returns undefined when the header is damaged.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws. */
export async function readLooseGroup(place: Omit<GroupPlace, 'id'>, file: string): Promise<LooseGroup | undefined> {
  const begin = await beginOf(place)
  if (begin === undefined) return undefined
  const { id, first } = begin.header
  const row: GroupRow = {
    id,
    file,
    tier: 'raw',
    firstVersion: first.version,
    lastVersion: first.version,
    firstAt: first.at,
    lastAt: first.at,
    endBytes: begin.sizeBytes,
    rawBytes: first.rawBytes,
  }
  const found = await versionsIn(place, row)
  const endBytes = found.versions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const atEnd = endBytes < row.endBytes ? await versionsIn(place, { ...row, endBytes }) : found
  const isWhole = atEnd.versions.length === found.versions.length
  const whole = withVersions({ ...row, endBytes: isWhole ? endBytes : row.endBytes }, found.versions, isWhole)
  const damaged = new Set((await versionsIn(place, whole)).damaged)
  return { row: whole, readable: found.versions.filter(({ version }) => !damaged.has(version)).length }
}

async function versionsIn(
  place: Omit<GroupPlace, 'id'>,
  row: GroupRow,
): Promise<Pick<GroupFile, 'versions' | 'damaged'>> {
  const file = await GroupFile.open({ ...place, id: row.id }, row)
  await file.close()
  return file
}

/** The row with what its versions say. Where frames are damaged, the versions in between are taken for theirs. */
function withVersions(row: GroupRow, versions: readonly StoredVersion[], isWhole: boolean): GroupRow {
  const last = versions.at(-1)
  if (last === undefined) return row
  const hasAll = !isWhole || last.version - row.firstVersion === versions.length - 1
  const offset = versions.findLast((version) => version.offset !== undefined)?.offset
  return {
    ...row,
    lastVersion: last.version,
    ...(hasAll ? {} : { versions: versions.map(({ version }) => version) }),
    lastAt: last.at,
    ...(offset === undefined ? {} : { lastOffset: offset }),
    rawBytes: versions.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
  }
}

async function beginOf({
  storage,
  path,
}: Pick<GroupPlace, 'storage' | 'path'>): Promise<{ header: ReadHeader; sizeBytes: number } | undefined> {
  let handle: ReadHandle | undefined
  try {
    handle = await storage.openRead(path)
    const cost = { reads: 0, bytesRead: 0 }
    const sizeBytes = await handle.size()
    const begin = await readBytes({ handle, cost }, 0, Math.min(FIRST_READ_BYTES, sizeBytes))
    const headerBytes = groupHeaderSize(begin)
    if (headerBytes > sizeBytes) return undefined
    const bytes = headerBytes > begin.length ? await readBytes({ handle, cost }, 0, headerBytes) : begin
    return { header: readGroupHeader(bytes.subarray(0, headerBytes), storage.digest), sizeBytes }
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return undefined
    throw error
  } finally {
    await handle?.close()
  }
}
