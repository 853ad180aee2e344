/** verify: every kind of damage is found and named, and nothing is written.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { BatchEncoder, NO_TABLE } from '../../../src/codec/batch.ts'
import { segmentSeed } from '../../../src/codec/batch-header.ts'
import type { Row } from '../../../src/codec/block.ts'
import { fromHex } from '../../../src/codec/bytes.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/index/checkpoint.ts'
import { openStore, type VerifyProgress, verifyStorage } from '../../../src/index.ts'
import { acquire, readManifest } from '../../../src/manifest/index.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { systemRandom } from '../../../src/ports/random.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import {
  BATCH_HEADER_BYTES,
  batchPositions,
  bigBatch,
  countingWrites,
  fill,
  flipBit,
  imageOf,
  shapes,
  verifyImage,
  withFile,
} from './verify-support.ts'

/** Of a store that was closed, and of the same store as a crash would have left it. */
let closed: StoreImage
let crashed: StoreImage
let events: number

beforeAll(async () => {
  const storage = imageStorage(new Map())
  const store = await openStore({ storage })
  events = await fill(store)
  crashed = await imageOf(storage)
  await store.close()
  closed = await imageOf(storage)
})

const segments = (image: StoreImage) => [...image.keys()].filter((path) => path.endsWith('.log')).sort()
const manifest = (image: StoreImage) => [...image.keys()].find((path) => path.startsWith('MANIFEST-')) ?? ''
const head = (image: StoreImage) => [...image.keys()].find((path) => path.startsWith('head-')) ?? ''
const bytesOf = (image: StoreImage, path: string) => image.get(path) ?? new Uint8Array(0)

/** The first segment of the partition that rolled most: sealed. */
const sealedOf = (image: StoreImage) =>
  segments(image).find((path) => image.has(path.replace('.log', '.index')) && path.includes('orders')) ?? ''
const NOTES = 'topics/notes/0/00000000000000000000.log'

describe('a sound store', () => {
  test('Store.verify() finds nothing wrong and counts everything, while it is open for writing', async () => {
    const storage = imageStorage(new Map())
    const store = await openStore({ storage })
    const count = await fill(store)
    const report = await store.verify()
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ ok: true, eventsChecked: count, unknownFiles: [] })
    const image = await imageOf(storage)
    expect(report.filesChecked).toBe([...image.keys()].filter((path) => !path.startsWith('tmp')).length)
    expect(report.bytesChecked).toBe([...image.values()].reduce((sum, bytes) => sum + bytes.length, 0))
    expect(report.notChecked.join('\n')).toContain('the chain has no key')
    await store.close()
  })

  test('verifyStorage() and a read-only store agree on a closed store', async () => {
    const report = await verifyImage(closed)
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ ok: true, eventsChecked: events, unknownFiles: [] })
    const store = await openStore({ storage: imageStorage(closed), readOnly: true })
    const other = await store.verify()
    expect({ ...other, durationMs: 0 }).toEqual({ ...report, durationMs: 0 })
    await store.close()
  })

  test('verifyStorage() checks what a crash left, torn tail included', async () => {
    const torn = withFile(crashed, NOTES, (bytes) => bytes.subarray(0, bytes.length))
    expect(await verifyImage(torn)).toMatchObject({ ok: true, problems: [], eventsChecked: events })
    const more = withFile(crashed, NOTES, (bytes) => new Uint8Array([...bytes, 0x56, 0xb7, 1, 2, 3]))
    const report = await verifyImage(more)
    expect(report).toMatchObject({ ok: true, problems: [], eventsChecked: events })
    expect(report.notChecked.join('\n')).toContain(`${NOTES}: 5 bytes behind the last whole batch`)
  })

  test('Store.verify() passes after a recovery that sealed a torn segment, and says what it did not look at', async () => {
    const torn = withFile(crashed, NOTES, (bytes) => new Uint8Array([...bytes, 9, 9, 9]))
    const store = await openStore({ storage: imageStorage(torn), takeOver: true })
    const report = await store.verify()
    expect(report.problems.filter((problem) => problem.damage)).toEqual([])
    expect(report).toMatchObject({ ok: true, eventsChecked: events, unknownFiles: [] })
    expect(report.notChecked.join('\n')).toContain(`${NOTES}: 3 bytes behind the sealed end`)
    await store.close()
    expect(
      await (await openStore({ storage: imageStorage(await imageOf(imageStorage(closed))) })).verify(),
    ).toMatchObject({ ok: true })
  })

  test('Store.verify() checks up to the durable end while appends and rolls go on', async () => {
    const storage = imageStorage(closed)
    const store = await openStore({ storage })
    const orders = await store.topics.open('orders')
    let going = true
    const appending = (async () => {
      for (let number = 0; going && number < 30; number++) await orders.append(bigBatch(number, 'a'))
    })()
    const reports = [await store.verify(), await store.verify(), await verifyStorage({ storage })]
    going = false
    await appending
    for (const report of reports) expect(report.problems.filter((problem) => problem.damage)).toEqual([])
    expect(reports[1]?.eventsChecked).toBeGreaterThanOrEqual(events)
    await store.close()
  })

  test('Store.verify() writes nothing', async () => {
    const { storage, writes } = countingWrites(imageStorage(closed))
    const store = await openStore({ storage })
    const before = writes()
    expect((await store.verify()).ok).toBe(true)
    expect(writes()).toBe(before)
    await store.close()
    const other = countingWrites(imageStorage(crashed))
    expect((await verifyStorage({ storage: other.storage })).ok).toBe(true)
    expect(other.writes()).toBe(0)
  })
})

