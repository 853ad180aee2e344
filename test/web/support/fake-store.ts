/** A store in memory, just good enough for the routes.
 * @module */
import {
  type AppendOptions,
  type NewEvent,
  type Page,
  type ReadOptions,
  type Receipt,
  type Store,
  type StoredEvent,
  type Tail,
  type TailOptions,
  type Topic,
  type TopicStats,
  VarveError,
  type VerifyOptions,
} from '../../../src/index.ts'

class FakeTopic {
  readonly name: string
  readonly lineage = 'fake'
  readonly partitions = 1
  readonly events: StoredEvent[] = []
  readonly waiting = new Set<() => void>()

  constructor(name: string) {
    this.name = name
  }

  async append(given: NewEvent | readonly NewEvent[], options: AppendOptions = {}): Promise<Receipt> {
    const list = (Array.isArray(given) ? given : [given]) as NewEvent[]
    for (const event of list)
      if (typeof event?.kind !== 'string' || typeof event.entity !== 'string')
        throw new VarveError('EVENT_INVALID', 'Cannot append: kind or entity is missing')
    for (const { entity, version } of [options.expect ?? []].flat()) {
      const have = await this.version(entity)
      const holds = version === 'none' ? have === 0 : version === 'exists' ? have > 0 : have === version
      if (!holds) throw new VarveError('VERSION_CONFLICT', 'Cannot append', { details: { entity, have } })
    }
    const firstOffset = this.events.length
    for (const event of list)
      this.events.push({
        at: 1_000,
        recordedAt: 1_000,
        ...event,
        offset: this.events.length,
        partition: 0,
        id: event.id ?? `fake-0-${this.events.length}`,
      } as StoredEvent)
    for (const wake of this.waiting) wake()
    return {
      topic: this.name,
      lineage: this.lineage,
      partition: 0,
      firstOffset,
      endOffset: this.events.length,
      versions: {},
      recordedAt: 1_000,
      hash: '0'.repeat(64),
      durability: options.durability ?? 'synced',
    }
  }

  matches(event: StoredEvent, { kind, entity }: Pick<ReadOptions, 'kind' | 'entity'>): boolean {
    return (kind === undefined || event.kind === kind) && (entity === undefined || event.entity === entity)
  }

  at(cursor: string): number {
    if (!/^c\d+$/.test(cursor)) throw new VarveError('CURSOR_INVALID', 'Cannot read the cursor')
    return Number(cursor.slice(1))
  }

  async page(options: ReadOptions = {}): Promise<Page> {
    const { limit = 100, cursor, direction = 'forward' } = options
    const found = this.events.filter((event) => this.matches(event, options))
    const highWatermark = this.events.length
    if (direction === 'backward') {
      const before = cursor === undefined ? highWatermark : this.at(cursor)
      const items = found
        .filter(({ offset }) => offset < before)
        .slice(-limit)
        .reverse()
      const last = items.at(-1)
      return { items, highWatermark, ...(last !== undefined && last.offset > 0 && { nextCursor: `c${last.offset}` }) }
    }
    const from = cursor === undefined ? (options.from ?? 0) : this.at(cursor)
    const rest = found.filter(({ offset }) => offset >= from)
    const items = rest.slice(0, limit)
    return { items, highWatermark, ...(rest.length > limit && { nextCursor: `c${(items.at(-1)?.offset ?? 0) + 1}` }) }
  }

  tail(options: TailOptions = {}): Tail {
    const { cursor, from = 'end', signal } = options
    let next =
      cursor !== undefined ? this.at(cursor) : from === 'start' ? 0 : from === 'end' ? this.events.length : from
    const topic = this
    async function* batches() {
      while (signal?.aborted !== true) {
        const found = topic.events.slice(next).filter((event) => topic.matches(event, options as ReadOptions))
        next = topic.events.length
        if (found.length > 0) yield found
        else
          await new Promise<void>((resolve) => {
            const wake = () => {
              topic.waiting.delete(wake)
              signal?.removeEventListener('abort', wake)
              resolve()
            }
            topic.waiting.add(wake)
            signal?.addEventListener('abort', wake)
          })
      }
    }
    return {
      batches,
      cursor: () => `c${next}`,
      async *[Symbol.asyncIterator]() {
        for await (const batch of batches()) yield* batch
      },
    }
  }

  async get(offset: number): Promise<StoredEvent | undefined> {
    return this.events[offset]
  }

  async version(entity: string): Promise<number> {
    return (this.events.findLast((event) => event.entity === entity)?.offset ?? -1) + 1
  }

  cursorAfter({ offset }: { offset: number }): string {
    return `c${offset + 1}`
  }

  stats(): TopicStats {
    const events = this.events.length
    const marks = { logStartOffset: 0, logEndOffset: events, highWatermark: events }
    return {
      topic: this.name,
      lineage: this.lineage,
      createdAt: 0,
      segmentBytes: 1,
      events,
      sizeBytes: events * 100,
      partitions: [{ partition: 0, ...marks, segments: 1, sizeBytes: events * 100 }],
    }
  }
}

/** Make the store. `verify` waits until its signal or `finish` ends it. */
export function fakeStore(): Store {
  const topics = new Map<string, FakeTopic>()
  const store = {
    id: 'fake',
    readOnly: false,
    openReport: {
      source: 'created',
      epoch: 1,
      segmentsRead: 0,
      bytesRead: 0,
      rowsReplayed: 0,
      refused: [],
      repaired: [],
      ignored: [],
      durationMs: 1,
    },
    topics: {
      async open(name: string, options: { create?: unknown } = {}): Promise<Topic> {
        if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name))
          throw new VarveError('NAME_INVALID', 'Cannot use this name')
        let topic = topics.get(name)
        if (topic === undefined) {
          if (options.create === undefined) throw new VarveError('TOPIC_UNKNOWN', `Cannot find topic "${name}"`)
          topic = new FakeTopic(name)
          topics.set(name, topic)
        }
        return topic as unknown as Topic
      },
      list: async () => [...topics.values()].map((topic) => topic.stats()),
    },
    stats: async () => ({
      storeId: 'fake',
      storage: 'memory',
      location: '/secret/place',
      readOnly: false,
      epoch: 1,
      formatVersion: 1,
      topics: topics.size,
      events: 0,
      sizeBytes: 0,
      state: 'open',
    }),
    async verify({ onProgress }: VerifyOptions = {}) {
      onProgress?.({ doneBytes: 5, totalBytes: 10, file: 'x' })
      return {
        ok: true,
        filesChecked: 1,
        bytesChecked: 10,
        eventsChecked: 0,
        problems: [],
        unknownFiles: [],
        notChecked: [],
        durationMs: 1,
      }
    },
    checkpoint: async () => {},
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  return store as unknown as Store
}
