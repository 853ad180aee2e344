/** Changes a store and its snapshots, and tells the ledger.
 * @module */
import type { Storage } from '../../src/ports/storage.ts'
import type { CreateSnapshotOptions, RestoreOptions, SnapshotInfo } from '../../src/snapshot/types.ts'
import type { Store } from '../../src/store/types.ts'
import { must, mustEqual, plain } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { openForTest } from './oracle.ts'
import {
  contentsOf,
  contentsText,
  type Fact,
  type FactLedger,
  mustBeMoment,
  topicOf,
  topicText,
} from './snapshots-model.ts'

let turn = 0

export class SnapshotAuthor {
  readonly store: Store
  readonly #ledger: FactLedger
  readonly #isAlone: boolean
  #next: number

  /** @param first of the numbers that it writes, above those of all authors before it.
   * @param isAlone nobody else writes to the store meanwhile. */
  constructor(store: Store, ledger: FactLedger, { first, isAlone = true }: { first: number; isAlone?: boolean }) {
    this.store = store
    this.#ledger = ledger
    this.#next = first
    this.#isAlone = isAlone
  }

  /** Do something, and tell the ledger before and after. */
  async take<T>(fact: Fact, work: () => Promise<T>): Promise<T> {
    fact.begun = ++turn
    this.#ledger.attempt(fact)
    const result = await work()
    fact.ended = ++turn
    this.#ledger.acknowledge(fact)
    return result
  }

