/** What the crash tests do to documents.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { limitedStorage } from '../conformance/limited.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { Author, type Change, type ChangeLedger, mustHoldDocuments } from './documents-oracle.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'

export type DocumentWorkload = (files: FaultFiles, ledger: ChangeLedger) => Promise<void>

/** Documents of one block and of several, written, replaced, deleted and made again, over owners that close and one
 * that vanishes. */
export const versions: DocumentWorkload = async (files, ledger) => {
  for (let round = 0; round < 3; round++) {
    const store = await openForTest(faultStorage(files))
    const author = new Author(store, ledger, 1 + round * 1_000)
    await author.write('catalog', 4)
    await author.write('catalog', 150, { via: 'json' })
    await author.write('notes', 2, { via: 'events' })
    await author.writeBroken('catalog', 60, round === 0 ? 'cut' : 'thrown')
    await author.delete('notes')
    await author.write('notes', 40)
    if (round === 2) await author.delete('catalog')
    if (round !== 1) await store.close()
  }
}

/** Writes beside each other, of two names and of one; the version that a reader has open is replaced. */
export const together: DocumentWorkload = async (files, ledger) => {
  const store = await openForTest(faultStorage(files))
  const author = new Author(store, ledger, 1)
  const { value } = await author.write('catalog', 50)
  const reader = await store.documents.open('catalog')
  const { turn } = author
  await Promise.all([
    author.write('catalog', 5, { turn }),
    author.write('notes', 60, { via: 'json' }),
    author.write('catalog', 80, { via: 'json', turn }),
    author.write('orders', 3),
  ])
  mustEqual(await reader.read(), value, 'what is open while it is replaced')
  await Promise.all([author.writeBroken('orders', 30, 'thrown'), author.write('orders', 1), author.delete('notes')])
  await reader.close()
  await store.close()
}

/** A second owner takes over while the first one is writing, and both write the same documents: the first one must
 * fail then, and leave the files of the second alone. */
export const takenOver: DocumentWorkload = async (files, ledger) => {
  let owner = await openForTest(faultStorage(files))
  await new Author(owner, ledger, 1).write('catalog', 30)
  for (let round = 1; round <= 2; round++) {
    const author = new Author(owner, ledger, round * 1_000)
    const before = [author.write('catalog', 60, { via: 'json' }), author.write('notes', 3)]
    const opening = openForTest(faultStorage(files), { takeOver: true })
    const during = (async () => {
      for (let turn = 0; turn < 6; turn++) await author.write(turn % 2 === 0 ? 'orders' : 'catalog', 2 + turn)
    })()
    const next = await opening
    const after = new Author(next, ledger, round * 1_000 + 500)
    const afterwards = (async () => {
      await after.write('catalog', 10)
      await after.write('orders', 1)
    })()
    await Promise.allSettled([...before, during])
    await afterwards
    await owner.close().catch(() => undefined)
    owner = next
  }
  await owner.close()
}

/** Everything a writer of documents does, with any file call failing: what fails says so with the product's error, and
 * when the cause ends and nothing worse than a full device was reported, writing must work again. */
const faulty =
  (storageOf: (files: FaultFiles) => Storage): DocumentWorkload =>
  async (files, ledger) => {
    for (let round = 0; round < 2; round++) {
      const codes: string[] = []
      const attempt = <T>(work: Promise<T>) => work.catch((error: unknown) => void codes.push(mustBeTyped(error)))
      const store = await attempt(openForTest(storageOf(files)))
      if (store === undefined) continue
      const author = new Author(store, ledger, 1 + round * 1_000)
      const first = await attempt(author.write('catalog', 60, { via: 'json' }))
      const reader = first && (await attempt(store.documents.open('catalog')))
      await Promise.all([attempt(author.write('catalog', 4)), attempt(author.write('notes', 30))])
      const found = reader && (await attempt(reader.read()))
      must(found === undefined || codes.length > 0 || first !== undefined, 'what was read was written')
      if (found !== undefined) mustEqual(found, first?.value, 'what is open while it is replaced')
      await attempt(author.writeBroken('notes', 20, 'cut'))
      await attempt(author.delete('notes'))
      const mayRefuse = files.hits === 0 || codes.some((code) => code !== 'STORAGE_FULL' && code !== 'DOCUMENT_UNKNOWN')
      if (files.hits > 0) files.clearFaults()
      const last = await attempt(author.write('catalog', 3))
      must(mayRefuse || last !== undefined, () => `no write after the device had space again: ${codes}`)
      if (reader !== undefined) await attempt(reader.close())
      await attempt(store.close())
    }
  }

function mustBeTyped(error: unknown): string {
  if (isVarveError(error)) return error.code
  throw new ScenarioFailure(`not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}

/** On a storage that only appends, documents are written elsewhere and copied: by an owner that closes and one that
 * vanishes. */
const copies: DocumentWorkload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(appendingStorage(files))
    const author = new Author(store, ledger, 1 + round * 1_000)
    await author.write('catalog', 4)
    await Promise.all([author.write('catalog', 60, { via: 'json' }), author.write('notes', 3)])
    await author.writeBroken('notes', 20, 'cut')
    await author.delete('notes')
    if (round === 1) await store.close()
  }
}

/** A storage that cannot write into what is there. */
function appendingStorage(files: FaultFiles): Storage {
  const storage = faultStorage(files)
  return limitedStorage(storage, { ...storage.capabilities, randomWrite: false })
}

/** The same for the explorer. */
export const copied = documenting('copied', copies, appendingStorage)
/** With failing calls. */
export const underFaults = documenting('documents', faulty(faultStorage))
export const copiedUnderFaults = documenting('copied', faulty(appendingStorage), appendingStorage)

/** Options for the explorer: a workload and the invariants. */
export function documenting(
  name: string,
  workload: DocumentWorkload,
  storageOf: (files: FaultFiles) => Storage = faultStorage,
): ExploreOptions<Change> {
  return {
    name,
    idle: passTime,
    workload: async (files, ledger) => {
      restartIdentifiers()
      await workload(files, ledger)
    },
    check: (files, known, ledger) => mustHoldDocuments(() => storageOf(files), { known, ledger }),
  }
}
