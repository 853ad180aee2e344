/** Files open for writing: creation, append, overwriting, sync, truncation and closing.
 * @module */
import { concat, fails, get, pattern, put, type StorageCase, same, sameBytes, using, writing } from './assert.ts'

const MIB = 2 ** 20

const createCases: StorageCase[] = [
  [
    'createExclusive() makes an empty file that exists at once',
    (storage) =>
      using(storage.createExclusive('f'), async (handle) => {
        same(await storage.exists('f'), true, 'exists')
        same(handle.sizeBytes, 0, 'sizeBytes')
        same(handle.path, 'f', 'path')
        same((await get(storage, 'f')).length, 0, 'the size')
      }),
  ],
  [
    'createExclusive() throws FILE_EXISTS and leaves the file as it was when the name is taken',
    async (storage) => {
      await put(storage, 'f', pattern(10))
      await fails('FILE_EXISTS', () => storage.createExclusive('f'))
      sameBytes(await get(storage, 'f'), pattern(10), 'the file')
    },
  ],
  [
    'createExclusive() throws FILE_EXISTS when a directory has the name',
    async (storage) => {
      await put(storage, 'd/f')
      await fails('FILE_EXISTS', () => storage.createExclusive('d'))
    },
  ],
  [
    'createExclusive() lets exactly one of 16 racing callers succeed',
    async (storage) => {
      if (!storage.capabilities.exclusiveCreate) return
      const callers = Array.from({ length: 16 }, () => storage.createExclusive('race/f'))
      const results = await Promise.allSettled(callers)
      const winners = results.filter((result) => result.status === 'fulfilled')
      for (const { value } of winners) await value.close()
      same(winners.length, 1, 'the number of winners')
      for (const result of results) {
        if (result.status === 'rejected') await fails('FILE_EXISTS', () => Promise.reject(result.reason))
      }
    },
  ],
  [
    'createExclusive() makes all parent directories',
    async (storage) => {
      await put(storage, 'a/b/c/d.log', pattern(5))
      sameBytes(await get(storage, 'a/b/c/d.log'), pattern(5), 'the file')
      same(await storage.exists('a/b/c'), true, 'exists of the parent')
    },
  ],
  [
    'createExclusive() makes each parent once when 16 callers need it at the same time',
    async (storage) => {
      await Promise.all(Array.from({ length: 16 }, (_, i) => put(storage, `x/y/f${i}`, pattern(3, i))))
      same((await storage.list('x/y')).length, 16, 'the number of files')
    },
  ],
  [
    'createExclusive() takes the name of a removed file',
    async (storage) => {
      await put(storage, 'f', pattern(9))
      await storage.remove('f')
      await put(storage, 'f', pattern(4, 1))
      sameBytes(await get(storage, 'f'), pattern(4, 1), 'the file')
    },
  ],
  [
    'openAppend() throws FILE_MISSING and creates nothing when there is no file',
    async (storage) => {
      await fails('FILE_MISSING', () => storage.openAppend('f'))
      same(await storage.exists('f'), false, 'exists')
    },
  ],
  [
    'openAppend() continues at the size of the file',
    async (storage) => {
      await put(storage, 'd/f', pattern(10))
      await using(storage.openAppend('d/f'), async (handle) => {
        same(handle.sizeBytes, 10, 'sizeBytes')
        same(handle.path, 'd/f', 'path')
        await handle.append(pattern(5, 1))
      })
      sameBytes(await get(storage, 'd/f'), concat(pattern(10), pattern(5, 1)), 'the file')
    },
  ],
]

