/** Names: listing, looking up, linking, replacing, removing, and which paths are refused.
 * @module */
import type { Storage } from '../../src/ports/storage.ts'
import { check, concat, fails, get, pattern, put, type StorageCase, same, sameBytes, using } from './assert.ts'
import { limitedStorage } from './limited.ts'

const HOSTILE = [
  '.',
  '..',
  '../f',
  'a/../f',
  'a/./f',
  '/f',
  'a//f',
  'a/',
  'a b',
  'a\\b',
  'C:f',
  'ä',
  'a\0',
  'a\n',
  '%2e',
  '~',
]

/** Every method that takes a path, for the names that must be refused. */
const METHODS: Record<string, (storage: Storage, path: string) => unknown> = {
  'list()': (storage, path) => storage.list(path),
  'exists()': (storage, path) => storage.exists(path),
  'openRead()': (storage, path) => storage.openRead(path),
  'openAppend()': (storage, path) => storage.openAppend(path),
  'createExclusive()': (storage, path) => storage.createExclusive(path),
  'remove()': (storage, path) => storage.remove(path),
  'removeDirectory()': (storage, path) => storage.removeDirectory(path),
  'syncDirectory()': (storage, path) => storage.syncDirectory(path),
  'linkCount()': (storage, path) => storage.linkCount(path),
}

