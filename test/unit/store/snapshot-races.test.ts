/** Snapshots while everything else happens: the order in which calls of the storage end is drawn.
 *
 * Goal: creates, deletes, clean-ups, restores, forks, exports, appends, prunes, removals of topics and closing may
 * overlap in any way. Each call ends, well or with an error that says why; every snapshot that is listed is whole and
 * of one moment; the store has what was acknowledged. Method: every call of the storage waits for a scheduler, which
 * picks the next one to go on. A failure prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { nextTurn } from '../../../src/ports/clock.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import type { CreateSnapshotOptions } from '../../../src/snapshot/types.ts'
import type { Store } from '../../../src/store/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { RUNTIME, share } from '../../support/runtime.ts'
import { type Draw, draws, seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { type Call, collect, event, Wire } from '../topic/support.ts'

const LIMITS = {
  numRuns: RUNTIME === 'edge' ? 15 : share(70),
  interruptAfterTimeLimit: RUNTIME === 'node' ? 6_000 : 4_000,
  markInterruptAsFailure: false,
}

/** Turns of the event loop in which nothing goes on before a race counts as one that hangs: what is compressed takes
 * turns of the runtime. */
const IDLE_MOST = 20_000

/** Calls that answer with a promise. */
const SLOW = new Set([
  ...['list', 'exists', 'openRead', 'read', 'createExclusive', 'openAppend', 'append', 'writeAt', 'truncate', 'sync'],
  ...['syncDirectory', 'link', 'linkFrom', 'linkCount', 'replace', 'remove', 'removeDirectory'],
])

/** Calls of a storage that wait until they are picked. */
class Turnstile {
  readonly #draw: Draw
  readonly #waiting: (() => void)[] = []
  isOpen = true

  constructor(draw: Draw) {
    this.#draw = draw
  }

