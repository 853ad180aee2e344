/** Goal: the state as of any event, or any time, is what a naive fold of the events up to there gives.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Fold, Store, StoredEvent } from '../../../src/index.ts'
import { append, collect, event, openShelf, openStage, outcome, range, seeing, seen } from './support.ts'

const KEEPS = ['document', 'history'] as const
const COUNT = 60

/** Events of two kinds, two of them each with the same `recordedAt`. */
async function filled(keep: 'document' | 'history', published: number) {
  const stage = await openStage({ keep, everyEvents: 7 })
  for (let offset = 0; offset < COUNT; offset++) {
    if (offset === published) await stage.projection.run()
    if (offset % 2 === 0) await stage.clock.advance(10)
    await append(stage.topic, 1, offset % 3 === 0 ? 'Noted' : 'Done')
  }
  const events: StoredEvent[] = await collect(stage.topic.read())
  return { ...stage, events }
}

describe.each(KEEPS)('Projection.stateAt() of one that keeps a %s', (keep) => {
  test.each([0, 30, 59])('gives the state after every offset, of which %i are published', async (published) => {
    const { projection, events, store } = await filled(keep, published)
    for (const offset of range(COUNT + 1)) {
      const wanted = { state: seen(events.slice(0, offset)), positions: [offset], offset }
      expect(await projection.stateAt({ offset })).toEqual(wanted)
    }
    expect(await outcome(projection.stateAt({ offset: COUNT + 1 }))).toBe('OFFSET_OUT_OF_RANGE')
    await store.close()
  })

  test.each([0, 30, 59])('gives the state at every time, of which %i events are published', async (published) => {
    const { projection, events, store } = await filled(keep, published)
    const first = events[0]?.recordedAt ?? 0
    for (const time of range(COUNT * 5 + 20, -10).map((ms) => first + ms)) {
      const before = events.filter(({ recordedAt }) => recordedAt <= time)
      const wanted = { state: seen(before), positions: [before.length], offset: before.length }
      expect(await projection.stateAt({ time })).toEqual(wanted)
    }
    await store.close()
  })

  test('folds no more than what comes after the nearest state that was kept', async () => {
    const { store, projection, fold } = await openStage({ keep, count: 100, everyEvents: 10 })
    await projection.run()
    for (const [offset, most] of [
      [100, 0],
      [95, keep === 'history' ? 5 : 95],
      [90, keep === 'history' ? 0 : 90],
    ] as const) {
      const before = fold.calls()
      await projection.stateAt({ offset })
      expect(fold.calls() - before).toBe(most)
    }
    await store.close()
  })

  test('gives states at times in topics with several partitions', async () => {
    const { store, events, projection, fold } = await several(keep)
    for (const { recordedAt: time } of events) {
      const wanted = events.filter(({ recordedAt }) => recordedAt <= time)
      const { state, positions, offset } = await projection.stateAt({ time })
      expect(offset).toBeUndefined()
      expect(positions.reduce((sum, end) => sum + end, 0)).toBe(wanted.length)
      expect(state).toEqual(wanted.reduce((all, event) => fold.apply(all, event), fold.initial()))
    }
    expect(await outcome(projection.stateAt({ offset: 5 }))).toBe('OPTION_INVALID')
    await store.close()
  })
})

test('Projection.stateAt() checks what it is asked for', async () => {
  const { store, projection } = await openStage({ count: 3 })
  const code = (moment: object) => outcome(projection.stateAt(moment as { offset: number }))
  for (const wrong of [{}, { offset: -1 }, { offset: 1.5 }, { time: '1' }, { time: -1 }, { offset: 1, time: 1 }]) {
    expect(await code(wrong)).toBe('OPTION_INVALID')
  }
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(projection.stateAt({ offset: 1 }, { signal })).rejects.toThrow('enough')
  await store.close()
})

test('Projection.stateAt() gives a state of its own, also beside a run', async () => {
  const { store, projection } = await openStage({ count: 20, everyEvents: 5, fold: seeing() })
  const running = projection.run()
  const before = await projection.stateAt({ offset: 12 })
  before.state.offsets.length = 0
  await running
  expect((await projection.state()).state.offsets).toEqual(range(20))
  expect((await projection.stateAt({ offset: 12 })).state.offsets).toEqual(range(12))
  await store.close()
})

async function several(keep: 'document' | 'history') {
  const { store, clock } = await openShelf()
  const topic = await store.topics.open('orders', { create: { partitions: 3 } })
  // What comes of each partition does not depend on the order between them.
  const fold = {
    version: 1,
    initial: (): number[][] => [[], [], []],
    apply: (state: number[][], { partition, offset }: StoredEvent) => {
      state[partition]?.push(offset)
      return state
    },
  } satisfies Fold<number[][]>
  const projection = await open(store, keep, fold)
  for (let number = 0; number < 40; number++) {
    await topic.append(event(`entity-${number % 7}`))
    await clock.advance(10)
    if (number === 20) await projection.run()
  }
  await projection.run()
  return { store, projection, fold, events: (await collect(topic.read())) as StoredEvent[] }
}

const open = <S>(store: Store, keep: 'document' | 'history', fold: Fold<S>) =>
  store.projections.open('seen', { create: { topic: 'orders', keep, everyEvents: 6 }, fold })
