/** What the crash tests do to a store, each told to a ledger: appending, rolling, checkpoints, takeover, recovery.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import type { FaultFiles, FaultFilesOptions } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { must, ScenarioFailure } from '../support/scenario.ts'
import {
  type Call,
  Caller,
  type CallLedger,
  createSmall,
  type Holding,
  mustHold,
  openForTest,
  passTime,
  restartIdentifiers,
} from './oracle.ts'

export type Workload = (files: FaultFiles, ledger: CallLedger) => Promise<void>

/** Single events, batches, calls that wait together, and buffered ones, over topics and partitions. */
export const append: Workload = async (files, ledger) => {
  const store = await openForTest(faultStorage(files))
  const caller = new Caller(store, ledger)
  await caller.create('orders', { partitions: 1 })
  await caller.append('orders', 1)
  await caller.create('items', { partitions: 3 })
  await caller.append('items', 3)
  await Promise.all([1, 2, 1, 4].map((count) => caller.append('items', count)))
  await caller.append('orders', 1, { size: 700 })
  await Promise.all([
    caller.append('orders', 1, { durability: 'buffered' }),
    caller.append('orders', 2, { size: 1500 }),
    caller.append('items', 1, { durability: 'buffered', size: 300 }),
  ])
  // Two groups in flight: the second is written while the first is being synced.
  const first = caller.append('orders', 1, { size: 600 })
  for (let turn = 0; turn < 12; turn++) await undefined
  await Promise.all([first, caller.append('orders', 2), caller.append('items', 1)])
  await store.close()
}

const SMALL_SEGMENT_BYTES = 4096

/** Segments that fill up. */
export const roll: Workload = async (files, ledger) => {
  const segmentBytes = SMALL_SEGMENT_BYTES
  await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 2, segmentBytes })
  const store = await openForTest(faultStorage(files))
  const caller = new Caller(store, ledger)
  await caller.use('orders', 2)
  for (let turn = 0; turn < 6; turn++)
    await Promise.all([
      caller.append('orders', 2, { entity: `entity-${turn % 3}`, size: segmentBytes / 5 }),
      caller.append('orders', 1, { entity: `entity-${(turn + 1) % 3}`, size: segmentBytes / 4 }),
    ])
  await store.close()
}

/** Old segments that are given up between appends, over owners of which one vanishes; then the next one goes on. */
export const prune: Workload = async (files, ledger) => {
  const segmentBytes = SMALL_SEGMENT_BYTES
  await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 2, segmentBytes })
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(faultStorage(files))
    const caller = new Caller(store, ledger, round * 1000)
    await caller.use('orders', 2)
    for (let turn = 0; turn < 5; turn++)
      await caller.append('orders', 2, { entity: 'entity-0', size: segmentBytes / 5 })
    await caller.append('orders', 1, { entity: 'entity-1', size: 100 })
    const { partition } = await caller.append('orders', 1, { entity: 'entity-0', size: segmentBytes / 5 })
    await caller.prune('orders', round * 11 + 5, partition)
    await Promise.all([
      caller.append('orders', 2, { entity: 'entity-0' }),
      caller.prune('orders', round * 11 + 8, partition),
      caller.append('orders', 1, { entity: 'entity-2', size: segmentBytes / 2 }),
    ])
    await caller.append('orders', 1, { entity: 'entity-0' })
    if (round === 1) await store.close()
  }
}

/** A topic that is deleted and created again under its name, beside another one that stays. */
export const remake: Workload = async (files, ledger) => {
  await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 2, segmentBytes: SMALL_SEGMENT_BYTES })
  for (let round = 0; round < 3; round++) {
    const store = await openForTest(faultStorage(files))
    const caller = new Caller(store, ledger, round * 1000)
    if (round === 0) await caller.create('notes', { partitions: 1 })
    else await caller.use('notes', 1)
    await caller.use('orders', round === 0 ? 2 : round)
    await caller.append('notes', 1)
    for (let turn = 0; turn < 3; turn++) await caller.append('orders', 1, { size: SMALL_SEGMENT_BYTES / 2 })
    await caller.delete('orders')
    await caller.append('notes', 1)
    await caller.create('orders', { partitions: round + 1 })
    await caller.append('orders', 2)
    if (round !== 1) await store.close()
  }
}

/** Checkpoints between appends, at a close, and what is opened from them. */
export const checkpoint: Workload = async (files, ledger) => {
  for (let round = 0; round < 3; round++) {
    const store = await openForTest(faultStorage(files))
    const caller = new Caller(store, ledger, round * 1000)
    if (round === 0) await caller.create('orders', { partitions: 2 })
    else await caller.use('orders', 2)
    await caller.append('orders', 3)
    await store.checkpoint()
    await Promise.all([
      caller.append('orders', 1),
      store.checkpoint(),
      caller.append('orders', 2, { entity: 'entity-1' }),
    ])
    await caller.append('orders', 1, { size: 600 })
    if (round !== 1) await store.close()
  }
}

