/** What kills defects in taking, keeping and removing snapshots.
 * @module */
import { openStore } from '../../src/index.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { removeTree } from '../../src/snapshot/catalogue/delete.ts'
import type { CrashMode } from '../faults/crash-disk.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { stalledStorage } from '../faults/stalled-storage.ts'
import { settle } from '../support/manual-clock.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { codeOf } from './history-support.ts'
import {
  bytesOf,
  eventsOf,
  filesIn,
  fill,
  instead,
  mustBeComplete,
  NOW,
  putBytes,
  type Shelf,
  shelf,
  someTurns,
  stalledShelf,
  treeIn,
} from './snapshot-support.ts'

const MODES: readonly CrashMode[] = ['lost', 'dir-lost', 'dir-only']

/** A snapshot that was told of is there after a crash, whole. */
export const snapshotsSurviveCrashes = shelf(async ({ files, store, catalogue }) => {
  const { id } = await store.snapshots.create({ pinned: true })
  for (const mode of MODES) {
    const seen = catalogue(files.crashImage(files.position, mode, 0))
    mustEqual(await mustBeComplete(seen, `after a crash, ${mode}`), [id], 'snapshots after a crash')
    mustEqual((await seen.info(id)).pinned, true, 'the pin after a crash')
  }
  await store.close()
})

/** It has whatever was acknowledged, and each log ends where it did at that moment. */
export const acknowledgedEventsAreInIt = shelf(async ({ store, orders }) => {
  const before = await eventsOf(orders)
  const { id } = await store.snapshots.create()
  await fill(orders, 2)
  const reader = await openStore({ storage: await store.snapshots.storageOf(id), readOnly: true })
  mustEqual(await eventsOf(await reader.topics.open('orders')), before, 'events of a snapshot')
  await reader.close()
  await store.close()
})

/** While one is removed it is whole or not there. */
export const deletesSurviveCrashes = shelf(async ({ files, store, catalogue }) => {
  const { id } = await store.snapshots.create()
  await store.close()
  // Nothing but the removal waits for a sync there.
  const disk = files.crashImage(files.position, 'kept', 0)
  await catalogue(disk).remove(id)
  for (let position = 0; position <= disk.position; position += 3)
    for (const mode of ['lost', 'random', 'single-missing'] as const)
      for (let seed = 0; seed < Math.min(disk.variants(position, mode), 3); seed++) {
        const when = `after a crash at ${position}, ${mode} ${seed}`
        await mustBeComplete(catalogue(disk.crashImage(position, mode, seed)), when)
      }
  mustEqual(await catalogue(disk).list(), [], 'snapshots after the removal')
})

/** What has a second name is never written to. */
export const linkedFilesAreNeverWritten = shelf(async ({ files, store, orders, again }) => {
  const board = await store.histories.open('board')
  await store.snapshots.create(NOW)
  for (let turn = 0; turn < 3; turn++) {
    await fill(orders, 3)
    await board.append({ shapes: turn })
    await store.topics.fork('orders', `branch-${turn}`)
    await store.snapshots.create(NOW)
  }
  await store.close()
  const next = await again()
  await (await next.histories.open('board')).append({ shapes: 'next' })
  for (const name of ['orders', 'branch-0']) await fill(await next.topics.open(name), 5)
  await next.close()
  mustEqual(
    files.linkedWrites.map(({ path }) => path),
    [],
    'writes into files with two names',
  )
})

/** Files stay while they are taken, and go when they are not needed any more. */
export const filesStayWhileTheyAreTaken = stalledShelf(
  (method, path) => method === 'list' && path === 'topics/orders/0',
  async ({ storage, store, orders, catalogue }, stalled) => {
    const board = await store.histories.open('board')
    const before = await filesIn(storage, 'topics/orders/0')
    stalled.arm()
    const creating = store.snapshots.create()
    await stalled.reached
    const pruning = orders.prune({ before: 7 })
    await store.documents.write('catalog', { products: [] })
    await board.append({ shapes: 2 })
    const deleting = store.histories.delete('board')
    await someTurns()
    stalled.release()
    const { id } = await creating
    await pruning
    await deleting
    mustEqual(await mustBeComplete(catalogue(), 'when files were to go'), [id], 'snapshots')
    await someTurns()
    const first = before.find((path) => path.endsWith('.log')) ?? ''
    must(!(await storage.exists(first)), 'a segment that was pruned goes when it is not taken any more')
    mustEqual((await filesIn(storage, 'documents')).length, 1, 'files of a document that was replaced')
    mustEqual(await filesIn(storage, 'histories'), [], 'files of a history that was deleted')
    await store.close()
  },
)

