/** The output that makes events.
 * @module */
import { decodeText } from '../../codec/structural-scalars.ts'
import { scaledNumber } from '../../codec/structural-write.ts'
import type { Maybe } from '../../ports/storage.ts'
import type { Scalar, StructuralEvent } from '../types.ts'
import type { DocumentOutput } from '../write/output.ts'
import { BEGIN_ARRAY, BEGIN_OBJECT, END_ARRAY, END_OBJECT } from './list.ts'
import { EventSequence } from './sequence.ts'

/** Collects the events of what it is told, checked. Nothing in them refers to what the calls were given. */
export class EventCollector implements DocumentOutput {
  values = 0
  readonly #sequence = new EventSequence()
  readonly #fullAt: number
  #events: StructuralEvent[] = []

  /** @param fullAt events after which it is full. */
  constructor(fullAt: number) {
    this.#fullAt = fullAt
  }

  get isFull(): boolean {
    return this.#events.length >= this.#fullAt
  }

  /** The events since the last call. */
  take(): StructuralEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** Who fills it pauses of itself, or a subclass makes it wait. */
  drain(): Maybe<void> {
    return undefined
  }

  path(): string {
    return this.#sequence.nextPath
  }

  null(): void {
    this.#scalar(null)
  }

  boolean(value: boolean): void {
    this.#scalar(value)
  }

  number(value: number): void {
    this.#scalar(value)
  }

  bigint(value: bigint): void {
    this.#scalar(value)
  }

  string(value: string): void {
    this.#scalar(value)
  }

  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.#scalar(decodeText(bytes, start, end))
  }

  scaled(m: number, e: number): void {
    this.#scalar(scaledNumber(m, e))
  }

  bytes(value: Uint8Array): void {
    this.#scalar(new Uint8Array(value))
  }

  date(at: number): void {
    this.#scalar(new Date(at))
  }

  decimal(text: string): void {
    this.#value({ type: 'decimal', text })
  }

  undefined(): void {
    this.#scalar(undefined)
  }

  beginObject(): void {
    this.#value(BEGIN_OBJECT)
  }

  endObject(): void {
    this.#add(END_OBJECT)
  }

  beginArray(): void {
    this.#value(BEGIN_ARRAY)
  }

  endArray(): void {
    this.#add(END_ARRAY)
  }

  key(key: string): void {
    this.#add({ type: 'key', key })
  }

  keyUtf8(bytes: Uint8Array, start: number, end: number): void {
    this.key(decodeText(bytes, start, end))
  }

  intKey(key: number): void {
    this.#add({ type: 'intKey', key })
  }

  #scalar(value: Scalar): void {
    this.#value({ type: 'value', value })
  }

  #value(event: StructuralEvent): void {
    this.#add(event)
    this.values++
  }

  #add(event: StructuralEvent): void {
    this.#sequence.next(event)
    this.#events.push(event)
  }
}
