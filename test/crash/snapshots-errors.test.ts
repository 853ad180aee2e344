/** Goal: whatever file call fails while a snapshot is made, removed, restored, copied or forked, it is reported by a
 * typed error, the store goes on, a full disk is left as it was, and the same call succeeds when the cause is gone.
 * Method: each step runs on a store of everything, once for each of its file calls, each error that fits it, once and
 * for ever; also with the failures only in files that are not the store's own. Then all snapshots are checked byte by
 * byte, the store is opened again, and nothing half-made may be left.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { isVarveError, type Store, type VarveError } from '../../src/index.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue.ts'
import { casesOf, type FaultCase } from '../faults/error-sweep.ts'
import type { Operation } from '../faults/fault.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { RUNTIME } from '../support/runtime.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import {
  appendTo,
  beginWith,
  openWorld,
  passTime,
  placeOn,
  snapshotsWorld,
  storeText,
  textOf,
  type World,
  wrongWith,
} from './snapshots-image.ts'

const STRIDE = Number(process.env.Z_STRIDE ?? (RUNTIME === 'node' ? 37 : 370))
const FAILURES_MAX = Number(process.env.Z_MAX ?? 3)
const CUT = 17

let world: World
/** Disks that were opened again. */
const seen = new Set<string>()

beforeAll(async () => {
  world = await snapshotsWorld()
})

/** Something that is done with snapshots. */
interface Step {
  readonly name: string
  readonly run: (store: Store, files: FaultFiles) => Promise<unknown>
  /** Whether it is done; throws when it is done wrongly. */
  readonly isDone: (store: Store, files: FaultFiles) => Promise<boolean>
  /** Needs no room. */
  readonly frees?: boolean
  /** There are no links on this disk. */
  readonly copies?: boolean
  /** Snapshots that are gone then. */
  readonly gone?: () => readonly string[]
  /** What it answers when it was done although it failed. */
  readonly again?: string
}

const idOf = (at: 0 | 1 | 2) => world.infos[at].id
const isListed = async (store: Store, id: string) => (await store.snapshots.list()).some((info) => info.id === id)

/** Whether there are more snapshots than at first. Of those nobody knows the name. */
const hasNew = async (store: Store) => {
  const known = new Set(world.infos.map(({ id }) => id))
  return (await store.snapshots.list()).some(({ id }) => !known.has(id))
}

/** Whether a store with these answers is in a place. */
async function holds(files: FaultFiles, place: string, text: string | undefined): Promise<boolean> {
  try {
    const found = await storeText(placeOn(files, place))
    if (found === world.texts.get(place)) return false
    mustEqual(found, text, `what is restored to ${place}`)
    return true
  } catch (error) {
    if (isVarveError(error, 'STORE_MISSING')) return false
    throw error
  }
}

async function countOf(store: Store, topic: string): Promise<number | undefined> {
  const found = (await store.topics.list()).find((stats) => stats.topic === topic)
  if (found === undefined) return undefined
  let count = 0
  for await (const _ of (await store.topics.open(topic)).read()) count++
  return count
}

async function hasTopic(store: Store, topic: string, events: number): Promise<boolean> {
  const count = await countOf(store, topic)
  if (count !== undefined) mustEqual(count, events, `events of ${topic}`)
  return count !== undefined
}

async function isWholeIn(files: FaultFiles, place: string, info: World['exported']): Promise<boolean> {
  const catalogue = new SnapshotCatalogue(placeOn(files, place))
  if (!(await catalogue.list()).some(({ id }) => id === info.id)) return false
  mustEqual(await wrongWith(catalogue, info), [], `the copy in ${place}`)
  return true
}

const restored = (store: Store, files: FaultFiles, place: string, options = {}) =>
  store.snapshots.restore(idOf(1), { to: placeOn(files, place), ...options })

