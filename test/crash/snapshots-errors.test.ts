/** Goal: whatever file call fails while a snapshot is made, removed, restored, copied or forked, it is reported by a
 * typed error, the store goes on, a full disk is left as it was, and the same call succeeds when the cause is gone.
 * Method: each step runs on a store of everything, once for each of its file calls, each error that fits it, once and
 * for ever; also with the failures only in files that are not the store's own. Then all snapshots are checked byte by
 * byte, the store is opened again, and nothing half-made may be left.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { isVarveError, type Store, type VarveError } from '../../src/index.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import type { Disk } from '../faults/disk.ts'
import { casesOf, type FaultCase } from '../faults/error-sweep.ts'
import type { Operation } from '../faults/fault.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { RUNTIME } from '../support/runtime.ts'
import { must, mustEqual, plain, ScenarioFailure } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import {
  appendTo,
  beginWith,
  later,
  openWorld,
  passTime,
  placeOn,
  snapshotsWorld,
  textOf,
  type World,
  wrongWith,
} from './snapshots-image.ts'
import { STEPS, type Step } from './snapshots-steps.ts'

const STRIDE = RUNTIME === 'node' ? 97 : 970
const FAILURES_MAX = 3

let world: World
/** Disks that were opened again. */
const seen = new Set<string>()

beforeAll(async () => {
  world = await snapshotsWorld()
})

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
  await step.run({ world, store, files })
  const calls = files.journal.slice(from).map((call) => ({ ...call, index: call.index - from }))
  must(await step.isDone({ world, store, files }), `${step.name} is not done`)
  await store.close()
  return calls
}

function* trialsOf(calls: readonly Operation[]): Iterable<Trial> {
  for (const call of calls)
    for (const fault of casesOf(call)) {
      // A part of one byte is nothing, which says that the file ends; and calls that work and always say that they did
      // not leave no way to clean up.
      if (fault.sticky === true && (fault.errno === 'SHORT' || fault.applied === true)) continue
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
  const error = await errorOf(step.run({ world, store, files }))
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
    const wasDone = await step.isDone({ world, store, files })
    const second = await errorOf(step.run({ world, store, files }))
    const isFine = second === undefined || (wasDone && second.code === step.again)
    must(isFine, () => `after ${error.code} the same call gives ${second?.code}: ${second?.stack}`)
  }
  must(await step.isDone({ world, store, files }), 'it is not done')
}

/** Every snapshot is listed, and whole. */
async function mustBeRight(step: Pick<Step, 'gone'>, store: Store, files: FaultFiles): Promise<void> {
  const catalogue = new SnapshotCatalogue(placeOn(files))
  const listed = await store.snapshots.list()
  for (const info of world.infos) {
    if (step.gone?.(world).includes(info.id) === true) continue
    must(
      listed.some(({ id }) => id === info.id),
      `${info.id} is not listed`,
    )
    mustEqual(await wrongWith(catalogue, info), [], 'a snapshot')
  }
  for (const info of listed) mustEqual(await wrongWith(catalogue, info), [], 'a listed snapshot')
}

