/** What is left of snapshots and forks that go wrong, and that people can go on from there.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { openStore } from '../../../src/index.ts'
import { readWhole } from '../../../src/manifest/files.ts'
import type { Storage, WriteHandle } from '../../../src/ports/storage.ts'
import { stalledStorage } from '../../faults/stalled-storage.ts'
import { collect, outcome } from '../topic/support.ts'
import { filesOf, fill, openSmall, reopen } from './small-log.ts'

const NOW = { minIntervalMs: 0 }

/** Put other bytes in the place of a file. */
async function rewrite(storage: Storage, path: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = change((await readWhole(storage, path)).slice())
  await storage.remove(path)
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.sync()
  await handle.close()
}

const flipped = (bytes: Uint8Array) => {
  bytes[40] = (bytes[40] ?? 0) ^ 1
  return bytes
}

async function manifestOf(storage: Storage, id: string): Promise<string> {
  const names = await filesOf(storage, `.snapshots/${id}`)
  return `.snapshots/${id}/${names.find((name) => name.startsWith('MANIFEST'))}`
}

test.each(['damaged', 'missing'])(
  'a snapshot whose manifest is %s is told by verify, and can be deleted',
  async (how) => {
    const log = await openSmall()
    await fill(log, 5)
    const { storage } = log.wire
    const { id } = await log.store.snapshots.create(NOW)
    const manifest = await manifestOf(storage, id)
    if (how === 'missing') await storage.remove(manifest)
    else await rewrite(storage, manifest, flipped)
    const report = await log.store.snapshots.verify(id)
    expect(report).toMatchObject({ snapshot: id, ok: false })
    expect(report.problems).toMatchObject([{ code: 'SNAPSHOT_DAMAGED' }])
    await log.store.snapshots.delete(id)
    expect(await storage.exists(`.snapshots/${id}`)).toBe(false)
    await log.store.close()
  },
)

test('a damaged snapshot that no catalogue remembers can be verified and deleted', async () => {
  const log = await openSmall()
  await fill(log, 5)
  const { storage } = log.wire
  const { id } = await log.store.snapshots.create(NOW)
  await rewrite(storage, await manifestOf(storage, id), flipped)
  await storage.remove('.snapshots/snapshots.json')
  await log.store.close()
  const again = await reopen(log)
  expect(await again.store.snapshots.verify(id)).toMatchObject({ ok: false })
  await again.store.snapshots.delete(id)
  expect(await storage.exists(`.snapshots/${id}`)).toBe(false)
  await again.store.close()
})

test('drill() into a place says of a damaged snapshot that it is, as without a place', async () => {
  const log = await openSmall()
  await fill(log, 10)
  const { storage } = log.wire
  const { id } = await log.store.snapshots.create(NOW)
  const [segment] = (await filesOf(storage, `.snapshots/${id}/topics/orders/0`)).filter((name) => name.endsWith('.log'))
  const file = `topics/orders/0/${segment}`
  await rewrite(storage, `.snapshots/${id}/${file}`, (bytes) => {
    bytes[300] = (bytes[300] ?? 0) ^ 1
    return bytes
  })
  for (const to of [undefined, memoryStorage()]) {
    const report = await log.store.snapshots.drill(id, to === undefined ? {} : { to })
    expect(report).toMatchObject({ snapshot: id, ok: false })
    expect(report.problems[0]?.file).toContain(file)
    if (to !== undefined) expect(await to.list('')).toEqual([])
  }
  await log.store.close()
})

test('a snapshot can be taken at once after opening by somebody who does not wait', async () => {
  const storage = memoryStorage()
  for (let turn = 0; turn < 2; turn++) {
    const store = await openStore({ storage })
    expect(await store.snapshots.create({ lockTimeoutMs: 0, minIntervalMs: 0 })).toMatchObject({ topics: 0 })
    await store.close()
  }
})

