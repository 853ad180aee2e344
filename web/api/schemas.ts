/** JSON schemas of the bodies that routes take, for the document. The library checks what is sent; these only say it.
 * @module */

type Schema = Readonly<Record<string, unknown>>

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const whole = { type: 'integer', minimum: 0 } as const
const number32 = { type: 'integer', minimum: 0, maximum: 4_294_967_295 } as const
/** A name that becomes a file. */
const NAME = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' } as const
const texts = { type: 'array', items: text } as const

function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, ...(required.length > 0 && { required }), additionalProperties: false }
}

function oneOrMany(schema: Schema): Schema {
  return { oneOf: [schema, { type: 'array', items: schema }] }
}

/** One event to append. */
export const EVENT_SCHEMA = object(
  {
    kind: text,
    entity: text,
    data: {},
    scope: text,
    tags: { ...texts, maxItems: 16 },
    at: { type: 'integer' },
    id: text,
    meta: {},
    correlationId: text,
    causationId: text,
    lane: number32,
    depth: number32,
    schemaVersion: number32,
    extensions: {},
  },
  ['kind', 'entity', 'data'],
)

const EXPECTATION = object(
  { entity: text, version: { oneOf: [whole, { type: 'string', enum: ['none', 'exists'] }] } },
  ['entity', 'version'],
)

const CLAUSE = object({ kinds: texts, tags: texts, entity: text })

/** A call with its options. */
export const CALL_SCHEMA = object(
  {
    events: oneOrMany(EVENT_SCHEMA),
    expect: oneOrMany(EXPECTATION),
    condition: object({ query: oneOrMany(CLAUSE), after: whole }, ['query', 'after']),
    idempotencyKey: text,
    durability: { type: 'string', enum: ['synced', 'buffered'] },
    partition: whole,
  },
  ['events'],
)

export const APPEND_SCHEMA: Schema = {
  oneOf: [EVENT_SCHEMA, { type: 'array', items: EVENT_SCHEMA, minItems: 1 }, CALL_SCHEMA],
}

const CHANGEABLE_PROPERTIES = {
  segmentBytes: { type: 'integer', minimum: 1_048_576, maximum: 1_073_741_824 },
  retention: object({ maxAgeMs: whole, maxBytes: whole, maxEvents: whole }),
  compression: { type: 'string', enum: ['none', 'deflate'] },
  idempotency: object({ windowMs: whole, windowKeys: whole }),
} as const

export const CHANGE_SCHEMA = object(CHANGEABLE_PROPERTIES)

export const CREATE_SCHEMA = object(
  {
    topic: NAME,
    partitions: { type: 'integer', minimum: 1, maximum: 1_024 },
    chain: { type: 'string', enum: ['batches', 'events'] },
    ...CHANGEABLE_PROPERTIES,
  },
  ['topic'],
)

export const PRUNE_SCHEMA = object({ dryRun: { type: 'boolean' }, before: whole, partition: whole, confirm: text })

export const VERIFY_SCHEMA = object({
  head: object({ topic: text, partition: whole, offset: whole, hash: { type: 'string', pattern: '^[0-9a-f]{64}$' } }, [
    'topic',
    'offset',
    'hash',
  ]),
})

const TIER = object({ forMs: { oneOf: [whole, { type: 'null' }] }, everyMs: { type: 'integer', minimum: 1 } }, [
  'forMs',
])

const HISTORY_PROPERTIES = {
  keyframeInterval: { type: 'integer', minimum: 1, maximum: 10_000 },
  keyField: text,
  tiers: object({ raw: TIER, compressed: TIER, archive: TIER }),
} as const

export const HISTORY_CHANGE_SCHEMA = object(HISTORY_PROPERTIES)

export const HISTORY_CREATE_SCHEMA = object({ history: NAME, ...HISTORY_PROPERTIES }, ['history'])

export const CLEANUP_SCHEMA = object({ dryRun: { type: 'boolean' }, now: { type: 'integer' }, confirm: text })

const TARGET_PROPERTIES = { topic: text, partition: whole, label: text } as const

export const SNAPSHOT_CREATE_SCHEMA = object({
  ...TARGET_PROPERTIES,
  pinned: { type: 'boolean' },
  minIntervalMs: whole,
})

const UNTIL: Schema = {
  oneOf: [
    object({ offset: { oneOf: [whole, { type: 'array', items: whole, minItems: 1 }] } }, ['offset']),
    object({ time: { type: 'integer' } }, ['time']),
  ],
}

export const RESTORE_SCHEMA: Schema = {
  ...object({ as: NAME, directory: NAME, topic: text, until: UNTIL, overwrite: { type: 'boolean' } }),
  oneOf: [{ required: ['as'] }, { required: ['directory'] }],
}

export const FORK_SCHEMA = object({ as: NAME, until: UNTIL }, ['as'])

export const SNAPSHOT_CLEANUP_SCHEMA = object({
  dryRun: { type: 'boolean' },
  policy: object({ maxSnapshots: { type: 'integer', minimum: 1 }, retentionTimeMs: whole, minIntervalMs: whole }),
})

export const SCHEDULE_SCHEMA = object(
  { ...TARGET_PROPERTIES, everyMs: { type: 'integer', minimum: 60_000 }, jitterMs: whole },
  ['everyMs'],
)

/** Any JSON value. */
export const ANY_SCHEMA: Schema = {}
