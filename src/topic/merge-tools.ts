/** What merging term runs needs of a store.
 * @module */
import type { MergeTools } from '../index/term-merge.ts'
import { nextTurn } from '../ports/clock.ts'
import type { WriteHandle } from '../ports/storage.ts'
import type { LogContext } from './context.ts'

/** A merge works so long before others have a turn. */
const SLICE_MS = 3

/** What merging runs into a file needs. @param check called now and then; what it throws ends the merge. */
export function mergeTools(context: LogContext, handle: WriteHandle, check: () => void): MergeTools {
  const { clock, digest, pool, storage } = context
  let turned = clock.monotonic()
  return {
    digest,
    answer: pool.answer.bind(pool),
    append: (bytes: Uint8Array) => handle.append(bytes),
    ...(storage.capabilities.randomWrite
      ? { overwrite: (position: number, bytes: Uint8Array) => handle.writeAt(position, bytes) }
      : {}),
    turn: () => {
      if (clock.monotonic() - turned < SLICE_MS) return undefined
      check()
      return nextTurn().then(() => {
        turned = clock.monotonic()
      })
    },
  }
}
