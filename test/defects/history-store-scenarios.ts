/** What kills defects in the commits of histories: crashes, owners that are replaced, files that are in use, deletions.
 * @module */
import type { History } from '../../src/history/types.ts'
import { HistoryAuthor } from '../crash/histories-author.ts'
import type { Step, StepLedger } from '../crash/histories-model.ts'
import { mustHoldHistories } from '../crash/histories-oracle.ts'
import { openForTest, passTime, restartIdentifiers } from '../crash/oracle.ts'
import { explore } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { settle } from '../support/manual-clock.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { codeOf, groupFiles, mustBeExactly, namedFiles, scenario, staged } from './history-support.ts'

type Workload = (files: FaultFiles, ledger: StepLedger) => Promise<void>

/** Run a workload, crash it everywhere, and look at what is left. */
const survives = (workload: Workload, imagesMax: number) =>
  scenario(async () => {
    const { failures } = await explore<Step>({
      name: 'histories',
      idle: passTime,
      workload: async (files, ledger) => {
        restartIdentifiers()
        await workload(files, ledger)
      },
      check: (files, known, ledger) => mustHoldHistories(() => faultStorage(files), { known, ledger, files }),
      seeds: 2,
      imagesMax,
      failuresMax: 1,
    })
    if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
  })

/** A group that begins and grows, by an owner that vanishes and one that goes on with a copy. */
const appended: Workload = async (files, ledger) => {
  for (const round of [0, 1]) {
    const store = await openForTest(faultStorage(files))
    const author = new HistoryAuthor(store, ledger, { first: 1 + round * 100 })
    if (round === 0) await author.create('board')
    await author.append('board')
    await author.append('board', 'equal')
    if (round === 1) await store.close()
  }
}

/** Groups that are thinned out, and a deletion. */
const thinned: Workload = async (files, ledger) => {
  const store = await openForTest(faultStorage(files))
  const author = new HistoryAuthor(store, ledger, { first: 1 })
  await author.create('board')
  for (let turn = 0; turn < 7; turn++) await author.append('board', turn % 3 === 1 ? 'metrics' : 'edit')
  await author.cleanup('board')
  await author.append('board')
  await author.delete('board')
}

export const appendsSurviveCrashes = survives(appended, 150)
export const cleanupsSurviveCrashes = survives(thinned, 120)

const value = (number: number) => ({ number, list: [number], filler: 'the same in all of them' })

async function mustHave(history: History, count: number): Promise<void> {
  for (let version = 1; version <= count; version++) {
    mustBeExactly(await history.read({ version, check: true }), value(version), `version ${version}`)
  }
  mustEqual((await history.stats()).newestVersion, count, 'the newest version')
}

/** An owner that was replaced may still write into its file: whoever comes after it goes on elsewhere. */
export const replacedOwnersHaveTheirFiles = staged(async ({ store, storage, again }) => {
  const history = await store.histories.open('board', { create: true })
  await history.append(value(1))
  await history.append(value(2))
  const before = await namedFiles(storage, 'board')
  const next = await again({ takeOver: true })
  const taken = await next.histories.open('board')
  await taken.append(value(3))
  must((await namedFiles(storage, 'board'))[0] !== before[0], 'the next owner writes to a file of its own')
  mustEqual(await codeOf(history.append({ number: 'late', list: [] })), 'STORE_FENCED', 'an append of the owner before')
  await taken.append(value(4))
  await mustHave(taken, 4)
  await store.close().catch(() => undefined)
  await next.close()
  mustEqual(await groupFiles(storage, 'board'), await namedFiles(storage, 'board'), 'files after all have gone')
  const last = await again()
  await mustHave(await last.histories.open('board'), 4)
  await last.close()
})

/** An owner that was replaced commits nothing, and leaves no file that nobody would remove. */
export const replacedOwnersLeaveNoGroups = staged(async ({ store, storage, again }) => {
  const history = await store.histories.open('board', { create: { keyframeInterval: 1 } })
  await history.append(value(1))
  const next = await again({ takeOver: true })
  mustEqual(await codeOf(history.append(value(2))), 'STORE_FENCED', 'an append of the owner before')
  await store.close().catch(() => undefined)
  mustEqual(await groupFiles(storage, 'board'), await namedFiles(storage, 'board'), 'files of a history')
  await mustHave(await next.histories.open('board'), 1)
  await next.close()
})