test.each(['verify', 'restore', 'export'] as const)(
  '%s beside the owner of the store says of a snapshot that is deleted meanwhile that it is not there',
  async (action) => {
    const log = await openSmall()
    await fill(log, 10)
    const { id } = await log.store.snapshots.create(NOW)
    const isRead = (method: string, path: string) => method === 'openRead' && /snapshot-.*\.log$/.test(path)
    const stalled = stalledStorage(log.wire.storage, isRead)
    const reader = await openStore({ storage: stalled.storage, readOnly: true })
    stalled.arm()
    const { snapshots } = reader
    const to = memoryStorage()
    const calls = {
      verify: () => snapshots.verify(id),
      restore: () => snapshots.restore(id, { to }),
      export: () => snapshots.export(id, to),
    }
    const done = outcome<unknown>(calls[action]())
    await stalled.reached
    await log.store.snapshots.delete(id)
    stalled.release()
    expect(await done).toBe('SNAPSHOT_UNKNOWN')
    await reader.close()
    await log.store.close()
  },
)

/** A storage on whose manifests nothing can be written while it is full. */
function fullFor(storage: Storage, isFull: () => boolean): Storage {
  const limited = (handle: WriteHandle): WriteHandle =>
    new Proxy(handle, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        return (...given: unknown[]): unknown => {
          if (name === 'append' && isFull()) return Promise.reject(new VarveError('STORAGE_FULL', 'Full'))
          return member.apply(target, given) as unknown
        }
      },
    })
  return new Proxy(storage, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (name !== 'openAppend') return member.bind(target)
      return async (path: string) => {
        const handle = await target.openAppend(path)
        return path.startsWith('MANIFEST') ? limited(handle) : handle
      }
    },
  })
}

test('a fork that has no room in the manifest leaves nothing behind, and can be made again', async () => {
  const base = memoryStorage()
  let isFull = false
  const store = await openStore({ storage: fullFor(base, () => isFull) })
  const topic = await store.topics.open('orders', { create: true })
  await topic.append([1, 2, 3].map((data) => ({ kind: 'Noted', entity: 'e', data })))
  const { id } = await store.snapshots.create()
  isFull = true
  expect(await outcome(store.topics.fork('orders', 'branch'))).toBe('STORAGE_FULL')
  expect(await outcome(store.snapshots.restore(id, { as: 'branch' }))).toBe('STORAGE_FULL')
  expect(await base.list('topics')).toMatchObject([{ name: 'orders' }])
  isFull = false
  await store.topics.fork('orders', 'branch')
  expect(await collect((await store.topics.open('branch')).read())).toHaveLength(3)
  await store.close()
})

test('restore() over a store whose manifest is damaged is refused, and touches nothing', async () => {
  const log = await openSmall()
  await fill(log, 5)
  const { id } = await log.store.snapshots.create(NOW)
  const to = memoryStorage()
  const old = await openStore({ storage: to })
  const topic = await old.topics.open('old', { create: true })
  await topic.append({ kind: 'Noted', entity: 'e', data: 1 })
  await old.close()
  for (const { name } of await to.list('')) if (name.startsWith('MANIFEST')) await rewrite(to, name, flipped)
  const before = [await filesOf(to, ''), await filesOf(to, 'topics'), await filesOf(to, 'topics/old/0')]
  for (const overwrite of [false, true])
    expect(await outcome(log.store.snapshots.restore(id, { to, overwrite }))).toBe('RESTORE_NOT_EMPTY')
  expect([await filesOf(to, ''), await filesOf(to, 'topics'), await filesOf(to, 'topics/old/0')]).toEqual(before)
  await log.store.close()
})

