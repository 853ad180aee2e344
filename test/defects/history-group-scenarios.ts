/** What kills defects in the files of groups: flipped bits, frames and chunks of other places, wrong hashes.
 * @module */
import { contentHashOf } from '../../src/history/group/content-hash.ts'
import { GroupFile, type GroupPlace } from '../../src/history/group/group-file.ts'
import { GroupWriter } from '../../src/history/group/group-writer.ts'
import { encodeGroupHeader } from '../../src/history/group/header.ts'
import { encodeFrame } from '../../src/history/group/version-frame.ts'
import { isVarveError } from '../../src/index.ts'
import type { GroupRow } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { bytesOf, GroupMaker, groupOf, ID, placeIn, writeFile } from '../unit/history/group-helpers.ts'
import { codeOf, mustBeExactly, type SmallOne, scenario, smallOne } from './history-support.ts'

const text = (letter: string, length = 120) => Array.from({ length }, (_, at) => `${letter}${at * at}`).join(' ')

/** Edits, an earlier value again, everything that facts can say, a delta that is deflated, another value. */
async function madeGroup() {
  const maker = new GroupMaker()
  const value = { title: 'board', rows: [1, 2, 3].map((id) => ({ id, text: `row ${id}` })) }
  await maker.add(value, { label: 'first', offset: 5 })
  await maker.add({ ...value, title: 'table' }, { metadata: { by: 'somebody' } })
  await maker.add({ ...value, title: 'table', more: text('m') }, { fingerprint: 'of it' })
  await maker.add(value, { offset: 9 })
  await maker.add({ ...value, fresh: { key: 1 } })
  await maker.add([1])
  const row = await maker.rest()
  return { maker, row, bytes: await bytesOf(maker.place.storage, maker.place.path) }
}

/** Open a group whose file has these bytes, and ask for every version: nothing but what was written may come. */
async function mustBeSound(made: Awaited<ReturnType<typeof madeGroup>>, bytes: Uint8Array, what: string) {
  const { maker, row } = made
  const { storage, path } = maker.place
  await writeFile(storage, path, bytes)
  const file = await GroupFile.open(maker.place, row)
  const damaged = new Set(file.damaged)
  const lost: number[] = []
  for (const [at, { version, ...facts }] of maker.facts.entries()) {
    const stored = file.versions.find((one) => one.version === version)
    must(damaged.has(version) || stored !== undefined, `${what}: version ${version} is neither there nor lost`)
    if (stored !== undefined) {
      const {
        sizeBytes: _,
        isDelta: __,
        sameAs: ___,
        version: ____,
        ...have
      } = stored as typeof stored & { sameAs?: 1 }
      mustEqual(have, facts, `${what}: facts of version ${version}`)
    }
    try {
      mustBeExactly(await file.value(version), maker.values[at], `${what}: value of version ${version}`)
      must(!damaged.has(version), `${what}: version ${version} is told lost, and can be read`)
    } catch (error) {
      if (!isVarveError(error, 'VERSION_DAMAGED')) throw error
      lost.push(version)
    }
  }
  await file.close()
  return lost
}

/** Every byte of a file with a flipped bit: what it costs is told, what is read is right. */
export const bitsOfGroupsAreNoticed = scenario(async () => {
  const made = await madeGroup()
  mustEqual(await mustBeSound(made, made.bytes, 'unhurt'), [], 'versions lost of a sound file')
  for (let at = 0; at < made.bytes.length; at++) {
    const bytes = made.bytes.slice()
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8))
    await mustBeSound(made, bytes, `byte ${at}`)
  }
})

/** Two frames behind each other, both damaged: none speaks for the other. */
export const bitsOfNeighboursAreNoticed = scenario(async () => {
  const made = await madeGroup()
  const { frameBytes } = made.maker
  const endOf = (frame: number) => frameBytes.slice(0, frame + 1).reduce((sum, size) => sum + size, 0)
  for (let frame = 1; frame < frameBytes.length - 1; frame++) {
    for (const back of [1, 5, 9]) {
      const bytes = made.bytes.slice()
      for (const at of [endOf(frame) - back, endOf(frame + 1) - 1]) bytes[at] = (bytes[at] as number) ^ 2
      await mustBeSound(made, bytes, `frames ${frame} and ${frame + 1}`)
    }
  }
})

