/** Goal: snapshots, forks, exported places and restored stores that were written once are read for ever.
 * Method: the places that `test/golden/snapshot` keeps are opened, and everything in them compared with what was; they
 * are read by the reader made from src/FORMAT.md; and what varve writes now from the same calls tells the same, down to
 * chain hashes and sizes. `UPDATE_GOLDEN=1` writes them anew: only while the format may change.
 * @module */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type SnapshotInfo, type Storage, type Store, type StoredEvent } from '../../src/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { bytesOf } from '../unit/history/group-helpers.ts'
import { collect } from '../unit/topic/support.ts'
import { AT, BOARD, CATALOG, PLACES, writeGoldenPlaces } from './snapshot-golden-store.ts'
import { type Batch, type Files, listSnapshots, readCatalogue, SnapshotPage } from './snapshot-pages.ts'

const FOLDER = fileURLToPath(new URL('../golden/snapshot/v1', import.meta.url))
const LISTED = `${FOLDER}.json`
const DERIVED = /\.(?:index|timeindex|terms|ckpt)$|\/terms-\d+-\d+$|^head-\d+$/

type Places = Record<(typeof PLACES)[number], Files>

async function filesOf(storage: Storage, directory = ''): Promise<Files> {
  const files = new Map<string, Uint8Array>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    const inside = kind === 'directory' ? await filesOf(storage, path) : [[path, await bytesOf(storage, path)] as const]
    for (const [file, bytes] of inside) files.set(file, bytes)
  }
  return files
}

function readGolden(place: string): Files {
  const root = join(FOLDER, place)
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((file) => [file.slice(root.length + 1), new Uint8Array(readFileSync(file))]))
}

async function storageWith(files: Files): Promise<Storage> {
  const storage = memoryStorage()
  for (const [path, bytes] of files) {
    const handle = await storage.createExclusive(path)
    if (bytes.length > 0) await handle.append(bytes)
    await handle.close()
  }
  return storage
}

async function openGolden(files: Files): Promise<Store> {
  return openStore({ storage: await storageWith(files), readOnly: true, clock: new ManualClock(AT) })
}

async function eventsOf(store: Store): Promise<Record<string, StoredEvent[]>> {
  const events: Record<string, StoredEvent[]> = {}
  for (const { topic: name } of await store.topics.list()) {
    const topic = await store.topics.open(name)
    for (let partition = 0; partition < topic.partitions; partition++)
      events[`${name}/${partition}`] = await collect(topic.read({ partition }))
  }
  return events
}

/** What is told of a store and its snapshots: what each of them holds included. */
async function tell(store: Store): Promise<unknown> {
  const snapshots = []
  for (const info of (await store.snapshots.list()).toReversed()) {
    const storage = await store.snapshots.storageOf(info.id)
    const opened = await openStore({ storage, readOnly: true, clock: new ManualClock(AT) })
    const details = await store.snapshots.get(info.id)
    snapshots.push({ info, details, heads: headsOf(await eventsOf(opened)) })
    await opened.close()
  }
  return { id: store.id, events: await eventsOf(store), snapshots }
}

/** Ids of the first event, the last one, and how many there are. */
function headsOf(events: Record<string, StoredEvent[]>): unknown {
  const rows = Object.entries(events)
  return Object.fromEntries(rows.map(([name, all]) => [name, [all.length, all[0]?.id ?? '', all.at(-1)?.id ?? '']]))
}

let golden: Places
let told: Record<'store' | 'restored', unknown>

beforeAll(async () => {
  if (process.env.UPDATE_GOLDEN === '1') {
    rmSync(FOLDER, { recursive: true, force: true })
    const written = await writeGoldenPlaces()
    for (const place of PLACES)
      for (const [path, bytes] of await filesOf(written[place])) {
        mkdirSync(dirname(join(FOLDER, place, path)), { recursive: true })
        writeFileSync(join(FOLDER, place, path), bytes)
      }
    const texts: Record<string, unknown> = {}
    for (const place of ['store', 'restored'] as const) {
      const store = await openGolden(readGolden(place))
      texts[place] = await tell(store)
      await store.close()
    }
    writeFileSync(LISTED, `${JSON.stringify(texts)}\n`)
  }
  golden = { store: readGolden('store'), exported: readGolden('exported'), restored: readGolden('restored') }
  told = JSON.parse(readFileSync(LISTED, 'utf8'))
})

