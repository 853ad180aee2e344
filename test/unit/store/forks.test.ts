/** A topic forked from another one: what is shared, what stays as it was, and that both go on.
 * @module */
import { describe, expect, test } from 'vitest'
import { verifyProof } from '../../../src/index.ts'
import { collect, event, outcome } from '../topic/support.ts'
import { filesOf, fill, openSmall, reopen } from './small-log.ts'

const DIRECTORY = 'topics/branch/0'

describe('Topics.fork()', () => {
  test('has every event with its id, and both topics go on by themselves', async () => {
    const log = await openSmall()
    await fill(log, 20)
    const before = await collect(log.topic.read())
    const stats = await log.store.topics.fork('orders', 'branch')
    expect(stats).toMatchObject({ topic: 'branch', events: 20 })
    const branch = await log.store.topics.open('branch')
    expect(await collect(branch.read())).toEqual(before)
    await branch.append(event('entity-0', 'branch'))
    await log.topic.append(event('entity-0', 'trunk'))
    const [ours, theirs] = [await branch.get(20), await log.topic.get(20)]
    expect([ours?.data, theirs?.data]).toEqual(['branch', 'trunk'])
    expect(ours?.id).toBe(`${branch.lineage}-0-20`)
    expect(theirs?.id).toBe(`${log.topic.lineage}-0-20`)
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
    const again = await reopen(log)
    const opened = await again.store.topics.open('branch')
    expect((await collect(opened.read())).slice(0, 20)).toEqual(before)
    expect((await again.store.verify()).problems).toEqual([])
    await again.store.close()
  })

  test('copies no sealed segment: its files have two names, and only new ones are written to', async () => {
    const log = await openSmall()
    await fill(log, 20)
    const { storage } = log.wire
    await log.store.topics.fork('orders', 'branch')
    const linked: string[] = []
    for (const file of await filesOf(storage, DIRECTORY))
      if ((await storage.linkCount(`${DIRECTORY}/${file}`)) === 2) linked.push(file)
    const sealed = log.topic.stats().partitions[0]?.segments ?? 0
    expect(linked.filter((file) => file.endsWith('.log'))).toHaveLength(sealed - 1)
    const sizes = async () => Promise.all(linked.map((file) => sizeOf(storage, `${DIRECTORY}/${file}`)))
    const before = await sizes()
    const branch = await log.store.topics.open('branch')
    for (let turn = 0; turn < 10; turn++) {
      await branch.append(event('entity-1', 'x'.repeat(500)))
      await log.topic.append(event('entity-1', 'y'.repeat(500)))
    }
    expect(await sizes()).toEqual(before)
    await log.store.close()
  })

  test('ends before an offset, in the middle of a segment and of a batch', async () => {
    const log = await openSmall()
    for (let call = 0; call < 6; call++) {
      const batch = Array.from({ length: 4 }, (_, at) => ({ ...event(`entity-${at}`, `${call}-${at}`), tags: ['t'] }))
      await log.topic.append(batch, { idempotencyKey: `call-${call}` })
      await log.clock.advance(1_000)
    }
    const all = await collect(log.topic.read())
    for (const offset of [0, 1, 4, 6, 7, 8, 23, 24]) {
      const name = `at-${offset}`
      await log.store.topics.fork('orders', name, { until: { offset } })
      const branch = await log.store.topics.open(name)
      expect(await collect(branch.read()), name).toEqual(all.slice(0, offset))
      for (const { id } of all.slice(0, offset))
        expect((await branch.page({ id })).items.map((one) => one.id)).toEqual([id])
      expect((await branch.append(event('later'))).firstOffset).toBe(offset)
      const last = all.slice(0, offset).findLast(({ entity }) => entity === 'entity-2')
      expect(await branch.version('entity-2')).toBe(last === undefined ? 0 : last.offset + 1)
    }
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })

  test('ends with the last event recorded at a time', async () => {
    const log = await openSmall()
    await fill(log, 12)
    const all = await collect(log.topic.read())
    const time = all[7]?.recordedAt ?? 0
    await log.store.topics.fork('orders', 'then', { until: { time } })
    const then = await log.store.topics.open('then')
    expect(await collect(then.read())).toEqual(all.slice(0, 8))
    await log.store.topics.fork('orders', 'never', { until: { time: 0 } })
    expect((await log.store.topics.open('never')).stats().events).toBe(0)
    await log.store.close()
  })

  test('remembers idempotency keys and versions of what it shares', async () => {
    const log = await openSmall()
    const first = await log.topic.append(event('order', 1), { idempotencyKey: 'once' })
    await fill(log, 10)
    await log.store.topics.fork('orders', 'branch')
    const branch = await log.store.topics.open('branch')
    const again = await branch.append(event('order', 1), { idempotencyKey: 'once' })
    expect(again).toMatchObject({ replayed: true, firstOffset: first.firstOffset })
    expect(await outcome(branch.append(event('order', 2), { expect: { entity: 'order', version: 0 } }))).toBe(
      'VERSION_CONFLICT',
    )
    await log.store.close()
  })

  test('refuses cursors of the other topic, and follows causes across the fork', async () => {
    const log = await openSmall()
    const { firstOffset } = await log.topic.append(event('cause'))
    await fill(log, 6)
    const cause = await log.topic.get(firstOffset)
    const cursor = (await log.topic.page({ limit: 2 })).nextCursor ?? ''
    await log.store.topics.fork('orders', 'branch')
    const branch = await log.store.topics.open('branch')
    expect(await outcome(branch.page({ cursor }))).toBe('CURSOR_FOREIGN')
    await branch.append({ ...event('effect'), causationId: cause?.id ?? '' })
    const [effect] = await branch.last(1)
    expect((await branch.causes(effect?.id ?? '')).map(({ id }) => id)).toContain(cause?.id)
    expect((await branch.effects(cause?.id ?? '')).map(({ id }) => id)).toContain(effect?.id)
    await log.store.close()
  })

  test('proves events of a chain over events on both sides of the fork', async () => {
    const log = await openSmall()
    const topic = await log.store.topics.open('chained', { create: { chain: 'events' } })
    await topic.append([event('a', 1), event('b', 2), event('c', 3)])
    const proof = await topic.proof(1)
    await log.store.topics.fork('chained', 'branch', { until: { offset: 2 } })
    const branch = await log.store.topics.open('branch')
    const { hash } = await branch.append(event('d', 4))
    expect((await branch.proof(2))?.hash).toBe(hash)
    expect(verifyProof((await branch.proof(2)) ?? never())).toBe(hash)
    expect(verifyProof((await branch.proof(0)) ?? never())).toHaveLength(64)
    await log.store.topics.fork('chained', 'whole')
    const whole = await log.store.topics.open('whole')
    expect(await whole.proof(1)).toEqual({ ...proof, topic: 'whole' })
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })

  test('forks a fork, and what was pruned stays pruned', async () => {
    const log = await openSmall()
    await fill(log, 20)
    await log.topic.prune({ before: 8 })
    const versions = await log.topic.version('entity-1')
    await log.store.topics.fork('orders', 'one')
    const one = await log.store.topics.open('one')
    await one.append(event('entity-9'))
    await log.store.topics.fork('one', 'two', { until: { offset: 15 } })
    await log.store.topics.fork('one', 'three')
    const two = await log.store.topics.open('two')
    const three = await log.store.topics.open('three')
    expect(await collect(two.read())).toEqual((await collect(log.topic.read())).slice(0, -5))
    expect(await collect(three.read())).toEqual(await collect(one.read()))
    expect(await one.version('entity-1')).toBe(versions)
    expect(await outcome(three.get(0))).toBe('OFFSET_PRUNED')
    expect(await outcome(log.store.topics.fork('orders', 'four', { until: { offset: 2 } }))).toBe('OFFSET_PRUNED')
    expect(
      (await three.append(event('entity-1'), { expect: { entity: 'entity-1', version: versions } })).replayed,
    ).toBe(false)
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })

  test('forks every partition at one moment, or each at its own offset', async () => {
    const log = await openSmall({ partitions: 3 })
    await fill(log, 30)
    await log.store.topics.fork('orders', 'whole')
    const whole = await log.store.topics.open('whole')
    expect(await collect(whole.read())).toEqual(await collect(log.topic.read()))
    expect(await outcome(log.store.topics.fork('orders', 'bad', { until: { offset: 1 } }))).toBe('OPTION_INVALID')
    const ends = log.topic.stats().partitions.map(({ highWatermark }) => Math.floor(highWatermark / 2))
    await log.store.topics.fork('orders', 'half', { until: { offset: ends } })
    const half = await log.store.topics.open('half')
    expect(half.stats().partitions.map(({ highWatermark }) => highWatermark)).toEqual(ends)
    await log.store.close()
  })

  test('refuses names that are taken, topics that do not exist, and offsets beyond the end', async () => {
    const log = await openSmall()
    await fill(log, 3)
    expect(await outcome(log.store.topics.fork('orders', 'orders'))).toBe('TOPIC_EXISTS')
    expect(await outcome(log.store.topics.fork('orders', 'Orders'))).toBe('NAME_INVALID')
    expect(await outcome(log.store.topics.fork('orders', '../x'))).toBe('NAME_INVALID')
    expect(await outcome(log.store.topics.fork('none', 'new'))).toBe('TOPIC_UNKNOWN')
    expect(await outcome(log.store.topics.fork('orders', 'new', { until: { offset: 4 } }))).toBe('OFFSET_OUT_OF_RANGE')
    expect((await log.store.topics.list()).map(({ topic }) => topic)).toEqual(['orders'])
    expect(await filesOf(log.wire.storage, 'topics/new/0')).toEqual([])
    await log.store.close()
  })

  test('keeps what it shares when the other topic is pruned or deleted, and pruning says so', async () => {
    const log = await openSmall()
    await fill(log, 20)
    const all = await collect(log.topic.read())
    await log.store.topics.fork('orders', 'branch')
    const [pruned] = (await log.topic.prune({ before: 10 })).partitions
    expect(pruned?.sharedBytes).toBeGreaterThan(4_000)
    await log.store.topics.delete('orders')
    const branch = await log.store.topics.open('branch')
    expect(await collect(branch.read())).toEqual(all)
    const [own] = (await branch.prune({ before: 10 })).partitions
    expect(own?.sharedBytes).toBe(0)
    expect(own?.sizeBytes).toBeGreaterThan(4_000)
    expect((await log.store.verify()).problems).toEqual([])
    await log.store.close()
  })
})

async function sizeOf(storage: Parameters<typeof filesOf>[0], path: string): Promise<number> {
  const handle = await storage.openRead(path)
  try {
    return await handle.size()
  } finally {
    await handle.close()
  }
}

function never(): never {
  throw new Error('There is no proof')
}
