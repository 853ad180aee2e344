/** Reads by terms, over everything that can answer them: the tail, a checkpoint, runs, merged runs, and what is made
 * again when those are missing. Every answer is compared with a filter over all events.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { systemRandom } from '../../../src/ports/random.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store, StoreOptions } from '../../../src/store/types.ts'
import type { NewEvent, ReadFilter, StoredEvent, Topic } from '../../../src/topic/types.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { collect, event, Gate, openLog, Wire } from './support.ts'

const SEGMENT_BYTES = 2_000

function eventAt(n: number): NewEvent {
  return {
    kind: n % 50 === 0 ? 'Rare' : `Kind${n % 3}`,
    entity: `entity-${(n * 7) % 41}`,
    data: { n },
    at: 1_000 + n,
    ...(n % 4 === 0 ? { scope: `scope-${n % 5}` } : {}),
    ...(n % 3 === 0 ? { tags: [`tag-${n % 11}`, 'often'] } : {}),
    ...(n % 5 === 0 ? { id: `id-${n}` } : {}),
    ...(n > 3 ? { correlationId: `c-${n % 29}`, causationId: `id-${n - (n % 5) - 5}` } : {}),
  }
}

const FILTERS: readonly ReadFilter[] = [
  { entity: 'entity-7' },
  { entity: 'nobody' },
  { kind: 'Rare' },
  { kind: ['Rare', 'Kind1'] },
  { kind: 'Kind2', entity: 'entity-14' },
  { scope: 'scope-3' },
  { tag: 'tag-6' },
  { tag: 'often', kind: 'Kind0' },
  { id: 'id-45' },
  { correlationId: 'c-11' },
  { causationId: 'id-40' },
  { entity: 'entity-7', since: 1_050, until: 1_200 },
]

function matches(event: StoredEvent, filter: ReadFilter): boolean {
  const { kind, tag, since, until, ...texts } = filter
  if (kind !== undefined && ![kind].flat().includes(event.kind)) return false
  if (tag !== undefined && !event.tags?.includes(tag)) return false
  if (since !== undefined && event.at < since) return false
  if (until !== undefined && event.at >= until) return false
  return Object.entries(texts).every(([field, text]) => Reflect.get(event, field) === text)
}

async function checkAll(topic: Topic): Promise<void> {
  const all = await collect(topic.read())
  for (const filter of FILTERS) {
    const wanted = all.filter((event) => matches(event, filter)).map(({ offset }) => offset)
    const found = async (options: object) =>
      (await collect(topic.read({ ...filter, ...options }))).map(({ offset }) => offset)
    expect([filter, await found({})]).toEqual([filter, wanted])
    expect([filter, await found({ direction: 'backward' })]).toEqual([filter, wanted.toReversed()])
    expect(await found({ from: 100, to: 250 })).toEqual(wanted.filter((offset) => offset >= 100 && offset < 250))
    const paged: number[] = []
    let cursor: string | undefined
    do {
      const page = await topic.page({ ...filter, limit: 3, ...(cursor === undefined ? {} : { cursor }) })
      paged.push(...page.items.map(({ offset }) => offset))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(paged).toEqual(wanted)
  }
  for (const entity of ['entity-7', 'entity-0', 'nobody']) {
    const last = all.findLast((event) => event.entity === entity)
    expect(await topic.version(entity)).toBe(last === undefined ? 0 : last.offset + 1)
  }
  const computed = all.find((event) => event.offset === 123) as StoredEvent
  expect(await collect(topic.read({ id: computed.id }))).toEqual([computed])
}

async function filled(options: Partial<StoreOptions> = {}): Promise<{ storage: Storage; store: Store; topic: Topic }> {
  const storage = memoryStorage()
  const place = { storage, clock: systemClock, random: systemRandom }
  await createSmallTopic(place, { name: 't', partitions: 1, segmentBytes: SEGMENT_BYTES })
  const store = await openStore({ storage, ...options })
  const topic = await store.topics.open('t')
  for (let n = 0; n < 600; n += 6) {
    await topic.append(Array.from({ length: 6 }, (_, i) => eventAt(n + i)))
  }
  return { storage, store, topic }
}

async function removeMatching(storage: Storage, pattern: RegExp): Promise<number> {
  let removed = 0
  for (const { name } of await storage.list('topics/t/0')) {
    if (!pattern.test(name)) continue
    await storage.remove(`topics/t/0/${name}`)
    removed++
  }
  return removed
}

describe('reads by terms', () => {
  test('Topic.read() answers filters while segments roll, and after each kind of reopening', async () => {
    const { storage, store, topic } = await filled()
    await checkAll(topic)
    await store.close()
    const names = (await storage.list('topics/t/0')).map(({ name }) => name)
    expect(names.some((name) => name.startsWith('terms-1-'))).toBe(true)
    for (const options of [{}, { readOnly: true }, { checkpoint: false }, { memoryBudgetBytes: 0 }]) {
      const again = await openStore({ storage, ...options })
      await checkAll(await again.topics.open('t'))
      expect(again.openReport.refused).toEqual([])
      await again.close()
    }
  })

  test('Topic.read() makes what is missing again', async () => {
    const { storage, store } = await filled()
    await store.close()
    expect(await removeMatching(storage, /terms|ckpt/)).toBeGreaterThan(1)
    const reader = await openStore({ storage, readOnly: true })
    await checkAll(await reader.topics.open('t'))
    await reader.close()
    const writer = await openStore({ storage })
    await checkAll(await writer.topics.open('t'))
    await writer.close()
    const names = (await storage.list('topics/t/0')).map(({ name }) => name)
    expect(names.some((name) => name.startsWith('terms-1-'))).toBe(true)
  })

  test('Topic.read() in the middle of a roll leaves the terms of the sealed segment as they are', async () => {
    const { store, topic, wire } = await openLog({ topic: { segmentBytes: 1 << 20 } })
    const big = event('big', new Uint8Array(700_000))
    await topic.append(event('small'))
    await topic.append(big)
    const [reached, gate] = [new Gate(), new Gate()]
    // The new segment is there, and the index has not been told.
    wire.before = ({ op, path }) => {
      if (op !== 'close' || !path.endsWith('.log')) return undefined
      reached.open()
      return gate.passed
    }
    const rolling = topic.append(big)
    await reached.passed
    expect((await collect(topic.read({ entity: 'small' }))).length).toBe(1)
    wire.before = undefined
    gate.open()
    await rolling
    expect(await topic.version('small')).toBe(1)
    expect((await collect(topic.read({ entity: 'small' }))).length).toBe(1)
    await store.close()
    const again = await openLog({ wire })
    expect(await again.topic.version('small')).toBe(1)
    expect((await collect(again.topic.read({ entity: 'small' }))).length).toBe(1)
    await again.store.close()
  })

  test('Topic.read() goes on in what was appended after reopening', async () => {
    const { storage, store } = await filled()
    await store.close()
    const again = await openStore({ storage })
    const topic = await again.topics.open('t')
    for (let n = 600; n < 640; n++) await topic.append(eventAt(n))
    await checkAll(topic)
    await again.close()
  })
})

test('what is derived and cannot be read is made again: no read of events fails for it', async () => {
  const { storage, store } = await filled()
  await store.close()
  const wire = new Wire(storage)
  wire.before = ({ op, path }) => {
    if (op === 'openRead' && /terms|index|ckpt/.test(path)) {
      throw new VarveError('STORAGE_UNAVAILABLE', `Cannot read "${path}"`, { details: { path, errno: 'EIO' } })
    }
    return undefined
  }
  const again = await openStore({ storage: wire.storage })
  await checkAll(await again.topics.open('t'))
  await again.close()
})
