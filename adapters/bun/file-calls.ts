/** The table of file-system calls on Bun.
 *
 * Native: unlink (`Bun.file().delete()`). Everything else goes to `node:fs`, which in Bun makes the same system calls,
 * because `Bun.file` and `Bun.write` have no descriptors: `Bun.write` truncates first and is not atomic, `writer()`
 * starts at 0 and cannot append, nothing syncs, a `slice` is read at 40 us where a positional read takes 1,
 * `exists()` says no to a directory, and `stat()` follows links and takes twice the time of `fs.lstat`.
 * @module */
import type { FileCalls } from '../files/file-calls.ts'
import { nodeFileCalls } from '../node/file-calls.ts'

declare const Bun: { file(path: string): { delete(): Promise<void> } }

/** File-system calls of Bun. */
export const bunFileCalls: FileCalls = {
  ...nodeFileCalls,
  origin: { ...nodeFileCalls.origin, unlink: 'native' },
  unlink: async (path) => Bun.file(path).delete(),
}
