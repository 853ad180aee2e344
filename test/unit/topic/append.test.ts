/** What an append call takes, refuses and answers.
 * @module */
import { describe, expect, test } from 'vitest'
import { partitionOf } from '../../../src/topic/prepare.ts'
import type { NewEvent, Receipt } from '../../../src/topic/types.ts'
import { collect, event, openLog, outcome } from './support.ts'

const MIB = 1024 * 1024
const bytes = (length: number) => new Uint8Array(length)
/** An array of zeros as data: what is packed around the bytes is the same for all lengths of these magnitudes. */
const sized = (length: number) => event('e', bytes(length))

describe('events', () => {
  test('Topic.append() takes one event, or an array as one batch', async () => {
    const { store, topic } = await openLog()
    expect(await topic.append(event('a', { n: 1 }))).toMatchObject({ firstOffset: 0, endOffset: 1 })
    const receipt = await topic.append([event('a'), event('b'), event('a')])
    expect(receipt).toMatchObject({ firstOffset: 1, endOffset: 4, versions: { a: 4, b: 3 } })
    expect((await collect(topic.read({ from: 1 }).batches()))[0]?.map(({ offset }) => offset)).toEqual([1, 2, 3])
    await store.close()
  })

  test('Topic.append() keeps every optional field, and read gives absent ones as absent', async () => {
    const { store, topic, clock } = await openLog()
    const full = {
      kind: 'Full',
      entity: 'e',
      data: { deep: [1n, -0, new Uint8Array([1, 2])], when: new Date(5) },
      scope: 's',
      tags: ['t1', 't2'],
      at: 7,
      id: 'own',
      meta: { m: null },
      correlationId: 'corr',
      causationId: 'cause',
      lane: 0xffff_ffff,
      depth: 0,
      schemaVersion: 3,
      extensions: ['x'],
    }
    const bare = { kind: 'Bare', entity: 'e', data: null }
    const halves = { kind: 'Half', entity: 'e', data: 0, meta: null, lane: 0, extensions: false }
    const empty = { ...bare, tags: [], scope: undefined, meta: undefined, at: undefined } as unknown as NewEvent
    await topic.append([bare, full, halves, empty])
    const [first, second, third, fourth] = await collect(topic.read())
    const common = { partition: 0, recordedAt: clock.now() }
    const idOf = (offset: number) => `${topic.lineage}-0-${offset}`
    expect(first).toStrictEqual({ ...bare, ...common, offset: 0, id: idOf(0), at: clock.now() })
    expect(second).toStrictEqual({ ...full, ...common, offset: 1 })
    expect(third).toStrictEqual({ ...halves, ...common, offset: 2, id: idOf(2), at: clock.now() })
    expect(fourth).toStrictEqual({ ...bare, ...common, offset: 3, id: idOf(3), at: clock.now() })
    for (const [offset, whole] of [first, second, third, fourth].entries())
      expect(await topic.get(offset)).toStrictEqual(whole)
    await store.close()
  })

  test.each([-(2 ** 53) + 1, -1, 0, 1.7e12, 2 ** 53 - 1])('Topic.append() keeps at %d as given', async (at) => {
    const { store, topic } = await openLog()
    await topic.append([{ ...event('a'), at }, event('b')])
    expect((await topic.get(0))?.at).toBe(at)
    expect((await collect(topic.read({ since: at }))).map(({ offset }) => offset)).toContain(0)
    expect((await collect(topic.read({ until: at }))).map(({ offset }) => offset)).not.toContain(0)
    await store.close()
  })

  test('Topic.append() has read what it was given when it returns', async () => {
    const { store, topic } = await openLog()
    const given = { kind: 'K', entity: 'e', data: { n: 1 }, tags: ['t'], meta: [1] }
    const expectation: { entity: string; version: number | 'none' } = { entity: 'e', version: 'none' }
    const done = topic.append([given], { expect: expectation })
    Object.assign(given, { kind: 'X', entity: 'x', meta: 0 })
    given.data.n = 2
    given.tags.push('more')
    expectation.version = 9
    await done
    expect(await topic.get(0)).toMatchObject({ kind: 'K', entity: 'e', data: { n: 1 }, tags: ['t'], meta: [1] })
    await store.close()
  })

  test('Topic.append() gives the version of an entity with the name of a built-in', async () => {
    const { store, topic } = await openLog()
    const { versions } = await topic.append([event('__proto__'), event('constructor'), event('toString')])
    expect(Object.entries(versions)).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
      ['toString', 3],
    ])
    expect(await topic.version('__proto__')).toBe(1)
    expect(await topic.version('hasOwnProperty')).toBe(0)
    await store.close()
  })
})

