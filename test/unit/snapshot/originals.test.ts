/** What the snapshots that these ones take the place of got wrong, a test for each: every byte was copied under a lock,
 * a snapshot and a writer, or a clean-up and itself, waited for each other for ever, damage was restored silently, a
 * restore kept the longer tail of the log that was there, a catalogue that was cut locked everybody out, and the
 * minimum interval was ignored.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { nextTurn } from '../../../src/ports/clock.ts'
import { RUNTIME, share } from '../../support/runtime.ts'
import { fill, openSmall } from '../store/small-log.ts'
import { type Call, collect, event, Gate, type Log, outcome } from '../topic/support.ts'
import { flipByte, putFile } from './export-support.ts'

const SLOW = { timeout: 60_000 }
/** Elsewhere some calls only, to show that it is so there. */
const EACH = RUNTIME === 'node' ? 1 : 10
const NOW = { minIntervalMs: 0 }

/** Calls that answer with a promise, so that they can be held back. */
const HELD = new Set([
  ...['list', 'exists', 'openRead', 'read', 'createExclusive', 'openAppend', 'append', 'sync', 'syncDirectory'],
  ...['link', 'linkCount', 'replace', 'remove', 'removeDirectory', 'freeBytes'],
])

/** A log with a document and a history. */
async function openFilled(): Promise<Log> {
  const log = await openSmall()
  await fill(log, 8, 0)
  await log.store.documents.write('catalog', { version: 1 })
  await (await log.store.histories.open('board', { create: true })).append({ shapes: 1 })
  return log
}

/** Let everything that is under way go on. @returns whether the work ended. */
async function ends(work: Promise<unknown>, turns = 2_000): Promise<boolean> {
  let isOver = false
  const end = () => {
    isOver = true
  }
  work.then(end, end)
  for (let turn = 0; turn < turns && !isOver; turn++) await nextTurn()
  return isOver
}

describe('copying every byte under a lock', () => {
  test('create() holds no append up, whichever of its calls takes long, and is of its moment', SLOW, async () => {
    const log = await openFilled()
    let at = 0
    for (let isThere = true; isThere; at += EACH) {
      const gate = new Gate()
      const reached = new Gate()
      let count = 0
      log.wire.before = ({ op }: Call) => {
        if (!HELD.has(op) || count++ !== at) return undefined
        reached.open()
        return gate.passed
      }
      const before = log.topic.stats().events
      const creating = log.store.snapshots.create(NOW)
      await Promise.race([reached.passed, creating])
      isThere = count > at
      log.wire.before = undefined
      const appending = log.topic.append(event('entity-0', at))
      expect(await ends(appending), `an append while call ${at} takes long`).toBe(true)
      await appending
      gate.open()
      const { id, events } = await creating
      expect([before, before + 1]).toContain(events)
      // All of them are the same but for the call.
      if (at % 5 === 0) expect(await log.store.snapshots.verify(id)).toMatchObject({ ok: true })
      await log.store.snapshots.delete(id)
    }
    expect(at).toBeGreaterThan(40)
    await log.store.close()
  })

  test('create() copies no byte of what never changes', async () => {
    const log = await openFilled()
    const { id } = await log.store.snapshots.create()
    const { storage } = log.wire
    const [directory, copy] = ['topics/orders/0', `.snapshots/${id}/topics/orders/0`]
    const names = (await storage.list(copy)).map(({ name }) => name).filter((name) => name.endsWith('.log'))
    expect(names.length).toBeGreaterThan(2)
    for (const name of names.slice(0, -1)) expect(await storage.linkCount(`${directory}/${name}`)).toBe(2)
    await log.store.close()
  })
})

describe('waiting for each other for ever', () => {
  /** Calls that overlap, in whatever order those of the storage end. */
  const race = (name: string, begin: (log: Log, old: string) => Promise<unknown>[]) =>
    test(name, SLOW, async () => {
      const seed = 20_261_121
      console.info(`seed ${seed}`)
      const property = fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const log = await openFilled()
        const old = (await log.store.snapshots.create(NOW)).id
        await log.clock.advance(10)
        await log.store.snapshots.create(NOW)
        log.wire.before = ({ op }: Call) => (HELD.has(op) ? scheduler.schedule(Promise.resolve(), op) : undefined)
        const begun = log.clock.monotonic()
        const work = Promise.allSettled(begin(log, old))
        let isOver = false
        const over = work.then((results) => {
          isOver = true
          return results
        })
        for (let idle = 0; !isOver; ) {
          if (scheduler.count() > 0) {
            idle = 0
            await scheduler.waitOne()
            continue
          }
          await nextTurn()
          if (++idle % 64 !== 0) continue
          // Turns alone let no stream go on in a Worker.
          await new Promise((resolve) => setTimeout(resolve, 0))
          await log.clock.advance(20)
          if (idle > 20_000) throw new Error('they wait for each other')
        }
        log.wire.before = undefined
        await scheduler.waitAll()
        expect((await over).filter(({ status }) => status === 'rejected')).toEqual([])
        // Nobody had to give up waiting, which ends after 30 s.
        expect(log.clock.monotonic() - begun).toBeLessThan(25_000)
        for (const { id } of await log.store.snapshots.list())
          expect(await log.store.snapshots.verify(id)).toMatchObject({ ok: true })
        await log.store.close()
      })
      await fc.assert(property, { seed, numRuns: share(8) })
    })

  race('a snapshot and those who write', (log) => [
    log.store.snapshots.create(NOW),
    log.topic.append(event('entity-0', 'x'.repeat(3_000))),
    log.topic.append(event('entity-1')),
    log.store.documents.write('catalog', { version: 2 }),
    log.store.histories.open('board').then((board) => board.append({ shapes: 2 })),
    log.topic.prune({ before: 4 }),
    log.store.snapshots.create({ ...NOW, topic: 'orders' }),
  ])

  race('a clean-up, and others that make, read and remove', (log, old) => [
    log.store.snapshots.cleanup({ policy: { maxSnapshots: 1 } }),
    log.store.snapshots.create(NOW),
    log.store.snapshots.verify(old).catch(() => 'gone'),
    log.store.snapshots.delete(old).catch(() => 'gone'),
    log.store.snapshots.cleanup({ policy: { maxSnapshots: 1 } }),
    log.store.snapshots.cleanup({ dryRun: true }),
    log.topic.append(event('entity-0')),
  ])
})