const listCases: StorageCase[] = [
  [
    'list() is empty when the directory does not exist',
    async (storage) => {
      same(await storage.list('nowhere'), [], 'the list')
      same(await storage.list('nowhere/deep'), [], 'the list')
      same(await storage.list(''), [], 'the list of a new root')
    },
  ],
  [
    'list() sorts by code unit and tells files from directories',
    async (storage) => {
      for (const path of ['d/b', 'd/a', 'd/B', 'd/_', 'd/10', 'd/9', 'd/.c', 'd/x/y']) await put(storage, path)
      const names = (await storage.list('d')).map(({ name }) => name)
      same(names, ['.c', '10', '9', 'B', '_', 'a', 'b', 'x'], 'the names')
      const kinds = (await storage.list('d')).map(({ kind }) => kind)
      same(kinds, [...Array(7).fill('file'), 'directory'], 'the kinds')
    },
  ],
  [
    'list() gives what is directly below, also below the root',
    async (storage) => {
      for (const path of ['r', 'a/f', 'ab/f', 'a/b/f']) await put(storage, path)
      same(
        (await storage.list('')).map(({ name }) => name),
        ['a', 'ab', 'r'],
        'the root',
      )
      same(
        (await storage.list('a')).map(({ name }) => name),
        ['b', 'f'],
        'the directory',
      )
    },
  ],
  [
    'list() gives 1,000 names',
    async (storage) => {
      const names = Array.from({ length: 1000 }, (_, i) => `f${String(i).padStart(4, '0')}`)
      for (const name of names) await (await storage.createExclusive(`many/${name}`)).close()
      same(
        (await storage.list('many')).map(({ name }) => name),
        names,
        'the names',
      )
    },
  ],
  [
    'exists() is true for files and directories and false for what is absent',
    async (storage) => {
      await put(storage, 'd/f')
      same(await storage.exists('d/f'), true, 'exists of a file')
      same(await storage.exists('d'), true, 'exists of a directory')
      same(await storage.exists('d/g'), false, 'exists of nothing')
      same(await storage.exists('e/f'), false, 'exists below nothing')
    },
  ],
  [
    'exists() follows every change at once',
    async (storage) => {
      for (let i = 0; i < 5; i++) {
        same(await storage.exists('f'), false, 'exists before')
        await put(storage, 'f')
        same(await storage.exists('f'), true, 'exists after createExclusive')
        await storage.remove('f')
      }
    },
  ],
  [
    'remove() takes the name away',
    async (storage) => {
      await put(storage, 'd/f')
      await put(storage, 'd/g')
      await storage.remove('d/f')
      same(await storage.list('d'), [{ name: 'g', kind: 'file' }], 'the list')
      await fails('FILE_MISSING', () => storage.openRead('d/f'))
    },
  ],
  [
    'remove() does nothing when the file or its directory is absent',
    async (storage) => {
      await storage.remove('f')
      await storage.remove('d/e/f')
      same(await storage.exists('d'), false, 'exists of the directory')
    },
  ],
  [
    'remove() lets one of two concurrent callers find nothing',
    async (storage) => {
      await put(storage, 'f')
      await Promise.all([storage.remove('f'), storage.remove('f')])
      same(await storage.exists('f'), false, 'exists')
    },
  ],
  [
    'removeDirectory() takes an empty directory away, and the same name can be used again',
    async (storage) => {
      await put(storage, 'a/b/f')
      await put(storage, 'a/c')
      await storage.remove('a/b/f')
      await storage.removeDirectory('a/b')
      same(await storage.exists('a/b'), false, 'exists of the directory')
      same(await storage.list('a'), [{ name: 'c', kind: 'file' }], 'the list of its parent')
      await storage.syncDirectory('a')
      await put(storage, 'a/b/f', pattern(5))
      await storage.syncDirectory('a/b')
      sameBytes(await get(storage, 'a/b/f'), pattern(5), 'the file')
      await storage.remove('a/b/f')
      await storage.removeDirectory('a/b')
      await put(storage, 'a/b', pattern(7))
      sameBytes(await get(storage, 'a/b'), pattern(7), 'the file that has the name now')
    },
  ],
  [
    'removeDirectory() leaves what holds a file or a directory, and a file of that name',
    async (storage) => {
      await put(storage, 'a/b/f', pattern(5))
      for (const path of ['a', 'a/b', 'a/b/f', 'a/b/f/g']) await storage.removeDirectory(path)
      sameBytes(await get(storage, 'a/b/f'), pattern(5), 'the file')
    },
  ],
  [
    'removeDirectory() does nothing when the directory or its parent is absent',
    async (storage) => {
      await storage.removeDirectory('d')
      await storage.removeDirectory('d/e')
      same(await storage.list(''), [], 'the list of the root')
    },
  ],
  [
    'removeDirectory() beside createExclusive() loses neither the file nor the call',
    async (storage) => {
      for (let i = 0; i < 10; i++) {
        const calls = [put(storage, `d/f${i}`, pattern(i)), storage.removeDirectory('d'), put(storage, `d/g${i}`)]
        await Promise.all([...calls, storage.removeDirectory('d')])
        sameBytes(await get(storage, `d/f${i}`), pattern(i), 'the file')
        for (const name of ['f', 'g']) await storage.remove(`d/${name}${i}`)
      }
    },
  ],
  [
    'syncDirectory() takes the root and any directory',
    async (storage) => {
      await put(storage, 'a/b/f')
      for (const directory of ['', 'a', 'a/b']) await storage.syncDirectory(directory)
    },
  ],
]

/** A case that needs `hardLinks`; without it `link` must refuse and change nothing. */
function linkCase(title: string, run: (storage: Storage) => Promise<void>): StorageCase {
  return [
    `${title}, or CAPABILITY_MISSING without hardLinks`,
    async (storage) => {
      await put(storage, 'from', pattern(20))
      if (storage.capabilities.hardLinks) return run(storage)
      await fails('CAPABILITY_MISSING', () => storage.link('from', 'to'))
      same(await storage.exists('to'), false, 'exists')
    },
  ]
}

