/** Rows of snapshots that hold nothing.
 * @module */
import type { SnapshotInfo } from '../../../src/snapshot/types.ts'

/** The row of a snapshot that was made at a moment. */
export function rowOf(timestamp: number, facts: Partial<SnapshotInfo> = {}): SnapshotInfo {
  return {
    id: `snapshot-${timestamp}`,
    timestamp,
    pinned: false,
    topics: 0,
    documents: 0,
    histories: 0,
    projections: 0,
    events: 0,
    headHash: '0'.repeat(64),
    numSegments: 0,
    totalSizeBytes: 0,
    ...facts,
  }
}