/** Damage of a chunk is told where it is, before anything is made of its bytes. */
export const damagedChunksAreNamed = scenario(async () => {
  const { maker, row, file } = await groupOf([{ text: text('a', 9_000) }])
  await file.close()
  const bytes = await bytesOf(maker.place.storage, maker.place.path)
  const position = bytes.length - 100
  bytes[position] = (bytes[position] as number) ^ 4
  await writeFile(maker.place.storage, maker.place.path, bytes)
  const hurt = await GroupFile.open(maker.place, row)
  const error = await hurt.value(1).catch((thrown: unknown) => thrown)
  must(isVarveError(error, 'VERSION_DAMAGED'), 'a damaged chunk is noticed')
  must(String(error.details.found).startsWith('a wrong checksum in chunk'), `found ${error.details.found}`)
  must(Number(error.details.position) <= position, 'the chunk is named by where it is')
})

/** Frames of another group with the same sizes, in the place of those that were written there. */
export const foreignFramesAreNoticed = scenario(async () => {
  const values = (number: number) => [1, 2, 3].map((step) => ({ number: 1_000 * number + step, same: 'for all' }))
  const [one, other] = [await groupOf(values(1)), await groupOf(values(2))]
  const { place, frameBytes } = one.maker
  const bytes = await bytesOf(place.storage, place.path)
  const foreign = await bytesOf(other.maker.place.storage, other.maker.place.path)
  mustEqual(other.maker.frameBytes.slice(1), frameBytes.slice(1), 'sizes of frames')
  bytes.set(foreign.subarray(other.maker.frameBytes[0]), frameBytes[0])
  await writeFile(place.storage, place.path, bytes)
  const file = await GroupFile.open(place, one.row)
  mustEqual(file.damaged.slice(0, 1), [2], 'the first version that cannot be read')
  mustEqual(await codeOf(file.value(2)), 'VERSION_DAMAGED', 'a version of another group')
})

/** A frame that was written, but that no manifest counts. */
export const uncountedFramesAreNone = scenario(async () => {
  const maker = new GroupMaker()
  await maker.add({ number: 1 })
  await maker.add({ number: 2 })
  const counted = maker.row()
  await maker.add({ number: 3 })
  const all = await maker.rest()
  const file = await GroupFile.open(maker.place, counted)
  mustEqual(
    file.versions.map(({ version }) => version),
    [1, 2],
    'versions that count',
  )
  const grown = await file.grown(all)
  mustEqual(await grown.value(3), { number: 3 }, 'the value of a version that counts by now')
  await file.close()
  await grown.close()
})

/** Values that are the same as earlier ones, and changes of those. */
export const sameValuesAreJumpedTo = scenario(async () => {
  const [a, b] = [
    { state: 'a', list: [1, 2, 3] },
    { state: 'b', list: [1, 3], only: 'here' },
  ]
  const values = [a, b, a, { ...a, list: [1, 2, 3, 4] }, b, a, { ...b, state: 'c' }, b]
  const { file } = await groupOf(values)
  for (const [at, value] of values.entries()) {
    mustBeExactly(await file.value(at + 1), value, `version ${at + 1}`)
  }
  for (let from = 1; from <= values.length; from++) {
    let version = from
    for await (const step of file.values(from)) {
      mustEqual(step.version.version, version, 'versions in their order')
      mustBeExactly(step.value, values[version - 1], `version ${version} after ${from}`)
      version++
    }
    mustEqual(version, values.length + 1, 'versions that came')
  }
})