const linkCases: StorageCase[] = [
  linkCase('link() gives the same bytes a second name', async (storage) => {
    await storage.link('from', 'to')
    sameBytes(await get(storage, 'to'), pattern(20), 'the file')
    await using(storage.openAppend('from'), async (handle) => handle.append(pattern(5, 1)))
    sameBytes(await get(storage, 'to'), concat(pattern(20), pattern(5, 1)), 'the file')
  }),
  linkCase('link() throws FILE_EXISTS and changes nothing when the name is taken', async (storage) => {
    await put(storage, 'to', pattern(3, 1))
    await fails('FILE_EXISTS', () => storage.link('from', 'to'))
    sameBytes(await get(storage, 'to'), pattern(3, 1), 'the file')
  }),
  linkCase('link() throws FILE_MISSING when there is nothing to link', async (storage) => {
    await fails('FILE_MISSING', () => storage.link('absent', 'to'))
    await fails('FILE_MISSING', () => storage.link('absent', 'd/to'))
  }),
  linkCase('link() lets exactly one of 16 racing callers succeed', async (storage) => {
    if (!storage.capabilities.exclusiveCreate) return
    const results = await Promise.allSettled(Array.from({ length: 16 }, () => storage.link('from', 'race/to')))
    same(results.filter(({ status }) => status === 'fulfilled').length, 1, 'the number of winners')
    for (const result of results) {
      if (result.status === 'rejected') await fails('FILE_EXISTS', () => Promise.reject(result.reason))
    }
  }),
  linkCase('link() makes parent directories', async (storage) => {
    await storage.link('from', 'a/b/to')
    sameBytes(await get(storage, 'a/b/to'), pattern(20), 'the file')
  }),
  linkCase('link() keeps the bytes when the first name is removed', async (storage) => {
    await storage.link('from', 'to')
    await storage.remove('from')
    sameBytes(await get(storage, 'to'), pattern(20), 'the file')
  }),
  linkCase('linkCount() counts the names of the bytes', async (storage) => {
    same(await storage.linkCount('from'), 1, 'the count')
    await storage.link('from', 'to')
    same(await storage.linkCount('from'), 2, 'the count')
    same(await storage.linkCount('to'), 2, 'the count')
    await storage.remove('from')
    same(await storage.linkCount('to'), 1, 'the count')
  }),
  [
    'linkFrom() of the storage itself does what link() does, where there is one',
    async (storage) => {
      await put(storage, 'from', pattern(20))
      await put(storage, 'taken', pattern(3))
      const isLinked = await storage.linkFrom?.(storage, 'from', 'd/to')
      if (isLinked !== true) {
        same(await storage.exists('d/to'), false, 'exists')
        return
      }
      check(storage.capabilities.hardLinks, 'hardLinks')
      sameBytes(await get(storage, 'd/to'), pattern(20), 'the file')
      same([await storage.linkCount('from'), await storage.linkCount('d/to')], [2, 2], 'the counts')
      await fails('FILE_EXISTS', () => storage.linkFrom?.(storage, 'from', 'taken'))
      await fails('FILE_MISSING', () => storage.linkFrom?.(storage, 'absent', 'free'))
      sameBytes(await get(storage, 'taken'), pattern(3), 'the file that was there')
      for (const path of HOSTILE) {
        await fails('NAME_INVALID', () => storage.linkFrom?.(storage, path, 'free'), `from ${JSON.stringify(path)}`)
        await fails('NAME_INVALID', () => storage.linkFrom?.(storage, 'from', path), `to ${JSON.stringify(path)}`)
      }
    },
  ],
  [
    'linkFrom() says false for a storage of another kind, and makes no name',
    async (storage) => {
      await put(storage, 'from', pattern(20))
      const other = limitedStorage(storage)
      same((await storage.linkFrom?.(other, 'from', 'to')) ?? false, false, 'the answer')
      same(await storage.exists('to'), false, 'exists')
    },
  ],
  [
    'linkCount() is 1 for a new file and throws FILE_MISSING for none',
    async (storage) => {
      await put(storage, 'f')
      same(await storage.linkCount('f'), 1, 'the count')
      await fails('FILE_MISSING', () => storage.linkCount('g'))
    },
  ],
]

/** A case that needs `atomicReplace`; without it `replace` must refuse and change nothing. */
function replaceCase(title: string, run: (storage: Storage) => Promise<void>): StorageCase {
  return [
    `${title}, or CAPABILITY_MISSING without atomicReplace`,
    async (storage) => {
      await put(storage, 'new', pattern(20, 1))
      await put(storage, 'old', pattern(30, 2))
      if (storage.capabilities.atomicReplace) return run(storage)
      await fails('CAPABILITY_MISSING', () => storage.replace('new', 'old'))
      sameBytes(await get(storage, 'new'), pattern(20, 1), 'the new file')
      sameBytes(await get(storage, 'old'), pattern(30, 2), 'the old file')
    },
  ]
}

