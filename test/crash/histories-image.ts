/** A store with histories as the bytes of its files, everything it answers about them, and what may become of that when
 * a file of a group is damaged.
 * @module */
import { nativeCompression } from '../../adapters/node/compression.ts'
import type { History } from '../../src/history/types.ts'
import { isVarveError } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store, VerifyProblem } from '../../src/store/types.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { plain } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import { HistoryAuthor } from './histories-author.ts'
import type { Step } from './histories-model.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'
import { imageOf } from './whole.ts'

/** Histories of several groups, of a group of several chunks, and thinned out; closed, or left as by kill -9 with a
 * version behind the end of a file that no record counts. */
export async function historyImage(how: { readonly closes: boolean }): Promise<StoreImage> {
  restartIdentifiers()
  const files = new FaultFiles()
  const ledger = new Ledger<Step>(() => files.position)
  await mustSettle(make(files, ledger, how), passTime)
  return imageOf(files)
}

async function make(files: FaultFiles, ledger: Ledger<Step>, { closes }: { closes: boolean }): Promise<void> {
  const store = await openForTest(faultStorage(files))
  const author = new HistoryAuthor(store, ledger, { first: 1 })
  for (const name of ['board', 'thinned', 'gone']) await author.create(name)
  for (const how of ['edit', 'edit', 'equal', 'back', 'edit', 'metrics', 'back'] as const)
    await author.append('board', how)
  for (let turn = 0; turn < 12; turn++) await author.append('thinned', turn % 3 === 1 ? 'metrics' : 'edit')
  await author.pin('thinned', 2)
  await author.cleanup('thinned')
  await author.append('gone')
  await author.delete('gone')
  const wide = new HistoryAuthor(store, ledger, { first: 101, rows: 500 })
  await wide.create('wide')
  for (const how of ['edit', 'edit'] as const) await wide.append('wide', how)
  if (closes) return store.close()
  // A vanished owner wrote a version, and no record of it.
  files.failAt(({ kind, path }) => kind === 'write' && path.includes('/MANIFEST-'), 'EIO', { sticky: true })
  await author.append('board').catch(() => undefined)
  files.clearFaults()
}

/** A storage over a store; what it inflates is there at once. */
export function quickStorage(image: StoreImage): Storage {
  return { ...imageStorage(image), compression: nativeCompression }
}

/** What a history answers. */
export interface Answers {
  readonly newest: number
  /** By version: the value, or the code of an error. */
  readonly values: ReadonlyMap<number, string>
  /** By version: the line of the list; `damaged` where nothing else is known. */
  readonly lines: ReadonlyMap<number, string>
  /** Versions that a check names. */
  readonly damaged: readonly number[]
}

export async function answersOf(history: History): Promise<Answers> {
  const { newestVersion: newest } = await history.stats()
  const values = new Map<number, string>()
  for (let version = 1; version <= newest; version++) values.set(version, await valueText(history, version))
  const lines = new Map<number, string>()
  for await (const info of history.index()) lines.set(info.version, info.isDamaged ? 'damaged' : plain(info))
  const { damaged } = await history.verify()
  return { newest, values, lines, damaged }
}

async function valueText(history: History, version: number): Promise<string> {
  try {
    const value = await history.read({ version })
    const number = await history.read({ version, path: 'number' })
    return `${plain(value)} ${plain(number)}`
  } catch (error) {
    if (!isVarveError(error)) throw error
    const { code, details } = error
    const names = code !== 'VERSION_DAMAGED' || (Array.isArray(details.versions) && details.versions.includes(version))
    return names ? code : `${code} of other versions`
  }
}

export async function storeAnswers(store: Store): Promise<Map<string, Answers>> {
  const answers = new Map<string, Answers>()
  for (const { history: name } of await store.histories.list())
    answers.set(name, await answersOf(await store.histories.open(name)))
  return answers
}

/** A group, and the versions that are in it. */
export interface GroupOf {
  readonly history: string
  readonly path: string
  readonly endBytes: number
  readonly first: number
  readonly last: number
}

/** The groups of all histories that the manifest of a store names. */
export async function groupsOf(image: StoreImage): Promise<GroupOf[]> {
  const rows = (await readManifest(quickStorage(image)))?.state.histories ?? []
  return rows.flatMap(({ name, groups }) =>
    groups.map(({ file, endBytes, firstVersion, lastVersion }) => {
      return { history: name, path: `histories/${name}/${file}.vgrp`, endBytes, first: firstVersion, last: lastVersion }
    }),
  )
}

