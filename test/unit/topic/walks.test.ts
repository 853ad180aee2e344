/** Causes and effects: chains, fans, rings and names that are not there, over partitions, sealed segments and stores
 * that were opened again. Known graphs are spelled out; random ones are compared with a walk over all events.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { readWhole } from '../../../src/manifest/files.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { SEGMENT_HEADER_BYTES } from '../../../src/segment/header.ts'
import { openStore } from '../../../src/store/open.ts'
import type { NewEvent, StoredEvent, Topic } from '../../../src/topic/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { collect, isLog, openLog, outcome, random, Wire } from './support.ts'

/** An event with an id of its own, or a computed one, and perhaps a cause. */
const caused = (id: string | undefined, causationId?: string, entity = `e-${id}`): NewEvent => ({
  kind: 'Done',
  entity,
  data: id ?? null,
  ...(id === undefined ? {} : { id }),
  ...(causationId === undefined ? {} : { causationId }),
})

const ids = (events: readonly StoredEvent[]) => events.map(({ id }) => id)
const places = (events: readonly StoredEvent[]) => events.map(({ partition, offset }) => [partition, offset])

/** Each event in a batch and at a time of its own, in a topic whose segments hold a few. */
async function small(events: readonly NewEvent[], partitions = 1): Promise<{ storage: Storage; clock: ManualClock }> {
  const place = { storage: memoryStorage(), clock: new ManualClock(), random }
  await createSmallTopic(place, { name: 'orders', partitions, segmentBytes: 700 })
  const store = await openStore(place)
  const topic = await store.topics.open('orders')
  for (const event of events) {
    await topic.append(event)
    await place.clock.advance(1)
  }
  await store.close()
  return place
}

/** Causes by a walk over all events: of those with one id the first recorded counts. */
function causesOf(all: readonly StoredEvent[], id: string): StoredEvent[] {
  const first = (wanted: string) => all.find((event) => event.id === wanted)
  const seen = new Set([id])
  const found: StoredEvent[] = []
  for (let next = first(id)?.causationId; next !== undefined && !seen.has(next); ) {
    seen.add(next)
    const cause = first(next)
    if (cause === undefined) break
    found.push(cause)
    next = cause.causationId
  }
  return found
}

/** Effects by a walk over all events, level by level: of those with one id the first that is met. */
function effectsOf(all: readonly StoredEvent[], id: string): StoredEvent[] {
  const seen = new Set([id])
  const found: StoredEvent[] = []
  const queue = [id]
  for (let cause = queue.shift(); cause !== undefined; cause = queue.shift()) {
    for (const event of all) {
      if (event.causationId !== cause || seen.has(event.id)) continue
      seen.add(event.id)
      found.push(event)
      queue.push(event.id)
    }
  }
  return found
}

