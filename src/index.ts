/** varve: an event log that remembers.
 * @module */
export * from './errors.ts'
export type * from './ports/storage.ts'
export type * from './store/types.ts'
export type { StandardSchema } from './topic/schema.ts'
export type * from './topic/types.ts'