const isHalf = (path: string) => path.endsWith('/')

/** A failure leaves nothing, whatever it was. */
export const failedCreatesLeaveNothing = shelf(async ({ files, storage, store }) => {
  const isFailing = [
    ({ kind, to }: { kind: string; to?: string }) => kind === 'link' && to?.includes('/histories/') === true,
    ({ kind, path }: { kind: string; path: string }) => kind === 'write' && path.endsWith('manifest.tmp'),
  ]
  for (const where of isFailing) {
    files.failAt(where, 'ENOSPC')
    mustEqual(await codeOf(store.snapshots.create(NOW)), 'STORAGE_FULL', 'a snapshot on a full disk')
    mustEqual(await treeIn(storage, '.snapshots'), [], 'what a failure leaves')
  }
  const controller = new AbortController()
  const onProgress = ({ step }: { step: string }) => step === 'publish' && controller.abort(new Error('enough'))
  const stopped = store.snapshots.create({ ...NOW, signal: controller.signal, onProgress })
  mustEqual(await codeOf(stopped), 'Error: enough', 'a snapshot that was stopped')
  mustEqual((await treeIn(storage, '.snapshots')).filter(isHalf), [], 'what a stop leaves')
  await store.snapshots.create(NOW)
  await store.close()
})

/** What a crash left of one goes with the next open. */
export const leftoversGoWithTheNextOpen = shelf(async ({ files, store, again }) => {
  let position = 0
  const onProgress = ({ step }: { step: string }) => {
    if (step === 'publish') position = files.position
  }
  await store.snapshots.create({ ...NOW, onProgress })
  await store.close()
  const image = files.crashImage(position, 'kept', 0)
  must((await treeIn(faultStorage(image), '.snapshots')).length > 0, 'a crash leaves something')
  const next = await again({}, image)
  await next.close()
  mustEqual((await treeIn(faultStorage(image), '.snapshots')).filter(isHalf), [], 'what an open leaves of it')
})

/** A snapshot that is about to get its manifest, by a process that sleeps before. */
const withSleeper = (run: (its: Shelf, wake: () => Promise<string>) => Promise<void>) =>
  stalledShelf(
    (method, path) => method === 'replace' && path.endsWith('manifest.tmp'),
    async (its, stalled) => {
      stalled.arm()
      const creating = its.store.snapshots.create().then(
        () => 'made',
        () => 'failed',
      )
      await stalled.reached
      await run(its, () => {
        stalled.release()
        return creating
      })
      await its.store.close()
    },
  )

/** One that became complete just before its manifest was to go stays. */
export const completeSnapshotsOfSleepersStay = withSleeper(async ({ files, catalogue }, wake) => {
  const storage = instead(faultStorage(files), 'remove', async (remove, path) => {
    if (String(path).endsWith('manifest.tmp')) await wake()
    return remove(path)
  })
  await new SnapshotCatalogue(storage).cleanLeftovers(() => false)
  mustEqual((await mustBeComplete(catalogue(), 'that a sleeper made')).length, 1, 'snapshots')
})

/** Nobody can make one of files that are going. */
export const removedLeftoversStayAway = withSleeper(async ({ files, catalogue }, wake) => {
  const storage = instead(faultStorage(files), 'remove', async (remove, path) => {
    if (String(path).includes('/topics/')) await wake()
    return remove(path)
  })
  await new SnapshotCatalogue(storage).cleanLeftovers(() => false)
  mustEqual(await catalogue().list(), [], 'snapshots of files that were going')
})