describe('Topic.causes() and Topic.effects()', () => {
  test('follow a chain from either end, as far as the limit, with callers’ ids and computed ones', async () => {
    const { store, topic } = await openLog()
    const computed = (offset: number) => `${topic.lineage}-0-${offset}`
    await topic.append([caused('a'), caused(undefined, 'a'), caused('c', computed(1)), caused(undefined, 'c')])
    const chain = ['a', computed(1), 'c', computed(3)]
    for (const [at, id] of chain.entries()) {
      expect(ids(await topic.causes(id))).toEqual(chain.slice(0, at).reverse())
      expect(ids(await topic.effects(id))).toEqual(chain.slice(at + 1))
    }
    for (const limit of [1, 2, 3, 10_000]) {
      expect(ids(await topic.causes(computed(3), { limit }))).toEqual(['c', computed(1), 'a'].slice(0, limit))
      expect(ids(await topic.effects('a', { limit }))).toEqual(chain.slice(1, limit + 1))
    }
    expect(await topic.causes('c')).toEqual([await topic.get(1), await topic.get(0)])
    await store.close()
  })

  test('effects come level by level, each level in the order of its causes and then of the log', async () => {
    const { store, topic } = await openLog()
    const edges = ['b:a', 'd:b', 'c:a', 'e:c', 'f:b', 'g:e', 'h:a', 'i:other']
    await topic.append(caused('a'))
    for (const edge of edges) await topic.append(caused(edge[0], edge.slice(2)))
    expect(ids(await topic.effects('a')).join('')).toBe('bchdfeg')
    expect(ids(await topic.effects('a', { limit: 4 })).join('')).toBe('bchd')
    expect(ids(await topic.effects('b')).join('')).toBe('df')
    expect(ids(await topic.causes('g')).join('')).toBe('eca')
    await store.close()
  })

  test('a ring ends where it began, and an event may be its own cause', async () => {
    const { store, topic } = await openLog()
    await topic.append([caused('a', 'c'), caused('b', 'a'), caused('c', 'b'), caused('self', 'self'), caused('d', 'c')])
    expect(ids(await topic.causes('a')).join('')).toBe('cb')
    expect(ids(await topic.causes('d')).join('')).toBe('cba')
    expect(ids(await topic.effects('a')).join('')).toBe('bcd')
    expect(await topic.causes('self')).toEqual([])
    expect(await topic.effects('self')).toEqual([])
    await store.close()
  })

  test('an id that is not here has effects and no causes; a cause that is not here ends the walk', async () => {
    const { store, topic } = await openLog()
    await topic.append([caused('a', 'elsewhere'), caused('b', 'a'), caused('late', `${topic.lineage}-0-99`)])
    expect(ids(await topic.effects('elsewhere'))).toEqual(['a', 'b'])
    expect(await topic.causes('elsewhere')).toEqual([])
    expect(ids(await topic.causes('b'))).toEqual(['a'])
    expect(await topic.causes('late')).toEqual([])
    expect(ids(await topic.effects(`${topic.lineage}-0-99`))).toEqual(['late'])
    expect([await topic.causes('none'), await topic.effects('none')]).toEqual([[], []])
    await store.close()
  })

  test('of events with one id the first stands for it, also when a caller gave one that is computed elsewhere', async () => {
    const { store, topic } = await openLog()
    const computed = `${topic.lineage}-0-3`
    await topic.append([caused('root'), caused('twin', 'root', 'first'), caused('twin', 'other', 'second')])
    await topic.append([caused(undefined, 'twin'), caused(computed, 'root', 'taken'), caused('leaf', computed)])
    expect((await topic.causes(computed)).map(({ entity }) => entity)).toEqual(['first', 'e-root'])
    expect(places(await topic.effects('root'))).toEqual([
      [0, 1],
      [0, 4],
      [0, 5],
    ])
    expect(places(await topic.effects('twin'))).toEqual([
      [0, 3],
      [0, 5],
    ])
    expect(places(await topic.causes('leaf'))).toEqual([
      [0, 3],
      [0, 1],
      [0, 0],
    ])
    await store.close()
  })

  test.each([0, -1, 10_001, 1.5, Number.NaN])('a limit of %s is OPTION_INVALID', async (limit) => {
    const { store, topic } = await openLog()
    expect(await outcome(topic.causes('a', { limit }))).toBe('OPTION_INVALID')
    expect(await outcome(topic.effects('a', { limit }))).toBe('OPTION_INVALID')
    await store.close()
  })

  test('an id must be one that an event may have, and the store open', async () => {
    const { store, topic } = await openLog()
    for (const id of ['', 'x'.repeat(257), '\ud800', 7 as unknown as string]) {
      expect(await outcome(topic.causes(id))).toBe('EVENT_INVALID')
      expect(await outcome(topic.effects(id))).toBe('EVENT_INVALID')
    }
    await store.close()
    expect([await outcome(topic.causes('a')), await outcome(topic.effects('a'))]).toEqual([
      'STORE_CLOSED',
      'STORE_CLOSED',
    ])
  })

  test('a signal ends a walk with its reason, before it begins and on the way', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire })
    await topic.append([caused('0'), ...Array.from({ length: 300 }, (_, n) => caused(`${n + 1}`, `${n}`))])
    const reason = new Error('Enough')
    const ended = { signal: AbortSignal.abort(reason) }
    await expect(topic.causes('300', ended)).rejects.toBe(reason)
    await expect(topic.effects('0', ended)).rejects.toBe(reason)
    for (const walk of ['causes', 'effects'] as const) {
      const stop = new AbortController()
      let reads = 0
      wire.before = (call) => {
        if (isLog(call) && call.op.startsWith('read') && ++reads === 20) stop.abort(reason)
        return undefined
      }
      await expect(topic[walk](walk === 'causes' ? '300' : '0', { signal: stop.signal })).rejects.toBe(reason)
      wire.before = undefined
      expect(reads).toBeLessThan(40)
      expect(await topic[walk](walk === 'causes' ? '300' : '0')).toHaveLength(300)
    }
    await store.close()
  })

  test('walks go through partitions, by computed ids too', async () => {
    const { store, topic, clock } = await openLog({ topic: { partitions: 3 } })
    let cause: string | undefined
    const chain: StoredEvent[] = []
    for (let n = 0; n < 30; n++) {
      const { partition, firstOffset } = await topic.append(caused(undefined, cause, `entity-${n}`))
      chain.push((await topic.get(firstOffset, { partition })) as StoredEvent)
      cause = chain.at(-1)?.id
      await clock.advance(1)
    }
    expect(new Set(chain.map(({ partition }) => partition)).size).toBe(3)
    expect(await topic.effects(chain[0]?.id ?? '')).toEqual(chain.slice(1))
    expect(await topic.causes(chain[29]?.id ?? '')).toEqual(chain.slice(0, 29).reverse())
    await store.close()
  })

  test('walks find what pruning left, and end where it begins', async () => {
    const place = await small(Array.from({ length: 60 }, (_, n) => caused(`${n}`, `${n - 1}`)))
    const store = await openStore(place)
    const topic = await store.topics.open('orders')
    await topic.prune({ before: 30 })
    const start = topic.stats().partitions[0]?.logStartOffset ?? 0
    expect(start).toBeGreaterThan(10)
    const kept = await collect(topic.read())
    expect(await topic.causes('59')).toEqual(kept.slice(0, -1).reverse())
    expect(await topic.effects(`${start - 1}`)).toEqual(kept)
    expect(await topic.effects('0')).toEqual([])
    expect(await topic.causes(`${topic.lineage}-0-0`)).toEqual([])
    await store.close()
  })

  test('a slow salvage, which has no indexes, finds what it has', async () => {
    const { storage } = await small(Array.from({ length: 40 }, (_, n) => caused(`${n}`, `${n - 1}`)))
    const path = 'topics/orders/0/00000000000000000000.log'
    const bytes = await readWhole(storage, path)
    bytes.fill(0, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 200)
    await storage.remove(path)
    const handle = await storage.createExclusive(path)
    await handle.append(bytes)
    await handle.close()
    /** Every look at the clock takes longer than a page may. */
    class SlowClock extends ManualClock {
      #passed = 0
      override monotonic(): number {
        this.#passed += 6_000
        return super.monotonic() + this.#passed
      }
    }
    const store = await openStore({ storage, clock: new SlowClock(), readOnly: 'salvage' })
    expect(store.openReport.gaps).toHaveLength(1)
    const topic = await store.topics.open('orders')
    const kept = await collect(topic.read())
    expect(kept.length).toBeGreaterThan(30)
    expect(await topic.causes('39')).toEqual(kept.slice(0, -1).reverse())
    expect(await topic.effects(kept[0]?.id ?? '')).toEqual(kept.slice(1))
    expect(ids(await topic.causes(`${topic.lineage}-0-39`))).toEqual([])
    await store.close()
  })

  test('random graphs, with computed ids and twins, are walked as a filter over all events would', async () => {
    const links = fc.array(fc.record({ own: fc.nat(5), twin: fc.nat(12), cause: fc.nat(14), entity: fc.nat(9) }), {
      minLength: 1,
      maxLength: 60,
    })
    const property = fc.asyncProperty(links, fc.constantFrom(1, 3), async (nodes, partitions) => {
      const place = await small(
        nodes.map(({ own, twin, cause, entity }, n) =>
          caused(own < 2 ? undefined : own < 4 ? `own-${n}` : `twin-${twin}`, causeOf(cause, n), `entity-${entity}`),
        ),
        partitions,
      )
      for (const options of [{}, { readOnly: true }, { memoryBudgetBytes: 0, checkpoint: false }] as const) {
        const store = await openStore({ ...place, ...options })
        await compare(await store.topics.open('orders'))
        await store.close()
      }
    })
    await fc.assert(property, { numRuns: 15 })
  }, 60_000)
})

const causeOf = (cause: number, n: number) =>
  cause === 0 ? undefined : cause < 6 ? `own-${n - cause}` : cause < 14 ? `twin-${cause}` : `own-${n}`

/** Every id that is there or named, walked both ways. */
async function compare(topic: Topic): Promise<void> {
  const all = await collect(topic.read())
  const named = all.flatMap(({ causationId }) => (causationId === undefined ? [] : [causationId]))
  for (const id of new Set([...ids(all), ...named])) {
    expect([id, await topic.causes(id)]).toEqual([id, causesOf(all, id)])
    expect([id, await topic.effects(id)]).toEqual([id, effectsOf(all, id)])
    expect([id, await topic.effects(id, { limit: 2 })]).toEqual([id, effectsOf(all, id).slice(0, 2)])
  }
}
