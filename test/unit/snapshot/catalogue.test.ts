/** The catalogue: what is listed, whatever became of its file and of the manifests, and what goes.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Storage } from '../../../src/ports/storage.ts'
import { checkSnapshotId, SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { bytesOf, putBytes, type Still, sizesIn, stillStore } from './still-host.ts'

const CATALOGUE = '.snapshots/snapshots.json'

/** The same place as another process sees it. */
function fresh({ storage }: Still, told: string[] = []): SnapshotCatalogue {
  return new SnapshotCatalogue(storage, { diagnose: (code) => told.push(code) })
}

async function idsOf(catalogue: SnapshotCatalogue): Promise<string[]> {
  return (await catalogue.list()).map(({ id }) => id)
}

async function manifestPath(storage: Storage, id: string): Promise<string> {
  const names = (await storage.list(`.snapshots/${id}`)).map(({ name }) => name)
  return `.snapshots/${id}/${names.find((name) => name.startsWith('MANIFEST-'))}`
}

async function flipByte(storage: Storage, path: string, at: number): Promise<void> {
  const bytes = await bytesOf(storage, path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await putBytes(storage, path, bytes)
}

describe('SnapshotCatalogue', () => {
  test('list() shows the newest first, what one process made also in another', async () => {
    const still = await stillStore()
    expect(await still.catalogue.list()).toEqual([])
    const made = [
      await still.take(),
      await still.take({ topic: 'wide', label: 'wide' }),
      await still.take({ pinned: true }),
    ]
    expect(await still.catalogue.list()).toEqual(made.toReversed())
    expect(await fresh(still).list()).toEqual(made.toReversed())
    for (const info of made) expect(await fresh(still).info(info.id)).toEqual(info)
  })

  test('list() is the same without the catalogue file, with a damaged one, an old one, and a foreign one', async () => {
    const still = await stillStore()
    await still.take({ label: 'one' })
    const old = await bytesOf(still.storage, CATALOGUE)
    await still.take({ topic: 'orders', pinned: true })
    const wanted = await still.catalogue.list()
    const now = await bytesOf(still.storage, CATALOGUE)
    const texts = [
      '',
      '{',
      'null',
      '[]',
      '{"format":2,"crc32":0,"snapshots":[]}',
      '{"format":1,"crc32":1,"snapshots":[7]}',
    ]
    const contents = [old, now.subarray(0, now.length - 1), ...texts.map((text) => new TextEncoder().encode(text))]
    for (const bytes of contents) {
      await putBytes(still.storage, CATALOGUE, bytes)
      expect(await still.catalogue.list()).toEqual(wanted)
      expect(await fresh(still).list()).toEqual(wanted)
    }
    await still.storage.remove(CATALOGUE)
    expect(await fresh(still).list()).toEqual(wanted)
    const after = fresh(still)
    expect(await after.cleanLeftovers(() => false)).toEqual([])
    expect(await fresh(still).list()).toEqual(wanted)
    // The order of its rows says nothing.
    expect((await bytesOf(still.storage, CATALOGUE)).length).toBe(now.length)
  })

  test('list() is right whichever bit of the catalogue file is flipped', async () => {
    const still = await stillStore()
    await still.take({ label: 'one' })
    await still.take({ topic: 'orders', pinned: true })
    const wanted = await still.catalogue.list()
    const bytes = await bytesOf(still.storage, CATALOGUE)
    for (let bit = 0; bit < bytes.length * 8; bit += 17) {
      const flipped = bytes.slice()
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      await putBytes(still.storage, CATALOGUE, flipped)
      expect(await fresh(still).list()).toEqual(wanted)
    }
  })

  test('list() forgets a snapshot whose directory somebody removed, and shows one that somebody brought back', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const manifest = await manifestPath(still.storage, id)
    const files = new Map<string, Uint8Array>()
    for (const path of (await sizesIn(still.storage, `.snapshots/${id}`)).keys())
      files.set(path, await bytesOf(still.storage, path))
    const wanted = await still.catalogue.list()
    await still.catalogue.remove(id)
    expect(await still.catalogue.list()).toEqual([])
    for (const [path, bytes] of files) await putBytes(still.storage, path, bytes)
    expect(files.has(manifest)).toBe(true)
    expect(await still.catalogue.list()).toEqual(wanted)
  })

  test('details() does not call a snapshot damaged that another process is deleting', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const reader = fresh(still)
    // What the deletion does first: from here on only the directory tells of it.
    await still.storage.remove(CATALOGUE)
    expect(await idsOf(reader)).toEqual([id])
    await still.storage.remove(await manifestPath(still.storage, id))
    await expect(reader.details(id)).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    expect(await idsOf(reader)).toEqual([])
  })

  test('a damaged manifest is named, listed while the catalogue knows it, never removed by clean-up, removed by hand', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const other = await still.take()
    const path = await manifestPath(still.storage, id)
    await flipByte(still.storage, path, 40)
    const damage = { code: 'SNAPSHOT_DAMAGED', details: { snapshot: id } }
    await expect(still.catalogue.state(id)).rejects.toMatchObject(damage)
    await expect(still.catalogue.details(id)).rejects.toMatchObject(damage)
    expect(await idsOf(still.catalogue)).toEqual([other.id, id])
    await still.storage.remove(CATALOGUE)
    const told: string[] = []
    const catalogue = fresh(still, told)
    expect(await idsOf(catalogue)).toEqual([other.id])
    expect(await idsOf(catalogue)).toEqual([other.id])
    expect(told).toEqual(['SNAPSHOT_DAMAGED'])
    expect(await catalogue.cleanLeftovers(() => false)).toEqual([])
    expect(await still.storage.exists(path)).toBe(true)
    await expect(catalogue.info(id)).rejects.toMatchObject({ ...damage, details: { ...damage.details, file: path } })
    await catalogue.remove(id)
    expect(await idsOf(catalogue)).toEqual([other.id])
    await expect(catalogue.info(id)).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  })

  test('state() names a manifest that is torn, not closed, missing, or of another snapshot', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const other = await still.take()
    const path = await manifestPath(still.storage, id)
    const bytes = await bytesOf(still.storage, path)
    const damage = { code: 'SNAPSHOT_DAMAGED', details: { snapshot: id } }
    for (const size of [0, 1, bytes.length >>> 1, bytes.length - 1]) {
      await putBytes(still.storage, path, bytes.subarray(0, size))
      await expect(still.catalogue.state(id)).rejects.toMatchObject(damage)
      expect(await fresh(still).cleanLeftovers(() => false)).toEqual([])
    }
    await putBytes(still.storage, path, await bytesOf(still.storage, await manifestPath(still.storage, other.id)))
    await expect(still.catalogue.state(id)).rejects.toMatchObject(damage)
    await still.storage.remove(path)
    await expect(still.catalogue.state(id)).rejects.toMatchObject(damage)
    await expect(fresh(still).details(id)).rejects.toMatchObject(damage)
    await putBytes(still.storage, path, bytes)
    expect((await still.catalogue.state(id)).snapshot?.id).toBe(id)
  })

  test('every call refuses what is no id, and an id that there is nothing of', async () => {
    const { catalogue } = await stillStore()
    for (const id of [
      '',
      'snapshot-',
      'snapshot-x',
      '../..',
      'snapshot-1/..',
      'snapshot-12345678901234567',
      'Snapshot-1',
      7 as never,
    ]) {
      expect(() => checkSnapshotId(id)).toThrow(expect.objectContaining({ code: 'SNAPSHOT_UNKNOWN' }))
      expect(() => catalogue.storageOf(id)).toThrow(expect.objectContaining({ code: 'SNAPSHOT_UNKNOWN' }))
    }
    const calls = [
      () => catalogue.info('snapshot-1'),
      () => catalogue.details('snapshot-1'),
      () => catalogue.state('snapshot-1'),
      () => catalogue.manifest('snapshot-1'),
      () => catalogue.pin('snapshot-1', true),
      async () => catalogue.remove('snapshot-1'),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  })

  test('pin() is seen at once by others, survives a lost catalogue, and keeps the snapshot from being removed', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    expect(await still.catalogue.pin(id, true)).toMatchObject({ id, pinned: true })
    expect(await still.catalogue.pin(id, true)).toMatchObject({ pinned: true })
    expect(await fresh(still).info(id)).toMatchObject({ pinned: true })
    await still.storage.remove(CATALOGUE)
    expect(await fresh(still).list()).toMatchObject([{ id, pinned: true }])
    await expect(still.catalogue.remove(id)).rejects.toMatchObject({ code: 'SNAPSHOT_PINNED' })
    expect(await still.catalogue.pin(id, false)).toMatchObject({ pinned: false })
    expect(await still.catalogue.pin(id, false)).toMatchObject({ pinned: false })
    expect(await fresh(still).details(id)).toMatchObject({ pinned: false })
    await still.catalogue.remove(id)
    expect(await idsOf(fresh(still))).toEqual([])
  })

  test('freeId() gives the moment, or the next that nothing uses', async () => {
    const { catalogue, storage } = await stillStore()
    expect(await catalogue.freeId(7)).toBe('snapshot-7')
    await putBytes(storage, '.snapshots/snapshot-7/something', new Uint8Array(1))
    await putBytes(storage, '.snapshots/snapshot-8.pinned', new Uint8Array(1))
    expect(await catalogue.freeId(7)).toBe('snapshot-9')
    expect(await catalogue.freeId(-7)).toBe('snapshot-0')
  })

  test('cleanLeftovers() removes what is no snapshot, and nothing that is busy, foreign or complete', async () => {
    const still = await stillStore()
    const { id } = await still.take({ pinned: true })
    const { storage } = still
    const before = await sizesIn(storage, '.snapshots')
    const left = [
      'snapshot-1/topics/orders/0/a.log',
      'snapshot-1/manifest.tmp',
      'snapshot-1.pinned',
      'snapshot-2.pinned',
    ]
    for (const path of [...left, 'snapshots.json.tmp']) await putBytes(storage, `.snapshots/${path}`, new Uint8Array(3))
    const kept = ['snapshot-3/topics/a', 'snapshot-3.pinned', 'notes/mine.txt', 'snapshot-x/file']
    for (const path of kept) await putBytes(storage, `.snapshots/${path}`, new Uint8Array(3))
    const catalogue = fresh(still)
    expect(await idsOf(catalogue)).toEqual([id])
    expect(await catalogue.cleanLeftovers((busy) => busy === 'snapshot-3')).toEqual(['snapshot-1'])
    const wanted = [...before.keys(), ...kept.map((path) => `.snapshots/${path}`)].sort()
    expect([...(await sizesIn(storage, '.snapshots')).keys()].sort()).toEqual(wanted)
    expect(await storage.exists('.snapshots/snapshot-1')).toBe(false)
    expect(await catalogue.list()).toMatchObject([{ id, pinned: true }])
  })

  test('cleanLeftovers() keeps a snapshot that a sleeping process published just before', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const { storage } = still
    await storage.remove(CATALOGUE)
    const path = await manifestPath(storage, id)
    const bytes = await bytesOf(storage, path)
    await storage.remove(path)
    await putBytes(storage, `.snapshots/${id}/manifest.tmp`, bytes)
    const late = new Proxy(storage, {
      get: (target, name) => {
        if (name === 'remove')
          return async (removed: string) => {
            if (removed.endsWith('manifest.tmp')) await target.replace(removed, path)
            return target.remove(removed)
          }
        const found = Reflect.get(target, name)
        return typeof found === 'function' ? found.bind(target) : found
      },
    })
    expect(await new SnapshotCatalogue(late).cleanLeftovers(() => false)).toEqual([])
    expect(await idsOf(fresh(still))).toEqual([id])
  })

  test('remove() frees what nobody else has, and takes directories with it', async () => {
    const still = await stillStore()
    const whole = await still.take()
    const own = await sizesIn(still.storage, `.snapshots/${whole.id}`)
    let wanted = 0
    for (const [path, size] of own) if ((await still.storage.linkCount(path)) === 1) wanted += size
    expect(wanted).toBeGreaterThan(0)
    const total = [...own.values()].reduce((sum, size) => sum + size, 0)
    expect(wanted).toBeLessThan(total)
    expect(await still.catalogue.remove(whole.id)).toEqual({ freedBytes: wanted })
    expect(await still.storage.exists(`.snapshots/${whole.id}`)).toBe(false)
  })

  test('remove() removes nothing once the store was taken over', async () => {
    const still = await stillStore()
    const { id } = await still.take()
    const before = await sizesIn(still.storage, '')
    still.fenced = true
    await expect(still.catalogue.remove(id)).rejects.toMatchObject({ code: 'STORE_FENCED' })
    await expect(still.catalogue.pin(id, true)).rejects.toMatchObject({ code: 'STORE_FENCED' })
    await still.catalogue.discard(id)
    expect(await sizesIn(still.storage, '')).toEqual(before)
  })

  test('changes run one after the other, whoever asks', async () => {
    const still = await stillStore()
    const infos = [await still.take(), await still.take(), await still.take(), await still.take()]
    await Promise.all(infos.slice(0, 2).map(({ id }) => still.catalogue.remove(id)))
    expect(await idsOf(still.catalogue)).toEqual(
      infos
        .slice(2)
        .map(({ id }) => id)
        .reverse(),
    )
    expect(await idsOf(fresh(still))).toEqual(
      infos
        .slice(2)
        .map(({ id }) => id)
        .reverse(),
    )
  })
})
