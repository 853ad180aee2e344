/** Goal: histories and projections that were written once are read for ever.
 * Method: the store that `test/golden/history` keeps is opened read-only, and every version compared; its groups are
 * read by the reader made from src/FORMAT.md; and what varve writes now from the same calls is the same to the byte.
 * `UPDATE_GOLDEN=1` writes it anew: only while the format may change. Later, a writer that finds shorter changes gets a
 * folder of its own, and the older ones are read as before.
 * @module */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { type History, openStore, type Storage, type Store, type VersionInfo } from '../../src/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { difference } from '../support/same-value.ts'
import { bytesOf } from '../unit/history/group-helpers.ts'
import { GroupPage } from './group-files.ts'
import { AT, BOARD, countsAfter, fold, measured, writeGoldenStore } from './history-golden-store.ts'

const FOLDER = fileURLToPath(new URL('../golden/history/v1', import.meta.url))
const LISTED = `${FOLDER}.json`

type Files = ReadonlyMap<string, Uint8Array>

async function filesOf(storage: Storage, directory = ''): Promise<Files> {
  const files = new Map<string, Uint8Array>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    const inside = kind === 'directory' ? await filesOf(storage, path) : [[path, await bytesOf(storage, path)] as const]
    for (const [file, bytes] of inside) files.set(file, bytes)
  }
  return files
}

function readGolden(): Files {
  const paths = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((file) => [file.slice(FOLDER.length + 1), new Uint8Array(readFileSync(file))]))
}

async function listed(items: AsyncIterable<VersionInfo>): Promise<VersionInfo[]> {
  const found: VersionInfo[] = []
  for await (const item of items) found.push(item)
  return found
}

async function openGolden(files: Files): Promise<Store> {
  const storage = memoryStorage()
  for (const [path, bytes] of files) {
    const handle = await storage.createExclusive(path)
    await handle.append(bytes)
    await handle.close()
  }
  return openStore({ storage, readOnly: true, clock: new ManualClock(AT) })
}

/** What is told of the versions of each history; times and sizes included. */
async function tell(store: Store): Promise<unknown> {
  const told: Record<string, unknown> = {}
  for (const name of ['board', 'cpu', '_trail']) {
    const history = await store.histories.open(name)
    told[name] = { versions: await listed(history.index()), stats: await history.stats() }
  }
  return JSON.parse(JSON.stringify(told, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))
}

let store: Store
let golden: Files

beforeAll(async () => {
  if (process.env.UPDATE_GOLDEN === '1') {
    rmSync(FOLDER, { recursive: true, force: true })
    for (const [path, bytes] of await filesOf(await writeGoldenStore())) {
      mkdirSync(dirname(join(FOLDER, path)), { recursive: true })
      writeFileSync(join(FOLDER, path), bytes)
    }
    const written = await openGolden(readGolden())
    writeFileSync(LISTED, `${JSON.stringify(await tell(written), null, 1)}\n`)
    await written.close()
  }
  golden = readGolden()
  store = await openGolden(golden)
  return () => store.close()
})

async function expectSound(history: History): Promise<void> {
  expect(await history.verify()).toMatchObject({ ok: true, damaged: [], problems: [] })
}

test('every version of a history of format 1 is read as it was', async () => {
  const board = await store.histories.open('board')
  const values = [...BOARD, BOARD[0], BOARD[1]]
  for (const [at, value] of values.entries()) {
    expect(difference(await board.read({ version: at + 1, check: true }), value), `version ${at + 1}`).toBeUndefined()
  }
  expect(await board.read({ label: 'back', path: 'cards[3].id' })).toBe('c3')
  expect(await board.read({ version: 8, path: 'more.points[11]' })).toBe(121)
  expect(await board.find()).toMatchObject({ version: values.length, label: 'goes on', isDelta: true })
  expect((await board.stats()).pinned).toEqual([3])
  expect((await listed(board.index())).filter(({ isDelta }) => !isDelta).length).toBeGreaterThan(1)
  await expectSound(board)
})

