/** FileStorage over tables that are short, interrupted, full or refused: what it loops over and what it reports.
 * @module */
import { expect, test } from 'vitest'
import type { FileCalls } from '../../../adapters/files/file-calls.ts'
import { FileStorage } from '../../../adapters/files/file-storage.ts'
import { nodeFileCalls } from '../../../adapters/node/file-calls.ts'
import { isVarveError, type VarveError } from '../../../src/errors.ts'
import { portableCompression } from '../../../src/ports/compression.ts'
import { portableDigest } from '../../../src/ports/digest.ts'
import { processLocalOwner } from '../../../src/ports/owner.ts'

const errno = (code: string) => Object.assign(new Error(`${code}: made by the test, open '/secret/place'`), { code })

/** One file in memory behind the calls that handles make, and a log of the calls on directories. */
function fakeCalls(overrides: Partial<FileCalls> = {}) {
  const file = { bytes: new Uint8Array(1000), sizeBytes: 0 }
  const log: string[] = []
  const made = new Set(['/', '/base'])
  const write = (_: number, bytes: Uint8Array, position: number) => {
    file.bytes.set(bytes, position)
    file.sizeBytes = Math.max(file.sizeBytes, position + bytes.length)
    return bytes.length
  }
  const readSync = (_: number, into: Uint8Array, position: number) => {
    const found = file.bytes.subarray(position, Math.min(file.sizeBytes, position + into.length))
    into.set(found)
    return Math.max(0, found.length)
  }
  const calls: FileCalls = {
    origin: nodeFileCalls.origin,
    open: () => 1,
    close: () => void log.push('close'),
    read: async (descriptor, into, position) => readSync(descriptor, into, position),
    readSync,
    write,
    sync: async () => {},
    truncate: async (_, sizeBytes) => {
      file.sizeBytes = sizeBytes
    },
    size: () => file.sizeBytes,
    syncDirectory: async (path) => void log.push(`sync ${path}`),
    async makeDirectory(path) {
      if (made.has(path)) throw errno('EEXIST')
      if (!made.has(path.slice(0, path.lastIndexOf('/')) || '/')) throw errno('ENOENT')
      made.add(path)
      log.push(`make ${path}`)
    },
    removeDirectory: async (path) => void made.delete(path),
    list: async () => [],
    exists: (path) => made.has(path),
    rename: async () => {},
    link: async () => {},
    unlink: async () => {},
    linkCount: async () => 1,
    freeBytes: async () => 1,
    ...overrides,
  }
  const owner = processLocalOwner
  const storage = new FileStorage({
    name: 'fake',
    root: '/base/store',
    calls,
    digest: portableDigest,
    compression: portableCompression,
    owner,
  })
  return { storage, file, log, write, readSync, made }
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + 1) & 255)

async function failure(call: () => unknown): Promise<VarveError> {
  try {
    await call()
  } catch (error) {
    if (isVarveError(error)) return error
    throw error
  }
  throw new Error('The call succeeded')
}

test('FileWriteHandle.append() loops over short writes and answers at once', async () => {
  const fake = fakeCalls({ write: (d, b, p) => fake.write(d, b.subarray(0, Math.min(b.length, 3)), p) })
  const handle = await fake.storage.createExclusive('f')
  expect(handle.append(bytes(10))).toBeUndefined()
  expect(handle.append(bytes(4))).toBeUndefined()
  expect(handle.sizeBytes).toBe(14)
  expect(fake.file.bytes.slice(0, 14)).toEqual(new Uint8Array([...bytes(10), ...bytes(4)]))
})

test('FileWriteHandle.append() loops over short writes of an asynchronous table', async () => {
  const fake = fakeCalls({ write: async (d, b, p) => fake.write(d, b.subarray(0, Math.min(b.length, 3)), p) })
  const handle = await fake.storage.createExclusive('f')
  const answer = handle.append(bytes(10))
  expect(answer).toBeInstanceOf(Promise)
  await answer
  expect(handle.sizeBytes).toBe(10)
  expect(fake.file.bytes.slice(0, 10)).toEqual(bytes(10))
})

test.each(['EINTR', 'EAGAIN'])('reads and writes are made again after %s, also in the middle', async (code) => {
  let turn = 0
  const interrupted = <T>(run: () => T): T => {
    if (turn++ % 3 !== 2) throw errno(code)
    return run()
  }
  const fake = fakeCalls({
    write: (d, b, p) => interrupted(() => fake.write(d, b.subarray(0, Math.ceil(b.length / 2)), p)),
    readSync: (d, b, p) => interrupted(() => fake.readSync(d, b.subarray(0, Math.ceil(b.length / 2)), p)),
    read: async (d, b, p) => interrupted(() => fake.readSync(d, b.subarray(0, Math.ceil(b.length / 2)), p)),
  })
  const handle = await fake.storage.createExclusive('f')
  await handle.append(bytes(20))
  expect(handle.sizeBytes).toBe(20)
  const reader = await fake.storage.openRead('f')
  const [one, other] = [new Uint8Array(25), new Uint8Array(25)]
  expect(reader.readSync?.(0, one)).toBe(20)
  expect(await reader.read(0, other)).toBe(20)
  expect(one.slice(0, 20)).toEqual(bytes(20))
  expect(other).toEqual(one)
})

