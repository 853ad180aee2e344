/** The authority on what exists: records, epochs, takeover, commit points and head files.
 * @module */
export { type Acquired, type AcquireOptions, acquire } from './acquire.ts'
export { headEpoch, headName, manifestEpoch, manifestName } from './files.ts'
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
export { OwnedManifest } from './manifest.ts'
export type { PartitionRow, ProvenEnd, Seal, SegmentRow, TopicRow } from './shapes.ts'
export * from './state.ts'
export { type Lock, type ManifestView, type Note, readManifest } from './survey.ts'
