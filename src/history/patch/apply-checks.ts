/** What is looked at before a patch is applied, and the error when it does not fit.
 * @module */
import { VarveError } from '../../errors.ts'

/** An error for a patch that does not fit. */
export function unfit(reason: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot apply a change: ${reason}`, { details: { reason } })
}

/** Whether a private value is an object with fields. */
export function isFields(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !(value instanceof Uint8Array) && !(value instanceof Date)
}

/** Whether `[start, start + length)` is inside of `[0, end)`. */
export function isRange(start: number, length: number, end: number): boolean {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(length)) return false
  return start >= 0 && length >= 0 && start + length <= end
}
