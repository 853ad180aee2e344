/** The simulated file system against what a real one does, with and without crashes.
 * @module */
import { describe, expect, test } from 'vitest'
import type { CrashMode } from './crash-disk.ts'
import { FaultFiles } from './fault-files.ts'

const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))
const bytes = (value: string) => new TextEncoder().encode(value)

async function contentOf(files: FaultFiles, path: string): Promise<string | undefined> {
  if (!(await files.exists(path))) return undefined
  return text(files.files().get(path))
}

/** A file `/a` with `old` durable and `new` waiting. */
async function oldAndNew(): Promise<{ files: FaultFiles; descriptor: number }> {
  const files = new FaultFiles()
  const descriptor = await files.open('/a', 'create')
  await files.write(descriptor, bytes('old'), 0)
  await files.sync(descriptor)
  await files.syncDirectory('/')
  await files.write(descriptor, bytes('new'), 0)
  return { files, descriptor }
}

const crashed = (files: FaultFiles, mode: CrashMode, seed = 0) => files.crashImage(files.position, mode, seed)

describe('FaultFiles', () => {
  test('reads what was written, with holes as zeros', async () => {
    const files = new FaultFiles()
    const descriptor = await files.open('/a', 'create')
    expect(await files.write(descriptor, bytes('xy'), 3)).toBe(2)
    const into = new Uint8Array(8)
    expect(await files.read(descriptor, into, 0)).toBe(5)
    expect(into).toEqual(Uint8Array.of(0, 0, 0, 120, 121, 0, 0, 0))
    await files.truncate(descriptor, 4)
    expect(await files.size(descriptor)).toBe(4)
  })

  test.each([
    ['open', (files: FaultFiles) => files.open('/none', 'read'), 'ENOENT'],
    ['create', (files: FaultFiles) => files.open('/a', 'create'), 'EEXIST'],
    ['link', (files: FaultFiles) => files.link('/a', '/a'), 'EEXIST'],
    ['makeDirectory', (files: FaultFiles) => files.makeDirectory('/none/b'), 'ENOENT'],
    ['list', (files: FaultFiles) => files.list('/a'), 'ENOTDIR'],
    ['unlink', (files: FaultFiles) => files.unlink('/none'), 'ENOENT'],
    ['write', (files: FaultFiles) => files.write(99, bytes('x'), 0), 'EBADF'],
  ])('%s fails as the system does', async (_name, call, code) => {
    const { files } = await oldAndNew()
    await expect((async () => call(files))()).rejects.toMatchObject({ code })
  })

  test('counts links, and a rename replaces in one step', async () => {
    const { files } = await oldAndNew()
    await files.link('/a', '/b')
    expect(await files.linkCount('/a')).toBe(2)
    await files.rename('/a', '/c')
    expect((await files.list('/')).map(({ name }) => name).sort()).toEqual(['b', 'c'])
    await files.unlink('/b')
    expect(await files.linkCount('/c')).toBe(1)
  })

  test('crashImage() keeps what was synced and, by mode, what was not', async () => {
    const { files } = await oldAndNew()
    expect(await contentOf(crashed(files, 'lost'), '/a')).toBe('old')
    expect(await contentOf(crashed(files, 'kept'), '/a')).toBe('new')
    expect(await contentOf(files.crashImage(0, 'kept', 0), '/a')).toBeUndefined()
    expect(await contentOf(crashed(files, 'torn', 0), '/a')).toBe('nld')
    expect(await contentOf(crashed(files, 'torn', 1), '/a')).toBe('oew')
  })

  test('crashImage() treats names apart from bytes', async () => {
    const files = new FaultFiles()
    const descriptor = await files.open('/a', 'create')
    await files.write(descriptor, bytes('new'), 0)
    expect(await contentOf(crashed(files, 'dir-lost'), '/a')).toBeUndefined()
    expect(await contentOf(crashed(files, 'dir-only'), '/a')).toBe('')
    expect(await contentOf(crashed(files, 'size-first', 0), '/a')).toBe('\0\0\0')
    await files.sync(descriptor)
    expect(await contentOf(crashed(files, 'lost'), '/a')).toBeUndefined()
    await files.syncDirectory('/')
    expect(await contentOf(crashed(files, 'lost'), '/a')).toBe('new')
  })

  test('a write made while a sync is under way is not covered by it', async () => {
    const { files, descriptor } = await oldAndNew()
    const sync = files.sync(descriptor)
    await files.write(descriptor, bytes('later'), 3)
    const during = files.position
    await sync
    expect(await contentOf(files.crashImage(during, 'lost', 0), '/a')).toBe('old')
    expect(await contentOf(crashed(files, 'lost'), '/a')).toBe('new')
  })

  test('a failed sync with a gate shows the bytes, loses them, and lets the next sync succeed', async () => {
    const { files, descriptor } = await oldAndNew()
    files.failAt(files.position, 'EIO', { gate: true })
    await expect(files.sync(descriptor)).rejects.toMatchObject({ code: 'EIO' })
    await files.sync(descriptor)
    expect(await contentOf(files, '/a')).toBe('new')
    expect(await contentOf(crashed(files, 'kept'), '/a')).toBe('old')
  })

  test('failAt() fails once, for ever, with part of the bytes, or after the effect', async () => {
    const { files, descriptor } = await oldAndNew()
    files.failAt(files.position, 'ENOSPC', { partial: (length) => length - 1 })
    expect(() => files.write(descriptor, bytes('1234'), 0)).toThrowError('ENOSPC')
    expect(await contentOf(files, '/a')).toBe('123')
    expect(files.write(descriptor, bytes('zz'), 0)).toBe(2)
    files.failAt(files.position, 'SHORT', { partial: () => 1 })
    expect(files.write(descriptor, bytes('yy'), 0)).toBe(1)
    files.failAt(files.position, 'EIO', { applied: true })
    await expect(files.rename('/a', '/b')).rejects.toMatchObject({ code: 'EIO' })
    expect(await contentOf(files, '/b')).toBe('yz3')
    files.failAt((operation) => operation.kind === 'write', 'ENOSPC', { sticky: true })
    for (let turn = 0; turn < 3; turn++) expect(() => files.write(descriptor, bytes('x'), 0)).toThrowError('ENOSPC')
    expect(files.hits).toBe(6)
    files.clearFaults()
    expect(files.write(descriptor, bytes('x'), 0)).toBe(1)
  })

  test('an image is apart from its source and from other images', async () => {
    const { files } = await oldAndNew()
    const image = crashed(files, 'kept')
    const descriptor = await image.open('/a', 'write')
    await image.write(descriptor, bytes('NEW and more'), 0)
    expect(await contentOf(files, '/a')).toBe('new')
    expect(await contentOf(crashed(files, 'kept'), '/a')).toBe('new')
    expect(await contentOf(image, '/a')).toBe('NEW and more')
  })
})
