/** Goal: damage costs exactly the versions that need what is damaged, all errors name these, and what can be read is
 * what was written.
 * Method: every bit of a small group is flipped, one at a time; the file is cut at every length.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { nativeCompression } from '../../../adapters/node/compression.ts'
import { Path } from '../../../src/document/path/path.ts'
import { isVarveError } from '../../../src/errors.ts'
import { GroupFile } from '../../../src/history/group/group-file.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { RUNTIME } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import { bytesOf, GroupMaker, placeIn, writeFile } from './group-helpers.ts'

/** Fast, and the same on every runtime. */
function quickStorage() {
  return { ...limitedStorage(memoryStorage(), { syncReads: true }), compression: nativeCompression }
}

const A = { name: 'a', list: [1, 2, 3], text: 'some words, some words, some words' }
const B = { name: 'b', list: [1, 3], text: 'some words, other words, some words' }

/** Versions, and which one's delta or keyframe makes the value of each, by their numbers less one. */
async function smallGroup(values: readonly unknown[]) {
  const maker = new GroupMaker(placeIn(quickStorage()))
  for (const [at, value] of values.entries()) {
    await maker.add(value, at % 3 === 1 ? { label: `v${at}`, metadata: { at }, offset: at * 100 } : {})
  }
  const row = await maker.rest()
  const roots = values.map((value, at) => values.findIndex((other, before) => before <= at && other === value))
  const file = await GroupFile.open(maker.place, row)
  const { versions } = file
  await file.close()
  return { maker, row, roots, versions, bytes: await bytesOf(maker.place.storage, maker.place.path) }
}

type Group = Awaited<ReturnType<typeof smallGroup>>

/** Read all of a group whose file is these bytes. @returns what cannot be read, as all errors name it. */
async function lostIn(group: Group, bytes: Uint8Array): Promise<number[]> {
  const { lost, named } = await readAll(group, bytes)
  for (const names of named) expect(names).toEqual(lost)
  return lost
}

async function readAll({ maker, row, versions }: Group, bytes: Uint8Array) {
  const { place, values } = maker
  await writeFile(place.storage, place.path, bytes)
  const file = await GroupFile.open(place, row)
  const lost: number[] = []
  const named: (readonly number[])[] = []
  for (const [at, value] of values.entries()) {
    try {
      expect(difference(await file.value(at + 1), value)).toBeUndefined()
    } catch (error) {
      if (!isVarveError(error, 'VERSION_DAMAGED')) throw error
      lost.push(at + 1)
      named.push(error.details.versions as readonly number[])
      expect(error.details.file).toBe(place.path)
    }
  }
  for (const version of file.damaged) expect(lost).toContain(version)
  for (const stored of file.versions) expect(stored).toEqual(versions[stored.version - 1])
  await file.close()
  return { lost, named }
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] as number) ^ (1 << bit)
  return copy
}

const bits = RUNTIME === 'node' ? [0, 1, 2, 3, 4, 5, 6, 7] : [5]

/** Where the parts of a group's file begin. */
function partsOf({ maker, bytes }: Group) {
  const view = new DataView(bytes.buffer)
  const headerEnd = view.getUint32(16, true)
  const leadEnd = headerEnd + (view.getUint32(36, true) & 0x7fff_ffff)
  const starts: number[] = []
  let at = 0
  for (const size of maker.frameBytes) {
    starts.push(at)
    at += size
  }
  return { headerEnd, leadEnd, starts, end: at }
}

