/** Following a topic: what is there from the start point, then what arrives, each event exactly once.
 *
 * There is no queue between writer and follower: a follower reads the log at its own pace, so nothing is buffered for a
 * slow one beyond one run of reading, and nothing can be missed.
 * @module */
import type { DecodedEvent } from '../segment/decode.ts'
import { encodeCursor } from './cursor.ts'
import { oneByOne, type ScanBounds, type TopicScan } from './stream.ts'
import type { StoredEvent, Tail } from './types.ts'

const BATCH_EVENTS = 1_000

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

  async *batches(): AsyncGenerator<StoredEvent[], void, undefined> {
    for await (const events of this.#arrivals()) {
      for (const event of events) this.#taken.set(event.partition, event.offset + 1)
      yield events as StoredEvent[]
    }
  }

  async *#arrivals(): AsyncGenerator<DecodedEvent[], void, undefined> {
    const ended = () => this.#facts.signals.some((signal) => signal.aborted)
    while (!ended()) {
      if (this.#scan.done) await this.#changed()
      if (ended()) return
      const events = await this.#scan.next(BATCH_EVENTS)
      if (events.length > 0) yield events
      else for (const [partition, offset] of this.#scan.positions) this.#taken.set(partition, offset)
    }
  }

  /** Resolves when a partition has something new, when the signal is aborted, or when the store is closed. */
  #changed(): Promise<void> {
    const { bounds, signals } = this.#facts
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

  [Symbol.asyncIterator](): AsyncIterator<StoredEvent> {
    const events = oneByOne(this.#arrivals())
    return {
      next: async () => {
        const step = await events.next()
        if (step.done) return { done: true, value: undefined }
        this.#taken.set(step.value.partition, step.value.offset + 1)
        return { done: false, value: step.value as StoredEvent }
      },
      return: async () => {
        await events.return?.()
        return { done: true, value: undefined }
      },
    }
  }
}
