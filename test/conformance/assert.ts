/** Assertions and helpers of the suite, without a test library, so that it runs wherever a storage does.
 * @module */
import { type ErrorCode, isVarveError, type VarveError } from '../../src/errors.ts'
import type { Maybe, Storage, WriteHandle } from '../../src/ports/storage.ts'

/** One case: its title, and what it does with a storage of its own. */
export type StorageCase = readonly [title: string, run: (storage: Storage) => Promise<void>]

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`Expected ${what}`)
}

/** Compare plain data by its JSON. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [got, want] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (got !== want) throw new Error(`Expected ${what} to be ${want}, got ${got}`)
}

export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  same(actual.length, expected.length, `the length of ${what}`)
  // A loop, because a callback for every byte of the large cases takes a second.
  for (let at = 0; at < expected.length; at++) {
    if (actual[at] !== expected[at]) check(false, `byte ${at} of ${what} to be ${expected[at]}, got ${actual[at]}`)
  }
}

/** Run a call that must fail with `code`, at once or by promise. */
export async function fails(code: ErrorCode, call: () => unknown, what = 'the call'): Promise<VarveError> {
  try {
    await call()
  } catch (error) {
    if (isVarveError(error, code)) return error
    throw new Error(`Expected ${what} to fail with ${code}, it failed with ${String(error)}`, { cause: error })
  }
  throw new Error(`Expected ${what} to fail with ${code}, it succeeded`)
}

/** Bytes that differ from position to position and from seed to seed. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = i * 167 + (i >> 8) * 13 + seed * 31 + 7
  return bytes
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Create a file that holds `bytes`. */
export async function put(storage: Storage, path: string, bytes: Uint8Array = new Uint8Array(0)): Promise<void> {
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.sync()
  await handle.close()
}

/** All bytes of a file. */
export async function get(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  try {
    const bytes = new Uint8Array(await handle.size())
    same(await handle.read(0, bytes), bytes.length, `the bytes read of ${path}`)
    return bytes
  } finally {
    await handle.close()
  }
}

/** Do something with a handle and close it. */
export async function using<H extends { close(): Promise<void> }, T>(
  opened: Maybe<H>,
  run: (handle: H) => Promise<T>,
): Promise<T> {
  const handle = await opened
  try {
    return await run(handle)
  } finally {
    await handle.close()
  }
}

/** A file `f` with `bytes`, open for writing. */
export function writing<T>(storage: Storage, bytes: Uint8Array, run: (handle: WriteHandle) => Promise<T>): Promise<T> {
  return using(storage.createExclusive('f'), async (handle) => {
    await handle.append(bytes)
    return run(handle)
  })
}
