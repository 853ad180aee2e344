/** Publishing files that are written once: complete under their name, or not there.
 * @module */
import { toHex } from '../codec/bytes.ts'
import type { Maybe, WriteHandle } from '../ports/storage.ts'
import type { LogContext } from './context.ts'

/** Where a file goes, and whether it has to survive a crash once it is there. */
export interface FilePlace {
  readonly path: string
  /** False: a crash may lose the file or tear it, which its checksums tell; then it costs no sync. */
  readonly durable: boolean
}

/** Write a file: temporary name, sync, rename, directory sync. Without `atomicReplace` it is written in place, and its
 * checksums tell a torn one. @throws {VarveError} `STORE_FENCED`, and what the storage throws. */
export async function publishFile(
  context: LogContext,
  { path, durable }: FilePlace,
  write: (handle: WriteHandle) => Maybe<void>,
): Promise<void> {
  const { storage, health, epoch } = context
  const inPlace = !storage.capabilities.atomicReplace
  const written = inPlace ? path : `tmp/${toHex(context.random.bytes(8))}`
  if (await context.isFenced()) throw health.fenced(epoch)
  if (inPlace) await storage.remove(path)
  const handle = await storage.createExclusive(written)
  try {
    await write(handle)
    if (durable) await handle.sync()
  } finally {
    await handle.close()
  }
  if (!inPlace) {
    if (await context.isFenced()) throw health.fenced(epoch)
    await storage.replace(written, path)
  }
  if (durable) await storage.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

/** Publish a derived file. A failure is reported, never thrown. @returns whether the file is there. */
export async function publishDerived(
  context: LogContext,
  place: FilePlace,
  write: (handle: WriteHandle) => Maybe<void>,
): Promise<boolean> {
  try {
    await publishFile(context, place, write)
    return true
  } catch (error) {
    const { path } = place
    const reason = error instanceof Error ? error.message : String(error)
    context.diagnose('DERIVED_NOT_WRITTEN', `Did not write "${path}"`, { file: path, reason })
    return false
  }
}

/** Publish a derived file whose bytes are in memory. */
export function writeDerived(context: LogContext, place: FilePlace, bytes: Uint8Array): Promise<boolean> {
  return publishDerived(context, place, (handle) => handle.append(bytes))
}
