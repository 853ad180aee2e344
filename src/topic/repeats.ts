/** Calls that repeat an earlier one: the same idempotency key, and the same events or an error.
 * @module */
import type { Row } from '../codec/block.ts'
import { toHex } from '../codec/bytes.ts'
import { sameValue } from '../codec/same-value.ts'
import { VALUE_STRUCTURAL, type ValueCodec, ValueDecoder } from '../codec/values.ts'
import { VarveError } from '../errors.ts'
import type { DecodedEvent } from '../segment/decode.ts'
import type { Reading } from '../segment/file-pool.ts'
import type { QueuedCall } from './append-queue.ts'
import type { Partition, ScanPlace } from './partition.ts'

/** The events of an earlier call as they are stored. */
export interface EarlierCall {
  readonly events: readonly DecodedEvent[]
  /** Chain hash of their batch, 64 hexadecimal digits. */
  readonly hash: string
}

/** Read the call with a key that begins at `offset`, as far as it is as long as `call` or one event longer. It lies in
 * one batch, and a later call with the same key in another.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* readEarlier(partition: Partition, offset: number, call: QueuedCall): Reading<EarlierCall> {
  const header = yield* partition.headerOf(offset)
  const batchEnd = header.baseOffset + header.lastOffsetDelta + 1
  const wish = {
    from: offset,
    to: Math.min(offset + call.rows.length + 1, batchEnd),
    since: Number.NEGATIVE_INFINITY,
    until: Number.POSITIVE_INFINITY,
    match: ({ columns }: { columns: { idempotencyKeys: readonly (string | undefined)[] | undefined } }, row: number) =>
      columns.idempotencyKeys?.[row] === call.key,
    limit: Number.POSITIVE_INFINITY,
  }
  const events: DecodedEvent[] = []
  // One run may end before it reaches the first event: the next has to go on where it ended.
  let place: ScanPlace | undefined
  for (let from = offset; from < wish.to; ) {
    const run = yield* partition.forward(from, wish, place)
    events.push(...run.events)
    from = run.next
    place = run.place
  }
  return { events, hash: toHex(header.hash) }
}

/** Whether a call holds the events of an earlier one. `at` counts only where the caller gave it: a default differs.
 * @param shapes of the encoder that made the call's values. */
export function isSameCall(
  call: QueuedCall,
  earlier: readonly DecodedEvent[],
  shapes: readonly (readonly string[])[],
): boolean {
  if (earlier.length !== call.rows.length) return false
  const decoder = new ValueDecoder(shapes)
  return call.rows.every((row, at) =>
    isSameEvent(row, earlier[at] as DecodedEvent, { decoder, timed: call.timed?.[at] }),
  )
}

function isSameEvent(
  row: Row,
  event: DecodedEvent,
  facts: { decoder: ValueDecoder; timed: boolean | undefined },
): boolean {
  const value = (from: number, to: number, codec: ValueCodec) => {
    if (from === to) return undefined
    const bytes = row.values.subarray(from, to)
    return codec === VALUE_STRUCTURAL ? facts.decoder.decodeStructural(bytes) : facts.decoder.decodeAll(bytes, 1)[0]
  }
  return (
    row.kind === event.kind &&
    row.entity === event.entity &&
    row.scope === event.scope &&
    row.correlationId === event.correlationId &&
    row.causationId === event.causationId &&
    row.lane === event.lane &&
    row.depth === event.depth &&
    row.schemaVersion === event.schemaVersion &&
    (row.id === undefined || row.id === event.id) &&
    (facts.timed !== true || row.at === event.at) &&
    sameValue(row.tags ?? [], event.tags ?? []) &&
    sameValue(value(row.start, row.dataEnd, row.dataCodec), event.data) &&
    sameValue(value(row.dataEnd, row.metaEnd, row.metaCodec), event.meta) &&
    sameValue(value(row.metaEnd, row.end, row.extensionsCodec), event.extensions)
  )
}

/** The error for a key that other events have. */
export function keyReused(topic: string, key: string, offset: number): VarveError {
  const message = `Cannot append to topic "${topic}": idempotency key "${key}" belongs to other events, at ${offset}`
  return new VarveError('KEY_REUSED', message, { details: { topic, idempotencyKey: key, offset } })
}
