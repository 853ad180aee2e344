/** What kills defects in the commits of documents: crashes, owners that are replaced, writes beside each other.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import { acquire, manifestName } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import { Author, type Change, type ChangeLedger, mustBeTidy } from '../crash/documents-oracle.ts'
import { copied, type DocumentWorkload, documenting } from '../crash/documents-workloads.ts'
import { checkLong, commitLong, longRecord } from '../crash/long-manifest.ts'
import { openForTest, passTime, restartIdentifiers } from '../crash/oracle.ts'
import { type ExploreOptions, explore, Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { stalledStorage } from '../faults/stalled-storage.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'

/** A few versions, a deletion, an owner that vanishes in the middle. */
const brief: DocumentWorkload = async (files, ledger) => {
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(faultStorage(files))
    const author = new Author(store, ledger, 1 + round * 1_000)
    await author.write('catalog', 3)
    await author.write('catalog', 50, { via: 'json' })
    if (round === 0) await author.delete('catalog')
    else await store.close()
  }
}

async function survives<E>(run: ExploreOptions<E>, imagesMax: number): Promise<void> {
  const { failures } = await explore({ ...run, seeds: 3, imagesMax, failuresMax: 1 }).catch((error: unknown) => {
    throw isVarveError(error) ? new ScenarioFailure(`the workload itself fails: ${error.stack}`) : error
  })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}

export const documentsSurviveCrashes = () => survives(documenting('documents', brief), 250)
export const copiedDocumentsSurviveCrashes = () => survives(copied, 200)
export const manifestsWrittenAnewSurviveCrashes = () =>
  survives({ name: 'manifest-long', workload: commitLong, check: checkLong }, 300)

interface Opened {
  readonly files: FaultFiles
  readonly ledger: ChangeLedger
  readonly store: Store
  readonly author: Author
}

/** Run with a new store, and let time pass while it waits. */
function withStore(run: (opened: Opened) => Promise<void>, view = (storage: Storage) => storage): Promise<void> {
  const work = async () => {
    restartIdentifiers()
    const files = new FaultFiles()
    const ledger: ChangeLedger = new Ledger<Change>(() => files.position)
    const store = await openForTest(view(faultStorage(files)))
    await run({ files, ledger, store, author: new Author(store, ledger, 1) })
  }
  return mustSettle(work(), passTime)
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing'
  } catch (error) {
    return isVarveError(error) ? error.code : String(error)
  }
}

async function filesOf(files: FaultFiles, name: string): Promise<string[]> {
  return (await faultStorage(files).list(`documents/${name}`)).map((entry) => entry.name)
}

/** An owner that was replaced leaves no file that nobody would remove. */
export const replacedOwnersLeaveNoDocuments = () =>
  withStore(async ({ files, store, author, ledger }) => {
    await author.write('catalog', 2)
    const next = await openForTest(faultStorage(files), { takeOver: true })
    await new Author(next, ledger, 500).write('catalog', 3)
    await settle(200)
    mustEqual(await codeOf(author.write('catalog', 4)), 'STORE_FENCED', 'a write of the owner before')
    await store.close().catch(() => undefined)
    mustEqual((await filesOf(files, 'catalog')).length, 1, 'files of a document')
    await next.close()
  })

/** An owner that sleeps before it tidies up removes nothing of the next one. */
export async function replacedOwnersRemoveNoDocuments(): Promise<void> {
  const stalls: ReturnType<typeof stalledStorage>[] = []
  const view = (storage: Storage) => {
    const stalled = stalledStorage(storage, (method, path) => method === 'list' && path === 'documents/catalog')
    stalls.push(stalled)
    return stalled.storage
  }
  await withStore(async ({ files, store, author, ledger }) => {
    const [stalled] = stalls
    must(stalled !== undefined, 'the storage can be stopped')
    await author.write('catalog', 2)
    stalled.arm()
    const late = author.write('catalog', 3)
    await stalled.reached
    const next = await openForTest(faultStorage(files), { takeOver: true })
    const { value } = await new Author(next, ledger, 500).write('catalog', 4)
    stalled.release()
    await late
    await store.close().catch(() => undefined)
    const found = next.documents.open('catalog').then((document) => document.read())
    mustEqual(await found.catch(String), value, 'what the next owner wrote')
    await next.close()
  }, view)
}

/** What an owner removed, but vanished before that was durable, does not come back behind a clean close. */
export const removedDocumentsStayAway = () =>
  withStore(async ({ files, author }) => {
    await author.write('catalog', 2)
    await author.write('notes', 2)
    files.failAt(({ kind, path }) => kind === 'syncDirectory' && path.endsWith('/notes'), 'EIO')
    await author.delete('notes')
    await settle(200)
    must(files.hits === 1, 'the removal is not durable')
    const next = await openForTest(faultStorage(files), { takeOver: true })
    await next.close()
    const lost = files.crashImage(files.position, 'lost', 0)
    const last = await openForTest(faultStorage(lost))
    await last.close()
    await mustBeTidy(faultStorage(lost))
  })

