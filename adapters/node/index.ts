/** Storage in a directory, on Node. Also works on Deno and Bun, whose own adapters use their native calls.
 * @module */
import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import process from 'node:process'
import type { FileCalls } from '../files/file-calls.ts'
import { FileStorage } from '../files/file-storage.ts'
import { nativeCompression } from './compression.ts'
import { nativeDigest } from './digest.ts'
import { nodeFileCalls } from './file-calls.ts'
import { processOwner } from './owner.ts'

export interface NodeStorageOptions {
  /** The table of file-system calls; default `node:fs`. Tests bring one that fails. */
  readonly files?: FileCalls
}

/** Keep a store in the directory `path`, which is created when something is first written.
 * Local file systems only: network file systems do not give exclusive creation and sync the meaning varve needs. */
export function nodeStorage(path: string, options: NodeStorageOptions = {}): FileStorage {
  return new FileStorage({
    name: 'node',
    root: realRoot(path),
    calls: options.files ?? nodeFileCalls,
    digest: nativeDigest(512),
    compression: nativeCompression,
    owner: processOwner(`node ${process.versions.node}`),
  })
}

/** The absolute path of a directory without symbolic links, whether it exists yet or not. */
export function realRoot(path: string): string {
  const wanted = resolve(path)
  let rest = ''
  for (let existing = wanted; ; existing = dirname(existing)) {
    try {
      return join(realpathSync(existing), rest)
    } catch {
      // Not there yet (or not ours to look at): try what holds it.
      if (existing === dirname(existing)) return wanted
      rest = join(basename(existing), rest)
    }
  }
}