async function withGolden(place: keyof Places, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openGolden(golden[place])
  await use(store).finally(() => store.close())
}

describe('snapshots of format 1', () => {
  test('a store and its snapshots hold what they held', () =>
    withGolden('store', async (store) => {
      expect(JSON.parse(JSON.stringify(await tell(store)))).toEqual(told.store)
      const infos = await store.snapshots.list()
      expect(infos.map(({ label, topic, partition, pinned }) => ({ label, topic, partition, pinned }))).toEqual([
        { label: undefined, topic: undefined, partition: undefined, pinned: false },
        { label: 'one partition', topic: 'items', partition: 1, pinned: false },
        { label: undefined, topic: 'branch', partition: undefined, pinned: false },
        { label: 'everything \u00e9', topic: undefined, partition: undefined, pinned: true },
      ])
      for (const { id } of infos) expect(await store.snapshots.verify(id)).toMatchObject({ ok: true, problems: [] })
      expect((await store.verify()).problems).toEqual([])
    }))

  test('a restored store goes on with its own lineage, ids and history', () =>
    withGolden('restored', async (store) => {
      expect(JSON.parse(JSON.stringify(await tell(store)))).toEqual(told.restored)
      const board = await store.histories.open('board')
      const versions = [...BOARD, { title: 'of the restored store' }]
      for (const [at, value] of versions.entries()) expect(await board.read({ version: at + 1 })).toEqual(value)
      expect(await (await store.documents.open('catalog')).read()).toEqual(CATALOG)
      expect((await store.verify()).problems).toEqual([])
    }))

  test('a place that snapshots were exported to gives them back', async () => {
    const from = await storageWith(golden.exported)
    const to = memoryStorage()
    const store = await openStore({ storage: to, clock: new ManualClock(AT + 1), random: seededRandom(1) })
    const ids = listSnapshots(golden.exported).map(({ id }) => id)
    expect(ids).toHaveLength(2)
    for (const id of ids) {
      expect((await store.snapshots.import(id, from)).bytesSent).toBeGreaterThan(0)
      expect(await store.snapshots.verify(id)).toMatchObject({ ok: true })
      const place = memoryStorage()
      await store.snapshots.restore(id, { to: place })
      const restored = await openStore({ storage: place, clock: new ManualClock(AT + 2), random: seededRandom(2) })
      const { snapshots } = told.store as { snapshots: { info: SnapshotInfo; heads: unknown }[] }
      expect(headsOf(await eventsOf(restored))).toEqual(snapshots.find(({ info }) => info.id === id)?.heads)
      await restored.close()
    }
    await store.close()
  })

  test('a list without a catalogue, or with a damaged one, is the same', async () => {
    const { snapshots } = told.store as { snapshots: { info: SnapshotInfo }[] }
    const path = '.snapshots/snapshots.json'
    const cut = golden.store.get(path)?.slice(0, 200) ?? new Uint8Array()
    const without = new Map([...golden.store].filter(([file]) => file !== path))
    for (const files of [without, new Map([...golden.store, [path, cut]])]) {
      const store = await openGolden(files)
      expect(await store.snapshots.list()).toEqual(snapshots.map(({ info }) => info).toReversed())
      await store.close()
    }
  })
})

/** The ids that events without one have. */
function idsOf(batches: readonly Batch[], partition: number): string[] {
  return batches.flatMap(({ baseOffset, endOffset, lineage }) =>
    Array.from({ length: endOffset - baseOffset }, (_, at) => `${lineage}-${partition}-${baseOffset + at}`),
  )
}

