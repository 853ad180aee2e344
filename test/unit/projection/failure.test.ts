/** Projections whose fold fails: what is served and shown, and how they go on.
 * @module */
import { describe, expect, test } from 'vitest'
import { type Fold, isVarveError, type StoredEvent } from '../../../src/index.ts'
import {
  append,
  noted,
  openAgain,
  openShelf,
  openStage,
  outcome,
  publishedOf,
  range,
  type Seen,
  seeing,
} from './support.ts'

const KEEPS = ['document', 'history'] as const
const bad = ({ offset }: StoredEvent) => offset === 7

describe.each(KEEPS)('a projection that keeps a %s and whose apply throws', (keep) => {
  test('publishes the state before that event, although apply changed it, and says why', async () => {
    const stage = await openStage({ keep, count: 10, everyEvents: 3, fold: seeing(1, bad) })
    const { projection, store, clock } = stage
    const error = await projection.run().catch((error: unknown) => error)
    expect(isVarveError(error, 'PROJECTION_FAILED') && error.details).toEqual({
      projection: 'seen',
      partition: 0,
      offset: 7,
      kind: 'Noted',
      reason: 'no Noted at 7',
    })
    expect((error as Error).cause).toEqual(new Error('no Noted at 7'))
    const failure = { partition: 0, offset: 7, kind: 'Noted', message: 'no Noted at 7', at: clock.now() }
    const status = { state: 'failed', failure, positions: [7], publishedPositions: [7], lag: 3 }
    expect(await projection.status()).toMatchObject(status)
    expect(await projection.state()).toEqual({ state: noted(7), positions: [7], offset: 7 })
    const reader = await openAgain(stage, { readOnly: true })
    expect(await publishedOf(reader.store)).toMatchObject({ state: noted(7) })
    expect((await reader.store.projections.list())[0]).toMatchObject({ ...status, hasFold: false })
    await reader.store.close()
    await store.close()
  })

  test('is tried again by the next run, which goes on when the fold is mended', async () => {
    const stage = await openStage({ keep, count: 10, everyEvents: 3, fold: seeing(1, bad) })
    const { projection, store } = stage
    await outcome(projection.run())
    await stage.clock.advance(10)
    const { calls } = stage.fold
    const before = calls()
    expect(await outcome(projection.run())).toBe('PROJECTION_FAILED')
    expect(calls()).toBe(before + 1)
    expect((await projection.status()).failure?.at).toBe(stage.clock.now())
    expect(await projection.state()).toMatchObject({ state: noted(7) })
    const mended = seeing()
    await store.projections.open('seen', { fold: mended })
    const status = await projection.run()
    expect(status).toMatchObject({ state: 'idle', positions: [10], lag: 0 })
    expect(status.failure).toBeUndefined()
    expect(mended.calls()).toBe(3)
    expect(await projection.state()).toMatchObject({ state: noted(10) })
    await store.close()
  })

  test('serves an empty state when the first event fails, and lets other projections go on', async () => {
    const { projection, store } = await openStage({ keep, count: 4, fold: seeing(1, () => true) })
    const fine = await store.projections.open('fine', { create: { topic: 'orders', keep }, fold: seeing() })
    const [failed, went] = await Promise.all([outcome(projection.run()), fine.run()])
    expect(failed).toBe('PROJECTION_FAILED')
    expect(went).toMatchObject({ positions: [4], state: 'idle' })
    expect(await projection.state()).toEqual({ state: noted(0), positions: [0], offset: 0 })
    expect(await projection.status()).toMatchObject({ state: 'failed', foldVersion: 1, lag: 4 })
    expect(await fine.state()).toMatchObject({ state: noted(4) })
    await store.close()
  })

  test('keeps serving the state of the fold before when a new fold fails, and says why', async () => {
    const { projection, store } = await openStage({ keep, count: 9 })
    await projection.run()
    await store.projections.open('seen', { fold: seeing(2, bad) })
    expect(await outcome(projection.run())).toBe('PROJECTION_FAILED')
    expect(await projection.state()).toEqual({ state: noted(9), positions: [9], offset: 9 })
    expect(await projection.status()).toMatchObject({ state: 'failed', foldVersion: 1, failure: { offset: 7 } })
    const next = seeing(2)
    await store.projections.open('seen', { fold: next })
    expect(await projection.run()).toMatchObject({ state: 'idle', foldVersion: 2 })
    expect(next.calls()).toBe(9)
    await store.close()
  })

  test('is told apart from a state that cannot be stored, which names the path', async () => {
    const { store, topic } = await openStage({ count: 2 })
    const fold: Fold<{ count: number; made?: unknown }> = {
      version: 1,
      initial: () => ({ count: 0 }),
      apply: (_, { offset }) => (offset < 2 ? { count: offset + 1 } : { count: 3, made: new Set([1]) }),
    }
    const projection = await store.projections.open('sets', { create: { topic: 'orders', keep }, fold })
    await projection.run()
    await append(topic, 1)
    expect(await outcome(projection.run())).toBe('PROJECTION_FAILED')
    const { failure, state } = await projection.status()
    expect([state, failure?.offset]).toEqual(['failed', 2])
    expect(failure?.message).toContain('"made"')
    expect(await projection.state()).toEqual({ state: { count: 2 }, positions: [2], offset: 2 })
    await store.close()
  })
})

