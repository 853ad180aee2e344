/** The events that a process appends until it is killed, each made again from its number by whoever retries it.
 * @module */
import type { NewEvent } from '../../src/topic/types.ts'

/** So many calls wait at once. */
export const WRITERS = 3

export function countedEvent(number: number): NewEvent {
  const filler = 'x'.repeat((number * 37) % 3000)
  return { kind: 'Counted', entity: `counter-${number % 3}`, data: { number, filler } }
}

export function keyOf(number: number): string {
  return `key-${number}`
}
