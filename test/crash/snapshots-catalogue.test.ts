/** Goal: a crash or a failed call at any moment leaves snapshots that are whole or not there, pins that stay, nothing
 * else after a clean-up, and never a byte written into a file that a snapshot shares.
 * Method: snapshots are taken, pinned and removed on a simulated disk, which is crashed at every operation in every
 * mode; then again with each call failing in each way. A failure prints its operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import { sweepErrors } from '../faults/error-sweep.ts'
import { type Ledger, mustSurvive } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { diskOf, mustBeWhole, type SnapshotChange, smallStore } from '../unit/snapshot/small-disk.ts'
import { bytesOf, FIRST_AT, type Still, sizesIn, stillOver } from '../unit/snapshot/still-host.ts'

/** Of the calls that fail, every so many. */
const STRIDE = RUNTIME === 'node' ? 13 : 61

const prepared = await smallStore()
const disk = await diskOf(prepared.storage)
const original = new Map<string, Uint8Array>()
for (const path of (await sizesIn(prepared.storage, '')).keys())
  original.set(path, await bytesOf(prepared.storage, path))

const first = `snapshot-${FIRST_AT + 1}`
const second = `snapshot-${FIRST_AT + 2}`
const third = `snapshot-${FIRST_AT + 3}`

function stillOn(files: FaultFiles): Still {
  return stillOver(faultStorage(files), new ManualClock(FIRST_AT), prepared.storage)
}

/** What callers do; what fails is left, as a caller may. */
async function workload(files: FaultFiles, ledger: Ledger<SnapshotChange>): Promise<void> {
  const still = stillOn(files)
  const attempt = async (change: SnapshotChange, work: () => Promise<unknown>) => {
    ledger.attempt(change)
    try {
      await work()
      ledger.acknowledge(change)
    } catch (error) {
      if (!isVarveError(error)) throw error
    }
  }
  await attempt({ id: first, to: 'there' }, () => still.take({ label: 'first' }))
  await attempt({ id: second, to: 'pinned' }, () => still.take({ topic: 'orders', pinned: true }))
  await attempt({ id: first, to: 'pinned' }, () => still.catalogue.pin(first, true))
  await attempt({ id: second, to: 'there' }, () => still.catalogue.pin(second, false))
  await attempt({ id: second, to: 'gone' }, async () => still.catalogue.remove(second))
  await attempt({ id: third, to: 'there' }, () => still.take())
  await attempt({ id: first, to: 'there' }, () => still.catalogue.pin(first, false))
  await attempt({ id: first, to: 'gone' }, async () => still.catalogue.remove(first))
}

const check = async (files: FaultFiles, known: Parameters<typeof mustBeWhole>[1]) =>
  mustBeWhole(stillOn(files).catalogue, known, original)

describe('snapshots', () => {
  test('are whole or not there after a crash', { timeout: 240_000 }, async () => {
    const nested = { images: share(60), points: 12 }
    const options = { name: 'snapshots', workload, check, files: { disk }, seeds: 3, imagesMax: share(1_000), nested }
    const report = await mustSurvive(options)
    expect(report.unique).toBeGreaterThan(share(150))
    expect(report.nestedImages).toBeGreaterThan(share(30))
  })

  test('are whole or not there after calls that failed', { timeout: 240_000 }, async () => {
    const report = await sweepErrors({
      name: 'snapshots',
      workload,
      check,
      files: { disk },
      stride: STRIDE,
    })
    console.log(`swept snapshots: ${report.calls} calls, ${report.cases} cases, ${report.checked} checked`)
    expect(report.failures).toEqual([])
    expect(report.cases).toBeGreaterThan(share(60))
  })

  test('leave nothing on a disk that is full, and can still be removed there', async () => {
    const files = new FaultFiles({ disk })
    const still = stillOn(files)
    const { id } = await still.take()
    const before = await sizesIn(still.storage, '')
    const grows = new Set(['write', 'link', 'create', 'makeDirectory'])
    let calls = 0
    for (let isWhole = false; !isWhole; calls++) {
      const from = files.position + calls
      // From this call on nothing can be written and no name can be made.
      files.failAt(({ index, kind }) => index >= from && grows.has(kind), 'ENOSPC', { sticky: true })
      const failure = await still.take({ pinned: true }).then(
        () => undefined,
        (error: unknown) => error,
      )
      files.clearFaults()
      isWhole = failure === undefined
      if (isWhole) break
      expect(failure).toMatchObject({ code: 'STORAGE_FULL' })
      expect(await sizesIn(still.storage, '')).toEqual(before)
      expect((await still.storage.list('.snapshots')).length).toBe(2)
    }
    expect(calls).toBeGreaterThan(10)
    const all = await still.catalogue.list()
    expect(all.map((info) => info.id)).toContain(id)
    files.failAt(({ kind }) => kind === 'write' || kind === 'create', 'ENOSPC', { sticky: true })
    await still.catalogue.remove(id)
    files.clearFaults()
    expect((await still.catalogue.list()).map((info) => info.id)).not.toContain(id)
    expect((await stillOn(files).catalogue.list()).map((info) => info.id)).not.toContain(id)
    expect(files.linkedWrites).toEqual([])
  })
})
