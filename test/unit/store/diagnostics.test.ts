/** What a store tells while it works: facts worth a log line.
 * @module */
import { expect, test } from 'vitest'
import { collect, event, type Log, openLog, outcome, Wire } from '../topic/support.ts'

const big = new Uint8Array(700_000)
const codes = ({ diagnostics }: Log) => diagnostics.map(({ code }) => code)

async function rolled(wire = new Wire()): Promise<Log> {
  const log = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
  await log.topic.append(event('a', big))
  await log.topic.append(event('b', big))
  return log
}

test('Store tells nothing when nothing is worth telling', async () => {
  const log = await rolled()
  await log.store.close()
  expect(codes(log)).toEqual([])
})

test('Store tells that a derived file was not written, and goes on without it', async () => {
  const wire = new Wire()
  const log = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
  await log.topic.append(event('a', big))
  wire.before = ({ op }) => (op === 'replace' ? Promise.reject(new Error('no rename today')) : undefined)
  await log.topic.append(event('b', big))
  expect(log.diagnostics.map(({ code, details }) => [code, details.reason])).toEqual([
    ['DERIVED_NOT_WRITTEN', 'no rename today'],
    ['DERIVED_NOT_WRITTEN', 'no rename today'],
  ])
  wire.before = undefined
  expect((await collect(log.topic.read({ since: 0 }))).length).toBe(2)
  await log.store.close()
})

test('Store tells that an index was rebuilt, and answers all the same', async () => {
  const wire = new Wire()
  const log = await rolled(wire)
  await log.store.close()
  for (const { name } of await wire.storage.list('topics/orders/0'))
    if (name.endsWith('index')) await wire.storage.remove(`topics/orders/0/${name}`)
  const again = await openLog({ wire })
  expect((await collect(again.topic.read({ since: 0, to: 1 }))).map(({ entity }) => entity)).toEqual(['a'])
  expect(codes(again)).toEqual(['INDEX_REBUILT'])
  await again.store.close()
})

test('Store tells that it closed without the record of a clean close', async () => {
  const wire = new Wire()
  const log = await rolled(wire)
  wire.before = ({ op, path }) =>
    op === 'append' && path.startsWith('MANIFEST') ? Promise.reject(new Error('no space')) : undefined
  await log.store.close()
  wire.before = undefined
  expect(codes(log)).toEqual(['CLOSED_UNCLEANLY'])
  const again = await openLog({ wire })
  expect(again.store.openReport.source).toBe('recovered')
  expect((await collect(again.topic.read())).length).toBe(2)
  await again.store.close()
})

test('Store finishes what it does when the listener throws', async () => {
  const wire = new Wire()
  const log = await openLog({
    wire,
    topic: { segmentBytes: 1 << 20 },
    onDiagnostic: () => {
      throw new Error('the listener is broken')
    },
  })
  await log.topic.append(event('a', big))
  wire.before = ({ op }) => (op === 'replace' ? Promise.reject(new Error('no rename today')) : undefined)
  expect(await outcome(log.topic.append(event('b', big)))).toMatchObject({ firstOffset: 1 })
  wire.before = undefined
  expect(await outcome(log.topic.append(event('c')))).toMatchObject({ firstOffset: 2 })
  await log.store.close()
  const again = await openLog({ wire })
  expect((await collect(again.topic.read())).map(({ entity }) => entity)).toEqual(['a', 'b', 'c'])
  expect((await again.store.verify()).ok).toBe(true)
  await again.store.close()
})