describe('refusals', () => {
  const invalid: [string, unknown, Record<string, unknown>][] = [
    ['an empty array', [], { field: 'events' }],
    ['nothing', undefined, { field: 'event' }],
    ['null', null, { field: 'event' }],
    ['text', 'event', { field: 'event' }],
    ['an array in an array', [event('a'), [event('b')]], { field: 'event', index: 1 }],
    ['a hole', [event('a'), undefined], { field: 'event', index: 1 }],
    ['an unknown field', [event('a'), { ...event('b'), colour: 1 }], { field: 'colour', index: 1 }],
    ['no kind', { entity: 'e', data: 1 }, { field: 'kind' }],
    ['an empty entity', event(''), { field: 'entity' }],
    ['a number as entity', { kind: 'k', entity: 1, data: 1 }, { field: 'entity' }],
    ['a lone surrogate', event('\ud800'), { field: 'entity' }],
    ['at with a fraction', { ...event('a'), at: 1.5 }, { field: 'at' }],
    ['at that is not a number', { ...event('a'), at: Number.NaN }, { field: 'at' }],
    ['at as a date', { ...event('a'), at: new Date() }, { field: 'at' }],
    ['tags that are no array', { ...event('a'), tags: 't' }, { field: 'tags' }],
    ['an empty tag', { ...event('a'), tags: ['t', ''] }, { field: 'tags[1]' }],
    ['a negative lane', { ...event('a'), lane: -1 }, { field: 'lane' }],
    ['a depth of 2^32', { ...event('a'), depth: 2 ** 32 }, { field: 'depth' }],
    ['a version with a fraction', { ...event('a'), schemaVersion: 0.5 }, { field: 'schemaVersion' }],
    ['a null scope', { ...event('a'), scope: null }, { field: 'scope' }],
  ]

  test.each(invalid)('Topic.append() refuses %s, and says where', async (_, events, details) => {
    const { store, topic, wire } = await openLog()
    const before = wire.calls.length
    await expect(topic.append(events as NewEvent)).rejects.toMatchObject({ code: 'EVENT_INVALID', details })
    expect(wire.calls.length).toBe(before)
    expect((await topic.append(event('a'))).firstOffset).toBe(0)
    await store.close()
  })

  test('Topic.append() names the path of a value that it cannot keep', async () => {
    const { store, topic } = await openLog()
    const bad = [event('a'), event('b', { list: [0, new Map()] })]
    await expect(topic.append(bad)).rejects.toMatchObject({
      code: 'VALUE_UNSUPPORTED',
      details: { path: 'data.list[1]', index: 1 },
    })
    await store.close()
  })

  test('Topic.append() refuses options that it does not know', async () => {
    const { store, topic } = await openLog()
    for (const options of [
      { durability: 'soon' },
      { expect: null },
      { expect: { entity: 'a', version: -1 } },
      { expect: { entity: 'a', version: 'some' } },
    ]) {
      expect(await outcome(topic.append(event('a'), options as object))).toBe('OPTION_INVALID')
    }
    expect(await outcome(topic.append(event('a'), { expect: { entity: '', version: 0 } }))).toBe('EVENT_INVALID')
    await store.close()
  })
})

