/** A store: opening, closing, who may have it, and what is left to say afterwards.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { isVarveError, openStore } from '../../../src/index.ts'
import type { Store } from '../../../src/store/types.ts'
import type { Topic } from '../../../src/topic/types.ts'
import { settle } from '../../support/manual-clock.ts'
import { draws } from '../../support/seeded-random.ts'
import { collect, event, Gate, isLog, isWrite, openLog, outcome, processOf, Wire } from '../topic/support.ts'

describe('open and close', () => {
  test('openStore() creates, and says so; after a clean close it says clean', async () => {
    const wire = new Wire()
    const first = await openLog({ wire })
    expect(first.store.openReport).toMatchObject({
      source: 'created',
      epoch: 1,
      refused: [],
      repaired: [],
      ignored: [],
    })
    await first.topic.append([event('a'), event('b')])
    await first.store.close()
    const second = await openLog({ wire })
    expect(second.store.id).toBe(first.store.id)
    expect(second.topic.lineage).toBe(first.topic.lineage)
    expect(second.store.openReport).toMatchObject({ source: 'clean', epoch: 2, rowsReplayed: 0, repaired: [] })
    expect(second.store.openReport.previousOwner).toBeUndefined()
    expect((await collect(second.topic.read())).map(({ entity }) => entity)).toEqual(['a', 'b'])
    await second.store.close()
  })

  test('Store.close() may be called again and again, and waits for appends under way', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire })
    const gate = new Gate()
    wire.before = (call) => (call.op === 'sync' && isLog(call) ? gate.passed : undefined)
    const calls = Array.from({ length: 20 }, (_, n) => topic.append(event(`e${n}`)))
    await settle()
    const closing = [store.close(), store.close()]
    expect(await outcome(topic.append(event('late')))).toBe('STORE_CLOSED')
    gate.open()
    expect((await Promise.all(calls)).map(({ firstOffset }) => firstOffset)).toEqual(Array.from(calls.keys()))
    await Promise.all([...closing, store.close(), store[Symbol.asyncDispose]()])
    const again = await openLog({ wire })
    expect(again.store.openReport.source).toBe('clean')
    expect((await collect(again.topic.read())).length).toBe(20)
    await again.store.close()
  })

  test('Store is closed at the end of its block', async () => {
    const storage = memoryStorage()
    const inner = await (async () => {
      await using store = await openStore({ storage })
      await store.topics.open('orders', { create: true })
      return store
    })()
    expect(await outcome(inner.stats())).toBe('STORE_CLOSED')
    await using again = await openStore({ storage })
    expect(again.openReport.source).toBe('clean')
  })

  test('Store.close() closes every file it opened', async () => {
    const { store, topic, wire } = await openLog({ topic: { partitions: 3, segmentBytes: 1 << 20 } })
    const opened = () => wire.count(({ op }) => ['openRead', 'openAppend', 'createExclusive'].includes(op))
    for (let n = 0; n < 12; n++) await topic.append(event(`e${n}`, new Uint8Array(300_000)))
    await collect(topic.read())
    await collect(topic.read({ direction: 'backward' }))
    await store.close()
    expect(wire.count(({ op }) => op === 'close')).toBeGreaterThanOrEqual(opened())
  })

  test('Store.close() frees the place also when a file cannot be closed', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire })
    await topic.append(event('kept'))
    await collect(topic.read())
    wire.before = (call) => (call.op === 'close' ? Promise.reject(new Error('no')) : undefined)
    await outcome(store.close())
    wire.before = undefined
    const again = await openLog({ wire })
    expect((await collect(again.topic.read())).length).toBe(1)
    await again.store.close()
  })
})

describe('topics', () => {
  test('Topics.open() creates only when told to, and names the topics there are', async () => {
    await using store = await openStore({ storage: memoryStorage() })
    await expect(store.topics.open('orders')).rejects.toMatchObject({
      code: 'TOPIC_UNKNOWN',
      message: expect.stringContaining('there are none'),
    })
    await store.topics.open('orders', { create: true })
    await store.topics.open('bills', { create: { partitions: 2 } })
    await expect(store.topics.open('order')).rejects.toMatchObject({
      code: 'TOPIC_UNKNOWN',
      message: expect.stringContaining('orders'),
      details: { topic: 'order', topics: ['orders', 'bills'] },
    })
    expect((await store.topics.list()).map(({ topic }) => topic)).toEqual(['bills', 'orders'])
  })

  test('Topics.open() with create takes a topic as it is, and refuses other options', async () => {
    await using store = await openStore({ storage: memoryStorage() })
    const topic = await store.topics.open('orders', { create: { partitions: 2, segmentBytes: 1 << 21 } })
    expect(await store.topics.open('orders')).toBe(topic)
    expect(await store.topics.open('orders', { create: true })).toBe(topic)
    expect(await store.topics.open('orders', { create: { partitions: 2 } })).toBe(topic)
    await expect(store.topics.open('orders', { create: { partitions: 3 } })).rejects.toMatchObject({
      code: 'TOPIC_EXISTS',
      details: { topic: 'orders', option: 'partitions', has: 2, wanted: 3 },
    })
    expect(await outcome(store.topics.open('orders', { create: { segmentBytes: 1 << 22 } }))).toBe('TOPIC_EXISTS')
  })

  test.each([
    { partitions: 0 },
    { partitions: 1_025 },
    { partitions: 1.5 },
    { segmentBytes: (1 << 20) - 1 },
    { segmentBytes: (1 << 30) + 1 },
    { segmentBytes: Number.NaN },
  ])('Topics.open() refuses to create with %j', async (create) => {
    await using store = await openStore({ storage: memoryStorage() })
    expect(await outcome(store.topics.open('orders', { create }))).toBe('OPTION_INVALID')
    expect(await store.topics.list()).toEqual([])
  })

  test('Topics.open() of one name by many gives one instance', async () => {
    await using store = await openStore({ storage: memoryStorage() })
    const opened = await Promise.all(Array.from({ length: 20 }, () => store.topics.open('orders', { create: true })))
    expect(new Set(opened).size).toBe(1)
    expect((await store.topics.list()).length).toBe(1)
  })

  test('Topics.open() of one name with different options lets the first win', async () => {
    await using store = await openStore({ storage: memoryStorage() })
    const [two, three] = await Promise.all(
      [2, 3].map((partitions) => outcome(store.topics.open('orders', { create: { partitions } }))),
    )
    expect((two as Topic).partitions).toBe(2)
    expect(three).toBe('TOPIC_EXISTS')
  })

  test('Topics.open() refuses a name that differs only in case', async () => {
    await using store = await openStore({ storage: memoryStorage() })
    await store.topics.open('Orders', { create: true })
    expect(await outcome(store.topics.open('orders', { create: true }))).toBe('NAME_INVALID')
    expect(await outcome(store.topics.open('orders'))).toBe('TOPIC_UNKNOWN')
  })

  test('Topics.open() leaves no file open when one of its partitions cannot be', async () => {
    const wire = new Wire()
    const first = await openLog({ wire, topic: { partitions: 3 } })
    await first.store.close()
    const store = await openStore({ storage: wire.storage })
    wire.calls.length = 0
    wire.before = ({ op, path }) =>
      op === 'openAppend' && path.includes('/2/') ? Promise.reject(new Error('too many open files')) : undefined
    expect(await outcome(store.topics.open('orders'))).toBe('Error')
    wire.before = undefined
    expect(wire.count((call) => call.op === 'close' && isLog(call))).toBe(2)
    expect((await (await store.topics.open('orders')).append(event('a'))).firstOffset).toBe(0)
    await store.close()
  })

  test('Topics.open() refuses hostile names without asking the storage, and all others stay inside', async () => {
    const { store, wire } = await openLog()
    wire.calls.length = 0
    const draw = draws(5)
    const parts = [
      '..',
      '.',
      '/',
      '\\',
      'a',
      'B',
      '0',
      '_',
      '-',
      ' ',
      '\0',
      '\n',
      ':',
      '~',
      'é',
      'con',
      '%2e',
      '\u202e',
    ]
    const names: unknown[] = ['', '.', '..', '../x', 'a/b', '/etc', 'a\\b', 'nul', 'COM1.log', '_own', 'x'.repeat(129)]
    names.push(undefined, null, 5, {}, ['a'], '__proto__', 'a.', 'a..b', '.hidden', '-dash')
    while (names.length < 10_000) {
      let name = ''
      for (let part = draw() % 6; part >= 0; part--) name += parts[draw() % parts.length]
      names.push(name)
    }
    const answers = new Map<string, number>()
    for (const name of names) {
      const answer = await outcome(store.topics.open(name as string))
      const code = typeof answer === 'string' ? answer : 'opened'
      answers.set(code, (answers.get(code) ?? 0) + 1)
      if (code !== 'NAME_INVALID') expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
    }
    expect([...answers.keys()].sort()).toEqual(['NAME_INVALID', 'TOPIC_UNKNOWN'])
    expect(answers.get('NAME_INVALID')).toBeGreaterThan(8_000)
    expect(wire.calls).toEqual([])
    await store.close()
  })
})

describe('who may have it', () => {
  test('openStore() twice in one process names the line of the first', async () => {
    const storage = memoryStorage()
    const store = await openStore({ storage })
    const error = await openStore({ storage, takeOver: true }).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'STORE_OPEN_HERE', details: { location: storage.location } })
    expect(error.message).toMatch(/opened at .*store\.test\.ts:\d+/)
    expect(error.hint).toMatch(/one store per process/)
    await store.close()
    await (await openStore({ storage })).close()
  })

  test('openStore() refuses a live owner and names it, until it closes or is overruled', async () => {
    const one = new Wire(undefined, { owner: processOf(1) })
    const two = new Wire(one.storage, { owner: processOf(2) })
    const { store, topic } = await openLog({ wire: one })
    await topic.append(event('kept'))
    await expect(openStore({ storage: two.storage })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      retryable: true,
      details: { owner: { pid: 1 }, epoch: 1 },
    })
    expect(two.count(isWrite)).toBe(0)
    await topic.append(event('still ours'))
    await store.close()
    const next = await openLog({ wire: two })
    expect(next.store.openReport.source).toBe('clean')
    const third = await openLog({ wire: new Wire(one.storage, { owner: processOf(3) }), takeOver: true })
    expect(third.store.openReport).toMatchObject({ source: 'recovered', epoch: 3, previousOwner: { pid: 2 } })
    expect((await collect(third.topic.read())).length).toBe(2)
    await next.store.close()
    await third.store.close()
  })

  test('openStore() read-only works beside a writer, follows nothing it was not asked to, and writes nothing', async () => {
    const wire = new Wire(undefined, { owner: processOf(1) })
    const writer = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
    for (let n = 0; n < 5; n++) await writer.topic.append(event(`e${n}`, new Uint8Array(400_000)))
    const beside = new Wire(wire.storage, { owner: processOf(2) })
    const reader = await openLog({ wire: beside, readOnly: true })
    expect(reader.store.openReport.source).toBe('read-only')
    expect((await collect(reader.topic.read())).map(({ entity }) => entity)).toEqual(['e0', 'e1', 'e2', 'e3', 'e4'])
    expect((await reader.topic.last(2)).map(({ offset }) => offset)).toEqual([3, 4])
    expect(await reader.topic.version('e3')).toBe(4)
    expect((await reader.store.stats()).readOnly).toBe(true)
    expect((await reader.store.verify()).ok).toBe(true)
    expect(await outcome(reader.topic.append(event('x')))).toBe('STORE_READ_ONLY')
    expect(await outcome(reader.store.checkpoint())).toBe('STORE_READ_ONLY')
    expect(await outcome(reader.store.topics.open('new', { create: true }))).toBe('TOPIC_UNKNOWN')
    await writer.topic.append(event('more'))
    await reader.store.close()
    expect(beside.calls.filter(isWrite)).toEqual([])
    expect((await writer.topic.append(event('again'))).firstOffset).toBe(6)
    await writer.store.close()
  })

  test('openStore() read-only refuses a place without a store, and leaves it empty', async () => {
    const wire = new Wire()
    expect(await outcome(openStore({ storage: wire.storage, readOnly: true }))).toBe('STORE_MISSING')
    expect(wire.count(isWrite)).toBe(0)
    expect(await wire.storage.list('')).toEqual([])
  })

  test('openStore() refuses a place that holds something else', async () => {
    const storage = memoryStorage()
    await (await storage.createExclusive('holiday.jpg')).close()
    expect(await outcome(openStore({ storage }))).toBe('STORE_FOREIGN')
    expect((await storage.list('')).map(({ name }) => name)).toEqual(['holiday.jpg'])
  })
})

describe('after the end', () => {
  const sample = { partition: 0, offset: 0 }
  const topicMethods: Record<string, (topic: Topic) => unknown> = {
    append: (topic) => topic.append(event('e')),
    'append buffered': (topic) => topic.append(event('e'), { durability: 'buffered' }),
    read: (topic) => collect(topic.read()),
    batches: (topic) => collect(topic.read().batches()),
    page: (topic) => topic.page(),
    get: (topic) => topic.get(0),
    last: (topic) => topic.last(1),
    tail: (topic) => topic.tail({ from: 'start' })[Symbol.asyncIterator]().next(),
    version: (topic) => topic.version('e'),
    stats: (topic) => topic.stats(),
  }
  const storeMethods: Record<string, (store: Store) => unknown> = {
    'topics.open': (store) => store.topics.open('orders'),
    'topics.open new': (store) => store.topics.open('new', { create: true }),
    'topics.list': (store) => store.topics.list(),
    stats: (store) => store.stats(),
    verify: (store) => store.verify(),
    checkpoint: (store) => store.checkpoint(),
  }
  const WRITERS = ['append', 'append buffered', 'topics.open new']

  const code = async (run: () => unknown) => {
    try {
      await run()
      return 'fine'
    } catch (error) {
      return isVarveError(error) ? error.code : String(error)
    }
  }

  async function answers(of: { store: Store; topic: Topic }): Promise<Record<string, string>> {
    const all: Record<string, string> = {}
    for (const [name, run] of Object.entries(topicMethods)) all[name] = await code(() => run(of.topic))
    for (const [name, run] of Object.entries(storeMethods)) all[name] = await code(() => run(of.store))
    return all
  }

  const names = [...Object.keys(topicMethods), ...Object.keys(storeMethods)]
  const expected = (answer: (name: string) => string) => Object.fromEntries(names.map((name) => [name, answer(name)]))

  test('every method works when the store is open', async () => {
    const log = await openLog()
    await log.topic.append(event('e'))
    expect(await answers(log)).toEqual(expected(() => 'fine'))
    await log.store.close()
  })

  test.each([true, false])('every method says that the store is closed; cached reads: %s', async (readFirst) => {
    const log = await openLog()
    await log.topic.append(event('e'))
    if (readFirst) await collect(log.topic.read())
    const closing = log.store.close()
    expect(await answers(log)).toEqual(expected(() => 'STORE_CLOSED'))
    await closing
    log.wire.calls.length = 0
    expect(await answers(log)).toEqual(expected(() => 'STORE_CLOSED'))
    expect(log.wire.calls).toEqual([])
    expect(log.topic.cursorAfter(sample)).toMatch(/^[A-Za-z0-9_-]+$/)
  })

  test('every writing method says that the store is poisoned, and reads go on', async () => {
    const log = await openLog()
    await log.topic.append(event('e'))
    log.wire.before = (call) => (call.op === 'sync' && isLog(call) ? Promise.reject(new Error('no')) : undefined)
    await outcome(log.topic.append(event('e')))
    log.wire.before = undefined
    const found = await answers(log)
    delete found.checkpoint
    const wanted = expected((name) => (WRITERS.includes(name) ? 'STORE_POISONED' : 'fine'))
    delete wanted.checkpoint
    expect(found).toEqual(wanted)
    await log.store.close()
  })

  test('every writing method says that the store is fenced, and reads go on', async () => {
    const wire = new Wire(undefined, { owner: processOf(1) })
    const log = await openLog({ wire })
    await log.topic.append(event('e'))
    const other = await openLog({ wire: new Wire(wire.storage, { owner: processOf(2) }), takeOver: true })
    await outcome(log.topic.append(event('e')))
    const found = await answers(log)
    delete found.checkpoint
    const wanted = expected((name) => (WRITERS.includes(name) ? 'STORE_FENCED' : 'fine'))
    delete wanted.checkpoint
    expect(found).toEqual(wanted)
    await log.store.close()
    await other.store.close()
  })

  test('a read that is under way ends when the store closes, and opens no file again', async () => {
    const { store, topic, wire } = await openLog({ topic: { segmentBytes: 1 << 20 } })
    for (let n = 0; n < 8; n++) await topic.append(event(`e${n}`, new Uint8Array(400_000)))
    const reading = topic.read()[Symbol.asyncIterator]()
    await reading.next()
    await store.close()
    wire.calls.length = 0
    const rest = (async () => {
      while (!(await reading.next()).done);
    })()
    expect(await outcome(rest)).toBe('STORE_CLOSED')
    expect(wire.calls).toEqual([])
  })
})
