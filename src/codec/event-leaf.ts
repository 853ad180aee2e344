/** The hash of one event, in a chain over events: SHA-256(`00`, the event as one structural value).
 *
 * The value is an object with these keys in this order, absent ones left out: lineage, partition, offset, id, kind,
 * entity, scope, tags, at, recordedAt, data, meta, correlationId, causationId, lane, depth, schemaVersion, extensions,
 * idempotencyKey. It is the event as it is read, with the lineage of its topic and the key of its append; an id that
 * was not given is the computed one. Bigints that a number holds are written as numbers and every NaN alike, because
 * JSON does not tell them apart.
 *
 * Structural and never packed, so that it depends on the event alone: records need a table of shapes.
 * These values are on disk. Do not change; add a version.
 * @module */
import type { Digest } from './digest.ts'
import { StructuralSink } from './structural.ts'
import { ValueBuffer } from './value-buffer.ts'
import { ValueWalker } from './value-walk.ts'

const LEAF = 0

/** An event as it is read. */
export interface LeafEvent {
  readonly partition: number
  readonly offset: number
  readonly id: string
  readonly kind: string
  readonly entity: string
  readonly scope?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly at: number
  readonly recordedAt: number
  readonly data: unknown
  readonly meta?: unknown
  readonly correlationId?: string | undefined
  readonly causationId?: string | undefined
  readonly lane?: number | undefined
  readonly depth?: number | undefined
  readonly schemaVersion?: number | undefined
  readonly extensions?: unknown
}

/** Fields of `LeafEvent`. */
export const LEAF_FIELDS: ReadonlySet<string> = new Set([
  'partition',
  'offset',
  'id',
  'kind',
  'entity',
  'scope',
  'tags',
  'at',
  'recordedAt',
  'data',
  'meta',
  'correlationId',
  'causationId',
  'lane',
  'depth',
  'schemaVersion',
  'extensions',
])

/** What is hashed: its keys are in the order of the module comment, those of absent fields undefined. */
export interface LeafValue extends LeafEvent {
  readonly lineage: string
  readonly idempotencyKey: string | undefined
}

/** An event as read with what it does not say of itself. */
export function leafValue(event: LeafEvent, facts: Pick<LeafValue, 'lineage' | 'idempotencyKey'>): LeafValue {
  return {
    lineage: facts.lineage,
    partition: event.partition,
    offset: event.offset,
    id: event.id,
    kind: event.kind,
    entity: event.entity,
    scope: event.scope,
    tags: event.tags,
    at: event.at,
    recordedAt: event.recordedAt,
    data: event.data,
    meta: event.meta,
    correlationId: event.correlationId,
    causationId: event.causationId,
    lane: event.lane,
    depth: event.depth,
    schemaVersion: event.schemaVersion,
    extensions: event.extensions,
    idempotencyKey: facts.idempotencyKey,
  }
}

class CanonicalSink extends StructuralSink {
  override number(value: number): void {
    super.number(Number.isNaN(value) ? Number.NaN : value)
  }

  override bigint(value: bigint): boolean {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) return super.bigint(value)
    super.number(number)
    return true
  }
}

/** What was stored had limits; here shared shapes are written out, and the event is a level of its own. */
const LIMITS = { sizeBytes: 2 ** 40, depth: 1_024, nodes: 2 ** 40, keyBytes: 2 ** 40 }

/** Hashes events one after another, reusing its memory. */
export class LeafHasher {
  readonly #digest: Digest
  readonly #out = new ValueBuffer()
  readonly #walker = new ValueWalker(this.#out, LIMITS)
  readonly #sink = new CanonicalSink(this.#out)

  constructor(digest: Digest) {
    this.#digest = digest
  }

  /** Cost: one pass over the event and one SHA-256. @throws {VarveError} `VALUE_UNSUPPORTED` for what cannot be read
   * from a log. */
  hash(value: LeafValue): Uint8Array {
    const out = this.#out
    out.begin()
    out.byte(LEAF)
    this.#walker.walk(value, 'event', this.#sink)
    return this.#digest.sha256(out.bytes.subarray(out.start, out.length))
  }
}
