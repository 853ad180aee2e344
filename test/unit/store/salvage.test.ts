/** A salvage of stores with one known damage each: what is lost is exactly what the damage took.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../../../src/codec/batch-header.ts'
import { utf8 } from '../../../src/codec/bytes.ts'
import { VarveError } from '../../../src/errors.ts'
import { readWhole } from '../../../src/manifest/files.ts'
import { encodeFrame, scanFrames } from '../../../src/manifest/frame.ts'
import { type ManifestState, manifestEpoch, readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { SEGMENT_HEADER_BYTES } from '../../../src/segment/header.ts'
import { segmentRef } from '../../../src/segment/segment.ts'
import { changed, isDerived } from '../../crash/files.ts'
import { openForTest } from '../../crash/oracle.ts'
import { moved, mustServe, packed, type SalvageSubject, salvageSubject, varied } from '../../crash/salvage-support.ts'
import { observeWhole } from '../../crash/whole.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'
import { outcome, Wire } from '../topic/support.ts'

const WRITES = [
  ...['append', 'writeAt', 'sync', 'truncate', 'createExclusive', 'openAppend'],
  ...['link', 'linkFrom', 'replace', 'remove', 'removeDirectory'],
]

interface Batch {
  readonly header: BatchHeader
  readonly position: number
  readonly end: number
}

let closed: SalvageSubject
let unclean: SalvageSubject
let tails: SalvageSubject
let deflated: SalvageSubject
let state: ManifestState

beforeAll(async () => {
  closed = await salvageSubject(varied(true))
  unclean = await salvageSubject(varied(false))
  tails = await salvageSubject(moved)
  deflated = await salvageSubject(packed)
  const view = await readManifest(imageStorage(closed.image))
  state = view?.state ?? state
})

const ORDERS = 'topics/orders/0'

function segments() {
  return state.topics.find(({ name }) => name === 'orders')?.partitions[0]?.segments ?? []
}

/** The batches of a segment of `orders`, by its number. */
function batchesOf(number: number): { path: string; batches: Batch[] } {
  const row = segments()[number]
  if (row === undefined) throw new RangeError(`There is no segment ${number}`)
  const { digest } = imageStorage(closed.image)
  const ref = segmentRef(ORDERS, row, { partition: 0, digest })
  const bytes = closed.image.get(ref.path) ?? new Uint8Array()
  const batches: Batch[] = []
  for (let position = SEGMENT_HEADER_BYTES; position < bytes.length; ) {
    const header = readBatchHeader(bytes, position, { place: { seed: ref.seed, position }, digest })
    if (header === undefined) break
    const end = position + BATCH_HEADER_BYTES + header.bodyBytes
    batches.push({ header, position, end })
    position = end
  }
  return { path: ref.path, batches }
}

function flipped(image: StoreImage, path: string, ...positions: number[]): StoreImage {
  const bytes = (image.get(path) ?? new Uint8Array()).slice()
  for (const position of positions) bytes[position] = (bytes[position] ?? 0) ^ 4
  return changed(image, { [path]: bytes })
}

function cut(image: StoreImage, path: string, length: number): StoreImage {
  return changed(image, { [path]: image.get(path)?.slice(0, length) })
}

function without(image: StoreImage, isGone: (path: string) => boolean): StoreImage {
  return new Map([...image].filter(([path]) => !isGone(path)))
}

/** What the files of a storage hold now. */
async function contentOf(storage: Storage, directory = ''): Promise<StoreImage> {
  const image = new Map<string, Uint8Array>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'file') image.set(path, await readWhole(storage, path))
    else for (const [below, bytes] of await contentOf(storage, path)) image.set(below, bytes)
  }
  return image
}

const isManifest = (path: string) => manifestEpoch(path) !== undefined
const isHead = (path: string) => path.startsWith('head-')
const total = (subject: SalvageSubject) => [...subject.events.values()].reduce((sum, { length }) => sum + length, 0)

/** The gaps of a salvage, as `topic/partition from-to`. */
async function gapsOf(subject: SalvageSubject, image: StoreImage): Promise<string[]> {
  const { report } = await mustServe(subject, image)
  return report.gaps.map(({ topic, partition, from, to }) => `${topic}/${partition} ${from}-${to}`)
}