/** Who was replaced publishes nothing. */
export const replacedOwnersPublishNothing = stalledShelf(
  (method, path) => method === 'createExclusive' && path.endsWith('manifest.tmp'),
  async ({ store, again, catalogue }, stalled) => {
    stalled.arm()
    const late = codeOf(store.snapshots.create())
    await stalled.reached
    const next = await again({ takeOver: true })
    const { id } = await next.snapshots.create(NOW)
    stalled.release()
    mustEqual(await late, 'STORE_FENCED', 'a snapshot of the owner before')
    mustEqual(await mustBeComplete(catalogue(), 'of two owners'), [id], 'snapshots')
    await store.close().catch(() => undefined)
    await next.close()
  },
)

/** Who was replaced removes nothing any more. */
export const replacedOwnersRemoveNothing = shelf(async ({ storage, store }) => {
  const { id } = await store.snapshots.create()
  const directory = `.snapshots/${id}`
  let looks = 0
  const isFenced = () => ++looks > 3
  mustEqual(await codeOf(removeTree({ storage, directory, isFenced })), 'STORE_FENCED', 'a removal')
  must((await filesIn(storage, directory)).length > 3, 'files that were not removed stay')
  await store.close()
})

/** Only files whose last name goes are counted. */
export const freedBytesAreThoseOfLastNames = shelf(async ({ storage, store }) => {
  const { id } = await store.snapshots.create()
  let bytes = 0
  for (const path of await filesIn(storage, `.snapshots/${id}`))
    if ((await storage.linkCount(path)) === 1) bytes += (await bytesOf(storage, path)).length
  mustEqual((await store.snapshots.delete(id)).freedBytes, bytes, 'bytes that were freed')
  await store.close()
})

/** Pinned is pinned. */
export const pinnedSnapshotsStay = shelf(async ({ store, clock }) => {
  const { id } = await store.snapshots.create({ pinned: true })
  await clock.advance(10)
  const newer = await store.snapshots.create(NOW)
  await clock.advance(10)
  const newest = await store.snapshots.create(NOW)
  mustEqual(await codeOf(store.snapshots.delete(id)), 'SNAPSHOT_PINNED', 'a removal of a pinned one')
  const { removed } = await store.snapshots.cleanup({ policy: { maxSnapshots: 1 } })
  mustEqual(removed, [{ id: newer.id, reason: 'count' }], 'what a clean-up removes')
  clock.setWall(clock.now() + 90_000_000)
  mustEqual((await store.snapshots.cleanup()).kept, [newest.id, id], 'what a clean-up by age keeps')
  await store.close()
})

/** The catalogue repeats what manifests say, and nobody believes a damaged one. */
export const cataloguesAreMadeAnew = shelf(async ({ storage, store, catalogue }) => {
  await store.snapshots.create({ label: 'mine' })
  const list = await catalogue().list()
  const path = '.snapshots/snapshots.json'
  const text = new TextDecoder().decode(await bytesOf(storage, path))
  for (const wrong of [text.replace('mine', 'fine'), text.slice(0, 40), '']) {
    await putBytes(storage, path, new TextEncoder().encode(wrong))
    mustEqual(await catalogue().list(), list, 'a list with a damaged catalogue')
  }
  await storage.remove(path)
  mustEqual(await catalogue().list(), list, 'a list without a catalogue')
  await store.close()
})

/** A manifest that is not whole, or another's, is none. */
export const damagedManifestsAreNamed = shelf(async ({ storage, store, clock, catalogue }) => {
  const { id } = await store.snapshots.create()
  await clock.advance(10)
  const other = (await store.snapshots.create(NOW)).id
  const manifestOf = async (of: string) =>
    (await filesIn(storage, `.snapshots/${of}`)).find((path) => path.includes('/MANIFEST-')) ?? ''
  const path = await manifestOf(id)
  const bytes = await bytesOf(storage, path)
  await putBytes(storage, path, bytes.subarray(0, bytes.length - 20))
  mustEqual(await codeOf(catalogue().state(id)), 'SNAPSHOT_DAMAGED', 'a snapshot whose manifest was cut')
  await putBytes(storage, path, await bytesOf(storage, await manifestOf(other)))
  mustEqual(await codeOf(catalogue().state(id)), 'SNAPSHOT_DAMAGED', 'a snapshot with the manifest of another')
  await store.close()
})