describe('damage to segments', () => {
  test('verifyStorage() names a flipped bit in a segment header, and checks the batches all the same', async () => {
    for (const file of [sealedOf(closed), NOTES]) {
      for (const position of [0, 7, 20, 50, 85, 100, 127]) {
        const report = await verifyImage(flipBit(closed, file, position))
        expect(shapes(report)).toEqual([{ code: 'SEGMENT_DAMAGED', file, position: 0, damage: true }])
        expect(report).toMatchObject({ ok: false, eventsChecked: events })
      }
    }
  })

  test('verifyStorage() names the batch of a flipped bit in its header', async () => {
    const [first = 0, second = 0] = batchPositions(bytesOf(closed, NOTES))
    for (const [batch, at] of [
      [first, 0],
      [second, 5],
      [second, 40],
      [second, 103],
    ] as const) {
      const report = await verifyImage(flipBit(closed, NOTES, batch + at))
      expect(shapes(report)).toEqual([{ code: 'SEGMENT_DAMAGED', file: NOTES, position: batch, damage: true }])
      expect(report.notChecked.join('\n')).toContain(`${NOTES}: positions ${batch} to`)
    }
  })

  test('verifyStorage() names the batch of a flipped bit in its body, and goes on behind it', async () => {
    const sealed = sealedOf(closed)
    for (const file of [sealed, NOTES]) {
      const positions = batchPositions(bytesOf(closed, file))
      const batch = positions.at(-2) ?? 0
      const end = positions.at(-1) ?? 0
      for (const position of [batch + BATCH_HEADER_BYTES + 6, Math.floor((batch + end) / 2), end - 1]) {
        const report = await verifyImage(flipBit(closed, file, position))
        expect(shapes(report)).toContainEqual({ code: 'SEGMENT_DAMAGED', file, position: batch, damage: true })
        expect(report.problems).toHaveLength(1)
        expect(report.ok).toBe(false)
      }
    }
    const [first = 0, second = 0, third = 0] = batchPositions(bytesOf(closed, NOTES))
    const report = await verifyImage(flipBit(flipBit(closed, NOTES, second - 1), NOTES, third - 1))
    expect(report.problems.map((problem) => problem.position)).toEqual([first, second])
    expect(report.eventsChecked).toBe(events - 2)
  })

  test('verifyStorage() finds a flipped bit in an active segment of a crashed store below what later batches prove', async () => {
    const batch = batchPositions(bytesOf(crashed, NOTES))[3] ?? 0
    const withoutHead = withFile(crashed, head(crashed), () => undefined)
    for (const image of [crashed, withoutHead]) {
      const report = await verifyImage(flipBit(image, NOTES, batch + 120))
      expect(shapes(report)).toEqual([{ code: 'SEGMENT_DAMAGED', file: NOTES, position: batch, damage: true }])
    }
  })

  test('verifyStorage() names a truncated segment with its length', async () => {
    for (const file of [sealedOf(closed), NOTES]) {
      const { length } = bytesOf(closed, file)
      for (const size of [0, 100, 128, 200, length - 1]) {
        const report = await verifyImage(withFile(closed, file, (bytes) => bytes.subarray(0, size)))
        expect(shapes(report)).toEqual([{ code: 'SEGMENT_DAMAGED', file, position: size, damage: true }])
      }
    }
  })

  test('verifyStorage() names a missing segment', async () => {
    for (const file of segments(closed)) {
      const report = await verifyImage(withFile(closed, file, () => undefined))
      expect(shapes(report)).toEqual([{ code: 'SEGMENT_MISSING', file, damage: true }])
    }
  })

  test('verifyStorage() says of two exchanged segments that they are foreign', async () => {
    const [one = '', other = ''] = segments(closed).filter((path) => path.includes('orders'))
    const swapped = new Map(closed).set(one, bytesOf(closed, other)).set(other, bytesOf(closed, one))
    const report = await verifyImage(swapped)
    const foreign = [one, other].map((file) => ({ code: 'SEGMENT_FOREIGN', file, position: 0, damage: true }))
    expect(shapes(report).filter((problem) => problem.code === 'SEGMENT_FOREIGN')).toEqual(foreign)
  })

  test('Store.verify() reports damage that came after the store was opened', async () => {
    const image = new Map([...closed].map(([path, bytes]) => [path, bytes.slice()]))
    const store = await openStore({ storage: imageStorage(image), readOnly: true })
    const sealed = sealedOf(closed)
    const bytes = bytesOf(image, sealed)
    bytes[500] = (bytes[500] ?? 0) ^ 1
    expect(shapes(await store.verify())).toEqual([
      { code: 'SEGMENT_DAMAGED', file: sealed, position: 128, damage: true },
    ])
    await store.close()
  })
})