describe('of a store without damage', () => {
  test('openStore() for salvage answers as for reading', async () => {
    for (const { image } of [closed, unclean, tails, deflated]) {
      const reader = await observeWhole(image, true)
      const salvage = await observeWhole(image, 'salvage')
      expect(salvage).toEqual(reader)
    }
  })

  test('openStore() for salvage or for reading writes nothing', async () => {
    for (const readOnly of [true, 'salvage'] as const) {
      const wire = new Wire(imageStorage(unclean.image))
      const store = await openForTest(wire.storage, { readOnly })
      for (const { topic } of await store.topics.list()) await (await store.topics.open(topic)).last(5)
      await store.verify()
      await store.close()
      expect(wire.calls.filter(({ op }) => WRITES.includes(op))).toEqual([])
    }
  })

  test('openStore() for reading answers the same without derived files, and with damaged ones', async () => {
    for (const { image } of [closed, unclean]) {
      const reader = await observeWhole(image, true)
      const gone = await observeWhole(without(image, isDerived), true)
      expect(gone.answers).toBe(reader.answers)
      let damaged = image
      for (const path of image.keys()) if (isDerived(path)) damaged = flipped(damaged, path, 70)
      expect((await observeWhole(damaged, true)).answers).toBe(reader.answers)
    }
  })
})

describe('of damaged segments', () => {
  test('openStore() for salvage loses the batch whose header is damaged', async () => {
    const { path, batches } = batchesOf(1)
    for (const [at, { header, position }] of batches.entries()) {
      const end = header.baseOffset + header.lastOffsetDelta + 1
      expect(await gapsOf(closed, flipped(closed.image, path, position + 30)), `batch ${at}`).toEqual([
        `orders/0 ${header.baseOffset}-${end}`,
      ])
    }
  })

  test('openStore() for salvage loses the rows of the block that is damaged, and no others', async () => {
    const { path, batches } = batchesOf(0)
    const large = batches.find(({ header }) => header.lastOffsetDelta === 7)
    if (large === undefined) throw new RangeError('No batch has several blocks')
    const first = await gapsOf(closed, flipped(closed.image, path, large.end - 40_000))
    const last = await gapsOf(closed, flipped(closed.image, path, large.end - 10))
    const middle = await gapsOf(closed, flipped(closed.image, path, large.end - 20_000))
    const base = large.header.baseOffset
    expect([first, middle, last]).toEqual([
      [`orders/0 ${base}-${base + 2}`],
      [`orders/0 ${base + 4}-${base + 6}`],
      [`orders/0 ${base + 6}-${base + 8}`],
    ])
  })

  test('openStore() for salvage loses a batch of one block when its body is damaged', async () => {
    const { path, batches } = batchesOf(2)
    const small = batches.find(({ header }) => header.single)
    if (small === undefined) throw new RangeError('No batch has one block')
    const { baseOffset, lastOffsetDelta } = small.header
    const gaps = await gapsOf(closed, flipped(closed.image, path, small.end - 3))
    expect(gaps).toEqual([`orders/0 ${baseOffset}-${baseOffset + lastOffsetDelta + 1}`])
  })

  test('openStore() for salvage loses nothing with a damaged segment header', async () => {
    const { path } = batchesOf(1)
    const { report } = await mustServe(closed, flipped(closed.image, path, 40))
    expect(report.gaps).toEqual([])
    expect(report.ignored).toEqual([`${path}: its header is damaged; the manifest knows what it said`])
  })

  test('openStore() for salvage loses what was cut off, up to the end that the manifest names', async () => {
    const { path, batches } = batchesOf(1)
    const end = segments()[1]?.sealed?.endOffset
    for (const [at, { header, position }] of batches.entries()) {
      const gaps = await gapsOf(closed, cut(closed.image, path, position + 50))
      const stated = gaps.map((gap) => gap.split(/[ -]/).slice(1).map(Number))
      expect([stated[0]?.[0], stated.at(-1)?.[1]], `batch ${at}`).toEqual([header.baseOffset, end])
    }
    expect(await gapsOf(closed, cut(closed.image, path, 0))).toEqual([`orders/0 ${segments()[1]?.baseOffset}-${end}`])
  })

  test('openStore() for salvage loses the offsets of a missing segment, the active one included', async () => {
    for (const [number, row] of segments().entries()) {
      const end = segments()[number + 1]?.baseOffset ?? total(closed) - (closed.events.get('items/0')?.length ?? 0)
      const image = changed(closed.image, { [`${ORDERS}/${row.file}`]: undefined })
      const [gap, ...more] = await gapsOf(closed, image)
      expect(more).toEqual([])
      if (row.sealed !== undefined) expect(gap).toBe(`orders/0 ${row.baseOffset}-${end}`)
      else expect(gap).toBe(`orders/0 ${row.baseOffset}-${closed.events.get('orders/0')?.length}`)
    }
  })

  test('openStore() for salvage finds segments that were renamed or exchanged', async () => {
    const [one, two] = [batchesOf(1).path, batchesOf(2).path]
    const { image } = closed
    const exchanged = changed(image, { [one]: image.get(two), [two]: image.get(one) })
    expect(await gapsOf(closed, exchanged)).toEqual([])
    const renamed = changed(image, { [one]: undefined, [`${ORDERS}/00000000000000000999-3.log`]: image.get(one) })
    expect(await gapsOf(closed, renamed)).toEqual([])
  })

  test('openStore() for salvage refuses a file of another segment, and serves the one it is a copy of once', async () => {
    const { baseOffset, sealed } = segments()[1] ?? {}
    const image = changed(closed.image, { [batchesOf(1).path]: closed.image.get(batchesOf(2).path) })
    const { report } = await mustServe(closed, image)
    expect(report.gaps).toMatchObject([
      { from: baseOffset, to: sealed?.endOffset, reason: 'the file holds another segment' },
    ])
  })

  test('openStore() for salvage refuses batches that do not lead to the hash that the manifest sealed', async () => {
    const other = (await salvageSubject(moved)).image
    const foreign = [...other].find(([path]) => path.startsWith(`${ORDERS}/`) && path.endsWith('.log'))?.[1]
    const image = changed(closed.image, { [batchesOf(1).path]: foreign })
    const { baseOffset, sealed } = segments()[1] ?? {}
    expect(await gapsOf(closed, image)).toEqual([`orders/0 ${baseOffset}-${sealed?.endOffset}`])
  })

  test('openStore() for salvage reads every byte of the segments about once', async () => {
    const { path, batches } = batchesOf(0)
    const image = flipped(closed.image, path, ...batches.map(({ position }) => position + 20))
    const store = await openForTest(imageStorage(image), { readOnly: 'salvage' })
    let bytes = 0
    for (const [name, content] of image) if (name.endsWith('.log')) bytes += content.length
    expect(store.openReport.bytesRead).toBeLessThan(bytes * 1.1)
    expect(store.openReport.gaps.length).toBeGreaterThan(0)
    await store.close()
  })
})

