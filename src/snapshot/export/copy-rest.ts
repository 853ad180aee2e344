/** Sending only the rest of a file that has grown: its beginning is in an earlier snapshot of the place.
 * @module */
import { isVarveError } from '../../errors.ts'
import type { ReadHandle, Storage } from '../../ports/storage.ts'
import { copyFile } from '../files/copy-file.ts'

/** The first bytes of a file, elsewhere. */
export interface Beginning {
  readonly storage: Storage
  readonly path: string
  readonly sizeBytes: number
}

/** A file that is put together. */
export interface SentRest {
  readonly from: Storage
  readonly path: string
  readonly sizeBytes: number
  readonly beginning: Beginning
  readonly to: Storage
  /** The name it gets there, which nothing has. */
  readonly name: string
  /** What it throws ends it. */
  readonly onBytes: (bytes: number) => void
}

/** Put a file together. Its bytes are durable when this resolves, its name is not; when it fails, it is gone.
 * @returns false when the beginning is not there any more: then nothing has happened. */
export async function sendRest(file: SentRest): Promise<boolean> {
  const { beginning, from, path } = file
  const first = await openIfThere(beginning)
  if (first === undefined) return false
  try {
    if ((await first.size()) < beginning.sizeBytes) return false
    const source = await from.openRead(path)
    try {
      await write(file, first, source)
    } finally {
      await source.close()
    }
  } finally {
    await first.close()
  }
  return true
}

async function openIfThere({ storage, path }: Beginning): Promise<ReadHandle | undefined> {
  try {
    return await storage.openRead(path)
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return undefined
    throw error
  }
}

async function write(file: SentRest, first: ReadHandle, source: ReadHandle): Promise<void> {
  const { beginning, to, name, sizeBytes, onBytes } = file
  const position = beginning.sizeBytes
  const target = await to.createExclusive(name)
  try {
    try {
      await copyFile(first, target, { sizeBytes: position, onBytes })
      await copyFile(source, target, { position, sizeBytes: sizeBytes - position, onBytes })
      await target.sync()
    } finally {
      await target.close()
    }
  } catch (error) {
    await to.remove(name).catch(() => undefined)
    throw error
  }
}