describe('what checksums cannot see', () => {
  const row: Omit<Row, 'values' | 'start' | 'dataEnd' | 'metaEnd' | 'end'> = {
    kind: 'K',
    entity: 'e',
    at: 1,
    correlationId: undefined,
    causationId: undefined,
    id: undefined,
    scope: undefined,
    tags: undefined,
    schemaVersion: undefined,
    lane: undefined,
    depth: undefined,
    idempotencyKey: undefined,
    dataCodec: 0,
    metaCodec: 0,
    extensionsCodec: 0,
  }

  async function smallStore() {
    const storage = imageStorage(new Map())
    await createSmallTopic(
      { storage, clock: systemClock, random: systemRandom },
      { name: 'small', partitions: 1, segmentBytes: 100_000 },
    )
    const view = await readManifest(storage)
    const topic = view?.state.topics[0]
    const segment = topic?.partitions[0]?.segments[0]
    if (topic === undefined || segment === undefined) throw new Error('the store has no segment')
    return { storage, topic, segment, path: `topics/small/0/${segment.file}` }
  }

  test('verifyStorage() finds a batch that passes its checksums and does not decode', async () => {
    const { storage, segment, path } = await smallStore()
    const { digest } = storage
    const values = new Uint8Array([0xc1, 0xc1])
    const spots = { values, start: 0, dataEnd: 2, metaEnd: 2, end: 2 }
    const batch = new BatchEncoder(digest).encode([{ ...row, ...spots }], {
      place: { seed: segmentSeed(fromHex(segment.id), digest), position: 128 },
      epoch: 1,
      baseOffset: 0,
      recordedAt: 1,
      syncedThrough: 128,
      previousHash: fromHex(segment.hashBefore),
      table: NO_TABLE,
      tablePosition: undefined,
    })
    const handle = await storage.openAppend(path)
    await handle.append(batch.bytes)
    await handle.close()
    const report = await verifyStorage({ storage })
    expect(shapes(report)).toEqual([{ code: 'DECODE_FAILED', file: path, position: 128, damage: true }])
    expect(report.ok).toBe(false)
  })

  test('verifyStorage() compares what the manifest sealed with what the scan found', async () => {
    const { storage, topic, path } = await smallStore()
    const store = await openStore({ storage })
    await (await store.topics.open('small')).append({ kind: 'K', entity: 'e', data: 1 })
    await store.close()
    const { length } = (await imageOf(storage)).get(path) ?? []
    const { manifest: owned } = await acquire({
      storage,
      clock: systemClock,
      random: systemRandom,
      takeOver: false,
      lockTimeoutMs: 0,
    })
    const endHash = 'ab'.repeat(32)
    const next = { file: '00000000000000000001.log', id: '0'.repeat(16), baseOffset: 1, hashBefore: endHash }
    const seal = { endOffset: 1, endPosition: length ?? 0, endHash }
    await owned.append({ type: 'segment-added', topic: topic.id, partition: 0, seal, segment: next })
    await owned.close()
    const report = await verifyStorage({ storage })
    expect(shapes(report)).toContainEqual({ code: 'SEGMENT_DAMAGED', file: path, position: length, damage: true })
    expect(shapes(report)).toContainEqual({
      code: 'SEGMENT_MISSING',
      file: `topics/small/0/${next.file}`,
      damage: true,
    })
  })
})