async function mustReopen(
  step: Pick<Step, 'gone'> | Step,
  { files, error }: { files: FaultFiles; error: VarveError | undefined },
): Promise<void> {
  const store = await openWorld(placeOn(files))
  // Some wait for the clean-up that an open begins.
  await store.snapshots.cleanup({ policy: { maxSnapshots: 1000, retentionTimeMs: 1e12 } })
  if ('run' in step)
    await again(step, { store, files, error: (await step.isDone({ world, store, files })) ? undefined : error })
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

/** A disk on which a snapshot was not made to its end, and the last one not removed to its end. */
async function halfDone(): Promise<Disk> {
  const files = beginWith(world)
  const store = await openWorld(placeOn(files))
  let isCut = false
  const cutAt = (path: string) => {
    isCut = false
    files.clearFaults()
    files.failAt(
      (call) => {
        isCut ||= call.path.includes(path) && (call.kind === 'unlink' || call.kind === 'rename')
        return isCut
      },
      'EIO',
      { sticky: true },
    )
  }
  cutAt('/manifest.tmp')
  must((await errorOf(store.snapshots.create({ pinned: true }))) !== undefined, 'the create was not cut off')
  cutAt(`${world.infos[2].id}/topics/`)
  must((await errorOf(store.snapshots.delete(world.infos[2].id))) !== undefined, 'the delete was not cut off')
  return files.crashImage(files.position, 'kept', 0).disk
}

const isLast: Pick<Step, 'gone'> = { gone: ({ infos }) => [infos[2].id] }

/** Open, and close, with a call that fails. */
async function opening(disk: Disk, fault?: FaultCase): Promise<FaultFiles> {
  later()
  const files = new FaultFiles({ disk })
  if (fault !== undefined) {
    const { operation, errno, text: _, ...options } = fault
    const { sticky } = options
    const where = ({ index, path }: Operation) => index >= operation.index && path.includes('/.snapshots')
    files.failAt(sticky === true ? where : operation.index, errno, options)
  }
  const store = await openWorld(placeOn(files))
  await appendTo(store, 'orders', [980])
  await store.close()
  files.clearFaults()
  return files
}

test('half-made snapshots are cleaned away, if not at once then by the next open', { timeout: 300_000 }, async () => {
  const disk = await mustSettle(halfDone(), passTime)
  const { journal } = await mustSettle(opening(disk), passTime)
  const calls = journal.filter(({ path }) => path.includes('/.snapshots'))
  const faults = calls.flatMap((call) => casesOf(call)).filter((_, at) => at % STRIDE === 0)
  const failures: string[] = []
  for (const fault of faults) {
    const run = async () => mustReopen(isLast, { files: await opening(disk, fault), error: undefined })
    const failure = await mustSettle(run(), passTime).catch((error: unknown) =>
      error instanceof Error ? error.stack : String(error),
    )
    if (failure !== undefined) failures.push(`FAULT opening ${fault.text}: ${failure}`)
    if (failures.length >= FAILURES_MAX) break
  }
  console.log(`swept opening on ${RUNTIME}: ${calls.length} calls, ${faults.length} cases`)
  expect(failures).toEqual([])
  expect(calls.length).toBeGreaterThan(50)
})

/** Everything that asks about snapshots and changes nothing. */
async function questions(store: Store): Promise<string> {
  const { snapshots } = store
  const { durationMs: _, ...report } = await snapshots.verify(world.infos[1].id)
  const { restoreMs: _r, durationMs: _d, ...drill } = await snapshots.drill(world.infos[2].id, { to: memoryStorage() })
  const plan = await snapshots.cleanup({ dryRun: true, policy: { maxSnapshots: 1 } })
  return plain([
    await snapshots.list(),
    await snapshots.get(world.infos[0].id),
    await snapshots.usage(),
    plan,
    report,
    drill,
  ])
}

async function asking(fault?: FaultCase): Promise<{ calls: readonly Operation[]; answers: string | VarveError }> {
  const files = beginWith(world)
  await placeOn(files).remove('.snapshots/snapshots.json')
  const store = await openWorld(placeOn(files), true)
  const from = files.position
  const { operation, errno = '', text: _, ...options } = fault ?? {}
  if (operation !== undefined) files.failAt(from + operation.index, errno, options)
  const answers = await questions(store).catch((error: unknown) => {
    if (isVarveError(error)) return error
    throw error
  })
  files.clearFaults()
  const calls = files.journal.slice(from).map((call) => ({ ...call, index: call.index - from }))
  await store.close()
  return { calls, answers }
}

test('questions are answered as ever or not at all while calls fail for a moment', { timeout: 300_000 }, async () => {
  const { calls, answers } = await asking()
  const passing = ['EMFILE', 'EINTR', 'SHORT']
  const all = calls.flatMap((call) => casesOf(call, passing)).filter(({ sticky }) => sticky !== true)
  const faults = all.filter((_, at) => at % STRIDE === 0)
  const failures: string[] = []
  for (const fault of faults) {
    const found = await asking(fault)
    if (found.answers === answers) continue
    const isTold = typeof found.answers !== 'string' && found.answers.retryable
    if (!isTold) failures.push(`FAULT asking ${fault.text}: ${plain(found.answers).slice(0, 300)}`)
  }
  console.log(`swept questions on ${RUNTIME}: ${calls.length} calls, ${faults.length} cases`)
  expect(failures).toEqual([])
  expect(calls.length).toBeGreaterThan(200)
})

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
