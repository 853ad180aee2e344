/** Which places are open for writing in this process, across copies of this module.
 * @module */
import { VarveError } from '../errors.ts'
import type { Storage } from '../ports/storage.ts'

const KEY = Symbol.for('varve.open-stores')

interface Opened {
  readonly at: number
  readonly where: string
}

function openStores(): Map<string, Opened> {
  const holder = globalThis as { [KEY]?: Map<string, Opened> }
  holder[KEY] ??= new Map()
  return holder[KEY]
}

/** Claim a place for one writing store of this process. @returns gives it up.
 * @throws {VarveError} `STORE_OPEN_HERE` naming the first open. */
export function claimLocation(storage: Storage): () => void {
  const stores = openStores()
  const key = `${storage.name}:${storage.location}`
  const first = stores.get(key)
  if (first !== undefined) {
    const message = `Cannot open "${storage.location}" twice in one process: it was opened ${first.where}`
    throw new VarveError('STORE_OPEN_HERE', message, {
      details: { location: storage.location, firstOpen: first.where, openStores: first.at },
    })
  }
  stores.set(key, { at: stores.size + 1, where: callerOf(new Error('opened').stack) })
  return () => stores.delete(key)
}

/** The line of the stack that called `openStore`, as far as the runtime gives one. */
function callerOf(stack: string | undefined): string {
  const lines = (stack ?? '').split('\n')
  // Bundlers may number the name, never drop it from a stack.
  const at = lines.findIndex((line) => /\bopenStore\d*\b/.test(line))
  const caller = at < 0 ? undefined : lines[at + 1]?.trim()
  return caller === undefined || caller === '' ? 'earlier' : caller
}
