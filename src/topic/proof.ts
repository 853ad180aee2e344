/** Proving that one event is part of a log, and checking such a proof without the log.
 *
 * A proof leads from the event to the chain hash of its batch: the event's hash (`codec/event-leaf.ts`), the hashes
 * beside its way up the tree of the batch (`codec/merkle.ts`), the header of the batch (`codec/chain.ts`). The place in
 * the tree is the offset minus the base offset. Everything in a proof is bound by that hash but the name of the topic.
 * @module */
import type { BatchHeader } from '../codec/batch-header.ts'
import { ByteWriter, fromHex, sameBytes, toHex } from '../codec/bytes.ts'
import { chainHash } from '../codec/chain.ts'
import type { Digest } from '../codec/digest.ts'
import { LEAF_FIELDS, type LeafEvent, LeafHasher, leafValue } from '../codec/event-leaf.ts'
import { merklePath, merkleRoot, rootOfPath } from '../codec/merkle.ts'
import { isVarveError, VarveError } from '../errors.ts'
import { portableDigest } from '../ports/digest.ts'
import { type DecodeContext, located, plainOf, valueDecoder } from '../segment/decode.ts'
import { eventsOfBatch } from '../segment/events.ts'
import type { Reading } from '../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { type FoundBatch, findBatch } from '../segment/read.ts'
import { type LogPoint, type SegmentRef, segmentDamaged } from '../segment/segment.ts'
import type { SparseIndex } from '../segment/sparse-index.ts'
import type { EventProof, StoredEvent } from './types.ts'

/** Where a proof is made. */
export interface ProofPlace {
  readonly topic: string
  readonly lineage: string
  readonly context: DecodeContext
  /** Of the segment that holds the event. */
  readonly index: SparseIndex
  /** Durable end of that segment. */
  readonly end: LogPoint
}

/** Prove the event at `offset`, which lies in the durable part of `segment`. Cost: reads and decodes its whole batch.
 * @returns undefined when there is no such event.
 * @throws {VarveError} `PROOF_UNSUPPORTED` in a chain over batches, `SEGMENT_DAMAGED`. */
export function* proveEvent(segment: SegmentRef, offset: number, place: ProofPlace): Reading<EventProof | undefined> {
  const { context, lineage, topic, index } = place
  const { digest } = context
  // From an entry earlier, so that the hash of the batch before is met on the way.
  const entry = index.entryAt(offset) - 1
  const start = {
    position: index.positions[entry] ?? SEGMENT_HEADER_BYTES,
    offset: index.offsets[entry] ?? segment.baseOffset,
  }
  const batch = yield* findBatch(segment, offset, { start, end: place.end, digest })
  if (batch === undefined || offset < batch.header.baseOffset) return undefined
  const { header, position } = batch
  if (!header.eventChain) {
    const message = `Cannot prove an event of topic "${topic}": its hash chain is over batches`
    throw new VarveError('PROOF_UNSUPPORTED', message, { details: { topic } })
  }
  const events = yield* eventsOf(segment, batch, context)
  const hasher = new LeafHasher(digest)
  const leaves = events.map(({ event, idempotencyKey }) => hasher.hash(leafValue(event, { lineage, idempotencyKey })))
  const previousHash = batch.hashBefore ?? fromHex(segment.hashBefore)
  const hash = hashOf({ ...header, previousHash }, merkleRoot(leaves, digest), digest)
  if (!sameBytes(hash, header.hash)) throw segmentDamaged(segment, position, { reason: 'the chain hash differs' })
  const at = offset - header.baseOffset
  const proven = events[at]
  if (proven === undefined) return undefined
  const { baseOffset, lastOffsetDelta, lowestAt, highestAt, recordedAt } = header
  return {
    format: 1,
    topic,
    lineage,
    event: proven.event as StoredEvent,
    ...(proven.idempotencyKey === undefined ? {} : { idempotencyKey: proven.idempotencyKey }),
    path: merklePath(leaves, at, digest).map(toHex),
    batch: { previousHash: toHex(previousHash), baseOffset, lastOffsetDelta, lowestAt, highestAt, recordedAt },
    hash: toHex(hash),
  }
}

function* eventsOf(segment: SegmentRef, batch: FoundBatch, context: DecodeContext) {
  const { header, position } = batch
  const { preface, plain } = yield* plainOf(segment, { header, position }, context.digest)
  const decoder = yield* valueDecoder(segment, { header, preface }, context)
  return located(segment, position, () => eventsOfBatch(header, plain, { decoder, context }))
}