describe('src/FORMAT.md', () => {
  test('a reader made from it lists the snapshots of a store and of an exported place', () =>
    withGolden('store', async (store) => {
      const infos = await store.snapshots.list()
      expect(readCatalogue(golden.store)).toHaveLength(4)
      for (const place of ['store', 'exported'] as const) {
        const listed = listSnapshots(golden[place])
        for (const { id, pinned, ...row } of listed) {
          const info = infos.find((other) => other.id === id)
          expect(info).toMatchObject({ id, pinned, ...row })
          const { pinned: _, ...facts } = info ?? {}
          expect(readCatalogue(golden[place])?.find((other) => other.id === id)).toEqual(facts)
        }
      }
    }))

  test('a reader made from it reads every batch, document and version of a snapshot', async () => {
    let split = 0
    for (const place of ['store', 'exported'] as const)
      for (const { id } of listSnapshots(golden[place])) {
        const page = new SnapshotPage(golden[place], id)
        const root = `.snapshots/${id}/`
        const inside = [...golden[place]].filter(([path]) => path.startsWith(root))
        const store = await openGolden(new Map(inside.map(([path, bytes]) => [path.slice(root.length), bytes])))
        expect(page.state.storeId).toBe(store.id)
        const logs = Object.entries(await eventsOf(store))
        expect(logs.length).toBeGreaterThan(0)
        for (const [name, events] of logs) {
          const [topic = '', partition] = name.split('/')
          const batches = page.batches(topic, Number(partition))
          const ids = idsOf(batches, Number(partition))
          expect(ids).toHaveLength(events.length)
          // Where a fork cut a batch, its events have the ids that they had.
          const others = events.filter((event, at) => event.id !== ids[at])
          split += others.length
          expect(others.every(({ offset }) => topic === 'branch' && offset === 30) || topic === 'quiet').toBe(true)
          expect(batches.at(-1)?.recordedAt).toBe(events.at(-1)?.recordedAt)
        }
        for (const [name, value] of Object.entries(page.documents()))
          expect(await (await store.documents.open(name)).read()).toEqual(value)
        for (const [name, values] of Object.entries(page.histories()))
          expect(values).toEqual(BOARD.slice(0, name === 'board' ? values.length : 0))
        await store.close()
      }
    expect(split).toBeGreaterThan(0)
  })

  test('a flipped bit anywhere in the manifest or the logs of a snapshot is noticed by a check that it names', () => {
    const [{ id } = { id: '' }] = listSnapshots(golden.store).filter(({ topic }) => topic === 'branch')
    const root = `.snapshots/${id}/`
    let flips = 0
    for (const [path, bytes] of golden.store) {
      if (!path.startsWith(root) || DERIVED.test(path)) continue
      for (let at = 0; at < bytes.length; at += 7) {
        const bent = bytes.slice()
        bent[at] = (bent[at] ?? 0) ^ (1 << (at % 8))
        const files = new Map([...golden.store, [path, bent]])
        const isBeyond = isBehindSeal(path, root, at)
        const read = () => new SnapshotPage(files, id).batches('branch', 0)
        if (isBeyond) continue
        expect(read, `${path} ${at}`).toThrow()
        flips++
      }
    }
    expect(flips).toBeGreaterThan(500)
  })

  /** A segment of a fork goes on in its file behind the place where the fork begins. */
  function isBehindSeal(path: string, root: string, at: number): boolean {
    const page = new SnapshotPage(golden.store, root.split('/')[1] ?? '')
    return path.endsWith('.log') && at >= page.endOf(path.slice(root.length))
  }
})

/** Rolls draw ids beside other work, so lineages and store ids differ from run to run: by number instead. */
function withoutDraws(told: unknown): unknown {
  const numbers = new Map<string, string>()
  const numbered = (drawn: string) => numbers.get(drawn) ?? numbers.set(drawn, `#${numbers.size}`).get(drawn)
  const text = JSON.stringify(told)
    .replace(/"([0-9a-z]{12})-(\d+-\d+)"/g, (_, lineage, place) => `"${numbered(lineage)}-${place}"`)
    .replace(/"(id|storeId)":"([0-9a-z]{10,40})"/g, (_, key, id) => `"${key}":"${numbered(id)}"`)
  return JSON.parse(text)
}

test('varve writes the places of format 1 as it did: events, ids, chain hashes and sizes', async () => {
  const written = await writeGoldenPlaces()
  for (const place of ['store', 'restored'] as const) {
    const store = await openGolden(await filesOf(written[place]))
    expect(withoutDraws(await tell(store))).toEqual(withoutDraws(told[place]))
    await store.close()
  }
  const { snapshots } = told.store as { snapshots: { info: SnapshotInfo }[] }
  const [first, , , last] = snapshots.map(({ info }) => info)
  expect(readCatalogue(await filesOf(written.exported))?.map(({ id, headHash }) => [id, headHash])).toEqual([
    [first?.id, first?.headHash],
    [last?.id, last?.headHash],
  ])
})
