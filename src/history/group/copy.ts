/** Copies of the files of groups.
 * @module */
import { VarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import { readBytes } from './chunks.ts'
import type { GroupPlace } from './types.ts'

const PIECE_BYTES = 262_144

/** Copy what counts of a group to a new file, durably; nothing is checked. What fails leaves no file, if that is
 * possible. @throws {VarveError} what the storage throws, `STORAGE_UNAVAILABLE` when the file is too short. */
export async function copyGroup(from: GroupPlace, to: GroupPlace, row: GroupRow): Promise<void> {
  const source = await from.storage.openRead(from.path)
  const cost = { reads: 0, bytesRead: 0 }
  try {
    const target = await to.storage.createExclusive(to.path)
    try {
      for (let at = 0; at < row.endBytes; ) {
        const length = Math.min(PIECE_BYTES, row.endBytes - at)
        const piece = await readBytes({ handle: source, cost }, at, length)
        if (piece.length < length) throw tooShort(from.path)
        await target.append(piece)
        at += length
      }
      await target.sync()
    } catch (error) {
      await target.close().catch(() => undefined)
      await to.storage.remove(to.path).catch(() => undefined)
      throw error
    }
    await target.close()
    await to.storage.syncDirectory(to.path.slice(0, to.path.lastIndexOf('/')))
  } finally {
    await source.close()
  }
}

function tooShort(file: string): VarveError {
  return new VarveError('STORAGE_UNAVAILABLE', `Cannot copy "${file}": it is too short`, { details: { file } })
}
