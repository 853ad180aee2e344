/** A module that a person names on the command line, through `import`, which Node, Deno and Bun all have. @module */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { VarveError } from '../../src/errors.ts'
import { checkFile } from './sqlite.ts'

/** Load a module by its path. @throws {VarveError} `FILE_MISSING`, `OPTION_INVALID` with what is wrong in it. */
export async function importModule(path: string): Promise<unknown> {
  await checkFile(path)
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new VarveError('OPTION_INVALID', `Cannot load "${path}": ${reason}`, { cause })
  }
}
