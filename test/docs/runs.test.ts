/** Goal: term runs, versions of pruned entities and segments in columns are what src/FORMAT.md says.
 * Method: a store of some segments is pruned, and its files are read by a reader made from that page alone.
 * @module */
import { crc32 } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type StoredEvent } from '../../src/index.ts'
import { dumpManifest } from './dump.ts'
import { Run } from './runs.ts'

const DIRECTORY = 'topics/orders/0'
const PER_BATCH = 600
const BATCHES = 22
/** The first segment that is kept. */
const KEPT = 6

/** Segments in columns, and those that are not. */
interface Columns {
  readonly baseOffset: number
  readonly hashBefore: string
  readonly ids: string
  readonly endHashes: string
  readonly endOffset: readonly number[]
  readonly endPosition: readonly number[]
  readonly lowestAt: readonly number[]
  readonly keys: readonly number[]
  readonly rest: readonly { readonly id: string; readonly baseOffset: number; readonly hashBefore: string }[]
}

interface State {
  readonly topics: readonly {
    readonly partitions: readonly {
      readonly logStartOffset: number
      readonly droppedSegments: number
      readonly prunedVersions: string
      readonly segments: Columns
    }[]
  }[]
}

const storage = memoryStorage()
const events: StoredEvent[] = []
const files = new Map<string, Uint8Array>()

async function bytesOf(path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  const bytes = new Uint8Array(await handle.size())
  await handle.read(0, bytes)
  await handle.close()
  return bytes
}

/** The partition as an epoch found it. */
async function partitionAt(epoch: number) {
  const bytes = await bytesOf(`MANIFEST-${String(epoch).padStart(20, '0')}`)
  const [, adopted] = dumpManifest(bytes, epoch).bodies as { state: State }[]
  const [row] = adopted?.state.topics[0]?.partitions ?? []
  if (row === undefined) throw new Error(`Nothing is in manifest ${epoch}`)
  return row
}

function batch(number: number) {
  return Array.from({ length: PER_BATCH }, (_, row) => ({
    kind: row % 3 === 0 ? 'Often' : 'Mostly',
    entity: `e${(number * 7 + row) % 1_000}`,
    data: new Uint8Array(1_000),
    tags: ['all', `batch-${number}`],
    ...(row % 5 === 0 && { id: `${number}/${row}`, scope: 'Größe', correlationId: `c${number}` }),
    ...(row % 7 === 0 && { causationId: `${number}/0` }),
  }))
}

beforeAll(async () => {
  const store = await openStore({ storage })
  const orders = await store.topics.open('orders', { create: { segmentBytes: 1_048_576 } })
  for (let number = 0; number < BATCHES; number++)
    await orders.append(batch(number), number % 2 === 0 ? { idempotencyKey: `k${number}` } : {})
  for await (const some of orders.read().batches()) events.push(...some)
  await store.close()
  const again = await openStore({ storage })
  const before = (await partitionAt(2)).segments.endOffset[KEPT - 1]
  await (await again.topics.open('orders')).prune({ before: before ?? 0 })
  await again.close()
  await (await openStore({ storage })).close()
  for (const { name } of await storage.list(DIRECTORY)) files.set(name, await bytesOf(`${DIRECTORY}/${name}`))
}, 30_000)

/** Offsets by term, as the events have them. */
function termsOf(some: readonly StoredEvent[]): Map<string, number[]> {
  const found = new Map<string, number[]>()
  const add = (field: number, text: string | undefined, offset: number) => {
    if (text === undefined) return
    const offsets = found.get(`${field}:${text}`)
    if (offsets === undefined) found.set(`${field}:${text}`, [offset])
    else offsets.push(offset)
  }
  for (const { offset, entity, kind, scope, tags = [], id, correlationId, causationId } of some) {
    const number = Math.floor(offset / PER_BATCH)
    for (const [field, text] of [entity, kind, scope].entries()) add(field, text, offset)
    for (const tag of tags) add(3, tag, offset)
    add(4, id.includes('/') ? id : undefined, offset)
    add(5, correlationId, offset)
    add(6, causationId, offset)
    add(7, number % 2 === 0 ? `k${number}` : undefined, offset)
  }
  return found
}

const sorted = (terms: ReadonlyMap<string, readonly number[]>) => [...terms].sort(([a], [b]) => (a < b ? -1 : 1))

