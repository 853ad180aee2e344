/** Deleting topics, making them anew, and changing their options.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { openStore } from '../../../src/index.ts'
import { readManifest } from '../../../src/manifest/index.ts'
import { collect, event, type Log, openLog, outcome, processOf, Wire } from '../topic/support.ts'
import { filesOf, fill, openSmall, reopen } from './small-log.ts'

const stateOf = async ({ wire }: Log) => (await readManifest(wire.storage))?.state

describe('Topics.delete()', () => {
  test('removes the topic and its files, and tells everybody who has it open', async () => {
    const log = await openSmall({ partitions: 3 })
    await fill(log, 20)
    const tail = outcome(log.topic.tail({ entity: 'nobody' })[Symbol.asyncIterator]().next())
    const reader = log.topic.read().batches()[Symbol.asyncIterator]()
    const queued = [1, 2, 3].map(() => outcome(log.topic.append(event('entity-0'))))
    await log.store.topics.delete('orders')
    for (const answer of await Promise.all(queued)) expect(['TOPIC_DELETED', answer]).toContain(answer)
    expect(await tail).toBe('TOPIC_DELETED')
    expect(await outcome(reader.next())).toBe('TOPIC_DELETED')
    const { topic } = log
    for (const work of [topic.append(event('entity-0')), topic.page(), topic.get(0, { partition: 0 }), topic.prune()])
      expect(await outcome<unknown>(work)).toBe('TOPIC_DELETED')
    expect(() => topic.stats()).toThrow(expect.objectContaining({ code: 'TOPIC_DELETED' }))
    for (const partition of [0, 1, 2]) expect(await filesOf(log.wire.storage, `topics/orders/${partition}`)).toEqual([])
    expect(await log.store.topics.list()).toEqual([])
    expect(await outcome(log.store.topics.open('orders'))).toBe('TOPIC_UNKNOWN')
    expect(await outcome(log.store.topics.delete('orders'))).toBe('TOPIC_UNKNOWN')
    const { ok, problems, unknownFiles } = await log.store.verify()
    expect({ ok, problems, unknownFiles }).toEqual({ ok: true, problems: [], unknownFiles: [] })
    await log.store.close()
    expect((await stateOf(log))?.removing).toBeUndefined()
  })

  test('leaves the name free for a new topic with an id, head slots and a lineage of its own', async () => {
    let log = await openSmall()
    await fill(log, 10)
    const old = await stateOf(log)
    await log.store.topics.delete('orders')
    const topic = await log.store.topics.open('orders', { create: { partitions: 2 } })
    const now = await stateOf(log)
    expect(now?.topics[0]?.id).toBeGreaterThan(old?.topics[0]?.id ?? 0)
    expect(now?.topics[0]?.partitions.map(({ headSlot }) => headSlot)).toEqual([2, 3])
    expect(topic.lineage).not.toBe(log.topic.lineage)
    await topic.append(event('new'))
    expect(await outcome(log.topic.append(event('old')))).toBe('TOPIC_DELETED')
    await log.store.close()
    log = await reopen(log)
    expect((await collect(log.topic.read())).map(({ entity }) => entity)).toEqual(['new'])
    expect((await log.store.verify()).ok).toBe(true)
    await log.store.close()
  })

  test('readers of other processes read the files of the new topic, not those they had open', async () => {
    const { wire, store, topic } = await openLog()
    await topic.append([event('a', 1), event('b', 2)])
    const reader = await openStore({ storage: new Wire(wire.storage).storage, readOnly: true })
    const read = async () => collect((await reader.topics.open('orders')).read({ entity: 'b' }))
    expect((await read()).map(({ data }) => data)).toEqual([2])
    await store.topics.delete('orders')
    const again = await store.topics.open('orders', { create: true })
    await again.append([event('a', 'another'), event('c', 3), event('b', 4)])
    expect((await read()).map(({ offset, data }) => [offset, data])).toEqual([[2, 4]])
    await reader.close()
    await store.close()
  })

  test('acknowledges nothing that the deleted topic would have held', async () => {
    const log = await openSmall()
    const answers: Promise<unknown>[] = []
    for (let turn = 0; turn < 30; turn++) {
      answers.push(outcome(log.topic.append(event('entity-0')).then(() => 'acknowledged')))
      if (turn === 10) answers.push(log.store.topics.delete('orders').then(() => 'deleted'))
      await undefined
    }
    const settled = await Promise.all(answers)
    const gone = settled.indexOf('TOPIC_DELETED')
    expect(settled.slice(gone).filter((answer) => answer === 'acknowledged')).toEqual([])
    expect(settled).toContain('deleted')
    await log.store.close()
  })

  test('changes nothing when its record cannot be written', async () => {
    const log = await openSmall()
    await fill(log, 10)
    log.wire.before = ({ op, path }) => {
      if (op === 'append' && path.startsWith('MANIFEST')) throw new VarveError('STORAGE_FULL', 'No space')
      return undefined
    }
    expect(await outcome(log.store.topics.delete('orders'))).toBe('STORAGE_FULL')
    log.wire.before = undefined
    expect((await log.topic.append(event('entity-0'))).firstOffset).toBe(10)
    expect(await collect(log.topic.read())).toHaveLength(11)
    await log.store.close()
  })

  test('gives no name that waits to be removed to a topic made anew, and removes the old files at the next open', async () => {
    let log = await openSmall()
    await fill(log, 10)
    const keep = ({ op, path }: { op: string; path: string }) => {
      if (op === 'remove' && path.startsWith('topics/')) throw new VarveError('STORAGE_DENIED', 'In use')
      return undefined
    }
    log.wire.before = keep
    await log.store.topics.delete('orders')
    const leaving = new Set((await stateOf(log))?.removing?.[0]?.files)
    expect(leaving.size).toBeGreaterThan(5)
    const topic = await log.store.topics.open('orders', { create: true })
    await topic.append([event('new'), event('other')])
    const file = (await stateOf(log))?.topics[0]?.partitions[0]?.segments[0]?.file
    expect(leaving).not.toContain(file)
    expect((await log.store.verify()).ok).toBe(true)
    await log.store.close()
    log.wire.before = undefined
    log = await reopen(log)
    expect(await collect(log.topic.read())).toHaveLength(2)
    await log.store.close()
    expect((await filesOf(log.wire.storage)).filter((name) => name.endsWith('.log'))).toEqual([file])
    expect((await stateOf(log))?.removing).toBeUndefined()
  })

  test('deletes a topic that cannot be opened', async () => {
    const files = memoryStorage()
    const log = await openSmall({ wire: new Wire(files) })
    await fill(log, 10)
    await log.store.close()
    const store = await openStore({ storage: new Wire(files).storage, clock: log.clock })
    await files.remove('topics/orders/0/index.ckpt')
    for (const name of await filesOf(files)) if (name.endsWith('.log')) await files.remove(`topics/orders/0/${name}`)
    expect(await outcome(store.topics.open('orders'))).toMatch(/MISSING/)
    await store.topics.delete('orders')
    expect(await store.topics.list()).toEqual([])
    await store.close()
  })

  test('is refused in a store that only reads, and for names that are none', async () => {
    const log = await openSmall()
    const reader = await openLog({ wire: log.wire, readOnly: true })
    expect(await outcome(reader.store.topics.delete('orders'))).toBe('STORE_READ_ONLY')
    expect(await outcome(log.store.topics.delete('_jobs'))).toBe('NAME_INVALID')
    expect(await outcome(log.store.topics.delete('../orders'))).toBe('NAME_INVALID')
    await reader.store.close()
    await log.store.close()
    expect(await outcome(log.store.topics.delete('orders'))).toBe('STORE_CLOSED')
  })

  test('lets head slots of deleted topics pass that a new owner finds in the head file', async () => {
    const files = memoryStorage()
    const log = await openSmall({ wire: new Wire(files, { owner: processOf(1) }) })
    const other = await log.store.topics.open('other', { create: { partitions: 2 } })
    await other.append(event('entity-0'))
    await log.store.topics.delete('other')
    await log.topic.append(event('entity-0'))
    const storage = new Wire(files, { owner: processOf(2) }).storage
    const reader = await openStore({ storage, clock: log.clock, readOnly: true })
    expect((await reader.verify()).problems).toEqual([])
    const successor = await openStore({ storage, clock: log.clock, takeOver: true })
    expect((await successor.topics.list()).map(({ topic, events }) => [topic, events])).toEqual([['orders', 1]])
    await successor.close()
    await reader.close()
    await log.store.close()
  })
})

describe('Topics.change()', () => {
  test('is told by stats, takes effect in the writer at once, and is kept', async () => {
    let log = await openLog({ topic: { partitions: 2, compression: 'deflate' } })
    const changed = await log.store.topics.change('orders', {
      segmentBytes: 1 << 20,
      retention: { maxEvents: 1_000_000 },
      compression: 'none',
      idempotency: { windowMs: 60_000, windowKeys: 5 },
    })
    const settings = {
      partitions: 2,
      segmentBytes: 1 << 20,
      retention: { maxEvents: 1_000_000 },
      compression: 'none',
      chain: 'batches',
      idempotency: { windowMs: 60_000, windowKeys: 5 },
    }
    expect(changed.settings).toEqual(settings)
    const receipt = await log.topic.append(event('entity-0'), { idempotencyKey: 'k' })
    expect(receipt.idempotency).toMatchObject({ windowKeys: 5, until: receipt.recordedAt + 60_000 })
    for (let turn = 0; turn < 4; turn++) await log.topic.append(event('entity-0', new Uint8Array(600_000)))
    expect(log.topic.stats().partitions.some(({ segments }) => segments > 2)).toBe(true)
    await log.store.close()
    log = await openLog({
      wire: log.wire,
      clock: log.clock,
      topic: { compression: 'none', retention: settings.retention },
    })
    expect(log.topic.stats().settings).toEqual(settings)
    expect(await outcome(log.store.topics.open('orders', { create: { compression: 'deflate' } }))).toBe('TOPIC_EXISTS')
    await log.store.close()
  })

  test('refuses what is fixed, impossible or unknown', async () => {
    const log = await openLog()
    const { topics } = log.store
    for (const options of [{ partitions: 2 }, { chain: 'events' }, { segmentBytes: 5 }, { retention: { maxBytes: 0 } }])
      expect(await outcome(topics.change('orders', options as object))).toBe('OPTION_INVALID')
    expect(await outcome(topics.change('nothing', {}))).toBe('TOPIC_UNKNOWN')
    const reader = await openLog({ wire: log.wire, readOnly: true })
    expect(await outcome(reader.store.topics.change('orders', {}))).toBe('STORE_READ_ONLY')
    await reader.store.close()
    await log.store.close()
  })
})
