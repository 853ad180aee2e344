/** How the histories of a state are written.
 * @module */
import { checkHistory, type HistoryRow } from './histories.ts'
import { orderedRows } from './named-rows.ts'
import { check } from './shapes.ts'

/** The histories of a state as they are written. */
export function packHistories(rows: readonly HistoryRow[]): unknown {
  return rows
}

/** Check histories that were read, and unpack them. @returns them in the order of a state.
 * @throws {VarveError} `MANIFEST_DAMAGED`. */
export function unpackHistories(stored: unknown): readonly HistoryRow[] {
  check(Array.isArray(stored), 'the histories are not listed')
  for (const row of stored) checkHistory(row)
  return orderedRows(stored, 'a history')
}
