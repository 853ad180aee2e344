/** Links between storages of files, and directories that are removed: on real directories of two devices, and on a
 * simulated disk for what fails and what a crash leaves.
 * @module */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { nodeStorage } from '../../../adapters/node/index.ts'
import { linkBetween, storageAt } from '../../../src/ports/storage-at.ts'
import { get, pattern, put } from '../../conformance/assert.ts'
import { FaultFiles } from '../../faults/fault-files.ts'
import { faultStorage } from '../../faults/fault-storage.ts'
import { stalledStorage } from '../../faults/stalled-storage.ts'
import { ownStorage } from '../../runtime/own-storage.ts'

let parent = ''
beforeEach(() => {
  parent = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'varve-links-')))
})
afterEach(() => fs.rmSync(parent, { recursive: true, force: true }))

const kinds = [
  ['node:fs', (path: string) => nodeStorage(path)],
  ['own', ownStorage],
] as const

/** A directory on another device, if there is one. */
function otherDevice(): string | undefined {
  const memory = '/dev/shm'
  if (!fs.existsSync(memory) || fs.statSync(memory).dev === fs.statSync(parent).dev) return undefined
  return fs.realpathSync(fs.mkdtempSync(join(memory, 'varve-links-')))
}

describe.each(kinds)('a storage over %s', (_, open) => {
  test('linkFrom() links a file of another root, and makes parents', async () => {
    const [source, target] = [open(join(parent, 'a')), open(join(parent, 'b', 'c'))]
    await put(source, 'd/f', pattern(30))
    expect(await target.linkFrom(source, 'd/f', 'e/g')).toBe(true)
    expect(fs.statSync(join(parent, 'b/c/e/g')).ino).toBe(fs.statSync(join(parent, 'a/d/f')).ino)
    expect(await target.linkCount('e/g')).toBe(2)
    const view = storageAt(source, 'd')
    expect(await target.linkFrom(view, 'f', 'h')).toBe(true)
    expect(await storageAt(target, 'v').linkFrom?.(source, 'd/f', 'i')).toBe(true)
    expect(await get(target, 'v/i')).toEqual(pattern(30))
    const taken = target.linkFrom(source, 'd/f', 'h')
    await expect(taken).rejects.toMatchObject({ code: 'FILE_EXISTS', details: { path: 'h' } })
    await expect(target.linkFrom(source, 'none', 'j')).rejects.toMatchObject({ code: 'FILE_MISSING' })
    await expect(target.linkFrom(source, '../a/d/f', 'j')).rejects.toMatchObject({ code: 'NAME_INVALID' })
  })

  test('linkFrom() says false for a file of another device, and of memory', async () => {
    const other = otherDevice()
    const target = open(join(parent, 'b'))
    if (other === undefined) console.info('links: there is no second device here')
    else
      try {
        const source = open(other)
        await put(source, 'f')
        expect(await target.linkFrom(source, 'f', 'd/g')).toBe(false)
      } finally {
        fs.rmSync(other, { recursive: true, force: true })
      }
    const memory = memoryStorage()
    await put(memory, 'f')
    expect(await target.linkFrom(memory, 'f', 'd/g')).toBe(false)
    await put(target, 'h')
    expect(await memory.linkFrom?.(target, 'h', 'g')).toBe(false)
    expect([await target.exists('d/g'), memory.exists('g')]).toEqual([false, false])
  })

  test('removeDirectory() takes nothing but an empty directory', async () => {
    const storage = open(parent)
    fs.mkdirSync(join(parent, 'empty'))
    fs.symlinkSync(join(parent, 'empty'), join(parent, 'alias'))
    fs.writeFileSync(join(parent, 'file'), 'x')
    for (const name of ['alias', 'file', 'none']) await storage.removeDirectory(name)
    expect(fs.readdirSync(parent).sort()).toEqual(['alias', 'empty', 'file'])
    await storage.removeDirectory('empty')
    expect(fs.readdirSync(parent).sort()).toEqual(['alias', 'file'])
  })
})