describe('of files that cannot be read', () => {
  test('openStore() for salvage states a gap for a segment that the device refuses', async () => {
    const { path } = batchesOf(1)
    const wire = new Wire(imageStorage(closed.image))
    wire.before = (call) => {
      const isRefused = call.path === path && (call.op === 'read' || call.op === 'readSync')
      if (!isRefused) return undefined
      throw new VarveError('STORAGE_UNAVAILABLE', 'Cannot read: the device fails')
    }
    const store = await openForTest(wire.storage, { readOnly: 'salvage' })
    const { baseOffset: from, sealed } = segments()[1] ?? {}
    const { gaps } = store.openReport
    expect(gaps).toEqual([
      {
        topic: 'orders',
        partition: 0,
        from,
        to: sealed?.endOffset,
        file: path,
        reason: 'Cannot read: the device fails',
      },
    ])
    const topic = await store.topics.open('orders')
    expect((await topic.last(1))[0]?.offset).toBe((closed.events.get('orders/0')?.length ?? 0) - 1)
    await store.close()
  })

  test('openStore() for salvage does without the manifests that the device refuses', async () => {
    const wire = new Wire(imageStorage(closed.image))
    wire.before = (call) => {
      if (!isManifest(call.path) || call.op !== 'openRead') return undefined
      throw new VarveError('STORAGE_UNAVAILABLE', 'Cannot open: the device fails')
    }
    const store = await openForTest(wire.storage, { readOnly: 'salvage' })
    expect(store.openReport.gaps).toEqual([])
    const topics = await store.topics.list()
    expect(topics.reduce((sum, { events }) => sum + events, 0)).toBe(total(closed))
    await store.close()
  })

  test('openStore() for salvage rejects with the reason of its signal', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    const image = without(closed.image, isManifest)
    await expect(openForTest(imageStorage(image), { readOnly: 'salvage', signal })).rejects.toThrow('enough')
  })
})

