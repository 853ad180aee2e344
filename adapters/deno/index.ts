/** Storage in a directory, on Deno; file-calls.ts says which calls are native. Needs `--allow-read` and `--allow-write`
 * for the directory. Without `--allow-sys` and `--allow-read` of /proc the owner of a store is less well known, so that
 * a takeover after a crash waits for the heartbeat.
 * @module */
import { FileStorage } from '../files/file-storage.ts'
import { nativeCompression } from '../node/compression.ts'
import { nativeDigest } from '../node/digest.ts'
import { realRoot } from '../node/index.ts'
import { processOwner } from '../node/owner.ts'
import { denoFileCalls } from './file-calls.ts'

declare const Deno: { readonly version: { readonly deno: string } }

/** Keep a store in the directory `path`, which is created when something is first written.
 * Local file systems only. Importing this module is harmless on every runtime; calling it needs Deno. */
export function denoStorage(path: string): FileStorage {
  return new FileStorage({
    name: 'deno',
    root: realRoot(path),
    calls: denoFileCalls(),
    digest: nativeDigest(64),
    compression: nativeCompression,
    owner: processOwner(`deno ${Deno.version.deno}`),
  })
}