const appendCases: StorageCase[] = [
  [
    'WriteHandle.append() writes at the end and counts sizeBytes',
    (storage) =>
      writing(storage, pattern(7), async (handle) => {
        same(handle.sizeBytes, 7, 'sizeBytes')
        await handle.append(pattern(8, 1))
        same(handle.sizeBytes, 15, 'sizeBytes')
        sameBytes(await get(storage, 'f'), concat(pattern(7), pattern(8, 1)), 'the file')
      }),
  ],
  [
    'WriteHandle.append() answers undefined, at once or by promise',
    (storage) =>
      writing(storage, pattern(1), async (handle) => {
        const answer = handle.append(pattern(1))
        same((await answer) === undefined, true, 'the answer undefined')
      }),
  ],
  [
    'WriteHandle.append() keeps the order of 300 calls of many lengths',
    (storage) =>
      writing(storage, new Uint8Array(0), async (handle) => {
        const parts = Array.from({ length: 300 }, (_, i) => pattern((i * 37) % 501, i))
        for (const part of parts) await handle.append(part)
        sameBytes(await get(storage, 'f'), concat(...parts), 'the file')
      }),
  ],
  [
    'WriteHandle.append() changes nothing when there are no bytes',
    (storage) =>
      writing(storage, pattern(6), async (handle) => {
        await handle.append(new Uint8Array(0))
        same(handle.sizeBytes, 6, 'sizeBytes')
        sameBytes(await get(storage, 'f'), pattern(6), 'the file')
      }),
  ],
  [
    'WriteHandle.append() writes all of 3 MiB and 7 bytes in one call',
    async (storage) => {
      const large = pattern(3 * MIB + 7)
      await writing(storage, large, async (handle) => same(handle.sizeBytes, large.length, 'sizeBytes'))
      sameBytes(await get(storage, 'f'), large, 'the file')
    },
  ],
  [
    'WriteHandle.append() does not keep the array it was given',
    (storage) =>
      writing(storage, new Uint8Array(0), async (handle) => {
        const bytes = pattern(20)
        await handle.append(bytes)
        bytes.fill(0)
        sameBytes(await get(storage, 'f'), pattern(20), 'the file')
      }),
  ],
  [
    'WriteHandle.append() writes only the view it was given',
    async (storage) => {
      await put(storage, 'f', pattern(100).subarray(30, 40))
      sameBytes(await get(storage, 'f'), pattern(100).slice(30, 40), 'the file')
    },
  ],
]

const overwriteCases: StorageCase[] = [
  [
    'WriteHandle.writeAt() overwrites in place and leaves the rest, or throws CAPABILITY_MISSING without randomWrite',
    (storage) =>
      writing(storage, pattern(50), async (handle) => {
        if (!storage.capabilities.randomWrite) {
          await fails('CAPABILITY_MISSING', () => handle.writeAt(10, pattern(5, 1)))
          return sameBytes(await get(storage, 'f'), pattern(50), 'the file')
        }
        await handle.writeAt(10, pattern(5, 1))
        const expected = pattern(50)
        expected.set(pattern(5, 1), 10)
        sameBytes(await get(storage, 'f'), expected, 'the file')
      }),
  ],
  [
    'WriteHandle.writeAt() does not move the position of append',
    (storage) =>
      writing(storage, pattern(50), async (handle) => {
        if (storage.capabilities.randomWrite) await handle.writeAt(0, pattern(50))
        same(handle.sizeBytes, 50, 'sizeBytes')
        await handle.append(pattern(5, 2))
        sameBytes(await get(storage, 'f'), concat(pattern(50), pattern(5, 2)), 'the file')
      }),
  ],
  [
    'WriteHandle.writeAt() moves the position of append when it passes the end',
    (storage) =>
      writing(storage, pattern(10), async (handle) => {
        if (!storage.capabilities.randomWrite) return
        await handle.writeAt(8, pattern(6, 1))
        same(handle.sizeBytes, 14, 'sizeBytes')
        await handle.append(pattern(2, 2))
        const expected = concat(pattern(8), pattern(6, 1), pattern(2, 2))
        sameBytes(await get(storage, 'f'), expected, 'the file')
      }),
  ],
  [
    'WriteHandle.writeAt() is seen by a reader that was open before',
    async (storage) => {
      await writing(storage, pattern(10), (handle) =>
        using(storage.openRead('f'), async (reader) => {
          if (!storage.capabilities.randomWrite) return
          const into = new Uint8Array(4)
          await reader.read(2, into)
          await handle.writeAt(2, pattern(4, 9))
          await reader.read(2, into)
          sameBytes(into, pattern(4, 9), 'what is read')
        }),
      )
    },
  ],
]

