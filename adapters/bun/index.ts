/** Storage in a directory, on Bun; file-calls.ts says which calls are native. SHA-256 is native, too: `Bun.SHA256`
 * takes half the time of `crypto.hash` for 100 B.
 * @module */
import type { Digest } from '../../src/codec/digest.ts'
import { FileStorage } from '../files/file-storage.ts'
import { nativeCompression } from '../node/compression.ts'
import { nativeDigest } from '../node/digest.ts'
import { realRoot } from '../node/index.ts'
import { processOwner } from '../node/owner.ts'
import { bunFileCalls } from './file-calls.ts'

declare const Bun: {
  readonly version: string
  readonly SHA256: { hash(bytes: Uint8Array, into: Uint8Array): Uint8Array }
}

const bunDigest: Digest = {
  ...nativeDigest(64),
  sha256: (bytes) => Bun.SHA256.hash(bytes, new Uint8Array(32)),
}

/** Keep a store in the directory `path`, which is created when something is first written.
 * Local file systems only. Importing this module is harmless on every runtime; calling it needs Bun. */
export function bunStorage(path: string): FileStorage {
  return new FileStorage({
    name: 'bun',
    root: realRoot(path),
    calls: bunFileCalls,
    digest: bunDigest,
    compression: nativeCompression,
    owner: processOwner(`bun ${Bun.version}`),
  })
}
