/** What must be true of the histories of a store after anything happened to its disk.
 *
 * The ledger knows which steps were begun and which were acknowledged. `mustHoldHistories` opens the store and checks:
 * each history is what its acknowledged steps make of it, and perhaps those that had begun, in their order (H1);
 * every version reads back as it was written, or as what a clean-up says it is, wherever it is read, and what one took
 * is gone (H2); `verify` agrees (H3); appending goes on with the next number (H4); after a close every file is one that
 * the manifest names (H5); opening again shows the same, and a reader writes nothing (H6).
 * @module */
import type { History, VersionInfo } from '../../src/history/types.ts'
import { isVarveError } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import type { Known } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { must, mustEqual, plain } from '../support/scenario.ts'
import { type Board, HistoryAuthor, TICK_MS } from './histories-author.ts'
import {
  type Candidate,
  candidatesOf,
  type Model,
  type ModelVersion,
  type Step,
  type StepLedger,
} from './histories-model.ts'
import { openForTest } from './oracle.ts'

export interface Held {
  readonly known: Known<Step>
  readonly ledger: StepLedger
  /** The disk, to see who writes on it. */
  readonly files: FaultFiles
}

/** Check the invariants, and tell the ledger what was shown and what was done. @throws {ScenarioFailure} */
export async function mustHoldHistories(storage: () => Storage, { known, ledger, files }: Held): Promise<void> {
  const before = known.acknowledged.length === 0 ? undefined : await shownToReader(storage, { known, files })
  const store = await openForTest(storage())
  const shown = await mustShowHistories(store, known)
  if (before !== undefined) mustEqual(textOf(shown), textOf(before), 'what a reader saw before')
  ledger.shown(shown.flatMap(({ steps }) => steps))
  const verified = await store.verify()
  must(verified.ok, () => `verify: ${JSON.stringify(verified.problems)}`)
  mustEqual(verified.unknownFiles, [], 'files that verify does not know')
  const times = known.attempted.map(({ action }) => (action.do === 'append' ? action.options.at : 0))
  const author = new HistoryAuthor(store, ledger, { first: 1_000 + Math.max(0, ...times) / TICK_MS })
  const [first] = shown.flatMap(({ model, steps }) =>
    model === undefined ? [] : { model, name: steps[0]?.name ?? '' },
  )
  for (const [name, last] of [
    ...(first ? [[first.name, first.model.lastVersion] as const] : []),
    ['after', 0] as const,
  ]) {
    if (name === 'after') await author.create(name)
    const { version } = await author.append(name)
    if (name !== 'after') mustEqual(version, last + 1, `number of the next version of ${name}`)
  }
  await store.close()
  await mustHaveGroups(storage())
  await shownToReader(storage, { known: ledger.at(Number.POSITIVE_INFINITY), files })
}

/** What a reader beside nobody sees; it writes nothing. */
async function shownToReader(storage: () => Storage, { known, files }: Omit<Held, 'ledger'>): Promise<Candidate[]> {
  const { position } = files
  const reader = await openForTest(storage(), { readOnly: true })
  const shown = await mustShowHistories(reader, known)
  await reader.close()
  const written = files.journal.filter(({ index, changed }) => index >= position && changed.length > 0)
  mustEqual(
    written.map(({ kind, path }) => `${kind} ${path}`),
    [],
    'what a reader writes',
  )
  return shown
}

function textOf(shown: readonly Candidate[]): string {
  return plain(shown.map(({ model }) => model && listText(model)))
}

