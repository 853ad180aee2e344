/** What the compiler says about projections, checked by `npm run types`: a line under `@ts-expect-error` must be
 * refused. Nothing here runs.
 * @module */
import type { Fold, Projected, Projection, ProjectionStatus, Store } from '../../src/index.ts'
import { type Equal, expectType } from './expect.ts'

type Orders = { OrderPlaced: { total: number }; OrderPaid: { method: string } }
interface Open {
  total: number
}

declare const store: Store

export async function foldsKnowTheirKinds(): Promise<void> {
  const fold: Fold<Open, Orders> = {
    version: 1,
    initial: () => ({ total: 0 }),
    apply: {
      OrderPlaced: (state, event) => {
        expectType<Equal<typeof event.kind, 'OrderPlaced'>>()
        expectType<Equal<typeof event.data, { total: number }>>()
        return { total: state.total + event.data.total }
      },
    },
  }
  const projection = await store.projections.open('open', { create: { topic: 'orders' }, fold })
  expectType<Equal<typeof projection, Projection<Open>>>()
  const projected = await projection.state()
  expectType<Equal<typeof projected, Projected<Open>>>()
  expectType<Equal<typeof projected.state, Open>>()
  expectType<Equal<typeof projected.offset, number | undefined>>()
  const status = await projection.run()
  expectType<Equal<typeof status, ProjectionStatus>>()
  // @ts-expect-error: of one partition, or of a time.
  await projection.stateAt({})
  // @ts-expect-error: what was read is read-only.
  status.lag = 0
}

export async function foldsAreChecked(): Promise<void> {
  const initial = () => ({ total: 0 })
  await store.projections.open<Open, Orders>('open', {
    fold: {
      version: 1,
      initial,
      apply: (state, event) => (event.kind === 'OrderPaid' ? state : { total: event.data.total }),
    },
  })
  await store.projections.open<Open, Orders>('open', {
    // @ts-expect-error: another state.
    fold: { version: 1, initial, apply: { OrderPlaced: () => 5 } },
  })
  await store.projections.open<Open, Orders>('open', {
    // @ts-expect-error: a kind that is not there.
    fold: { version: 1, initial, apply: { OrderLost: (state) => state } },
  })
  // @ts-expect-error: a fold has a version.
  await store.projections.open<Open>('open', { fold: { initial, apply: {} } })
  // @ts-expect-error: kept as one of two.
  await store.projections.open('open', { create: { topic: 'orders', keep: 'memory' } })
  const bare = await store.projections.open('open')
  expectType<Equal<Awaited<ReturnType<typeof bare.state>>['state'], unknown>>()
}