/** Owners that vanish: each open finds what the one before it left and has to recover. */
export const recovery: Workload = async (files, ledger) => {
  for (let round = 0; round < 4; round++) {
    const store = await openForTest(faultStorage(files))
    const caller = new Caller(store, ledger, round * 1000)
    if (round === 0) {
      await caller.create('orders', { partitions: 1 })
      await caller.create('items', { partitions: 2 })
    } else {
      await caller.use('orders', 1)
      await caller.use('items', 2)
    }
    await caller.append('orders', 2)
    await Promise.all([caller.append('orders', 1, { size: 600 }), caller.append('items', 2), caller.append('items', 1)])
    await caller.append('orders', 1, { durability: 'buffered', size: 300 })
  }
}

/** A second owner takes over while the first one is appending; some of the first one's calls fail. */
export const takeover: Workload = async (files, ledger) => {
  let owner = await openForTest(faultStorage(files))
  let caller = new Caller(owner, ledger)
  await caller.create('orders', { partitions: 2 })
  for (let round = 1; round <= 3; round++) {
    const before = [1, 2, 1].map((count) => caller.append('orders', count, { size: 200 }))
    const opening = openForTest(faultStorage(files), { takeOver: true })
    const during = (async () => {
      for (let turn = 0; turn < 6; turn++) await caller.append('orders', 1)
    })()
    const next = await opening
    await Promise.allSettled([...before, during])
    await owner.close().catch(() => undefined)
    owner = next
    caller = new Caller(owner, ledger, round * 1000)
    await caller.use('orders', 2)
    await caller.append('orders', 2)
  }
  await owner.close()
}

/** Everything a writer does, with any file call failing: what fails must say so with an error of the product, and
 * when the cause ends and nothing worse than a full device was reported, appending must work again. */
export function underFaults(kind: 'append' | 'roll' | 'checkpoint' | 'prune' | 'delete'): Workload {
  return async (files, ledger) => {
    for (let round = 0; round < 2; round++) {
      const codes: string[] = []
      const attempt = <T>(work: Promise<T>) => work.catch((error: unknown) => void codes.push(mustBeTyped(error)))
      const small = { name: 'orders', partitions: 2, segmentBytes: SMALL_SEGMENT_BYTES }
      const isSmall = kind === 'roll' || kind === 'prune'
      if (isSmall && round === 0) await attempt(createSmall(faultStorage(files), ledger, small))
      const store = await attempt(openForTest(faultStorage(files)))
      if (store === undefined) continue
      const caller = new Caller(store, ledger, round * 1000)
      const creates = round === 0 && !isSmall
      const open = () => (creates ? caller.create('orders', { partitions: 2 }) : caller.use('orders', 2))
      await attempt(open())
      if (!caller.has('orders') && codes.every((code) => code === 'STORAGE_FULL')) await attempt(open())
      if (caller.has('orders')) {
        await attempt(caller.append('orders', 1, { size: 600 }))
        await Promise.all([1, 2].map((count) => attempt(caller.append('orders', count, { entity: 'entity-1' }))))
        if (kind === 'checkpoint') await attempt(store.checkpoint())
        const size = isSmall ? SMALL_SEGMENT_BYTES / 2 : 0
        for (let turn = 0; turn < (isSmall ? 2 : 1); turn++)
          await attempt(caller.append('orders', 2, { entity: 'entity-2', size }))
        if (kind === 'prune') await attempt(caller.prune('orders', 100, caller.partitionOf('orders', 'entity-2')))
        if (kind === 'delete') await attempt(remakeUnderFaults(caller))
        const mayRefuse = files.hits === 0 || codes.some((code) => code !== 'STORAGE_FULL')
        if (files.hits > 0) files.clearFaults()
        // Deleted, and then there was no space for a new one.
        if (!caller.has('orders')) await attempt(caller.create('orders', { partitions: 2 }))
        const last = caller.has('orders') && (await attempt(caller.append('orders', 1, { entity: 'entity-2' })))
        must(mayRefuse || typeof last === 'object', () => `no append after the device had space again: ${codes}`)
      }
      await attempt(store.close())
      if (files.hits > 0) files.clearFaults()
    }
  }
}

/** Delete a topic, and create it again unless nobody can tell whether it is gone. */
async function remakeUnderFaults(caller: Caller): Promise<void> {
  await caller.delete('orders')
  await caller.create('orders', { partitions: 2 })
  await caller.append('orders', 1, { entity: 'entity-1' })
}

function mustBeTyped(error: unknown): string {
  if (isVarveError(error)) return error.code
  throw new ScenarioFailure(`not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}

/** Options for the explorer: a workload and the invariants. */
export function exploration(
  name: string,
  workload: Workload,
  options: { files?: FaultFilesOptions; holding?: Holding } = {},
): ExploreOptions<Call> {
  return {
    name,
    files: options.files ?? {},
    idle: passTime,
    workload: async (files, ledger) => {
      restartIdentifiers()
      await workload(files, ledger)
    },
    check: (files, known, ledger) => mustHold(() => faultStorage(files), { known, ledger }, options.holding),
  }
}