describe('limits', () => {
  const names: [string, (length: number) => NewEvent][] = [
    ['entity', (length) => event('x'.repeat(length))],
    ['kind', (length) => event('e', 0, 'x'.repeat(length))],
    ['scope', (length) => ({ ...event('e'), scope: 'x'.repeat(length) })],
    ['id', (length) => ({ ...event('e'), id: 'x'.repeat(length) })],
    ['tags[0]', (length) => ({ ...event('e'), tags: ['x'.repeat(length)] })],
    ['correlationId', (length) => ({ ...event('e'), correlationId: 'x'.repeat(length) })],
    ['causationId', (length) => ({ ...event('e'), causationId: 'x'.repeat(length) })],
  ]

  test.each(names)('Topic.append() takes 256 bytes of %s and no more', async (field, make) => {
    const { store, topic } = await openLog()
    await topic.append([make(255), make(256)])
    await expect(topic.append(make(257))).rejects.toMatchObject({ code: 'EVENT_INVALID', details: { field } })
    await store.close()
  })

  test('Topic.append() counts names in bytes', async () => {
    const { store, topic } = await openLog()
    expect((await topic.append([event('é'.repeat(128)), event('€'.repeat(85))])).endOffset).toBe(2)
    expect(await outcome(topic.append(event(`${'é'.repeat(128)}x`)))).toBe('EVENT_INVALID')
    expect(await outcome(topic.append(event('€'.repeat(86))))).toBe('EVENT_INVALID')
    await store.close()
  })

  test('Topic.append() takes 16 tags and no more', async () => {
    const { store, topic } = await openLog()
    const tagged = (count: number) => ({ ...event('e'), tags: Array.from({ length: count }, (_, i) => `t${i}`) })
    await topic.append([tagged(15), tagged(16)])
    expect(await outcome(topic.append(tagged(17)))).toBe('EVENT_INVALID')
    expect((await collect(topic.read({ tag: 't15' }))).length).toBe(1)
    await store.close()
  })

  test('Topic.append() takes 10,000 events and no more', async () => {
    const { store, topic } = await openLog()
    const events = (count: number) => Array.from({ length: count }, () => event('e', 1))
    expect((await topic.append(events(9_999))).endOffset).toBe(9_999)
    expect((await topic.append(events(10_000))).endOffset).toBe(19_999)
    await expect(topic.append(events(10_001))).rejects.toMatchObject({
      code: 'APPEND_TOO_LARGE',
      details: { limitName: 'events', limit: 10_000, found: 10_001 },
    })
    await store.close()
  })

  test('Topic.append() takes an event of 1 MiB and no more', async () => {
    const { store, topic } = await openLog()
    let most = MIB
    while ((await outcome(topic.append(sized(most)))) === 'EVENT_TOO_LARGE') most--
    expect(MIB - most).toBeLessThan(16)
    expect(await outcome(topic.append(sized(most + 1)))).toBe('EVENT_TOO_LARGE')
    expect(await outcome(topic.append([event('a'), sized(most + 1)]))).toBe('EVENT_TOO_LARGE')
    const [kept] = await topic.last(1)
    expect(kept?.data).toHaveLength(most)
    await store.close()
  })

  test('Topic.append() takes 16 MiB in one call and no more', async () => {
    const { store, topic } = await openLog()
    const call = (last: number) => [...Array.from({ length: 16 }, () => sized(MIB - 64)), sized(last)]
    const refused = await topic.append(call(2_048)).catch((error) => error.details)
    expect(refused).toMatchObject({ limitName: 'sizeBytes', limit: 16 * MIB })
    // That many bytes of values, and 17 times `Noted` and `e`.
    const most = 2_048 - (refused.found - 16 * MIB) - 17 * 6
    expect((await topic.append(call(most - 1))).endOffset).toBe(17)
    expect(await outcome(topic.append(call(most + 1)))).toBe('APPEND_TOO_LARGE')
    const receipt = await topic.append(call(most))
    expect(receipt.endOffset - receipt.firstOffset).toBe(17)
    expect((await collect(topic.read({ from: receipt.firstOffset }))).length).toBe(17)
    await store.close()
  })

  test('Topic.append() weighs names as well as values', async () => {
    const { store, topic } = await openLog()
    const name = (n: number) => String(n).padEnd(256, 'x')
    const events = Array.from({ length: 10_000 }, (_, n) => ({
      ...event('e'),
      tags: Array.from({ length: 16 }, (_, tag) => name(n * 16 + tag)),
    }))
    await expect(topic.append(events)).rejects.toMatchObject({
      code: 'APPEND_TOO_LARGE',
      details: { limitName: 'sizeBytes', limit: 16 * MIB },
    })
    const half = events.slice(0, 4_000)
    await topic.append(half)
    expect((await collect(topic.read())).map(({ tags }) => tags)).toEqual(half.map(({ tags }) => tags))
    await store.close()
  })
})

