/** Structural events as sources of documents.
 * @module */
import { isJsonNumber } from '../codec/structural-scalars.ts'
import { describeValue, isBytes, isDate } from '../codec/value-kinds.ts'
import { VarveError } from '../errors.ts'
import type { DocumentOutput } from './output.ts'
import type { Scalar, StructuralEvent } from './types.ts'

/** Write `events` to `output`, draining it when it is full. What the events mean together is checked by the output.
 * @throws {VarveError} `DOCUMENT_SEQUENCE` {found, expected, path} for what is no event, `VALUE_UNSUPPORTED`
 * {path, found} for values of other types, what the output and its `drain` throw; the reason of `signal`, which is
 * looked at about every drain, and while an event is awaited. */
export async function pumpEvents(
  output: DocumentOutput,
  events: Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { signal } = options
  signal?.throwIfAborted()
  if (Symbol.asyncIterator in events) return pumpAwaited(output, events, signal)
  // Apart, because `for await` waits once per event.
  for (const event of events) {
    write(output, event)
    if (!output.isFull) continue
    signal?.throwIfAborted()
    await output.drain()
  }
}

async function pumpAwaited(
  output: DocumentOutput,
  events: AsyncIterable<StructuralEvent>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const iterator = events[Symbol.asyncIterator]()
  let giveUp: (reason: unknown) => void = () => undefined
  const abort = () => giveUp(signal?.reason)
  signal?.addEventListener('abort', abort)
  let isDone = false
  try {
    for (;;) {
      signal?.throwIfAborted()
      const next = await new Promise<IteratorResult<StructuralEvent>>((resolve, reject) => {
        giveUp = reject
        iterator.next().then(resolve, reject)
      })
      isDone = next.done === true
      if (next.done) return
      write(output, next.value)
      if (output.isFull) await output.drain()
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    // Not awaited: a source that waits for its next event would keep it waiting.
    if (!isDone) Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

function write(output: DocumentOutput, event: StructuralEvent): void {
  // Events come from a caller, so that their types are only promised.
  switch (event?.type) {
    case 'beginObject':
      output.beginObject()
      break
    case 'endObject':
      output.endObject()
      break
    case 'beginArray':
      output.beginArray()
      break
    case 'endArray':
      output.endArray()
      break
    case 'key':
      if (typeof event.key !== 'string') throw noEvent(output, 'a key that is no string')
      output.key(event.key)
      break
    case 'intKey':
      if (!Number.isSafeInteger(event.key)) throw noEvent(output, 'an integer key that is no safe integer')
      // -0 is 0.
      output.intKey(event.key + 0)
      break
    case 'decimal':
      if (typeof event.text !== 'string' || !isJsonNumber(event.text)) {
        throw noEvent(output, 'a decimal that is no number literal of JSON')
      }
      output.decimal(event.text)
      break
    case 'value':
      writeScalar(output, event.value)
      break
    default:
      throw noEvent(output, 'what is no structural event')
  }
}

function writeScalar(output: DocumentOutput, value: Scalar): void {
  if (typeof value === 'string') output.string(value)
  else if (typeof value === 'number') output.number(value)
  else if (typeof value === 'boolean') output.boolean(value)
  else if (typeof value === 'bigint') output.bigint(value)
  else if (value === undefined) output.undefined()
  else if (value === null) output.null()
  else if (typeof value === 'object' && isBytes(value)) output.bytes(value)
  else if (typeof value === 'object' && isDate(value)) writeDate(output, value)
  else throw unsupported(output, describeValue(value))
}

function writeDate(output: DocumentOutput, value: Date): void {
  const at = Date.prototype.getTime.call(value)
  if (Number.isNaN(at)) throw unsupported(output, 'an invalid Date')
  output.date(at)
}

function noEvent(output: DocumentOutput, found: string): VarveError {
  const path = output.path()
  const expected = 'a structural event'
  return new VarveError('DOCUMENT_SEQUENCE', `Cannot write at "${path}": found ${found}`, {
    details: { path, found, expected },
  })
}

function unsupported(output: DocumentOutput, found: string): VarveError {
  const path = output.path()
  return new VarveError('VALUE_UNSUPPORTED', `Cannot write the value at "${path}": found ${found}`, {
    details: { path, found },
  })
}
