/** Copies of snapshots to a disk that loses power, or fails, at any of their calls.
 *
 * Goal: what is listed on the disk is whole; what was reported as copied is listed; the next copy ends well.
 * Method: two snapshots are copied one after the other from a store that is well, and the disk is crashed at every
 * operation, or every call fails once or from then on; what is left is checked, copied to again, and checked.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { sameBytes } from '../../src/codec/bytes.ts'
import { isVarveError } from '../../src/errors.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../src/snapshot/check/check.ts'
import { sweepErrors } from '../faults/error-sweep.ts'
import { type Known, type Ledger, mustSurvive } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { share } from '../support/runtime.ts'
import { bytesUnder, copy, type Image, Source } from '../unit/snapshot/export-support.ts'

const NOTHING = new Uint8Array(0)

const ids: string[] = []
let from: SnapshotCatalogue
let images: ReadonlyMap<string, Image>

beforeAll(async () => {
  const source = new Source(memoryStorage())
  await source.createTopic()
  await source.writeDocument('catalog', { name: 'first' })
  for (const batches of [6, 2]) {
    await source.grow(batches)
    ids.push(await source.snapshot())
  }
  from = source.catalogue
  await from.pin(ids[0] ?? '', true)
  images = new Map(await Promise.all(ids.map(async (id) => [id, await bytesUnder(from.storageOf(id))] as const)))
})

/** Copy both; errors of the disk end it. */
async function workload(files: FaultFiles, ledger: Ledger<string>): Promise<void> {
  const to = new SnapshotCatalogue(faultStorage(files))
  try {
    for (const id of ids) {
      ledger.attempt(id)
      await copy({ from, to }, id)
      ledger.acknowledge(id)
    }
  } catch (error) {
    if (!isVarveError(error)) throw error
  }
}

async function checkImage(files: FaultFiles, known: Known<string>, ledger: Ledger<string>): Promise<void> {
  const to = new SnapshotCatalogue(faultStorage(files))
  const listed = (await to.list()).map(({ id }) => id).toReversed()
  expect(listed.slice(0, known.acknowledged.length)).toEqual(known.acknowledged)
  for (const id of listed) await expectWhole(to, id)
  for (const id of ids) await copy({ from, to }, id)
  for (const id of ids) await expectWhole(to, id)
  ledger.shown(ids)
}

async function expectWhole(to: SnapshotCatalogue, id: string): Promise<void> {
  const { problems } = await checkTruth(to.storageOf(id), await to.state(id), {})
  expect(problems).toEqual([])
  const found = await bytesUnder(to.storageOf(id))
  const other = [...(images.get(id) ?? [])].filter(([path, bytes]) => !sameBytes(bytes, found.get(path) ?? NOTHING))
  expect(other).toEqual([])
  expect((await to.info(id)).pinned).toBe(id === ids[0])
}

describe('copySnapshot', { timeout: 300_000 }, () => {
  test('survives a crash at any operation', async () => {
    const imagesMax = share(200)
    await mustSurvive<string>({ name: 'export', workload, check: checkImage, imagesMax })
  })

  test('survives a crash of the copy that goes on', async () => {
    const nested = { images: share(10), points: 4 }
    await mustSurvive<string>({ name: 'export again', workload, check: checkImage, nested, imagesMax: share(100) })
  })

  test('survives the failure of any call', async () => {
    const report = await sweepErrors<string>({
      name: 'export',
      workload,
      check: checkImage,
      stride: 1_300 / share(100),
    })
    console.log(`swept export: ${report.calls} calls, ${report.cases} cases, ${report.checked} checked`)
    expect(report.failures).toEqual([])
  })
})