describe('derived files', () => {
  test('verifyStorage() reports a missing index as no damage', async () => {
    for (const extension of ['.index', '.timeindex']) {
      const file = sealedOf(closed).replace('.log', extension)
      const report = await verifyImage(withFile(closed, file, () => undefined))
      expect(shapes(report)).toEqual([{ code: 'INDEX_MISSING', file, damage: false }])
      expect(report.ok).toBe(true)
    }
  })

  test('verifyStorage() reports an index that differs in any byte, or is longer or shorter', async () => {
    for (const extension of ['.index', '.timeindex']) {
      const file = sealedOf(closed).replace('.log', extension)
      const { length } = bytesOf(closed, file)
      for (const position of [0, 20, 66, length - 1]) {
        const report = await verifyImage(flipBit(closed, file, position))
        expect(shapes(report)).toEqual([{ code: 'INDEX_DIFFERS', file, position, damage: false }])
      }
      const longer = await verifyImage(withFile(closed, file, (bytes) => new Uint8Array([...bytes, 0])))
      expect(shapes(longer)).toEqual([{ code: 'INDEX_DIFFERS', file, position: length, damage: false }])
      const empty = await verifyImage(withFile(closed, file, () => new Uint8Array(0)))
      expect(shapes(empty)).toEqual([{ code: 'INDEX_DIFFERS', file, position: 0, damage: false }])
    }
  })

  test('verifyStorage() reports a checkpoint that is damaged in any way as no damage', async () => {
    const file = 'topics/notes/0/index.ckpt'
    const { length } = bytesOf(closed, file)
    expect(length).toBeGreaterThan(100)
    for (const position of [0, 6, 9, 12, 60, length - 1]) {
      const report = await verifyImage(flipBit(closed, file, position))
      expect(shapes(report)).toEqual([{ code: 'CHECKPOINT_DAMAGED', file, damage: false }])
      expect(report).toMatchObject({ ok: true, eventsChecked: events })
    }
  })

  test('verifyStorage() makes the checkpoint again from the segment and compares', async () => {
    const storage = imageStorage(closed)
    const [partition = ''] = segments(closed).filter((path) => path.startsWith('topics/notes'))
    const file = partition.replace(/[^/]*$/, 'index.ckpt')
    const state = await readManifest(storage)
    const topic = state?.state.topics.find((row) => row.name === 'notes')
    const owner = { storeId: state?.state.storeId ?? '', lineage: topic?.lineage ?? '', partition: 0 }
    const { digest } = storage
    const checkpoint = decodeCheckpoint(bytesOf(closed, file), owner, digest)
    const { epoch, watermark, recordedAt, index } = checkpoint
    const facts = { ...owner, epoch, watermark, recordedAt, index, rows: checkpoint.rows() }
    const same = withFile(closed, file, () => encodeCheckpoint(facts, digest))
    expect((await verifyImage(same)).problems).toEqual([])
    facts.rows.kindIds.set(3, 0)
    const others = [
      encodeCheckpoint(facts, digest),
      encodeCheckpoint({ ...facts, rows: checkpoint.rows(), recordedAt: recordedAt + 1 }, digest),
      encodeCheckpoint(
        { ...facts, rows: checkpoint.rows(), watermark: { ...watermark, hash: 'ab'.repeat(32) } },
        digest,
      ),
    ]
    for (const other of others) {
      const report = await verifyImage(withFile(closed, file, () => other))
      expect(shapes(report)).toEqual([{ code: 'CHECKPOINT_DIFFERS', file, damage: false }])
    }
    const foreign = encodeCheckpoint({ ...facts, watermark: { ...watermark, segment: '0'.repeat(16) } }, digest)
    const report = await verifyImage(withFile(closed, file, () => foreign))
    expect(report.problems).toEqual([])
    expect(report.notChecked.join('\n')).toContain(`${file}: it is of another segment`)
  })

  test('verifyStorage() reports a damaged slot of the head file as no damage', async () => {
    const file = head(crashed)
    for (const position of [128, 150, 200]) {
      const report = await verifyImage(flipBit(crashed, file, position))
      expect(shapes(report)).toEqual([
        { code: 'HEAD_DAMAGED', file, position: position - (position % 64), damage: false },
      ])
    }
  })
})

