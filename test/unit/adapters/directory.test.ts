/** Storages on a real directory, over node:fs and the runtime's own calls: rights, symbolic links, pipes, location.
 * @module */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeFileCalls } from '../../../adapters/node/file-calls.ts'
import { nodeStorage } from '../../../adapters/node/index.ts'
import { ownStorage } from '../../runtime/own-storage.ts'

let parent = ''
beforeEach(() => {
  parent = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'varve-node-')))
})
afterEach(() => fs.rmSync(parent, { recursive: true, force: true }))

const storages = [
  ['node:fs', (path: string) => nodeStorage(path)],
  ['own', ownStorage],
] as const

const modeOf = (path: string) => (fs.lstatSync(path).mode & 0o777).toString(8)

test.each(storages)('Storage makes files 0600 and directories 0700 (%s)', async (_, open) => {
  const storage = open(join(parent, 'a', 'store'))
  await (await storage.createExclusive('d/f')).close()
  for (const directory of ['a', 'a/store', 'a/store/d']) expect(modeOf(join(parent, directory))).toBe('700')
  expect(modeOf(join(parent, 'a/store/d/f'))).toBe('600')
})

test.each(storages)('Storage creates nothing before something is written (%s)', async (_, open) => {
  const storage = open(join(parent, 'store'))
  expect(await storage.list('')).toEqual([])
  expect(await storage.exists('f')).toBe(false)
  expect(await storage.freeBytes()).toBeGreaterThan(0)
  expect(fs.readdirSync(parent)).toEqual([])
})

test.each(storages)('Storage.location is one real path for every way to the same place (%s)', async (_, open) => {
  fs.mkdirSync(join(parent, 'real'))
  fs.symlinkSync(join(parent, 'real'), join(parent, 'alias'))
  const before = open(join(parent, 'alias', 'store')).location
  expect(before).toBe(join(parent, 'real', 'store'))
  fs.mkdirSync(before)
  for (const way of ['alias/store', 'real/store', 'real/../alias/./store/']) {
    expect(open(join(parent, way)).location).toBe(before)
  }
})

test.each(storages)('Storage does not follow a symbolic link under the name of a file (%s)', async (_, open) => {
  fs.writeFileSync(join(parent, 'secret'), 'secret')
  fs.mkdirSync(join(parent, 'store'))
  fs.symlinkSync(join(parent, 'secret'), join(parent, 'store', 'f'))
  const storage = open(join(parent, 'store'))
  await expect((async () => storage.openRead('f'))()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  await expect(storage.openAppend('f')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  await expect(storage.createExclusive('f')).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  expect(await storage.list('')).toEqual([{ name: 'f', kind: 'other' }])
  expect(await storage.exists('f')).toBe(true)
  expect(fs.readFileSync(join(parent, 'secret'), 'utf8')).toBe('secret')
})

test.each(storages)(
  'Storage.exists() sees a symbolic link that leads nowhere, because no file can have its name (%s)',
  async (_, open) => {
    fs.symlinkSync(join(parent, 'nowhere'), join(parent, 'f'))
    expect(await open(parent).exists('f')).toBe(true)
  },
)

test.each(storages)('Storage.openRead() does not hang on a pipe under the name of a file (%s)', async (_, open) => {
  execFileSync('mkfifo', [join(parent, 'f')])
  const storage = open(parent)
  const handle = await storage.openRead('f')
  await expect(handle.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  await handle.close()
})

test('nodeStorage() uses the table it is given', async () => {
  const opened: string[] = []
  const files = {
    ...nodeFileCalls,
    open: (path: string, purpose: 'read' | 'write' | 'create') => {
      opened.push(purpose)
      return nodeFileCalls.open(path, purpose)
    },
  }
  await (await nodeStorage(parent, { files }).createExclusive('f')).close()
  expect(opened).toEqual(['create'])
})