const LOST = /^(?:VERSION_DAMAGED|FORMAT_NEWER)$/

/** What is wrong with the answers of a history: each version must be as it was, or said to be lost when it is in a
 * damaged group, and a check must name exactly those. */
export function wrongIn(wanted: Answers, found: Answers | undefined, damaged: readonly GroupOf[]): string[] {
  if (found === undefined) return ['it is not there']
  const wrong: string[] = []
  const mayBeLost = (version: number) => damaged.some(({ first, last }) => first <= version && version <= last)
  const lost: number[] = []
  for (const [version, value] of wanted.values) {
    const now = found.values.get(version)
    if (now === value) continue
    lost.push(version)
    if (now === undefined || !LOST.test(now) || !mayBeLost(version))
      wrong.push(`version ${version} answers ${now?.slice(0, 200)}`)
  }
  for (const [version, line] of wanted.lines) {
    const now = found.lines.get(version)
    if (now !== line && !(now === 'damaged' && lost.includes(version)))
      wrong.push(`version ${version} is listed as ${now}`)
  }
  if (plain(found.damaged) !== plain(lost)) wrong.push(`a check names ${found.damaged}, lost are ${lost}`)
  return wrong
}

/** Open a damaged store, check it, and ask for everything; as a writer append to each history and ask again.
 * @returns what is wrong. */
export async function judgeStore(
  image: StoreImage,
  wanted: ReadonlyMap<string, Answers>,
  { damaged, readOnly }: { readonly damaged: readonly GroupOf[]; readonly readOnly: boolean },
): Promise<{ readonly wrong: readonly string[]; readonly problems: readonly VerifyProblem[] }> {
  const storage = quickStorage(image)
  const store = await openForTest(storage, { readOnly })
  try {
    const answers = await storeAnswers(store)
    const wrong = judged(wanted, answers, damaged)
    const { problems } = await store.verify()
    for (const { path, history } of damaged) {
      const isLost = (answers.get(history)?.damaged.length ?? 0) > 0
      if (isLost && damaged.length === 1 && !problems.some(({ file }) => file === path))
        wrong.push(`verify finds nothing wrong with ${path}`)
    }
    if (!readOnly && wrong.length === 0) wrong.push(...(await wrongWhenAppended(store, wanted, damaged)))
    return { wrong, problems }
  } finally {
    await store.close()
  }
}

function judged(
  wanted: ReadonlyMap<string, Answers>,
  found: ReadonlyMap<string, Answers>,
  damaged: readonly GroupOf[],
): string[] {
  const names = new Set([...wanted.keys(), ...found.keys()])
  return [...names].flatMap((name) => {
    const mine = wanted.get(name)
    if (mine === undefined) return [`${name} was not there`]
    const groups = damaged.filter(({ history }) => history === name)
    return wrongIn(mine, found.get(name), groups).map((what) => `${name}: ${what}`)
  })
}

async function wrongWhenAppended(
  store: Store,
  wanted: ReadonlyMap<string, Answers>,
  damaged: readonly GroupOf[],
): Promise<string[]> {
  const wrong: string[] = []
  for (const [name, { newest }] of wanted) {
    const history = await store.histories.open(name)
    const value = { number: 'after the damage', list: [newest] }
    const { version } = await history.append(value)
    if (version !== newest + 1) wrong.push(`${name}: version ${version} after ${newest}`)
    const found = plain(await history.read({ version, check: true }))
    if (found !== plain(value)) wrong.push(`${name}: the new version is ${found}`)
  }
  const answers = await storeAnswers(store)
  const before = new Map([...answers].map(([name, found]) => [name, withoutNewest(found)]))
  return [...wrong, ...judged(wanted, before, damaged).map((what) => `after an append: ${what}`)]
}

function withoutNewest({ newest, values, lines, damaged }: Answers): Answers {
  const older = <T>(map: ReadonlyMap<number, T>) => new Map([...map].filter(([version]) => version !== newest))
  return { newest: newest - 1, values: older(values), lines: older(lines), damaged }
}

/** What a whole store answers. */
export async function wholeAnswers(storage: Storage): Promise<Map<string, Answers>> {
  const store = await openForTest(storage, { readOnly: true })
  try {
    return await storeAnswers(store)
  } finally {
    await store.close()
  }
}
