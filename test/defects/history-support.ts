/** Histories for scenarios: without a store, in a store that fails on demand, and what is asked of them.
 * @module */
import { StoredHistory } from '../../src/history/history.ts'
import type { GroupsWritten, HistoryHost } from '../../src/history/host.ts'
import type { FoundVersion, HistoryQuery } from '../../src/history/types.ts'
import { isVarveError } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import { openForTest, passTime, restartIdentifiers } from '../crash/oracle.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { difference } from '../support/same-value.ts'
import { must, ScenarioFailure } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import { SmallHistory } from '../unit/history/support/small-history.ts'

/** A scenario in which whatever is thrown is a wrong answer: nothing in it is expected to fail. */
export const scenario =
  (work: () => Promise<void>): (() => Promise<void>) =>
  async () => {
    try {
      await work()
    } catch (error) {
      if (error instanceof ScenarioFailure) throw error
      throw new ScenarioFailure(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
  }

/** The code of what is thrown. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === 'function' ? work() : work)
    return 'nothing'
  } catch (error) {
    return isVarveError(error) ? error.code : String(error)
  }
}

/** Both are the same, to the sign of a zero and the order of fields. */
export function mustBeExactly(have: unknown, want: unknown, what: string): void {
  const found = difference(have, want)
  must(found === undefined, () => `${what}${found}`)
}

/** A history without a store, in memory. */
export interface SmallOne {
  readonly small: SmallHistory
  readonly history: StoredHistory
  readonly clock: ManualClock
}

export function smallOne(
  options: ConstructorParameters<typeof SmallHistory>[0] = {},
  host: Partial<HistoryHost> = {},
): SmallOne {
  const small = new SmallHistory(options)
  const clock = new ManualClock(1_000)
  const commit = async ({ from, groups, lastVersion, ...changed }: GroupsWritten) => {
    const { row } = small
    const all = [...row.groups.slice(0, from), ...groups]
    const { lastOffset = row.lastOffset, pins = row.pins } = changed
    const more = { ...(lastOffset !== undefined && { lastOffset }), ...(pins !== undefined && { pins }) }
    small.row = { ...row, groups: all, lastVersion, ...more }
  }
  return { small, clock, history: new StoredHistory({ ...small.host, clock, commit, ...host }) }
}

/** What a query finds. */
export async function found(history: StoredHistory, query: HistoryQuery): Promise<FoundVersion[]> {
  const all: FoundVersion[] = []
  for await (const one of history.query(query)) all.push(one)
  return all
}

export interface Staged {
  readonly files: FaultFiles
  readonly storage: Storage
  readonly store: Store
  /** Another owner of the same place. */
  again(options?: Parameters<typeof openForTest>[1]): Promise<Store>
}

/** Run with a new store, and let time pass while it waits. */
export function staged(run: (stage: Staged) => Promise<void>, view = (storage: Storage) => storage) {
  return scenario(() => {
    const work = async () => {
      restartIdentifiers()
      const files = new FaultFiles()
      const storage = faultStorage(files)
      const store = await openForTest(view(storage))
      await run({ files, storage, store, again: (options) => openForTest(faultStorage(files), options) })
    }
    return mustSettle(work(), passTime)
  })
}

/** Names of the files of a history. */
export async function groupFiles(storage: Storage, name: string): Promise<string[]> {
  return (await storage.list(`histories/${name}`)).map((entry) => entry.name).sort()
}

/** Names of the files that the manifest names for it. */
export async function namedFiles(storage: Storage, name: string): Promise<string[]> {
  const rows = (await readManifest(storage))?.state.histories
  return (rows?.find((row) => row.name === name)?.groups ?? []).map(({ file }) => `${file}.vgrp`).sort()
}
