/** A read-only store beside its writer.
 * @module */
import { expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { collect, event, isWrite, openLog, processOf, Wire } from '../topic/support.ts'

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
