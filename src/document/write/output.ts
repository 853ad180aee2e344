/** Where the parts of a document go, one call each, in the order in which they are written.
 *
 * Calls never wait: whoever makes many looks at `isFull` between them, and then awaits `drain`. The sequence is checked
 * (`DOCUMENT_SEQUENCE` {found, expected, path}), and so are the limits of documents (`DOCUMENT_LIMIT` {limit,
 * limitName, found, path}), by the output.
 * @module */
import type { Maybe } from '../../ports/storage.ts'

/** Limits of a document: 1,024 containers inside each other, keys of 64 KiB, scalars of 256 MiB. */
export const DOCUMENT_LIMITS = { depth: 1_024, keyBytes: 65_536, scalarBytes: 268_435_456 } as const

export interface DocumentOutput {
  null(): void
  boolean(value: boolean): void
  number(value: number): void
  bigint(value: bigint): void
  /** Any string, also one with lone surrogates. */
  string(value: string): void
  /** A string as UTF-8 that is known to be well-formed: `bytes[start, end)`, copied. */
  utf8(bytes: Uint8Array, start: number, end: number): void
  /** The number m / 10^e: m a non-zero safe integer, e from 1 to 22. For readers of number literals; `number` finds
   * the same form by itself. */
  scaled(m: number, e: number): void
  bytes(value: Uint8Array): void
  /** Milliseconds since 1970, whole. */
  date(at: number): void
  /** A number literal of JSON, kept as it is. */
  decimal(text: string): void
  undefined(): void
  beginObject(): void
  endObject(): void
  beginArray(): void
  endArray(): void
  /** The key of the value that comes next. */
  key(key: string): void
  /** The same as UTF-8 that is known to be well-formed. */
  keyUtf8(bytes: Uint8Array, start: number, end: number): void
  intKey(key: number): void
  /** Values written so far, containers included. */
  readonly values: number
  /** Where the next value goes, as a path, for errors. Cost: the depth. */
  path(): string
  /** Whether `drain` should be awaited before the next call. */
  readonly isFull: boolean
  /** Write what has been collected. */
  drain(): Maybe<void>
}
