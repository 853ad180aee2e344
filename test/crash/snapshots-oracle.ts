/** What must be true of a store, its snapshots and the places that they went to, after anything happened to the disk.
 *
 * A reader and then a writer find every object as it was acknowledged, or as what was under way made it (S1); every
 * snapshot that is listed opens, is what it was when it was taken, and has no damage (S2); what the store shares with
 * snapshots has the same bytes (S3); the store and its restored places have no damage and go on (S4); what crashed
 * works when it is done again (S5); after a close there is nothing in `.snapshots` but snapshots, pins and a catalogue
 * that says so, and no file of a restored place or a topic that its manifest does not name (S6); opening again shows
 * the same (S7).
 * @module */
import { isVarveError } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { derivedFiles, truthFiles } from '../../src/snapshot/files/state-files.ts'
import type { SnapshotInfo } from '../../src/snapshot/types.ts'
import type { Store } from '../../src/store/types.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { openForTest, passTime } from './oracle.ts'
import { SnapshotAuthor } from './snapshots-author.ts'
import {
  AFTERWARDS,
  type Contents,
  contentsOf,
  contentsText,
  type Fact,
  type FactLedger,
  type KnownFacts,
  mustBeAllowed,
  topicOf,
} from './snapshots-model.ts'

/** Storages of one disk: the store is in `store`. */
export type Disks = (directory: string) => Storage

export interface Found {
  readonly known: KnownFacts
  readonly ledger: FactLedger
}

/** So that every check has a label of its own. */
let checks = 0

/** Check the invariants, and tell the ledger what was shown and what was done. @throws {ScenarioFailure} */
export async function mustHoldSnapshots(disks: Disks, { known, ledger }: Found): Promise<void> {
  const elsewhere = await elsewhereOf(disks, known)
  const reader = await openForTest(disks('store'), { readOnly: true })
  // Before somebody recovers a log, readers see what its owner had told them of.
  const found = new Map([...(await everythingIn(reader, known)), ...elsewhere])
  mustBeAllowed(found, known, (object) => !isTopic(object))
  await reader.close()
  const store = await openForTest(disks('store'))
  const whole = new Map([...(await everythingIn(store, known, true)), ...elsewhere])
  const shown = mustBeAllowed(whole, known, () => true)
  ledger.shown(shown)
  await passTime()
  const author = new SnapshotAuthor(store, ledger, { first: 1_000_000 + 1_000 * known.attempted.length })
  await doAgain(author, disks, { known, ledger })
  await goOn(author, `after ${++checks}`)
  await mustBeUndamaged(store)
  await store.close()
  await mustBeTidy(disks('store'))
  const now = ledger.at(Number.POSITIVE_INFINITY)
  const again = await openForTest(disks('store'))
  const last = new Map([...(await everythingIn(again, now)), ...(await elsewhereOf(disks, now))])
  mustEqual(mustBeAllowed(last, now, () => true).length, now.attempted.length, 'facts shown by a second open')
  await again.close()
}

/** Everything that a store shows, its snapshots too, each of them whole. */
async function everythingIn(store: Store, known: KnownFacts, isThorough = false): Promise<Map<string, string>> {
  const live = await contentsOf(store)
  const states = new Map(live.states)
  for (const info of await store.snapshots.list()) {
    states.set(`snapshot ${info.label}`, info.pinned ? 'pinned' : 'there')
    const { storeId: _, partitions: __, ...details } = await store.snapshots.get(info.id)
    mustEqual(info, details, `the row of ${info.label}`)
    await mustBeWhole(await store.snapshots.storageOf(info.id), { info, known, live }, isThorough)
  }
  return states
}

async function mustBeWhole(
  storage: Storage,
  { info, known, live }: { info: SnapshotInfo; known: KnownFacts; live?: Contents },
  isThorough = true,
): Promise<void> {
  const { label } = info
  const view = await openForTest(storage, { readOnly: true })
  const contents = await contentsOf(view)
  if (isThorough) {
    const report = await view.verify()
    must(report.ok, () => `snapshot ${label}: ${JSON.stringify(report.problems)}`)
  }
  await view.close()
  const fact = known.attempted.find(({ object, what }) => object === `snapshot ${label}` && what === 'create')
  must(fact !== undefined, () => `nobody took snapshot ${label}`)
  if (fact.contents !== undefined) mustEqual(contentsText(contents), fact.contents, `what snapshot ${label} holds`)
  const numbers = [...contents.states].map(([object, text]) => (isTopic(object) ? topicOf(text).numbers.length : 0))
  mustEqual(
    info.events,
    numbers.reduce((sum, count) => sum + count, 0),
    `events that ${label} says`,
  )
  for (const [id, event] of live?.events ?? [])
    if (contents.events.has(id)) mustEqual(event, contents.events.get(id), `event ${id} in ${label} and in the store`)
}

function isTopic(object: string): boolean {
  return object.startsWith('topic ')
}

/** Restored places and exported snapshots that anybody made. */
async function elsewhereOf(disks: Disks, known: KnownFacts): Promise<Map<string, string>> {
  const states = new Map<string, string>()
  for (const place of namesOf(known, 'place')) {
    const text = await placeText(disks(place))
    if (text !== undefined) states.set(`place ${place}`, text)
  }
  if (namesOf(known, 'exported').length === 0) return states
  const catalogue = new SnapshotCatalogue(disks('exported'))
  for (const info of await catalogue.list()) {
    states.set(`exported ${info.label}`, info.pinned ? 'pinned' : 'there')
    await mustBeWhole(catalogue.storageOf(info.id), { info, known })
  }
  return states
}

