/** Following a topic: what is there from the start point, then what arrives, each event exactly once.
 *
 * There is no queue between writer and follower: a follower reads the log at its own pace, so nothing is buffered for a
 * slow one beyond one run of reading, and nothing can be missed.
 * @module */
import { isVarveError } from '../errors.ts'
import { encodeCursor } from './cursor.ts'
import { oneByOne, type ScanBounds, type TopicScan } from './stream.ts'
import type { StoredEvent, Tail } from './types.ts'

const BATCH_EVENTS = 1_000
/** A deadline in the past: where nothing matches, each run of reading is followed by a look at the signals. */
const ONE_RUN = Number.NEGATIVE_INFINITY

export interface TailFacts {
  readonly bounds: readonly ScanBounds[]
  readonly lineage: string
  /** Each ends the tail when aborted. */
  readonly signals: readonly AbortSignal[]
}

export class TopicTail implements Tail {
  readonly #scan: TopicScan
  readonly #facts: TailFacts
  /** Next offset by partition, after the last event that was handed out. */
  readonly #taken: Map<number, number>

  constructor(scan: TopicScan, facts: TailFacts) {
    this.#scan = scan
    this.#facts = facts
    this.#taken = new Map(facts.bounds.map(({ partition, start }) => [partition.partition, start]))
  }

  cursor(): string {
    return encodeCursor(this.#facts.lineage, { direction: 'forward', offsets: this.#taken })
  }

  batches(): AsyncIterableIterator<StoredEvent[]> {
    const note = (events: StoredEvent[]) => {
      for (const event of events) this.#taken.set(event.partition, event.offset + 1)
    }
    return this.#iterate((signals) => this.#arrivals(signals), note)
  }

  [Symbol.asyncIterator](): AsyncIterator<StoredEvent> {
    const note = (event: StoredEvent) => void this.#taken.set(event.partition, event.offset + 1)
    return this.#iterate((signals) => oneByOne(this.#arrivals(signals)), note)
  }

  /** Iterate; `return` ends the iteration also while a `next` waits for events. */
  #iterate<T>(
    start: (signals: readonly AbortSignal[]) => AsyncIterator<T>,
    note: (taken: T) => void,
  ): AsyncIterableIterator<T> {
    const returned = new AbortController()
    const source = start([...this.#facts.signals, returned.signal])
    return {
      [Symbol.asyncIterator]() {
        return this
      },
      next: async () => {
        const step = await source.next()
        if (!step.done) note(step.value)
        return step
      },
      return: async () => {
        returned.abort()
        await source.return?.()
        return { done: true, value: undefined }
      },
    }
  }

  async *#arrivals(signals: readonly AbortSignal[]): AsyncGenerator<StoredEvent[], void, undefined> {
    const ended = () => signals.some((signal) => signal.aborted)
    while (!ended()) {
      if (this.#scan.done) await this.#changed(signals)
      if (ended()) return
      const events = await this.#scan.next(BATCH_EVENTS, ONE_RUN).catch((error: unknown) => {
        if (ended() && isVarveError(error, 'STORE_CLOSED')) return []
        throw error
      })
      if (events.length > 0) yield events as StoredEvent[]
      else for (const [partition, offset] of this.#scan.positions) this.#taken.set(partition, offset)
    }
  }

  /** Resolves when a partition has something new, when the signal is aborted, or when the store is closed. */
  #changed(signals: readonly AbortSignal[]): Promise<void> {
    const { bounds } = this.#facts
    return new Promise((resolve) => {
      const stops: (() => void)[] = []
      const wake = () => {
        for (const stop of stops) stop()
        resolve()
      }
      for (const { partition } of bounds) stops.push(partition.onChange(wake))
      for (const signal of signals) {
        signal.addEventListener('abort', wake, { once: true })
        stops.push(() => signal.removeEventListener('abort', wake))
      }
      if (!this.#scan.done) wake()
    })
  }
}
