/** Structural events as sources of documents.
 * @module */
import { isBytes } from '../../codec/value-kinds.ts'
import type { Scalar, StructuralEvent } from '../types.ts'
import type { DocumentOutput } from '../write/output.ts'
import { checkEvent } from './check.ts'

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
  checkEvent(event, output)
  switch (event.type) {
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
      output.key(event.key)
      break
    case 'intKey':
      // -0 is 0.
      output.intKey(event.key + 0)
      break
    case 'decimal':
      output.decimal(event.text)
      break
    default:
      writeScalar(output, event.value)
  }
}

function writeScalar(output: DocumentOutput, value: Scalar): void {
  if (typeof value === 'string') output.string(value)
  else if (typeof value === 'number') output.number(value)
  else if (typeof value === 'boolean') output.boolean(value)
  else if (typeof value === 'bigint') output.bigint(value)
  else if (value === undefined) output.undefined()
  else if (value === null) output.null()
  else if (isBytes(value)) output.bytes(value)
  else output.date(Date.prototype.getTime.call(value))
}
