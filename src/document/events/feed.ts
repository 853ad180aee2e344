/** Structural events for consumers, which take them as bytes.
 * @module */
import { CODE } from '../../codec/structural-codes.ts'
import * as write from '../../codec/structural-write.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { isBytes } from '../../codec/value-kinds.ts'
import type { Scalar, StructuralEvent } from '../types.ts'
import type { EventConsumer } from './consumer.ts'
import { EventSequence } from './sequence.ts'

/** Bytes that are collected before the consumer gets them. */
const FEED_BYTES = 32_768

/** Feed a consumer the events of one value. Every step has given it something. A source that is not read to its end
 * is closed.
 * @throws {VarveError} as `EventSequence.next` and `end`, and what the source throws. */
export async function* feedEvents(
  events: Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>,
  consumer: EventConsumer,
): AsyncGenerator<void> {
  const feed = new EventFeed(consumer)
  if (Symbol.asyncIterator in events) {
    for await (const event of events) if (feed.add(event)) yield
  } else {
    // Apart, because `for await` waits once per event.
    for (const event of events) if (feed.add(event)) yield
  }
  feed.end()
  yield
}

class EventFeed {
  readonly #consumer: EventConsumer
  readonly #sequence = new EventSequence()
  readonly #out = new ValueBuffer()

  constructor(consumer: EventConsumer) {
    this.#consumer = consumer
  }

  /** @returns whether the consumer got something. */
  add(event: StructuralEvent): boolean {
    this.#sequence.next(event)
    writeEvent(this.#out, event)
    const isFull = this.#out.length >= FEED_BYTES
    if (isFull) this.#feed()
    return isFull
  }

  end(): void {
    this.#sequence.end()
    this.#feed()
  }

  #feed(): void {
    const out = this.#out
    const stopped = this.#consumer.push(out.bytes, 0, out.length)
    // A key may wait for its value.
    const rest = out.bytes.slice(stopped, out.length)
    out.begin()
    out.append(rest)
  }
}

/** Containers are written without their count, which nobody knows yet. */
function writeEvent(out: ValueBuffer, event: StructuralEvent): void {
  switch (event.type) {
    case 'key':
      write.writeKey(out, event.key)
      break
    case 'intKey':
      write.writeIntKey(out, event.key)
      break
    case 'decimal':
      write.writeDecimal(out, event.text)
      break
    case 'value':
      writeScalar(out, event.value)
      break
    default:
      out.byte(CODE[event.type])
  }
}

function writeScalar(out: ValueBuffer, value: Scalar): void {
  if (typeof value === 'string') write.writeString(out, value)
  else if (typeof value === 'number') write.writeNumber(out, value)
  else if (typeof value === 'boolean') out.byte(value ? CODE.true : CODE.false)
  else if (typeof value === 'bigint') write.writeBigint(out, value)
  else if (value === undefined) out.byte(CODE.undefined)
  else if (value === null) out.byte(CODE.null)
  else if (isBytes(value)) write.writeBinary(out, value)
  else write.writeTimestamp(out, Date.prototype.getTime.call(value))
}