describe('manifests', () => {
  test('verifyStorage() reports a damaged manifest and what it could not check', async () => {
    const file = manifest(closed)
    const report = await verifyImage(flipBit(closed, file, 100))
    expect(shapes(report)).toMatchObject([{ code: 'MANIFEST_DAMAGED', file, damage: true }])
    expect(report).toMatchObject({ ok: false, eventsChecked: events })
    expect(report.notChecked.join('\n')).toContain('each was checked by itself')
    const batch = batchPositions(bytesOf(closed, NOTES))[2] ?? 0
    const both = await verifyImage(flipBit(flipBit(closed, file, 100), NOTES, batch + 110))
    expect(shapes(both)).toContainEqual({ code: 'SEGMENT_DAMAGED', file: NOTES, position: batch, damage: true })
  })

  test('verifyStorage() goes by the manifest below a damaged one', async () => {
    const storage = imageStorage(closed)
    const store = await openStore({ storage })
    await store.close()
    const image = await imageOf(storage)
    const newest =
      [...image.keys()]
        .filter((path) => path.startsWith('MANIFEST-'))
        .sort()
        .at(-1) ?? ''
    const report = await verifyImage(flipBit(image, newest, 100))
    expect(shapes(report)).toMatchObject([{ code: 'MANIFEST_DAMAGED', file: newest, damage: true }])
    expect(report.eventsChecked).toBe(events)
  })

  test('verifyStorage() reports damage to a manifest that a newer one replaced as no damage', async () => {
    const storage = imageStorage(closed)
    const store = await openStore({ storage })
    await store.close()
    const image = await imageOf(storage)
    const report = await verifyImage(flipBit(image, manifest(closed), 100))
    expect(shapes(report)).toMatchObject([{ code: 'MANIFEST_DAMAGED', file: manifest(closed), damage: false }])
    expect(report.ok).toBe(true)
  })

  test('verifyStorage() reports a torn manifest tail as no damage', async () => {
    const file = manifest(crashed)
    const { length } = bytesOf(crashed, file)
    const report = await verifyImage(withFile(crashed, file, (bytes) => new Uint8Array([...bytes, 1, 2, 3])))
    expect(shapes(report)).toEqual([{ code: 'MANIFEST_TORN', file, position: length, damage: false }])
  })

  test('verifyStorage() finds by the head file that the last record of a manifest is lost', async () => {
    const file = manifest(crashed)
    const report = await verifyImage(withFile(crashed, file, (bytes) => bytes.subarray(0, bytes.length - 1)))
    expect(shapes(report)).toContainEqual(
      expect.objectContaining({ code: 'MANIFEST_DAMAGED', file, damage: true, position: expect.any(Number) }),
    )
    expect(report.unknownFiles).toEqual(['topics/notes'])
  })

  test('Store.verify() goes by what the store knows when its manifest is damaged under it', async () => {
    const image = new Map([...closed].map(([path, bytes]) => [path, bytes.slice()]))
    const store = await openStore({ storage: imageStorage(image), readOnly: true })
    const bytes = bytesOf(image, manifest(closed))
    bytes[100] = (bytes[100] ?? 0) ^ 1
    const report = await store.verify()
    expect(shapes(report)).toMatchObject([{ code: 'MANIFEST_DAMAGED', damage: true }])
    expect(report.eventsChecked).toBe(events)
    await store.close()
  })

  test('verifyStorage() throws STORE_MISSING where there is no store, and reports topics without a manifest', async () => {
    await expect(verifyImage(new Map())).rejects.toMatchObject({ code: 'STORE_MISSING' })
    const report = await verifyImage(withFile(closed, manifest(closed), () => undefined))
    expect(shapes(report)).toEqual([{ code: 'MANIFEST_DAMAGED', file: '', damage: true }])
  })
})

