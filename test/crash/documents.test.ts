/** Goal: no crash loses an acknowledged version of a document, shows half of one, or leaves a file that nobody needs.
 * Method: workloads run on a simulated disk, which is crashed at every operation in every mode; each different
 * image is opened and held against the ledger, and some are crashed again while they recover. A failure prints its
 * workload, operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { Ledger, mustSurvive } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { stalledStorage } from '../faults/stalled-storage.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { mustSettle } from '../support/settle.ts'
import { Author, type Change, mustBeTidy } from './documents-oracle.ts'
import { copied, documenting, takenOver, together, versions } from './documents-workloads.ts'
import { openForTest, passTime } from './oracle.ts'

const IMAGES_FLOOR = share(450)
const NESTED_FLOOR = share(120)
const total = { unique: 0, nested: 0 }

const runs = [
  documenting('versions', versions),
  documenting('together', together),
  documenting('taken-over', takenOver),
  copied,
]

describe('a store with documents that crashed', () => {
  test.each(runs)('shows each document whole and acknowledged: $name', { timeout: 300_000 }, async (run) => {
    const nested = { images: share(10), points: 12 }
    const report = await mustSurvive({ ...run, seeds: 4, imagesMax: share(320), nested })
    total.unique += report.unique
    total.nested += report.nestedImages
  })
})

test('an owner that was stopped before it tidies up leaves the files of the next one alone', async () => {
  const files = new FaultFiles()
  const ledger = new Ledger<Change>(() => files.position)
  const isPlace = (method: string, path: string) => method === 'list' && path === 'documents/catalog'
  const { storage, arm, reached, release } = stalledStorage(faultStorage(files), isPlace)
  const run = async () => {
    const stale = await openForTest(storage)
    const author = new Author(stale, ledger, 1)
    await author.write('catalog', 2)
    arm()
    const late = author.write('catalog', 3)
    await reached
    const next = await openForTest(faultStorage(files), { takeOver: true })
    const { value, version } = await new Author(next, ledger, 500).write('catalog', 4)
    release()
    await late
    await stale.close().catch(() => undefined)
    const document = await next.documents.open('catalog')
    expect(document.version).toBe(version)
    expect(await document.read()).toEqual(value)
    await document.close()
    await next.close()
    await mustBeTidy(faultStorage(files))
  }
  await mustSettle(run(), passTime)
})

test('the explorations of documents reach their floors', () => {
  console.log(`crash images of documents on ${RUNTIME}: ${total.unique} unique, ${total.nested} nested`)
  expect(total.unique).toBeGreaterThanOrEqual(IMAGES_FLOOR)
  expect(total.nested).toBeGreaterThanOrEqual(NESTED_FLOOR)
})