test('a fork that is given up is made and told, or refused and not there', async () => {
  const base = memoryStorage()
  const store = await openStore({ storage: base })
  const topic = await store.topics.open('orders', { create: true })
  await topic.append([1, 2, 3].map((data) => ({ kind: 'Noted', entity: 'e', data })))
  const reason = new Error('given up')
  const told = new Set<string>()
  for (let turns = 0; turns < 200; turns += 3) {
    const controller = new AbortController()
    const name = `branch-${turns}`
    const forked = store.topics.fork('orders', name, { signal: controller.signal, until: { offset: 2 } }).then(
      () => 'made',
      (error: unknown) => (error === reason ? 'refused' : String(error)),
    )
    for (let turn = 0; turn < turns; turn++) await undefined
    controller.abort(reason)
    const said = await forked
    told.add(said)
    const names = (await store.topics.list()).map((one) => one.topic)
    expect(names.includes(name)).toBe(said === 'made')
    expect(await base.exists(`topics/${name}`)).toBe(said === 'made')
  }
  expect([...told].sort()).toEqual(['made', 'refused'])
  await store.close()
})

test('restore() over a store that is given up leaves the place as it was, without a claim', async () => {
  const log = await openSmall()
  await fill(log, 10)
  const { id } = await log.store.snapshots.create(NOW)
  const to = memoryStorage()
  const old = await openStore({ storage: to })
  await old.topics.open('old', { create: true })
  await old.close()
  const before = [await filesOf(to, ''), await filesOf(to, 'topics')]
  const controller = new AbortController()
  const { signal } = controller
  const onProgress = ({ step }: { readonly step: string }) => {
    if (step === 'files') controller.abort(new Error('given up'))
  }
  const options = { to, overwrite: true, signal, onProgress }
  await expect(log.store.snapshots.restore(id, options)).rejects.toThrow('given up')
  // Whoever is another process would take a claim for that of a living owner.
  expect([await filesOf(to, ''), await filesOf(to, 'topics')]).toEqual(before)
  const again = await openStore({ storage: to })
  expect((await again.topics.list()).map((one) => one.topic)).toEqual(['old'])
  await again.close()
  await log.store.close()
})

test('restore() up to one offset is about the partition that the snapshot is of', async () => {
  const log = await openSmall({ partitions: 3 })
  await fill(log, 30)
  const { id, highWatermark = 0 } = await log.store.snapshots.create({ topic: 'orders', partition: 1, ...NOW })
  const report = await log.store.snapshots.restore(id, { as: 'part', until: { offset: 4 } })
  expect(report.topics[0]?.events).toBe(4)
  expect(report.topics[0]?.highWatermarks[1]).toBe(4)
  const late = log.store.snapshots.restore(id, { as: 'late', until: { offset: highWatermark + 1 } })
  expect(await outcome(late)).toBe('OFFSET_OUT_OF_RANGE')
  await log.store.close()
})

/** A storage that knows no case, as those of some systems. */
function caseless(storage: Storage): Storage {
  const spelled = new Map<string, string>()
  /** Whoever comes first says how a name is spelled. */
  const spell = (path: string): string => {
    let whole = ''
    for (const part of path.split('/')) {
      const wanted = whole === '' ? part : `${whole}/${part}`
      const known = spelled.get(wanted.toLowerCase()) ?? wanted
      spelled.set(wanted.toLowerCase(), known)
      whole = known
    }
    return whole
  }
  return new Proxy(storage, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (name === 'linkFrom') return undefined
      return (...given: unknown[]): unknown =>
        member.apply(
          target,
          given.map((one) => (typeof one === 'string' ? spell(one) : one)),
        ) as unknown
    },
  })
}

test('restore() over a store keeps its own files where the old topic was spelled differently', async () => {
  const log = await openSmall()
  await fill(log, 10)
  const { id } = await log.store.snapshots.create(NOW)
  const to = caseless(memoryStorage())
  const old = await openStore({ storage: to })
  const topic = await old.topics.open('Orders', { create: true })
  await topic.append({ kind: 'Noted', entity: 'e', data: 1 })
  await old.close()
  await log.store.snapshots.restore(id, { to, overwrite: true })
  for (let turn = 0; turn < 2; turn++) {
    const restored = await openStore({ storage: to })
    expect((await restored.verify()).problems).toEqual([])
    expect(await collect((await restored.topics.open('orders')).read())).toHaveLength(10)
    await restored.close()
  }
  await log.store.close()
})