test('term runs of one segment and of eight say where every term is, and where the batches are', async () => {
  const { droppedSegments, segments } = await partitionAt(3)
  expect(droppedSegments).toBe(KEPT)
  const runs = [...files]
    .filter(([name]) => /\.terms$|^terms-/.test(name))
    .map(([name, bytes]) => [name, new Run(bytes)])
  expect(runs.map(([name]) => name)).toEqual(
    expect.arrayContaining(['terms-1-00000000000000000000', 'terms-1-00000000000000000008']),
  )
  expect(runs.length).toBeGreaterThan(4)
  for (const [name, run] of runs as [string, Run][]) {
    expect(run.segments).toBe(8 ** run.level)
    if (run.level > 0) expect(name).toBe(`terms-${run.level}-${String(run.sequence).padStart(20, '0')}`)
    expect(run.endOffset).toBe(segments.endOffset[run.sequence + run.segments - 1 - KEPT])
    const covered = events.filter(({ offset }) => offset >= run.baseOffset && offset < run.endOffset)
    expect(sorted(run.terms())).toEqual(sorted(termsOf(covered)))
    for (const { segment, position, offset, rows, sizeBytes } of run.places()) {
      const at = run.sequence + segment - KEPT
      if (at < 0) continue
      const base = at === 0 ? segments.baseOffset : (segments.endOffset[at - 1] ?? 0)
      const log = files.get(`${String(base).padStart(20, '0')}.log`) ?? new Uint8Array(0)
      const header = new DataView(log.buffer, log.byteOffset + position)
      expect(header.getUint16(0, true)).toBe(0xb756)
      expect(header.getBigUint64(24, true)).toBe(BigInt(offset))
      expect([header.getUint32(8, true) + 1, header.getUint32(4, true) + 104]).toEqual([rows, sizeBytes])
    }
  }
})

test('eight runs become one in a store that only appends', async () => {
  const storage = memoryStorage()
  const store = await openStore({ storage })
  const orders = await store.topics.open('orders', { create: { segmentBytes: 1_048_576 } })
  for (let number = 0; number < 10; number++) await orders.append(batch(number))
  await store.close()
  const names = (await storage.list(DIRECTORY)).map(({ name }) => name)
  expect(names.filter((name) => /terms/.test(name))).toEqual([
    '00000000000000004800.terms',
    'terms-1-00000000000000000000',
  ])
})

test('the filter of a term run passes over most terms that are not there', () => {
  const run = new Run(files.get('terms-1-00000000000000000008') ?? new Uint8Array(0))
  const hashes = Array.from({ length: 2_000 }, (_, number) => crc32(`\0absent-${number}`))
  expect(hashes.filter((hash) => run.mayHave(hash)).length).toBeLessThan(100)
})

test('the file of versions has the last offset of every entity that was pruned', async () => {
  const { logStartOffset, prunedVersions } = await partitionAt(3)
  expect(prunedVersions).toBe(`versions-${String(logStartOffset).padStart(20, '0')}`)
  const run = new Run(files.get(prunedVersions) ?? new Uint8Array(0))
  expect([run.level, run.segments, run.sequence, run.baseOffset, run.endOffset]).toEqual([255, 0, 0, 0, logStartOffset])
  expect(run.places()).toEqual([])
  const versions = run.terms()
  // A run that covers more than what is pruned may tell of a later event, which is true as well.
  for (const [term, offsets] of termsOf(events.slice(0, logStartOffset)))
    if (term.startsWith('0:')) expect(versions.get(term)?.[0]).toBeGreaterThanOrEqual(offsets.at(-1) ?? 0)
  expect([...versions.keys()].every((term) => term.startsWith('0:'))).toBe(true)
})

test('segments in columns are those of the files', async () => {
  const { logStartOffset, segments } = await partitionAt(3)
  const { ids, endHashes, endOffset, endPosition, lowestAt, keys, rest } = segments
  expect([segments.baseOffset, rest.length]).toEqual([logStartOffset, 1])
  expect(endHashes.length / 64).toBe(endOffset.length)
  const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  for (let at = 0; at <= endOffset.length; at++) {
    const base = at === 0 ? segments.baseOffset : (endOffset[at - 1] ?? 0)
    const log = files.get(`${String(base).padStart(20, '0')}.log`) ?? new Uint8Array(0)
    const before = at === 0 ? segments.hashBefore : endHashes.slice(at * 64 - 64, at * 64)
    expect(hex(log.subarray(48, 80))).toBe(before)
    expect(hex(log.subarray(16, 24))).toBe(rest[at - endOffset.length]?.id ?? ids.slice(at * 16, at * 16 + 16))
    if (at < endOffset.length) expect(log.length).toBe(endPosition[at])
  }
  const firstAts = endOffset.map((end) => events.find(({ offset }) => offset === end - 1)?.at)
  expect(lowestAt).toEqual(firstAts)
  expect(keys.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3)
})
