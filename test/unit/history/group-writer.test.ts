/** Writing groups: sizes, durability, going on later.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { nativeCompression } from '../../../adapters/node/compression.ts'
import { VarveError } from '../../../src/errors.ts'
import { copyGroup } from '../../../src/history/group/copy.ts'
import { GroupFile } from '../../../src/history/group/group-file.ts'
import { GroupWriter } from '../../../src/history/group/group-writer.ts'
import type { Storage, WriteHandle } from '../../../src/ports/storage.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { difference } from '../../support/same-value.ts'
import { bytesOf, drawing, drawingEdits, GroupMaker, groupOf, ID, placeIn } from './group-helpers.ts'

const FACTS = { version: 1, at: 5, kind: 'value', hash: '00'.repeat(16), rawBytes: 9 } as const

describe('GroupWriter.encode()', () => {
  test('takes at most 45 bytes for an equal version, wherever it is in the group', async () => {
    const maker = new GroupMaker()
    await maker.add(drawing(20), { offset: 1_000_000 })
    for (let version = 2; version <= 300; version++)
      await maker.add(drawing(20), { offset: 1_000_000 + version * 1_000 })
    expect(Math.max(...maker.frameBytes.slice(1))).toBeLessThanOrEqual(45)
    await maker.rest()
  })

  test('takes about what changed for a small edit of a large value', async () => {
    const maker = new GroupMaker()
    for (const value of drawingEdits(1_200, 40)) await maker.add(value)
    const row = await maker.rest()
    expect(Math.max(...maker.frameBytes.slice(1))).toBeLessThan(400)
    expect(row.endBytes).toBeLessThan(row.rawBytes / 50)
  })

  test('deflates large deltas', async () => {
    const { maker, file } = await groupOf([{}, { text: 'the same words again '.repeat(1_000) }])
    expect(maker.frameBytes[1]).toBeLessThan(300)
    expect(file.deltaBytes).toBeGreaterThan(21_000)
    await file.close()
  })
})

describe('GroupWriter.hasRoom()', () => {
  test('wants a new group when deltas take over half of the keyframe', async () => {
    const maker = new GroupMaker()
    const value = drawing(1_500)
    await maker.add(value)
    let versions = 1
    for (; maker.hasRoom; versions++) {
      await maker.add({ ...value, name: Array.from({ length: 1_000 }, (_, at) => at * 7 + versions).join() })
    }
    const { deltaBytes, keyframeBytes } = await openedFacts(maker)
    expect(deltaBytes).toBeGreaterThan(keyframeBytes / 2)
    expect(deltaBytes).toBeLessThan(keyframeBytes / 2 + 6_000)
    expect(keyframeBytes / 2).toBeGreaterThan(32_768)
  })

  test('wants a new group for a delta as large as a copy, but not a tiny one', async () => {
    const maker = new GroupMaker()
    await maker.add({ text: 'x'.repeat(500) })
    await maker.add(Array.from({ length: 90 }, (_, at) => `element ${at * at}`))
    expect(maker.hasRoom).toBe(false)
    const tiny = new GroupMaker()
    for (let version = 1; version < 90; version++) await tiny.add(`state ${version}`)
    expect(tiny.hasRoom).toBe(true)
  })

  test('gives small groups 32 KiB of deltas', async () => {
    const maker = new GroupMaker()
    const list = Array.from({ length: 40 }, (_, at) => `element ${at}`)
    await maker.add({ list })
    while (maker.hasRoom) await maker.add({ list: [...list, 'changed '.repeat(10) + maker.values.length] })
    const { deltaBytes, keyframeBytes } = await openedFacts(maker)
    expect(keyframeBytes).toBeLessThan(2_000)
    expect(deltaBytes).toBeGreaterThan(32_768)
  })
})

async function openedFacts(maker: GroupMaker) {
  const file = await GroupFile.open(maker.place, await maker.rest())
  const { deltaBytes, keyframeBytes } = file
  await file.close()
  return { deltaBytes, keyframeBytes }
}

describe('GroupWriter.findSame()', () => {
  test('gives the first version with a hash, also after resume()', async () => {
    const maker = new GroupMaker()
    for (const value of ['a', 'b', 'b', 'a']) await maker.add(value)
    const hashes = maker.facts.map(({ hash }) => hash)
    const found = () => hashes.map((hash) => maker.writer?.findSame(hash))
    expect(found()).toEqual([1, 2, 2, 1])
    expect(maker.writer?.findSame('11'.repeat(16))).toBeUndefined()
    await maker.resume(await maker.rest())
    expect(found()).toEqual([1, 2, 2, 1])
    expect(maker.writer?.versions).toBe(4)
    await maker.rest()
  })
})

describe('GroupWriter.create()', () => {
  test('syncs the file, and its name once', async () => {
    const calls: string[] = []
    const storage = noting(memoryStorage(), calls)
    const maker = new GroupMaker(placeIn(storage))
    await maker.add('a')
    expect(calls).toEqual([])
    await maker.writer?.sync()
    await maker.add('b')
    await maker.writer?.sync()
    expect(calls).toEqual(['sync', 'directory histories/board', 'sync'])
    await maker.rest()
  })

  test('removes a file that could not be written', async () => {
    const memory = memoryStorage()
    const storage: Storage = {
      ...limitedStorage(memory),
      createExclusive: async (path) => {
        const handle = await memory.createExclusive(path)
        return { ...wrapped(handle), append: () => Promise.reject(new VarveError('STORAGE_FULL', 'Full')) }
      },
    }
    const place = placeIn(storage)
    await expect(GroupWriter.create(place, { value: 1, facts: FACTS })).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(await memory.exists(place.path)).toBe(false)
  })

  test('makes the same file of the same versions, of any chunk size', async () => {
    const value = drawing(200)
    for (const chunkBytes of [1_024, 5_000, 65_536]) {
      const place = placeIn(memoryStorage())
      const writer = await GroupWriter.create(place, { value, facts: FACTS, chunkBytes })
      await writer.close()
      const row = { id: ID, file: 'x', tier: 'raw', firstVersion: 1, lastVersion: 1, firstAt: 5, lastAt: 5 } as const
      const file = await GroupFile.open(place, { ...row, endBytes: writer.endBytes, rawBytes: 9 })
      expect(difference(await file.value(1), value)).toBeUndefined()
      await file.close()
    }
    const files = [await groupOf([value, 'a', value]), await groupOf([value, 'a', value])]
    const bytes = await Promise.all(files.map(({ maker: { place } }) => bytesOf(place.storage, place.path)))
    expect(bytes[0]).toEqual(bytes[1])
    for (const { file } of files) await file.close()
  })
})

/** Notes syncs. */
function noting(storage: Storage, calls: string[]): Storage {
  return {
    ...limitedStorage(storage),
    createExclusive: async (path) => {
      const handle = await storage.createExclusive(path)
      return {
        ...wrapped(handle),
        sync: () => {
          calls.push('sync')
          return handle.sync()
        },
      }
    },
    syncDirectory: (directory) => {
      calls.push(`directory ${directory}`)
      return storage.syncDirectory(directory)
    },
  }
}