const syncCases: StorageCase[] = [
  [
    'WriteHandle.sync() answers by promise, also when nothing was written',
    (storage) =>
      writing(storage, new Uint8Array(0), async (handle) => {
        const first = handle.sync()
        same(first instanceof Promise, true, 'a promise')
        await first
        await handle.append(pattern(3))
        await handle.sync()
      }),
  ],
  [
    'WriteHandle.sync() overlaps appends and other syncs',
    (storage) =>
      writing(storage, new Uint8Array(0), async (handle) => {
        const parts = Array.from({ length: 20 }, (_, i) => pattern(1000, i))
        const syncs: Promise<void>[] = []
        for (const part of parts) {
          await handle.append(part)
          syncs.push(handle.sync())
        }
        await Promise.all(syncs)
        sameBytes(await get(storage, 'f'), concat(...parts), 'the file')
      }),
  ],
  [
    'WriteHandle.truncate() cuts the file, and append continues at the cut',
    (storage) =>
      writing(storage, pattern(100), async (handle) => {
        await handle.truncate(40)
        same(handle.sizeBytes, 40, 'sizeBytes')
        sameBytes(await get(storage, 'f'), pattern(40), 'the cut file')
        await handle.append(pattern(10, 3))
        sameBytes(await get(storage, 'f'), concat(pattern(40), pattern(10, 3)), 'the file')
      }),
  ],
  [
    'WriteHandle.truncate() empties a file and changes nothing at its own size',
    (storage) =>
      writing(storage, pattern(10), async (handle) => {
        await handle.truncate(10)
        sameBytes(await get(storage, 'f'), pattern(10), 'the file')
        await handle.truncate(0)
        same(handle.sizeBytes, 0, 'sizeBytes')
        same((await get(storage, 'f')).length, 0, 'the size')
        await handle.append(pattern(2, 1))
        sameBytes(await get(storage, 'f'), pattern(2, 1), 'the file')
      }),
  ],
  [
    'WriteHandle.truncate() is seen by a reader that was open before',
    (storage) =>
      writing(storage, pattern(100), (handle) =>
        using(storage.openRead('f'), async (reader) => {
          await reader.read(0, new Uint8Array(100))
          await handle.truncate(30)
          same(await reader.read(20, new Uint8Array(50)), 10, 'the bytes read')
          same(await reader.size(), 30, 'size()')
        }),
      ),
  ],
]

const closeCases: StorageCase[] = [
  [
    'WriteHandle.close() keeps what was written and may be called twice',
    async (storage) => {
      const handle = await storage.createExclusive('f')
      await handle.append(pattern(11))
      await handle.close()
      await handle.close()
      sameBytes(await get(storage, 'f'), pattern(11), 'the file')
    },
  ],
  [
    'WriteHandle.close() lets a sync under way end first',
    async (storage) => {
      const handle = await storage.createExclusive('f')
      await handle.append(pattern(5000))
      await Promise.all([handle.sync(), handle.sync(), handle.close()])
      sameBytes(await get(storage, 'f'), pattern(5000), 'the file')
    },
  ],
  ...(['append', 'writeAt', 'sync', 'truncate'] as const).map(
    (method): StorageCase => [
      `WriteHandle.${method}() throws STORE_CLOSED after close`,
      async (storage) => {
        const handle = await storage.createExclusive('f')
        await handle.append(pattern(3))
        await handle.close()
        if (method === 'writeAt' && !storage.capabilities.randomWrite) return
        const calls = {
          append: () => handle.append(pattern(1)),
          writeAt: () => handle.writeAt(0, pattern(1, 1)),
          sync: () => handle.sync(),
          truncate: () => handle.truncate(0),
        }
        await fails('STORE_CLOSED', calls[method])
        sameBytes(await get(storage, 'f'), pattern(3), 'the file')
      },
    ],
  ),
]

export const writeCases: readonly StorageCase[] = [
  ...createCases,
  ...appendCases,
  ...overwriteCases,
  ...syncCases,
  ...closeCases,
]
