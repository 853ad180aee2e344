/** What a structural event is. Events come from callers, so that their types are only promised.
 * @module */
import { isJsonNumber } from '../../codec/structural-scalars.ts'
import { describeValue, isBytes, isDate } from '../../codec/value-kinds.ts'
import { VarveError } from '../../errors.ts'
import { shownPath } from '../path/format.ts'
import type { Scalar, StructuralEvent } from '../types.ts'

/** Whoever knows where an event goes; asked for errors only. */
export interface EventPlace {
  path(): string
}

/** Look at one event for itself; what events mean together is another matter.
 * @throws {VarveError} `DOCUMENT_SEQUENCE` {found, expected, path} for what is no event, `VALUE_UNSUPPORTED`
 * {path, found} for values of other types. */
export function checkEvent(event: StructuralEvent, place: EventPlace): void {
  switch (event?.type) {
    case 'beginObject':
    case 'endObject':
    case 'beginArray':
    case 'endArray':
      return
    case 'key':
      if (typeof event.key !== 'string') throw noEvent(place, 'a key that is no string')
      return
    case 'intKey':
      if (!Number.isSafeInteger(event.key)) throw noEvent(place, 'an integer key that is no safe integer')
      return
    case 'decimal':
      if (typeof event.text !== 'string' || !isJsonNumber(event.text)) {
        throw noEvent(place, 'a decimal that is no number literal of JSON')
      }
      return
    case 'value':
      checkScalar(event.value, place)
      return
    default:
      throw noEvent(place, 'what is no structural event')
  }
}

function checkScalar(value: Scalar, place: EventPlace): void {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return
    case 'object':
      if (value === null || isBytes(value)) return
      if (!isDate(value)) break
      if (!Number.isNaN(Date.prototype.getTime.call(value))) return
      throw unsupported(place, 'an invalid Date')
  }
  throw unsupported(place, describeValue(value))
}

/** `DOCUMENT_SEQUENCE` with what did not come, and where. */
export function sequenceError(path: string, found: string, expected: string): VarveError {
  const message = `Cannot go on with structural events at "${shownPath(path)}": found ${found}, expected ${expected}`
  return new VarveError('DOCUMENT_SEQUENCE', message, { details: { found, expected, path } })
}

function noEvent(place: EventPlace, found: string): VarveError {
  return sequenceError(place.path(), found, 'a structural event')
}

function unsupported(place: EventPlace, found: string): VarveError {
  const path = place.path()
  return new VarveError('VALUE_UNSUPPORTED', `Cannot write the value at "${shownPath(path)}": found ${found}`, {
    details: { path, found },
  })
}
