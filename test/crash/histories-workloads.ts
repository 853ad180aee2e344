/** What the crash tests do to histories.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import type { History } from '../../src/history/types.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { type Board, HistoryAuthor, type How } from './histories-author.ts'
import type { Step, StepLedger } from './histories-model.ts'
import { mustHoldHistories } from './histories-oracle.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'

type Workload = (files: FaultFiles, ledger: StepLedger) => Promise<void>

/** Versions of every kind, in groups that end by their number and by what has changed, over owners that close and one
 * that vanishes, so that files are gone on with and copied; made, changed, deleted and made again. */
const versions: Workload = async (files, ledger) => {
  for (let round = 0; round < 3; round++) {
    const store = await openForTest(faultStorage(files))
    const author = new HistoryAuthor(store, ledger, { first: 1 + round * 100 })
    if (round === 0) await author.create('board')
    const hows: readonly How[] = round === 2 ? ['edit', 'metrics'] : ['edit', 'edit', 'back', 'equal', 'metrics']
    for (const how of hows) await author.append('board', how)
    if (round === 1) await author.change('board', { keyframeInterval: 7 })
    if (round === 1) await author.delete('other')
    await author.create('other')
    await author.append('other')
    await author.append('other', 'equal')
    if (round !== 1) await store.close()
  }
}

/** Values of several chunks, and changes that have no room in a group. */
const large: Workload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(faultStorage(files))
    const author = new HistoryAuthor(store, ledger, { first: 1 + round * 100, rows: 500 })
    if (round === 0) await author.create('board', { keyframeInterval: 100 })
    for (const how of ['edit', 'edit', 'anew', 'edit'] as const) await author.append('board', how)
    if (round === 1) await store.close()
  }
}

/** Pins, and clean-ups that thin out several groups and sum metrics up, again and again, also by the next owner. */
const thinned: Workload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(faultStorage(files))
    const author = new HistoryAuthor(store, ledger, { first: 1 + round * 20 })
    if (round === 0) await author.create('board')
    for (let turn = 0; turn < 14; turn++) await author.append('board', turn % 3 === 1 ? 'metrics' : 'edit')
    if (round === 0) await author.pin('board', 3)
    else await author.pin('board', 3, false)
    await author.cleanup('board')
    await author.append('board')
    await author.cleanup('board', author.now + 1_000)
    if (round === 1) await store.close()
  }
}

/** Appends beside each other, to several histories and to one, with a clean-up and a pin among them, while somebody
 * reads. */
const together: Workload = async (files, ledger) => {
  const store = await openForTest(faultStorage(files))
  const author = new HistoryAuthor(store, ledger, { first: 1 })
  await author.create('board')
  await author.create('other')
  for (let turn = 0; turn < 6; turn++) await author.append('board')
  const history = await store.histories.open('board')
  const reading = readWhile(history)
  await Promise.all([
    author.append('board', 'edit', history),
    author.append('board', 'equal', history),
    author.append('other', 'edit'),
    author.append('board', 'anew', history),
    author.append('other', 'metrics'),
    author.pin('board', 2),
    author.cleanup('board', author.now + 500),
  ])
  await author.append('board')
  await reading
  await store.close()
}

/** What is read while it is replaced is whole. */
async function readWhile(history: History): Promise<void> {
  let found = 0
  for await (const { version, value } of history.query({ limit: 6 })) {
    mustEqual((value as Board).number, version, `version ${version} while it is read`)
    found++
    for (let turn = 0; turn < 20; turn++) await undefined
  }
  mustEqual(found, 6, 'versions that a query finds while they are replaced')
}

/** A second owner takes over while the first one is appending, and both append to the same histories and thin them out:
 * the first one must fail then, and nothing of it may be in what the second one goes on with. */
const takenOver: Workload = async (files, ledger) => {
  let owner = await openForTest(faultStorage(files))
  const beginning = new HistoryAuthor(owner, ledger, { first: 1 })
  await beginning.create('board')
  await beginning.create('other')
  await beginning.append('board')
  for (let round = 1; round <= 2; round++) {
    const author = new HistoryAuthor(owner, ledger, { first: round * 100 })
    const opening = openForTest(faultStorage(files), { takeOver: true })
    const during = (async () => {
      for (let turn = 0; turn < 8; turn++) {
        await author.append(turn % 2 === 0 ? 'board' : 'other')
        if (turn === 4) await author.cleanup('board', author.now + 500)
      }
    })()
    const next = await opening
    const after = new HistoryAuthor(next, ledger, { first: round * 100 + 50 })
    const afterwards = (async () => {
      for (let turn = 0; turn < 3; turn++) await after.append('board', turn === 1 ? 'equal' : 'edit')
      await after.append('other')
      await after.cleanup('board', after.now + 500)
    })()
    await Promise.allSettled([during])
    await afterwards
    await owner.close().catch(() => undefined)
    owner = next
  }
  await owner.close()
}

/** Everything a writer of histories does, with any file call failing: what fails says so with the product's error, and
 * when the cause ends and no commit has an unknown outcome, appending must work again. */
const faulty: Workload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const codes: string[] = []
    const attempt = <T>(work: Promise<T>) => work.catch((error: unknown) => void codes.push(mustBeTyped(error)))
    const store = await attempt(openForTest(faultStorage(files)))
    if (store === undefined) continue
    const author = new HistoryAuthor(store, ledger, { first: 1 + round * 100 })
    await attempt(author.create('board'))
    const hows: readonly How[] = ['edit', 'edit', 'metrics', 'back', 'anew', 'edit', 'metrics']
    for (const how of hows) await attempt(author.append('board', how))
    await attempt(author.pin('board', 2))
    await attempt(author.cleanup('board', author.now + 300, true))
    await attempt(author.append('board', 'equal'))
    await attempt(author.create('other'))
    await attempt(author.append('other'))
    await attempt(author.delete('other'))
    const isAhead = files.hits === 0
    if (!isAhead) files.clearFaults()
    // What fails in files of histories leaves no doubt about what is stored.
    const isElsewhere = files.journal.some(({ errno, path }) => errno !== undefined && !path.includes('/histories/'))
    const mayRefuse = isAhead || (isElsewhere && codes.some((code) => /^STORE_(?:POISONED|FENCED)$/.test(code)))
    await attempt(author.create('board'))
    const last = await attempt(author.append('board'))
    must(mayRefuse || last !== undefined, () => `no append after the cause had ended: ${codes}`)
    await attempt(store.close())
  }
}

function mustBeTyped(error: unknown): string {
  if (isVarveError(error)) return error.code
  throw new ScenarioFailure(`not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}

/** For the explorer: workloads and the invariants. */
export const explorations = [
  historying('versions', versions),
  historying('large', large),
  historying('thinned', thinned),
  historying('together', together),
  historying('taken-over', takenOver),
]
/** With failing calls. */
export const underFaults = historying('histories', faulty)

function historying(name: string, workload: Workload): ExploreOptions<Step> {
  return {
    name,
    idle: passTime,
    workload: async (files, ledger) => {
      restartIdentifiers()
      await workload(files, ledger)
    },
    check: (files, known, ledger) => mustHoldHistories(() => faultStorage(files), { known, ledger, files }),
  }
}
