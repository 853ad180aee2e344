/** Turns what the operating system says into a `VarveError`, once, at the edge.
 * @module */
import { type ErrorCode, VarveError } from '../../src/errors.ts'

const FAILURES: Readonly<Record<string, { code: ErrorCode; reason: string }>> = {
  ENOENT: { code: 'FILE_MISSING', reason: 'it does not exist' },
  EEXIST: { code: 'FILE_EXISTS', reason: 'it exists already' },
  ENOSPC: { code: 'STORAGE_FULL', reason: 'no space is left on the device' },
  EDQUOT: { code: 'STORAGE_FULL', reason: 'the disk quota is used up' },
  EACCES: { code: 'STORAGE_DENIED', reason: 'permission denied' },
  EPERM: { code: 'STORAGE_DENIED', reason: 'operation not permitted' },
  EROFS: { code: 'STORAGE_DENIED', reason: 'the file system is read-only' },
}

/** Conditions of the moment: the same call may succeed when nothing interrupts it, or something else let go of a
 * descriptor or a lock. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'EINTR'])

/** The errno name of a native error (`ENOENT`), or an empty string. */
export function errnoOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // Deno refuses by its own permissions before it asks the system.
  return 'name' in error && error.name === 'NotCapable' ? 'EACCES' : ''
}

/** Whether a read or write that failed so has done nothing and is simply made again. */
export function isInterrupted(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'EINTR' || errno === 'EAGAIN'
}

/** Wrap a native error. The message names the action and the store-relative path; `cause` keeps the original.
 * @param action completes "Cannot ...", such as `append to`. */
export function storageError(action: string, path: string, cause: unknown): VarveError {
  if (cause instanceof VarveError) return cause
  const errno = errnoOf(cause)
  const known = FAILURES[errno]
  const what = path === '' ? 'the root directory' : `"${path}"`
  const message = `Cannot ${action} ${what}: ${known?.reason ?? (errno || 'the call failed')}`
  const details = { path, action, ...(errno !== '' && { errno }) }
  if (known !== undefined) return new VarveError(known.code, message, { details, cause })
  return new VarveError('STORAGE_UNAVAILABLE', message, { details, cause, retryable: PASSING.has(errno) })
}

/** The answer of a handle after `close`. */
export function closedError(path: string): VarveError {
  return new VarveError('STORE_CLOSED', `Cannot use "${path}": its handle is closed`, { details: { path } })
}
