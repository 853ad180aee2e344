/** Snapshots of an open store: one moment of everything, while everything goes on.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { readWhole } from '../../../src/manifest/files.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import type { Store } from '../../../src/store/types.ts'
import { settle } from '../../support/manual-clock.ts'
import { collect, event, Gate, outcome } from '../topic/support.ts'
import { filesOf, fill, openSmall, reopen } from './small-log.ts'

const CATALOGUE = '.snapshots/snapshots.json'
const NOW = { minIntervalMs: 0 }

async function opened<T>(store: Store, id: string, work: (snapshot: Store) => Promise<T>): Promise<T> {
  const snapshot = await openStore({ storage: await store.snapshots.storageOf(id), readOnly: true })
  try {
    return await work(snapshot)
  } finally {
    await snapshot.close()
  }
}

describe('Snapshots', () => {
  test('a snapshot is a store of that moment, of everything, and stays so', async () => {
    const log = await openSmall()
    await fill(log, 20)
    await log.store.documents.write('catalog', { version: 1 })
    const history = await log.store.histories.open('board', { create: true })
    await history.append({ shapes: [1] })
    await history.append({ shapes: [1, 2] })
    const counts = await log.store.projections.open('kinds', {
      create: { topic: 'orders' },
      fold: {
        version: 1,
        initial: () => ({}),
        apply: { Noted: (state: Record<string, number>) => ({ n: (state.n ?? 0) + 1 }) },
      },
    } as never)
    await counts.run()
    const before = await collect(log.topic.read())
    const info = await log.store.snapshots.create({ label: 'first' })
    expect(info).toMatchObject({ label: 'first', pinned: false, topics: 1, documents: 1, histories: 1, projections: 1 })
    expect(info.events).toBe(20)
    await fill(log, 20)
    await log.store.documents.write('catalog', { version: 2 })
    await history.append({ shapes: [3] })
    await counts.run()
    await log.topic.prune({ before: 30 })
    await opened(log.store, info.id, async (snapshot) => {
      expect(await collect((await snapshot.topics.open('orders')).read())).toEqual(before)
      expect(await snapshot.documents.read('catalog')).toEqual({ version: 1 })
      const then = await snapshot.histories.open('board')
      expect(await then.read()).toEqual({ shapes: [1, 2] })
      expect((await then.list()).items.map(({ version }) => version)).toEqual([1, 2])
      expect(await (await snapshot.projections.open('kinds')).state()).toMatchObject({ state: { n: 20 } })
      expect((await snapshot.verify()).problems).toEqual([])
    })
    expect(await history.read()).toEqual({ shapes: [3] })
    expect(await history.read({ version: 2 })).toEqual({ shapes: [1, 2] })
    expect((await log.store.verify()).problems).toEqual([])
    expect(await log.store.snapshots.verify(info.id)).toMatchObject({ ok: true, events: 20 })
    await log.store.close()
  })

  test('what is linked is never written to: a history goes on in a file of its own, also after a restart', async () => {
    const log = await openSmall()
    const { storage } = log.wire
    const history = await log.store.histories.open('board', { create: true })
    await history.append({ n: 1 })
    const [file = ''] = await filesOf(storage, 'histories/board')
    const first = await log.store.snapshots.create(NOW)
    expect(await storage.linkCount(`histories/board/${file}`)).toBe(2)
    const before = await readWhole(storage, `.snapshots/${first.id}/histories/board/${file}`)
    await history.append({ n: 2 })
    expect(await readWhole(storage, `.snapshots/${first.id}/histories/board/${file}`)).toEqual(before)
    const second = await log.store.snapshots.create(NOW)
    await log.store.close()
    const [shared = ''] = await filesOf(storage, 'histories/board')
    expect(shared).not.toBe(file)
    const between = await readWhole(storage, `.snapshots/${second.id}/histories/board/${shared}`)
    const again = await reopen(log)
    const reopened = await again.store.histories.open('board')
    await reopened.append({ n: 3 })
    expect(await readWhole(storage, `.snapshots/${second.id}/histories/board/${shared}`)).toEqual(between)
    for (const { id } of await again.store.snapshots.list())
      expect(await again.store.snapshots.verify(id)).toMatchObject({ ok: true })
    expect(await reopened.read({ version: 1 })).toEqual({ n: 1 })
    await again.store.close()
  })

  test('everything in it is of one moment: a document never tells of events that are not there', async () => {
    const log = await openSmall()
    let going = true
    const writing = (async () => {
      for (let count = 1; going; count++) {
        await log.topic.append(event('entity-0', count))
        await log.store.documents.write('count', count)
      }
    })()
    const ids: string[] = []
    for (let turn = 0; turn < 8; turn++) ids.push((await log.store.snapshots.create(NOW)).id)
    going = false
    await writing
    for (const id of ids) {
      await opened(log.store, id, async (snapshot) => {
        const [topic] = await snapshot.topics.list()
        const count = snapshot.documents.stat('count').then(() => snapshot.documents.read('count'))
        const told = Number(await count.catch(() => 0))
        expect(topic?.events).toBeGreaterThanOrEqual(told)
        expect(topic?.events).toBeLessThanOrEqual(told + 1)
      })
    }
    await log.store.close()
  })

  test('of a topic, or of one partition, has only that', async () => {
    const log = await openSmall({ partitions: 3 })
    await fill(log, 30)
    await log.store.topics.open('other', { create: true })
    await log.store.documents.write('catalog', 1)
    const info = await log.store.snapshots.create({ topic: 'orders', partition: 1 })
    const { highWatermark } = log.topic.stats().partitions[1] ?? { highWatermark: -1 }
    expect(info).toMatchObject({ topic: 'orders', partition: 1, topics: 1, documents: 0, highWatermark, baseOffset: 0 })
    await opened(log.store, info.id, async (snapshot) => {
      const topic = await snapshot.topics.open('orders')
      expect(await collect(topic.read())).toEqual(await collect(log.topic.read({ partition: 1 })))
      expect((await snapshot.topics.list()).map(({ topic: name }) => name)).toEqual(['orders'])
      expect((await snapshot.verify()).problems).toEqual([])
    })
    expect((await log.store.snapshots.create({ topic: 'orders' })).events).toBe(30)
    expect(await outcome(log.store.snapshots.create({ topic: 'none' }))).toBe('TOPIC_UNKNOWN')
    expect(await outcome(log.store.snapshots.create({ topic: 'orders', partition: 3 }))).toBe('PARTITION_UNKNOWN')
    expect(await outcome(log.store.snapshots.create({ partition: 3 }))).toBe('OPTION_INVALID')
    await log.store.close()
  })

  test('keeps the minimum interval, and says when the next one may be made', async () => {
    const log = await openSmall()
    const { timestamp } = await log.store.snapshots.create()
    const error = await log.store.snapshots.create().catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'SNAPSHOT_TOO_SOON', details: { nextAllowedAt: timestamp + 3_600_000 } })
    await log.store.snapshots.create({ topic: 'orders' })
    await log.clock.advance(3_600_000)
    await log.store.snapshots.create()
    expect(await log.store.snapshots.list()).toHaveLength(3)
    await log.store.close()
  })

  test('a restored store opens and goes on by itself, with ids of its own', async () => {
    const log = await openSmall()
    await fill(log, 20)
    const before = await collect(log.topic.read())
    const history = await log.store.histories.open('board', { create: true })
    await history.append({ n: 1 })
    const { id } = await log.store.snapshots.create()
    const cursor = (await log.topic.page({ limit: 2 })).nextCursor ?? ''
    const to = memoryStorage()
    const report = await log.store.snapshots.restore(id, { to })
    expect(report.topics).toEqual([{ topic: 'orders', events: 20, highWatermarks: [20] }])
    const restored = await openStore({ storage: to })
    expect(restored.id).not.toBe(log.store.id)
    expect(restored.openReport.source).toBe('clean')
    const topic = await restored.topics.open('orders')
    expect(await collect(topic.read())).toEqual(before)
    expect(topic.lineage).not.toBe(log.topic.lineage)
    expect(await outcome(topic.page({ cursor }))).toBe('CURSOR_FOREIGN')
    expect((await topic.append(event('entity-0'))).firstOffset).toBe(20)
    await (await restored.histories.open('board')).append({ n: 2 })
    expect((await restored.verify()).problems).toEqual([])
    await restored.close()
    expect(await log.store.snapshots.verify(id)).toMatchObject({ ok: true })
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })

  test('restores as a new topic of the same store, beside the live one', async () => {
    const log = await openSmall()
    await fill(log, 12)
    const before = await collect(log.topic.read())
    const { id } = await log.store.snapshots.create({ topic: 'orders' })
    await fill(log, 5)
    await log.store.snapshots.restore(id, { as: 'then', until: { offset: 7 } })
    const then = await log.store.topics.open('then')
    expect(await collect(then.read())).toEqual(before.slice(0, 7))
    expect(await outcome(log.store.snapshots.restore(id, { as: 'then' }))).toBe('TOPIC_EXISTS')
    expect(await outcome(log.store.snapshots.restore(id, { to: log.wire.storage, overwrite: true }))).toBe(
      'RESTORE_LIVE',
    )
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })

  test('is checked against the hash that the catalogue was told', async () => {
    const log = await openSmall()
    await fill(log, 5)
    const first = await log.store.snapshots.create()
    await fill(log, 5)
    const { storage } = log.wire
    const [before, after] = [
      await readWhole(storage, CATALOGUE),
      first.headHash.replace(/^./, (c) => (c === '0' ? '1' : '0')),
    ]
    const rows = JSON.parse(new TextDecoder().decode(before)).snapshots.map((row: object) => ({
      ...row,
      headHash: after,
    }))
    const bytes = new TextEncoder().encode(JSON.stringify(rows))
    const file = { format: 1, crc32: storage.digest.crc32(bytes), snapshots: rows }
    await storage.remove(CATALOGUE)
    const handle = await storage.createExclusive(CATALOGUE)
    await handle.append(new TextEncoder().encode(JSON.stringify(file)))
    await handle.close()
    const report = await log.store.snapshots.verify(first.id)
    expect(report).toMatchObject({ ok: false, problems: [{ code: 'HEAD_DIFFERS' }] })
    await log.store.close()
  })

  test('is not opened for writing, nor is another restored over it', async () => {
    const log = await openSmall()
    await fill(log, 5)
    const { id } = await log.store.snapshots.create()
    const storage = await log.store.snapshots.storageOf(id)
    expect(await outcome(openStore({ storage }))).toBe('SNAPSHOT_READ_ONLY')
    const elsewhere = memoryStorage()
    await log.store.snapshots.export(id, elsewhere)
    const to = storageAt(elsewhere, `.snapshots/${id}`)
    expect(await outcome(log.store.snapshots.restore(id, { to, overwrite: true }))).toBe('SNAPSHOT_READ_ONLY')
    expect(await log.store.snapshots.verify(id)).toMatchObject({ ok: true })
    await log.store.close()
  })

  test('a reader beside the owner lists, verifies and restores', async () => {
    const log = await openSmall()
    await fill(log, 5)
    const { id } = await log.store.snapshots.create()
    const reader = await openStore({ storage: log.wire.storage, readOnly: true })
    expect((await reader.snapshots.list()).map((one) => one.id)).toEqual([id])
    expect(await reader.snapshots.verify(id)).toMatchObject({ ok: true })
    expect((await reader.snapshots.restore(id, { to: memoryStorage() })).topics[0]?.events).toBe(5)
    expect(await outcome(reader.snapshots.create())).toBe('STORE_READ_ONLY')
    expect(await outcome(reader.snapshots.delete(id))).toBe('STORE_READ_ONLY')
    await reader.close()
    await log.store.snapshots.delete(id)
    expect(await log.store.snapshots.list()).toEqual([])
    expect(await outcome(log.store.snapshots.get(id))).toBe('SNAPSHOT_UNKNOWN')
    await log.store.close()
  })
})

test('Snapshots.create() rolls no segment of a topic that is deleted while it waits for it', async () => {
  const log = await openSmall({ partitions: 1 })
  const large = await log.store.topics.open('large', { create: true })
  for (let count = 0; count < 2; count++) await large.append(event('entity-0', 'x'.repeat(600_000)))
  const gate = new Gate()
  log.wire.before = ({ op, path }) => (op === 'list' && path === 'topics/large/0' ? gate.passed : undefined)
  const deleting = log.store.topics.delete('large')
  await settle()
  const creating = log.store.snapshots.create(NOW)
  await settle()
  gate.open()
  await deleting
  expect(await creating).toMatchObject({ topics: 1 })
  expect((await log.store.verify()).problems).toEqual([])
  expect(await filesOf(log.wire.storage, 'topics/large/0')).toEqual([])
  await log.store.close()
})
