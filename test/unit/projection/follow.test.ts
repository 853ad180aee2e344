/** Projections that follow their topic.
 * @module */
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../../src/index.ts'
import { nextTurn } from '../../../src/ports/clock.ts'
import { settle } from '../../support/manual-clock.ts'
import { append, noted, openShelf, openStage, outcome, type Stage, seeing, stateOf } from './support.ts'

/** How often states were published: files of documents that were begun. */
const published = ({ wire }: Stage) =>
  wire.count(({ op, path }) => op === 'createExclusive' && path.startsWith('documents/'))

async function following(stage: Stage): Promise<{ abort: AbortController; done: Promise<unknown> }> {
  const abort = new AbortController()
  const done = stage.projection.follow({ signal: abort.signal })
  done.catch(() => undefined)
  await settled()
  expect((await stage.projection.status()).state).toBe('following')
  return { abort, done }
}

/** Also what waits for another turn of the runtime. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await settle()
    await nextTurn()
  }
}

describe('Projection.follow()', () => {
  test('catches up, publishes, and folds what comes', async () => {
    const stage = await openStage({ count: 5 })
    const { abort, done } = await following(stage)
    expect(published(stage)).toBe(1)
    expect(await stage.projection.status()).toMatchObject({ positions: [5], publishedPositions: [5], lag: 0 })
    await append(stage.topic, 3)
    await settled()
    expect(await stage.projection.state()).toEqual({ state: noted(8), positions: [8], offset: 8 })
    expect(await stage.projection.status()).toMatchObject({ positions: [8], publishedPositions: [5], lag: 0 })
    expect(stage.fold.calls()).toBe(8)
    abort.abort()
    expect(await done).toMatchObject({ state: 'idle', positions: [8], publishedPositions: [8] })
    expect(stage.fold.calls()).toBe(8)
    await stage.store.close()
  })

  test('publishes at most once a second', async () => {
    const stage = await openStage({ count: 1 })
    const { abort, done } = await following(stage)
    const before = published(stage)
    for (let turn = 0; turn < 10; turn++) {
      await append(stage.topic, 1)
      await settled()
      await stage.clock.advance(100)
    }
    await settled()
    expect(published(stage)).toBe(before + 1)
    expect(await stage.projection.status()).toMatchObject({ positions: [11], publishedPositions: [11] })
    await append(stage.topic, 1)
    await settled()
    await stage.clock.advance(999)
    await settled()
    expect(published(stage)).toBe(before + 1)
    await stage.clock.advance(1)
    await settled()
    expect(published(stage)).toBe(before + 2)
    await stage.clock.advance(10_000)
    await settled()
    expect(published(stage)).toBe(before + 2)
    abort.abort()
    await done
    await stage.store.close()
  })

  test('gives its state to whoever asks, theirs to change', async () => {
    const stage = await openStage({ count: 2 })
    const { abort, done } = await following(stage)
    const { state } = await stage.projection.state()
    state.offsets.push(99)
    await append(stage.topic, 1)
    await settled()
    expect(await stage.projection.state()).toMatchObject({ state: noted(3) })
    abort.abort()
    await done
    expect(await stage.projection.state()).toMatchObject({ state: noted(3) })
    await stage.store.close()
  })

  test('ends with the store, which publishes once more before it closes', async () => {
    const stage = await openStage({ count: 2 })
    const { done } = await following(stage)
    await append(stage.topic, 4)
    await settled()
    await stage.store.close()
    expect(await done).toMatchObject({ state: 'idle', publishedPositions: [6] })
    const again = await openShelf(stage)
    expect(again.store.openReport.source).toBe('clean')
    const projection = await again.store.projections.open('seen')
    expect(await projection.state()).toEqual({ state: noted(6), positions: [6], offset: 6 })
    await again.store.close()
  })

  test('ends with PROJECTION_FAILED when an apply throws, and serves the state before', async () => {
    const stage = await openStage({ count: 2, fold: seeing(1, ({ offset }) => offset === 4) })
    const { done } = await following(stage)
    await append(stage.topic, 6)
    expect(await outcome(done)).toBe('PROJECTION_FAILED')
    expect(await stage.projection.status()).toMatchObject({ state: 'failed', positions: [4], failure: { offset: 4 } })
    expect(await stage.projection.state()).toMatchObject({ state: noted(4) })
    await stage.store.close()
  })

  test('ends with what the storage says when it cannot publish', async () => {
    const stage = await openStage({ count: 2 })
    const { done } = await following(stage)
    stage.wire.before = ({ op, path }) => {
      if (op === 'createExclusive' && path.startsWith('documents/')) throw new TypeError('no space')
      return undefined
    }
    await append(stage.topic, 1)
    await settled()
    await stage.clock.advance(2_000)
    await expect(done).rejects.toThrow('no space')
    stage.wire.before = undefined
    await stage.projection.run()
    expect(await stage.projection.state()).toMatchObject({ state: noted(3) })
    await stage.store.close()
  })

  test('ends with TOPIC_DELETED when the topic goes', async () => {
    const stage = await openStage({ count: 2 })
    const { done } = await following(stage)
    await stage.store.topics.delete('orders')
    expect(await outcome(done)).toBe('TOPIC_DELETED')
    expect(await stage.projection.state()).toMatchObject({ state: noted(2) })
    await stage.store.close()
  })

  test('resolves at once for a signal that was aborted while it caught up', async () => {
    const stage = await openStage({ count: 5 })
    const abort = new AbortController()
    const done = stage.projection.follow({ signal: abort.signal, onProgress: () => abort.abort() })
    expect(await done).toMatchObject({ state: 'idle', publishedPositions: [5] })
    const aborted = await stage.projection.follow({ signal: AbortSignal.abort(new Error('never')) }).catch(String)
    expect(aborted).toContain('never')
    await stage.store.close()
  })

  test('makes way for a rebuild and then goes on', async () => {
    const stage = await openStage({ count: 4 })
    const { abort, done } = await following(stage)
    expect(await stage.projection.rebuild()).toMatchObject({ positions: [4] })
    await settled()
    expect(stage.fold.calls()).toBe(8)
    expect(await stage.projection.status()).toMatchObject({ state: 'following', positions: [4] })
    await append(stage.topic, 2)
    await settled()
    expect(await stage.projection.state()).toEqual({ state: noted(6), positions: [6], offset: 6 })
    expect(stage.fold.calls()).toBe(10)
    const [first, second] = [stage.projection.rebuild(), outcome(stage.projection.rebuild())]
    await first
    expect(await second).toBe('PROJECTION_BUSY')
    await settled()
    expect((await stage.projection.status()).state).toBe('following')
    abort.abort()
    expect(await done).toMatchObject({ state: 'idle', positions: [6], publishedPositions: [6] })
    await stage.store.close()
  })
})

test('Store.close() ends a run, which says STORE_CLOSED', async () => {
  const stage = await openStage({ count: 5 })
  const running = stage.projection.run({ onProgress: () => void stage.store.close() })
  const error = await running.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error === undefined || isVarveError(error, 'STORE_CLOSED')).toBe(true)
  expect(await stateOf(stage.store.close())).toBe('resolved')
  const again = await openShelf(stage)
  expect(await (await again.store.projections.open('seen')).state()).toMatchObject({ state: noted(5) })
  await again.store.close()
})
