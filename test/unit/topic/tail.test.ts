/** Following a topic: no gap, no repeat, no queue, and an end when it is told to.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import type { StoreTopics } from '../../../src/store/topics.ts'
import type { StoredEvent, Tail } from '../../../src/topic/types.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { collect, event, type Log, openLog, stateOf, Wire } from './support.ts'

type Followed = AsyncIterator<StoredEvent>
const follow = (tail: Tail): Followed => tail[Symbol.asyncIterator]()

async function take(tail: Followed, count: number): Promise<number[]> {
  const offsets: number[] = []
  while (offsets.length < count) {
    const step = await tail.next()
    if (step.done) break
    offsets.push(step.value.offset)
  }
  return offsets
}

async function withEvents(count: number): Promise<Log> {
  const log = await openLog()
  for (let n = 0; n < count; n++) await log.topic.append(event(`e${n % 3}`, n, n % 2 ? 'Odd' : 'Even'))
  return log
}

describe('where it begins', () => {
  test('Topic.tail() begins at the end unless told otherwise', async () => {
    const { store, topic } = await withEvents(3)
    const tail = follow(topic.tail())
    const first = tail.next()
    await topic.append(event('new'))
    expect((await first).value?.offset).toBe(3)
    await tail.return?.()
    await store.close()
  })

  test.each([
    [{ from: 'start' }, [0, 1, 2, 3]],
    [{ from: 0 }, [0, 1, 2, 3]],
    [{ from: 2 }, [2, 3]],
    [{ from: 3 }, [3]],
    [{ from: 'end' }, [3]],
    [{ from: 'start', kind: 'Odd' }, [1, 3]],
    [{ from: 'start', entity: 'e0' }, [0, 3]],
    [{ from: 'start', kind: ['Odd', 'Even'], entity: 'e1' }, [1]],
  ] as const)('Topic.tail(%j) gives %j', async (options, offsets) => {
    const { store, topic } = await withEvents(3)
    const tail = follow(topic.tail(options))
    await topic.append(event('e0', 3, 'Odd'))
    expect(await take(tail, offsets.length)).toEqual(offsets)
    await tail.return?.()
    await store.close()
  })

  test('Topic.tail() refuses what it cannot begin at', async () => {
    const { store, topic } = await withEvents(3)
    const refusal = (options: object) => {
      try {
        topic.tail(options)
        return 'fine'
      } catch (error) {
        return (error as { code?: string }).code
      }
    }
    expect(refusal({ from: 4 })).toBe('OFFSET_OUT_OF_RANGE')
    expect(refusal({ from: -1 })).toBe('OPTION_INVALID')
    expect(refusal({ from: 1.5 })).toBe('OPTION_INVALID')
    expect(refusal({ from: 'middle' })).toBe('OPTION_INVALID')
    expect(refusal({ kind: 5 })).toBe('OPTION_INVALID')
    expect(refusal({ partition: 1 })).toBe('PARTITION_UNKNOWN')
    expect(refusal({ cursor: 'x' })).toBe('CURSOR_INVALID')
    const several = await store.topics.open('several', { create: { partitions: 2 } })
    expect(() => several.tail({ from: 0 })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    const page = await topic.page({ direction: 'backward', limit: 1 })
    expect(refusal({ cursor: page.nextCursor })).toBe('CURSOR_INVALID')
    await store.close()
  })
})

describe('its cursor', () => {
  test('Tail.cursor() continues after the last event taken, in the middle of a batch too', async () => {
    const { store, topic } = await openLog()
    await topic.append(Array.from({ length: 10 }, (_, n) => event('e', n)))
    for (let taken = 0; taken <= 10; taken++) {
      const tail = topic.tail({ from: 'start' })
      const first = follow(tail)
      expect((await take(first, taken)).length).toBe(taken)
      const cursor = tail.cursor()
      await first.return?.()
      const rest = Array.from({ length: 10 - taken }, (_, n) => taken + n)
      expect((await collect(topic.read({ cursor }))).map(({ offset }) => offset)).toEqual(rest)
      const second = follow(topic.tail({ cursor }))
      expect(await take(second, rest.length)).toEqual(rest)
      await second.return?.()
    }
    await store.close()
  })

  test('Tail.cursor() after a batch continues after it', async () => {
    const { store, topic } = await withEvents(5)
    const tail = topic.tail({ from: 'start' })
    const batches = tail.batches()[Symbol.asyncIterator]()
    expect((await batches.next()).value?.length).toBe(5)
    await topic.append(event('later'))
    expect((await collect(topic.read({ cursor: tail.cursor() }))).map(({ offset }) => offset)).toEqual([5])
    await batches.return?.()
    await store.close()
  })

  test('Tail.cursor() passes what the filter leaves out', async () => {
    const { store, topic } = await withEvents(4)
    const tail = topic.tail({ from: 'start', kind: 'Never' })
    const waiting = follow(tail)
    const next = waiting.next()
    await settle()
    expect((await collect(topic.read({ cursor: tail.cursor() }))).length).toBe(0)
    await waiting.return?.()
    expect((await next).done).toBe(true)
    await store.close()
  })
})

describe('how it ends', () => {
  /** Count the listeners that are on a signal. */
  function counted(signal: AbortSignal): () => number {
    let count = 0
    for (const [method, step] of [
      ['addEventListener', 1],
      ['removeEventListener', -1],
    ] as const) {
      const original = signal[method].bind(signal) as (...args: unknown[]) => void
      Object.defineProperty(signal, method, {
        value: (...args: unknown[]) => {
          count += step
          original(...args)
        },
      })
    }
    return () => count
  }

  /** A tail that waits for an event, and what it left to listen in the log and on its signal. */
  async function waiting() {
    const log = await withEvents(1)
    const abort = new AbortController()
    const onSignal = counted(abort.signal)
    const tail = follow(log.topic.tail({ signal: abort.signal }))
    const next = tail.next()
    await settle()
    const inLog = () =>
      [...(log.store.topics as StoreTopics).openPartitions()].filter(({ partition }) => partition.awaited).length
    const listeners = () => [inLog(), onSignal()]
    expect(listeners()).toEqual([1, 1])
    return { ...log, abort, tail, next, listeners }
  }

  test('Tail ends when its signal is aborted', async () => {
    const { store, abort, tail, next, listeners } = await waiting()
    abort.abort()
    expect((await next).done).toBe(true)
    expect((await tail.next()).done).toBe(true)
    expect(listeners()).toEqual([0, 0])
    await store.close()
  })

  test('Tail ends when its store closes', async () => {
    const { store, tail, next, listeners } = await waiting()
    await store.close()
    expect((await next).done).toBe(true)
    expect((await tail.next()).done).toBe(true)
    expect(listeners()).toEqual([0, 0])
  })

  test('Tail.return() ends it, also while it waits', async () => {
    const { store, tail, next, listeners } = await waiting()
    await tail.return?.()
    expect((await next).done).toBe(true)
    expect((await tail.next()).done).toBe(true)
    expect(listeners()).toEqual([0, 0])
    await store.close()
  })

  test('Tail leaves nothing behind when a loop breaks, after any event', async () => {
    const { store, topic, next, tail, listeners } = await waiting()
    await topic.append(event('wakes'))
    expect((await next).value?.offset).toBe(1)
    expect(listeners()).toEqual([0, 0])
    await tail.return?.()
    for (let stop = 1; stop <= 2; stop++) {
      let seen = 0
      for await (const one of topic.tail({ from: 'start' })) {
        expect(one.offset).toBe(seen)
        if (++seen === stop) break
      }
    }
    for await (const batch of topic.tail({ from: 'start' }).batches()) {
      expect(batch.length).toBe(2)
      break
    }
    expect(listeners()).toEqual([0, 0])
    await store.close()
  })

  test('Tail whose filter matches nothing ends on abort while others append', async () => {
    const { store, topic } = await withEvents(1)
    const abort = new AbortController()
    const next = follow(topic.tail({ from: 'start', kind: 'Never', signal: abort.signal })).next()
    for (let n = 0; n < 20; n++) await topic.append(event('e'))
    expect(await stateOf(next)).toBe('pending')
    abort.abort()
    expect((await next).done).toBe(true)
    await store.close()
  })
})

