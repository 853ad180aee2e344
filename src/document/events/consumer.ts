/** What takes the structural events of a document: values, events, JSON text are made by consumers that a reader feeds
 * block by block.
 * @module */

export interface EventConsumer {
  /** Take whole events from `bytes[at, end)`; nothing of `bytes` is kept.
   * @returns where it stopped: at `end`; at the beginning of an event that is cut off at `end`, which is given again
   * with more bytes behind it; at a code `keyPages`, which the caller deals with before it goes on elsewhere; or behind
   * the last event of the value, when `done` becomes true.
   * @throws {VarveError} `DECODE_FAILED` {position, found}: events in an impossible order, unknown codes, sizes past
   * the limits of documents, bad UTF-8. */
  push(bytes: Uint8Array, at: number, end: number): number
  /** The value is complete. */
  readonly done: boolean
  /** Structural events taken so far. */
  readonly events: number
}