/** A version that is the same as the first of its group does not need what was damaged in between. */
export const sameValuesOutliveDamage = scenario(async () => {
  const [a, b] = [{ state: 'a' }, { state: 'b' }]
  const { maker, row } = await groupOf([a, b, a, b])
  const bytes = await bytesOf(maker.place.storage, maker.place.path)
  const inFrame = (maker.frameBytes[0] as number) + (maker.frameBytes[1] as number) - 1
  bytes[inFrame] = (bytes[inFrame] as number) ^ 1
  await writeFile(maker.place.storage, maker.place.path, bytes)
  const file = await GroupFile.open(maker.place, row)
  mustEqual(file.damaged, [2, 4], 'versions that cannot be read')
  mustEqual(await file.value(3), a, 'a version behind the damage')
})

/** What a file asks to be inflated, under right checksums, is bounded by the bytes it has. */
export const impossibleSizesAreRefused = scenario(async () => {
  const asked: number[] = []
  const plain = new GroupMaker().place.storage
  const { compression } = plain
  const inflate: typeof compression.inflate = (bytes, rawBytes) => {
    asked.push(rawBytes / Math.max(1, bytes.length))
    return compression.inflate(bytes, Math.min(rawBytes, 1_000_000))
  }
  const storage: Storage = { ...plainMethods(plain), compression: { ...compression, inflate } }
  const { digest } = storage
  const maker = new GroupMaker(placeIn(storage))
  await maker.add({ number: 1 })
  const row = await maker.rest()
  const header = (await bytesOf(storage, maker.place.path)).subarray(0, row.endBytes)
  const seed = new DataView(header.buffer).getUint32(headerBytes(header) - 4, true)
  const first = maker.facts[0]
  must(first !== undefined, 'there is a first version')
  const delta = { bytes: new Uint8Array(10), isDeflated: true, rawBytes: 2 ** 30 }
  const frame = encodeFrame({ facts: { ...first, version: 2 }, change: { delta } }, { base: first, seed, digest })
  await writeFile(storage, maker.place.path, joined(header, frame))
  const grown = { ...row, lastVersion: 2, endBytes: header.length + frame.length }
  const file = await GroupFile.open(maker.place, grown)
  mustEqual(file.damaged, [2], 'versions that cannot be read')
  await codeOf(file.value(2))
  await file.close()

  const chunks = [0, 1].map(() => ({ storedBytes: 16, isDeflated: true, crc: digest.crc32(new Uint8Array(16)) }))
  const sizes = { chunkBytes: 1_048_576, leadBytes: 1_048_576, streamBytes: 1_048_576 }
  const lying = encodeGroupHeader({ id: ID, ...sizes, chunks, first }, digest)
  await writeFile(storage, maker.place.path, joined(lying, new Uint8Array(32)))
  const hollow = await GroupFile.open(maker.place, { ...row, endBytes: lying.length + 32 })
  mustEqual(hollow.damaged, [1], 'versions of a keyframe that cannot be there')
  await codeOf(hollow.value(1))
  must(
    asked.every((times) => times <= 1_100),
    `bytes are inflated to ${Math.max(...asked)} times as many`,
  )
})

function headerBytes(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(16, true)
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** A storage of a class, as an object whose members can be replaced. */
function plainMethods(storage: Storage): Storage {
  return new Proxy({} as Storage, {
    ownKeys: () => [...allNames(storage)],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_, name) => {
      const member: unknown = Reflect.get(storage, name, storage)
      return typeof member === 'function' ? member.bind(storage) : member
    },
  })
}

function allNames(object: object): Set<string> {
  const names = new Set<string>()
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== 'constructor') names.add(name)
  }
  return names
}