function namesOf({ attempted }: KnownFacts, kind: string): string[] {
  const names = attempted.flatMap(({ object }) =>
    object.startsWith(`${kind} `) ? [object.slice(kind.length + 1)] : [],
  )
  return [...new Set(names)]
}

/** What a place holds; undefined when there is no store in it. */
async function placeText(storage: Storage): Promise<string | undefined> {
  try {
    const store = await openForTest(storage, { readOnly: true })
    const contents = await contentsOf(store)
    await mustBeUndamaged(store)
    await store.close()
    return contentsText(contents)
  } catch (error) {
    if (isVarveError(error, 'STORE_MISSING')) return undefined
    throw error
  }
}

/** Do what was under way once more: its last step for each place, export or topic that is not there. */
async function doAgain(author: SnapshotAuthor, disks: Disks, { known, ledger }: Found): Promise<void> {
  const now = () => ledger.at(Number.POSITIVE_INFINITY).attempted
  const isOpen = (fact: Fact) => !now().includes(fact)
  for (const fact of known.attempted.filter(isOpen)) {
    const [kind, name = ''] = fact.object.split(' ')
    const [what, label = ''] = fact.what.split(' ')
    if (kind === 'place' && what === 'restore' && (await author.find(label)) !== undefined)
      await author.restore(label, name, { to: disks(name), overwrite: true })
    else if (kind === 'exported' && (await author.find(name)) !== undefined)
      await author.export(name, disks('exported'))
    else if (what === 'fork' && !now().some(({ object }) => object === fact.object)) await author.fork('orders', name)
  }
  for (const place of namesOf(ledger.at(Number.POSITIVE_INFINITY), 'place')) await goOnIn(disks(place))
}

/** Write to a restored store. */
async function goOnIn(storage: Storage): Promise<void> {
  const store = await openForTest(storage)
  const event = { kind: 'Changed', entity: 'after', data: { number: AFTERWARDS } }
  for (const { topic: name } of await store.topics.list()) await (await store.topics.open(name)).append(event)
  for (const { history: name } of await store.histories.list())
    await (await store.histories.open(name)).append({ number: AFTERWARDS })
  await mustBeUndamaged(store)
  await store.close()
  await mustHaveOnlyNamed(storage, ['topics', 'documents', 'histories'])
}

/** Everything that the store has goes on, and another snapshot of it can be taken. */
async function goOn(author: SnapshotAuthor, label: string): Promise<void> {
  const { store } = author
  for (const { topic } of await store.topics.list()) await author.append(topic)
  for (const { history: name } of await store.histories.list()) await author.version(name)
  await author.snapshot(label, { pinned: true })
}

async function mustBeUndamaged(store: Store): Promise<void> {
  const report = await store.verify()
  must(report.ok, () => `verify: ${JSON.stringify(report.problems)}`)
}

/** Nothing is left of what did not come about. */
async function mustBeTidy(storage: Storage): Promise<void> {
  const catalogue = new SnapshotCatalogue(storage)
  const infos = await catalogue.list()
  const names = (await storage.list('.snapshots')).map(({ name }) => name)
  const wanted = infos.flatMap(({ id, pinned }) => (pinned ? [id, `${id}.pinned`] : [id]))
  mustEqual(names.sort(), [...wanted, 'snapshots.json'].sort(), 'what is in .snapshots')
  for (const { id } of infos) {
    const state = await catalogue.state(id)
    const view = catalogue.storageOf(id)
    const files = [...truthFiles(state), ...(await derivedFiles(view, state))].map(({ path }) => path)
    const found = (await filesIn(view, '')).filter((path) => !path.startsWith('MANIFEST-'))
    mustEqual(found.sort(), files.sort(), `files of ${id}`)
  }
  // What a topic or a fork had made when it crashed stays, under names that the next one does not use.
  await mustHaveOnlyNamed(storage, ['documents', 'histories'])
}

/** Files of topics, documents and histories are those of the manifest. */
async function mustHaveOnlyNamed(storage: Storage, roots: readonly string[]): Promise<void> {
  const view = await readManifest(storage)
  if (view === undefined) throw new ScenarioFailure('no manifest after a close')
  const { state } = view
  mustEqual(state.removing, undefined, 'files left to remove')
  const kept = state.topics.map(({ name }) => `topics/${name}/`)
  const named = new Set(truthFiles(state).map(({ path }) => path))
  for (const directory of roots)
    for (const path of await filesIn(storage, directory)) {
      // What a roll, a recovery or a pruning of a topic had begun when it crashed stays until the topic goes.
      if (named.has(path) || kept.some((directory) => path.startsWith(directory))) continue
      must(!/\.(?:log|vdoc|vgrp)$|versions-/.test(path), () => `${path} is there, and nothing needs it`)
    }
}

async function filesIn(storage: Storage, directory: string): Promise<string[]> {
  const found: string[] = []
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') found.push(...(await filesIn(storage, path)))
    else found.push(path)
  }
  return found
}
