/** Stores on clocks that lie.
 * @module */
import { describe, expect, test } from 'vitest'
import { collect, event, openLog, Wire } from '../topic/support.ts'

describe('clocks', () => {
  test('recordedAt never goes backwards, over restarts too, and at keeps what the clock said', async () => {
    const wire = new Wire()
    let log = await openLog({ wire })
    const times = [1_000, 900, 1_000_000, 5, 1_000_001, -7, 1_000_002]
    for (const time of times) {
      log.clock.setWall(time)
      await log.topic.append(event('e', time))
      if (time < 1_000) {
        const { clock } = log
        await log.store.close()
        log = await openLog({ wire, clock })
      }
    }
    const events = await collect(log.topic.read())
    expect(events.map(({ at }) => at)).toEqual([1_000, 900, 1_000_000, 5, 1_000_001, 0, 1_000_002])
    let highest = 0
    for (const { recordedAt, at } of events) {
      highest = Math.max(highest, at)
      expect(recordedAt).toBe(highest)
    }
    await log.store.close()
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 12.75])(
    'a clock that says %d leaves whole numbers in the log',
    async (time) => {
      const { store, topic, clock } = await openLog()
      clock.setWall(time)
      await topic.append(event('e'))
      const other = await store.topics.open('other', { create: true })
      const stored = await topic.get(0)
      for (const at of [stored?.at, stored?.recordedAt, other.stats().createdAt])
        expect(Number.isSafeInteger(at)).toBe(true)
      await store.close()
    },
  )
})
