/** A store with snapshots as the bytes of its files, and what may become of it when one snapshot is damaged: it says so
 * and is not restored, or nothing is lost. Everything else is as before, and nothing is removed.
 * @module */
import { memoryStorage } from '../../adapters/memory/index.ts'
import { nativeCompression } from '../../adapters/node/compression.ts'
import { isVarveError, type Store } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { SnapshotInfo, SnapshotReport } from '../../src/snapshot/types.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { plain } from '../support/scenario.ts'
import { later, openWorld, snapshotsWorld, storeText, textOf, type World } from './snapshots-image.ts'

export interface Damaged {
  readonly world: World
  /** Store-relative paths. */
  readonly image: StoreImage
  /** The one that is damaged: neither the first nor the last, and not pinned. */
  readonly victim: SnapshotInfo
  /** Paths of its files. */
  readonly files: readonly string[]
}

export async function damagedWorld(): Promise<Damaged> {
  const world = await snapshotsWorld()
  const image = new Map<string, Uint8Array>()
  for (const [path, bytes] of new FaultFiles({ disk: world.disk }).files())
    if (path.startsWith('/store/')) image.set(path.slice('/store/'.length), bytes)
  const victim = world.infos[1]
  const files = [...image.keys()].filter((path) => path.startsWith(`${directoryOf(victim)}/`))
  return { world, image, victim, files }
}

export function directoryOf({ id }: SnapshotInfo): string {
  return `.snapshots/${id}`
}

/** What it inflates is there at once. */
export function quickStorage(image: StoreImage): Storage {
  return { ...imageStorage(image), compression: nativeCompression }
}

/** What came of a damage. */
export interface Verdict {
  readonly wrong: readonly string[]
  /** What a check of the snapshot says. */
  readonly found: SnapshotReport['problems']
  readonly isRefused: boolean
}

export interface Judging {
  readonly image: StoreImage
  /** Files of which a problem may be; others must not be named. */
  readonly damaged: readonly string[]
  readonly readOnly: boolean
  /** Also ask the other snapshots and the store itself for everything. */
  readonly isThorough: boolean
}

/** Open a store with a damaged snapshot, look at it, check it, restore it. */
export async function judge({ world, victim }: Damaged, judging: Judging): Promise<Verdict> {
  later()
  const { image, readOnly, isThorough } = judging
  const storage = quickStorage(image)
  const store = await openWorld(storage, readOnly)
  const wrong: string[] = []
  try {
    wrong.push(...listed(world, await store.snapshots.list()))
    const { found, ...said } = await check(store, victim, judging)
    wrong.push(...said.wrong)
    const isRefused = await tryRestore(store, { world, victim, wrong })
    if (isRefused && found.length === 0) wrong.push('a restore is refused, and a check finds nothing')
    if (!readOnly) await tryTopic(store, { victim, wrong, isRefused })
    if (isThorough) await askOthers(store, { world, victim, wrong })
    return { wrong, found, isRefused }
  } finally {
    await store.close()
    for (const path of image.keys()) if (!mayGo(path) && !(await storage.exists(path))) wrong.push(`${path} is gone`)
  }
}

/** A new owner removes the manifest of the one before, a head file, and what is derived. */
function mayGo(path: string): boolean {
  return /^(?:MANIFEST-|head-)|^(?!\.snapshots).*\.ckpt$/.test(path)
}

function listed(world: World, infos: readonly SnapshotInfo[]): string[] {
  const wanted = world.infos.toReversed()
  return plain(infos) === plain(wanted) ? [] : [`the list is ${plain(infos)}`]
}

async function check(
  store: Store,
  victim: SnapshotInfo,
  { damaged }: Judging,
): Promise<{ wrong: string[]; found: SnapshotReport['problems'] }> {
  const { ok, problems } = await store.snapshots.verify(victim.id)
  const wrong: string[] = []
  if (!ok && problems.length === 0) wrong.push('a check says no more than that something is wrong')
  const isNamed = (path: string, file: string) => path === file || path.endsWith(`/${file}`)
  // Without a manifest there is only the directory.
  const directory = directoryOf(victim)
  const isGone = damaged.some((path) => path.startsWith(`${directory}/MANIFEST-`))
  for (const { code, file, message } of problems)
    if (!(isGone && file === directory) && !damaged.some((path) => file !== '' && isNamed(path, file)))
      wrong.push(`a check names ${code} "${file}": ${message}`)
  return { wrong, found: problems }
}

interface Trying {
  readonly victim: SnapshotInfo
  readonly wrong: string[]
}

/** @returns whether it was refused. */
async function tryRestore(
  store: Store,
  { world, victim, wrong }: Trying & { readonly world: World },
): Promise<boolean> {
  const to = memoryStorage()
  try {
    await store.snapshots.restore(victim.id, { to })
  } catch (error) {
    if (!isVarveError(error, 'SNAPSHOT_DAMAGED') && !isVarveError(error, 'FORMAT_NEWER')) throw error
    if (error.details.snapshot !== victim.id && error.code === 'SNAPSHOT_DAMAGED')
      wrong.push(`the error is about ${plain(error.details)}`)
    if ((await to.list('')).length > 0) wrong.push('a restore that is refused has touched the place')
    return true
  }
  const text = await storeText(to)
  if (text !== world.texts.get(victim.id)) wrong.push(`what is restored answers ${text.slice(0, 200)}`)
  return false
}

async function tryTopic(store: Store, { victim, wrong, isRefused }: Trying & { isRefused: boolean }): Promise<void> {
  try {
    await store.snapshots.restore(victim.id, { as: 'again', topic: 'orders' })
  } catch (error) {
    if (!isVarveError(error, 'SNAPSHOT_DAMAGED') && !isVarveError(error, 'FORMAT_NEWER')) throw error
    if (!isRefused) wrong.push('it is restored as a store, and not as a topic')
    if ((await store.topics.list()).length !== 2) wrong.push('a restore that is refused has made a topic')
    return
  }
  const { problems } = await store.verify()
  const damage = problems.filter(({ damage }) => damage)
  if (damage.length > 0) wrong.push(`a topic was restored with damage: ${plain(damage)}`)
  await store.topics.delete('again')
}

async function askOthers(store: Store, { world, victim, wrong }: Trying & { readonly world: World }): Promise<void> {
  for (const { id } of world.infos) {
    if (id === victim.id) continue
    const { ok, problems } = await store.snapshots.verify(id)
    if (!ok) wrong.push(`${id} is said to be damaged: ${plain(problems)}`)
    if ((await storeText(await store.snapshots.storageOf(id))) !== world.texts.get(id)) wrong.push(`${id} has changed`)
  }
  if ((await textOf(store)) !== world.texts.get('store')) wrong.push('the store has changed')
}
