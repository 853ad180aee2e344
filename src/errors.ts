/** Everything that can go wrong in a way a caller can meet: one class, a coarse `kind` for machines, an exact `code`.
 *
 * Codes are public API, messages are not. `details` is plain data with units, never a stack, and paths in it are
 * store-relative. Programmer mistakes inside varve itself throw `AssertionError` from `assert`.
 * @module */

/** What a caller does about it: see the table of kinds in the README. */
export type ErrorKind =
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'busy'
  | 'full'
  | 'denied'
  | 'unavailable'
  | 'corrupt'
  | 'unsupported'
  | 'gone'
  | 'closed'
  | 'internal'

interface CodeFacts {
  readonly kind: ErrorKind
  /** The same call may succeed later without a change. */
  readonly retryable?: true
  readonly hint?: string
}

/** Every code, grouped by when it can happen: the kind, whether a retry helps, and what to do. */
export const ERROR_CODES = {
  // Arguments of a call.
  OPTION_INVALID: { kind: 'invalid' },
  NAME_INVALID: {
    kind: 'invalid',
    hint: 'Use 1 to 128 letters, digits, dots, dashes and underscores, beginning with a letter or a digit',
  },
  EVENT_INVALID: { kind: 'invalid' },
  VALUE_UNSUPPORTED: { kind: 'invalid', hint: 'Convert the value at this path to one that the value table lists' },
  EVENT_TOO_LARGE: { kind: 'invalid', hint: 'Store a document and append `documentRef(name)`' },
  APPEND_TOO_LARGE: { kind: 'invalid', hint: 'Split the call; NDJSON over HTTP and the CLI split by themselves' },
  SCHEMA_REJECTED: { kind: 'invalid' },
  PROOF_UNSUPPORTED: { kind: 'unsupported', hint: "Create the topic with `chain: 'events'`" },
  PROOF_INVALID: { kind: 'invalid' },
  PARTITION_SPANNED: { kind: 'invalid', hint: 'Append the events of each partition in a call of their own' },
  PARTITION_UNKNOWN: { kind: 'invalid' },
  OFFSET_OUT_OF_RANGE: { kind: 'invalid' },
  CURSOR_INVALID: { kind: 'invalid', hint: 'Start again without a cursor' },
  CURSOR_FOREIGN: { kind: 'invalid', hint: 'The cursor belongs to another topic or store; start again without it' },
  JSON_INVALID: { kind: 'invalid' },
  KEY_DUPLICATE: { kind: 'invalid', hint: 'Give each key of an object once, or let the last one count' },
  PATH_INVALID: { kind: 'invalid', hint: 'Write fields as `a.b`, `a."odd key"`, elements as `a[0]`' },
  PATH_PLURAL: { kind: 'invalid', hint: 'Use `matches` for paths with wildcards and slices' },
  PATH_NOT_CONTAINER: { kind: 'invalid' },
  DOCUMENT_SEQUENCE: { kind: 'invalid' },
  DOCUMENT_LIMIT: { kind: 'invalid' },
  VERSION_OUT_OF_RANGE: { kind: 'invalid' },
  PROJECTION_UNDEFINED: {
    kind: 'unsupported',
    hint: 'Open the projection with its `fold`; only its states are stored',
  },
  // Things named by a call.
  TOPIC_UNKNOWN: {
    kind: 'not-found',
    hint: 'Create it: open with `create`, POST /api/topics or `varve topics create`',
  },
  EVENT_UNKNOWN: { kind: 'not-found' },
  DOCUMENT_UNKNOWN: { kind: 'not-found', hint: 'Write it first; `store.documents.list()` names those that exist' },
  PATH_UNKNOWN: { kind: 'not-found' },
  HISTORY_UNKNOWN: {
    kind: 'not-found',
    hint: 'Create it: open with `create`, POST /api/histories, or `varve history append --create`',
  },
  VERSION_UNKNOWN: { kind: 'not-found', hint: '`list` names the versions that exist' },
  PROJECTION_UNKNOWN: { kind: 'not-found', hint: 'Create it: open with `create` and a `fold`' },
  PROJECTION_EMPTY: { kind: 'not-found', hint: 'Run it first' },
  SNAPSHOT_UNKNOWN: { kind: 'not-found', hint: '`varve snapshot ls` names those that exist' },
  JOB_UNKNOWN: { kind: 'not-found' },
  FILE_MISSING: { kind: 'not-found' },
  // Decisions.
  VERSION_CONFLICT: { kind: 'conflict', hint: 'Read the entity again and decide again' },
  CONDITION_FAILED: { kind: 'conflict', hint: 'Read what was appended meanwhile and decide again' },
  KEY_REUSED: { kind: 'conflict', hint: 'Use a new idempotency key for other events' },
  TOPIC_EXISTS: { kind: 'conflict', hint: 'Open it without `create`, or with the options it has' },
  DOCUMENT_CONFLICT: { kind: 'conflict', hint: 'Read the document again and decide again' },
  HISTORY_CONFLICT: { kind: 'conflict', hint: 'Read the newest version and decide again' },
  HISTORY_EXISTS: { kind: 'conflict', hint: 'Open it without `create`, or with the options it has' },
  PROJECTION_EXISTS: { kind: 'conflict', hint: 'Open it without `create`, or with the options it has' },
  SNAPSHOT_PINNED: { kind: 'conflict', hint: 'Unpin it first' },
  SNAPSHOT_IN_USE: { kind: 'conflict', retryable: true, hint: 'It is being restored, exported or verified; wait' },
  RESTORE_NOT_EMPTY: { kind: 'conflict', hint: 'Choose an empty place, or replace what is there with `overwrite`' },
  RESTORE_LIVE: { kind: 'conflict', hint: 'Restore beside the open store, then open what was restored' },
  FILE_EXISTS: { kind: 'conflict' },
  // What was there once.
  OFFSET_PRUNED: { kind: 'gone', hint: 'Read from the log start offset on' },
  VERSION_GONE: { kind: 'gone', hint: '`list` names the versions that are kept; pin those that must stay' },
  TOPIC_DELETED: { kind: 'gone', hint: 'Open the topic again; it may have been created anew' },
  // Waiting.
  QUEUE_FULL: { kind: 'busy', retryable: true, hint: 'Wait for earlier appends before adding more' },
  PROJECTION_BUSY: { kind: 'busy', hint: 'It runs already; wait for it, or stop it' },
  SNAPSHOT_TOO_SOON: { kind: 'busy', retryable: true, hint: 'Wait for the time given, or set `minIntervalMs`' },
  SNAPSHOT_BUSY: { kind: 'busy', retryable: true, hint: 'Another snapshot is being made or removed; wait for it' },
  STORE_LOCKED: {
    kind: 'busy',
    retryable: true,
    hint: 'Close the owner, use its HTTP API, or open with `readOnly`',
  },
  // The place where the files are.
  STORAGE_FULL: { kind: 'full', retryable: true, hint: 'Free space on the device, then call again' },
  STORAGE_DENIED: { kind: 'denied', hint: 'Give this user the right to read and write the directory' },
  STORAGE_UNAVAILABLE: { kind: 'unavailable', retryable: true },
  CAPABILITY_MISSING: { kind: 'unsupported' },
  // The store as a whole.
  STORE_MISSING: { kind: 'not-found', hint: 'Check the path; opening for writing creates a store' },
  STORE_FOREIGN: { kind: 'invalid', hint: 'The directory holds something else; choose an empty one' },
  STORE_OPEN_HERE: {
    kind: 'conflict',
    hint: 'Share one store per process; keep it on globalThis across module reloads',
  },
  SNAPSHOT_READ_ONLY: { kind: 'denied', hint: 'Restore it somewhere else, or open it with `readOnly`' },
  STORE_READ_ONLY: { kind: 'denied', hint: 'Open without `readOnly` to write' },
  STORE_CLOSED: { kind: 'closed' },
  STORE_POISONED: {
    kind: 'unavailable',
    hint: 'A sync failed, so the durability of unacknowledged events is unknown: close the store and open it again',
  },
  STORE_FENCED: { kind: 'unavailable', hint: 'Another process took the store over; close this one' },
  SCHEMA_NEWER: { kind: 'unsupported', hint: 'Upgrade the program that reads, or give it an upcast to this version' },
  UPCAST_FAILED: { kind: 'internal', hint: 'Mend the upcast of this kind; the event is stored as it was appended' },
  PROJECTION_FAILED: { kind: 'internal', hint: 'Mend the fold for this event and run the projection again' },
  FORMAT_NEWER: { kind: 'unsupported', hint: 'Upgrade varve to open this store' },
  // Damage.
  MANIFEST_DAMAGED: {
    kind: 'corrupt',
    hint: 'Restore the file from a backup, or a snapshot; `varve verify` shows what is readable',
  },
  SEGMENT_DAMAGED: {
    kind: 'corrupt',
    hint: 'Run `varve verify`, then restore the named file from a backup, or a snapshot that was exported',
  },
  SEGMENT_MISSING: { kind: 'corrupt', hint: 'Restore the named file from a backup, or from a snapshot' },
  VERSIONS_DAMAGED: { kind: 'corrupt', hint: 'Restore the named file from a backup' },
  SEGMENT_FOREIGN: { kind: 'corrupt', hint: 'The named file belongs elsewhere; put the right one back' },
  DOCUMENT_DAMAGED: { kind: 'corrupt', hint: 'Run `varve doc verify`, then restore the named file from a backup' },
  DOCUMENT_MISSING: { kind: 'corrupt', hint: 'Restore the named file from a backup, or from a snapshot' },
  VERSION_DAMAGED: {
    kind: 'corrupt',
    hint: 'Other versions are unharmed; restore the named file from a backup to have these again',
  },
  SNAPSHOT_DAMAGED: { kind: 'corrupt', hint: 'Others are unharmed: `varve snapshot verify` says which' },
  DECODE_FAILED: { kind: 'corrupt' },
  // Doors.
  BODY_TOO_LARGE: { kind: 'invalid', hint: 'Send NDJSON, which has no total limit' },
  BODY_TIMEOUT: { kind: 'busy', retryable: true },
  URL_TOO_LONG: { kind: 'invalid' },
  MEDIA_TYPE_UNSUPPORTED: { kind: 'invalid' },
  AUTH_REQUIRED: { kind: 'denied' },
  ACCESS_DENIED: { kind: 'denied' },
  ORIGIN_DENIED: { kind: 'denied' },
  HOST_UNKNOWN: { kind: 'invalid' },
  ROUTE_UNKNOWN: { kind: 'not-found' },
  METHOD_UNSUPPORTED: { kind: 'invalid' },
  RATE_LIMITED: { kind: 'busy', retryable: true },
  PORT_BUSY: { kind: 'busy', retryable: true, hint: 'Stop the other program, or choose another port with --port' },
  INTERNAL: { kind: 'internal' },
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof ERROR_CODES

/** Facts of one failure, plain data with units in the names. */
export type ErrorDetails = Readonly<Record<string, unknown>>

const BRAND = Symbol.for('varve.error')

/** The one error class of varve. Recognise it with `isVarveError`, which also works across copies of the module. */
export class VarveError extends Error {
  override readonly name = 'VarveError'
  readonly kind: ErrorKind
  readonly code: ErrorCode
  readonly details: ErrorDetails
  /** The same call may succeed later without a change. */
  readonly retryable: boolean
  /** What to do about it, in one sentence. */
  readonly hint: string | undefined
  readonly [BRAND] = true

  /** @param message says which action failed, sentence case, without a full stop. */
  constructor(
    code: ErrorCode,
    message: string,
    facts: { details?: ErrorDetails; cause?: unknown; retryable?: boolean; hint?: string } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    const known: CodeFacts = ERROR_CODES[code]
    this.code = code
    this.kind = known.kind
    this.retryable = facts.retryable ?? known.retryable ?? false
    this.hint = facts.hint ?? known.hint
    this.details = facts.details ?? {}
  }
}

/** Tell whether `error` is a `VarveError`, and of this `code` when given. */
export function isVarveError<C extends ErrorCode>(
  error: unknown,
  code?: C,
): error is VarveError & { readonly code: C } {
  if (typeof error !== 'object' || error === null || !(BRAND in error) || !('code' in error)) return false
  return code === undefined || error.code === code
}

/** A broken invariant of varve itself. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Check an invariant. @throws {AssertionError} naming the invariant when it does not hold. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(`Invariant broken: ${invariant}`)
}