function wrapped(handle: WriteHandle): WriteHandle {
  return {
    path: handle.path,
    get sizeBytes() {
      return handle.sizeBytes
    },
    append: (bytes) => handle.append(bytes),
    writeAt: (position, bytes) => handle.writeAt(position, bytes),
    sync: () => handle.sync(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    close: () => handle.close(),
  }
}

describe('GroupWriter.resume()', () => {
  test('goes on as if the file had never been closed', async () => {
    const values = [
      { a: 1 },
      { a: 1, 'a new key': 2 },
      { a: 2, 'a new key': 3, other: 4 },
      { a: 1 },
      { a: 5, other: 6 },
    ]
    const { maker: whole } = await groupOf(values)
    const maker = new GroupMaker()
    await maker.add(values[0])
    for (const value of values.slice(1)) {
      await maker.resume(await maker.rest())
      await maker.add(value)
    }
    const row = await maker.rest()
    const bytes = await bytesOf(maker.place.storage, maker.place.path)
    expect(bytes).toEqual(await bytesOf(whole.place.storage, whole.place.path))
    expect(row.endBytes).toBe(bytes.length)
  })

  test('refuses a group of which something is lost', async () => {
    const { maker, row, file } = await groupOf(['a', 'b'])
    await file.close()
    const damaged = await GroupFile.open(maker.place, { ...row, endBytes: row.endBytes - 1 })
    await expect(GroupWriter.resume(maker.place, damaged, row)).rejects.toMatchObject({ code: 'VERSION_DAMAGED' })
    await damaged.close()
  })
})

describe('copyGroup()', () => {
  test('copies what counts to a file that can be read and continued', async () => {
    const { maker, row, file } = await groupOf([drawing(900), 'a', 'b'])
    await file.close()
    const { storage } = maker.place
    const handle = await storage.openAppend(maker.place.path)
    await handle.append(new Uint8Array([1, 2, 3]))
    await handle.close()
    const to = placeIn(storage, '1111111111111111')
    await copyGroup(maker.place, to, row)
    expect((await bytesOf(storage, to.path)).length).toBe(row.endBytes)
    const copied = new GroupMaker(to)
    for (const [at, facts] of maker.facts.entries()) {
      copied.facts.push(facts)
      copied.frameBytes.push(maker.frameBytes[at] as number)
    }
    await copied.resume(row)
    await copied.add('c')
    const grown = await GroupFile.open(to, await copied.rest())
    expect(await grown.value(4)).toBe('c')
    expect(difference(await grown.value(1), drawing(900))).toBeUndefined()
    await grown.close()
  })

  test('leaves no file when the one to copy is too short', async () => {
    const { maker, row, file } = await groupOf(['a'])
    await file.close()
    const to = placeIn(maker.place.storage, '1111111111111111')
    const copying = copyGroup(maker.place, to, { ...row, endBytes: row.endBytes + 1 })
    await expect(copying).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(await maker.place.storage.exists(to.path)).toBe(false)
  })
})

/** In groups of 64 versions. */
test('300 small edits of a document of 800 KB take a five hundredth of its copies', async () => {
  const storage = { ...limitedStorage(memoryStorage()), compression: nativeCompression }
  const ends: number[] = []
  let jsonBytes = 0
  let maker: GroupMaker | undefined
  for (const value of drawingEdits(1_190, 300)) {
    // Edits change its size little.
    if (maker === undefined || maker.facts.length === 64) {
      if (maker !== undefined) ends.push((await maker.rest()).endBytes)
      jsonBytes = JSON.stringify(value).length
      expect(jsonBytes).toBeGreaterThan(790_000)
      maker = new GroupMaker(placeIn(storage, String(ends.length).padStart(16, '0')))
      maker.keepsValues = false
    }
    await maker.add(value)
    expect(maker.hasRoom).toBe(true)
  }
  if (maker !== undefined) ends.push((await maker.rest()).endBytes)
  const storedBytes = ends.reduce((sum, end) => sum + end, 0)
  expect((800_000 * 300) / storedBytes).toBeGreaterThan(500)
}, 60_000)