test.each(['at once', 'by promise'])(
  'append() of a table that answers %s gives up when EINTR never ends',
  async (way) => {
    let turns = 0
    const interrupt = () => {
      turns++
      throw errno('EINTR')
    }
    const fake = fakeCalls({ write: way === 'at once' ? interrupt : async () => interrupt() })
    const handle = await fake.storage.createExclusive('f')
    expect((await failure(() => handle.append(bytes(3)))).code).toBe('STORAGE_UNAVAILABLE')
    expect(turns).toBeGreaterThan(50)
  },
)

test.each(['at once', 'by promise'])(
  'append() of a table that answers %s gives up after 3 writes of nothing',
  async (way) => {
    let turns = 0
    const nothing = () => {
      turns++
      return 0
    }
    const fake = fakeCalls({ write: way === 'at once' ? nothing : async () => nothing() })
    const handle = await fake.storage.createExclusive('f')
    const error = await failure(() => handle.append(bytes(3)))
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: false })
    expect(turns).toBe(3)
    expect(handle.sizeBytes).toBe(0)
  },
)

test.each(['at once', 'by promise'])(
  'append() that answers %s keeps sizeBytes when the device fills half-way',
  async (way) => {
    let isFull = true
    const fill: FileCalls['write'] = (d, b, p) => {
      if (isFull && p >= 6) throw errno('ENOSPC')
      return fake.write(d, isFull ? b.subarray(0, 6 - p) : b, p)
    }
    const fake = fakeCalls({ write: way === 'at once' ? fill : async (d, b, p) => fill(d, b, p) })
    const handle = await fake.storage.createExclusive('f')
    await handle.append(bytes(2))
    expect(await failure(() => handle.append(bytes(10)))).toMatchObject({ code: 'STORAGE_FULL', kind: 'full' })
    expect([handle.sizeBytes, fake.file.sizeBytes]).toEqual([2, 6])
    await handle.truncate(handle.sizeBytes)
    isFull = false
    await handle.append(bytes(5))
    expect(handle.sizeBytes).toBe(7)
    expect(fake.file.bytes.slice(0, 7)).toEqual(new Uint8Array([...bytes(2), ...bytes(5)]))
  },
)

test.each([
  ['ENOENT', 'FILE_MISSING', false],
  ['EEXIST', 'FILE_EXISTS', false],
  ['ENOSPC', 'STORAGE_FULL', true],
  ['EDQUOT', 'STORAGE_FULL', true],
  ['EACCES', 'STORAGE_DENIED', false],
  ['EPERM', 'STORAGE_DENIED', false],
  ['EROFS', 'STORAGE_DENIED', false],
  ['EMFILE', 'STORAGE_UNAVAILABLE', true],
  ['ENFILE', 'STORAGE_UNAVAILABLE', true],
  ['EBUSY', 'STORAGE_UNAVAILABLE', true],
  ['EIO', 'STORAGE_UNAVAILABLE', false],
  ['ELOOP', 'STORAGE_UNAVAILABLE', false],
])('%s becomes %s with its cause and without the absolute path', async (code, expected, retryable) => {
  const cause = errno(code)
  const refuse = () => {
    throw cause
  }
  const { storage } = fakeCalls({ open: refuse, rename: refuse, exists: refuse, sync: async () => refuse() })
  for (const call of [() => storage.openRead('d/f'), () => storage.replace('a', 'd/f'), () => storage.exists('d/f')]) {
    const error = await failure(call)
    expect(error).toMatchObject({ code: expected, retryable, details: { path: 'd/f', errno: code } })
    expect(error.cause).toBe(cause)
    expect(error.message).toMatch(/^Cannot \w+( \w+)? "d\/f": /)
    expect(error.message).not.toContain('/base')
  }
})

test('every failing call is a VarveError, whether it fails at once or by promise', async () => {
  const refuse = (): never => {
    throw errno('EIO')
  }
  const names = ['size', 'truncate', 'sync', 'readSync', 'read', 'write', 'close'] as const
  for (const way of [refuse, async () => refuse()]) {
    const overrides: Partial<FileCalls> = Object.fromEntries(names.map((name) => [name, way]))
    const { storage } = fakeCalls({ ...overrides, readSync: refuse })
    const handle = await storage.createExclusive('f')
    const reader = await storage.openRead('f')
    const calls = [
      () => storage.openAppend('f'),
      () => handle.append(bytes(1)),
      () => handle.writeAt(0, bytes(1)),
      () => handle.sync(),
      () => handle.truncate(0),
      () => handle.close(),
      () => reader.size(),
      () => reader.read(0, bytes(1)),
      () => reader.readSync?.(0, bytes(1)),
      () => reader.close(),
    ]
    for (const call of calls) expect((await failure(call)).code).toBe('STORAGE_UNAVAILABLE')
  }
})

