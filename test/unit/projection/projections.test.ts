/** The projections of a store: created, opened, listed, deleted.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Fold } from '../../../src/index.ts'
import { readManifest } from '../../../src/manifest/index.ts'
import { append, noted, openAgain, openShelf, openStage, outcome, seeing } from './support.ts'

const fold: Fold<unknown> = { version: 1, initial: () => null, apply: {} }

describe('Projections.open()', () => {
  test('creates once and gives the same instance', async () => {
    const { store, projection, clock } = await openStage({ keep: 'history', everyEvents: 5 })
    const { projections } = store
    expect(await projections.open('seen')).toBe(projection)
    expect(await projections.open('seen', { create: { topic: 'orders', keep: 'history' } })).toBe(projection)
    expect(await projection.status()).toEqual({
      projection: 'seen',
      topic: 'orders',
      keep: 'history',
      everyEvents: 5,
      foldVersion: 0,
      state: 'idle',
      hasFold: true,
      positions: [0],
      publishedPositions: [0],
      publishedAt: 0,
      highWatermarks: [0],
      lag: 0,
    })
    expect(await store.stats()).toMatchObject({ projections: 1 })
    expect(clock.waiting).toBeGreaterThanOrEqual(0)
    await store.close()
  })

  test('refuses what is not there, and what differs', async () => {
    const { store } = await openStage()
    const { projections } = store
    const code = (name: string, create?: object) =>
      outcome(projections.open(name, create === undefined ? {} : { create: create as { topic: string } }))
    expect(await code('other')).toBe('PROJECTION_UNKNOWN')
    expect(await code('other', { topic: 'nowhere' })).toBe('TOPIC_UNKNOWN')
    expect(await code('seen', { topic: 'else' })).toBe('PROJECTION_EXISTS')
    expect(await code('seen', { topic: 'orders', keep: 'history' })).toBe('PROJECTION_EXISTS')
    expect(await code('seen', { topic: 'orders', everyEvents: 9 })).toBe('PROJECTION_EXISTS')
    expect(await code('Seen', { topic: 'orders' })).toBe('NAME_INVALID')
    expect(await code('_seen', { topic: 'orders' })).toBe('NAME_INVALID')
    expect(await code('a/b', { topic: 'orders' })).toBe('NAME_INVALID')
    for (const wrong of [{ keep: 'memory' }, { everyEvents: 0 }, { everyEvents: 10_000_001 }]) {
      expect(await code('other', { topic: 'orders', ...wrong })).toBe('OPTION_INVALID')
    }
    const folds = [{ version: 0 }, { version: 1.5 }, { initial: 5 }, { apply: 5 }, { apply: null }, { apply: { A: 1 } }]
    for (const wrong of folds) {
      const given = { ...fold, ...wrong } as Fold<unknown>
      expect(await outcome(projections.open('other', { create: { topic: 'orders' }, fold: given }))).toBe(
        'OPTION_INVALID',
      )
    }
    expect((await projections.list()).map(({ projection }) => projection)).toEqual(['seen'])
    await store.close()
  })

  test('creates one of two calls beside each other', async () => {
    const { store } = await openStage()
    const both = ['document', 'history'].map((keep) =>
      outcome(store.projections.open('twice', { create: { topic: 'orders', keep: keep as 'document' } })),
    )
    const [first, second] = await Promise.all(both)
    expect(first).toMatchObject({ name: 'twice' })
    expect(second).toBe('PROJECTION_EXISTS')
    await store.close()
  })

  test('refuses a state that cannot be stored before anything is folded', async () => {
    const { store } = await openStage({ count: 1 })
    const bad: Fold<unknown> = { version: 1, initial: () => new Map(), apply: (state) => state }
    const projection = await store.projections.open('bad', { create: { topic: 'orders' }, fold: bad })
    expect(await outcome(projection.run())).toBe('VALUE_UNSUPPORTED')
    expect(await projection.status()).toMatchObject({ state: 'idle', foldVersion: 0 })
    await store.close()
  })
})

describe.each(['document', 'history'] as const)('Projections.delete() of one that keeps a %s', (keep) => {
  test('removes the projection and its states, and its name may be used again', async () => {
    const { store, projection, topic, wire } = await openStage({ keep, count: 4 })
    await projection.run()
    await store.projections.delete('seen')
    expect(await outcome(projection.run())).toBe('PROJECTION_UNKNOWN')
    expect(await outcome(projection.state())).toBe('PROJECTION_UNKNOWN')
    expect(await outcome(projection.status())).toBe('PROJECTION_UNKNOWN')
    expect(await outcome(store.projections.delete('seen'))).toBe('PROJECTION_UNKNOWN')
    const { state } = (await readManifest(wire.storage)) ?? {}
    expect([state?.projections, state?.documents, state?.histories]).toEqual([undefined, undefined, undefined])
    await append(topic, 1)
    const fold = seeing()
    const again = await store.projections.open('seen', { create: { topic: 'orders', keep }, fold })
    expect(again).not.toBe(projection)
    await again.run()
    expect(await again.state()).toMatchObject({ state: noted(5), positions: [5] })
    expect(await outcome(projection.run())).toBe('PROJECTION_UNKNOWN')
    await store.close()
    const directory = keep === 'document' ? 'documents/_seen' : 'histories/_seen'
    expect(await wire.storage.list(directory)).toHaveLength(1)
  })

  test('is seen beside the writer, also when there is another one by then', async () => {
    const stage = await openStage({ keep, count: 4 })
    await stage.projection.run()
    const reader = await openAgain(stage, { readOnly: true })
    const projection = await reader.store.projections.open('seen')
    expect(await projection.state()).toMatchObject({ state: noted(4) })
    await stage.store.projections.delete('seen')
    expect(await outcome(projection.state())).toBe('PROJECTION_UNKNOWN')
    await append(stage.topic, 2)
    const again = await stage.store.projections.open('seen', { create: { topic: 'orders', keep }, fold: seeing() })
    expect(await outcome(projection.state())).toBe('PROJECTION_EMPTY')
    await again.run()
    expect(await projection.state()).toMatchObject({ state: noted(6) })
    await reader.store.close()
    await stage.store.close()
  })
})

test('Projections.list() is sorted by name and shows those whose topic is gone', async () => {
  const { store, projection } = await openStage({ count: 2 })
  await projection.run()
  for (const name of ['b', 'A']) await store.projections.open(name, { create: { topic: 'orders' } })
  await store.topics.delete('orders')
  const statuses = await store.projections.list()
  expect(statuses.map(({ projection }) => projection)).toEqual(['A', 'b', 'seen'])
  expect(statuses[2]).toMatchObject({ positions: [2], highWatermarks: [], lag: 0 })
  expect(await outcome(projection.run())).toBe('TOPIC_UNKNOWN')
  expect(await projection.state()).toMatchObject({ state: noted(2) })
  await store.close()
})

test('documents of projections are read, not written, by public calls', async () => {
  const shelf = await openShelf()
  const { store, projection } = await openStage({ count: 3, shelf })
  await projection.run()
  expect(await store.documents.read('_seen', 'offsets[2]')).toBe(2)
  expect(await store.documents.list()).toEqual([])
  expect(await outcome(store.documents.write('_seen', 1))).toBe('NAME_INVALID')
  expect(await outcome(store.documents.delete('_seen'))).toBe('NAME_INVALID')
  await store.close()
})

test('histories of projections are read, not written, by public calls', async () => {
  const { store, projection } = await openStage({ keep: 'history', count: 3 })
  await projection.run()
  const history = await store.histories.open('_seen')
  expect(await history.read({ path: 'offsets[2]' })).toBe(2)
  expect(await history.find()).toMatchObject({ version: 1, offset: 3, metadata: { positions: [3], foldVersion: 1 } })
  expect((await history.cleanup({ dryRun: true })).removed).toEqual([])
  expect(await store.histories.list()).toEqual([])
  const writes: Promise<unknown>[] = [
    history.append(1),
    history.appendMetrics({ metrics: {} }),
    history.pin({ version: 1 }),
    history.cleanup(),
    store.histories.delete('_seen'),
    store.histories.open('_other', { create: true }),
  ]
  for (const write of writes) expect(await outcome(write)).toBe('NAME_INVALID')
  expect(await projection.run()).toMatchObject({ positions: [3] })
  await store.close()
})