describe('while appends go on', () => {
  test('Tail gives calls of next that do not wait for each other every event once, in order', async () => {
    const { store, topic } = await withEvents(5)
    const tail = follow(topic.tail({ from: 'start' }))
    const asked = Array.from({ length: 8 }, () => tail.next())
    for (let n = 0; n < 3; n++) await topic.append(event('later'))
    expect((await Promise.all(asked)).map(({ value }) => value?.offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await tail.return?.()
    await store.close()
  })

  test('a consumer that does not take keeps no writer waiting, and finds everything later', async () => {
    const { store, topic } = await withEvents(1)
    const tail = follow(topic.tail({ from: 'start' }))
    expect(await take(tail, 1)).toEqual([0])
    for (let n = 0; n < 500; n++) await topic.append(event('e', n))
    const awaited = [...(store.topics as StoreTopics).openPartitions()].some(({ partition }) => partition.awaited)
    expect(awaited).toBe(false)
    expect(await take(tail, 500)).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
    await tail.return?.()
    await store.close()
  })

  /** Goal: a tail gives each wanted event exactly once, in order of its partition, whatever appends and rolls do.
   * Method: appends of random sizes to small segments, with tails that take a random number of events in between and
   * are sometimes replaced by a new one at their cursor. */
  test('Tail has no gap and no repeat through appends, rolls and resumes', async () => {
    const step = fc.record({
      entity: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      count: fc.integer({ min: 1, max: 12 }),
      take: fc.nat(9),
      resume: fc.boolean(),
      together: fc.boolean(),
    })
    const plan = fc.record({
      partitions: fc.integer({ min: 1, max: 3 }),
      segmentBytes: fc.constantFrom(600, 4_000),
      filter: fc.constantFrom({}, { entity: 'b' }, { kind: 'Odd' }),
      steps: fc.array(step, { minLength: 1, maxLength: 25 }),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, segmentBytes, filter, steps }) => {
        const { storage } = new Wire()
        const clock = new ManualClock()
        const place = { storage, clock, random: seededRandom(3) }
        await createSmallTopic(place, { name: 'orders', partitions, segmentBytes })
        const store = await openStore({ storage, clock })
        const topic = await store.topics.open('orders')
        const given: StoredEvent[] = []
        let tail = topic.tail(filter)
        let events = follow(tail)
        const takeReady = async (most: number) => {
          const ready = (await collect(topic.read({ ...filter, cursor: tail.cursor() }))).length
          for (let n = 0; n < Math.min(most, ready); n++) {
            const taken = await events.next()
            if (!taken.done) given.push(taken.value)
          }
        }
        for (const { entity, count, take: most, resume, together } of steps) {
          const events1 = Array.from({ length: count }, (_, n) => event(entity, n, n % 2 ? 'Odd' : 'Even'))
          const appended = topic.append(events1)
          if (!together) await appended
          await takeReady(most)
          await appended
          if (!resume) continue
          const cursor = tail.cursor()
          await events.return?.()
          tail = topic.tail({ ...filter, cursor })
          events = follow(tail)
        }
        await takeReady(Number.POSITIVE_INFINITY)
        await events.return?.()
        for (let partition = 0; partition < partitions; partition++) {
          const all = await collect(topic.read({ ...filter, partition }))
          expect(given.filter((one) => one.partition === partition)).toEqual(all)
        }
        await store.close()
      }),
      { numRuns: 60, interruptAfterTimeLimit: 3_000, markInterruptAsFailure: false },
    )
  }, 15_000)
})