test('FileStorage.createExclusive() makes parents from the top and syncs what holds each name, once', async () => {
  const { storage, log } = fakeCalls()
  await Promise.all([storage.createExclusive('a/b/f'), storage.createExclusive('a/b/g'), storage.createExclusive('h')])
  expect(log).toEqual([
    ...['make /base/store', 'sync /base'],
    ...['make /base/store/a', 'sync /base/store'],
    ...['make /base/store/a/b', 'sync /base/store/a'],
  ])
})

test('FileStorage.createExclusive() syncs the names of directories that another process made', async () => {
  const { storage, log, made } = fakeCalls()
  made.add('/base/store').add('/base/store/a')
  await storage.createExclusive('a/f')
  expect(log).toEqual(['sync /base', 'sync /base/store'])
})

test('FileStorage.createExclusive() tries the sync of a new directory again after it failed', async () => {
  let isBroken = true
  const fake = fakeCalls({
    syncDirectory: async (path) => {
      if (isBroken) throw errno('EIO')
      fake.log.push(`sync ${path}`)
    },
  })
  expect((await failure(() => fake.storage.createExclusive('a/f'))).code).toBe('STORAGE_UNAVAILABLE')
  isBroken = false
  await fake.storage.createExclusive('a/f')
  expect(fake.log).toEqual(['make /base/store', 'sync /base', 'make /base/store/a', 'sync /base/store'])
})

test('FileStorage.createExclusive() accepts that it may not sync what holds the root', async () => {
  const { storage } = fakeCalls({
    syncDirectory: async (path) => {
      if (path === '/base') throw errno('EACCES')
    },
  })
  await storage.createExclusive('a/f')
})

test('FileStorage.createExclusive() makes a directory again that was removed meanwhile', async () => {
  const fake = fakeCalls({
    open: (path) => {
      if (!fake.made.has(path.slice(0, path.lastIndexOf('/')))) throw errno('ENOENT')
      return 1
    },
  })
  await fake.storage.createExclusive('a/f')
  fake.made.delete('/base/store/a')
  await fake.storage.createExclusive('a/g')
  expect(fake.made.has('/base/store/a')).toBe(true)
})

test('FileStorage.openAppend() closes the descriptor when the size cannot be read', async () => {
  const fake = fakeCalls({
    size: () => {
      throw errno('EIO')
    },
  })
  expect((await failure(() => fake.storage.openAppend('f'))).code).toBe('STORAGE_UNAVAILABLE')
  expect(fake.log).toEqual(['close'])
})

test('FileWriteHandle.close() waits for the sync under way before it gives the descriptor back', async () => {
  let release = () => {}
  const fake = fakeCalls({
    sync: () =>
      new Promise<void>((resolve) => {
        release = resolve
      }),
  })
  const handle = await fake.storage.createExclusive('f')
  const sync = handle.sync()
  const close = handle.close()
  expect(fake.log.includes('close')).toBe(false)
  expect((await failure(() => handle.append(bytes(1)))).code).toBe('STORE_CLOSED')
  release()
  await Promise.all([sync, close])
  expect(fake.log.includes('close')).toBe(true)
})

test('a table without readSync makes handles without it and the capability false', async () => {
  const { readSync: _, ...calls } = nodeFileCalls
  const owner = processLocalOwner
  const storage = new FileStorage({
    name: 'fake',
    root: '/base',
    calls,
    digest: portableDigest,
    compression: portableCompression,
    owner,
  })
  expect(storage.capabilities.syncReads).toBe(false)
})

test.each([-1, 1.5, Number.NaN, 2 ** 53])(
  'positions that are not whole numbers in range (%s) throw RangeError',
  async (position) => {
    const { storage } = fakeCalls()
    const handle = await storage.createExclusive('f')
    const reader = await storage.openRead('f')
    expect(() => handle.writeAt(position, bytes(1))).toThrow(RangeError)
    expect(() => reader.readSync?.(position, bytes(1))).toThrow(RangeError)
    await expect(reader.read(position, bytes(1))).rejects.toThrow(RangeError)
    await expect(handle.truncate(position)).rejects.toThrow(RangeError)
  },
)

test('FileStorage.freeBytes() asks the nearest parent when the root is not there yet', async () => {
  const asked: string[] = []
  const { storage } = fakeCalls({
    freeBytes: async (path) => {
      asked.push(path)
      if (path !== '/') throw errno('ENOENT')
      return 42
    },
  })
  expect(await storage.freeBytes()).toBe(42)
  expect(asked).toEqual(['/base/store', '/base', '/'])
})
