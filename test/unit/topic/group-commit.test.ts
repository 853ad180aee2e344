/** Groups: how many writes and syncs calls share, and in which order things happen.
 * @module */
import { expect, test } from 'vitest'
import { settle } from '../../support/manual-clock.ts'
import { collect, event, Gate, isLog, openLog, stateOf } from './support.ts'

test('Topic.append() of 64 callers at once shares writes and syncs', async () => {
  const { store, topic, wire } = await openLog()
  wire.calls.length = 0
  const receipts = await Promise.all(Array.from({ length: 64 }, (_, n) => topic.append(event(`e${n}`, n))))
  expect(receipts.map(({ firstOffset }) => firstOffset)).toEqual(Array.from({ length: 64 }, (_, n) => n))
  expect(wire.count((call) => call.op === 'append' && isLog(call))).toBeLessThanOrEqual(2)
  expect(wire.count((call) => call.op === 'sync')).toBeLessThanOrEqual(2)
  await store.close()
})

test('Topic.append() of 64 callers that append again and again stays at two groups per round', async () => {
  const { store, topic, wire } = await openLog()
  wire.calls.length = 0
  const rounds = 20
  const caller = async (n: number) => {
    for (let round = 0; round < rounds; round++) await topic.append(event(`e${n}`, round))
  }
  await Promise.all(Array.from({ length: 64 }, (_, n) => caller(n)))
  expect(wire.count((call) => call.op === 'sync' && isLog(call))).toBeLessThanOrEqual(2 * rounds + 2)
  expect((await collect(topic.read())).length).toBe(64 * rounds)
  await store.close()
})

test('Topic.append() has at most two syncs under way, and acknowledges in the order of the log', async () => {
  const { store, topic, wire } = await openLog()
  let underWay = 0
  let most = 0
  const gates: Gate[] = []
  wire.before = (call) => {
    if (call.op !== 'sync' || !isLog(call)) return undefined
    most = Math.max(most, ++underWay)
    const gate = new Gate()
    gates.push(gate)
    return gate.passed.then(() => underWay--)
  }
  const acknowledged: number[] = []
  const calls = []
  for (let n = 0; n < 12; n++) {
    calls.push(topic.append(event('e', n)).then(({ firstOffset }) => acknowledged.push(firstOffset)))
    await settle()
  }
  expect(gates.length).toBe(2)
  // The second sync ends first: its group still waits for the one before it.
  gates[1]?.open()
  await settle()
  expect(acknowledged).toEqual([])
  gates[0]?.open()
  for (let gate = 2; acknowledged.length < 12; gate++) {
    await settle()
    gates[gate]?.open()
  }
  await Promise.all(calls)
  expect(most).toBe(2)
  expect(acknowledged).toEqual(Array.from({ length: 12 }, (_, n) => n))
  await store.close()
})

test('Topic.append() writes, syncs, looks at the fence, tells the head file, and only then acknowledges', async () => {
  const { store, topic, wire } = await openLog()
  await topic.append(event('e'))
  wire.calls.length = 0
  const order: string[] = []
  wire.before = ({ op, path }) => {
    const name = path.startsWith('MANIFEST') ? 'MANIFEST' : path.startsWith('head') ? 'head' : 'log'
    order.push(`${op} ${name}`)
    return undefined
  }
  await topic.append(event('e')).then(() => order.push('acknowledged'))
  wire.before = undefined
  expect(order).toEqual([
    'append log',
    'sync log',
    'exists MANIFEST',
    'exists MANIFEST',
    'writeAt head',
    'acknowledged',
  ])
  await store.close()
})

test('Topic.append() waits for a fence check that takes its time', async () => {
  const { store, topic, wire } = await openLog()
  const gate = new Gate()
  wire.before = ({ op }) => (op === 'exists' ? gate.passed : undefined)
  const call = topic.append(event('e'))
  expect(await stateOf(call)).toBe('pending')
  expect((await topic.page()).items).toEqual([])
  gate.open()
  await call
  await store.close()
})

test('Topic shows no reader and no tail an event before its sync', async () => {
  const { store, topic, wire } = await openLog()
  await topic.append(event('e', 'durable'))
  const tail = topic.tail({ from: 'start' })[Symbol.asyncIterator]()
  expect((await tail.next()).value?.data).toBe('durable')
  const gate = new Gate()
  wire.before = (call) => (call.op === 'sync' && isLog(call) ? gate.passed : undefined)
  const call = topic.append([event('e', 'pending'), event('f')])
  await settle()
  const arriving = tail.next()
  expect(await stateOf(arriving)).toBe('pending')
  const page = await topic.page()
  expect([page.items.length, page.highWatermark]).toEqual([1, 1])
  expect(await topic.get(1)).toBeUndefined()
  expect((await topic.last(5)).length).toBe(1)
  expect((await collect(topic.read({ direction: 'backward' }))).length).toBe(1)
  expect(topic.stats()).toMatchObject({ events: 1, partitions: [{ highWatermark: 1, logEndOffset: 1 }] })
  gate.open()
  await call
  expect((await arriving).value?.data).toBe('pending')
  await tail.return?.()
  await store.close()
})
