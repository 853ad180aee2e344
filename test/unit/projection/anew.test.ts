/** Projections that begin anew: other folds, rebuilding, topics that were created again, logs that were pruned.
 * @module */
import { describe, expect, test } from 'vitest'
import { fill, openSmall } from '../store/small-log.ts'
import { append, noted, openAgain, openStage, outcome, range, seeing, seen } from './support.ts'

const KEEPS = ['document', 'history'] as const

describe.each(KEEPS)('a projection that keeps a %s', (keep) => {
  test('begins anew with a fold of another version, and gives up the states of the one before', async () => {
    const { projection, store } = await openStage({ keep, count: 25, everyEvents: 10 })
    await projection.run()
    const fold = seeing(2)
    await store.projections.open('seen', { fold })
    expect(await projection.state()).toMatchObject({ state: noted(25) })
    expect(await projection.run()).toMatchObject({ foldVersion: 2, positions: [25] })
    expect(fold.calls()).toBe(25)
    expect(await projection.state()).toEqual({ state: noted(25), positions: [25], offset: 25 })
    for (const offset of range(26)) expect(await projection.stateAt({ offset })).toMatchObject({ state: noted(offset) })
    if (keep === 'history') {
      const history = await store.histories.open('_seen')
      const offsets: unknown[] = []
      for await (const version of history.index()) offsets.push(version.offset)
      expect(offsets).toEqual([10, 20, 25])
    }
    await store.close()
  })

  test('folds all events again when it is rebuilt', async () => {
    const { projection, store, fold } = await openStage({ keep, count: 25, everyEvents: 10 })
    await projection.run()
    expect(await projection.rebuild()).toMatchObject({ foldVersion: 1, positions: [25] })
    expect(fold.calls()).toBe(50)
    expect(await projection.state()).toEqual({ state: noted(25), positions: [25], offset: 25 })
    await store.close()
  })

  test('begins anew when the topic was deleted and created again', async () => {
    const { projection, store } = await openStage({ keep, count: 6 })
    await projection.run()
    await store.topics.delete('orders')
    const topic = await store.topics.open('orders', { create: { partitions: 1 } })
    await append(topic, 3, 'Other')
    expect(await projection.status()).toMatchObject({ positions: [6], highWatermarks: [3], lag: 3 })
    expect(await projection.state()).toMatchObject({ state: noted(6) })
    const wanted = seen(range(3).map((offset) => ({ offset, kind: 'Other' })))
    expect(await projection.stateAt({ offset: 3 })).toMatchObject({ state: wanted })
    await projection.run()
    expect(await projection.state()).toEqual({ state: wanted, positions: [3], offset: 3 })
    expect(await projection.status()).toMatchObject({ lag: 0 })
    await store.close()
  })

  test('begins with what is there when it is created over a pruned log', async () => {
    const { store, start } = await pruned(20, 12)
    const projection = await open(store, keep)
    await projection.run()
    expect(await projection.state()).toEqual({ state: from(start, 20), positions: [20], offset: 20 })
    expect(await projection.stateAt({ offset: start + 1 })).toMatchObject({ state: from(start, start + 1) })
    expect(await projection.stateAt({ offset: start })).toMatchObject({ state: from(start, start) })
    expect(await outcome(projection.stateAt({ offset: start - 1 }))).toBe('OFFSET_PRUNED')
    await projection.rebuild()
    expect(await projection.state()).toMatchObject({ state: from(start, 20) })
    await store.close()
  })

  test('knows the state at a time when the log was pruned up to where it was published', async () => {
    const { store: other, start } = await pruned(20, 12)
    await other.close()
    const log = await openSmall()
    const projection = await open(log.store, keep)
    await fill(log, start)
    await projection.run()
    await fill(log, 20 - start)
    await log.topic.prune({ before: start })
    expect(log.topic.stats().partitions[0]).toMatchObject({ logStartOffset: start })
    const first = await log.topic.get(start)
    const at = (time: number) => outcome(projection.stateAt({ time }))
    expect(await at(first?.recordedAt ?? 0)).toMatchObject({ state: from(0, start + 1) })
    // A document does not say when its last event was recorded.
    const before = await at((first?.recordedAt ?? 0) - 1)
    if (keep === 'history') expect(before).toMatchObject({ state: from(0, start) })
    else expect(before).toBe('OFFSET_PRUNED')
    await log.store.close()
  })

  test('goes on over a pruned log from where it is, and refuses to skip or to begin anew', async () => {
    const log = await openSmall()
    const projection = await open(log.store, keep)
    await fill(log, 10)
    await projection.run()
    await fill(log, 10)
    await log.topic.prune({ before: 9 })
    await projection.run()
    expect(await projection.state()).toMatchObject({ state: from(0, 20) })
    expect(await outcome(projection.rebuild())).toBe('OFFSET_PRUNED')
    expect(await projection.stateAt({ offset: 20 })).toMatchObject({ state: from(0, 20) })
    expect(await outcome(projection.stateAt({ offset: 9 }))).toBe('OFFSET_PRUNED')
    await log.store.projections.open('seen', { fold: seeing(2) })
    expect(await outcome(projection.run())).toBe('OFFSET_PRUNED')
    await log.store.projections.open('seen', { fold: seeing(1) })
    await fill(log, 20)
    await log.topic.prune({ before: 30 })
    expect(await outcome(projection.run())).toBe('OFFSET_PRUNED')
    expect(await projection.state()).toMatchObject({ state: from(0, 20), positions: [20] })
    await log.store.projections.delete('seen')
    const again = await open(log.store, keep)
    const { logStartOffset = 0 } = log.topic.stats().partitions[0] ?? {}
    await again.run()
    expect(await again.state()).toMatchObject({ state: from(logStartOffset, 40) })
    await log.store.close()
  })
})

