/** Files open for reading: positions, ends, views, concurrency and closing.
 * @module */
import type { ReadHandle, Storage } from '../../src/ports/storage.ts'
import { concat, fails, pattern, put, type StorageCase, same, sameBytes, using, writing } from './assert.ts'

/** A file of `length` pattern bytes, open for reading. */
async function reading<T>(storage: Storage, length: number, run: (handle: ReadHandle) => Promise<T>): Promise<T> {
  await put(storage, 'f', pattern(length))
  return using(storage.openRead('f'), run)
}

export const readCases: readonly StorageCase[] = [
  [
    'openRead() throws FILE_MISSING when there is no file',
    async (s) => void (await fails('FILE_MISSING', () => s.openRead('f'))),
  ],
  [
    'openRead() throws FILE_MISSING when there is no directory',
    async (storage) => void (await fails('FILE_MISSING', () => storage.openRead('d/e/f'))),
  ],
  [
    'openRead() gives a handle that knows its path and size',
    (storage) =>
      reading(storage, 1234, async (handle) => {
        same(handle.path, 'f', 'path')
        same(await handle.size(), 1234, 'size()')
      }),
  ],
  [
    'ReadHandle.read() fills the array from any position in any order',
    (storage) =>
      reading(storage, 5000, async (handle) => {
        for (const position of [4000, 0, 4999, 17, 2500]) {
          const into = new Uint8Array(Math.min(100, 5000 - position))
          same(await handle.read(position, into), into.length, 'the bytes read')
          sameBytes(into, pattern(5000).slice(position, position + into.length), `position ${position}`)
        }
      }),
  ],
  [
    'ReadHandle.read() is short at the end of the file and leaves the rest of the array',
    (storage) =>
      reading(storage, 50, async (handle) => {
        const into = new Uint8Array(20).fill(255)
        same(await handle.read(42, into), 8, 'the bytes read')
        sameBytes(into, concat(pattern(50).slice(42), new Uint8Array(12).fill(255)), 'the array')
      }),
  ],
  [
    'ReadHandle.read() answers 0 at the end and beyond it',
    (storage) =>
      reading(storage, 50, async (handle) => {
        same(await handle.read(50, new Uint8Array(5)), 0, 'the bytes read at the end')
        same(await handle.read(51, new Uint8Array(5)), 0, 'the bytes read beyond')
        same(await handle.read(2 ** 40, new Uint8Array(5)), 0, 'the bytes read far beyond')
      }),
  ],
  [
    'ReadHandle.read() answers 0 for an empty array and for an empty file',
    async (storage) => {
      await put(storage, 'empty')
      await using(storage.openRead('empty'), async (handle) => {
        same(await handle.read(0, new Uint8Array(3)), 0, 'the bytes read')
      })
      await reading(storage, 5, async (handle) => same(await handle.read(2, new Uint8Array(0)), 0, 'the bytes read'))
    },
  ],
  [
    'ReadHandle.read() writes only into the view it was given',
    (storage) =>
      reading(storage, 50, async (handle) => {
        const whole = new Uint8Array(30)
        same(await handle.read(5, whole.subarray(10, 20)), 10, 'the bytes read')
        sameBytes(whole, concat(new Uint8Array(10), pattern(50).slice(5, 15), new Uint8Array(10)), 'the array')
      }),
  ],
  [
    'ReadHandle.read() fills 2 MiB and 3 bytes in one call',
    (storage) =>
      reading(storage, 2 ** 21 + 10, async (handle) => {
        const into = new Uint8Array(2 ** 21 + 3)
        same(await handle.read(7, into), into.length, 'the bytes read')
        sameBytes(into, pattern(2 ** 21 + 10).slice(7), 'the array')
      }),
  ],
  [
    'ReadHandle.read() keeps 64 concurrent calls apart',
    (storage) =>
      reading(storage, 64 * 512, async (handle) => {
        const arrays = Array.from({ length: 64 }, () => new Uint8Array(512))
        const counts = await Promise.all(arrays.map((into, i) => handle.read(((i * 29) % 64) * 512, into)))
        same(Math.min(...counts), 512, 'the fewest bytes read')
        arrays.forEach((into, i) => {
          const position = ((i * 29) % 64) * 512
          sameBytes(into, pattern(64 * 512).slice(position, position + 512), `read ${i}`)
        })
      }),
  ],
  [
    'ReadHandle.read() gives what another handle appended after the file was opened',
    (storage) =>
      writing(storage, pattern(10), (writer) =>
        using(storage.openRead('f'), async (handle) => {
          for (let i = 1; i <= 20; i++) {
            await writer.append(pattern(10, i))
            const into = new Uint8Array(10)
            same(await handle.read(i * 10, into), 10, 'the bytes read')
            sameBytes(into, pattern(10, i), `append ${i}`)
            same(await handle.size(), (i + 1) * 10, 'size()')
          }
        }),
      ),
  ],
  [
    'ReadHandle.read() works while syncs are under way',
    (storage) =>
      writing(storage, pattern(4096), (writer) =>
        using(storage.openRead('f'), async (handle) => {
          const syncs = [writer.sync(), writer.sync()]
          const into = new Uint8Array(4096)
          same(await handle.read(0, into), 4096, 'the bytes read')
          await Promise.all(syncs)
          sameBytes(into, pattern(4096), 'the array')
        }),
      ),
  ],
  [
    'ReadHandle.readSync() is present exactly when syncReads',
    (storage) =>
      reading(storage, 5, async (handle) => {
        same(typeof handle.readSync === 'function', storage.capabilities.syncReads, 'the presence of readSync')
      }),
  ],
  [
    'ReadHandle.readSync() reads as read does, short ends included',
    (storage) =>
      reading(storage, 5000, async (handle) => {
        for (const position of [0, 1, 4095, 4990, 5000, 6000]) {
          const [one, other] = [new Uint8Array(100), new Uint8Array(100)]
          const count = handle.readSync?.(position, one)
          if (count === undefined) return
          same(count, await handle.read(position, other), `the bytes read at ${position}`)
          sameBytes(one, other, `position ${position}`)
        }
      }),
  ],
  [
    'ReadHandle.readSync() gives what was appended just before',
    (storage) =>
      writing(storage, pattern(3), (writer) =>
        using(storage.openRead('f'), async (handle) => {
          await writer.append(pattern(4, 1))
          const into = new Uint8Array(7)
          if (handle.readSync === undefined) return
          same(handle.readSync(0, into), 7, 'the bytes read')
          sameBytes(into, concat(pattern(3), pattern(4, 1)), 'the array')
        }),
      ),
  ],
  [
    'ReadHandle.close() leaves other handles of the file open, and may be called twice',
    (storage) =>
      reading(storage, 10, async (handle) => {
        const other = await storage.openRead('f')
        await other.close()
        await other.close()
        same(await handle.read(0, new Uint8Array(10)), 10, 'the bytes read')
      }),
  ],
  [
    'ReadHandle.close() lets reads under way end first',
    async (storage) => {
      await put(storage, 'f', pattern(2 ** 18))
      const handle = await storage.openRead('f')
      const arrays = Array.from({ length: 8 }, () => new Uint8Array(2 ** 18))
      const reads = arrays.map((into) => handle.read(0, into))
      await handle.close()
      same(await Promise.all(reads), Array(8).fill(2 ** 18), 'the bytes read')
      for (const into of arrays) sameBytes(into, pattern(2 ** 18), 'the array')
    },
  ],
  ...(['size', 'read', 'readSync'] as const).map(
    (method): StorageCase => [
      `ReadHandle.${method}() throws STORE_CLOSED after close`,
      async (storage) => {
        await put(storage, 'f', pattern(3))
        const handle = await storage.openRead('f')
        await handle.close()
        if (method === 'readSync' && handle.readSync === undefined) return
        const calls = {
          size: () => handle.size(),
          read: () => handle.read(0, new Uint8Array(1)),
          readSync: () => handle.readSync?.(0, new Uint8Array(1)),
        }
        await fails('STORE_CLOSED', calls[method])
      },
    ],
  ),
]
