/** Feeding the events of a value to a consumer.
 * @module */
import { CODE } from '../../codec/structural-codes.ts'
import type { EventConsumer } from '../events/consumer.ts'
import type { Scanner } from './scanner.ts'
import type { Reading } from './window.ts'

/** Give a consumer the value at an address; after each yield it has taken what was there.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* feed(scanner: Scanner, address: number, consumer: EventConsumer): Reading<void> {
  if (!scanner.seek(address)) yield
  const { window } = scanner
  const eventsBefore = scanner.events
  for (;;) {
    if (window.at < window.end) {
      window.at = consumer.push(window.bytes, window.at, window.end)
      scanner.events = eventsBefore + consumer.events
      if (consumer.done) return
      if (window.at < window.end && window.bytes[window.at] === CODE.keyPages) {
        if (!scanner.passKeyPages()) yield
        continue
      }
    }
    window.more()
    yield
  }
}