const STEPS: readonly Step[] = [
  {
    name: 'create',
    run: (store) => store.snapshots.create({ label: 'new', pinned: true }),
    isDone: hasNew,
  },
  { name: 'create by copies', copies: true, run: (store) => store.snapshots.create(), isDone: hasNew },
  { name: 'create of a topic', run: (store) => store.snapshots.create({ topic: 'wide' }), isDone: hasNew },
  {
    name: 'delete',
    frees: true,
    gone: () => [idOf(2)],
    again: 'SNAPSHOT_UNKNOWN',
    run: (store) => store.snapshots.delete(idOf(2)),
    isDone: async (store) => !(await isListed(store, idOf(2))),
  },
  {
    name: 'clean up',
    frees: true,
    gone: () => [idOf(1)],
    run: (store) => store.snapshots.cleanup({ policy: { maxSnapshots: 1 } }),
    isDone: async (store) => !(await isListed(store, idOf(1))),
  },
  {
    name: 'pin',
    run: (store) => store.snapshots.pin(idOf(2)),
    isDone: async (store) => (await store.snapshots.list())[0]?.pinned === true,
  },
  {
    name: 'unpin',
    frees: true,
    run: (store) => store.snapshots.pin(idOf(0), false),
    isDone: async (store) => (await store.snapshots.list())[2]?.pinned === false,
  },
  {
    name: 'restore',
    again: 'RESTORE_NOT_EMPTY',
    run: (store, files) => restored(store, files, 'target'),
    isDone: (_, files) => holds(files, 'target', world.texts.get(idOf(1))),
  },
  {
    name: 'restore by copies over a store',
    copies: true,
    run: (store, files) => restored(store, files, 'old', { overwrite: true }),
    isDone: (_, files) => holds(files, 'old', world.texts.get(idOf(1))),
  },
  {
    name: 'restore as a topic',
    again: 'TOPIC_EXISTS',
    run: (store) => store.snapshots.restore(idOf(1), { as: 'again', topic: 'orders', until: { offset: CUT } }),
    isDone: (store) => hasTopic(store, 'again', CUT - 6),
  },
  {
    name: 'fork',
    again: 'TOPIC_EXISTS',
    run: (store) => store.topics.fork('orders', 'branch', { until: { offset: CUT } }),
    isDone: (store) => hasTopic(store, 'branch', CUT - 6),
  },
  {
    name: 'fork at the end',
    again: 'TOPIC_EXISTS',
    run: (store) => store.topics.fork('wide', 'branch'),
    isDone: (store) => hasTopic(store, 'branch', 6),
  },
  {
    name: 'export',
    run: (store, files) => store.snapshots.export(idOf(1), placeOn(files, 'place')),
    isDone: (_, files) => isWholeIn(files, 'place', world.infos[1]),
  },
  {
    name: 'import',
    run: (store, files) => store.snapshots.import(world.exported.id, placeOn(files, 'other')),
    isDone: (_, files) => isWholeIn(files, 'store', world.exported),
  },
]

/** A directory of a disk as names, without what the store writes for itself. */
function namesOn(files: FaultFiles): string[] {
  const isOwn = (path: string) =>
    /^\/[a-z]+\/(?:MANIFEST-|head-)|\.(?:terms|index|timeindex|ckpt)$|\/terms-|\/snapshots\.json$/.test(path)
  return (
    files
      .digest()
      .split('\n')
      .map((line) => line.replace(/=.*/, ''))
      // Every store has an empty one, also where a restore found nothing.
      .filter((path) => !isOwn(path) && !/^\/[a-z]+\/tmp\/$|^\/target\/$/.test(path))
  )
}

function namesNotIn(names: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others)
  return names.filter((name) => !known.has(name))
}

/** What happens to the calls of a step. */
interface Trial {
  readonly what: string
  readonly fault: FaultCase
  /** Only calls on files that are not the store's own. */
  readonly isBeside: boolean
}

const isBesideStore = (path: string) => !/\/store(?:\/|$)/.test(path) || path.includes('/.snapshots')

const isLinkOfData = ({ kind, path }: Operation) => kind === 'link' && !path.includes('/tmp/')

async function begin(step: Step): Promise<{ files: FaultFiles; store: Store }> {
  const files = beginWith(world)
  const store = await openWorld(placeOn(files))
  await appendTo(store, 'orders', [950])
  if (step.copies === true) files.failAt(isLinkOfData, 'EXDEV', { sticky: true })
  return { files, store }
}

/** The calls that a step makes. */
async function callsOf(step: Step): Promise<Operation[]> {
  const { files, store } = await begin(step)
  const from = files.position
  await step.run(store, files)
  const calls = files.journal.slice(from).map((call) => ({ ...call, index: call.index - from }))
  must(await step.isDone(store, files), `${step.name} is not done`)
  await store.close()
  return calls
}

function* trialsOf(calls: readonly Operation[]): Iterable<Trial> {
  for (const call of calls)
    for (const fault of casesOf(call)) {
      // Of one byte that is nothing, which says that the file ends.
      if (fault.sticky === true && fault.text.includes('SHORT bytes=all but 1')) continue
      yield { what: fault.text, fault, isBeside: false }
      if (fault.sticky === true && isBesideStore(call.path))
        yield { what: `${fault.text} beside the store`, fault, isBeside: true }
    }
}

async function failing(step: Step, { fault, isBeside }: Trial): Promise<void> {
  const { files, store } = await begin(step)
  const { operation, errno, text: _, ...options } = fault
  const at = files.position + operation.index
  const before = namesOn(files)
  const where = isBeside ? ({ index, path }: Operation) => index >= at && isBesideStore(path) : at
  if (step.copies === true) files.clearFaults()
  files.failAt(where, errno, options)
  if (step.copies === true) files.failAt(isLinkOfData, 'EXDEV', { sticky: true })
  const error = await errorOf(step.run(store, files))
  const after = namesOn(files)
  if (isBeside) await appendTo(store, 'orders', [960])
  files.clearFaults()
  const hit = files.journal.slice(at).filter((call) => call.errno !== undefined && call.errno !== 'EXDEV')
  if (errno === 'ENOSPC' && error !== undefined && !isPoison(error)) {
    mustEqual(error.code, 'STORAGE_FULL', 'the error of a full disk')
    must(step.frees !== true, 'what frees space fails on a full disk')
    mustEqual(namesNotIn(after, before), [], 'files left on a full disk')
  }
  if (await isPoisoned(store))
    must(
      hit.some(({ path }) => !isBesideStore(path)),
      'the store gave up for nothing',
    )
  else {
    await appendTo(store, 'orders', [970])
    await again(step, { store, files, error })
    await mustBeRight(step, store, files)
  }
  await store.close()
  mustEqual(linkedWrites(files), [], 'writes into files that are shared')
  const disk = `${step.name}\n${files.digest()}`
  if (seen.has(disk)) return
  seen.add(disk)
  await mustReopen(step, { files, error })
}

