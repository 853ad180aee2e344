/** Errors as problem details (RFC 9457), and what of an error each reader may see.
 *
 * A message may name files and what the operating system said, so only an admin is told the message and the details
 * of failures below the API; everybody else gets the code, its hint and the request id. Stacks and causes go to
 * nobody: they belong in the server's log.
 * @module */
import { type ErrorCode, type ErrorKind, isVarveError, stringifyValue, VarveError } from '../src/index.ts'
import type { AppOptions, Role } from './context.ts'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail?: string
  readonly details: Readonly<Record<string, unknown>>
  readonly hint?: string
  readonly retryable: boolean
  readonly requestId: string
}

export const PROBLEM_TYPE = 'application/problem+json'

const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  busy: 503,
  full: 507,
  denied: 403,
  unavailable: 503,
  corrupt: 500,
  unsupported: 501,
  gone: 410,
  closed: 503,
  internal: 500,
}

const STATUS_OF_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  EVENT_INVALID: 422,
  VALUE_UNSUPPORTED: 422,
  SCHEMA_REJECTED: 422,
  PARTITION_SPANNED: 422,
  EVENT_TOO_LARGE: 413,
  APPEND_TOO_LARGE: 413,
  DOCUMENT_LIMIT: 413,
  BODY_TOO_LARGE: 413,
  BODY_TIMEOUT: 408,
  URL_TOO_LONG: 414,
  MEDIA_TYPE_UNSUPPORTED: 415,
  HOST_UNKNOWN: 421,
  METHOD_UNSUPPORTED: 405,
  PROJECTION_BUSY: 409,
  SNAPSHOT_TOO_SOON: 409,
  SNAPSHOT_BUSY: 409,
  RATE_LIMITED: 429,
  AUTH_REQUIRED: 401,
}

/** Kinds whose message and details speak of the place where the files are. */
const INNER: ReadonlySet<ErrorKind> = new Set(['full', 'denied', 'unavailable', 'corrupt', 'unsupported', 'internal'])
/** Codes of those kinds that the app itself raises: their message is about the request. */
const OUTER: ReadonlySet<ErrorCode> = new Set(['AUTH_REQUIRED', 'ACCESS_DENIED', 'ORIGIN_DENIED'])

/** Codes of what a caller believed of a version. */
const BELIEFS: ReadonlySet<ErrorCode> = new Set(['VERSION_CONFLICT', 'DOCUMENT_CONFLICT', 'HISTORY_CONFLICT'])

/** The HTTP status of a code. */
export function statusOf(kind: ErrorKind, code: ErrorCode): number {
  return STATUS_OF_CODE[code] ?? STATUS_OF_KIND[kind]
}

/** Make any thrown value a `VarveError`; what is not one becomes `INTERNAL`. */
export function toVarveError(error: unknown): VarveError {
  if (isVarveError(error)) return error
  return new VarveError('INTERNAL', 'Cannot complete the request', { cause: error })
}

/** Hand a failure that is the server's own, not the caller's, to its log. */
export function logFailure(thrown: unknown, { options, requestId }: { options: AppOptions; requestId: string }): void {
  const error = toVarveError(thrown)
  if (error.kind === 'internal' || error.kind === 'corrupt') options.onError?.(error.cause ?? error, { requestId })
}

/** Tell an error as `role` may see it. */
export function problemOf(
  thrown: unknown,
  facts: { requestId: string; role?: Role | undefined; preconditioned?: boolean | undefined },
): Problem {
  const error = toVarveError(thrown)
  const { code, kind } = error
  const told = facts.role === 'admin' || !INNER.has(kind) || OUTER.has(code)
  return {
    type: `urn:varve:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title: `${code.charAt(0)}${code.slice(1).toLowerCase().replaceAll('_', ' ')}`,
    // What the caller believed stood in a header of the request, so HTTP has a status of its own for it.
    status: facts.preconditioned === true && BELIEFS.has(code) ? 412 : statusOf(kind, code),
    code,
    ...(told && { detail: error.message }),
    details: told ? error.details : {},
    ...(error.hint !== undefined && { hint: error.hint }),
    retryable: error.retryable,
    requestId: facts.requestId,
  }
}

/** Print a problem as JSON; details that are not JSON are left out rather than failing the answer. */
export function problemText(problem: Problem): string {
  try {
    return stringifyValue(problem)
  } catch {
    return JSON.stringify({ ...problem, details: {} })
  }
}

/** Headers that belong to an error whatever its body is. */
export function problemHeaders(problem: Problem): Record<string, string> {
  if (problem.code === 'AUTH_REQUIRED') return { 'www-authenticate': 'Bearer' }
  const { retryAfterMs, actual, found } = problem.details
  const version = problem.code === 'VERSION_CONFLICT' ? actual : found
  if (problem.status === 412 && typeof version === 'number') return { etag: `"${version}"` }
  if (problem.status === 405) return { allow: String(problem.details.allow ?? '') }
  const waits = problem.status === 429 || (problem.retryable && (problem.status === 503 || problem.status === 409))
  if (!waits) return {}
  return { 'retry-after': String(typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs / 1_000) : 1) }
}
