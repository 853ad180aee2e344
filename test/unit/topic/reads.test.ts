/** What reads refuse, where they end, and cursors. What they answer is compared with the model in test/model.
 * @module */
import { describe, expect, test } from 'vitest'
import type { ReadOptions } from '../../../src/topic/types.ts'
import { collect, event, Gate, type Log, openLog, outcome, Wire } from './support.ts'

async function withEvents(count: number, partitions = 1): Promise<Log> {
  const log = await openLog({ topic: { partitions } })
  for (let n = 0; n < count; n++) await log.topic.append(event(`e${n % 5}`, n))
  return log
}

const offsets = (events: readonly { offset: number }[]) => events.map(({ offset }) => offset)

describe('refusals', () => {
  const invalid: [string, object][] = [
    ['kind', { kind: 5 }],
    ['kind', { kind: null }],
    ['kind', { kind: ['a', ''] }],
    ['kind', { kind: { length: 0 } }],
    ['entity', { entity: '' }],
    ['scope', { scope: 1 }],
    ['tag', { tag: ['t'] }],
    ['id', { id: '' }],
    ['correlationId', { correlationId: false }],
    ['causationId', { causationId: 0 }],
    ['since', { since: Number.NaN }],
    ['since', { since: '2024-01-01' }],
    ['until', { until: 1.5 }],
    ['from', { from: -1 }],
    ['from', { from: '0' }],
    ['to', { to: 2 ** 53 }],
    ['direction', { direction: 'up' }],
    ['limit', { limit: -1 }],
    ['limit', { limit: 1.5 }],
  ]

  test.each(invalid)('Topic.read() and page() refuse %s of %j', async (option, options) => {
    const { store, topic } = await withEvents(1)
    const wanted = { code: 'OPTION_INVALID', details: { option } }
    expect(() => topic.read(options as ReadOptions)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    await expect(topic.page(options as ReadOptions)).rejects.toMatchObject(wanted)
    await store.close()
  })

  test('Topic refuses pages, counts and offsets out of their ranges', async () => {
    const { store, topic } = await withEvents(3)
    for (const limit of [0, 1_001]) expect(await outcome(topic.page({ limit }))).toBe('OPTION_INVALID')
    for (const count of [-1, 1_001, 0.5]) expect(await outcome(topic.last(count))).toBe('OPTION_INVALID')
    for (const offset of [-1, 0.5, Number.NaN, '0']) {
      expect(await outcome(topic.get(offset as number))).toBe('OPTION_INVALID')
    }
    expect(await outcome(topic.version(''))).toBe('EVENT_INVALID')
    expect(await topic.last(0)).toEqual([])
    expect(await collect(topic.read({ limit: 0 }))).toEqual([])
    expect((await topic.page({ limit: 1_000 })).items.length).toBe(3)
    await store.close()
  })

  test('Topic.read() beyond the high watermark says which offsets are valid', async () => {
    const { store, topic } = await withEvents(3)
    const details = { topic: 'orders', partition: 0, offset: 4, logStartOffset: 0, highWatermark: 3 }
    await expect(topic.page({ from: 4 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', details })
    expect(() => topic.read({ from: 4 })).toThrow(/valid are 0 to 3/)
    expect(await collect(topic.read({ from: 3 }))).toEqual([])
    expect(offsets(await collect(topic.read({ to: 99 })))).toEqual([0, 1, 2])
    expect(await collect(topic.read({ from: 2, to: 1 }))).toEqual([])
    expect(await topic.get(3)).toBeUndefined()
    expect(await topic.get(2 ** 53 - 1)).toBeUndefined()
    await store.close()
  })

  test('Topic with several partitions wants the one that an offset is about', async () => {
    const { store, topic } = await withEvents(5, 3)
    expect(await outcome(topic.get(0))).toBe('OPTION_INVALID')
    expect(await outcome(topic.page({ from: 0 }))).toBe('OPTION_INVALID')
    expect(await outcome(topic.page({ to: 1 }))).toBe('OPTION_INVALID')
    expect(await outcome(topic.page({ from: 0, partition: 1 }))).toMatchObject({ items: expect.anything() })
    expect((await topic.page()).highWatermark).toEqual(topic.stats().partitions.map((one) => one.highWatermark))
    await store.close()
  })
})

describe('ends', () => {
  test('Topic.read() ends at the high watermark of the call, however often it is iterated', async () => {
    const { store, topic } = await withEvents(3)
    const forward = topic.read()
    const backward = topic.read({ direction: 'backward' })
    await topic.append(event('later'))
    for (let time = 0; time < 2; time++) {
      expect(offsets(await collect(forward))).toEqual([0, 1, 2])
      expect(offsets(await collect(backward))).toEqual([2, 1, 0])
      expect(offsets((await collect(forward.batches())).flat())).toEqual([0, 1, 2])
    }
    await store.close()
  })

  test('Topic.read() stops with the reason of its signal', async () => {
    const { store, topic } = await withEvents(3)
    const abort = new AbortController()
    const reading = topic.read({ signal: abort.signal }).batches()[Symbol.asyncIterator]()
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(reading.next()).rejects.toBe(reason)
    await expect(topic.page({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await store.close()
  })

  test('Topic.read() that is left early lets go', async () => {
    const { store, topic } = await withEvents(3)
    for await (const one of topic.read()) {
      expect(one.offset).toBe(0)
      break
    }
    const events = topic.read()[Symbol.asyncIterator]()
    expect(
      (await Promise.all([events.next(), events.next(), events.next(), events.next()])).map((r) => r.done),
    ).toEqual([false, false, false, true])
    await store.close()
  })

  test('Topic.page() that looked for 5 seconds ends early with a cursor that goes on', async () => {
    const { store, topic, clock, wire } = await openLog({ topic: { segmentBytes: 1 << 20 }, wire: slowWire() })
    for (let n = 0; n < 6; n++) await topic.append(event('e', new Uint8Array(400_000)))
    // No term says which events were early, so all have to be looked at.
    await topic.append({ ...event('wanted'), at: 5 })
    wire.before = ({ op }) => (op === 'read' ? clock.advance(3_000) : undefined)
    const pages = []
    let cursor: string | undefined
    do {
      const page = await topic.page({ until: 6, ...(cursor === undefined ? {} : { cursor }) })
      pages.push(page.items.length)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(pages.length).toBeGreaterThan(1)
    expect(pages.reduce((sum, one) => sum + one, 0)).toBe(1)
    wire.before = undefined
    await store.close()
  })

  function slowWire(): Wire {
    const { storage } = new Wire()
    return new Wire(storage, { capabilities: { ...storage.capabilities, syncReads: false } })
  }

  test('Topic reads by many at once while appends go on see a prefix each', async () => {
    const { store, topic, wire } = await openLog({ wire: slowWire(), topic: { segmentBytes: 1 << 20 } })
    const gate = new Gate()
    wire.before = ({ op }) => (op === 'read' ? gate.passed : undefined)
    const readers = []
    for (let n = 0; n < 12; n++) {
      await topic.append(event(`e${n}`, new Uint8Array(200_000)))
      readers.push(collect(topic.read()))
    }
    gate.open()
    for (const [n, read] of (await Promise.all(readers)).entries())
      expect(offsets(read)).toEqual(Array.from({ length: n + 1 }, (_, offset) => offset))
    await store.close()
  })
})

describe('cursors', () => {
  const forged = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, '')

  test('Topic.page() refuses a cursor that it did not make', async () => {
    const { store, topic } = await withEvents(3)
    const { lineage } = topic
    for (const cursor of [
      '',
      'x',
      'not a cursor',
      'x'.repeat(70_000),
      5,
      null,
      forged(null),
      forged([2, lineage, 'f', []]),
      forged([1, lineage, 'x', []]),
      forged([1, lineage, 'f']),
      forged([1, lineage, 'f', 5]),
      forged([1, lineage, 'f', [[0]]]),
      forged([1, lineage, 'f', [[0, -1]]]),
      forged([1, lineage, 'f', [[0, 1.5]]]),
      forged([1, lineage, 'f', [['0', 1]]]),
    ]) {
      expect([cursor, await outcome(topic.page({ cursor: cursor as string }))]).toEqual([cursor, 'CURSOR_INVALID'])
    }
    expect(await outcome(topic.page({ cursor: forged([1, lineage, 'f', [[0, 99]]]) }))).toBe('OFFSET_OUT_OF_RANGE')
    await store.close()
  })

  test('Topic.page() refuses the cursor of another topic, and of the other direction', async () => {
    const { store, topic } = await withEvents(3)
    const other = await store.topics.open('other', { create: true })
    const { nextCursor = '' } = await topic.page({ limit: 1 })
    expect(await outcome(other.page({ cursor: nextCursor }))).toBe('CURSOR_FOREIGN')
    expect(() => other.tail({ cursor: nextCursor })).toThrow(expect.objectContaining({ code: 'CURSOR_FOREIGN' }))
    expect(await outcome(topic.page({ cursor: nextCursor, direction: 'backward' }))).toBe('CURSOR_INVALID')
    const back = await topic.page({ limit: 1, direction: 'backward' })
    expect(await outcome(topic.page({ cursor: back.nextCursor ?? '' }))).toBe('CURSOR_INVALID')
    await store.close()
  })

  test('Topic.page() goes on after events that came meanwhile, and after a reopen', async () => {
    const wire = new Wire()
    let log = await openLog({ wire })
    for (let n = 0; n < 4; n++) await log.topic.append(event('e', n))
    const first = await log.topic.page({ limit: 3 })
    await log.topic.append(event('e', 4))
    await log.store.close()
    log = await openLog({ wire })
    const second = await log.topic.page({ limit: 3, cursor: first.nextCursor ?? '' })
    expect([offsets(first.items), offsets(second.items)]).toEqual([
      [0, 1, 2],
      [3, 4],
    ])
    expect(second.nextCursor).toBeUndefined()
    await log.store.close()
  })

  test('Topic.read() finds an event by the id that it was given, stored or computed', async () => {
    const { store, topic } = await openLog({ topic: { partitions: 2 } })
    for (let n = 0; n < 20; n++) await topic.append({ ...event(`e${n}`), ...(n % 4 ? {} : { id: `own-${n}` }) })
    const all = await collect(topic.read())
    expect(new Set(all.map(({ id }) => id)).size).toBe(20)
    for (const one of all) expect(await collect(topic.read({ id: one.id }))).toEqual([one])
    expect(await collect(topic.read({ id: `${topic.lineage}-0-999` }))).toEqual([])
    await store.close()
  })
})