const replaceCases: StorageCase[] = [
  replaceCase('replace() puts a file in the place of another', async (storage) => {
    await storage.replace('new', 'old')
    sameBytes(await get(storage, 'old'), pattern(20, 1), 'the file')
    same(await storage.exists('new'), false, 'exists of the first name')
  }),
  replaceCase('replace() gives a name that was free', async (storage) => {
    await storage.replace('new', 'free')
    sameBytes(await get(storage, 'free'), pattern(20, 1), 'the file')
  }),
  replaceCase('replace() throws FILE_MISSING and keeps the old file when there is no new one', async (storage) => {
    await fails('FILE_MISSING', () => storage.replace('absent', 'old'))
    sameBytes(await get(storage, 'old'), pattern(30, 2), 'the old file')
  }),
  replaceCase('replace() shows readers the old file or the new one, never a part or none', async (storage) => {
    for (let i = 0; i < 20; i++) {
      await put(storage, `next${i}`, pattern(1000, i))
      const [, seen] = await Promise.all([
        storage.replace(`next${i}`, 'shown'),
        i === 0 ? undefined : get(storage, 'shown'),
      ])
      if (seen === undefined) continue
      same(seen.length, 1000, 'the size seen')
      check(
        [pattern(1000, i), pattern(1000, i - 1)].some((whole) => whole.every((b, at) => b === seen[at])),
        'one whole file',
      )
    }
  }),
]

const refusalCases: StorageCase[] = [
  ...Object.entries(METHODS).map(
    ([name, call]): StorageCase => [
      `${name} refuses paths outside the grammar with NAME_INVALID`,
      async (storage) => {
        for (const path of HOSTILE) await fails('NAME_INVALID', () => call(storage, path), JSON.stringify(path))
      },
    ],
  ),
  [
    'link() and replace() refuse paths outside the grammar with NAME_INVALID on either side',
    async (storage) => {
      await put(storage, 'f', pattern(3))
      for (const path of HOSTILE) {
        for (const method of ['link', 'replace'] as const) {
          if (!storage.capabilities[method === 'link' ? 'hardLinks' : 'atomicReplace']) continue
          await fails('NAME_INVALID', () => storage[method](path, 'g'), `${method} from ${JSON.stringify(path)}`)
          await fails('NAME_INVALID', () => storage[method]('f', path), `${method} to ${JSON.stringify(path)}`)
        }
      }
      sameBytes(await get(storage, 'f'), pattern(3), 'the file')
    },
  ],
  [
    'openRead(), openAppend(), createExclusive() and removeDirectory() refuse the empty path with NAME_INVALID',
    async (storage) => {
      for (const method of ['openRead', 'openAppend', 'createExclusive', 'removeDirectory'] as const) {
        await fails('NAME_INVALID', () => storage[method](''), method)
      }
    },
  ],
  [
    'names of 128 characters and of every allowed one are kept as they are',
    async (storage) => {
      const names = ['x'.repeat(128), '-._', '...', '.hidden', 'MANIFEST-00000000000000000001', 'A', 'b.c.d']
      for (const name of names) await put(storage, `names/${name}`)
      same(
        (await storage.list('names')).map(({ name }) => name),
        names.sort(),
        'the names',
      )
    },
  ],
  [
    'errors name the store-relative path and the action, and no place outside the store',
    async (storage) => {
      const error = await fails('FILE_MISSING', () => storage.openRead('d/absent.log'))
      same(error.details.path, 'd/absent.log', 'details.path')
      check(error.message.includes('"d/absent.log"'), 'the path in the message')
      check(!error.message.includes(`${storage.location}/`), 'no location in the message')
      same(error.retryable, false, 'retryable')
    },
  ],
]

export const nameCases: readonly StorageCase[] = [...listCases, ...linkCases, ...replaceCases, ...refusalCases]
