/** Appends whose storage fails: what callers are told, and what is left.
 * @module */
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../../src/errors.ts'
import type { Topic } from '../../../src/topic/types.ts'
import { settle } from '../../support/manual-clock.ts'
import { type Call, collect, event, isLog, isWrite, type Log, openLog, outcome, processOf, Wire } from './support.ts'

const MIB = 1024 * 1024
const full = () => new VarveError('STORAGE_FULL', 'Cannot write: no space')
const broken = () => new VarveError('STORAGE_UNAVAILABLE', 'Cannot do it: input/output error')

/** Fail calls of these kinds on segment files from now on. */
function failing(wire: Wire, faults: Partial<Record<string, () => VarveError>>): void {
  wire.before = (call) => {
    const fault = isLog(call) ? faults[call.op] : undefined
    return fault === undefined ? undefined : Promise.reject(fault())
  }
}

const entities = async (topic: Topic) => (await collect(topic.read())).map(({ entity }) => entity)

describe('a failed sync', () => {
  test('Topic.append() is refused for all who wait and all who come, in all partitions', async () => {
    const { store, topic, wire } = await openLog({ topic: { partitions: 2 } })
    const other = await store.topics.open('other', { create: true })
    await topic.append(event('kept'))
    failing(wire, { sync: broken })
    const waiting = [topic.append(event('kept')), topic.append(event('kept'), { durability: 'synced' })]
    expect(await Promise.all(waiting.map((call) => outcome(call)))).toEqual(['STORE_POISONED', 'STORE_POISONED'])
    wire.before = undefined
    for (const later of ['kept', 'a', 'b', 'c', 'd']) {
      expect(await outcome(topic.append(event(later)))).toBe('STORE_POISONED')
      expect(await outcome(topic.append(event(later), { durability: 'buffered' }))).toBe('STORE_POISONED')
    }
    expect(await outcome(other.append(event('x')))).toBe('STORE_POISONED')
    expect(await outcome(store.topics.open('third', { create: true }))).toBe('STORE_POISONED')
    expect((await store.stats()).state).toBe('poisoned')
    expect(await entities(topic)).toEqual(['kept'])
    await store.close()
  })

  test('Topic.append() does not sync a file again whose sync failed', async () => {
    const { store, topic, wire } = await openLog()
    const syncs = () => wire.count((call) => call.op === 'sync' && isLog(call))
    failing(wire, { sync: broken })
    const calls = Array.from({ length: 10 }, (_, n) => outcome(topic.append(event(`e${n}`))))
    await Promise.all(calls)
    const before = syncs()
    wire.before = undefined
    await Promise.all([
      outcome(topic.append(event('a'))),
      outcome(topic.append(event('b'), { durability: 'buffered' })),
    ])
    await store.checkpoint().catch(() => undefined)
    await store.close()
    expect(syncs()).toBe(before)
  })

  test('Store.close() after a failed sync records no clean close, and the next open recovers', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire })
    await topic.append(event('kept'))
    failing(wire, { sync: broken })
    expect(await outcome(topic.append(event('unsure')))).toBe('STORE_POISONED')
    wire.before = undefined
    await store.close()
    const again = await openLog({ wire })
    expect(again.store.openReport.source).toBe('recovered')
    expect((await entities(again.topic))[0]).toBe('kept')
    const before = (await collect(again.topic.read())).length
    expect((await again.topic.append(event('next'))).firstOffset).toBe(before)
    await again.store.close()
  })
})

describe('a failed write', () => {
  test.each([0, 1, 100])(
    'Topic.append() rejects with %i bytes written, cuts the file back and goes on',
    async (part) => {
      const { store, topic, wire } = await openLog()
      await topic.append(event('before'))
      const file = wire.calls.find((call) => isLog(call))?.path ?? ''
      const size = async () => {
        const handle = await wire.storage.openRead(file)
        return handle.size()
      }
      const good = await size()
      let left = 1
      wire.before = (call) => {
        if (call.op !== 'append' || !isLog(call) || left-- !== 1) return undefined
        return partial(wire, call.path, part).then(() => Promise.reject(full()))
      }
      await expect(topic.append(event('lost'))).rejects.toMatchObject({ code: 'STORAGE_FULL', retryable: true })
      expect(await size()).toBe(good)
      expect((await topic.append(event('after'))).firstOffset).toBe(1)
      expect(await entities(topic)).toEqual(['before', 'after'])
      await store.close()
      const again = await openLog({ wire })
      expect(await entities(again.topic)).toEqual(['before', 'after'])
      expect((await again.store.verify()).ok).toBe(true)
      await again.store.close()
    },
  )

  /** Bytes of a write that did not finish, through another handle. */
  async function partial(wire: Wire, path: string, count: number): Promise<void> {
    const hook = wire.before
    wire.before = undefined
    const handle = await wire.storage.openAppend(path)
    await handle.append(new Uint8Array(count).fill(7))
    await handle.close()
    wire.before = hook
  }

  test('Topic.append() poisons the store when the file cannot be cut back', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire })
    await topic.append(event('kept'))
    failing(wire, { append: full, truncate: broken })
    expect(await outcome(topic.append(event('lost')))).toBe('STORE_POISONED')
    wire.before = undefined
    expect(await outcome(topic.append(event('later')))).toBe('STORE_POISONED')
    expect(await entities(topic)).toEqual(['kept'])
    await store.close()
    const again = await openLog({ wire })
    expect(again.store.openReport.source).toBe('recovered')
    expect(await entities(again.topic)).toEqual(['kept'])
    await again.store.close()
  })

  test('Topic.append() lets the calls of other groups through when one write fails', async () => {
    const { store, topic, wire } = await openLog()
    let writes = 0
    wire.before = (call) => (call.op === 'append' && isLog(call) && writes++ === 1 ? Promise.reject(full()) : undefined)
    const calls = []
    for (let n = 0; n < 3; n++) {
      calls.push(outcome(topic.append(event(`e${n}`))))
      await settle()
    }
    const answers = await Promise.all(calls)
    expect(answers.map((answer) => (typeof answer === 'string' ? answer : answer.firstOffset))).toEqual([
      0,
      'STORAGE_FULL',
      1,
    ])
    await store.close()
  })
})

