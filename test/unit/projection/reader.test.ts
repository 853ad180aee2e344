/** Goal: whoever reads a projection beside the one who runs it sees a state and its own positions, at any moment.
 * Method: a read-only store, and the writer itself, are asked at every sync of a run, of a run of another fold and of a
 * rebuild.
 * @module */
import { describe, expect, test } from 'vitest'
import { append, noted, openAgain, openStage, type Projection, type Seen, type Stage, seeing } from './support.ts'

interface Look {
  readonly who: string
  readonly count: number
  readonly offset: number | undefined
}

/** Ask at every sync of what is done. */
async function looked(stage: Stage, reader: Projection<Seen>, work: () => Promise<unknown>): Promise<Look[]> {
  const looks: Promise<Look[]>[] = []
  const look = async (who: string, projection: Projection<Seen>): Promise<Look[]> => {
    const states = [await projection.state(), await projection.stateAt({ offset: 3 })]
    return states.map(({ state, offset }) => {
      expect(state).toEqual(noted(offset ?? -1))
      return { who, count: state.offsets.length, offset }
    })
  }
  stage.wire.before = ({ op }) => {
    if (op === 'sync') looks.push(look('reader', reader), look('writer', stage.projection))
    return undefined
  }
  await work()
  stage.wire.before = undefined
  return (await Promise.all(looks)).flat()
}

describe.each(['document', 'history'] as const)('a projection that keeps a %s and is read while it runs', (keep) => {
  test('shows a state and the positions that it reflects', async () => {
    const stage = await openStage({ keep, count: 12, everyEvents: 3 })
    await stage.projection.run()
    const other = await openAgain(stage, { readOnly: true })
    const reader = await other.store.projections.open<Seen>('seen', { fold: seeing() })
    await append(stage.topic, 20)
    const run = await looked(stage, reader, () => stage.projection.run())
    expect(run.filter(({ who }) => who === 'reader').length).toBeGreaterThan(2)
    for (const { offset } of run) expect([3, 12, 15, 18, 21, 24, 27, 30, 32]).toContain(offset)
    const rebuilt = await looked(stage, reader, () => stage.projection.rebuild())
    for (const { count } of rebuilt) expect([3, 32]).toContain(count)
    await stage.store.projections.open('seen', { fold: seeing(2) })
    const next = await looked(stage, reader, () => stage.projection.run())
    for (const { count } of next) expect([3, 32]).toContain(count)
    expect(await reader.state()).toEqual({ state: noted(32), positions: [32], offset: 32 })
    expect(await reader.status()).toMatchObject({ foldVersion: 2, lag: 0 })
    await other.store.close()
    await stage.store.close()
  })
})