/** A record of which nobody can say whether it is there keeps its file; one that is not there leaves none. */
export const filesFollowTheirRecords = () =>
  withStore(async ({ files, store, author }) => {
    const isManifest = (path: string) => path.includes('/MANIFEST-')
    await author.write('catalog', 2)
    files.failAt(({ kind, path }) => kind === 'write' && isManifest(path), 'ENOSPC')
    mustEqual(await codeOf(author.write('catalog', 3)), 'STORAGE_FULL', 'a record without space')
    mustEqual((await filesOf(files, 'catalog')).length, 1, 'files after a record without space')
    files.failAt(({ kind, path }) => kind === 'sync' && isManifest(path), 'EIO')
    mustEqual(await codeOf(author.write('catalog', 4)), 'STORE_POISONED', 'a record that may be there')
    await store.close()
    const next = await openForTest(faultStorage(files), { takeOver: true })
    const version = next.documents.open('catalog').then((document) => document.version)
    mustEqual(await version.catch(String), 2, 'the version of a record that was there')
    await next.close()
    await mustBeTidy(faultStorage(files))
  })

/** A file stays while somebody reads it, and while it is written beside others. */
export const documentsInUseStay = () =>
  withStore(async ({ files, store }) => {
    const { documents } = store
    let goOn: () => void = () => undefined
    const waits = new Promise<void>((resolve) => {
      goOn = resolve
    })
    async function* slow() {
      yield new TextEncoder().encode('["slow"')
      await waits
      yield new TextEncoder().encode(']')
    }
    await documents.write('catalog', 'first')
    const [first] = await filesOf(files, 'catalog')
    const reader = await documents.open('catalog')
    const late = codeOf(documents.writeJson('catalog', slow()))
    await settle(200)
    await documents.write('catalog', 'second')
    must((await filesOf(files, 'catalog')).includes(first ?? ''), 'the file of a version that is open stays')
    goOn()
    mustEqual(await late, 'nothing', 'a write beside another one')
    mustEqual(await documents.read('catalog').catch(String), ['slow'], 'the version that came last')
    await reader.close()
    await store.close()
    mustEqual((await filesOf(files, 'catalog')).length, 1, 'files after a close')
  })

/** No version comes twice, whatever was deleted in between, over owners. */
export const versionsOfDocumentsNeverRepeat = () =>
  withStore(async ({ files, store }) => {
    const write = async (owner: Store, name: string) => (await owner.documents.write(name, 1)).version
    for (const version of [1, 2, 3]) mustEqual(await write(store, 'catalog'), version, 'a version')
    mustEqual(await write(store, 'notes'), 1, 'the first version of another one')
    await store.documents.delete('catalog')
    await store.documents.delete('notes')
    mustEqual(await write(store, 'catalog'), 4, 'the version after a deletion')
    await store.documents.delete('catalog')
    await store.close()
    const next = await openForTest(faultStorage(files))
    mustEqual(await write(next, 'catalog'), 5, 'the version after a deletion and a restart')
    await next.close()
  })

/** Of writers that saw the same version one goes through; without a condition all do, one after the other. */
export const oneOfManyWritersWins = () =>
  withStore(async ({ store }) => {
    const { documents } = store
    const create = await Promise.all(
      [1, 2, 3].map((value) => codeOf(documents.write('catalog', value, { ifVersion: 0 }))),
    )
    mustEqual(create.sort(), ['DOCUMENT_CONFLICT', 'DOCUMENT_CONFLICT', 'nothing'], 'writers of a first version')
    const versionOf = (value: number) =>
      documents.write('catalog', value).then(
        ({ version }) => version,
        (error: unknown) => String(error),
      )
    const all = await Promise.all([1, 2, 3, 4].map(versionOf))
    mustEqual(all.sort(), [2, 3, 4, 5], 'versions written beside each other')
    await store.close()
  })

/** An owner that slept before it wrote its manifest anew puts no vanished name back, and may not commit. */
export async function sleepersBringNoManifestBack(): Promise<void> {
  const files = new FaultFiles()
  const { storage, arm, reached, release } = stalledStorage(
    faultStorage(files),
    (method, path) => method === 'createExclusive' && path.startsWith('tmp/manifest-'),
  )
  const own = (seed: number, place: Storage, longBytes = 1_048_576) => {
    const random = seededRandom(seed)
    const clock = new ManualClock()
    return acquire({ storage: place, clock, random, takeOver: true, lockTimeoutMs: 0, longBytes })
  }
  const work = async () => {
    const { manifest } = await own(1, storage, 1)
    arm()
    const committing = (async () => {
      for (let version = 1; version <= 12; version++) await manifest.append(longRecord(version))
    })()
    const committed = codeOf(committing)
    await reached
    for (const seed of [2, 3, 4]) await own(seed, faultStorage(files))
    must((await faultStorage(files).exists(manifestName(1))) === false, 'the manifest of the sleeper is gone')
    release()
    mustEqual(await committed, 'STORE_FENCED', 'commits of an owner that slept')
    must((await faultStorage(files).exists(manifestName(1))) === false, 'its manifest does not come back')
  }
  await mustSettle(work(), passTime)
}