type HashedFields = Pick<BatchHeader, 'baseOffset' | 'lastOffsetDelta' | 'lowestAt' | 'highestAt' | 'recordedAt'> & {
  readonly previousHash: Uint8Array
}

const NOTHING = new Uint8Array(0)

function hashOf(fields: HashedFields, eventRoot: Uint8Array, digest: Digest): Uint8Array {
  return chainHash(new ByteWriter(256), { ...fields, tableHash: NOTHING, logical: NOTHING, eventRoot, digest })
}

/** Check a proof, which may come from anywhere, such as JSON read by `parseJsonValue`.
 * @returns the chain hash that it proves, 64 hexadecimal digits. It means something only when it is equal to one that
 * is known otherwise, such as that of the receipt or of a later proof's `previousHash`.
 * @throws {VarveError} `PROOF_INVALID` with the reason. */
export function verifyProof(proof: EventProof, digest: Digest = portableDigest): string {
  const { lineage, event, idempotencyKey, path, batch } = checkShape(proof)
  const { baseOffset, lastOffsetDelta } = batch
  let leaf: Uint8Array
  try {
    leaf = new LeafHasher(digest).hash(leafValue(event as LeafEvent, { lineage, idempotencyKey }))
  } catch (cause) {
    if (!isVarveError(cause)) throw cause
    throw invalid('the event has a value that no log holds', cause)
  }
  const place = { leaf, index: event.offset - baseOffset, leaves: lastOffsetDelta + 1 }
  const root = rootOfPath(place, path.map(fromHex), digest)
  if (root === undefined) throw invalid('the path has another length')
  const hash = toHex(hashOf({ ...batch, previousHash: fromHex(batch.previousHash) }, root, digest))
  if (hash !== proof.hash) throw invalid('the event does not lead to the hash')
  return hash
}

const HASH = /^[0-9a-f]{64}$/
const PROOF_FIELDS: ReadonlySet<string> = new Set([
  'format',
  'topic',
  'lineage',
  'event',
  'idempotencyKey',
  'path',
  'batch',
  'hash',
])
const BATCH_FIELDS: ReadonlySet<string> = new Set([
  'previousHash',
  'baseOffset',
  'lastOffsetDelta',
  'lowestAt',
  'highestAt',
  'recordedAt',
])

/** Everything that the hashes take for granted. @throws {VarveError} `PROOF_INVALID`. */
function checkShape(proof: EventProof): EventProof {
  const { format, topic, lineage, event, idempotencyKey, path, batch, hash } = fieldsOf(
    proof,
    'the proof',
    PROOF_FIELDS,
  )
  if (format !== 1) throw invalid(`its format is ${String(format)}; this varve knows 1`)
  check(typeof topic === 'string' && typeof lineage === 'string', 'topic or lineage is no text')
  check(idempotencyKey === undefined || typeof idempotencyKey === 'string', 'the idempotency key is no text')
  check(isHash(hash) && Array.isArray(path) && path.length <= 32 && path.every(isHash), 'a hash is not one')
  const { offset, at, recordedAt } = fieldsOf(event, 'the event', LEAF_FIELDS)
  const head = fieldsOf(batch, 'the batch', BATCH_FIELDS)
  const { baseOffset, lastOffsetDelta } = head
  check(isHash(head.previousHash), 'a hash is not one')
  check(isWhole(baseOffset) && isWhole(lastOffsetDelta) && isWhole(head.recordedAt), 'a number of the batch is not one')
  check(Number.isSafeInteger(head.lowestAt) && Number.isSafeInteger(head.highestAt), 'a time of the batch is not one')
  check(lastOffsetDelta < 2 ** 32 && isWhole(offset), 'an offset is not one')
  check(offset >= baseOffset && offset - baseOffset <= lastOffsetDelta, 'the event is not in the batch')
  const inTime = (at as number) >= (head.lowestAt as number) && (at as number) <= (head.highestAt as number)
  check(inTime && recordedAt === head.recordedAt, 'the times of the event are not those of the batch')
  return proof
}

function fieldsOf(value: unknown, what: string, known: ReadonlySet<string>): Readonly<Record<string, unknown>> {
  check(typeof value === 'object' && value !== null && !Array.isArray(value), `${what} is no object`)
  for (const field of Object.keys(value)) check(known.has(field), `${what} has an unknown field "${field}"`)
  return value as Record<string, unknown>
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value)
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function check(condition: boolean, reason: string): asserts condition {
  if (!condition) throw invalid(reason)
}

function invalid(reason: string, cause?: unknown): VarveError {
  return new VarveError('PROOF_INVALID', `Cannot follow the proof: ${reason}`, { details: { reason }, cause })
}