/** Names are checked before they are paths, and no two have the same. */
export const idsAreNoPaths = shelf(async ({ store, catalogue }) => {
  for (const id of ['snapshot-1/x', 'snapshot-', '../store'])
    mustEqual(await codeOf(async () => catalogue().mark(id, true)), 'SNAPSHOT_UNKNOWN', `a pin of "${id}"`)
  const { id, timestamp } = await store.snapshots.create()
  const seen = catalogue()
  must((await seen.freeId(timestamp)) !== id, 'an id that is used is not free')
  await seen.remove(id)
  must((await seen.freeId(timestamp)) !== id, 'an id that was used is not free')
  await store.close()
})

/** The next one has to wait, also for one that is being made; a clock that went back makes nobody wait longer. */
export const minimumIntervalHolds = shelf(async ({ store, clock }) => {
  const codes = [codeOf(store.snapshots.create()), codeOf(store.snapshots.create())]
  mustEqual(await Promise.all(codes), ['nothing', 'SNAPSHOT_TOO_SOON'], 'two at the same time')
  mustEqual(await codeOf(store.snapshots.create()), 'SNAPSHOT_TOO_SOON', 'one after the other')
  clock.setWall(clock.now() - 90_000_000)
  mustEqual(await codeOf(store.snapshots.create()), 'nothing', 'one after the clock went back')
  await store.close()
})

/** What is read stays until it was read. */
export const readSnapshotsStay = stalledShelf(
  (method, path) => method === 'openRead' && /^\.snapshots\/[^/]+\/topics\/.*\.log$/.test(path),
  async ({ store, clock }, stalled) => {
    const { id } = await store.snapshots.create()
    await clock.advance(10)
    const newest = await store.snapshots.create(NOW)
    stalled.arm()
    const reading = store.snapshots.verify(id)
    await stalled.reached
    mustEqual(await codeOf(store.snapshots.delete(id, { lockTimeoutMs: 0 })), 'SNAPSHOT_IN_USE', 'a removal')
    const { removed } = await store.snapshots.cleanup({ policy: { maxSnapshots: 1 } })
    mustEqual(removed, [], 'what a clean-up removes')
    stalled.release()
    must((await reading).ok, 'a snapshot that was to go is whole while it is read')
    await store.snapshots.delete(id)
    mustEqual(
      (await store.snapshots.list()).map((one) => one.id),
      [newest.id],
      'snapshots after its removal',
    )
    await store.close()
  },
)

/** Who comes to read what is going waits, and finds that it is gone. */
export const readersWaitForRemovals = stalledShelf(
  (method, path) => method === 'remove' && /^\.snapshots\/[^/]+\/topics\/.*\.log$/.test(path),
  async ({ store }, stalled) => {
    const { id } = await store.snapshots.create()
    stalled.arm()
    const deleting = store.snapshots.delete(id)
    await stalled.reached
    let isTold = false
    const reading = codeOf(store.snapshots.verify(id)).finally(() => {
      isTold = true
    })
    await settle(400)
    must(!isTold, 'a reader waits for the removal')
    stalled.release()
    await deleting
    mustEqual(await reading, 'SNAPSHOT_UNKNOWN', 'a read of what was removed')
    await store.close()
  },
)

/** A close waits for what it ends. */
export const closesWaitForSnapshots = shelf(async ({ files, again, store, clock }) => {
  await store.close()
  const stalled = stalledStorage(faultStorage(files), (method, path) => method === 'link' && path.startsWith('topics/'))
  const next = await again({ storage: stalled.storage, clock })
  stalled.arm()
  const creating = codeOf(next.snapshots.create())
  await stalled.reached
  let isClosed = false
  const closing = next.close().finally(() => {
    isClosed = true
  })
  await settle(400)
  must(!isClosed, 'a close waits for a snapshot that is being made')
  stalled.release()
  mustEqual(await creating, 'STORE_CLOSED', 'a snapshot that a close ended')
  await closing
  mustEqual((await treeIn(faultStorage(files), '.snapshots')).filter(isHalf), [], 'what a close leaves')
})

/** A backup that somebody goes on in is none. */
export const snapshotsAreReadOnly = shelf(async ({ store }) => {
  const { id } = await store.snapshots.create()
  const storage = await store.snapshots.storageOf(id)
  mustEqual(await codeOf(openStore({ storage })), 'SNAPSHOT_READ_ONLY', 'an owner of a snapshot')
  await store.close()
})