  /** For a wire. */
  readonly before = ({ op }: Call): undefined | Promise<unknown> => {
    if (this.isOpen || !SLOW.has(op)) return undefined
    return new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Let calls go on, one at a time, until the work is over. @throws when it hangs. */
  async until(work: Promise<unknown>, clock: ManualClock): Promise<void> {
    let isOver = false
    const end = () => {
      isOver = true
    }
    work.then(end, end)
    for (let idle = 0; !isOver; ) {
      // Some work takes turns of the event loop itself.
      await nextTurn()
      const [next] = this.#waiting.splice(this.#draw() % Math.max(1, this.#waiting.length), 1)
      if (next !== undefined) idle = 0
      else if (++idle % 64 === 0) {
        // Turns alone let no stream go on in a Worker.
        await new Promise((resolve) => setTimeout(resolve, 0))
        await clock.advance(5)
      }
      if (idle > IDLE_MOST) throw new Error('it hangs')
      next?.()
    }
  }

  open(): void {
    this.isOpen = true
    for (const go of this.#waiting.splice(0)) go()
  }
}

/** What may happen at the same time. */
const ACTIONS = [
  ...['create', 'create', 'create topic', 'create partition', 'delete', 'cleanup', 'dry run', 'restore'],
  ...['restore as', 'fork', 'fork part', 'append', 'append', 'append much', 'prune', 'remake', 'drop', 'write'],
  ...[
    'create now',
    'delete now',
    'version',
    'pin',
    'export',
    'import',
    'verify',
    'usage',
    'list',
    'reader',
    'late close',
  ],
] as const
type Action = (typeof ACTIONS)[number]

/** Why a call may be refused in a race. */
const REFUSALS = new Set([
  ...['SNAPSHOT_UNKNOWN', 'SNAPSHOT_PINNED', 'SNAPSHOT_IN_USE', 'SNAPSHOT_BUSY', 'TOPIC_UNKNOWN', 'TOPIC_DELETED'],
  ...['TOPIC_EXISTS', 'STORE_CLOSED', 'PARTITION_UNKNOWN', 'OFFSET_PRUNED', 'OFFSET_OUT_OF_RANGE', 'HISTORY_UNKNOWN'],
])

/** Derived files that are not there. */
const LATE = new Set(['INDEX_MISSING', 'TERMS_MISSING'])

class Race {
  readonly wire: Wire
  readonly clock = new ManualClock(50_000)
  readonly turnstile: Turnstile
  readonly elsewhere: Storage = memoryStorage()
  readonly random = seededRandom(5)
  readonly #known: string[] = []
  #store: Store | undefined
  /** By lineage, partition and offset. */
  readonly #acknowledged = new Map<string, unknown>()
  /** By snapshot: what was acknowledged before it was asked for. */
  readonly #before = new Map<string, ReadonlySet<string>>()
  #number = 0
  #text = ''

  constructor(seed: number, links: boolean) {
    const files = memoryStorage()
    this.wire = new Wire(files, { capabilities: { ...files.capabilities, hardLinks: links } })
    this.turnstile = new Turnstile(draws(seed))
    this.wire.before = this.turnstile.before
  }

  get store(): Store {
    return this.#store as Store
  }

  /** @param large so that the active segment is rolled for a snapshot or a fork. */
  async begin(partitions: number, large: boolean): Promise<void> {
    const place = { storage: this.wire.storage, clock: this.clock, random: this.random }
    await createSmallTopic(place, { name: 'orders', partitions, segmentBytes: large ? 4_000_000 : 500 })
    await createSmallTopic(place, { name: 'other', partitions: 1, segmentBytes: 500 })
    this.#store = await this.#open()
    for (let count = 0; count < 6; count++) await this.#append(1)
    await this.#append(3, 'other')
    this.#text = 'x'.repeat(large ? 600_000 : 60)
    if (large) await this.#append(2)
    await this.store.documents.write('count', 0)
    await (await this.store.histories.open('board', { create: true })).append({ n: 0 })
    for (const target of [{}, { topic: 'orders' }]) await this.#create(target)
    await this.#create({})
    await this.store.snapshots.export(this.#known[0] as string, this.elsewhere)
  }

  #open(): Promise<Store> {
    const { clock, random } = this
    return openStore({ storage: this.wire.storage, clock, random, snapshotPolicy: { maxSnapshots: 2 } })
  }

  async #create(target: CreateSnapshotOptions): Promise<void> {
    const before = new Set(this.#acknowledged.keys())
    // So that no id is that of a snapshot that was deleted and is elsewhere.
    this.clock.setWall(this.clock.now() + 20)
    const { id } = await this.store.snapshots.create({ ...target, minIntervalMs: 0 })
    this.#known.push(id)
    this.#before.set(id, before)
  }

  /** All at the same time. */
  async race(actions: readonly Action[], picks: Draw): Promise<void> {
    this.turnstile.isOpen = false
    const running = actions.map(async (action) => {
      const pick = picks()
      try {
        await this.#do(action, pick)
      } catch (error) {
        const { code } = error as { code?: string }
        if (code === undefined || !REFUSALS.has(code)) throw new Error(`${action}: ${error}`, { cause: error })
      }
    })
    const all = Promise.allSettled(running)
    await this.turnstile.until(all, this.clock)
    this.turnstile.open()
    for (const result of await all) if (result.status === 'rejected') throw result.reason
  }

  #do(action: Action, pick: number): Promise<unknown> {
    const id = this.#known[pick % this.#known.length] as string
    const { snapshots, topics } = this.store
    const name = `copy-${++this.#number}`
    switch (action) {
      case 'create':
        return this.#create({})
      case 'create now':
        return this.#create({ lockTimeoutMs: 0 })
      case 'create topic':
        return this.#create({ topic: 'orders' })
      case 'create partition':
        return this.#create({ topic: 'orders', partition: 0 })
      case 'delete':
        return snapshots.delete(id)
      case 'delete now':
        return snapshots.delete(id, { lockTimeoutMs: 0 })
      case 'cleanup':
      case 'dry run':
        return snapshots.cleanup({ dryRun: action === 'dry run' })
      case 'restore':
        return this.#restore(id)
      case 'restore as':
        return snapshots.restore(id, { as: name, topic: 'orders' })
      case 'fork':
        return topics.fork('orders', name)
      case 'fork part':
        return topics.fork('other', name, { until: { offset: pick % 3 } })
      case 'append':
      case 'append much':
        return this.#append(action === 'append' ? 1 : 4)
      case 'prune':
        return topics.open('orders').then((topic) => topic.prune({ before: 4, partition: 0 }))
      case 'remake':
        return this.#remake()
      case 'drop':
        return topics.delete('other')
      case 'write':
        return this.store.documents.write('count', pick)
      case 'version':
        return this.store.histories.open('board').then((board) => board.append({ n: pick }))
      case 'pin':
        return snapshots.pin(id, pick % 2 === 0)
      case 'export':
        return snapshots.export(id, this.elsewhere)
      case 'import':
        return snapshots.import(this.#known[0] as string, this.elsewhere)
      case 'verify':
        return snapshots.verify(id).then(mustBeSound)
      case 'usage':
        return snapshots.usage()
      case 'list':
        return snapshots.list()
      case 'reader':
        return this.#read()
      case 'late close':
        return this.store.close()
    }
  }

  async #append(count: number, name = 'orders'): Promise<void> {
    const topic = await this.store.topics.open(name)
    const entity = `entity-${++this.#number % 5}`
    const events = Array.from({ length: count }, (_, at) => event(entity, `${this.#number}-${at}-${this.#text}`))
    const { firstOffset, partition } = await topic.append(events)
    for (const [at, { data }] of events.entries())
      this.#acknowledged.set(`${topic.lineage}/${partition}/${firstOffset + at}`, data)
  }

  async #remake(): Promise<void> {
    await this.store.topics.delete('orders')
    await this.store.topics.open('orders', { create: true })
  }