/** Which histories the store shows, each checked against what may be there, and read in every way. */
export async function mustShowHistories(store: Store, known: Known<Step>): Promise<Candidate[]> {
  const listed = new Set((await store.histories.list()).map(({ history }) => history))
  const shown: Candidate[] = []
  for (const name of new Set(known.attempted.map((step) => step.name))) {
    const isThere = listed.delete(name)
    const history = isThere ? await store.histories.open(name) : undefined
    const found = history === undefined ? 'nothing' : await foundText(history)
    const candidates = candidatesOf(known, name)
    const isIt = ({ model }: Candidate) => (model === undefined ? 'nothing' : listText(model)) === found
    const candidate = candidates.find(isIt)
    if (candidate === undefined) {
      const may = candidates.map(({ model }) => (model === undefined ? 'nothing' : listText(model)))
      must(false, `${name} is ${found}, and may be one of ${candidates.length}: ${[...new Set(may)].join(' | ')}`)
    }
    if (history !== undefined && candidate.model !== undefined) await mustRead(history, candidate.model)
    shown.push(candidate)
  }
  mustEqual([...listed], [], 'histories that nobody made')
  return shown
}

/** What makes a version that version, as far as a list shows it. */
function lineOf({ version, at, kind, tier, pinned, label, metadata, offset }: VersionInfo | ModelVersion): string {
  return plain({ version, at, kind, tier, pinned, label, metadata, offset })
}

function listText({ lastVersion, versions, options }: Model): string {
  return [lastVersion, plain(options.keyframeInterval), ...versions.map(lineOf)].join('\n')
}

async function foundText(history: History): Promise<string> {
  const lines: string[] = []
  for await (const info of history.index()) lines.push(lineOf(info))
  const { newestVersion, settings, count } = await history.stats()
  mustEqual(count, lines.length, `number of versions of ${history.name}`)
  return [newestVersion, plain(settings.keyframeInterval), ...lines].join('\n')
}

/** Wherever a version is read, it is the same. */
async function mustRead(history: History, { versions, lastVersion }: Model): Promise<void> {
  const { name } = history
  for (const { version, value, kind, label, at } of versions) {
    mustEqual(await history.read({ version, check: true }), value, () => `version ${version} of ${name}`)
    const number = kind === 'value' ? (value as Board).number : undefined
    mustEqual(await history.read({ version, path: 'number' }), number, () => `a path in version ${version} of ${name}`)
    const newest = versions.findLast((one) => one.at <= at)
    mustEqual((await history.find({ time: at })).version, newest?.version, () => `version of ${name} at ${at}`)
    if (label !== undefined) mustEqual((await history.find({ label })).version, version, () => `${label} of ${name}`)
  }
  const there = new Set(versions.map(({ version }) => version))
  for (let version = 1; version <= lastVersion; version++) {
    if (there.has(version)) continue
    const code = await history.read({ version }).catch((error: unknown) => isVarveError(error) && error.code)
    must(
      code === 'VERSION_GONE' || code === 'VERSION_OUT_OF_RANGE',
      () => `version ${version} of ${name} gives ${code}`,
    )
  }
  const numbers = versions.filter(({ kind }) => kind === 'value').map(({ value }) => (value as Board).number)
  const found: unknown[] = []
  for await (const { value } of history.values('number', { onlyChanges: false })) found.push(value)
  mustEqual(
    found.filter((value) => value !== undefined),
    numbers,
    () => `numbers of ${name} over time`,
  )
  const newest: number[] = []
  for await (const { version } of history.query({ direction: 'backward' })) newest.unshift(version)
  mustEqual(newest, [...there], () => `versions of ${name} that a query finds`)
}

/** After a close there is no file of a history but those of its groups, and nothing unfinished. */
export async function mustHaveGroups(storage: Storage): Promise<void> {
  const rows = (await readManifest(storage))?.state.histories ?? []
  const wanted = rows.flatMap(({ name, groups }) => groups.map(({ file }) => `${name}/${file}.vgrp`))
  const found: string[] = []
  for (const { name } of await storage.list('histories')) {
    for (const file of await storage.list(`histories/${name}`)) found.push(`${name}/${file.name}`)
  }
  mustEqual(found.sort(), wanted.sort(), 'files of histories after a close')
  mustEqual((await storage.list('tmp')).length, 0, 'unfinished files')
}
