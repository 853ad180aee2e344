/** A file that a command writes, through `node:fs`, which Node, Deno and Bun all have.
 * @module */
import { lstat, open, rename, rm } from 'node:fs/promises'
import type { OutputFile } from '../../src/cli/index.ts'
import { VarveError } from '../../src/errors.ts'
import { errnoOf, storageError } from '../files/errors.ts'

/** Begin a file. It is written as `PATH.part`, which must not exist either, and renamed when it is whole. */
export async function createFile(path: string): Promise<OutputFile> {
  await refuseExisting(path)
  const part = `${path}.part`
  const file = await open(part, 'wx').catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw storageError('create', part, error)
    throw new VarveError('FILE_MISSING', `Cannot write "${path}": its directory does not exist`, { details: { path } })
  })
  return {
    async write(text) {
      try {
        await file.writeFile(text)
      } catch (error) {
        throw storageError('write', part, error)
      }
    },
    async finish() {
      try {
        await file.sync()
        await file.close()
        await refuseExisting(path)
        await rename(part, path)
      } catch (error) {
        throw storageError('write', path, error)
      }
    },
    async discard() {
      await file.close().catch(() => undefined)
      await rm(part, { force: true }).catch(() => undefined)
    },
  }
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw storageError('create', path, error)
  }
  throw new VarveError('FILE_EXISTS', `Cannot write "${path}": it is there already`, { details: { path } })
}
