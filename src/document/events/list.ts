/** The consumer that makes events.
 * @module */
import { StructuralReader } from '../../codec/structural-read.ts'
import type { Scalar, StructuralEvent } from '../types.ts'
import type { EventConsumer } from './consumer.ts'

/** Events without anything are the same ones, everywhere. */
export const BEGIN_OBJECT: StructuralEvent = Object.freeze({ type: 'beginObject' })
export const END_OBJECT: StructuralEvent = Object.freeze({ type: 'endObject' })
export const BEGIN_ARRAY: StructuralEvent = Object.freeze({ type: 'beginArray' })
export const END_ARRAY: StructuralEvent = Object.freeze({ type: 'endArray' })

/** Lists what it reads. Containers that are stored with their count end like the others, and keys come as text. */
export class EventList extends StructuralReader implements EventConsumer {
  #taken: StructuralEvent[] = []

  /** The events since the last call. */
  take(): StructuralEvent[] {
    const events = this.#taken
    this.#taken = []
    return events
  }

  protected override onValue(value: unknown): void {
    this.#taken.push({ type: 'value', value: value as Scalar })
  }

  protected override onDecimal(text: string): void {
    this.#taken.push({ type: 'decimal', text })
  }

  protected override onKey(key: string): void {
    this.#taken.push({ type: 'key', key })
  }

  protected override onIntKey(key: number): void {
    this.#taken.push({ type: 'intKey', key })
  }

  protected override onBegin(isArray: boolean): void {
    this.#taken.push(isArray ? BEGIN_ARRAY : BEGIN_OBJECT)
  }

  protected override onEnd(isArray: boolean): void {
    this.#taken.push(isArray ? END_ARRAY : END_OBJECT)
  }
}