/** After a clean close the file is gone on with; a close says so for the groups of that owner alone. */
export const closesFreeTheirGroupsAlone = staged(async ({ store, storage, again }) => {
  const board = await store.histories.open('board', { create: true })
  await board.append(value(1))
  const [first] = await namedFiles(storage, 'board')
  const second = await again({ takeOver: true })
  const other = await second.histories.open('other', { create: true })
  await other.append(value(1))
  const [ofOther] = await namedFiles(storage, 'other')
  await second.close()
  const third = await again()
  const [taken, its] = [await third.histories.open('other'), await third.histories.open('board')]
  await taken.append(value(2))
  await its.append(value(2))
  mustEqual(await namedFiles(storage, 'other'), [ofOther], 'the file of an owner that closed')
  must((await namedFiles(storage, 'board'))[0] !== first, 'the file of an owner that vanished is left to it')
  mustEqual(await codeOf(board.append({ number: 'late' })), 'STORE_FENCED', 'an append of the owner that vanished')
  await mustHave(taken, 2)
  await mustHave(its, 2)
  await store.close().catch(() => undefined)
  await third.close()
})

/** An owner that goes on with the file of one that closed, sleeps before its first write, and is replaced meanwhile. */
export const sleepersWriteWhereNobodyReads = staged(async ({ files, store, again }) => {
  await (await store.histories.open('board', { create: true })).append(value(1))
  await store.close()
  let wake: () => void = () => undefined
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  let fallAsleep: () => void = () => undefined
  const asleep = new Promise<void>((resolve) => {
    fallAsleep = resolve
  })
  const sleepy = instead(faultStorage(files), 'openAppend', async (open, path) => {
    const handle = (await open(path)) as object
    if (!String(path).endsWith('.vgrp')) return handle
    return instead(handle, 'append', async (append, bytes) => {
      fallAsleep()
      await woken
      return append(bytes)
    })
  })
  const sleeper = await openForTest(sleepy)
  const late = codeOf((await sleeper.histories.open('board')).append({ number: 'late', list: [], filler: 'other' }))
  await asleep
  const next = await again({ takeOver: true })
  const history = await next.histories.open('board')
  await history.append(value(2))
  wake()
  mustEqual(await late, 'STORE_FENCED', 'an append of an owner that slept')
  await mustHave(history, 2)
  await history.append(value(3))
  await sleeper.close().catch(() => undefined)
  await next.close()
  const last = await again()
  await mustHave(await last.histories.open('board'), 3)
  await last.close()
})

type Call = (...given: unknown[]) => unknown

/** An object with another method in the place of one. */
function instead<T extends object>(
  object: T,
  method: string,
  call: (original: Call, ...given: unknown[]) => unknown,
): T {
  return new Proxy(object, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      const original: Call = (...given) => member.apply(target, given)
      return name === method ? (...given: unknown[]) => call(original, ...given) : original
    },
  })
}

/** A file that a clean-up replaces stays while somebody reads it, and goes then. */
export const filesThatAreReadStay = staged(async ({ store, storage }) => {
  const tiers = { raw: { forMs: 100 }, compressed: { forMs: 10_000, everyMs: 100 } }
  const history = await store.histories.open('board', { create: { tiers, keyframeInterval: 4 } })
  for (let version = 1; version <= 8; version++) await history.append(value(version), { at: version * 10 })
  const before = await groupFiles(storage, 'board')
  const going = history.query()[Symbol.asyncIterator]()
  mustEqual((await going.next()).value?.version, 1, 'the first version of a query')
  await history.cleanup({ now: 1_000 })
  await settle(200)
  const during = await groupFiles(storage, 'board')
  must(during.includes(firstOf(before, during)), 'a file that is read stays')
  const versions: number[] = []
  for (let step = await going.next(); step.done !== true; step = await going.next()) versions.push(step.value.version)
  mustEqual(versions, [2, 3, 4, 8], 'what a query finds that began before a clean-up')
  await settle(400)
  mustEqual(await groupFiles(storage, 'board'), await namedFiles(storage, 'board'), 'files after the last read')
  await store.close()
})

/** One of the old files that is still there; text without a file when none is. */
function firstOf(before: readonly string[], during: readonly string[]): string {
  return before.find((file) => during.includes(file)) ?? 'none of the files that were there'
}