describe('a fold that fails', () => {
  test('may give no state at all', async () => {
    const { store } = await openStage({ count: 1 })
    const apply = (() => undefined) as unknown as () => number
    const fold = { version: 1, initial: () => 0, apply }
    const projection = await store.projections.open('none', { create: { topic: 'orders' }, fold })
    expect(await outcome(projection.run())).toBe('PROJECTION_FAILED')
    expect((await projection.status()).failure?.message).toBe('apply gave no state')
    await store.close()
  })

  test('may do so only once: the published state stays as it is', async () => {
    let left = 2
    const fold = seeing(1, ({ offset }) => offset >= 4 && offset < 6 && left-- > 0)
    const { store, projection, topic } = await openStage({ count: 3, fold })
    await projection.run()
    await append(topic, 5)
    // The event at 4 fails, and does so again while the state before it is looked for: no, that one comes at 5.
    expect(await outcome(projection.run())).toBe('PROJECTION_FAILED')
    expect(await projection.state()).toMatchObject({ state: noted(4) })
    left = 0
    expect(await projection.run()).toMatchObject({ positions: [8] })
    expect(await projection.state()).toMatchObject({ state: noted(8) })
    await store.close()
  })

  test('that does not fail in the same place twice leaves what was published', async () => {
    const calls: number[] = []
    const fold = seeing(1, ({ offset }) => {
      calls.push(offset)
      return calls.length === 6 || calls.length === 8
    })
    const { store, projection } = await openStage({ count: 3, fold })
    await projection.run()
    await append(await store.topics.open('orders'), 5)
    expect(await outcome(projection.run())).toBe('PROJECTION_FAILED')
    expect(calls).toEqual([0, 1, 2, 3, 4, 5, 3, 4])
    expect(await projection.state()).toMatchObject({ state: noted(3) })
    expect(await projection.status()).toMatchObject({ state: 'failed', failure: { offset: 5 } })
    await projection.run()
    expect(await projection.state()).toMatchObject({ state: noted(8) })
    await store.close()
  })

  test('is seen by stateAt() where it fails, and not before', async () => {
    const { store, projection } = await openStage({ count: 10, fold: seeing(1, bad) })
    for (const offset of range(8)) expect(await projection.stateAt({ offset })).toMatchObject({ state: noted(offset) })
    expect(await outcome(projection.stateAt({ offset: 8 }))).toBe('PROJECTION_FAILED')
    expect(await projection.status()).toMatchObject({ state: 'idle', foldVersion: 0 })
    await store.close()
  })

  test('is not served while the state before it is looked for', async () => {
    const stage = await openStage({ count: 10, everyEvents: 3, fold: seeing(1, bad) })
    const served: unknown[] = []
    stage.wire.before = ({ op }) => {
      if (op !== 'sync') return undefined
      return stage.projection.state().then(
        ({ state }) => served.push(state.offsets.length),
        (error: { code?: string }) => served.push(error.code),
      )
    }
    await outcome(stage.projection.run())
    expect(served.length).toBeGreaterThan(0)
    for (const count of served) expect([0, 3, 6, 7]).toContain(count)
    await stage.store.close()
  })
})

test('a publication that fails ends the run with what the storage said, and the next one goes on', async () => {
  const shelf = await openShelf()
  const stage = await openStage({ count: 5, shelf })
  await stage.projection.run()
  await append(stage.topic, 5)
  stage.wire.before = ({ op, path }) => {
    if (op === 'createExclusive' && path.startsWith('documents/')) throw new TypeError('no space')
    return undefined
  }
  await expect(stage.projection.run()).rejects.toThrow('no space')
  expect(await stage.projection.state()).toEqual({ state: noted(5) satisfies Seen, positions: [5], offset: 5 })
  stage.wire.before = undefined
  expect(await stage.projection.run()).toMatchObject({ positions: [10], state: 'idle' })
  expect(await stage.projection.state()).toMatchObject({ state: noted(10) })
  await stage.store.close()
})
