/** What the file of a document says about itself, when nothing else does.
 * @module */

import { isVarveError } from '../../errors.ts'
import type { ReadHandle, Storage } from '../../ports/storage.ts'
import { FILE_HEADER_BYTES } from '../blocks.ts'
import { checkSection, readTrailer as decodeTrailer, TRAILER_BYTES } from '../file-format.ts'

export interface FoundDocument {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly version: number
  readonly sizeBytes: number
  readonly indexBytes: number
}

/** Read the trailer of a file and check its index section. @returns undefined when the file is not complete.
 * @throws what the storage throws. */
export async function readTrailer(storage: Storage, path: string): Promise<FoundDocument | undefined> {
  const handle = await storage.openRead(path)
  try {
    return await readFound(storage, handle)
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED') || isVarveError(error, 'FORMAT_NEWER')) return undefined
    throw error
  } finally {
    await handle.close()
  }
}

async function readFound(storage: Storage, handle: ReadHandle): Promise<FoundDocument | undefined> {
  const sizeBytes = await handle.size()
  if (sizeBytes < FILE_HEADER_BYTES + TRAILER_BYTES) return undefined
  const last = new Uint8Array(TRAILER_BYTES)
  await handle.read(sizeBytes - TRAILER_BYTES, last)
  const { id, version, streamBytes, indexBytes } = decodeTrailer(last)
  if (FILE_HEADER_BYTES + streamBytes + indexBytes !== sizeBytes) return undefined
  const header = new Uint8Array(FILE_HEADER_BYTES)
  await handle.read(0, header)
  const section = new Uint8Array(indexBytes)
  await handle.read(FILE_HEADER_BYTES + streamBytes, section)
  checkSection(section, header, storage.digest)
  return { id, version, sizeBytes, indexBytes }
}