  async #restore(id: string): Promise<void> {
    const to = memoryStorage()
    const { topics } = await this.store.snapshots.restore(id, { to })
    const restored = await openStore({ storage: to, clock: this.clock })
    try {
      expect((await restored.topics.list()).map(({ topic }) => topic)).toEqual(topics.map(({ topic }) => topic).sort())
      mustBeSound(await restored.verify())
    } finally {
      await restored.close()
    }
  }

  async #read(): Promise<void> {
    const { storage } = new Wire(this.wire.storage)
    const reader = await openStore({ storage, readOnly: true, clock: this.clock })
    try {
      for (const { id } of await reader.snapshots.list()) await reader.snapshots.get(id)
    } finally {
      await reader.close()
    }
  }

  /** Open it again, and look at everything. */
  async mustBeWhole(): Promise<void> {
    await this.store.close()
    const files: Storage = this.wire.storage
    this.#store = await this.#open()
    const { store } = this
    mustBeSound(await store.verify())
    const topic = await store.topics.open('orders', { create: true })
    for (const [key, data] of this.#acknowledged) await mustHold(key, data, topic)
    const infos = await store.snapshots.list()
    for (const { id, events } of infos) {
      const report = await store.snapshots.verify(id)
      mustBeSound(report)
      expect(report.events).toBe(events)
      await this.#mustBeOfOneMoment(id, files)
    }
    // Leftovers went when the store was opened, and exactly what is listed is there.
    await store.close()
    const ids = infos.map(({ id }) => id).sort()
    const entries = await files.list('.snapshots')
    expect(entries.flatMap(({ name, kind }) => (kind === 'directory' ? [name] : [])).sort()).toEqual(ids)
    expect((await new SnapshotCatalogue(files).list()).map(({ id }) => id).sort()).toEqual(ids)
    for (const { id } of await new SnapshotCatalogue(this.elsewhere).list())
      await this.#mustBeOfOneMoment(id, this.elsewhere)
    for (const root of ['topics', 'documents', 'histories']) await mustBeNeeded(files, root)
  }

  /** A snapshot has what was acknowledged before it, the events between its ends, and no other data. */
  async #mustBeOfOneMoment(id: string, place: Storage): Promise<void> {
    const storage = storageAt(place, `.snapshots/${id}`)
    const [info] = (await new SnapshotCatalogue(place).list()).filter((one) => one.id === id)
    const snapshot = await openStore({ storage, readOnly: true, clock: this.clock })
    const found = new Set<string>()
    try {
      for (const { topic: name } of await snapshot.topics.list()) {
        const topic = await snapshot.topics.open(name)
        for (const { partition, logStartOffset, highWatermark } of topic.stats().partitions) {
          const events = await collect(topic.read({ partition }))
          const offsets = Array.from({ length: highWatermark - logStartOffset }, (_, at) => logStartOffset + at)
          expect(events.map(({ offset }) => offset)).toEqual(offsets)
          for (const { offset, data } of events) {
            const key = `${topic.lineage}/${partition}/${offset}`
            if (this.#acknowledged.has(key)) expect(data).toEqual(this.#acknowledged.get(key))
          }
          for (let offset = 0; offset < highWatermark; offset++) found.add(`${topic.lineage}/${partition}/${offset}`)
          if (info?.partition !== undefined && info.partition !== partition) continue
          for (const key of this.#before.get(id) ?? [])
            if (key.startsWith(`${topic.lineage}/${partition}/`)) expect(found).toContain(key)
        }
      }
    } finally {
      await snapshot.close()
    }
  }
}

/** What is derived may not have been written yet when it was taken over. */
function mustBeSound({ ok, problems }: { ok: boolean; problems: readonly { readonly code: string }[] }): void {
  expect({ ok, problems: problems.filter(({ code }) => !LATE.has(code)) }).toEqual({ ok: true, problems: [] })
}

async function mustHold(key: string, data: unknown, topic: Awaited<ReturnType<Store['topics']['open']>>) {
  if (!key.startsWith(`${topic.lineage}/`)) return
  const [, partition, offset] = key.split('/').map(Number) as [number, number, number]
  const { logStartOffset = 0 } = topic.stats().partitions[partition] ?? {}
  if (offset < logStartOffset) return
  expect((await topic.get(offset, { partition }))?.data).toEqual(data)
}

/** No empty directories of what did not come about. */
async function mustBeNeeded(storage: Storage, root: string): Promise<void> {
  for (const { name, kind } of await storage.list(root))
    if (kind === 'directory') expect(await storage.list(`${root}/${name}`), `${root}/${name}`).not.toEqual([])
}

const races = fc.record({
  partitions: fc.constantFrom(1, 1, 2),
  large: fc.constantFrom(false, false, false, true),
  links: fc.constantFrom(true, true, false),
  seed: fc.nat(),
  rounds: fc.array(fc.array(fc.constantFrom(...ACTIONS), { minLength: 2, maxLength: 7 }), {
    minLength: 1,
    maxLength: 2,
  }),
})

test('Snapshots of a store in which everything happens at once are whole, and every call ends', async () => {
  await fc.assert(
    fc.asyncProperty(races, async ({ partitions, large, links, seed, rounds }) => {
      const race = new Race(seed, links)
      await race.begin(partitions, large)
      for (const actions of rounds) await race.race(actions, draws(seed + 1))
      await race.mustBeWhole()
    }),
    LIMITS,
  )
}, 60_000)
