/** Which runtime this is, and its own storage.
 * @module */
import process from 'node:process'
import { bunStorage } from '../../adapters/bun/index.ts'
import { denoStorage } from '../../adapters/deno/index.ts'
import type { FileStorage } from '../../adapters/files/file-storage.ts'
import { nodeStorage } from '../../adapters/node/index.ts'

export const runtime = 'Deno' in globalThis ? 'deno' : process.versions.bun === undefined ? 'node' : 'bun'

/** Opens the runtime's own storage in a directory. */
export const ownStorage: (path: string) => FileStorage = {
  node: (path: string) => nodeStorage(path),
  deno: denoStorage,
  bun: bunStorage,
}[runtime]
