/** Appends that do not wait for their sync, and appends that wait in the queue.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Receipt } from '../../../src/topic/types.ts'
import { settle } from '../../support/manual-clock.ts'
import { collect, event, Gate, isLog, openLog, outcome, stateOf, Wire } from './support.ts'

const MIB = 1024 * 1024
const bytes = (length: number) => new Uint8Array(length)
/** An array of zeros as data: what is packed around the bytes is the same for all lengths of these magnitudes. */
const sized = (length: number) => event('e', bytes(length))

describe('buffered', () => {
  test('Topic.append() acknowledges a buffered event before its sync, and readers have it a second later', async () => {
    const { store, topic, clock, wire } = await openLog()
    const before = wire.count((call) => call.op === 'sync' && isLog(call))
    const receipt = await topic.append(event('a'), { durability: 'buffered' })
    expect(receipt).toMatchObject({ durability: 'buffered', firstOffset: 0 })
    expect(await topic.get(0)).toBeUndefined()
    await clock.advance(999)
    await topic.append(event('b'), { durability: 'buffered' })
    expect(wire.count((call) => call.op === 'sync' && isLog(call))).toBe(before)
    await clock.advance(1)
    expect((await topic.last(10)).map(({ offset }) => offset)).toEqual([0, 1])
    expect(wire.count((call) => call.op === 'sync' && isLog(call))).toBe(before + 1)
    await store.close()
  })

  test('Topic.append() with durability "synced" takes buffered events along', async () => {
    const { store, topic } = await openLog()
    await topic.append(event('a'), { durability: 'buffered' })
    await topic.append(event('b'))
    expect((await topic.last(10)).length).toBe(2)
    await store.close()
  })

  test('Store.close() syncs what is buffered', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire })
    await topic.append(event('a', 'kept'), { durability: 'buffered' })
    await store.close()
    const again = await openLog({ wire })
    expect(again.store.openReport.source).toBe('clean')
    expect((await again.topic.get(0))?.data).toBe('kept')
    await again.store.close()
  })

  test('Store survives a sync of buffered events that fails when nobody waits for it', async () => {
    const { store, topic, wire, clock } = await openLog()
    await topic.append(event('a'), { durability: 'buffered' })
    wire.before = ({ op, path }) => {
      return op === 'sync' && path.endsWith('.log') ? Promise.reject(new Error('the device is gone')) : undefined
    }
    await clock.advance(1_000)
    expect(await outcome(topic.append(event('b')))).toBe('STORE_POISONED')
    await store.close()
  })
})

describe('signal and queue', () => {
  /** Two groups whose syncs do not end: what follows has to wait in the queue. */
  async function busyLog() {
    const log = await openLog()
    const gate = new Gate()
    log.wire.before = ({ op, path }) => (op === 'sync' && path.endsWith('.log') ? gate.passed : undefined)
    const first = log.topic.append(event('first'))
    await settle()
    const second = log.topic.append(event('second'))
    await settle()
    return { ...log, gate, first, second }
  }

  test('Topic.append() does nothing with a signal that is aborted', async () => {
    const { store, topic, wire } = await openLog()
    const before = wire.calls.length
    const reason = new Error('changed my mind')
    await expect(topic.append(event('a'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(wire.calls.length).toBe(before)
    await store.close()
  })

  test('Topic.append() gives up at once while it waits in the queue', async () => {
    const { store, topic, gate, first, second } = await busyLog()
    const abort = new AbortController()
    const given = topic.append(event('given'), { signal: abort.signal })
    const kept = topic.append(event('kept'))
    await settle()
    abort.abort()
    await expect(given).rejects.toBe(abort.signal.reason)
    expect(await stateOf(kept)).toBe('pending')
    gate.open()
    await Promise.all([first, second, kept])
    expect((await collect(topic.read())).map(({ entity }) => entity)).toEqual(['first', 'second', 'kept'])
    await store.close()
  })

  test('Topic.append() completes when its bytes are being written', async () => {
    const { store, topic, gate, wire } = await busyLog()
    gate.open()
    const abort = new AbortController()
    const held = new Gate()
    wire.before = ({ op, path }) => (op === 'sync' && path.endsWith('.log') ? held.passed : undefined)
    const call = topic.append(event('late'), { signal: abort.signal })
    await settle()
    abort.abort()
    held.open()
    expect((await call).firstOffset).toBe(2)
    await store.close()
  })

  test('Topic.append() refuses more than 64 MiB in the queue, and takes more later', async () => {
    const { store, topic, gate, first, second } = await busyLog()
    const mebibyte = Array.from({ length: 16 }, () => sized(MIB - 64))
    const waiting: Promise<Receipt>[] = []
    for (let call = 0; call < 5; call++) waiting.push(topic.append(mebibyte))
    await expect(topic.append(event('over'))).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true })
    gate.open()
    await Promise.all([first, second, ...waiting])
    expect((await topic.append(event('later'))).firstOffset).toBe(82)
    await store.close()
  })
})