describe('restoring damage silently', () => {
  test('restore() names the damaged file and touches nothing; a drill says the same', async () => {
    const log = await openFilled()
    const { id } = await log.store.snapshots.create()
    const [segment] = (await log.wire.storage.list(`.snapshots/${id}/topics/orders/0`)).map(({ name }) => name)
    const file = `topics/orders/0/${segment?.replace(/\..*$/, '.log')}`
    await flipByte(log.wire.storage, `.snapshots/${id}/${file}`, 700)
    const to = memoryStorage()
    await expect(log.store.snapshots.restore(id, { to })).rejects.toMatchObject({
      code: 'SNAPSHOT_DAMAGED',
      details: { snapshot: id, file },
    })
    expect(await to.list('')).toEqual([])
    expect(await outcome(log.store.snapshots.restore(id, { as: 'then' }))).toBe('SNAPSHOT_DAMAGED')
    expect(await log.store.snapshots.drill(id)).toMatchObject({ ok: false, problems: [{ file }] })
    await log.store.close()
  })
})

describe('keeping the longer tail', () => {
  test('restore() over a longer log ends where the snapshot does, and goes on there', async () => {
    const to = memoryStorage()
    const longer = await openStore({ storage: to })
    const orders = await longer.topics.open('orders', { create: true })
    for (let number = 0; number < 30; number++) await orders.append(event(`old-${number}`, 'y'.repeat(500)))
    await longer.close()
    const log = await openFilled()
    const events = await collect(log.topic.read())
    const { id } = await log.store.snapshots.create()
    await log.store.snapshots.restore(id, { to, overwrite: true })
    for (let turn = 0; turn < 2; turn++) {
      const restored = await openStore({ storage: to })
      const topic = await restored.topics.open('orders')
      expect((await collect(topic.read())).slice(0, 8)).toEqual(events)
      expect(topic.stats().events).toBe(8 + turn)
      expect((await topic.append(event('entity-0'))).firstOffset).toBe(8 + turn)
      expect((await restored.verify()).ok).toBe(true)
      await restored.close()
    }
    await log.store.close()
  })
})

describe('being locked out by a catalogue that was cut', () => {
  test('list(), restore() and create() go on, whatever is left of it', async () => {
    const log = await openFilled()
    const { storage } = log.wire
    const { id } = await log.store.snapshots.create({ label: 'kept' })
    const path = '.snapshots/snapshots.json'
    const handle = await storage.openRead(path)
    const whole = new Uint8Array(await handle.size())
    await handle.read(0, whole)
    await handle.close()
    const list = await log.store.snapshots.list()
    for (let size = whole.length - 1; size >= 0; size -= 9) {
      await storage.remove(path)
      await putFile(storage, path, whole.subarray(0, size))
      expect(await log.store.snapshots.list()).toEqual(list)
    }
    expect((await log.store.snapshots.restore(id, { to: memoryStorage() })).topics[0]?.events).toBe(8)
    await log.clock.advance(10)
    const next = await log.store.snapshots.create(NOW)
    expect((await log.store.snapshots.list()).map((one) => one.id)).toEqual([next.id, id])
    await log.store.close()
  })
})

describe('ignoring the minimum interval', () => {
  test('create() is refused until it is over, to the millisecond, also after a restart', async () => {
    const log = await openFilled()
    const { timestamp } = await log.store.snapshots.create()
    await log.store.close()
    const store = await openStore({ storage: log.wire.storage, clock: log.clock })
    const at = async (moment: number) => {
      log.clock.setWall(moment)
      return outcome(store.snapshots.create())
    }
    expect(await at(timestamp)).toBe('SNAPSHOT_TOO_SOON')
    expect(await at(timestamp + 3_599_999)).toBe('SNAPSHOT_TOO_SOON')
    const results = await Promise.all([at(timestamp + 3_600_000), at(timestamp + 3_600_000)])
    expect(results.filter((result) => result === 'SNAPSHOT_TOO_SOON')).toHaveLength(1)
    expect(await store.snapshots.list()).toHaveLength(2)
    await store.close()
  })
})