describe('a flipped bit', { timeout: 60_000 }, () => {
  const values = [A, B, A, { ...A, name: 'c' }, B, B, [1, 2, 3, 'set'], [1, 2, 3, 'sets'], A]
  const all = values.map((_, at) => at + 1)

  test('in the header costs all versions', async () => {
    const group = await smallGroup(values)
    for (let at = 0; at < partsOf(group).headerEnd; at++) {
      for (const bit of bits) expect(await lostIn(group, flipped(group.bytes, at, bit))).toEqual(all)
    }
  })

  test('in the keyframe costs the versions that begin with it', async () => {
    const group = await smallGroup(values)
    const { headerEnd, leadEnd, starts } = partsOf(group)
    for (let at = headerEnd; at < (starts[1] as number); at++) {
      // Without the key table no delta can be read either.
      const lost = at < leadEnd ? all : all.filter((version) => version !== 7 && version !== 8)
      for (const bit of bits) expect(await lostIn(group, flipped(group.bytes, at, bit))).toEqual(lost)
    }
  })

  test('in a frame costs its version and the deltas behind it', async () => {
    const group = await smallGroup(values)
    const { starts, end } = partsOf(group)
    for (const [frame, start] of starts.entries()) {
      if (frame === 0) continue
      const lost = all.filter((version) => version === frame + 1 || (group.roots[version - 1] as number) >= frame)
      for (let at = start + 5; at < (starts[frame + 1] ?? end); at++) {
        for (const bit of bits) expect(await lostIn(group, flipped(group.bytes, at, bit))).toEqual(lost)
      }
    }
  })

  test('in the checksum of a frame costs nothing when the next frame confirms it', async () => {
    const group = await smallGroup(values)
    const { starts } = partsOf(group)
    for (const [frame, start] of starts.entries()) {
      if (frame === 0) continue
      const lost = frame === values.length - 1 ? [frame + 1] : []
      for (let at = start; at < start + 4; at++) {
        for (const bit of bits) expect(await lostIn(group, flipped(group.bytes, at, bit))).toEqual(lost)
      }
    }
  })

  test('in the size of a frame costs its version, the deltas behind it, and others at most behind it', async () => {
    const group = await smallGroup(values)
    for (const [frame, start] of partsOf(group).starts.entries()) {
      if (frame === 0) continue
      for (const bit of bits) {
        const lost = await lostIn(group, flipped(group.bytes, start + 4, bit))
        expect(lost.every((version) => version > frame)).toBe(true)
        const least = all.filter((version) => version === frame + 1 || (group.roots[version - 1] as number) >= frame)
        expect(lost).toEqual(expect.arrayContaining(least))
      }
    }
  })
})

describe('a file that is not whole', { timeout: 60_000 }, () => {
  const values = [A, B, { ...A, name: 'c' }, A]

  test('gives what is before its end', async () => {
    const group = await smallGroup(values)
    const { starts, end } = partsOf(group)
    for (let length = 0; length < end; length++) {
      const whole = starts.filter((_, frame) => (starts[frame + 1] ?? end) <= length).length
      const { lost, named } = await readAll(group, group.bytes.subarray(0, length))
      expect(lost).toEqual([1, 2, 3, 4].slice(whole))
      for (const [at, names] of named.entries()) expect(names).toContain(lost[at])
      expect(lost).toEqual(expect.arrayContaining(named.flat()))
    }
  })

  test('and its absence cost all versions', async () => {
    const { maker, row } = await smallGroup(values)
    await maker.place.storage.remove(maker.place.path)
    const file = await GroupFile.open(maker.place, row)
    expect(file.versions).toEqual([])
    expect(file.damaged).toEqual([1, 2, 3, 4])
    const details = { history: 'board', versions: [1, 2, 3, 4], file: maker.place.path, found: 'no file' }
    await expect(file.value(2)).rejects.toMatchObject({ code: 'VERSION_DAMAGED', details })
    await expect(file.valueAt(2, Path.parse('name'))).rejects.toMatchObject({ code: 'VERSION_DAMAGED', details })
    await file.close()
  })

  test('bytes behind its end mean nothing', async () => {
    const group = await smallGroup(values)
    expect(await lostIn(group, new Uint8Array([...group.bytes, ...group.bytes.subarray(0, 99)]))).toEqual([])
  })

  test('a file of another group, and one of a newer format, are told apart', async () => {
    const { maker, row, bytes } = await smallGroup(values)
    const { place } = maker
    const other = await GroupFile.open(place, { ...row, id: '1111111111111111' })
    await expect(other.value(1)).rejects.toMatchObject({ details: { found: 'another group' } })
    await other.close()
    const newer = bytes.slice()
    newer[7] = 9
    const end = new DataView(newer.buffer).getUint32(16, true) - 4
    new DataView(newer.buffer).setUint32(end, place.storage.digest.crc32(newer.subarray(0, end)), true)
    await writeFile(place.storage, place.path, newer)
    await expect(GroupFile.open(place, row)).rejects.toMatchObject({ code: 'FORMAT_NEWER' })
  })

  test('values() throws at the first version that is lost, and goes on behind it', async () => {
    const group = await smallGroup(values)
    const { starts } = partsOf(group)
    await writeFile(
      group.maker.place.storage,
      group.maker.place.path,
      flipped(group.bytes, (starts[2] as number) + 9, 1),
    )
    const file = await GroupFile.open(group.maker.place, group.row)
    const seen: number[] = []
    const walk = async (from: number) => {
      for await (const { version } of file.values(from)) seen.push(version.version)
    }
    await expect(walk(1)).rejects.toMatchObject({ code: 'VERSION_DAMAGED', details: { versions: [3] } })
    await walk(4)
    expect(seen).toEqual([1, 2, 4])
    await file.close()
  })
})
