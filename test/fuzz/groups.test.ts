/** Goal: no bytes of a group make opening or reading it do more than fail: damage is named by its error, no read is
 * endless, and sizes that the bytes tell take no memory that they cannot fill.
 * Method: bytes of the header, of what is in the chunks and of frames are changed and put under right checksums, as a
 * hostile writer could; each group is listed, its values are read whole, by paths and in order, and it is continued.
 * fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { nativeCompression } from '../../adapters/node/compression.ts'
import { viewOf } from '../../src/codec/bytes.ts'
import { Path } from '../../src/document/path/path.ts'
import { isVarveError } from '../../src/errors.ts'
import { GroupFile } from '../../src/history/group/group-file.ts'
import { GroupWriter } from '../../src/history/group/group-writer.ts'
import { encodeGroupHeader, headerCrc, placeChunks, readGroupHeader } from '../../src/history/group/header.ts'
import type { GroupRow } from '../../src/manifest/histories.ts'
import { documentValue } from '../crash/documents-oracle.ts'
import { imageStorage } from '../faults/image-storage.ts'
import { share } from '../support/runtime.ts'
import { type Draw, draws } from '../support/seeded-random.ts'
import { bytesOf, GroupMaker, placeIn } from '../unit/history/group-helpers.ts'

interface Base {
  readonly row: GroupRow
  readonly header: Uint8Array
  /** Raw. */
  readonly chunks: readonly Uint8Array[]
  readonly frames: readonly Uint8Array[]
}

const { digest } = memoryStorage()
const BYTES = [0xff, 0, 0x0e, 0x10, 0x12, 0x13, 0x19, 0x20, 0x2f, 0x30, 0x34, 0x38, 0x80, 0xe0, 0x40, 0x50]
const PATHS = ['', 'number', 'rows[1].text', 'rows[40].id', 'deep.x[2][1].y', 'deep.x', 'more'].map((text) =>
  Path.parse(text),
)
let bases: readonly Base[] = []

async function make(rows: number): Promise<Base> {
  const maker = new GroupMaker()
  const first = { ...documentValue(1, rows), deep: { x: [1, 2, [3, { y: 'z' }]], b: new Uint8Array(40), n: 2n ** 70n } }
  const second = { ...first, more: Array.from({ length: 20 }, (_, at) => at * at) }
  const third = { ...second, rows: [...second.rows].reverse(), deep: { ...first.deep, x: [2, [3, { y: 'zz' }], 1] } }
  const values = [
    first,
    second,
    third,
    first,
    { ...third, text: 'long '.repeat(100) },
    second,
    [1],
    { ...first, number: 5 },
  ]
  for (const value of values) await maker.add(value, { label: 'label', metadata: { a: 1 }, offset: 5 })
  const row = await maker.rest()
  const bytes = await bytesOf(maker.place.storage, maker.place.path)
  const headerBytes = viewOf(bytes).getUint32(16, true)
  const header = bytes.subarray(0, headerBytes)
  const chunks: Uint8Array[] = []
  for (const { position, storedBytes, isDeflated, rawBytes } of placeChunks(readGroupHeader(header, digest))) {
    const stored = bytes.subarray(position, position + storedBytes)
    chunks.push(isDeflated ? await nativeCompression.inflate(stored, rawBytes) : stored)
  }
  let at = maker.frameBytes[0] as number
  const frames = maker.frameBytes.slice(1).map((size) => {
    at += size
    return bytes.subarray(at - size, at)
  })
  return { row, header, chunks, frames }
}

beforeAll(async () => {
  bases = [await make(3), await make(60), await make(600)]
})

function change(bytes: Uint8Array, draw: Draw, from = 0): void {
  for (let left = 1 + (draw() % 3); left > 0; left--) {
    const value = draw()
    bytes[from + (draw() % (bytes.length - from))] =
      value % 3 === 0 ? value >>> 24 : (BYTES[value % BYTES.length] as number)
  }
}

/** A group with some bytes changed, under right checksums. */
async function mutated(base: Base, draw: Draw): Promise<Uint8Array> {
  const what = draw() % 4
  const parsed = readGroupHeader(base.header, digest)
  const raw = base.chunks.map((chunk) => chunk.slice())
  if (what === 1) change(raw[draw() % raw.length] as Uint8Array, draw)
  const stored = await Promise.all(raw.map((chunk) => nativeCompression.deflate(chunk)))
  const chunks = stored.map((chunk) => ({ storedBytes: chunk.length, isDeflated: true, crc: digest.crc32(chunk) }))
  const header = encodeGroupHeader({ ...parsed, chunks }, digest)
  if (what === 0) {
    change(header, draw, draw() % 2 === 0 ? 20 : 36)
    viewOf(header).setUint32(header.length - 4, digest.crc32(header.subarray(0, header.length - 4)), true)
  }
  const frames = base.frames.map((frame) => frame.slice())
  if (what > 1) change(frames[draw() % frames.length] as Uint8Array, draw, what + 2)
  let seed = headerCrc(header)
  for (const frame of frames) {
    seed = digest.crc32(frame.subarray(4), seed)
    viewOf(frame).setUint32(0, seed, true)
  }
  return new Uint8Array([header, ...stored, ...frames].flatMap((part) => [...part]))
}

/** Whether it went well; other errors than damage are thrown on. */
async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action()
    return true
  } catch (error) {
    if (!isVarveError(error, 'VERSION_DAMAGED') && !isVarveError(error, 'FORMAT_NEWER')) throw error
    return false
  }
}

test('groups of changed bytes with right checksums are read, or fail as damaged', { timeout: 120_000 }, async () => {
  let read = 0
  let lost = 0
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 0x7fff_ffff }), async (seed) => {
      const draw = draws(seed)
      const base = bases[[0, 0, 0, 0, 0, 0, 1, 1, 2][draw() % 9] as number] as Base
      const bytes = await mutated(base, draw)
      const { path } = placeIn(memoryStorage())
      const place = placeIn({ ...imageStorage(new Map([[path, bytes]])), compression: nativeCompression })
      const row = { ...base.row, endBytes: bytes.length }
      let file: GroupFile | undefined
      if (!(await attempt(async () => (file = await GroupFile.open(place, row))))) return
      const opened = file as unknown as GroupFile
      for (let version = 1; version <= row.lastVersion; version++) {
        if (await attempt(() => opened.value(version))) read++
        else lost++
        await attempt(() => opened.valueAt(version, PATHS[draw() % PATHS.length] as Path))
      }
      await attempt(async () => {
        for await (const { version } of opened.values(1)) if (version.version > row.lastVersion) break
      })
      await attempt(async () => (await GroupWriter.resume(place, opened, row)).close())
      await opened.close()
    }),
    { numRuns: share(1_000) },
  )
  expect(read).toBeGreaterThan(share(500))
  expect(lost).toBeGreaterThan(share(500))
})
