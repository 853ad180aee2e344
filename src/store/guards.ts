/** What every call asks of its store before it begins.
 * @module */
import { VarveError } from '../errors.ts'
import type { LogContext } from '../topic/context.ts'

/** @param action what cannot be done then, such as `open a topic`. @throws {VarveError} `STORE_CLOSED`. */
export function checkOpen({ closing }: Pick<LogContext, 'closing'>, action: string): void {
  if (closing.aborted) throw new VarveError('STORE_CLOSED', `Cannot ${action}: the store is closed`)
}

/** @throws {VarveError} `STORE_CLOSED`, `STORE_READ_ONLY`, and why nothing is written any more. */
export function checkWritable(context: Pick<LogContext, 'closing' | 'readOnly' | 'health'>, action: string): void {
  checkOpen(context, action)
  const { readOnly, health } = context
  if (readOnly) throw new VarveError('STORE_READ_ONLY', `Cannot ${action}: the store is open read-only`)
  if (health.failure !== undefined) throw health.failure
}
