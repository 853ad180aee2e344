/** The segment files of a partition as a salvage finds them, whatever the manifest says of them.
 * @module */
import { BATCH_HEADER_BYTES, readBatchHeader, segmentSeed } from '../codec/batch-header.ts'
import { fromHex, toHex } from '../codec/bytes.ts'
import { isVarveError } from '../errors.ts'
import type { Maybe, Storage } from '../ports/storage.ts'
import { drive, type Reading } from '../segment/file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from '../segment/header.ts'
import { isSegmentFamily } from '../segment/names.ts'
import type { LogContext } from '../topic/context.ts'

/** What a salvage needs of the store. */
export type SalvageContext = Pick<LogContext, 'storage' | 'clock' | 'pool' | 'digest'> & {
  readonly signal?: AbortSignal
}

/** A file with the name of a segment. */
export interface SegmentFile {
  readonly file: string
  readonly path: string
  readonly sizeBytes: number
  /** Undefined when it is damaged. */
  readonly header: SegmentHeader | undefined
  /** With a damaged header: the id that it seems to have, and that the first batch confirms. */
  readonly confirmedId: string | undefined
  /** Offset that the name says. */
  readonly namedOffset: number
}

/** Find the segment files in a directory, by name. Cost: a small read of each.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws. */
export async function segmentFiles(context: SalvageContext, directory: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = []
  for (const { name, kind } of await context.storage.list(directory)) {
    if (kind !== 'file' || !name.endsWith('.log') || !isSegmentFamily(name)) continue
    const path = `${directory}/${name}`
    const namedOffset = Number(name.slice(0, 20))
    const nothing = () => undefined
    const sizeBytes = (await unlessUnreadable(() => sizeOf(context.storage, path), nothing)) ?? 0
    const facts = await unlessUnreadable(() => drive(front(context, path, namedOffset), context.pool), nothing)
    found.push({ file: name, path, sizeBytes, namedOffset, header: undefined, confirmedId: undefined, ...facts })
  }
  return found
}

async function sizeOf(storage: Storage, path: string): Promise<number> {
  const handle = await storage.openRead(path)
  try {
    return await handle.size()
  } finally {
    await handle.close()
  }
}

/** What `work` gives, or undefined when its file cannot be read: that is as good as a damaged one, and others may
 * still be readable. */
export async function unlessUnreadable<T>(
  work: () => Maybe<T>,
  onReason: (reason: string) => void,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!isVarveError(error) || !UNREADABLE.has(error.code)) throw error
    onReason(error.message)
    return undefined
  }
}

const UNREADABLE = new Set(['FILE_MISSING', 'SEGMENT_MISSING', 'STORAGE_UNAVAILABLE', 'STORAGE_DENIED'])

function* front(
  { digest }: SalvageContext,
  path: string,
  namedOffset: number,
): Reading<Partial<Pick<SegmentFile, 'header' | 'confirmedId'>>> {
  const bytes = yield { path, position: 0, length: SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES }
  try {
    return { header: decodeSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_BYTES), path, digest) }
  } catch (error) {
    if (!isVarveError(error, 'SEGMENT_DAMAGED')) throw error
  }
  const id = toHex(bytes.subarray(16, 24))
  if (id.length !== 16) return {}
  const place = { seed: segmentSeed(fromHex(id), digest), position: SEGMENT_HEADER_BYTES }
  const batch = readBatchHeader(bytes, SEGMENT_HEADER_BYTES, { place, digest })
  return batch?.baseOffset === namedOffset ? { confirmedId: id } : {}
}
