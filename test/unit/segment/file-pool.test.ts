/** Open files and the two drivers of readings: which file makes room, slow and failed reads, shared memory.
 * @module */
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../../src/errors.ts'
import type { ReadHandle, Storage } from '../../../src/ports/storage.ts'
import { drive, FilePool, type Reading } from '../../../src/segment/file-pool.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { storageWith } from './support.ts'

const OPEN_MAX = 256
const name = (i: number) => `f${i}`

/** A storage of `count` files of four bytes that tells what is open and how it was read. */
async function watched(count: number, facts: { syncReads?: boolean; openMax?: number } = {}) {
  const files = Object.fromEntries(Array.from({ length: count }, (_, i) => [name(i), new Uint8Array(4).fill(i)]))
  const plain = await storageWith(files)
  const inner = facts.syncReads === false ? limitedStorage(plain) : plain
  const open = new Set<string>()
  const calls: string[] = []
  const state = { slowMs: 0, fail: undefined as VarveError | undefined, gate: undefined as Promise<void> | undefined }
  const clock = new ManualClock()
  let time = 0
  clock.monotonic = () => time
  const opening: Storage['openRead'] = async (path) => {
    if (open.size >= (facts.openMax ?? Number.POSITIVE_INFINITY)) {
      throw new VarveError('STORAGE_UNAVAILABLE', 'Cannot open: EMFILE', { retryable: true })
    }
    open.add(path)
    const handle = await inner.openRead(path)
    const watchedHandle: ReadHandle = {
      path,
      size: () => handle.size(),
      read: async (position, into) => {
        calls.push(`async ${path}`)
        await state.gate
        if (state.fail !== undefined) throw state.fail
        return handle.read(position, into)
      },
      close: async () => {
        open.delete(path)
        await handle.close()
      },
    }
    const { readSync } = handle
    if (readSync === undefined) return watchedHandle
    return {
      ...watchedHandle,
      readSync: (position, into) => {
        calls.push(`sync ${path}`)
        time += state.slowMs
        if (state.fail !== undefined) throw state.fail
        return readSync.call(handle, position, into)
      },
    }
  }
  const storage: Storage = Object.assign(Object.create(inner), { openRead: opening })
  return { pool: new FilePool(storage, clock), open, calls, state }
}

const whole = (i: number) => ({ path: name(i), position: 0, length: 4 })

describe('FilePool', () => {
  test('FilePool closes the file that was read least recently when too many are open', async () => {
    const { pool, open } = await watched(OPEN_MAX + 2)
    for (let i = 0; i < OPEN_MAX; i++) await pool.read(whole(i))
    for (let i = 0; i < OPEN_MAX; i++) if (i !== 5) await pool.read(whole(i))
    await pool.read(whole(OPEN_MAX))
    expect(open.has(name(5))).toBe(false)
    expect(open.size).toBe(OPEN_MAX)
    await pool.read(whole(OPEN_MAX + 1))
    expect(open.has(name(0))).toBe(false)
    expect(open.size).toBe(OPEN_MAX)
  })

  test('FilePool opens a file once when it is asked twice at the same time', async () => {
    const { pool, open, calls } = await watched(1, { syncReads: false })
    const answers = await Promise.all([pool.read(whole(0)), pool.read(whole(0)), pool.read(whole(0))])
    expect(answers.map((bytes) => bytes.length)).toEqual([4, 4, 4])
    expect(calls).toHaveLength(3)
    expect(open.size).toBe(1)
  })

  test('FilePool answers every one of many reads at once, and comes back to its limit', async () => {
    const { pool, open } = await watched(OPEN_MAX * 3)
    const reads = Array.from({ length: OPEN_MAX * 3 }, (_, i) => pool.read(whole(i)))
    const answers = await Promise.all(reads)
    answers.forEach((bytes, i) => {
      expect(bytes).toEqual(new Uint8Array(4).fill(i))
    })
    expect(open.size).toBeLessThanOrEqual(OPEN_MAX)
    await pool.close()
    expect(open.size).toBe(0)
  })

  test('FilePool closes one file and tries again when descriptors run out', async () => {
    const { pool, open } = await watched(4, { openMax: 2 })
    for (let i = 0; i < 4; i++) expect(await pool.read(whole(i))).toEqual(new Uint8Array(4).fill(i))
    expect([...open]).toEqual([name(2), name(3)])
  })

  test('FilePool passes the failure on when descriptors run out and nothing can be closed', async () => {
    const { pool } = await watched(1, { openMax: 0 })
    await expect(pool.read(whole(0))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    await expect(pool.read({ path: 'missing', position: 0, length: 1 })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    })
    const other = await watched(1)
    await expect(other.pool.read({ path: 'missing', position: 0, length: 1 })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    })
  })

  test('FilePool reads a file asynchronously for a while after a slow synchronous read', async () => {
    const { pool, calls, state } = await watched(2)
    await pool.read(whole(0))
    await pool.read(whole(1))
    state.slowMs = 1.5
    expect(pool.read(whole(0))).toBeInstanceOf(Uint8Array)
    state.slowMs = 1
    for (let i = 0; i < 64; i++) expect(pool.read(whole(0))).toBeInstanceOf(Promise)
    expect(pool.read(whole(1))).toBeInstanceOf(Uint8Array)
    expect(pool.read(whole(0))).toBeInstanceOf(Uint8Array)
    expect(pool.read(whole(0))).toBeInstanceOf(Uint8Array)
    expect(calls.filter((call) => call === 'async f0')).toHaveLength(65)
  })

  test('FilePool.forget() lets the next read open the file again, and closes after the last read under way', async () => {
    const { pool, open, state, calls } = await watched(1, { syncReads: false })
    await pool.read(whole(0))
    let release = () => {}
    state.gate = new Promise((resolve) => {
      release = resolve
    })
    const running = pool.read(whole(0))
    await pool.forget(name(0))
    expect(open.has(name(0))).toBe(true)
    release()
    expect(await running).toEqual(new Uint8Array(4))
    expect(open.has(name(0))).toBe(false)
    await pool.read(whole(0))
    expect(calls).toHaveLength(3)
    await pool.forget(name(0))
    await pool.forget(name(0))
    expect(open.size).toBe(0)
  })

  test('FilePool.close() refuses later reads and leaves nothing open', async () => {
    const { pool, open } = await watched(2)
    await pool.read(whole(0))
    await pool.close()
    expect(open.size).toBe(0)
    await expect(pool.read(whole(1))).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    expect(open.size).toBe(0)
  })

  test('FilePool gives fewer bytes only at the end of the file and counts what it read', async () => {
    const { pool } = await watched(1)
    expect(await pool.read({ path: name(0), position: 2, length: 100 })).toHaveLength(2)
    expect(await pool.read({ path: name(0), position: 9, length: 100 })).toHaveLength(0)
    expect([pool.reads, pool.bytesRead]).toEqual([2, 2])
  })
})

