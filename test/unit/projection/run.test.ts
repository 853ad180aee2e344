/** Running projections: what is folded, what is published, who may.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Fold, ProjectionOptions } from '../../../src/index.ts'
import { readManifest } from '../../../src/manifest/index.ts'
import { append, event, noted, openAgain, openShelf, openStage, outcome, type Seen, seeing } from './support.ts'

const KEEPS = ['document', 'history'] as const

describe.each(KEEPS)('Projection.run() of one that keeps a %s', (keep) => {
  test('folds what is there and publishes state and position in one record', async () => {
    const stage = await openStage({ keep, count: 7 })
    const { projection, wire } = stage
    const status = await projection.run()
    expect(status).toMatchObject({ projection: 'seen', topic: 'orders', keep, state: 'idle', hasFold: true, lag: 0 })
    expect(status).toMatchObject({ positions: [7], publishedPositions: [7], highWatermarks: [7], foldVersion: 1 })
    expect(await projection.state()).toEqual({ state: noted(7), positions: [7], offset: 7 })
    const [row] = (await readManifest(wire.storage))?.state.projections ?? []
    expect(row).toMatchObject({ positions: [7], foldVersion: 1, publishedAt: stage.clock.now() })
    await stage.store.close()
  })

  test('folds one more event with one call, also after a restart', async () => {
    const stage = await openStage({ keep, count: 50 })
    await stage.projection.run()
    expect(stage.fold.calls()).toBe(50)
    await append(stage.topic, 1)
    await stage.projection.run()
    expect(stage.fold.calls()).toBe(51)
    await stage.store.close()
    const again = await openShelf(stage)
    const next = await openStage({ keep, count: 1, shelf: again })
    await next.projection.run()
    expect(next.fold.calls()).toBe(1)
    expect(await next.projection.state()).toEqual({ state: noted(52), positions: [52], offset: 52 })
    await again.store.close()
  })

  test('publishes nothing when nothing is new, and the initial state of an empty topic', async () => {
    const { projection, wire, clock, store } = await openStage({ keep })
    await projection.run()
    expect(await projection.state()).toEqual({ state: noted(0), positions: [0], offset: 0 })
    const { publishedAt } = await projection.status()
    await clock.advance(5)
    const before = wire.calls.length
    expect((await projection.run()).publishedAt).toBe(publishedAt)
    expect(wire.calls.slice(before).filter(({ op }) => op === 'append')).toEqual([])
    await store.close()
  })

  test('publishes after every so many events on the way', async () => {
    const stage = await openStage({ keep, count: 95, everyEvents: 10 })
    const at: number[] = []
    stage.wire.before = ({ op, path }) => {
      if (op === 'append' && path.startsWith('MANIFEST')) at.push(stage.fold.calls())
      return undefined
    }
    await stage.projection.run()
    expect(at.length).toBeGreaterThan(1)
    if (keep === 'history') {
      const history = await stage.store.histories.open('_seen')
      const offsets: unknown[] = []
      for await (const { offset } of history.index()) offsets.push(offset)
      expect(offsets).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 95])
    }
    await stage.store.close()
  })

  test('goes on with what a restart would go on with', async () => {
    // A field that is undefined is not stored: it must not be there for the next event either.
    const fold: Fold<{ keys: number; note?: unknown }> = {
      version: 1,
      initial: () => ({ keys: 0 }),
      apply: (state) => ({ keys: Object.keys(state).length, note: undefined }),
    }
    const { store, topic } = await openStage({ count: 2 })
    const create = { topic: 'orders', keep, everyEvents: 1 }
    const projection = await store.projections.open('keys', { create, fold })
    await projection.run()
    expect((await projection.state()).state).toEqual({ keys: 1 })
    await append(topic, 2)
    await projection.run()
    expect((await projection.state()).state).toEqual({ keys: 1 })
    await store.close()
  })
})

describe('Projection.run()', () => {
  test('gives kinds to the functions that are named for them, and passes others over', async () => {
    type Orders = { Placed: { total: number }; Paid: { amount: number } }
    const { store, topic } = await openStage()
    await topic.append([
      event('a', { total: 5 }, 'Placed'),
      event('a', null, 'constructor'),
      event('a', { amount: 3 }, 'Paid'),
    ])
    const projection = await store.projections.open<{ open: number }, Orders>('open', {
      create: { topic: 'orders' },
      fold: {
        version: 1,
        initial: () => ({ open: 0 }),
        apply: {
          Placed: (state, { data }) => ({ open: state.open + data.total }),
          Paid: (state, { data }) => ({ open: state.open - data.amount }),
        },
      },
    })
    await projection.run()
    expect(await projection.state()).toEqual({ state: { open: 2 }, positions: [3], offset: 3 })
    await store.close()
  })

  test('tells how far it is', async () => {
    const { projection, store } = await openStage({ count: 30, everyEvents: 10 })
    const told: { events: number; lag: number }[] = []
    await projection.run({ onProgress: (progress) => told.push(progress) })
    expect(told.at(-1)).toEqual({ events: 30, lag: 0 })
    await store.close()
  })

  test('merges partitions, and goes on in each where it was', async () => {
    const shelf = await openShelf()
    const topic = await shelf.store.topics.open('orders', { create: { partitions: 3 } })
    const fold: Fold<Record<string, number[]>> = {
      version: 1,
      initial: () => ({}),
      apply: (state, { partition, offset }) => {
        state[partition] = [...(state[partition] ?? []), offset]
        return state
      },
    }
    const create: ProjectionOptions = { topic: 'orders', everyEvents: 4 }
    const projection = await shelf.store.projections.open('each', { create, fold })
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 10; number++) await topic.append(event(`entity-${number}`))
      const status = await projection.run()
      expect(status.positions).toEqual(status.highWatermarks)
    }
    const { state, positions, offset } = await projection.state()
    expect(offset).toBeUndefined()
    expect(positions.reduce((sum, end) => sum + end, 0)).toBe(30)
    for (const [partition, end] of positions.entries()) {
      expect(state[partition]).toEqual(Array.from({ length: end }, (_, at) => at))
    }
    await shelf.store.close()
  })

  test('ends when the signal is aborted, and publishes what it has', async () => {
    const { projection, store, topic } = await openStage({ count: 5 })
    await projection.run()
    await append(topic, 10)
    const abort = new AbortController()
    const running = projection.run({ signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) })
    await expect(running).rejects.toThrow('enough')
    expect((await projection.state()).offset).toBe(15)
    expect((await projection.status()).publishedPositions).toEqual([15])
    await expect(projection.run({ signal: AbortSignal.abort(new Error('never')) })).rejects.toThrow('never')
    await store.close()
  })

  test('answers PROJECTION_BUSY while it runs, and so does its deletion', async () => {
    const { projection, store } = await openStage({ count: 5 })
    const first = projection.run()
    expect(await outcome(projection.run())).toBe('PROJECTION_BUSY')
    expect(await outcome(projection.rebuild())).toBe('PROJECTION_BUSY')
    expect(await outcome(store.projections.delete('seen'))).toBe('PROJECTION_BUSY')
    expect((await projection.status()).state).toBe('running')
    await first
    expect((await projection.run()).positions).toEqual([5])
    await store.close()
  })

  test('needs a fold, and a store that may be written to', async () => {
    const stage = await openStage({ count: 3 })
    const other = await openAgain(stage, { readOnly: true })
    const bare = await other.store.projections.open('seen')
    expect(await outcome(bare.state())).toBe('PROJECTION_EMPTY')
    await stage.projection.run()
    expect(await bare.state()).toEqual({ state: noted(3), positions: [3], offset: 3 })
    expect(await outcome(bare.stateAt({ offset: 1 }))).toBe('PROJECTION_UNDEFINED')
    expect(await bare.status()).toMatchObject({ hasFold: false, state: 'idle', lag: 0, positions: [3] })
    await append(stage.topic, 2)
    expect(await bare.status()).toMatchObject({ lag: 2, positions: [3], highWatermarks: [5] })
    const given = await other.store.projections.open<Seen>('seen', { fold: seeing() })
    expect(given).toBe(bare)
    expect(await outcome(given.run())).toBe('STORE_READ_ONLY')
    expect(await given.stateAt({ offset: 4 })).toEqual({ state: noted(4), positions: [4], offset: 4 })
    expect(await outcome(other.store.projections.open('more', { create: { topic: 'orders' } }))).toBe('STORE_READ_ONLY')
    await other.store.close()
    await stage.store.close()
    expect(await outcome(stage.projection.run())).toBe('STORE_CLOSED')
    expect(await outcome(stage.projection.state())).toBe('STORE_CLOSED')
  })
})
