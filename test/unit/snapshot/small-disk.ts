/** A small store on a simulated disk, everything of it durable, and what must be true of its snapshots.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import type { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { truthFiles } from '../../../src/snapshot/files/state-files.ts'
import { Content } from '../../faults/content.ts'
import { type Disk, EMPTY_DIRECTORY, ROOT } from '../../faults/disk.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { must, mustEqual } from '../../support/scenario.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { bytesOf, FIRST_AT, type Still, sizesIn, stillOver } from './still-host.ts'

/** What happened to a snapshot, or was to. */
export interface SnapshotChange {
  readonly id: string
  readonly to: 'there' | 'pinned' | 'gone'
}

/** A store with a sealed and an active segment, and a document. */
export async function smallStore(storage: Storage = memoryStorage()): Promise<Still> {
  const clock = new ManualClock(FIRST_AT)
  const place = { storage, clock, random: seededRandom(1) }
  await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes: 1024 })
  const still = stillOver(storage, clock)
  await still.write(async (store) => {
    const orders = await store.topics.open('orders')
    for (let number = 0; number < 3; number++) {
      const note = `${number}`.repeat(500)
      await orders.append({ kind: 'Placed', entity: 'customer-1', data: { number, note } })
    }
    await store.documents.write('catalog', { products: ['pen', 'ink'] })
  })
  return still
}

/** The same as a disk whose directory `store` it is in. */
export async function diskOf(storage: Storage): Promise<Disk> {
  const disk: Disk = new Map()
  const add = async (directory: string, inode: number): Promise<void> => {
    const names = new Map<string, number>()
    disk.set(inode, EMPTY_DIRECTORY)
    for (const { name, kind } of await storage.list(directory)) {
      const path = directory === '' ? name : `${directory}/${name}`
      const next = Math.max(...disk.keys()) + 1
      names.set(name, next)
      if (kind === 'directory') await add(path, next)
      else {
        const content = Content.of(await bytesOf(storage, path))
        disk.set(next, { kind: 'file', durable: content, current: content, pending: [], dropped: false })
      }
    }
    disk.set(inode, { kind: 'directory', durable: names, current: names, pending: [] })
  }
  disk.set(ROOT, EMPTY_DIRECTORY)
  await add('', ROOT + 1)
  const root = new Map([['store', ROOT + 1]])
  disk.set(ROOT, { kind: 'directory', durable: root, current: root, pending: [] })
  return disk
}

/** Check that exactly the snapshots are there that may be, each of them whole, before and after the clean-up; and that
 * what the store had is as it was.
 * @param original files of the store before there were snapshots. */
export async function mustBeWhole(
  catalogue: SnapshotCatalogue,
  known: { readonly attempted: readonly SnapshotChange[]; readonly acknowledged: readonly SnapshotChange[] },
  original: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const { storage } = catalogue
  const before = await catalogue.list()
  mustBeAllowed(before, known)
  await catalogue.cleanLeftovers(() => false)
  const after = await catalogue.list()
  mustEqual(after, before, 'the snapshots after a clean-up')
  for (const info of after) {
    const { id, pinned, ...row } = info
    mustEqual(await catalogue.info(id), info, `the row of ${id}`)
    const { storeId: _, partitions: __, ...details } = await catalogue.details(id)
    mustEqual(details, { id, pinned, ...row }, `the details of ${id}`)
    const view = catalogue.storageOf(id)
    for (const { path, sizeBytes } of truthFiles(await catalogue.state(id))) {
      const bytes = (await bytesOf(view, path)).subarray(0, sizeBytes)
      mustEqual(bytes, original.get(path)?.subarray(0, sizeBytes), `${path} in ${id}`)
    }
  }
  for (const [path, bytes] of original) mustEqual(await bytesOf(storage, path), bytes, path)
  const names = (await storage.list('.snapshots')).map(({ name }) => name)
  const wanted = after.flatMap(({ id, pinned }) => (pinned ? [id, `${id}.pinned`] : [id]))
  const others = names.filter((name) => name !== 'snapshots.json')
  mustEqual(others.sort(), wanted.sort(), 'the names in .snapshots after a clean-up')
  const stray = [...(await sizesIn(storage, '.snapshots')).keys()].filter((path) => path.endsWith('.tmp'))
  mustEqual(stray, [], 'temporary files after a clean-up')
}

function mustBeAllowed(
  infos: readonly { id: string; pinned: boolean }[],
  { attempted, acknowledged }: { attempted: readonly SnapshotChange[]; acknowledged: readonly SnapshotChange[] },
): void {
  const seen = new Map<string, string>(infos.map(({ id, pinned }) => [id, pinned ? 'pinned' : 'there']))
  for (const id of new Set([...attempted.map((change) => change.id), ...seen.keys()])) {
    const done = acknowledged.filter((change) => change.id === id).at(-1)?.to ?? 'gone'
    const open = attempted.filter((change) => change.id === id && !acknowledged.includes(change)).map(({ to }) => to)
    const found = seen.get(id) ?? 'gone'
    must(
      found === done || open.some((to) => to === found),
      `${id} is ${found}, and was ${done}, ${open} being attempted`,
    )
  }
}