/** A file that is gone on with names keys by the numbers they have in it. */
export const filesAreGoneOnWith = scenario(async () => {
  const maker = new GroupMaker()
  await maker.add({ first: 1 })
  await maker.add({ first: 1, second: { third: 3 } })
  await maker.add({ first: 1, second: { third: 3, fourth: { first: 4 } } })
  for (const step of [1, 2]) {
    await maker.resume(await maker.rest())
    await maker.add({ first: step, [`new ${step}`]: { fifth: [{ third: step }] }, second: { fourth: step } })
    await maker.add({ second: { fourth: step, fifth: step }, first: { [`new ${step}`]: step } })
  }
  const file = await GroupFile.open(maker.place, await maker.rest())
  for (const [at, value] of maker.values.entries()) mustBeExactly(await file.value(at + 1), value, `version ${at + 1}`)
})

/** A history of three versions, the second of which is told to be another value than it is, under right checksums. */
async function lyingHistory(kind: 'value' | 'metrics' = 'value'): Promise<SmallOne> {
  const one = smallOne({
    tiers: { raw: { forMs: 100 }, compressed: { forMs: 1_000, everyMs: 10 }, archive: { forMs: null } },
  })
  const { small } = one
  const series = (value: number) => ({ metrics: { load: { timestamps: [1n], values: [value] } } })
  const values = [1, 2, 3].map((number) => (kind === 'value' ? { number, text: 'board' } : series(number)))
  const ids = { id: '00112233445566aa', file: '00112233445566bb' }
  const place: GroupPlace = small.place(ids)
  const facts = (version: number, of: unknown) => {
    return { version, at: 10 * version, kind, ...contentHashOf(small.storage.digest, of) }
  }
  const writer = await GroupWriter.create(place, { value: values[0], facts: facts(1, values[0]) })
  for (const [at, value] of values.slice(1).entries()) {
    const wrong = at === 0 ? (values[2] as unknown) : value
    await writer.write(await writer.encode(facts(at + 2, wrong), { patch: { type: 'set', value } }))
  }
  await writer.close()
  const rawBytes = values.reduce((sum, value) => sum + facts(1, value).rawBytes, 0)
  const row: GroupRow = {
    ...ids,
    tier: 'raw',
    firstVersion: 1,
    lastVersion: 3,
    firstAt: 10,
    lastAt: 30,
    endBytes: writer.endBytes,
    rawBytes,
  }
  small.row = { ...small.row, lastVersion: 3, groups: [row] }
  return one
}

/** A value that is not the one that was stored is told when a caller asks, and by verify. */
export const wrongValuesAreTold = scenario(async () => {
  const { history } = await lyingHistory()
  mustEqual(await history.read({ version: 2 }), { number: 2, text: 'board' }, 'a value that nobody checks')
  mustEqual(await codeOf(history.read({ version: 2, check: true })), 'VERSION_DAMAGED', 'a wrong value that is checked')
  mustEqual(await codeOf(history.read({ version: 3, check: true })), 'nothing', 'a right value that is checked')
  const { damaged, ok } = await history.verify()
  mustEqual([ok, damaged], [false, [2]], 'what verify finds')
})

/** A clean-up neither gives a wrong value a right hash, nor sums it up. */
export const wrongValuesAreNotRewritten = scenario(async () => {
  for (const kind of ['value', 'metrics'] as const) {
    const { history, small } = await lyingHistory(kind)
    const [file] = small.row.groups.map((group) => group.file)
    await history.pin({ version: 2 })
    await history.cleanup({ now: 500 })
    const infos: string[] = []
    for await (const { version, kind: found } of history.index()) infos.push(`${version} ${found}`)
    mustEqual(infos, [`1 ${kind}`, `2 ${kind}`, `3 ${kind}`], `versions of ${kind} after a clean-up`)
    mustEqual(small.row.groups[0]?.file, file, 'the file of a group with a wrong value')
  }
})

/** The same of metrics that are not pinned. */
export const wrongMetricsAreNotSummedUp = scenario(async () => {
  const { history } = await lyingHistory('metrics')
  await history.cleanup({ now: 900 })
  const kinds: string[] = []
  for await (const { version, kind } of history.index()) kinds.push(`${version} ${kind}`)
  must(kinds.includes('2 metrics'), `after a clean-up there are ${kinds}`)
})
