/** What the sweep of failing calls does with snapshots, and how it knows that it is done.
 * @module */
import { isVarveError, type Store } from '../../src/index.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { mustEqual } from '../support/scenario.ts'
import { placeOn, storeText, type World, wrongWith } from './snapshots-image.ts'

const CUT = 17

export interface Scene {
  readonly world: World
  readonly store: Store
  /** The disk that it is on. */
  readonly files: FaultFiles
}

/** Something that is done with snapshots. */
export interface Step {
  readonly name: string
  readonly run: (scene: Scene) => Promise<unknown>
  /** Whether it is done; throws when it is done wrongly. */
  readonly isDone: (scene: Scene) => Promise<boolean>
  /** Needs no room. */
  readonly frees?: boolean
  /** There are no links on this disk. */
  readonly copies?: boolean
  /** Snapshots that are gone then. */
  readonly gone?: (world: World) => readonly string[]
  /** What it answers when it was done although it failed. */
  readonly again?: string
}

const idOf = ({ infos }: World, at: 0 | 1 | 2) => infos[at].id
const isListed = async (store: Store, id: string) => (await store.snapshots.list()).some((info) => info.id === id)

/** Whether there are more snapshots than at first. Of those nobody knows the name. */
const hasNew = async ({ store, world }: Scene) => {
  const known = new Set(world.infos.map(({ id }) => id))
  return (await store.snapshots.list()).some(({ id }) => !known.has(id))
}

/** Whether a store with these answers is in a place. */
async function holds({ files, world }: Scene, place: string): Promise<boolean> {
  const text = world.texts.get(idOf(world, 1))
  try {
    const found = await storeText(placeOn(files, place))
    if (found === world.texts.get(place)) return false
    mustEqual(found, text, `what is restored to ${place}`)
    return true
  } catch (error) {
    if (isVarveError(error, 'STORE_MISSING')) return false
    throw error
  }
}

async function countOf(store: Store, topic: string): Promise<number | undefined> {
  const found = (await store.topics.list()).find((stats) => stats.topic === topic)
  if (found === undefined) return undefined
  let count = 0
  for await (const _ of (await store.topics.open(topic)).read()) count++
  return count
}

async function hasTopic(store: Store, topic: string, events: number): Promise<boolean> {
  const count = await countOf(store, topic)
  if (count !== undefined) mustEqual(count, events, `events of ${topic}`)
  return count !== undefined
}

async function isWholeIn(files: FaultFiles, place: string, info: World['exported']): Promise<boolean> {
  const catalogue = new SnapshotCatalogue(placeOn(files, place))
  if (!(await catalogue.list()).some(({ id }) => id === info.id)) return false
  mustEqual(await wrongWith(catalogue, info), [], `the copy in ${place}`)
  return true
}

const restored = ({ store, files, world }: Scene, place: string, options = {}) =>
  store.snapshots.restore(idOf(world, 1), { to: placeOn(files, place), ...options })

export const STEPS: readonly Step[] = [
  {
    name: 'create',
    run: ({ store }) => store.snapshots.create({ label: 'new', pinned: true }),
    isDone: hasNew,
  },
  { name: 'create by copies', copies: true, run: ({ store }) => store.snapshots.create(), isDone: hasNew },
  { name: 'create of a topic', run: ({ store }) => store.snapshots.create({ topic: 'wide' }), isDone: hasNew },
  {
    name: 'delete',
    frees: true,
    gone: (world) => [idOf(world, 2)],
    again: 'SNAPSHOT_UNKNOWN',
    run: ({ store, world }) => store.snapshots.delete(idOf(world, 2)),
    isDone: async ({ store, world }) => !(await isListed(store, idOf(world, 2))),
  },
  {
    name: 'clean up',
    frees: true,
    gone: (world) => [idOf(world, 1)],
    run: ({ store }) => store.snapshots.cleanup({ policy: { maxSnapshots: 1 } }),
    isDone: async ({ store, world }) => !(await isListed(store, idOf(world, 1))),
  },
  {
    name: 'pin',
    run: ({ store, world }) => store.snapshots.pin(idOf(world, 2)),
    isDone: async ({ store }) => (await store.snapshots.list())[0]?.pinned === true,
  },
  {
    name: 'unpin',
    frees: true,
    run: ({ store, world }) => store.snapshots.pin(idOf(world, 0), false),
    isDone: async ({ store }) => (await store.snapshots.list())[2]?.pinned === false,
  },
  {
    name: 'restore',
    again: 'RESTORE_NOT_EMPTY',
    run: (scene) => restored(scene, 'target'),
    isDone: (scene) => holds(scene, 'target'),
  },
  {
    name: 'restore by copies over a store',
    copies: true,
    run: (scene) => restored(scene, 'old', { overwrite: true }),
    isDone: (scene) => holds(scene, 'old'),
  },
  {
    name: 'restore as a topic',
    again: 'TOPIC_EXISTS',
    run: ({ store, world }) =>
      store.snapshots.restore(idOf(world, 1), { as: 'again', topic: 'orders', until: { offset: CUT } }),
    isDone: ({ store }) => hasTopic(store, 'again', CUT - 6),
  },
  {
    name: 'fork',
    again: 'TOPIC_EXISTS',
    run: ({ store }) => store.topics.fork('orders', 'branch', { until: { offset: CUT } }),
    isDone: ({ store }) => hasTopic(store, 'branch', CUT - 6),
  },
  {
    name: 'fork at the end',
    again: 'TOPIC_EXISTS',
    run: ({ store }) => store.topics.fork('wide', 'branch'),
    isDone: ({ store }) => hasTopic(store, 'branch', 6),
  },
  {
    name: 'export',
    run: ({ store, files, world }) => store.snapshots.export(idOf(world, 1), placeOn(files, 'place')),
    isDone: ({ files, world }) => isWholeIn(files, 'place', world.infos[1]),
  },
  {
    name: 'import',
    run: ({ store, files, world }) => store.snapshots.import(world.exported.id, placeOn(files, 'other')),
    isDone: ({ files, world }) => isWholeIn(files, 'store', world.exported),
  },
]
