/** A salvage of stores with forks whose manifest is lost: a fork comes back whole, with the ids of the events that it
 * shares, and with nothing that the log which it was forked from got later.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { StoredEvent } from '../../../src/index.ts'
import { readWhole } from '../../../src/manifest/files.ts'
import { manifestEpoch } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { partitionOf } from '../../../src/topic/prepare.ts'
import { openForTest } from '../../crash/oracle.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'
import { collect, event } from '../topic/support.ts'
import { fill, openSmall } from './small-log.ts'

type Events = Map<string, StoredEvent[]>

/** What the files of a storage hold. */
async function imageOf(storage: Storage, directory = ''): Promise<StoreImage> {
  const image = new Map<string, Uint8Array>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'file') image.set(path, await readWhole(storage, path))
    else for (const [below, bytes] of await imageOf(storage, path)) image.set(below, bytes)
  }
  return image
}

function without(image: StoreImage, isGone: (path: string) => boolean): StoreImage {
  return new Map([...image].filter(([path]) => !isGone(path)))
}

const isManifest = (path: string) => manifestEpoch(path) !== undefined
const isHead = (path: string) => path.startsWith('head-')

async function eventsIn(storage: Storage, readOnly: true | 'salvage'): Promise<{ events: Events; gaps: unknown[] }> {
  const store = await openForTest(storage, { readOnly })
  const events: Events = new Map()
  for (const { topic: name } of await store.topics.list()) {
    const topic = await store.topics.open(name)
    for (let partition = 0; partition < topic.partitions; partition++)
      events.set(`${name}/${partition}`, await collect(topic.read({ partition })))
  }
  const gaps = store.openReport.gaps.map(({ topic, partition, from, to }) => `${topic}/${partition} ${from}-${to}`)
  await store.close()
  return { events, gaps }
}

/** Forks at the end, in the middle of segments and of batches, of forks, with and without events of their own. */
async function forked(partitions: number): Promise<StoreImage> {
  const log = await openSmall({ partitions })
  const { topics } = log.store
  const names = Array.from({ length: 20 }, (_, at) => `entity-${at}`)
  const entityIn = (wanted: number) =>
    names.find((name) => partitionOf(name, partitions, log.wire.storage.digest) === wanted) ?? ''
  const batch = (partition: number, text: string) => Array.from({ length: 4 }, () => event(entityIn(partition), text))
  const parts = Array.from({ length: partitions }, (_, partition) => partition)
  for (let turn = 0; turn < 8; turn++)
    for (const partition of parts) await log.topic.append(batch(partition, 'x'.repeat(300)))
  await topics.fork('orders', 'whole')
  const at = (offset: number) => ({ until: { offset: parts.map((partition) => offset + partition) } })
  await topics.fork('orders', 'quiet', at(13))
  await topics.fork('orders', 'none', at(0))
  await topics.fork('orders', 'inside', at(14))
  const inside = await topics.open('inside')
  for (let turn = 0; turn < 3; turn++)
    for (const partition of parts) await inside.append(batch(partition, 'y'.repeat(400)))
  await topics.fork('inside', 'again', at(19))
  await topics.fork('inside', 'early', at(6))
  for (const name of ['again', 'early', 'whole']) {
    const topic = await topics.open(name)
    for (const partition of parts) await topic.append(event(entityIn(partition), name))
  }
  await fill(log, 3)
  await log.store.close()
  return imageOf(log.wire.storage)
}

let one: StoreImage
let two: StoreImage

beforeAll(async () => {
  one = await forked(1)
  two = await forked(2)
})

describe('openStore() for salvage of forks', () => {
  test('serves every event with its id without any manifest, with and without head files', async () => {
    for (const image of [one, two]) {
      const { events } = await eventsIn(imageStorage(image), true)
      for (const isGone of [isManifest, (path: string) => isManifest(path) || isHead(path)]) {
        const found = await eventsIn(imageStorage(without(image, isGone)), 'salvage')
        expect(found.gaps).toEqual([])
        for (const [partition, wanted] of events)
          expect(found.events.get(partition)?.length, partition).toBe(wanted.length)
        expect(found.events).toEqual(events)
      }
    }
  })

  test('states a gap for a damaged batch of the log that it was forked from, and no other', async () => {
    const { events } = await eventsIn(imageStorage(one), true)
    const path = [...one.keys()].filter((file) => file.startsWith('topics/inside/0/') && file.endsWith('.log')).sort()
    for (const file of path.slice(0, 3)) {
      const bytes = one.get(file)?.slice() ?? new Uint8Array()
      const position = Math.floor(bytes.length / 2)
      bytes[position] = (bytes[position] ?? 0) ^ 4
      const image = new Map([...without(one, isManifest), [file, bytes]])
      const found = await eventsIn(imageStorage(image), 'salvage')
      expect(found.gaps, file).toHaveLength(1)
      expect(String(found.gaps[0])).toMatch(/^inside\/0 /)
      const lost = (events.get('inside/0') ?? []).filter(
        ({ offset }) => !found.events.get('inside/0')?.some((event) => event.offset === offset),
      )
      expect(lost.length, file).toBeGreaterThan(0)
      expect(lost.length, file).toBeLessThan(5)
    }
  })

  test('leaves out a segment of another topic that nothing leads from', async () => {
    const other = await openSmall()
    await fill(other, 30)
    await other.store.close()
    const foreign = [...(await imageOf(other.wire.storage))].filter(([path]) => path.endsWith('.log')).sort()
    const [path = '', bytes = new Uint8Array()] = foreign.at(-1) ?? []
    const name = path.slice(path.lastIndexOf('/') + 1)
    const image = new Map([...without(one, isManifest), [`topics/inside/0/${name}`, bytes]])
    const found = await eventsIn(imageStorage(image), 'salvage')
    const { events } = await eventsIn(imageStorage(one), true)
    expect(found).toEqual({ events, gaps: [] })
  })

  test('serves a restored store, whose segments are of another one', async () => {
    const log = await openSmall()
    await fill(log, 20)
    await log.store.close()
    const again = await openForTest(log.wire.storage)
    const { id } = await again.snapshots.create()
    const to = memoryStorage()
    await again.snapshots.restore(id, { to })
    await again.close()
    const restored = await openForTest(to)
    const topic = await restored.topics.open('orders')
    for (let at = 0; at < 6; at++) await topic.append(event('more', 'z'.repeat(600)))
    await restored.close()
    const image = await imageOf(to)
    const { events } = await eventsIn(imageStorage(image), true)
    expect(events.get('orders/0')).toHaveLength(26)
    expect(await eventsIn(imageStorage(without(image, isManifest)), 'salvage')).toEqual({ events, gaps: [] })
  })
})