describe('all of it', () => {
  /** Goal: no byte of any file is out of sight. Method: flip bits all over a small store with every kind of file, shut
   * and crashed; the check must name the file, and call it damage exactly when truth may be lost. */
  test('verifyStorage() notices a flipped bit anywhere', { timeout: 60_000 }, async () => {
    const storage = imageStorage(new Map())
    const place = { storage, clock: systemClock, random: systemRandom }
    await createSmallTopic(place, { name: 'small', partitions: 1, segmentBytes: 1_500 })
    const store = await openStore({ storage })
    const topic = await store.topics.open('small')
    for (let number = 0; number < 40; number++) {
      await topic.append({ kind: 'K', entity: `e${number % 3}`, data: { number, text: 'some text' } })
    }
    const live = await imageOf(storage)
    await store.close()
    const done = await imageOf(storage)
    const kinds = new Set<string>()
    for (const image of [live, done]) {
      const sound = await verifyImage(image)
      expect(sound.problems).toEqual([])
      expect(sound.eventsChecked).toBe(40)
      const unseen: string[] = []
      for (const [path, bytes] of image) {
        kinds.add(path.replace(/.*\/|[-.]?\d+[-.]?|\d/g, ''))
        for (let bit = 0; bit < bytes.length * 8; bit += 173) {
          const mask = 1 << (bit & 7)
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ mask
          const { problems } = await verifyImage(image)
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ mask
          const truth = path.endsWith('.log')
          const seen = problems.some((problem) => problem.file === path && (problem.damage || !truth))
          if (!seen) unseen.push(`${path} bit ${bit}: ${JSON.stringify(problems)}`)
        }
      }
      expect(unseen).toEqual([])
    }
    expect([...kinds].sort()).toEqual(['MANIFEST', 'head', 'index', 'index.ckpt', 'log', 'terms', 'timeindex'])
  })
})

describe('unknown files', () => {
  test('verifyStorage() lists what no rule names, and an unknown directory once', async () => {
    const strangers = [
      'README.txt',
      'MANIFEST-7',
      'stuff/a',
      'stuff/deep/b',
      'topics/loose',
      'topics/orders/9/x',
      'topics/orders/0/notes.txt',
      'topics/nobody/0/00000000000000000000.log',
    ]
    const image = new Map(closed)
    for (const path of strangers) image.set(path, new Uint8Array(3))
    image.set('tmp/half', new Uint8Array(3))
    const report = await verifyImage(image)
    expect(report.unknownFiles).toEqual([
      'MANIFEST-7',
      'README.txt',
      'stuff',
      'topics/loose',
      'topics/nobody',
      'topics/orders/9',
      'topics/orders/0/notes.txt',
    ])
    expect(report).toMatchObject({ ok: true, problems: [] })
  })

  test('verifyStorage() explains a segment file that the manifest does not name', async () => {
    const copy = 'topics/notes/0/00000000000000000000-1.log'
    const image = new Map(closed).set(copy, bytesOf(closed, NOTES))
    image.set('topics/notes/0/00000000000000000000.index', new Uint8Array(3))
    const report = await verifyImage(image)
    expect(report.ok).toBe(true)
    expect(report.unknownFiles).toEqual([
      expect.stringContaining(`${copy}: not in the manifest`),
      expect.stringContaining('topics/notes/0/00000000000000000000.index: an index without'),
    ])
  })
})

describe('progress and abort', () => {
  test('Store.verify() tells progress that adds up to the size of all files', async () => {
    const storage = imageStorage(closed)
    const calls: VerifyProgress[] = []
    let time = 0
    const clock = {
      now: () => 0,
      monotonic: () => (time += 50),
      after: () => () => {},
    }
    const report = await verifyStorage({ storage, clock, onProgress: (progress) => calls.push(progress) })
    const total = [...closed.values()].reduce((sum, bytes) => sum + bytes.length, 0)
    expect(report.bytesChecked).toBe(total)
    expect(calls.length).toBeGreaterThan(5)
    for (const call of calls) expect(call.totalBytes).toBe(total)
    const done = calls.map((call) => call.doneBytes)
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(calls.at(-1)).toMatchObject({ doneBytes: total, totalBytes: total })
  })

  test('Store.verify() tells progress at most ten times a second, and once at the end', async () => {
    const calls: VerifyProgress[] = []
    const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} }
    await verifyStorage({ storage: imageStorage(closed), clock, onProgress: (progress) => calls.push(progress) })
    expect(calls).toHaveLength(2)
  })

  test('Store.verify() rejects with the reason of its signal', async () => {
    const store = await openStore({ storage: imageStorage(closed), readOnly: true })
    const reason = new Error('enough')
    await expect(store.verify({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    let calls = 0
    const onProgress = () => {
      calls++
      controller.abort(reason)
    }
    await expect(store.verify({ signal: controller.signal, onProgress })).rejects.toBe(reason)
    expect(calls).toBe(1)
    await store.close()
  })

  test('Store.verify() rejects with STORE_CLOSED when the store is closed under it', async () => {
    const store = await openStore({ storage: imageStorage(closed), readOnly: true })
    const verifying = store.verify({ onProgress: () => void store.close() })
    await expect(verifying).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })
})