describe('partitions', () => {
  const names = Array.from({ length: 40 }, (_, n) => `entity-${n}`)

  test('Topic.append() goes to the partition of its entities, and refuses two with the list', async () => {
    const { store, topic, wire } = await openLog({ topic: { partitions: 3 } })
    const of = (partition: number) =>
      names.filter((name) => partitionOf(name, 3, wire.storage.digest) === partition) as [string, string]
    for (const partition of [0, 1, 2]) {
      const [one, two] = of(partition)
      expect(await topic.append([event(one), event(two)])).toMatchObject({ partition, firstOffset: 0 })
      expect(await topic.append(event(one), { partition })).toMatchObject({ partition, firstOffset: 2 })
    }
    const [zero] = of(0)
    const [one] = of(1)
    const spanned = topic.append([event(zero), event(one)])
    await expect(spanned).rejects.toMatchObject({
      code: 'PARTITION_SPANNED',
      details: {
        partitions: [
          { partition: 0, entity: zero },
          { partition: 1, entity: one },
        ],
      },
    })
    expect(await outcome(topic.append(event(zero), { partition: 1 }))).toBe('PARTITION_SPANNED')
    expect(await outcome(topic.append(event(zero), { expect: { entity: one, version: 'none' } }))).toBe(
      'PARTITION_SPANNED',
    )
    for (const partition of [3, -1, 0.5, Number.NaN, 'length' as unknown as number]) {
      expect(await outcome(topic.append(event(zero), { partition }))).toBe('PARTITION_UNKNOWN')
      expect(await outcome(topic.page({ partition }))).toBe('PARTITION_UNKNOWN')
    }
    await expect(topic.append([event(zero), event('')])).rejects.toMatchObject({
      code: 'EVENT_INVALID',
      details: { field: 'entity', index: 1 },
    })
    await store.close()
  })
})

describe('receipts', () => {
  test('Topic.append() answers with topic, lineage, versions and a chain of hashes', async () => {
    const { store, topic, clock } = await openLog()
    const receipts: Receipt[] = []
    for (let n = 0; n < 3; n++) receipts.push(await topic.append([event('a', n), event(`b${n}`)]))
    for (const [n, receipt] of receipts.entries()) {
      expect(receipt).toStrictEqual({
        topic: 'orders',
        lineage: topic.lineage,
        partition: 0,
        firstOffset: n * 2,
        endOffset: n * 2 + 2,
        versions: { a: n * 2 + 1, [`b${n}`]: n * 2 + 2 },
        recordedAt: clock.now(),
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        durability: 'synced',
        replayed: false,
      })
    }
    expect(new Set(receipts.map(({ hash }) => hash)).size).toBe(3)
    await store.close()
  })

  test('Topic.append() gives calls of one batch the same hash', async () => {
    const { store, topic } = await openLog()
    const receipts = await Promise.all(['a', 'b', 'c', 'd'].map((entity) => topic.append(event(entity))))
    const [first, second, third, fourth] = receipts.map(({ hash }) => hash)
    expect([first, third]).toEqual([second, fourth])
    expect(first).not.toBe(third)
    expect(receipts.map(({ firstOffset }) => firstOffset)).toEqual([0, 1, 2, 3])
    await store.close()
  })
})
