/** Expectations: exact, in queue order, and refused only when their cause is durable.
 * @module */
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../../src/errors.ts'
import type { Expectation, Topic } from '../../../src/topic/types.ts'
import { settle } from '../../support/manual-clock.ts'
import { event, Gate, isLog, openLog, outcome, stateOf, Wire } from './support.ts'

const MIB = 1024 * 1024
const wants = (entity: string, version: Expectation['version']) => ({ expect: { entity, version } })

describe('what holds', () => {
  const cases: [Expectation['version'], boolean, boolean][] = [
    ['none', true, false],
    ['exists', false, true],
    [0, true, false],
    [1, false, false],
    [2, false, true],
    [3, false, false],
  ]

  test.each(cases)('Topic.append() with version %s: on nothing %s, at version 2 %s', async (version, empty, at2) => {
    const { store, topic } = await openLog()
    await topic.append([event('other'), event('known')])
    for (const [entity, holds] of [
      ['new', empty],
      ['known', at2],
    ] as const) {
      const answer = await outcome(topic.append(event('third'), wants(entity, version)))
      expect(typeof answer === 'string' ? answer : 'held').toBe(holds ? 'held' : 'VERSION_CONFLICT')
    }
    await store.close()
  })

  test('Topic.append() checks several entities, and refuses the call when one differs', async () => {
    const { store, topic } = await openLog()
    await topic.append([event('a'), event('b')])
    const both = (b: number) => ({
      expect: [
        { entity: 'a', version: 1 },
        { entity: 'b', version: b },
        { entity: 'c', version: 'none' as const },
      ],
    })
    await expect(topic.append([event('a'), event('c')], both(1))).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { topic: 'orders', entity: 'b', expected: 1, actual: 2 },
    })
    expect(await topic.version('c')).toBe(0)
    expect((await topic.append([event('a'), event('c')], both(2))).versions).toEqual({ a: 3, c: 4 })
    await store.close()
  })
})

describe('races', () => {
  test('Topic.append() lets one of two creators win on an empty entity', async () => {
    const { store, topic } = await openLog()
    const creations = [1, 2, 3].map((by) => outcome(topic.append(event('e', by), wants('e', 'none'))))
    const answers = await Promise.all(creations)
    expect(answers.map((answer) => typeof answer)).toEqual(['object', 'string', 'string'])
    expect((await topic.last(9)).map(({ data }) => data)).toEqual([1])
    await store.close()
  })

  test('Topic.append() sees what the calls before it in the queue will leave', async () => {
    const { store, topic } = await openLog()
    const answers = await Promise.all([
      outcome(topic.append(event('e'))),
      outcome(topic.append(event('e'), wants('e', 1))),
      outcome(topic.append(event('e'), wants('e', 1))),
      outcome(topic.append([event('f'), event('e')], wants('e', 2))),
      outcome(topic.append(event('g'), wants('e', 4))),
    ])
    expect(answers.map((answer) => (typeof answer === 'string' ? answer : answer.endOffset))).toEqual([
      1,
      2,
      'VERSION_CONFLICT',
      4,
      5,
    ])
    await store.close()
  })

  /** Append as the user of an entity does: read the version, try, and on a conflict try again. */
  async function increment(topic: Topic, by: number): Promise<number> {
    for (let tries = 1; ; tries++) {
      const version = await topic.version('counter')
      try {
        await topic.append(event('counter', by), wants('counter', version))
        return tries
      } catch (error) {
        if (!isVarveError(error, 'VERSION_CONFLICT')) throw error
      }
    }
  }

  test('Topic.append() lets each of 64 racing callers win once', async () => {
    const { store, topic } = await openLog()
    await Promise.all(Array.from({ length: 64 }, (_, by) => increment(topic, by)))
    const events = await topic.last(100)
    expect(events.map(({ data }) => data as number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 64 }, (_, by) => by),
    )
    expect(await topic.version('counter')).toBe(64)
    await store.close()
  })
})

