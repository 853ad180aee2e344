/** A read-only store beside its writer.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { collect, event, isWrite, openLog, outcome, processOf, Wire } from '../topic/support.ts'
import { fill, openSmall } from './small-log.ts'

test('Topic of a read-only store answers with the versions that its reads show, after following too', async () => {
  const wire = new Wire(undefined, { owner: processOf(1) })
  const writer = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
  await writer.topic.append([event('a'), event('b')])
  const beside = new Wire(wire.storage, { owner: processOf(2) })
  const reader = await openLog({ wire: beside, readOnly: true })
  expect([await reader.topic.version('a'), await reader.topic.version('new')]).toEqual([1, 0])
  const tail = reader.topic.tail()[Symbol.asyncIterator]()
  for (let round = 0; round < 4; round++) {
    const next = tail.next()
    const receipt = await writer.topic.append([event('a', new Uint8Array(600_000)), event(`new-${round}`)])
    await reader.clock.advance(100)
    expect((await next).value?.offset).toBe(receipt.firstOffset)
    await tail.next()
    for (const entity of ['a', 'b', `new-${round}`, 'never']) {
      const last = (await collect(reader.topic.read({ entity }))).at(-1)
      expect(await reader.topic.version(entity)).toBe(last === undefined ? 0 : last.offset + 1)
    }
  }
  expect(reader.topic.stats().partitions[0]?.segments).toBeGreaterThan(2)
  await tail.return?.()
  await reader.store.close()
  await writer.store.close()
  expect(beside.count(isWrite)).toBe(0)
})

test('every read of a read-only store sees what its writer did until then, without anybody waiting', async () => {
  const wire = new Wire(undefined, { owner: processOf(1) })
  const writer = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
  const reader = await openLog({ wire: new Wire(wire.storage, { owner: processOf(2) }), readOnly: true })
  for (let n = 0; n < 5; n++) {
    await writer.topic.append(event(`e${n}`, new Uint8Array(400_000)))
    await reader.clock.advance(10)
    expect((await collect(reader.topic.read())).length).toBe(n + 1)
    expect((await reader.topic.page({ entity: `e${n}` })).items.length).toBe(1)
    expect((await reader.topic.get(n))?.entity).toBe(`e${n}`)
    expect(await reader.topic.version(`e${n}`)).toBe(n + 1)
    expect((await reader.topic.last(1))[0]?.offset).toBe(n)
  }
  await reader.store.close()
  await writer.store.close()
})

test('a read-only store that is closed follows no more', async () => {
  const wire = new Wire(undefined, { owner: processOf(1) })
  const writer = await openLog({ wire })
  const clock = new ManualClock()
  const beside = new Wire(wire.storage)
  const store = await openStore({ storage: beside.storage, clock, readOnly: true })
  const next = (await store.topics.open('orders')).tail()[Symbol.asyncIterator]().next()
  await clock.advance(60)
  await store.close()
  expect((await next).done).toBe(true)
  await clock.advance(200)
  expect(clock.waiting).toBe(0)
  beside.calls.length = 0
  await clock.advance(1_000)
  expect(beside.calls).toEqual([])
  await writer.store.close()
})

describe('a read-only store follows', () => {
  /** A writer and a reader in two processes over one place. */
  async function two() {
    const files = memoryStorage()
    const writer = await openSmall({ wire: new Wire(files, { owner: processOf(1) }) })
    await fill(writer, 20, 0)
    const wire = new Wire(files, { owner: processOf(2) })
    const reader = await openLog({ wire, clock: writer.clock, readOnly: true })
    return { files, writer, reader, wire }
  }

  test('pruning: what is gone is told as pruned, what is left goes on', async () => {
    const { writer, reader, wire } = await two()
    const batches = reader.topic.read().batches()[Symbol.asyncIterator]()
    const tail = reader.topic.tail()[Symbol.asyncIterator]()
    const next = tail.next()
    const start = (await writer.topic.prune({ before: 12 })).partitions[0]?.logStartOffset ?? 0
    // Nobody told the reader: it finds the file missing, looks, and knows why.
    expect(await outcome(batches.next())).toBe('OFFSET_PRUNED')
    expect(reader.topic.stats().partitions[0]?.logStartOffset).toBe(start)
    expect(await outcome(reader.topic.get(0))).toBe('OFFSET_PRUNED')
    expect(await collect(reader.topic.read())).toHaveLength(20 - start)
    expect(await reader.topic.version('entity-1')).toBe(await writer.topic.version('entity-1'))
    await writer.topic.append(event('entity-0'))
    await reader.clock.advance(100)
    expect((await next).value?.offset).toBe(20)
    await tail.return?.()
    expect((await reader.store.verify()).ok).toBe(true)
    await reader.store.close()
    expect(wire.count(isWrite)).toBe(0)
    await writer.store.close()
  })

  test('deletion, and a topic made anew under the name', async () => {
    const { writer, reader } = await two()
    const tail = outcome(reader.topic.tail()[Symbol.asyncIterator]().next())
    const batches = reader.topic.read().batches()[Symbol.asyncIterator]()
    await writer.store.topics.delete('orders')
    expect(await outcome(batches.next())).toBe('TOPIC_DELETED')
    await reader.clock.advance(100)
    expect(await tail).toBe('TOPIC_DELETED')
    expect(await outcome(reader.topic.page())).toBe('TOPIC_DELETED')
    expect(await outcome(reader.store.topics.open('orders'))).toBe('TOPIC_UNKNOWN')
    const anew = await writer.store.topics.open('orders', { create: { partitions: 2 } })
    await anew.append(event('entity-7'))
    const seen = await reader.store.topics.open('orders')
    expect([seen.partitions, seen.lineage]).toEqual([2, anew.lineage])
    expect((await collect(seen.read())).map(({ entity }) => entity)).toEqual(['entity-7'])
    await reader.store.close()
    await writer.store.close()
  })

  test('new topics, and changed options', async () => {
    const { writer, reader } = await two()
    const other = await writer.store.topics.open('other', { create: true })
    await other.append([event('a'), event('b')])
    await writer.store.topics.change('orders', { retention: { maxEvents: 1_000 } })
    const listed = await reader.store.topics.list()
    expect(listed.map(({ topic, events }) => [topic, events])).toEqual([
      ['orders', 20],
      ['other', 2],
    ])
    expect(reader.topic.stats().settings.retention).toEqual({ maxEvents: 1_000 })
    await reader.store.close()
    await writer.store.close()
  })

  test('what is pruned or deleted between its looks at the manifest and at the files', async () => {
    const { files, writer, reader } = await two()
    await reader.store.close()
    for (const [turn, change] of [
      () => writer.topic.prune({ before: 100 }),
      () => writer.store.topics.delete('orders'),
    ].entries()) {
      await writer.store.topics.change('orders', { retention: { maxAgeMs: 1_000 } })
      if (turn === 0) await writer.clock.advance(5_000)
      const wire = new Wire(files, { owner: processOf(3) })
      let changed = false
      wire.before = ({ op, path }) => {
        if (changed || op !== 'openRead' || !path.endsWith('.log')) return undefined
        changed = true
        return change()
      }
      const store = await openStore({ storage: wire.storage, clock: writer.clock, readOnly: true })
      const seen = await outcome(store.topics.open('orders').then((topic) => topic.stats().events))
      expect([changed, seen]).toEqual([true, turn === 0 ? writer.topic.stats().events : 'TOPIC_UNKNOWN'])
      await store.close()
    }
    await writer.store.close()
  })

  test('another owner, and one after that, when the owner before is gone', async () => {
    const { files, writer, reader } = await two()
    const tail = reader.topic.tail()[Symbol.asyncIterator]()
    let owner = writer
    for (let turn = 3; turn < 7; turn++) {
      const wire = new Wire(files, { owner: processOf(turn) })
      const next = await openLog({ wire, clock: writer.clock, takeOver: true, topic: {} })
      const receipt = await next.topic.append(event(`owner-${turn}`))
      await owner.store.close()
      owner = next
      // Two owners come and go while the reader does not look.
      if (turn < 5) continue
      while ((await nextOf(tail, reader.clock)) < receipt.firstOffset);
    }
    expect(await reader.topic.version('owner-4')).toBe(22)
    await tail.return?.()
    await reader.store.close()
    await owner.store.close()
  })

  test('a topic first opened long after the store, whatever happened in between', async () => {
    const files = memoryStorage()
    const writer = await openSmall({ wire: new Wire(files, { owner: processOf(1) }) })
    await fill(writer, 4, 0)
    const store = await openStore({
      storage: new Wire(files, { owner: processOf(2) }).storage,
      clock: writer.clock,
      readOnly: true,
    })
    await fill(writer, 17, 0)
    await writer.topic.prune({ before: 10 })
    const topic = await store.topics.open('orders')
    expect(await collect(topic.read())).toEqual(await collect(writer.topic.read()))
    expect(writer.topic.stats().partitions).toMatchObject(topic.stats().partitions)
    await store.close()
    await writer.store.close()
  })
})

/** The offset of the next event of a tail, of which time passes until it comes. */
async function nextOf(tail: AsyncIterator<{ readonly offset: number }>, clock: ManualClock): Promise<number> {
  const next = tail.next()
  await clock.advance(100)
  return (await next).value.offset
}
