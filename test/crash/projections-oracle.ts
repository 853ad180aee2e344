/** What must be true of the projections of a store after anything happened to its disk.
 *
 * The ledger knows how far each projection was published. `mustHoldProjections` opens the store and checks: what was
 * published is not lost (P1); a state is that of the events below its positions, each folded once and in order, by the
 * fold that it says (P2); so is every state that is kept (P3); the next run folds what comes after and nothing else
 * (P4); the state at any offset is that of the events before it (P5); `verify` agrees (P6); after a close every file is
 * one that the manifest names (P7).
 * @module */
import { isVarveError, type Projection, type Store, type StoredEvent } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { mustBeTidy } from './documents-oracle.ts'
import { openForTest } from './oracle.ts'

/** How far a projection is. */
export interface Mark {
  readonly name: string
  /** 0: created. */
  readonly foldVersion: number
  /** Events folded, of all partitions. */
  readonly events: number
  /** It was stopped by the event at this offset. */
  readonly failedAt?: number
  /** It was deleted, or was to be. */
  readonly isGone?: boolean
}

export type MarkLedger = Ledger<Mark>

/** Which events were folded, by partition. */
export interface Folded {
  fold: number
  seen: number[][]
}

const sum = (positions: readonly number[]) => positions.reduce((all, end) => all + end, 0)

/** What is folded when the events below positions are. */
export function foldedTo(positions: readonly number[], version: number): Folded {
  return { fold: version, seen: positions.map((end) => Array.from({ length: end }, (_, offset) => offset)) }
}

/** A fold that records what it is given, and counts. */
export function recording(version: number, partitions: number, failsAt = Number.POSITIVE_INFINITY) {
  const calls = { count: 0 }
  return {
    calls,
    version,
    initial: (): Folded => foldedTo(new Array<number>(partitions).fill(0), version),
    apply: (state: Folded, { partition, offset }: StoredEvent): Folded => {
      calls.count++
      state.seen[partition]?.push(offset)
      if (offset >= failsAt) throw new Error('not this one')
      return state
    },
  }
}

/** Check the invariants, and tell the ledger what was shown and published. @throws {ScenarioFailure} */
export async function mustHoldProjections(
  storage: () => Storage,
  { known, ledger }: { known: Known<Mark>; ledger: MarkLedger },
): Promise<void> {
  const store = await openForTest(storage())
  const shown: Mark[] = []
  for (const name of new Set(known.attempted.map((mark) => mark.name))) {
    const mine = (marks: readonly Mark[]) => marks.filter((mark) => mark.name === name)
    const mark = await mustShow(store, name, {
      attempted: mine(known.attempted),
      acknowledged: mine(known.acknowledged),
    })
    shown.push(mark)
  }
  ledger.shown(shown)
  for (const { name, foldVersion } of shown.filter(({ isGone }) => !isGone)) {
    const mark = await mustGoOn(store, name, Math.max(1, foldVersion), ledger)
    ledger.acknowledge(mark)
  }
  const verified = await store.verify()
  must(verified.ok, () => `verify: ${JSON.stringify(verified.problems)}`)
  const unknown = verified.unknownFiles.filter((file) => !file.startsWith('topics/'))
  mustEqual(unknown, [], 'files that verify does not know')
  await store.close()
  await mustBeTidy(storage())
  await mustHaveGroups(storage())
}

async function mustShow(store: Store, name: string, { attempted, acknowledged }: Known<Mark>): Promise<Mark> {
  const projection = await store.projections.open<Folded>(name).catch((error: unknown) => {
    if (isVarveError(error, 'PROJECTION_UNKNOWN')) return undefined
    throw error
  })
  const last = acknowledged.at(-1)
  if (projection === undefined) {
    const mayBeGone = last === undefined || attempted.at(-1)?.isGone === true
    must(mayBeGone, () => `${name} is gone`)
    return { name, foldVersion: 0, events: 0, isGone: true }
  }
  must(last?.isGone !== true, () => `${name} was deleted, but is there`)
  const { foldVersion, publishedPositions, failure } = await projection.status()
  const events = sum(publishedPositions)
  if (last !== undefined) {
    const isKept = foldVersion > last.foldVersion || (foldVersion === last.foldVersion && events >= last.events)
    must(isKept, () => `${name} is at ${foldVersion}, ${events}: lost ${last.foldVersion}, ${last.events}`)
    if (last.failedAt !== undefined && events === last.events && attempted.at(-1) === last) {
      mustEqual(failure?.offset, last.failedAt, `where ${name} was stopped`)
    }
  }
  if (foldVersion === 0) {
    const code = await projection.state().catch((error: { code?: string }) => error.code)
    mustEqual(code, 'PROJECTION_EMPTY', `state of ${name}, which never ran`)
  } else {
    const { state, positions } = await projection.state()
    mustEqual(positions, publishedPositions, `positions of ${name}`)
    mustEqual(state, foldedTo(positions, foldVersion), `state of ${name}`)
  }
  await mustKeep(store, projection)
  return { name, foldVersion, events }
}

/** Every version of a history of states is right by itself. */
async function mustKeep(store: Store, projection: Projection<Folded>): Promise<void> {
  const { keep } = await projection.status()
  if (keep !== 'history') return
  const history = await store.histories.open(`_${projection.name}`)
  for await (const { version, metadata } of history.index()) {
    const { positions, foldVersion } = metadata as { positions: number[]; foldVersion: number }
    const what = `version ${version} of ${projection.name}`
    mustEqual(await history.read({ version, check: true }), foldedTo(positions, foldVersion), what)
  }
}

async function mustGoOn(store: Store, name: string, version: number, ledger: MarkLedger): Promise<Mark> {
  const before = await (await store.projections.open(name)).status()
  const partitions = before.highWatermarks.length
  const fold = recording(version, partitions)
  const projection = await store.projections.open<Folded>(name, { fold })
  const all = sum(before.highWatermarks)
  const from = before.foldVersion === version ? sum(before.publishedPositions) : 0
  const mark: Mark = { name, foldVersion: version, events: all }
  ledger.attempt(mark)
  await projection.run()
  mustEqual(fold.calls.count, all - from, `events that ${name} folded after ${from}`)
  const { state, positions } = await projection.state()
  mustEqual(positions, before.highWatermarks, `positions of ${name} after a run`)
  mustEqual(state, foldedTo(positions, version), `state of ${name} after a run`)
  if (partitions > 1) return mark
  for (let offset = 0; offset <= all; offset++) {
    const found = await projection.stateAt({ offset })
    mustEqual(found.state, foldedTo([offset], version), `state of ${name} at ${offset}`)
  }
  return mark
}

/** After a close there is no file of a history but those of its groups. */
async function mustHaveGroups(storage: Storage): Promise<void> {
  const rows = (await readManifest(storage))?.state.histories ?? []
  const wanted = rows.flatMap(({ name, groups }) => groups.map(({ file }) => `${name}/${file}.vgrp`))
  const found: string[] = []
  for (const { name } of await storage.list('histories')) {
    for (const file of await storage.list(`histories/${name}`)) found.push(`${name}/${file.name}`)
  }
  mustEqual(found.sort(), wanted.sort(), 'files of histories after a close')
}