test.each(KEEPS)('a projection that keeps a %s serves the old state until the new one is caught up', async (keep) => {
  const stage = await openStage({ keep, count: 40, everyEvents: 5 })
  await stage.projection.run()
  const reader = await openAgain(stage, { readOnly: true })
  const fold = seeing(2)
  await stage.store.projections.open('seen', { fold })
  const served: Promise<unknown>[] = []
  stage.wire.before = ({ op }) => {
    if (op !== 'sync') return undefined
    served.push(stage.projection.state().then(({ state }) => state.offsets.length))
    served.push(stage.projection.status().then((status) => status.positions[0]))
    return undefined
  }
  await stage.projection.run()
  stage.wire.before = undefined
  expect(new Set(await Promise.all(served))).toEqual(new Set([40]))
  expect(await reader.store.projections.open('seen').then((one) => one.status())).toMatchObject({ foldVersion: 2 })
  await reader.store.close()
  await stage.store.close()
})

test.each(KEEPS)(
  'a rebuild of a %s that is aborted leaves what was published, and the next run goes on',
  async (keep) => {
    const { projection, store, fold, topic, wire } = await openStage({ keep, count: 20, everyEvents: 5 })
    await projection.run()
    const abort = new AbortController()
    const rebuilding = projection.rebuild({ signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) })
    await expect(rebuilding).rejects.toThrow('enough')
    expect(await projection.state()).toMatchObject({ state: noted(20) })
    await append(topic, 1)
    const before = fold.calls()
    await projection.run()
    expect(fold.calls()).toBe(before + 1)
    expect(await projection.state()).toMatchObject({ state: noted(21) })
    for (const offset of range(22)) expect(await projection.stateAt({ offset })).toMatchObject({ state: noted(offset) })
    await store.close()
    expect(await wire.storage.list(keep === 'history' ? 'histories/_seen' : 'documents/_seen')).toHaveLength(1)
  },
)

async function pruned(count: number, before: number) {
  const log = await openSmall()
  await fill(log, count)
  await log.topic.prune({ before })
  return { store: log.store, start: log.topic.stats().partitions[0]?.logStartOffset ?? 0 }
}

const open = (store: Awaited<ReturnType<typeof openSmall>>['store'], keep: 'document' | 'history') =>
  store.projections.open('seen', { create: { topic: 'orders', keep, everyEvents: 4 }, fold: seeing() })

const from = (start: number, end: number) => seen(range(end, start).map((offset) => ({ offset, kind: 'Noted' })))
