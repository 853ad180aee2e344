/** Opening the file of a group: its header, its frames.
 * @module */
import { VarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import type { ReadHandle } from '../../ports/storage.ts'
import { ChunkReader, type FileCost, readBytes } from './chunks.ts'
import { GroupEntries } from './entries.ts'
import { groupHeaderSize, placeChunks, type ReadHeader, readGroupHeader } from './header.ts'
import { Keyframe } from './keyframe.ts'
import type { GroupPlace } from './types.ts'
import { type FrameChain, readFrames } from './version-frame.ts'

/** Read at first: most headers, and small files as a whole. */
const FIRST_READ_BYTES = 4_096

/** What a file with a header holds. */
export interface OpenedGroup {
  readonly header: ReadHeader
  readonly keyframe: Keyframe
  /** Where reading of the frames ended. */
  readonly chain: Readonly<FrameChain>
  readonly entries: GroupEntries
}

/** Read header and frames of a group up to `row.endBytes`.
 * @throws {VarveError} `DECODE_FAILED` {found} without a header, `FORMAT_NEWER`, and what the storage throws. */
export async function openGroup(
  place: GroupPlace,
  row: Pick<GroupRow, 'id' | 'endBytes' | 'firstVersion'>,
  { handle, cost }: { handle: ReadHandle; cost: FileCost },
): Promise<OpenedGroup> {
  const { storage } = place
  const { digest } = storage
  const { endBytes } = row
  const begin = await readBytes({ handle, cost }, 0, Math.min(FIRST_READ_BYTES, endBytes))
  const header = readGroupHeader(await headerBytes(handle, begin, { endBytes, cost }), digest)
  if (header.id !== row.id) throw unexpected('another group')
  if (header.first.version !== row.firstVersion) throw unexpected('another first version')
  const chunks = placeChunks(header)
  const firstBytes = chunks.reduce((sum, { storedBytes }) => sum + storedBytes, header.sizeBytes)
  if (firstBytes > endBytes) throw unexpected('a keyframe that is longer than the file')
  const keyframe = new Keyframe(place, header, new ChunkReader(handle, storage, chunks))
  const first = { ...header.first, sizeBytes: firstBytes, isDelta: false }
  const chain = { base: header.first, digest, seed: header.crc }
  const isWhole = begin.length >= endBytes
  const frameBytes = Math.max(0, endBytes - firstBytes)
  const bytes = isWhole ? begin.subarray(firstBytes) : await readBytes({ handle, cost }, firstBytes, frameBytes)
  const entries = GroupEntries.of(first).with(readFrames(bytes, chain))
  return { header, keyframe, chain, entries }
}

async function headerBytes(
  handle: ReadHandle,
  begin: Uint8Array,
  { endBytes, cost }: { endBytes: number; cost: FileCost },
): Promise<Uint8Array> {
  const sizeBytes = groupHeaderSize(begin)
  if (sizeBytes <= begin.length) return begin.subarray(0, sizeBytes)
  if (sizeBytes > endBytes) throw unexpected('the end of the file in the header')
  return readBytes({ handle, cost }, 0, sizeBytes)
}

function unexpected(found: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot open a group: found ${found}`, { details: { found } })
}
