/** What the crash tests do to projections.
 * @module */
import { isVarveError, type Projection, type ProjectionOptions, type Store } from '../../src/index.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { must, ScenarioFailure } from '../support/scenario.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'
import { type Folded, type Mark, type MarkLedger, mustHoldProjections, recording } from './projections-oracle.ts'

type Workload = (files: FaultFiles, ledger: MarkLedger) => Promise<void>

/** Runs projections and tells the ledger. */
export class Runner {
  readonly #store: Store
  readonly #ledger: MarkLedger

  constructor(store: Store, ledger: MarkLedger) {
    this.#store = store
    this.#ledger = ledger
  }

  async append(topic: string, count: number, partitions = 1): Promise<void> {
    const opened = await this.#store.topics.open(topic, { create: { partitions } })
    for (let number = 0; number < count; number++) {
      await opened.append({ kind: 'Noted', entity: `entity-${number % 5}`, data: number })
    }
  }

  async create(name: string, options: ProjectionOptions): Promise<void> {
    await this.#noted({ name, foldVersion: 0, events: 0 }, async () => {
      await this.#store.projections.open(name, { create: options })
    })
  }

  async run(name: string, { version = 1, isRebuild = false } = {}): Promise<void> {
    const projection = await this.#open(name, version)
    const { highWatermarks } = await projection.status()
    const events = highWatermarks.reduce((sum, end) => sum + end, 0)
    await this.#noted({ name, foldVersion: version, events }, async () => {
      await (isRebuild ? projection.rebuild() : projection.run())
    })
  }

  /** The event at an offset stops it. */
  async fail(name: string, offset: number): Promise<void> {
    const projection = await this.#open(name, 1, offset)
    await this.#noted({ name, foldVersion: 1, events: offset, failedAt: offset }, async () => {
      const code = await projection.run().then(
        () => 'nothing',
        (error: unknown) => (isVarveError(error) ? error.code : String(error)),
      )
      if (code !== 'PROJECTION_FAILED') throw new ScenarioFailure(`a fold that fails gave ${code}`)
      const { failure } = await projection.status()
      must(failure !== undefined, 'the failure is not shown')
    })
  }

  async delete(name: string): Promise<void> {
    await this.#noted({ name, foldVersion: 0, events: 0, isGone: true }, () => this.#store.projections.delete(name))
  }

  async #open(name: string, version: number, failsAt?: number): Promise<Projection<Folded>> {
    const { highWatermarks } = await (await this.#store.projections.open(name)).status()
    return this.#store.projections.open(name, { fold: recording(version, highWatermarks.length, failsAt) })
  }

  async #noted(mark: Mark, work: () => Promise<void>): Promise<void> {
    this.#ledger.attempt(mark)
    await work()
    this.#ledger.acknowledge(mark)
  }
}

/** Projections of each keep are published again and again, over owners that close and one that vanishes. */
const steps: Workload = async (files, ledger) => {
  for (let round = 0; round < 3; round++) {
    const store = await openForTest(faultStorage(files))
    const runner = new Runner(store, ledger)
    await runner.append('orders', 4)
    if (round === 0) {
      await runner.create('kept', { topic: 'orders', keep: 'history', everyEvents: 3 })
      await runner.create('newest', { topic: 'orders', everyEvents: 2 })
    }
    await Promise.all([runner.run('kept'), runner.run('newest')])
    await runner.append('orders', 1)
    await runner.run('kept')
    await runner.run('newest')
    if (round !== 1) await store.close()
  }
}

/** Folds of other versions, a rebuild, a fold that fails, and a deletion. */
const anew: Workload = async (files, ledger) => {
  const store = await openForTest(faultStorage(files))
  const runner = new Runner(store, ledger)
  await runner.append('items', 7, 2)
  await runner.append('orders', 7)
  await runner.create('each', { topic: 'items', keep: 'history', everyEvents: 2 })
  await runner.create('kept', { topic: 'orders', keep: 'history', everyEvents: 3 })
  await runner.create('newest', { topic: 'orders', everyEvents: 3 })
  await runner.create('gone', { topic: 'orders' })
  await Promise.all([runner.fail('kept', 5), runner.fail('newest', 4), runner.run('each'), runner.run('gone')])
  await Promise.all([runner.run('kept'), runner.run('newest'), runner.delete('gone')])
  await runner.append('orders', 1)
  await runner.run('kept', { version: 2 })
  await runner.run('newest', { version: 2 })
  await runner.run('each', { isRebuild: true })
  await store.close()
}

/** Following, over the end of the store. */
const followed: Workload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(faultStorage(files))
    const runner = new Runner(store, ledger)
    await runner.append('orders', 3)
    if (round === 0) await runner.create('kept', { topic: 'orders', keep: 'history', everyEvents: 4 })
    const projection = await store.projections.open('kept', { fold: recording(1, 1) })
    const following = projection.follow()
    await runner.append('orders', 3)
    const mark: Mark = { name: 'kept', foldVersion: 1, events: 0 }
    ledger.attempt(mark)
    await store.close()
    const { publishedPositions } = await following
    ledger.acknowledge({ ...mark, events: publishedPositions[0] ?? 0 })
  }
}

/** Any file call may fail: what fails says so with the product's error, and nothing is skipped or repeated. */
const faulty: Workload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const attempt = (work: Promise<unknown>) => work.catch(mustBeTyped)
    const store = await openForTest(faultStorage(files)).catch(mustBeTyped)
    if (store === undefined) continue
    const runner = new Runner(store, ledger)
    await attempt(runner.append('orders', 4))
    await attempt(runner.create('kept', { topic: 'orders', keep: 'history', everyEvents: 3 }))
    await attempt(runner.create('newest', { topic: 'orders', everyEvents: 2 }))
    for (let turn = 0; turn < 2; turn++) await Promise.all(['kept', 'newest'].map((name) => attempt(runner.run(name))))
    await attempt(runner.append('orders', 2))
    await Promise.all(['kept', 'newest'].map((name) => attempt(runner.run(name))))
    await attempt(store.close())
  }
}

function mustBeTyped(error: unknown): undefined {
  if (!isVarveError(error)) {
    throw new ScenarioFailure(`not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
  }
  return undefined
}

/** For the explorer and the sweep: workloads and the invariants. */
export const explorations = [projecting('steps', steps), projecting('anew', anew), projecting('followed', followed)]
/** With failing calls. */
export const underFaults = projecting('projections', faulty)

function projecting(name: string, workload: Workload): ExploreOptions<Mark> {
  return {
    name,
    idle: passTime,
    workload: async (files, ledger) => {
      restartIdentifiers()
      await workload(files, ledger)
    },
    check: (files, known, ledger) => mustHoldProjections(() => faultStorage(files), { known, ledger }),
  }
}
