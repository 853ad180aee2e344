/** Who may change snapshots, and who reads them: never two changes at once, never a change of what is read, never a
 * task that waits for ever.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError, type VarveError } from '../../../src/errors.ts'
import { SnapshotTurns } from '../../../src/snapshot/policy/turns.ts'
import { ManualClock, settle } from '../../support/manual-clock.ts'

const NOW_OR_NEVER = { lockTimeoutMs: 0 }

/** A task that goes on until it is told to end. */
function held(): { readonly task: () => Promise<void>; readonly end: () => void; began: boolean } {
  let end = () => {}
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  const one = {
    began: false,
    end,
    task: () => {
      one.began = true
      return over
    },
  }
  return one
}

async function failure(work: Promise<unknown>): Promise<VarveError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (isVarveError(error)) return error
  throw error ?? new Error('it fails')
}

function fresh(): { clock: ManualClock; turns: SnapshotTurns } {
  const clock = new ManualClock()
  return { clock, turns: new SnapshotTurns(clock) }
}

describe('SnapshotTurns.exclusively()', () => {
  test('lets one task begin at a time, in the order in which they came', async () => {
    const { turns } = fresh()
    const tasks = [held(), held(), held()]
    const done = tasks.map(({ task }) => turns.exclusively({}, task))
    for (const [at, { end }] of tasks.entries()) {
      await settle()
      expect(tasks.map(({ began }) => began)).toEqual([true, at >= 1, at >= 2])
      end()
    }
    await Promise.all(done)
  })

  test('gives what the task gives, and the turn to the next one after a failure', async () => {
    const { turns } = fresh()
    expect(await turns.exclusively({}, async () => 5)).toBe(5)
    await expect(turns.exclusively({}, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    const throwing = () => {
      throw new Error('at once')
    }
    await expect(turns.exclusively({}, throwing)).rejects.toThrow('at once')
    expect(await turns.exclusively(NOW_OR_NEVER, async () => 6)).toBe(6)
  })

  test('refuses at once with lockTimeoutMs 0 while another task has the turn', async () => {
    const { clock, turns } = fresh()
    const first = held()
    const done = turns.exclusively(NOW_OR_NEVER, first.task)
    const error = await failure(turns.exclusively(NOW_OR_NEVER, async () => 0))
    expect(error.code).toBe('SNAPSHOT_BUSY')
    expect(error.kind).toBe('busy')
    expect(error.retryable).toBe(true)
    expect(error.details).toEqual({ waitedMs: 0 })
    expect(clock.waiting).toBe(0)
    first.end()
    await done
  })

  test('refuses after lockTimeoutMs, by default 30 s, and leaves the queue then', async () => {
    const { clock, turns } = fresh()
    const first = held()
    const done = turns.exclusively({}, first.task)
    const short = failure(turns.exclusively({ lockTimeoutMs: 1_000 }, async () => 0))
    const long = failure(turns.exclusively({}, async () => 0))
    await clock.advance(999)
    expect(clock.waiting).toBe(2)
    await clock.advance(1)
    expect((await short).details).toEqual({ waitedMs: 1_000 })
    await clock.advance(29_000)
    expect((await long).details).toEqual({ waitedMs: 30_000 })
    expect(clock.waiting).toBe(0)
    first.end()
    await done
  })

  test('leaves no timer behind when a turn came in time', async () => {
    const { clock, turns } = fresh()
    const first = held()
    const done = turns.exclusively({}, first.task)
    const second = turns.exclusively({}, async () => 2)
    expect(clock.waiting).toBe(1)
    first.end()
    await done
    expect(await second).toBe(2)
    expect(clock.waiting).toBe(0)
  })

  test('ends the wait with the reason of a signal, and refuses with one that was aborted before', async () => {
    const { clock, turns } = fresh()
    const first = held()
    const done = turns.exclusively({}, first.task)
    const caller = new AbortController()
    const second = turns.exclusively({ signal: caller.signal }, async () => 2)
    const third = turns.exclusively({}, async () => 3)
    caller.abort(new Error('not any more'))
    await expect(second).rejects.toThrow('not any more')
    await expect(turns.exclusively({ signal: caller.signal }, async () => 4)).rejects.toThrow('not any more')
    first.end()
    await done
    expect(await third).toBe(3)
    expect(clock.waiting).toBe(0)
  })

  test('does not end a task whose signal is aborted when it has the turn', async () => {
    const { turns } = fresh()
    const caller = new AbortController()
    const first = held()
    const done = turns.exclusively({ signal: caller.signal }, first.task)
    caller.abort(new Error('too late'))
    first.end()
    await done
  })

  test.each([-1, 1.5, Number.NaN, 2 ** 31, '5', null])('refuses lockTimeoutMs %s', async (lockTimeoutMs) => {
    const { turns } = fresh()
    const wait = { lockTimeoutMs: lockTimeoutMs as number }
    expect((await failure(turns.exclusively(wait, async () => 0))).code).toBe('OPTION_INVALID')
    await turns.exclusively({ lockTimeoutMs: 2 ** 31 - 1 }, async () => 0)
  })
})

describe('SnapshotTurns.read()', () => {
  test('lets readers go beside each other and beside a task that removes nothing they read', async () => {
    const { turns } = fresh()
    const tasks = [held(), held(), held()]
    const done = tasks.map(({ task }, at) => turns.read(at < 2 ? 'a' : 'b', task))
    expect(tasks.every(({ began }) => began)).toBe(true)
    expect(await turns.exclusively(NOW_OR_NEVER, async () => 1)).toBe(1)
    expect(await turns.exclusively({ ...NOW_OR_NEVER, unread: 'c' }, async () => 2)).toBe(2)
    const change = held()
    const changed = turns.exclusively({}, change.task)
    expect(await turns.read('a', async () => 3)).toBe(3)
    for (const { end } of [...tasks, change]) end()
    await Promise.all([...done, changed])
  })

  test('makes a removal wait until the last reader is done', async () => {
    const { turns } = fresh()
    const [first, last] = [held(), held()]
    const reads = [first, last].map(({ task }) => turns.read('a', task))
    const removal = held()
    const removed = turns.exclusively({ unread: 'a' }, removal.task)
    first.end()
    await settle()
    expect(removal.began).toBe(false)
    last.end()
    await Promise.all(reads)
    expect(removal.began).toBe(true)
    removal.end()
    await removed
  })

  test('refuses a removal of what is read when lockTimeoutMs are over', async () => {
    const { clock, turns } = fresh()
    const reader = held()
    const read = turns.read('snapshot-1', reader.task)
    const error = await failure(turns.exclusively({ ...NOW_OR_NEVER, unread: 'snapshot-1' }, async () => 0))
    expect(error.code).toBe('SNAPSHOT_IN_USE')
    expect(error.kind).toBe('conflict')
    expect(error.retryable).toBe(true)
    expect(error.details).toEqual({ snapshot: 'snapshot-1', waitedMs: 0 })
    const late = failure(turns.exclusively({ lockTimeoutMs: 50, unread: 'snapshot-1' }, async () => 0))
    await clock.advance(50)
    expect((await late).details).toEqual({ snapshot: 'snapshot-1', waitedMs: 50 })
    reader.end()
    await read
  })

  test('lets others have the turn while a removal waits for readers', async () => {
    const { turns } = fresh()
    const reader = held()
    const read = turns.read('a', reader.task)
    const order: string[] = []
    const removed = turns.exclusively({ unread: 'a' }, async () => order.push('removal'))
    await turns.exclusively(NOW_OR_NEVER, async () => order.push('create'))
    reader.end()
    await Promise.all([read, removed])
    expect(order).toEqual(['create', 'removal'])
  })

  test('lets one who reads read the same snapshot again while a removal waits', async () => {
    const { turns } = fresh()
    const inner = held()
    const read = turns.read('a', () => turns.read('a', inner.task))
    const removed = turns.exclusively({ unread: 'a' }, async () => 1)
    expect(await turns.read('a', async () => 2)).toBe(2)
    inner.end()
    await read
    expect(await removed).toBe(1)
  })

  test('begins after the removal of what it reads', async () => {
    const { turns } = fresh()
    const removal = held()
    const removed = turns.exclusively({ unread: 'a' }, removal.task)
    const reader = held()
    const read = turns.read('a', reader.task)
    await settle()
    expect(reader.began).toBe(false)
    removal.end()
    await removed
    await settle()
    expect(reader.began).toBe(true)
    reader.end()
    await read
  })

  test('lets go of a snapshot when the task of a reader fails', async () => {
    const { turns } = fresh()
    await expect(turns.read('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(turns.isRead('a')).toBe(false)
    expect(await turns.exclusively({ ...NOW_OR_NEVER, unread: 'a' }, async () => 1)).toBe(1)
  })
})

test('SnapshotTurns.claim() keeps readers away until the turn is over, and leaves what is read', async () => {
  const { turns } = fresh()
  const reading = held()
  const read = turns.read('read', reading.task)
  const [cleanup, later] = [held(), held()]
  const cleaned = turns.exclusively({}, async () => {
    expect(turns.claim('read')).toBe(false)
    expect(turns.claim('old')).toBe(true)
    await cleanup.task()
  })
  await settle()
  const readOld = turns.read('old', later.task)
  await settle()
  expect(later.began).toBe(false)
  expect(await turns.read('read', async () => 1)).toBe(1)
  cleanup.end()
  await cleaned
  await settle()
  expect(later.began).toBe(true)
  for (const { end } of [reading, later]) end()
  await Promise.all([read, readOld])
})

test('SnapshotTurns.settled() waits for everything that is under way or in the queue', async () => {
  const { turns } = fresh()
  await turns.settled()
  const [change, next, reader] = [held(), held(), held()]
  const done = [turns.exclusively({}, change.task), turns.exclusively({}, next.task), turns.read('a', reader.task)]
  let settled = false
  const over = turns.settled().then(() => {
    settled = true
  })
  for (const { end } of [reader, change, next]) {
    await settle()
    expect(settled).toBe(false)
    end()
  }
  await Promise.all([...done, over])
})

/** Goal: two changes never overlap, a removal never overlaps a reader of the same snapshot, everybody gets a turn or an
 * answer. Method: any tasks, begun and ended in any order, with time passing between; at the end all are let go. */
test('SnapshotTurns keeps its invariants and leaves nobody waiting, for any tasks', async () => {
  const seed = 20_261_123
  console.info(`seed ${seed}`)
  const id = fc.constantFrom('a', 'b')
  const step = fc.oneof(
    fc.record({ what: fc.constant('change' as const), timeout: fc.constantFrom(0, 5, 1_000) }),
    fc.record({ what: fc.constant('remove' as const), id, timeout: fc.constantFrom(0, 5, 1_000) }),
    fc.record({ what: fc.constant('read' as const), id }),
    fc.record({ what: fc.constant('end' as const), at: fc.nat(10) }),
    fc.record({ what: fc.constant('wait' as const), ms: fc.nat(10) }),
  )
  const plan = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const { clock, turns } = fresh()
    const state = { changing: 0, removing: '', readers: { a: 0, b: 0 } }
    const running: ReturnType<typeof held>[] = []
    const work: Promise<unknown>[] = []
    const run = async (before: () => void, after: () => void) => {
      const one = held()
      running.push(one)
      before()
      try {
        await one.task()
      } finally {
        after()
      }
    }
    const change = (removing: 'a' | 'b' | '') => () =>
      run(
        () => {
          expect(++state.changing).toBe(1)
          state.removing = removing
          if (removing !== '') expect(state.readers[removing]).toBe(0)
        },
        () => {
          state.changing--
          state.removing = ''
        },
      )
    const read = (of: 'a' | 'b') => () =>
      run(
        () => {
          expect(state.removing).not.toBe(of)
          state.readers[of]++
        },
        () => {
          state.readers[of]--
        },
      )
    const busy = (error: unknown) => {
      if (!isVarveError(error) || !['SNAPSHOT_BUSY', 'SNAPSHOT_IN_USE'].includes(error.code)) throw error
    }
    for (const one of steps) {
      if (one.what === 'change') work.push(turns.exclusively({ lockTimeoutMs: one.timeout }, change('')).catch(busy))
      else if (one.what === 'remove')
        work.push(turns.exclusively({ lockTimeoutMs: one.timeout, unread: one.id }, change(one.id)).catch(busy))
      else if (one.what === 'read') work.push(turns.read(one.id, read(one.id)))
      else if (one.what === 'wait') await clock.advance(one.ms)
      else running[one.at % Math.max(1, running.length)]?.end()
      await settle()
    }
    let isOver = false
    const over = Promise.all(work).then(() => {
      isOver = true
    })
    // Each round ends what runs, which lets others begin.
    for (let round = 0; round <= steps.length && !isOver; round++) {
      for (const { end } of running) end()
      await settle()
    }
    await over
    await turns.settled()
    expect(state).toEqual({ changing: 0, removing: '', readers: { a: 0, b: 0 } })
    expect(clock.waiting).toBe(0)
  })
  await fc.assert(plan, { seed, numRuns: 150 })
})