const isPoison = ({ code }: VarveError) => code === 'STORE_POISONED' || code === 'STORE_FENCED'

/** A claim that could not be removed is a second name of the manifest of its owner. */
function linkedWrites(files: FaultFiles): Operation[] {
  return files.linkedWrites.filter(({ path }) => !/\/(?:old|target|store)\/MANIFEST-\d+$/.test(path))
}

async function isPoisoned(store: Store): Promise<boolean> {
  return (await store.stats()).state !== 'open'
}

async function errorOf(work: Promise<unknown>): Promise<VarveError | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isVarveError(error)) return error
    throw new ScenarioFailure(`not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
  }
}

/** What failed succeeds. */
async function again(
  step: Step,
  { store, files, error }: { store: Store; files: FaultFiles; error: VarveError | undefined },
): Promise<void> {
  if (error !== undefined) {
    const wasDone = await step.isDone(store, files)
    const second = await errorOf(step.run(store, files))
    const isFine = second === undefined || (wasDone && second.code === step.again)
    must(isFine, () => `after ${error.code} the same call gives ${second?.code}: ${second?.stack}`)
  }
  must(await step.isDone(store, files), 'it is not done')
}

/** Every snapshot is listed, and whole. */
async function mustBeRight(step: Step, store: Store, files: FaultFiles): Promise<void> {
  const catalogue = new SnapshotCatalogue(placeOn(files))
  const listed = await store.snapshots.list()
  for (const info of world.infos) {
    if (step.gone?.().includes(info.id) === true) continue
    must(
      listed.some(({ id }) => id === info.id),
      `${info.id} is not listed`,
    )
    mustEqual(await wrongWith(catalogue, info), [], 'a snapshot')
  }
  for (const info of listed) mustEqual(await wrongWith(catalogue, info), [], 'a listed snapshot')
}

async function mustReopen(
  step: Step,
  { files, error }: { files: FaultFiles; error: VarveError | undefined },
): Promise<void> {
  const store = await openWorld(placeOn(files))
  // Some wait for the clean-up that an open begins.
  await store.snapshots.cleanup({ policy: { maxSnapshots: 1000, retentionTimeMs: 1e12 } })
  await again(step, { store, files, error: (await step.isDone(store, files)) ? undefined : error })
  await mustBeRight(step, store, files)
  const text = await textOf(store)
  const lines = (world.texts.get('store') ?? '').split('\n').filter((line) => /^(?:\{|catalog|board)/.test(line))
  mustEqual(
    lines.filter((line) => !text.includes(line)),
    [],
    'what the store lost',
  )
  const { problems } = await store.verify()
  mustEqual(
    problems.filter(({ damage }) => damage),
    [],
    'damage of the store',
  )
  const known = new Set(
    (await store.snapshots.list()).flatMap(({ id, pinned }) => (pinned ? [id, `${id}.pinned`] : [id])),
  )
  const names = (await placeOn(files).list('.snapshots')).map(({ name }) => name)
  mustEqual(
    names.filter((name) => name !== 'snapshots.json' && !known.has(name)),
    [],
    'strangers among snapshots',
  )
  await store.close()
  // The next copy to a place replaces the catalogue there.
  const half = [...files.files().keys()].filter((path) => /^\/(?!place).*(?:\.tmp|\.part)$/.test(path))
  mustEqual(half, [], 'temporary files')
  mustEqual(linkedWrites(files), [], 'writes into files that are shared')
}

describe('a failing call in', () => {
  test.each(STEPS)('$name is reported and loses nothing', { timeout: 600_000 }, async (step) => {
    const calls = await mustSettle(callsOf(step), passTime)
    const trials = [...trialsOf(calls)].filter((_, at) => at % STRIDE === 0)
    const failures: string[] = []
    for (const trial of trials) {
      const failure = await mustSettle(failing(step, trial), passTime).catch((error: unknown) =>
        error instanceof Error ? error.stack : String(error),
      )
      if (failure !== undefined) failures.push(`FAULT step=${step.name} ${trial.what}: ${failure}`)
      if (failures.length >= FAILURES_MAX) break
    }
    console.log(
      `swept ${step.name} on ${RUNTIME}: ${calls.length} calls, ${trials.length} cases, ${seen.size} disks so far`,
    )
    expect(failures).toEqual([])
  })
})