describe('a roll that fails', () => {
  const big = new Uint8Array(700_000)

  async function beforeRoll(): Promise<Log> {
    const log = await openLog({ topic: { segmentBytes: MIB } })
    await log.topic.append(event('first', big))
    log.wire.calls.length = 0
    return log
  }

  async function callsOfRoll(): Promise<Call[]> {
    const { store, topic, wire } = await beforeRoll()
    await topic.append(event('second', big))
    expect(topic.stats().partitions[0]?.segments).toBe(2)
    const calls = [...wire.calls]
    await store.close()
    return calls
  }

  test('Topic.append() loses nothing, whichever call of the roll fails, and goes on unless a sync failed', async () => {
    const calls = await callsOfRoll()
    const numbers = calls.flatMap((call, at) => (isWrite(call) || ['exists', 'close'].includes(call.op) ? [at] : []))
    expect(numbers.length).toBeGreaterThan(15)
    const seen = new Set<string>()
    for (const at of numbers) {
      const { store, topic, wire, clock } = await beforeRoll()
      let call = 0
      let failed: Call | undefined
      wire.before = (one) => {
        if (call++ !== at) return undefined
        failed = one
        return Promise.reject(full())
      }
      const answer = await outcome(topic.append(event('second', big)))
      wire.before = undefined
      const acknowledged = ['first', ...(typeof answer === 'string' ? [] : ['second'])]
      const later = await outcome(topic.append(event('third', big)))
      if (typeof later !== 'string') acknowledged.push('third')
      seen.add(typeof later === 'string' ? later : 'went on')
      if (failed?.op === 'append' || failed?.op === 'createExclusive' || failed?.op === 'close') {
        expect([failed.op, typeof later]).toEqual([failed.op, 'object'])
      }
      expect(await entities(topic)).toEqual(acknowledged)
      await store.close()
      const again = await openLog({ wire: new Wire(wire.storage), clock })
      expect((await entities(again.topic)).filter((entity) => acknowledged.includes(entity))).toEqual(acknowledged)
      expect((await again.topic.append(event('fourth', big))).firstOffset).toBe((await again.topic.last(9)).length - 1)
      expect((await again.store.verify()).ok).toBe(true)
      await again.store.close()
    }
    expect([...seen].sort()).toEqual(['STORE_POISONED', 'went on'])
  })
})

describe('a store that was taken over', () => {
  test('Topic.append() is refused, and no clean close is recorded', async () => {
    const wire = new Wire(undefined, { owner: processOf(1) })
    const old = await openLog({ wire })
    await old.topic.append(event('kept'))
    const other = new Wire(wire.storage, { owner: processOf(2) })
    const taken = await openLog({ wire: other, takeOver: true })
    expect(taken.store.openReport).toMatchObject({ source: 'recovered', epoch: 2 })
    expect(await outcome(old.topic.append(event('stale')))).toBe('STORE_FENCED')
    expect(await outcome(old.topic.append(event('stale'), { durability: 'buffered' }))).toBe('STORE_FENCED')
    expect((await old.store.stats()).state).toBe('fenced')
    await taken.topic.append(event('new'))
    wire.calls.length = 0
    await old.store.close()
    expect(wire.calls.filter((call) => isWrite(call) && call.path.startsWith('MANIFEST'))).toEqual([])
    expect(await entities(taken.topic)).toEqual(['kept', 'new'])
    await taken.store.close()
    const again = await openLog({ wire: other })
    expect(again.store.openReport.source).toBe('clean')
    expect(await entities(again.topic)).toEqual(['kept', 'new'])
    await again.store.close()
  })

  test('Topic.append() of a fenced writer acknowledges no call that was under way', async () => {
    const wire = new Wire()
    const old = await openLog({ wire })
    await old.topic.append(event('kept'))
    const taken: { log?: Log } = {}
    wire.before = (call) => {
      if (call.op !== 'sync' || !isLog(call)) return undefined
      wire.before = undefined
      return openLog({ wire: new Wire(wire.storage) }).then((log) => {
        taken.log = log
      })
    }
    expect(await outcome(old.topic.append(event('under way')))).toBe('STORE_FENCED')
    await old.store.close()
    await taken.log?.store.close()
  })
})
