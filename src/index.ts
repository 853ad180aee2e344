/** varve: an event log that remembers. Append events, read them back in order, follow them live; lose nothing.
 * @module */
export { parseJsonValue, stringifyValue, toJsonValue } from './codec/values.ts'
export * from './errors.ts'
export { type Clock, systemClock } from './ports/clock.ts'
export { portableDigest } from './ports/digest.ts'
export type { Owner, OwnerPort } from './ports/owner.ts'
export { type Random, randomId, systemRandom } from './ports/random.ts'
export type * from './ports/storage.ts'
export { openStore } from './store/open.ts'
export type * from './store/types.ts'
export { partitionOf } from './topic/prepare.ts'
export type { StandardSchema } from './topic/schema.ts'
export type * from './topic/types.ts'