/** What was deleted is gone: its files, what was open of it, what waited; one that is made anew is another one. */
export const deletedHistoriesAreGone = staged(async ({ store, storage, again }) => {
  const history = await store.histories.open('board', { create: true })
  await history.append(value(1))
  await history.append(value(2))
  const late = codeOf(history.append(value(3)))
  const deleted = codeOf(store.histories.delete('board'))
  mustEqual([await late, await deleted], ['nothing', 'nothing'], 'an append and a deletion beside each other')
  await settle(200)
  mustEqual(await groupFiles(storage, 'board'), [], 'files of a history that was deleted')
  mustEqual(await codeOf(history.read()), 'HISTORY_UNKNOWN', 'a read of what was deleted')
  mustEqual(await codeOf(history.append(value(4))), 'HISTORY_UNKNOWN', 'an append to what was deleted')
  await passTime()
  const anew = await store.histories.open('board', { create: true })
  mustEqual((await anew.append({ made: 'anew' })).version, 1, 'the first version of a new one')
  mustEqual(await codeOf(history.read()), 'HISTORY_UNKNOWN', 'a read of the old one')
  mustEqual(await codeOf(history.append(value(4))), 'HISTORY_UNKNOWN', 'an append to the old one')
  mustBeExactly(await anew.read(), { made: 'anew' }, 'the new one')
  await store.close()
  const next = await again()
  await next.histories.delete('board')
  await settle(200)
  mustEqual(await groupFiles(storage, 'board'), [], 'files of a history that was deleted before anybody opened it')
  await next.close()
})

/** A store that is closed takes nothing, and says so. */
export const closedStoresTakeNothing = staged(async ({ files, store }) => {
  const history = await store.histories.open('board', { create: true })
  await history.append(value(1))
  await store.close()
  const { position } = files
  const calls = [
    () => history.append(value(2)),
    () => history.pin({ version: 1 }),
    () => history.cleanup(),
    () => history.read(),
  ]
  for (const call of calls) {
    mustEqual(await codeOf(call), 'STORE_CLOSED', 'a call after the close')
  }
  mustEqual(files.position, position, 'file calls after the close')
})

/** A record that is not there leaves no file and no version; the next append goes on with what is there. */
export const versionsFollowTheirRecords = staged(async ({ files, store, storage, again }) => {
  const history = await store.histories.open('board', { create: true })
  await history.append(value(1))
  const isManifest = (path: string) => path.includes('/MANIFEST-')
  files.failAt(({ kind, path }) => kind === 'write' && isManifest(path), 'ENOSPC')
  mustEqual(await codeOf(history.append(value(99))), 'STORAGE_FULL', 'a record without space')
  files.clearFaults()
  await history.append(value(2))
  await history.append(value(3))
  await mustHave(history, 3)
  files.failAt(({ kind, path }) => kind === 'sync' && isManifest(path), 'EIO')
  mustEqual(await codeOf(history.append(value(4))), 'STORE_POISONED', 'a record that may be there')
  files.clearFaults()
  await store.close().catch(() => undefined)
  const next = await again({ takeOver: true })
  const after = await next.histories.open('board')
  await mustHave(after, (await after.stats()).newestVersion)
  await next.close()
  mustEqual(await groupFiles(storage, 'board'), await namedFiles(storage, 'board'), 'files after a close')
})

/** A reader writes nothing and says so. */
export const readersOfHistoriesWriteNothing = staged(async ({ files, store, again }) => {
  const history = await store.histories.open('board', { create: true })
  await history.append(value(1))
  await store.close()
  const reader = await again({ readOnly: true })
  const { position } = files
  const read = await reader.histories.open('board')
  const calls = [
    () => read.append(value(2)),
    () => read.pin({ version: 1 }),
    () => read.cleanup(),
    () => reader.histories.delete('board'),
  ]
  for (const call of calls) mustEqual(await codeOf(call), 'STORE_READ_ONLY', 'a change by a reader')
  await read.cleanup({ dryRun: true })
  await mustHave(read, 1)
  await reader.close()
  const written = files.journal.filter(({ index, changed }) => index >= position && changed.length > 0)
  mustEqual(
    written.map(({ kind, path }) => `${kind} ${path}`),
    [],
    'what a reader writes',
  )
})
