/** The authority on what exists: records, epochs, takeover, commit points and head files.
 * @module */
export { type Acquired, type AcquireOptions, acquire, type Beginning, type ClaimedPlace } from './acquire.ts'
export { type Lineages, lineageAt } from './ancestors.ts'
export { type DocumentRow, findDocument } from './documents.ts'
export { applyRecord } from './draft.ts'
export { headEpoch, headName, manifestEpoch, manifestName, partitionDirectory } from './files.ts'
export {
  damagedSlots,
  HEARTBEAT_INTERVAL_MS,
  type Head,
  type HeadEnd,
  HeadFile,
  type HeadSlot,
  OWNER_SILENCE_MS,
  readHead,
} from './head.ts'
export {
  findHistory,
  type GroupRow,
  type HistoryRow,
  type HistoryRowOptions,
  hasVersion,
  TIERS,
  type TierRow,
} from './histories.ts'
export { OwnedManifest } from './manifest.ts'
export { findRow, orderedRows } from './named-rows.ts'
export { findProjection, ownName, type ProjectionFailure, type ProjectionRow } from './projections.ts'
export * from './records.ts'
export type {
  AncestorRow,
  PartitionRow,
  ProvenEnd,
  Removal,
  Seal,
  SegmentRow,
  TopicRow,
  TopicRowOptions,
} from './shapes.ts'
export * from './state.ts'
export { type Lock, type ManifestView, type Note, readManifest } from './survey.ts'
