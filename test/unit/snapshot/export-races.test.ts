/** Copies of snapshots beside other copies and removals, as by several processes.
 *
 * Goal: whatever interleaves, a snapshot that is listed is whole, and one more copy ends well.
 * Method: every call of the storages takes a number of turns that a seed decides; the seed is printed.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { isVarveError } from '../../../src/errors.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../../src/snapshot/check/check.ts'
import { share } from '../../support/runtime.ts'
import { type Draw, draws } from '../../support/seeded-random.ts'
import { bytesUnder, copy, type Image, putFile, Source } from './export-support.ts'

const SLOW = new Set(['list', 'exists', 'openRead', 'createExclusive', 'link', 'replace', 'remove', 'removeDirectory'])

/** A storage whose calls take turns. */
function turning(storage: Storage, draw: Draw): Storage {
  return new Proxy(storage, {
    get: (target, name) => {
      const found = target[name as keyof Storage]
      if (typeof found !== 'function') return found
      if (!SLOW.has(String(name))) return found.bind(target)
      return async (...values: unknown[]) => {
        for (let turn = draw() % 12; turn > 0; turn--) await undefined
        return Reflect.apply(found, target, values)
      }
    },
  })
}

const ids: string[] = []
let image: Image

beforeAll(async () => {
  const source = new Source(memoryStorage())
  await source.createTopic()
  await source.writeDocument('catalog', { name: 'first' })
  for (const batches of [12, 3, 3]) {
    await source.grow(batches)
    ids.push(await source.snapshot())
  }
  image = await bytesUnder(source.storage)
})

/** Snapshots of a store, each place with turns of its own. */
async function placesOf(seed: number) {
  const draw = draws(seed)
  const store = memoryStorage()
  for (const [path, bytes] of image) await putFile(store, path, bytes)
  const place = memoryStorage()
  const process = () => new SnapshotCatalogue(turning(place, draw))
  return { from: new SnapshotCatalogue(turning(store, draw)), place, process, plain: new SnapshotCatalogue(place) }
}

/** Run with many seeds, and print the one that fails. */
async function withSeeds(run: (seed: number) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= share(30); seed++) {
    try {
      await run(seed)
    } catch (error) {
      console.log(`export races: seed ${seed}`)
      throw error
    }
  }
}

/** The codes of what went wrong. */
async function codesOf(work: readonly Promise<unknown>[]): Promise<string[]> {
  const codes: string[] = []
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'fulfilled') continue
    if (!isVarveError(result.reason)) throw result.reason
    codes.push(result.reason.code)
  }
  return codes
}

/** Every snapshot that is listed has what the store's has. */
async function expectWhole(catalogue: SnapshotCatalogue): Promise<string[]> {
  const listed = (await catalogue.list()).map(({ id }) => id)
  for (const id of listed) {
    const { problems } = await checkTruth(catalogue.storageOf(id), await catalogue.state(id), {})
    expect({ id, problems }).toEqual({ id, problems: [] })
  }
  return listed
}

describe('copySnapshot', { timeout: 60_000 }, () => {
  test('by two processes at the same time leaves one whole snapshot', async () => {
    await withSeeds(async (seed) => {
      const { from, process, plain } = await placesOf(seed)
      const [id = ''] = ids
      const codes = await codesOf([copy({ from, to: process() }, id), copy({ from, to: process() }, id)])
      expect(codes.filter((code) => code !== 'FILE_MISSING' && code !== 'FILE_EXISTS')).toEqual([])
      await copy({ from, to: plain }, id)
      expect(await expectWhole(plain)).toEqual([id])
    })
  })

  test('of several snapshots at the same time leaves all of them', async () => {
    await withSeeds(async (seed) => {
      const { from, process, plain } = await placesOf(seed)
      expect(await codesOf(ids.map((id) => copy({ from, to: process() }, id)))).toEqual([])
      expect(await expectWhole(plain)).toEqual(ids.toReversed())
    })
  })

  test('beside the removal of a snapshot that has the same files sends them', async () => {
    await withSeeds(async (seed) => {
      const { from, process, plain } = await placesOf(seed)
      const [first = '', second = ''] = ids
      await copy({ from, to: plain }, first)
      expect(await codesOf([copy({ from, to: process() }, second), process().remove(first)])).toEqual([])
      expect(await expectWhole(plain)).toEqual([second])
    })
  })

  test('beside the removal of what it copies leaves a whole snapshot or none', async () => {
    await withSeeds(async (seed) => {
      const { from, process, plain } = await placesOf(seed)
      const [first = ''] = ids
      const codes = await codesOf([copy({ from, to: process() }, first), from.remove(first)])
      const listed = await expectWhole(plain)
      expect(listed).toEqual(codes.length === 0 ? [first] : [])
      for (const code of codes) expect(code).toBe('SNAPSHOT_UNKNOWN')
    })
  })
})