  /** Append a batch. */
  async append(name: string, count = 1, size = 20): Promise<void> {
    const numbers = Array.from({ length: count }, () => this.#next++)
    const apply: Fact['apply'] = (state) => {
      if (state === undefined) return undefined
      const { start, numbers: before } = topicOf(state)
      return topicText({ start, numbers: [...before, ...numbers] })
    }
    const topic = await this.store.topics.open(name)
    const events = numbers.map((number) => ({
      kind: 'Changed',
      entity: `entity-${number % 3}`,
      data: { number, text: textOf(number, size) },
    }))
    await this.take({ object: `topic ${name}`, what: `append ${numbers}`, apply }, () => topic.append(events))
  }

  async prune(name: string, before: number): Promise<void> {
    const topic = await this.store.topics.open(name)
    const { partitions } = await topic.prune({ before, dryRun: true })
    const to = partitions[0]?.logStartOffset ?? 0
    const apply: Fact['apply'] = (state) => {
      const { start, numbers } = topicOf(state)
      return topicText({ start: to, numbers: numbers.slice(to - start) })
    }
    await this.take({ object: `topic ${name}`, what: `prune ${to}`, apply }, () => topic.prune({ before }))
  }

  async createTopic(name: string): Promise<void> {
    const apply = () => topicText({ start: 0, numbers: [] })
    await this.take({ object: `topic ${name}`, what: 'create', apply }, () =>
      this.store.topics.open(name, { create: { partitions: 1 } }),
    )
  }

  async deleteTopic(name: string): Promise<void> {
    await this.take({ object: `topic ${name}`, what: 'delete', apply: gone }, () => this.store.topics.delete(name))
  }

  async write(name: string): Promise<void> {
    const value = { number: this.#next++, text: textOf(this.#next, 100) }
    await this.take({ object: `document ${name}`, what: `write ${value.number}`, apply: () => plain(value) }, () =>
      this.store.documents.write(name, value),
    )
  }

  async deleteDocument(name: string): Promise<void> {
    await this.take({ object: `document ${name}`, what: 'delete', apply: gone }, () =>
      this.store.documents.delete(name),
    )
  }

  /** Append a version to a history. */
  async version(name: string): Promise<void> {
    const value = { number: this.#next++, text: textOf(1, 60) }
    const apply: Fact['apply'] = (state) => {
      const before = state === undefined ? [] : (JSON.parse(state) as unknown[])
      return plain([...before, value])
    }
    const history = await this.store.histories.open(name)
    await this.take({ object: `history ${name}`, what: `version ${value.number}`, apply }, () => history.append(value))
  }

  /** Take a snapshot, and hold it against what was written. */
  async snapshot(label: string, options: CreateSnapshotOptions = {}): Promise<string> {
    const { pinned = false, topic } = options
    const state = pinned ? 'pinned' : 'there'
    const fact: Fact = { object: `snapshot ${label}`, what: 'create', apply: () => state }
    const { id } = await this.take(fact, () => this.store.snapshots.create({ minIntervalMs: 0, ...options, label }))
    const view = await openForTest(await this.store.snapshots.storageOf(id), { readOnly: true })
    const contents = await contentsOf(view)
    await view.close()
    fact.contents = contentsText(contents)
    if (!this.#isAlone) return id
    const isOf = (object: string) => (topic === undefined ? isLive(object) : object === `topic ${topic}`)
    const { begun = 0, ended = 0 } = fact
    mustBeMoment(contents.states, this.#ledger.at(Number.POSITIVE_INFINITY), { begun, ended, isOf })
    return id
  }

  /** The snapshot that was given this label. */
  async find(label: string): Promise<SnapshotInfo | undefined> {
    return (await this.store.snapshots.list()).find((info) => info.label === label)
  }

  async #idOf(label: string): Promise<string> {
    const info = await this.find(label)
    must(info !== undefined, () => `there is no snapshot ${label}`)
    return info.id
  }

  async pin(label: string, isPinned = true): Promise<void> {
    const id = await this.#idOf(label)
    const apply: Fact['apply'] = (state) => state && (isPinned ? 'pinned' : 'there')
    await this.take({ object: `snapshot ${label}`, what: isPinned ? 'pin' : 'unpin', apply }, () =>
      this.store.snapshots.pin(id, isPinned),
    )
  }

  async remove(label: string): Promise<void> {
    const id = await this.#idOf(label)
    await this.take({ object: `snapshot ${label}`, what: 'delete', apply: gone }, () => this.store.snapshots.delete(id))
  }

  /** Clean up, and remove what a dry run says. */
  async cleanUp(maxSnapshots: number): Promise<void> {
    const { snapshots } = this.store
    const options = { policy: { maxSnapshots, retentionTimeMs: 1_000_000_000 } }
    const plan = await snapshots.cleanup({ ...options, dryRun: true })
    const infos = await snapshots.list()
    const facts = plan.removed.map(({ id }): Fact => {
      const label = infos.find((info) => info.id === id)?.label
      return { object: `snapshot ${label}`, what: 'clean up', apply: gone }
    })
    for (const fact of facts) this.#ledger.attempt(fact)
    const report = await snapshots.cleanup(options)
    mustEqual(report.removed, plan.removed, 'what a clean-up removes')
    for (const fact of facts) this.#ledger.acknowledge(fact)
  }

  /** Make a topic of another one. @param until an offset in what is there. */
  async fork(name: string, as: string, until?: number): Promise<void> {
    const text = (await contentsOf(this.store)).states.get(`topic ${name}`)
    await this.take(forkFact(text, { as, until }), () =>
      this.store.topics.fork(name, as, until === undefined ? {} : { until: { offset: until } }),
    )
  }

  /** Make a topic of a topic in a snapshot. */
  async restoreAs(label: string, topic: string, { as, until }: { as: string; until?: number }): Promise<void> {
    const id = await this.#idOf(label)
    const view = await openForTest(await this.store.snapshots.storageOf(id), { readOnly: true })
    const text = (await contentsOf(view)).states.get(`topic ${topic}`)
    await view.close()
    const options = { as, topic, ...(until !== undefined && { until: { offset: until } }) }
    await this.take(forkFact(text, { as, until }), () => this.store.snapshots.restore(id, options))
  }

  /** Make a place what a snapshot is. */
  async restore(label: string, place: string, options: RestoreOptions): Promise<void> {
    const id = await this.#idOf(label)
    const fact = this.#created(label)
    await this.take({ object: `place ${place}`, what: `restore ${label}`, apply: () => fact.contents }, () =>
      this.store.snapshots.restore(id, options),
    )
  }

  async export(label: string, to: Storage): Promise<void> {
    const id = await this.#idOf(label)
    const { pinned = false } = (await this.find(label)) ?? {}
    const apply = () => (pinned ? 'pinned' : 'there')
    await this.take({ object: `exported ${label}`, what: 'export', apply }, () => this.store.snapshots.export(id, to))
  }

  async import(label: string, from: Storage, id: string): Promise<void> {
    await this.take({ object: `snapshot ${label}`, what: 'import', apply: () => 'there' }, () =>
      this.store.snapshots.import(id, from),
    )
  }

  #created(label: string): Fact {
    const { attempted } = this.#ledger.at(Number.POSITIVE_INFINITY)
    const fact = attempted.find(({ object, what }) => object === `snapshot ${label}` && what === 'create')
    must(fact !== undefined, () => `nobody took ${label}`)
    return fact
  }
}

function forkFact(text: string | undefined, { as, until }: { as: string; until: number | undefined }): Fact {
  const { start, numbers } = topicOf(text)
  const state = topicText({ start, numbers: until === undefined ? numbers : numbers.slice(0, until - start) })
  return { object: `topic ${as}`, what: `fork ${until ?? ''}`, apply: () => state }
}

function gone(): undefined {
  return undefined
}

/** Of the store itself. */
export function isLive(object: string): boolean {
  return /^(?:topic|document|history) /.test(object)
}

const texts = new Map<string, string>()

/** Text that does not compress away; made once. */
export function textOf(number: number, size: number): string {
  const key = `${number} ${size}`
  const known = texts.get(key)
  if (known !== undefined) return known
  const text = Array.from(seededRandom(number).bytes(size), (byte) => String.fromCharCode(33 + (byte % 90))).join('')
  texts.set(key, text)
  return text
}
