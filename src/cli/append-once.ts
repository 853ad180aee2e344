/** The whole input as one append call: with expectations, a condition or an idempotency key.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import { APPEND_MAX_EVENTS } from '../topic/prepare.ts'
import type { AppendOptions, NewEvent, Receipt, Topic } from '../topic/types.ts'
import type { Element } from './elements.ts'
import { type Mapping, toEvent } from './mapping.ts'
import { clean, counted, jsonLine } from './output.ts'

/** JSON of at most this is collected; a call takes 16 MiB of packed values. */
const INPUT_MAX_BYTES = 64 * 1024 * 1024

/** Collect the events and append them in one call.
 * @throws {VarveError} as `topic.append`, with the line; `APPEND_TOO_LARGE` before anything is appended. */
export async function appendOnce(
  topic: Topic,
  input: AsyncIterable<Element>,
  { mapping, options }: { readonly mapping: Mapping; readonly options: AppendOptions },
): Promise<Receipt | undefined> {
  const events: NewEvent[] = []
  const lines: number[] = []
  let sizeBytes = 0
  for await (const element of input) {
    options.signal?.throwIfAborted()
    events.push(toEvent(element, mapping))
    lines.push(element.line)
    sizeBytes += element.sizeBytes
    if (events.length > APPEND_MAX_EVENTS || sizeBytes > INPUT_MAX_BYTES) throw tooLarge(element.line)
  }
  if (events.length === 0) return undefined
  try {
    return await topic.append(events, options)
  } catch (error) {
    throw atLine(error, lines)
  }
}

function tooLarge(line: number): VarveError {
  const limit = `${counted(APPEND_MAX_EVENTS, 'event')} or 64 MiB of JSON`
  return new VarveError(
    'APPEND_TOO_LARGE',
    `Cannot append: with --expect, --if-no, --key or --partition the input is one call of at most ${limit} (line ${line})`,
    { details: { line, limitEvents: APPEND_MAX_EVENTS, limitBytes: INPUT_MAX_BYTES } },
  )
}

/** Say which line an error is about, where it is about one. */
function atLine(error: unknown, lines: readonly number[]): unknown {
  if (!isVarveError(error)) return error
  const { index } = error.details
  const line = typeof index === 'number' ? lines[index] : lines.length === 1 ? lines[0] : undefined
  if (line === undefined || error.kind !== 'invalid') return error
  const message = error.message.replace(/^Cannot append:/, `Cannot append line ${line}:`).replace(/ \(event .*\)$/, '')
  return new VarveError(error.code, message, { details: { ...error.details, line }, cause: error })
}

/** What was appended, or was before. */
export function receiptText(receipt: Receipt, json: boolean): string {
  const { topic, partition, firstOffset, endOffset, versions, hash, replayed } = receipt
  const events = endOffset - firstOffset
  if (json) return jsonLine({ ...receipt, appended: replayed ? 0 : events })
  const where = `${partition === 0 ? '' : `partition ${partition}, `}offsets ${firstOffset} to ${endOffset - 1}`
  const what = replayed
    ? `Replayed: ${counted(events, 'event')} of this key ${events === 1 ? 'is' : 'are'} in ${clean(topic)} already`
    : `Appended ${counted(events, 'event')} to ${clean(topic)} at once`
  const lines = Object.entries(versions).map(([entity, version]) => `  ${clean(entity)} is at version ${version}\n`)
  const shown =
    lines.length > 20 ? [...lines.slice(0, 20), `  ... ${counted(lines.length - 20, 'entity')} more\n`] : lines
  return `${what}; ${where}; batch ${hash}\n${shown.join('').replace(/entitys/, 'entities')}`
}
