/** Goal: a restore that is cut off or fails leaves the old store or the new one, or an empty place an empty place,
 * which can be restored to again; it never writes into a file of the snapshot.
 * Method: a snapshot is restored on a simulated disk by links, or to it by copies, to nothing and over another store,
 * whole and up to an offset inside of a batch; the disk is crashed at every operation in every mode, and each call
 * fails in each way. What is left is compared, restored again, opened, appended to and verified.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { isVarveError } from '../../src/errors.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { storageAt } from '../../src/ports/storage-at.ts'
import { restoreSnapshot } from '../../src/snapshot/restore/restore.ts'
import type { RestoreOptions } from '../../src/snapshot/types.ts'
import { openStore } from '../../src/store/open.ts'
import { sweepErrors } from '../faults/error-sweep.ts'
import { type Known, type Ledger, mustSurvive } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { freeze, ID, restoreParts } from '../unit/snapshot/frozen-store.ts'
import { diskOf } from '../unit/snapshot/small-disk.ts'
import { sizesIn } from '../unit/snapshot/still-host.ts'

/** Of the calls that fail, every so many. */
const STRIDE = RUNTIME === 'node' ? 11 : 61
const CUT = 7

async function fill(storage: Storage, batches: number, word: string): Promise<void> {
  const place = { storage, clock: new ManualClock(), random: seededRandom(batches) }
  await createSmallTopic(place, { name: 'log', partitions: 1, segmentBytes: 1_000 })
  const store = await openStore(place)
  const log = await store.topics.open('log')
  for (let n = 0; n < batches; n++)
    await log.append([0, 1, 2].map((at) => ({ kind: word, entity: `e${at}`, data: `${n}`.repeat(120) })))
  await store.documents.write('catalog', { word })
  const board = await store.histories.open('board', { create: true })
  await board.append({ word })
  await store.close()
}

async function rootOf(work: (from: Storage, to: Storage) => Promise<void>): Promise<Storage> {
  const root = memoryStorage()
  await work(storageAt(root, 'from'), storageAt(root, 'to'))
  return root
}

const fillSource = async (from: Storage) => {
  await fill(storageAt(from, `.snapshots/${ID}`), 4, 'new')
  await freeze(from)
}
const emptyDisk = await diskOf(await rootOf(fillSource))
const fullDisk = await diskOf(
  await rootOf(async (from, to) => {
    await fillSource(from)
    await fill(to, 2, 'old')
  }),
)

interface Lane {
  readonly name: string
  readonly isFull: boolean
  readonly links: boolean
  readonly until?: RestoreOptions['until']
}

const LANES: readonly Lane[] = [
  { name: 'links to nothing', isFull: false, links: true },
  { name: 'links over a store', isFull: true, links: true },
  { name: 'copies over a store', isFull: true, links: false },
  { name: 'a cut in a batch, to nothing', isFull: false, links: true, until: { offset: CUT } },
]

function diskFor({ isFull }: Lane) {
  return { disk: isFull ? fullDisk : emptyDisk }
}

function restore(lane: Lane, root: Storage, overwrite = lane.isFull) {
  // On another disk nothing can be linked.
  const from = storageAt(lane.links ? root : faultStorage(new FaultFiles({ disk: emptyDisk })), 'from')
  const parts = restoreParts(from, { clock: new ManualClock(), random: seededRandom(9) })
  const { until } = lane
  return restoreSnapshot(parts, ID, { to: storageAt(root, 'to'), overwrite, ...(until && { until }) })
}

function workloadOf(lane: Lane) {
  return async (files: FaultFiles, ledger: Ledger<string>) => {
    ledger.attempt('restored')
    try {
      await restore(lane, faultStorage(files))
      ledger.acknowledge('restored')
    } catch (error) {
      if (!isVarveError(error)) throw error
    }
  }
}

/** Which store is there. */
async function found(lane: Lane, to: Storage): Promise<'new' | 'old' | 'none'> {
  try {
    const store = await openStore({ storage: to, readOnly: true, clock: new ManualClock() })
    const words = new Set<string>()
    let events = 0
    for await (const { kind } of (await store.topics.open('log')).read({})) {
      words.add(kind)
      events++
    }
    const board = lane.until === undefined && (await (await store.histories.open('board')).read({}))
    const catalog = lane.until === undefined && (await store.documents.read('catalog'))
    const report = await store.verify()
    await store.close()
    expect(words.size).toBe(1)
    expect(report.problems.filter(({ damage }) => damage)).toEqual([])
    const [word] = words
    if (lane.until === undefined) expect([board, catalog]).toEqual([{ word }, { word }])
    // A check before this one may have appended some.
    const least = word === 'old' ? 6 : lane.until === undefined ? 12 : CUT
    expect(events - least).toBeGreaterThanOrEqual(0)
    expect(events - least).toBeLessThan(4)
    return word === 'old' ? 'old' : 'new'
  } catch (error) {
    if (isVarveError(error, 'STORE_MISSING')) return 'none'
    throw error
  }
}

function checkOf(lane: Lane) {
  return async (files: FaultFiles, known: Known<string>, ledger: Ledger<string>) => {
    const root = faultStorage(files)
    const to = storageAt(root, 'to')
    const before = await found(lane, to)
    if (known.acknowledged.includes('restored')) expect(before).toBe('new')
    else if (before !== 'new') expect(before).toBe(lane.isFull ? 'old' : 'none')
    if (before !== 'new') {
      await restore(lane, root)
      ledger.shown(['restored'])
      ledger.acknowledge('restored')
      expect(await found(lane, to)).toBe('new')
    }
    const store = await openStore({ storage: to, clock: new ManualClock(), random: seededRandom(5) })
    await (await store.topics.open('log')).append({ kind: 'new', entity: 'e0', data: 1 })
    expect((await store.verify()).problems.filter(({ damage }) => damage)).toEqual([])
    await store.close()
  }
}

describe.each(LANES)('restoreSnapshot() by $name', { timeout: 60_000 }, (lane) => {
  test('survives a crash at any operation', async () => {
    const imagesMax = share(200)
    const options = { workload: workloadOf(lane), check: checkOf(lane), files: diskFor(lane) }
    await mustSurvive<string>({ name: `restore by ${lane.name}`, ...options, seeds: 2, imagesMax })
  })

  test('survives the failure of any call', async () => {
    const options = { workload: workloadOf(lane), check: checkOf(lane), files: diskFor(lane), stride: STRIDE }
    const report = await sweepErrors<string>({ name: `restore by ${lane.name}`, ...options })
    console.log(
      `swept restore by ${lane.name}: ${report.calls} calls, ${report.cases} cases, ${report.checked} checked`,
    )
    expect(report.failures).toEqual([])
  })

  test('leaves nothing on a disk that is full', async () => {
    const before = await sizesIn(faultStorage(new FaultFiles(diskFor(lane))), '')
    const grows = new Set(['write', 'link', 'create', 'makeDirectory'])
    let calls = 0
    for (let isWhole = false; !isWhole; calls++) {
      const files = new FaultFiles(diskFor(lane))
      files.failAt(({ index, kind }) => index >= calls && grows.has(kind), 'ENOSPC', { sticky: true })
      const failure = await restore(lane, faultStorage(files)).then(
        () => undefined,
        (error: unknown) => error,
      )
      files.clearFaults()
      isWhole = failure === undefined
      if (isWhole) break
      expect(failure).toMatchObject({ code: 'STORAGE_FULL' })
      expect(await sizesIn(faultStorage(files), '')).toEqual(before)
      expect(files.linkedWrites).toEqual([])
    }
    expect(calls).toBeGreaterThan(5)
  })
})