test('metrics of format 1 that a clean-up summed up are read as they were', async () => {
  const cpu = await store.histories.open('cpu')
  const versions = await listed(cpu.index())
  expect(versions.map(({ version, kind, tier }) => [version, kind, tier])).toEqual([
    ...[3, 5, 6, 9, 12, 15, 18, 21].map((version) => [version, version === 5 ? 'metrics' : 'rollup', 'compressed']),
    ...[22, 23, 24].map((version) => [version, 'metrics', 'raw']),
  ])
  expect(versions.filter(({ pinned }) => pinned).map(({ version }) => version)).toEqual([5])
  for (const version of [5, 22, 23, 24]) {
    expect(
      difference(await cpu.read({ version, check: true }), { metrics: measured(version - 1).metrics }),
    ).toBeUndefined()
  }
  await expect(cpu.read({ version: 2 })).rejects.toMatchObject({ code: 'VERSION_GONE' })
  // A pinned version of the same hour stays as it is.
  expect(await cpu.read({ version: 6 })).toEqual(rollupOf([4, 6]))
  for (const last of [3, 9, 12, 15, 18, 21]) {
    expect(await cpu.read({ version: last })).toEqual(rollupOf([last - 2, last - 1, last]))
  }
  await expectSound(cpu)
})

/** What these versions come to; `idle` has no value that counts. */
function rollupOf(versions: readonly number[]) {
  const values = versions.flatMap((version) => measured(version - 1).metrics.load.values.filter((value) => value >= 0))
  const [min, max] = [Math.min(...values), Math.max(...values)]
  const mean = expect.closeTo(values.reduce((a, b) => a + b) / values.length, 12)
  return { rollup: { load: { min, max, mean, count: values.length, last: values.at(-1) } } }
}

test('states of projections of format 1 are read as they were', async () => {
  for (const name of ['counts', 'trail']) {
    const projection = await store.projections.open(name, { fold })
    expect(await projection.state()).toEqual({ state: countsAfter(20), positions: [20], offset: 20 })
    expect((await projection.stateAt({ offset: 11 })).state).toEqual(countsAfter(11))
    expect(await projection.status()).toMatchObject({ foldVersion: 3, publishedPositions: [20], lag: 0 })
  }
  const trail = await store.histories.open('_trail')
  const kept = await listed(trail.index())
  for (const { version, offset } of kept) expect(await trail.read({ version })).toEqual(countsAfter(offset ?? 0))
  expect(kept.map(({ offset, metadata }) => [offset, metadata])).toEqual(
    [8, 16, 20].map((offset) => [offset, { positions: [offset], foldVersion: 3 }]),
  )
})

test('what is known of the versions of format 1 is what was', async () => {
  expect(await tell(store)).toEqual(JSON.parse(readFileSync(LISTED, 'utf8')))
})

test('the groups of format 1 read as FORMAT.md says', async () => {
  const seen = new Set<string>()
  for (const name of ['board', 'cpu', '_trail']) {
    const history = await store.histories.open(name)
    const groups = [...golden].filter(([path]) => path.startsWith(`histories/${name}/`))
    const pages = groups.map(([, bytes]) => new GroupPage(bytes, Buffer.from(bytes.subarray(8, 16)).toString('hex')))
    const values = new Map(pages.flatMap((page) => page.values().map(({ version, value }) => [version, value])))
    for (const { version } of await listed(history.index())) {
      expect(difference(values.get(version), await history.read({ version })), `${name} ${version}`).toBeUndefined()
      values.delete(version)
    }
    expect(values.size).toBe(0)
    for (const page of pages) for (const kind of page.seen) seen.add(kind)
  }
  // Every kind: the list is that of group-values.test.ts.
  expect(seen.size).toBe(21)
})

test('a flipped bit anywhere in a group is noticed by a check that FORMAT.md names', () => {
  const groups = [...golden].filter(([path]) => path.endsWith('.vgrp'))
  for (const [path, bytes] of groups) {
    const id = Buffer.from(bytes.subarray(8, 16)).toString('hex')
    for (let at = 0; at < bytes.length; at++) {
      const bent = bytes.slice()
      bent[at] = (bent[at] ?? 0) ^ (1 << (at % 8))
      expect(() => new GroupPage(bent, id), `${path} ${at}`).toThrow()
    }
  }
  expect(groups.length).toBeGreaterThan(4)
})

test('varve writes the store of format 1 as it did', async () => {
  const written = await filesOf(await writeGoldenStore())
  expect([...written.keys()].sort()).toEqual([...golden.keys()].sort())
  for (const [path, bytes] of written) expect(Buffer.compare(bytes, golden.get(path) ?? bytes), path).toBe(0)
})