describe('when a refusal is told', () => {
  async function heldLog() {
    const log = await openLog()
    const gate = new Gate()
    log.wire.before = (call) => (call.op === 'sync' && isLog(call) ? gate.passed : undefined)
    return { ...log, gate }
  }

  test('Topic.append() tells a conflict after the sync of the call in the same group', async () => {
    const { store, topic, gate } = await heldLog()
    const winner = topic.append(event('e'), wants('e', 'none'))
    const loser = topic.append(event('e'), wants('e', 'none'))
    const rest = [topic.append(event('f')), topic.append(event('g'))]
    expect(await stateOf(loser)).toBe('pending')
    gate.open()
    expect((await winner).firstOffset).toBe(0)
    expect(await outcome(loser)).toBe('VERSION_CONFLICT')
    expect(await topic.get(0)).toBeDefined()
    await Promise.all(rest)
    await store.close()
  })

  test('Topic.append() tells a conflict after the sync of an earlier group', async () => {
    const { store, topic, gate } = await heldLog()
    const winner = topic.append(event('e'))
    await settle()
    const loser = topic.append(event('e'), wants('e', 'none'))
    expect(await stateOf(loser)).toBe('pending')
    gate.open()
    await winner
    expect(await outcome(loser)).toBe('VERSION_CONFLICT')
    await store.close()
  })

  test.each(['same group', 'earlier group'])('Topic.append() syncs a buffered event of the %s first', async (group) => {
    const { store, topic, gate } = await heldLog()
    const winner = topic.append(event('e'), { durability: 'buffered' })
    if (group === 'earlier group') await winner
    const loser = topic.append(event('e'), { ...wants('e', 'none'), durability: 'buffered' })
    // With two more the first two are one group.
    const rest = ['f', 'g'].map((entity) => topic.append(event(entity), { durability: 'buffered' }))
    expect((await winner).firstOffset).toBe(0)
    expect(await stateOf(loser)).toBe('pending')
    gate.open()
    expect(await outcome(loser)).toBe('VERSION_CONFLICT')
    expect(await topic.get(0)).toBeDefined()
    await Promise.all(rest)
    await store.close()
  })

  test('Topic.append() does not tell a conflict with an event that could not be written', async () => {
    const { store, topic, wire } = await openLog()
    wire.before = (call) => (call.op === 'append' && isLog(call) ? Promise.reject(new Error('no space')) : undefined)
    const calls = Array.from({ length: 4 }, () => topic.append(event('e'), wants('e', 'none')))
    expect(await Promise.all(calls.map((call) => outcome(call)))).toEqual(['Error', 'Error', 'Error', 'Error'])
    wire.before = undefined
    expect((await topic.append(event('e'), wants('e', 'none'))).firstOffset).toBe(0)
    await store.close()
  })

  test('Topic.append() tells the failure instead of a conflict when the sync of its cause fails', async () => {
    const { store, topic, gate } = await heldLog()
    const calls = [topic.append(event('e')), topic.append(event('e'), wants('e', 'none'))]
    await settle()
    gate.fail(new Error('the device is gone'))
    expect(await Promise.all(calls.map((call) => outcome(call)))).toEqual(['STORE_POISONED', 'STORE_POISONED'])
    await store.close()
  })
})

describe('over the life of a store', () => {
  const big = new Uint8Array(300_000)

  /** Each entity once per round, then what every version must be. */
  async function fill(topic: Topic, rounds: number, versions: Map<string, number>): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const entity of ['a', 'b', `only-${versions.size}`]) {
        const known = versions.get(entity) ?? 0
        const receipt = await topic.append(event(entity, big), wants(entity, known === 0 ? 'none' : known))
        versions.set(entity, receipt.endOffset)
      }
    }
  }

  async function check(topic: Topic, versions: ReadonlyMap<string, number>): Promise<void> {
    for (const [entity, version] of versions) {
      expect(await topic.version(entity)).toBe(version)
      expect(await outcome(topic.append(event(entity), wants(entity, version - 1)))).toBe('VERSION_CONFLICT')
    }
    expect(await topic.version('never')).toBe(0)
  }

  test.each([
    ['clean', true],
    ['clean', false],
    ['taken over', true],
    ['taken over', false],
  ])('Topic.append() knows versions across rolls and a reopen: %s, checkpoints %s', async (how, checkpoint) => {
    let wire = new Wire()
    const files = wire.storage
    const versions = new Map<string, number>()
    let log = await openLog({ wire, checkpoint, topic: { segmentBytes: MIB } })
    for (let life = 0; life < 3; life++) {
      await fill(log.topic, 3, versions)
      expect(log.topic.stats().partitions[0]?.segments).toBeGreaterThan(2)
      await check(log.topic, versions)
      if (how === 'clean') await log.store.close()
      else wire = new Wire(files)
      log = await openLog({ wire, checkpoint })
      expect(log.store.openReport.source).toBe(how === 'clean' ? 'clean' : 'recovered')
      await check(log.topic, versions)
    }
    await fill(log.topic, 2, versions)
    await check(log.topic, versions)
    await log.store.close()
  })

  test('Topic.version() gets past a batch larger than a chunk of reading that follows a small one', async () => {
    const wire = new Wire()
    const first = await openLog({ wire, checkpoint: false })
    await first.topic.append(event('small'))
    await first.topic.append([event('large', big), event('after')])
    await first.topic.append(event('last'))
    await first.store.close()
    const { store, topic } = await openLog({ wire, checkpoint: false })
    expect(await topic.version('never')).toBe(0)
    expect(await topic.version('after')).toBe(3)
    expect((await topic.append(event('new'), wants('new', 'none'))).firstOffset).toBe(4)
    await store.close()
  })
})
