/** A projection with the answers of the real ones, as far as the doors can tell.
 * @module */
import { type Projection, type ProjectionStatus, type Projections, type Store, VarveError } from '../../../src/index.ts'

type Changeable = { -readonly [Key in keyof ProjectionStatus]: ProjectionStatus[Key] }

export interface FakeProjection {
  status: Changeable
  state: unknown
  /** What a run waits for. */
  held: Promise<void> | undefined
}

export function fakeProjections(store: Store): FakeProjection {
  const status: Changeable = {
    projection: 'totals',
    topic: 'orders',
    keep: 'history',
    everyEvents: 10,
    foldVersion: 1,
    state: 'idle',
    hasFold: true,
    positions: [3],
    publishedPositions: [3],
    publishedAt: 5_000,
    highWatermarks: [5],
    lag: 2,
  }
  const fake: FakeProjection = { status, state: { total: 12n ** 20n }, held: undefined }
  const run: Projection['run'] = async ({ signal, onProgress } = {}) => {
    onProgress?.({ events: 1, lag: 1 })
    await fake.held
    signal?.throwIfAborted()
    status.positions = [5]
    status.publishedAt++
    status.lag = 0
    return status
  }
  const projection: Projection = {
    name: 'totals',
    topic: 'orders',
    run,
    follow: run,
    rebuild: run,
    state: async () => ({ state: fake.state, positions: status.positions, offset: status.positions[0] ?? 0 }),
    stateAt: async (moment) => {
      if (!status.hasFold) throw new VarveError('PROJECTION_UNDEFINED', 'Cannot fold')
      if ('offset' in moment && moment.offset > 5) throw new VarveError('OFFSET_OUT_OF_RANGE', 'Cannot read')
      const offset = 'offset' in moment ? moment.offset : 1
      return { state: { at: offset }, positions: [offset], offset }
    },
    status: async () => ({ ...status }),
  }
  let exists = true
  const projections: Projections = {
    open: async <S>(name: string) => {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw new VarveError('NAME_INVALID', 'Cannot use this name')
      if (exists && name === 'totals') return projection as Projection<S>
      throw new VarveError('PROJECTION_UNKNOWN', `Cannot find projection "${name}"`)
    },
    list: async () => (exists ? [status] : []),
    delete: async () => {
      exists = false
    },
  }
  Object.defineProperty(store, 'projections', { value: projections })
  return fake
}
