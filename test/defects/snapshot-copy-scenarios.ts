/** What kills defects in restoring, forking and exporting.
 * @module */
import { isVarveError, openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { storageAt } from '../../src/ports/storage-at.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { truthFiles } from '../../src/snapshot/files/state-files.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { codeOf } from './history-support.ts'
import {
  bytesOf,
  eventsOf,
  filesIn,
  fill,
  instead,
  mustBeComplete,
  putBytes,
  type Shelf,
  shelf,
  treeIn,
} from './snapshot-support.ts'

const emptyPlace = () => faultStorage(new FaultFiles())

/** A snapshot that is damaged anywhere is not restored, and the place is not touched. */
export const damagedSnapshotsAreNotRestored = shelf(async ({ storage, store, orders, catalogue }) => {
  await orders.prune({ before: 4 })
  const { id } = await store.snapshots.create()
  const kinds = new Set<string>()
  for (const { path, kind } of truthFiles(await catalogue().state(id))) {
    kinds.add(kind)
    const file = `.snapshots/${id}/${path}`
    const bytes = await bytesOf(storage, file)
    const wrong = bytes.slice()
    wrong[wrong.length >> 1] = (wrong[wrong.length >> 1] ?? 0) ^ 4
    await putBytes(storage, file, wrong)
    const to = emptyPlace()
    mustEqual(await codeOf(store.snapshots.restore(id, { to })), 'SNAPSHOT_DAMAGED', `a restore with damage in ${path}`)
    mustEqual(await treeIn(to), [], 'a place that was not restored to')
    await putBytes(storage, file, bytes)
  }
  mustEqual(kinds.size, 5, 'kinds of files')
  mustEqual(await codeOf(store.snapshots.restore(id, { to: emptyPlace() })), 'nothing', 'a restore without damage')
  await store.close()
})

/** The store that is open is not restored over, whatever its path. */
export const liveStoresAreNotRestoredOver = shelf(async ({ files, storage, store, orders }) => {
  const { id } = await store.snapshots.create()
  const same = faultStorage(files)
  for (const to of [storage, storageAt(storage, 'sub'), same])
    mustEqual(await codeOf(store.snapshots.restore(id, { to, overwrite: true })), 'RESTORE_LIVE', 'a restore over it')
  await fill(orders, 2)
  must((await store.verify()).ok, 'the store that is open is whole')
  await store.close()
})

/** What is in a place stays unless somebody says otherwise, also what came a moment ago. */
export const placesThatAreNotEmptyStay = shelf(async ({ store, other }) => {
  const { id } = await store.snapshots.create()
  const strange = emptyPlace()
  await putBytes(strange, 'topics/notes/0/mine.txt', new Uint8Array(1))
  mustEqual(await codeOf(store.snapshots.restore(id, { to: strange })), 'RESTORE_NOT_EMPTY', 'a place with files')
  let isFirst = true
  const to = instead(other(), 'createExclusive', async (create, path) => {
    if (isFirst && String(path).startsWith('tmp/claim-')) {
      isFirst = false
      await oldStore(other())
    }
    return create(path)
  })
  mustEqual(await codeOf(store.snapshots.restore(id, { to })), 'RESTORE_NOT_EMPTY', 'a place that was filled')
  const old = await openStore({ storage: other() })
  mustEqual((await eventsOf(await old.topics.open('old'))).length, 2, 'events of the store that came before')
  await old.close()
  await store.close()
})

async function oldStore(storage: Storage): Promise<void> {
  const old = await openStore({ storage })
  await fill(await old.topics.open('old', { create: true }), 2)
  await old.documents.write('old', 1)
  await (await old.histories.open('old', { create: true })).append(1)
  await old.close()
}

/** The new store is there, with an identity of its own, and nothing of the old one after the next open. */
export const replacedStoresLeaveNothing = shelf(async ({ store, orders, other }) => {
  const events = await eventsOf(orders)
  const { id } = await store.snapshots.create()
  await oldStore(other())
  const ids = new Set([store.id])
  const lineages = new Set([orders.lineage])
  for (let turn = 0; turn < 2; turn++) {
    await store.snapshots.restore(id, { to: other(), overwrite: true })
    const restored = await openStore({ storage: other() })
    mustEqual(restored.openReport.source, 'clean', 'how the restored store was left')
    const topic = await restored.topics.open('orders')
    mustEqual(await eventsOf(topic), events, 'events of the restored store')
    mustEqual(await restored.documents.read('catalog'), { products: ['pen'] }, 'its document')
    mustEqual(await (await restored.histories.open('board')).read(), { shapes: 1 }, 'its history')
    ids.add(restored.id)
    lineages.add(topic.lineage)
    await restored.close()
    const place = other()
    for (const root of ['topics/old/0', 'documents/old', 'histories/old'])
      mustEqual(await filesIn(place, root), [], `what is left in ${root}`)
    for (const root of ['documents/catalog', 'histories/board'])
      mustEqual((await filesIn(place, root)).length, 1, `files in ${root}`)
  }
  mustEqual([ids.size, lineages.size], [3, 3], 'store ids and lineages')
  must((await store.snapshots.verify(id)).ok, 'the snapshot is what it was')
  await store.close()
})

type Where = Parameters<Shelf['files']['failAt']>[0]

/** A restore that fails leaves the place as it was, and says why. */
export const failedRestoresLeaveNothing = shelf(async ({ files, store, other }) => {
  const { id } = await store.snapshots.create()
  const isIn = (path: string, root: string) => path.includes(`/other/${root}`)
  const wheres: Where[] = [
    ({ kind, to = '' }) => kind === 'link' && isIn(to, 'topics'),
    ({ kind, path }) => kind === 'write' && isIn(path, 'topics') && path.endsWith('8.log'),
    ({ kind, to = '' }) => kind === 'link' && isIn(to, 'histories'),
    ({ kind, path }) => kind === 'write' && isIn(path, 'MANIFEST'),
  ]
  for (const where of wheres) {
    files.failAt(where, 'ENOSPC')
    mustEqual(await codeOf(store.snapshots.restore(id, { to: other() })), 'STORAGE_FULL', 'a restore to a full disk')
    const left = (await treeIn(other())).filter((path) => path !== 'tmp/')
    mustEqual(left, [], 'what a restore to a full disk leaves')
  }
  await store.snapshots.restore(id, { to: other() })
  await store.close()
})

/** Where the new state may be adopted, its files stay. */
export const adoptionsThatMayStandKeepTheirFiles = shelf(async ({ files, store, other, orders }) => {
  const events = await eventsOf(orders)
  const { id } = await store.snapshots.create()
  files.failAt(({ kind, path }) => kind === 'sync' && path.includes('/other/MANIFEST'), 'EIO')
  must((await codeOf(store.snapshots.restore(id, { to: other() }))) !== 'nothing', 'a restore that may have failed')
  const restored = await openStore({ storage: other() })
  mustEqual(await eventsOf(await restored.topics.open('orders')), events, 'events of a restored store')
  await restored.close()
  await store.close()
})

/** A restore that a crash ended can be made again. */
export const interruptedRestoresGoOn = shelf(async ({ files, store, other, again }) => {
  const { id } = await store.snapshots.create()
  const begin = files.position
  await store.snapshots.restore(id, { to: other() })
  const end = files.position
  await store.close()
  for (let position = begin; position < end; position += 60) {
    const image = files.crashImage(position, 'kept', 0)
    const next = await again({}, image)
    const to = faultStorage(image, undefined, 'other')
    const codes = [await codeOf(next.snapshots.restore(id, { to })), await codeOf(openOnce(to))]
    must(codes[0] === 'nothing' || codes[0] === 'RESTORE_NOT_EMPTY', `a restore after a crash: ${codes[0]}`)
    mustEqual(codes[1], 'nothing', 'the restored store after a crash')
    await next.close()
  }
})

async function openOnce(storage: Storage): Promise<void> {
  const store = await openStore({ storage })
  must((await store.verify()).ok, 'a restored store is whole')
  mustEqual((await eventsOf(await store.topics.open('orders'))).length, 8, 'its events')
  await store.close()
}

/** A fork that was told of is there after a crash, whole, with the events that it had. */
export const forksSurviveCrashes = shelf(async ({ files, store, orders, again }) => {
  await orders.append([1, 2, 3, 4].map((data) => ({ kind: 'Batch', entity: 'order-1', data })))
  const events = await eventsOf(orders)
  await store.topics.fork('orders', 'branch', { until: { offset: 10 } })
  const image = files.crashImage(files.position, 'lost', 0)
  const next = await again({}, image)
  const branch = await next.topics.open('branch')
  mustEqual(await eventsOf(branch), events.slice(0, 10), 'events of a fork after a crash')
  await fill(branch, 1)
  must((await next.verify()).ok, 'the store is whole after a crash')
  await next.close()
  await store.close()
})

/** Events keep the ids that they had, also in a fork of a fork; later ones have their own. */
export const forksKeepIds = shelf(async ({ store, orders }) => {
  await orders.append([1, 2, 3, 4].map((data) => ({ kind: 'Batch', entity: 'order-1', data })))
  const ids = (await eventsOf(orders)).map(({ id }) => id)
  mustEqual(new Set(ids).size, 12, 'ids')
  await store.topics.fork('orders', 'first', { until: { offset: 10 } })
  const first = await store.topics.open('first')
  await fill(first, 8)
  const firstIds = (await eventsOf(first)).map(({ id }) => id)
  mustEqual(firstIds.slice(0, 10), ids.slice(0, 10), 'ids of a fork')
  must(
    firstIds.slice(10).every((id) => id.startsWith(first.lineage)),
    'events of a fork have ids of its own',
  )
  for (const offset of [4, 6, 10, 13]) {
    const name = `second-${offset}`
    await store.topics.fork('first', name, { until: { offset } })
    const second = await store.topics.open(name)
    await fill(second, 4)
    const seen = (await eventsOf(second)).map(({ id }) => id)
    mustEqual(seen.slice(0, offset), firstIds.slice(0, offset), `ids of a fork of a fork at ${offset}`)
    must(
      seen.slice(offset).every((id) => id.startsWith(second.lineage)),
      `later events of a fork of a fork at ${offset} have ids of its own`,
    )
    for (const id of seen)
      mustEqual(
        (await second.page({ id })).items.map((one) => one.id),
        [id],
        'an event by its id',
      )
  }
  must((await store.verify()).ok, 'a store with forks is whole')
  await store.close()
})

/** A name that is on its way out is not given again: whoever opens the store next removes it. */
export const forksTakeNoNameThatIsLeaving = shelf(async ({ files, store, orders, again }) => {
  const events = await eventsOf(orders)
  await store.topics.fork('orders', 'branch')
  const isGoing = () => files.journal.some(({ kind, path }) => kind === 'unlink' && path.includes('topics/branch/'))
  files.failAt(({ kind, path }) => kind === 'write' && path.includes('MANIFEST') && isGoing(), 'ENOSPC')
  await store.topics.delete('branch')
  mustEqual(files.hits, 1, 'records that failed')
  await store.topics.fork('orders', 'branch')
  await store.close()
  const next = await again()
  const branch = await next.topics.open('branch')
  mustEqual(await eventsOf(branch), events, 'events of a fork in the place of another')
  await next.close()
})

/** A fork that fails leaves nothing. */
export const failedForksLeaveNothing = shelf(async ({ files, storage, store }) => {
  const isIn = (path: string) => path.includes('topics/branch/')
  const wheres: Where[] = [
    ({ kind, path }) => kind === 'create' && isIn(path) && path.endsWith('0008.log'),
    ({ kind, path }) => kind === 'write' && path.includes('MANIFEST'),
  ]
  for (const where of wheres) {
    files.failAt(where, 'ENOSPC')
    mustEqual(await codeOf(store.topics.fork('orders', 'branch')), 'STORAGE_FULL', 'a fork on a full disk')
    mustEqual(await treeIn(storage, 'topics/branch'), [], 'what a fork on a full disk leaves')
  }
  await store.topics.fork('orders', 'branch')
  await store.close()
})

/** What arrives is verified before anybody sees it, and nothing that is there is replaced. */
export const exportsAreVerified = shelf(async ({ storage, store, clock, catalogue }) => {
  const { id } = await store.snapshots.create()
  const [file] = truthFiles(await catalogue().state(id))
  const path = `.snapshots/${id}/${file?.path}`
  const bytes = await bytesOf(storage, path)
  const wrong = bytes.slice()
  wrong[600] = (wrong[600] ?? 0) ^ 1
  const to = emptyPlace()
  await putBytes(storage, path, wrong)
  mustEqual(await codeOf(store.snapshots.export(id, to)), 'SNAPSHOT_DAMAGED', 'an export of a damaged snapshot')
  mustEqual(await new SnapshotCatalogue(to).list(), [], 'what it published')
  await putBytes(storage, path, bytes)
  await store.snapshots.export(id, to)
  mustEqual(await mustBeComplete(new SnapshotCatalogue(to), 'after an export'), [id], 'exported snapshots')
  await store.close()
  const elsewhere = emptyPlace()
  // As many owners as the other store had, so that the manifests have the same name.
  await (await openStore({ storage: elsewhere, clock })).close()
  const twin = await openStore({ storage: elsewhere, clock: new ManualClock(Number(id.slice('snapshot-'.length))) })
  mustEqual((await twin.snapshots.create()).id, id, 'the id of another snapshot')
  mustEqual(await codeOf(twin.snapshots.export(id, to)), 'FILE_EXISTS', 'an export over another snapshot')
  await twin.close()
})

/** An export that was told of is there after a crash; what does not fit leaves nothing. */
export const exportsSurviveCrashes = shelf(async ({ files, store, other }) => {
  const { id } = await store.snapshots.create()
  files.failAt(({ kind, path }) => kind === 'write' && path.includes('/other/') && path.includes('manifest'), 'ENOSPC')
  mustEqual(await codeOf(store.snapshots.export(id, other())), 'STORAGE_FULL', 'an export to a full disk')
  mustEqual(
    (await treeIn(other())).filter((path) => path !== '.snapshots/'),
    [],
    'what it leaves',
  )
  await store.snapshots.export(id, other())
  for (const mode of ['lost', 'dir-lost', 'dir-only'] as const) {
    const place = faultStorage(files.crashImage(files.position, mode, 0), undefined, 'other')
    mustEqual(await mustBeComplete(new SnapshotCatalogue(place), `after a crash, ${mode}`), [id], 'exported snapshots')
  }
  await store.close()
})

/** Where there is no room, nothing is written. */
export const spaceIsAskedForFirst = shelf(async ({ store }) => {
  const { id } = await store.snapshots.create()
  let isWritten = false
  const full = instead(emptyPlace(), 'freeBytes', async () => 1_000)
  const to = instead(full, 'createExclusive', (create, path) => {
    isWritten ||= !String(path).startsWith('tmp/')
    return create(path)
  })
  for (const bring of [() => store.snapshots.restore(id, { to }), () => store.snapshots.export(id, to)]) {
    const error = await bring().catch((thrown: unknown) => thrown)
    must(isVarveError(error, 'STORAGE_FULL'), `it says that there is no room: ${error}`)
    mustEqual(error.details.freeBytes, 1_000, 'what is said to be free')
    must(!isWritten, 'nothing is written where there is no room')
  }
  await store.close()
})