describe('drive()', () => {
  function* sum(paths: readonly number[], brief: boolean): Reading<number[]> {
    const found: number[] = []
    for (const i of paths) {
      const bytes = yield { ...whole(i), brief }
      found.push(bytes[0] as number)
    }
    return found
  }

  test('drive() answers at once when every read is synchronous, else by promise', async () => {
    const { pool } = await watched(3)
    const first = drive(sum([0, 1, 2], false), pool)
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toEqual([0, 1, 2])
    expect(drive(sum([2, 1, 0], true), pool)).toEqual([2, 1, 0])
    const limited = await watched(3, { syncReads: false })
    expect(await drive(sum([0, 1, 2], true), limited.pool)).toEqual([0, 1, 2])
  })

  test('drive() throws a failed read into the reading, which may have another way', async () => {
    function* fallback(): Reading<string> {
      try {
        yield whole(0)
        yield whole(0)
        return 'read'
      } catch (error) {
        const bytes = yield whole(1)
        return `${error instanceof VarveError ? error.code : error} ${bytes.length}`
      }
    }
    for (const syncReads of [true, false]) {
      const { pool, state } = await watched(2, { syncReads })
      const failing = (reading: Reading<string>): Reading<string> =>
        (function* () {
          const answer = reading
          let step = answer.next()
          while (!step.done) {
            state.fail =
              'path' in step.value && step.value.path === name(0)
                ? new VarveError('STORAGE_UNAVAILABLE', 'EIO')
                : undefined
            try {
              step = answer.next(yield step.value)
            } catch (error) {
              step = answer.throw(error)
            }
          }
          return step.value
        })()
      // Not open yet, then open: the first read is a promise, the later ones are not where reads are synchronous.
      expect(await drive(failing(fallback()), pool)).toBe('STORAGE_UNAVAILABLE 4')
      expect(await drive(failing(fallback()), pool)).toBe('STORAGE_UNAVAILABLE 4')
    }
  })

  test('drive() throws a failed synchronous read into a reading that went on as a promise', async () => {
    const { pool, state } = await watched(2)
    await pool.read(whole(0))
    function* reading(): Reading<string> {
      yield whole(1)
      state.fail = new VarveError('STORAGE_UNAVAILABLE', 'EIO')
      try {
        yield whole(0)
        return 'read'
      } catch {
        return 'caught'
      }
    }
    expect(await drive(reading(), pool)).toBe('caught')
  })

  test('drive() never lets one reading overwrite the brief bytes of another', async () => {
    const { pool } = await watched(40)
    for (let i = 0; i < 20; i++) await pool.read(whole(i))
    /** Reads a file that is not open, so that it goes on as a promise, then many that are. */
    function* mixed(first: number): Reading<number[]> {
      const found: number[] = []
      for (const i of [first, 0, 1, 2, 3, 4, 5]) {
        const bytes = yield { ...whole(i), brief: true }
        found.push(...bytes)
      }
      return found
    }
    const four = (i: number) => [i, i, i, i]
    const want = (first: number) => [first, 0, 1, 2, 3, 4, 5].flatMap(four)
    const firsts = Array.from({ length: 10 }, (_, i) => 20 + i)
    const running = firsts.map(async (first) => drive(mixed(first), pool))
    for (let turn = 0; turn < 40; turn++) {
      expect(drive(sum([9, 8, 7], true), pool)).toEqual([9, 8, 7])
      await undefined
    }
    expect(await Promise.all(running)).toEqual(firsts.map(want))
  })
})
