/** Where a snapshot is shown, and what it is of.
 * @module */
import type { SnapshotTarget } from '../../src/index.ts'
import { factsOf, type WebContext } from '../context.ts'

/** Address of the page of a snapshot. */
export function snapshotAddress(c: WebContext, id: string): string {
  return `${factsOf(c).base}/snapshots/${encodeURIComponent(id)}`
}

/** What a snapshot is of. */
export function targetWords({ topic, partition }: SnapshotTarget): string {
  if (topic === undefined) return 'the whole store'
  return partition === undefined ? topic : `${topic}, partition ${partition}`
}