describe('of a pruned log', () => {
  test('openStore() for salvage states no gap below the log start that the manifest knows', async () => {
    const storage = imageStorage(closed.image)
    const store = await openForTest(storage)
    const topic = await store.topics.open('orders')
    await topic.prune({ before: segments()[2]?.baseOffset ?? 0 })
    const start = topic.stats().partitions[0]?.logStartOffset ?? 0
    await store.close()
    const subject = { ...closed, image: await contentOf(storage) }
    expect(start).toBe(segments()[2]?.baseOffset)
    const { path, batches } = batchesOf(3)
    const { position = 0, header } = batches[0] ?? {}
    const from = header?.baseOffset ?? 0
    const broken = flipped(subject.image, path, position + 5)
    expect(await gapsOf(subject, broken)).toEqual([`orders/0 ${from}-${from + 1 + (header?.lastOffsetDelta ?? 0)}`])
    // Without a manifest nobody knows whether what is not there was pruned or lost.
    const bare = without(subject.image, isManifest)
    expect((await gapsOf(subject, bare))[0]).toBe(`orders/0 0-${start}`)
  })
})

describe('of damaged manifests', () => {
  test('openStore() for salvage serves everything when the highest manifest is damaged anywhere', {
    timeout: 60_000,
  }, async () => {
    for (const subject of [closed, unclean, tails]) {
      const highest = [...subject.image.keys()].filter(isManifest).sort().at(-1) ?? ''
      const length = subject.image.get(highest)?.length ?? 0
      for (let position = 0; position < length; position += Math.ceil(length / 8)) {
        const { report, count } = await mustServe(subject, flipped(subject.image, highest, position))
        expect(report.gaps, `position ${position}`).toEqual([])
        expect(count, `position ${position}`).toBe(total(subject))
      }
    }
  })

  test('openStore() for salvage serves everything without any manifest, with and without head files', async () => {
    for (const subject of [closed, unclean, tails, deflated]) {
      for (const isGone of [isManifest, (path: string) => isManifest(path) || isHead(path)]) {
        const { report, count } = await mustServe(subject, without(subject.image, isGone))
        expect(report.gaps).toEqual([])
        expect(count).toBe(total(subject))
      }
    }
  })

  test('openStore() for salvage states a gap for a segment that is missing with all manifests', async () => {
    const row = segments()[2]
    const image = without(closed.image, (path) => isManifest(path) || path === `${ORDERS}/${row?.file}`)
    expect(await gapsOf(closed, image)).toEqual([`orders/0 ${row?.baseOffset}-${row?.sealed?.endOffset}`])
  })

  test('openStore() for salvage keeps to the log that went on when leftovers of recoveries lie beside it', async () => {
    const { events, image } = tails
    const logs = [...image.keys()].filter((path) => path.endsWith('.log'))
    expect(logs.length).toBeGreaterThan(3)
    const { report, count } = await mustServe(tails, without(image, isManifest))
    expect([count, report.gaps]).toEqual([events.get('orders/0')?.length, []])
  })

  test('openStore() for salvage follows a manifest up to a record that makes no sense', async () => {
    const { digest } = imageStorage(closed.image)
    const file = [...closed.image.keys()].filter(isManifest).sort().at(-1) ?? ''
    const bytes = closed.image.get(file) ?? new Uint8Array()
    const epoch = manifestEpoch(file) ?? 0
    const { length: position } = bytes
    const place = { epoch, position, sequence: scanFrames(bytes, epoch, digest).frames.length, syncedThrough: position }
    const frame = encodeFrame(place, utf8('{"type":"segment-added","topic":9}'), digest)
    const { report, count } = await mustServe(
      closed,
      changed(closed.image, { [file]: Uint8Array.of(...bytes, ...frame) }),
    )
    expect([count, report.gaps]).toEqual([total(closed), []])
    expect(report.ignored).toContain(`${file}: Cannot follow the manifest: there is no topic 9`)
  })

  test('openStore() for salvage throws STORE_MISSING where there is nothing', async () => {
    expect(await outcome(openForTest(imageStorage(new Map()), { readOnly: 'salvage' }))).toBe('STORE_MISSING')
  })

  test('Store.verify() of a salvaged store checks what was found', async () => {
    const store = await openForTest(imageStorage(without(closed.image, isManifest)), { readOnly: 'salvage' })
    const report = await store.verify()
    expect(report.ok).toBe(false)
    expect(report.eventsChecked).toBe(total(closed))
    await store.close()
  })
})
