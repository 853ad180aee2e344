/** The words of documents: how they are written, opened and read by path.
 * @module */
import type { Path } from './path/path.ts'

/** A value as a flat sequence: containers begin and end, keys come before the values of objects. */
export type StructuralEvent =
  | { readonly type: 'beginObject' | 'endObject' | 'beginArray' | 'endArray' }
  | { readonly type: 'key'; readonly key: string }
  /** A safe integer for a key; addressed by `{7}` in paths. JSON and values show it as a decimal string. */
  | { readonly type: 'intKey'; readonly key: number }
  /** A scalar of the value table, or `undefined`, which values and JSON lack: a field of it is dropped. */
  | { readonly type: 'value'; readonly value: Scalar }
  /** A number literal of JSON kept with all its digits; values show it as a string. */
  | { readonly type: 'decimal'; readonly text: string }

export type Scalar = null | undefined | boolean | number | bigint | string | Uint8Array | Date

export type DocumentBytes = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

export interface WriteDocumentOptions {
  /** Only if the document has this version; 0: only if it does not exist. */
  readonly ifVersion?: number
  /** How many bytes a search may have to pass over, about: fields of so many get an entry in the path index, elements
   * of four times as many, smaller ones are found from the nearest place before. Doubled when the index outgrows its
   * budget. 0 indexes every value, without a budget; `Infinity` only the root. Default 256. */
  readonly thresholdBytes?: number
  /** Called about every MiB. */
  readonly onProgress?: (progress: DocumentProgress) => void
  readonly signal?: AbortSignal
}

export interface WriteJsonOptions extends WriteDocumentOptions {
  /** `refuse`: number literals that a number cannot hold are errors. Default `keep`: as `JSON.parse` reads them. */
  readonly exactNumbers?: 'keep' | 'refuse'
  /** What to do about a key that an object has twice. Default `last`: the last one counts. */
  readonly duplicateKeys?: 'last' | 'refuse'
}

export interface DocumentProgress {
  /** Values done, containers included. */
  readonly values: number
  /** Bytes of the document done: written, or checked. */
  readonly doneBytes: number
  /** Of all, where known. */
  readonly totalBytes?: number
}

export interface DocumentStat {
  readonly name: string
  /** 1 for the first; each write makes it larger, also after a deletion. */
  readonly version: number
  /** Of the file. */
  readonly sizeBytes: number
  /** Of its path index; part of `sizeBytes`. */
  readonly indexBytes: number
  /** Milliseconds since 1970. */
  readonly writtenAt: number
}

/** What a read cost. */
export interface ReadCost {
  /** Calls of the storage. */
  readonly reads: number
  readonly bytesRead: number
  /** Structural events passed over or decoded. */
  readonly eventsScanned: number
}

export interface ReadDocumentOptions {
  /** Called with what the read cost, when it is done. */
  readonly onCost?: (cost: ReadCost) => void
  readonly signal?: AbortSignal
}

export type ChildType =
  | 'object'
  | 'array'
  | 'string'
  | 'number'
  | 'boolean'
  | 'null'
  | 'bigint'
  | 'bytes'
  | 'date'
  | 'decimal'
  | 'undefined'

/** One field of an object, or one element of an array. */
export interface DocumentChild {
  /** Its path from the root. */
  readonly path: string
  readonly key?: string
  readonly intKey?: number
  readonly index?: number
  readonly type: ChildType
  /** Encoded, without the key. */
  readonly sizeBytes: number
  /** The value of a scalar whose encoded size is at most 256 bytes. */
  readonly value?: Scalar
}

export interface ChildrenOptions extends ReadDocumentOptions {
  /** 1 to 1,000; default 100. */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string
}

export interface ChildPage {
  /** Of the container whose children these are. */
  readonly type: 'object' | 'array'
  readonly items: readonly DocumentChild[]
  /** Absent on the last page. */
  readonly nextCursor?: string
}

export interface DocumentMatch {
  readonly path: string
  readonly value: unknown
}

/** One version of a document, open for reads beside each other. It stays readable when a newer version is written. */
export interface OpenDocument extends DocumentStat {
  /** After the index was thinned, if it was. */
  readonly thresholdBytes: number
  /** Values that the index names. */
  readonly entries: number
  /** Places between them where a search may begin. */
  readonly ranges: number
  /** The value at a path, the root by default; undefined where nothing is there.
   * @throws {VarveError} `PATH_INVALID`, `PATH_PLURAL` (wildcards), `DOCUMENT_DAMAGED`. */
  read(path?: string | Path, options?: ReadDocumentOptions): Promise<unknown>
  /** Values at many paths, each block read once. */
  readMany(paths: readonly (string | Path)[], options?: ReadDocumentOptions): Promise<unknown[]>
  has(path: string | Path, options?: ReadDocumentOptions): Promise<boolean>
  /** Children of a container, in document order.
   * @throws {VarveError} `PATH_UNKNOWN`, `PATH_NOT_CONTAINER`, `CURSOR_INVALID`, `OPTION_INVALID`. */
  children(path?: string | Path, options?: ChildrenOptions): Promise<ChildPage>
  /** The structural events of a value. @throws {VarveError} `PATH_UNKNOWN`. */
  events(path?: string | Path, options?: ReadDocumentOptions): AsyncIterable<StructuralEvent>
  /** The JSON text of a value as UTF-8, in pieces of about 64 KiB. @throws {VarveError} `PATH_UNKNOWN`. */
  json(path?: string | Path, options?: ReadDocumentOptions): AsyncIterable<Uint8Array>
  /** Every value that a path with wildcards and slices means, in document order. */
  matches(path: string | Path, options?: ReadDocumentOptions): AsyncIterable<DocumentMatch>
  /** The paths of these values alone, for values that are too large to be held: read their `json` or `events`. */
  paths(path: string | Path, options?: ReadDocumentOptions): AsyncIterable<Path>
  close(): Promise<void>
}

export interface DocumentReport {
  readonly ok: boolean
  readonly bytesChecked: number
  readonly valuesChecked: number
  readonly problems: readonly { readonly code: string; readonly message: string; readonly position?: number }[]
}