describe('a storage over a simulated disk', () => {
  test('links files between two roots and survives a crash when both are synced', async () => {
    const files = new FaultFiles()
    const source = faultStorage(files)
    const target = faultStorage(files, undefined, 'copy')
    await put(source, 'd/f', pattern(30))
    await source.syncDirectory('d')
    expect(await linkBetween({ storage: source, path: 'd/f' }, { storage: storageAt(target, 'e'), path: 'g' })).toBe(
      true,
    )
    const before = files.crashImage(files.position, 'lost', 0)
    expect([...before.files().keys()]).toEqual(['/store/d/f'])
    await target.syncDirectory('e')
    const after = files.crashImage(files.position, 'lost', 0)
    expect([...after.files().keys()].sort()).toEqual(['/copy/e/g', '/store/d/f'])
    expect(await faultStorage(after, undefined, 'copy').linkCount('e/g')).toBe(2)
  })

  test('says false for EXDEV and for another disk, and gives other failures as link() does', async () => {
    const files = new FaultFiles()
    const source = faultStorage(files)
    const target = faultStorage(files, undefined, 'copy')
    await put(source, 'f')
    files.failAt(({ kind }) => kind === 'link', 'EXDEV')
    expect(await target.linkFrom(source, 'f', 'g')).toBe(false)
    files.failAt(({ kind }) => kind === 'link', 'EIO')
    await expect(target.linkFrom(source, 'f', 'g')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(await target.linkFrom(source, 'f', 'g')).toBe(true)
    expect(await faultStorage(new FaultFiles()).linkFrom(source, 'f', 'g')).toBe(false)
  })

  test('links what a wrapper with a location of its own holds', async () => {
    const files = new FaultFiles()
    const { storage } = stalledStorage(faultStorage(files), () => false)
    const source = new Proxy(storage, {
      get: (of, name) => (name === 'location' ? 'elsewhere' : Reflect.get(of, name)),
    })
    await put(source, 'f', pattern(3))
    const target = faultStorage(files, undefined, 'copy')
    expect(await target.linkFrom(source, 'f', 'g')).toBe(true)
    expect(await get(target, 'g')).toEqual(pattern(3))
  })

  test('notes writes and truncations of what has two names, also after a crash, and no others', async () => {
    const files = new FaultFiles()
    const storage = faultStorage(files)
    await put(storage, 'f', pattern(10))
    await put(storage, 'other', pattern(10))
    await storage.link('f', 'g')
    await storage.syncDirectory('')
    const handle = await storage.openAppend('other')
    await handle.append(pattern(5))
    await handle.truncate(3)
    expect(files.linkedWrites).toEqual([])
    const image = files.crashImage(files.position, 'lost', 0)
    for (const disk of [files, image]) {
      const again = await faultStorage(disk).openAppend('g')
      await again.truncate(10)
      expect(disk.linkedWrites).toEqual([])
      await again.append(pattern(5))
      await again.truncate(3)
      expect(disk.linkedWrites.map(({ kind, path }) => `${kind} ${path.replace(/@\d+\//, '')}`)).toEqual([
        'write /store/g',
        'truncate /store/g',
      ])
      await faultStorage(disk).remove('f')
      await again.append(pattern(5))
      expect(disk.linkedWrites.length).toBe(2)
    }
  })

  test('removeDirectory() is durable after the sync of the parent, and what is made anew in its place is, too', async () => {
    const files = new FaultFiles()
    const storage = faultStorage(files)
    await put(storage, 'a/b/f')
    await storage.syncDirectory('a/b')
    await storage.remove('a/b/f')
    await storage.syncDirectory('a/b')
    await storage.removeDirectory('a/b')
    const names = async (disk: FaultFiles) => (await faultStorage(disk).list('a')).map(({ name }) => name)
    expect(await names(files)).toEqual([])
    expect(await names(files.crashImage(files.position, 'lost', 0))).toEqual(['b'])
    await storage.syncDirectory('a')
    expect(await names(files.crashImage(files.position, 'lost', 0))).toEqual([])
    await put(storage, 'a/b/f', pattern(4))
    await storage.syncDirectory('a/b')
    const image = files.crashImage(files.position, 'lost', 0)
    expect(await get(faultStorage(image), 'a/b/f')).toEqual(pattern(4))
  })

  test.each(['this one', 'another process'])('removeDirectory() forgets names that %s removed', async (by) => {
    const files = new FaultFiles()
    const storage = faultStorage(files)
    await put(storage, 'a/b/f')
    await storage.remove('a/b/f')
    if (by === 'this one') for (const directory of ['a/b', 'a']) await storage.removeDirectory(directory)
    else {
      for (const path of ['/store/a/b', '/store/a']) await files.removeDirectory(path)
      await storage.removeDirectory('a')
    }
    // Another process makes them again, and dies before it syncs them.
    for (const path of ['/store/a', '/store/a/b']) await files.makeDirectory(path)
    await put(storage, 'a/b/g')
    await storage.syncDirectory('a/b')
    expect([...files.crashImage(files.position, 'lost', 0).files().keys()]).toEqual(['/store/a/b/g'])
  })

  test('removeDirectory() reports what the disk does not do', async () => {
    const files = new FaultFiles()
    const storage = faultStorage(files)
    await put(storage, 'a/f')
    await storage.remove('a/f')
    files.failAt(({ kind }) => kind === 'removeDirectory', 'EIO')
    await expect(storage.removeDirectory('a')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    files.failAt(({ kind }) => kind === 'removeDirectory', 'EIO', { applied: true })
    await expect(storage.removeDirectory('a')).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    await put(storage, 'a/g')
    await storage.syncDirectory('a')
    expect([...files.crashImage(files.position, 'lost', 0).files().keys()]).toEqual(['/store/a/g'])
  })
})
