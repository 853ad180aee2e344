/** varve: an event log that remembers. Append events, read them back in order, follow them live; lose nothing.
 * @module */
export { parseJsonValue, stringifyValue, toJsonValue } from './codec/values.ts'
export {
  eventsToJson,
  eventsToValue,
  type JsonToEventsOptions,
  jsonToEvents,
  valueToEvents,
} from './document/events/conversions.ts'
export { EventSequence } from './document/events/sequence.ts'
export { Path, type Step } from './document/path/path.ts'
export { type DocumentRef, documentRef, isDocumentRef } from './document/reference.ts'
export type * from './document/types.ts'
export { DOCUMENT_LIMITS } from './document/write/output.ts'
export * from './errors.ts'
export type { Patch } from './history/patch/patch.ts'
export type * from './history/types.ts'
export { diffValues, invertPatch, patchValue } from './history/values.ts'
export { type Clock, systemClock } from './ports/clock.ts'
export { type Compression, portableCompression } from './ports/compression.ts'
export { portableDigest } from './ports/digest.ts'
export type { Owner, OwnerPort } from './ports/owner.ts'
export { type Random, randomId, systemRandom } from './ports/random.ts'
export type * from './ports/storage.ts'
export type * from './projection/types.ts'
export type * from './snapshot/types.ts'
export { isName } from './store/names.ts'
export { openStore } from './store/open.ts'
export type * from './store/types.ts'
export { type VerifyStorageOptions, verifyStorage } from './store/verify.ts'
export { partitionOf } from './topic/prepare.ts'
export { verifyProof } from './topic/proof.ts'
export type { StandardSchema } from './topic/schema.ts'
export type * from './topic/types.ts'
