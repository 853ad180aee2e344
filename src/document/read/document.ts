/** An open document: reads by path, beside each other.
 * @module */

import { ValueBuilder } from '../../codec/value-builder.ts'
import { VarveError } from '../../errors.ts'
import { nextTurn } from '../../ports/clock.ts'
import type { Maybe } from '../../ports/storage.ts'
import type { EventConsumer } from '../events/consumer.ts'
import { EventList } from '../events/list.ts'
import { FEATURE_DUPLICATES } from '../file-format.ts'
import { ITEM } from '../index/format.ts'
import { JsonText } from '../json/text.ts'
import { Path, toPath, toSinglePath } from '../path/path.ts'
import type {
  ChildPage,
  ChildrenOptions,
  DocumentChild,
  DocumentMatch,
  OpenDocument,
  ReadDocumentOptions,
  StructuralEvent,
} from '../types.ts'
import { type FoundChild, type FoundChildren, listChildren, stepOf } from './children.ts'
import { decodeCursor, encodeCursor, invalidCursor, type PageCursor } from './cursor.ts'
import { feed } from './feed.ts'
import { locate, Place } from './locate.ts'
import { type MatchSource, matchesOf } from './matches.ts'
import { type DocumentParts, damaged, type OpenedFile, openFile } from './open-file.ts'
import { readMany } from './read-many.ts'
import { Scanner } from './scanner.ts'
import { SEARCH } from './search.ts'
import { drive, type Reading, TURN_LOADS, Window } from './window.ts'

export type { DocumentParts } from './open-file.ts'

/** Texts of paths that are kept parsed. */
const PATHS_KEPT = 512
/** Short reads of a long search between two turns of the event loop. */
const TURN_RUNS = 256
const CHILDREN_MAX = 1_000
const CHILDREN_DEFAULT = 100

/** Open one version of a document. Cost: two reads, and a pass over its index.
 * @throws {VarveError} `DOCUMENT_MISSING`, `DOCUMENT_DAMAGED`, `FORMAT_NEWER`, and what the storage throws. */
export async function openDocumentFile(parts: DocumentParts): Promise<OpenDocument> {
  return new DocumentFile(parts, await openFile(parts))
}

/** A document whose file was opened before. */
export function openedDocument(parts: DocumentParts, opened: OpenedFile): OpenDocument {
  return new DocumentFile(parts, opened)
}

class DocumentFile implements OpenDocument {
  readonly name: string
  readonly version: number
  readonly sizeBytes: number
  readonly indexBytes: number
  readonly writtenAt: number
  readonly thresholdBytes: number
  readonly #parts: DocumentParts
  readonly #opened: OpenedFile
  readonly #paths = new Map<string, Path>()
  /** A place that no reading uses now. */
  #spare: Place | undefined
  #closing: Promise<void> | undefined

  constructor(parts: DocumentParts, opened: OpenedFile) {
    this.#parts = parts
    this.#opened = opened
    this.name = parts.stat.name
    this.version = parts.stat.version
    this.sizeBytes = parts.stat.sizeBytes
    this.indexBytes = parts.stat.indexBytes
    this.writtenAt = parts.stat.writtenAt
    this.thresholdBytes = opened.trailer.threshold
  }

  get entries(): number {
    return this.#opened.index.items.count - this.ranges
  }

  get ranges(): number {
    let ranges = 0
    for (const kind of this.#opened.index.items.kinds) if (kind === ITEM.range) ranges++
    return ranges
  }

  async read(path?: string | Path, options: ReadDocumentOptions = {}): Promise<unknown> {
    const route = this.#opened.index.routeOf(this.#path(path))
    return this.#run(options, (place) => {
      place.begin(route)
      return this.#value(place)
    })
  }

  /** The value that a place has begun to go to. */
  *#value(place: Place): Reading<unknown> {
    let found = place.advance()
    for (; found === SEARCH.wanting; found = place.advance()) yield
    if (found === SEARCH.absent) return undefined
    return yield* this.#valueAt(place, place.address)
  }

  *#valueAt({ scanner }: Place, address: number): Reading<unknown> {
    const builder = new ValueBuilder(this.#opened.index.keys)
    yield* feed(scanner, address, builder)
    return builder.value
  }

  async readMany(paths: readonly (string | Path)[], options: ReadDocumentOptions = {}): Promise<unknown[]> {
    const steps = paths.map((path) => this.#opened.index.routeOf(this.#path(path)).steps)
    return this.#run(options, (place) => readMany(place, steps))
  }

  async has(path: string | Path, options: ReadDocumentOptions = {}): Promise<boolean> {
    const route = this.#opened.index.routeOf(this.#path(path))
    return this.#run(options, (place) => locate(place, route))
  }

  async children(path?: string | Path, options: ChildrenOptions = {}): Promise<ChildPage> {
    const parent = this.#path(path)
    const { limit = CHILDREN_DEFAULT, cursor } = options
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > CHILDREN_MAX) {
      throw new VarveError('OPTION_INVALID', `Cannot use option "limit": it must be 1 to ${CHILDREN_MAX}`, {
        details: { option: 'limit', rule: `must be a whole number from 1 to ${CHILDREN_MAX}`, found: String(limit) },
      })
    }
    const scope = { version: this.version, digest: this.#parts.storage.digest, seed: this.#opened.file.seed }
    const from = cursor === undefined ? undefined : decodeCursor(cursor, scope)
    const { found, address } = await this.#run(options, (place) => this.#children(place, parent, { limit, from }))
    const items = found.children.map((child) => this.#child(parent, child))
    const nextCursor = found.next && encodeCursor(scope, { ...found.next, parent: address })
    return { type: found.isObject ? 'object' : 'array', items, ...(nextCursor !== undefined && { nextCursor }) }
  }

  *#children(
    place: Place,
    path: Path,
    page: { limit: number; from: PageCursor | undefined },
  ): Reading<{ found: FoundChildren; address: number }> {
    if (!(yield* locate(place, this.#opened.index.routeOf(path)))) throw this.#unknown(path, place.found)
    const { address } = place
    if (page.from !== undefined && page.from.parent !== address) throw invalidCursor('it is for another container')
    const found = yield* listChildren(place, page.limit, page.from)
    if (found !== undefined) return { found, address }
    throw new VarveError('PATH_NOT_CONTAINER', `Cannot list children of "${path}": it is neither object nor array`, {
      details: { path: path.toString() },
    })
  }

  #child(parent: Path, child: FoundChild): DocumentChild {
    const { key, ordinal, type, sizeBytes } = child
    const step = typeof key === 'string' ? { key } : typeof key === 'number' ? { intKey: key } : { index: ordinal }
    const value = 'value' in child ? { value: child.value } : {}
    return { path: parent.join(stepOf(child)).toString(), ...step, type, sizeBytes, ...value }
  }

  async *events(path?: string | Path, options: ReadDocumentOptions = {}): AsyncGenerator<StructuralEvent> {
    const list = new EventList(this.#opened.index.keys)
    for await (const _ of this.#stream(this.#path(path), list, options)) yield* list.take()
  }

  async *json(path?: string | Path, options: ReadDocumentOptions = {}): AsyncGenerator<Uint8Array> {
    const text = new JsonText(this.#opened.index.keys)
    for await (const _ of this.#stream(this.#path(path), text, options)) yield* text.take()
  }

  async *matches(path: string | Path, options: ReadDocumentOptions = {}): AsyncGenerator<DocumentMatch> {
    const { source, done } = this.#matching(options)
    for await (const { path: found, address } of matchesOf(toPath(path), source)) {
      yield { path: found.toString(), value: await source.run((place) => this.#valueAt(place, address)) }
    }
    done()
  }

  async *paths(path: string | Path, options: ReadDocumentOptions = {}): AsyncGenerator<Path> {
    const { source, done } = this.#matching(options)
    for await (const { path: found } of matchesOf(toPath(path), source)) yield found
    done()
  }

  /** Many reads whose cost is told once. */
  #matching({ signal, onCost }: ReadDocumentOptions): { source: MatchSource; done: () => void } {
    const total = { reads: 0, bytesRead: 0, eventsScanned: 0 }
    const each: ReadDocumentOptions = {
      ...(signal !== undefined && { signal }),
      onCost: ({ reads, bytesRead, eventsScanned }) => {
        total.reads += reads
        total.bytesRead += bytesRead
        total.eventsScanned += eventsScanned
      },
    }
    const { index } = this.#opened
    let runs = 0
    const run: MatchSource['run'] = (read) =>
      ++runs % TURN_RUNS === 0 ? nextTurn().then(() => this.#run(each, read)) : this.#run(each, read)
    return { source: { index, run }, done: () => onCost?.(total) }
  }

  /** Feed a consumer; every step has given it something, or nothing. */
  async *#stream(path: Path, consumer: EventConsumer, options: ReadDocumentOptions): AsyncGenerator<void> {
    const { signal, onCost } = options
    const place = this.#take()
    const { scanner } = place
    const route = this.#opened.index.routeOf(path)
    const find = function* (file: DocumentFile): Reading<void> {
      if (!(yield* locate(place, route))) throw file.#unknown(path, place.found)
    }
    try {
      await drive(find(this), scanner.window, signal)
      const feeding = feed(scanner, place.address, consumer)
      let loads = 0
      for (let step = feeding.next(); !step.done; step = feeding.next()) {
        signal?.throwIfAborted()
        const loaded = scanner.window.load()
        if (loaded !== undefined) await loaded
        if (++loads % TURN_LOADS === 0) await nextTurn()
        yield
      }
      yield
      this.#spare = place
      onCost?.(costOf(place))
    } catch (error) {
      throw damaged(this.#parts, error)
    }
  }

  /** Run a reading. */
  #run<T>({ onCost, signal }: ReadDocumentOptions, read: (place: Place) => Reading<T>): Maybe<T> {
    signal?.throwIfAborted()
    const place = this.#take()
    try {
      const result = drive(read(place), place.scanner.window, signal)
      if (result instanceof Promise) return this.#finish(result, place, onCost)
      this.#spare = place
      onCost?.(costOf(place))
      return result
    } catch (error) {
      throw damaged(this.#parts, error)
    }
  }

  async #finish<T>(result: Promise<T>, place: Place, onCost: ReadDocumentOptions['onCost']): Promise<T> {
    try {
      const value = await result
      this.#spare = place
      onCost?.(costOf(place))
      return value
    } catch (error) {
      throw damaged(this.#parts, error)
    }
  }

  #take(): Place {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined) {
      spare.scanner.window.begin()
      spare.scanner.events = 0
      return spare
    }
    const { file, index } = this.#opened
    const scanner = new Scanner(new Window(file))
    return new Place(index, scanner, this.#hasDuplicates)
  }

  get #hasDuplicates(): boolean {
    return (this.#opened.trailer.features & FEATURE_DUPLICATES) !== 0
  }

  #path(path: string | Path | undefined): Path {
    if (typeof path !== 'string') return toSinglePath(path)
    let parsed = this.#paths.get(path)
    if (parsed === undefined) {
      parsed = toSinglePath(path)
      if (this.#paths.size >= PATHS_KEPT) this.#paths.clear()
      this.#paths.set(path, parsed)
    }
    return parsed
  }

  #unknown(path: Path, found: number): VarveError {
    const known = Path.of(path.steps.slice(0, found)).toString()
    const missing = Path.of(path.steps.slice(found, found + 1)).toString()
    const why = `there is no ${missing} in ${known === '' ? 'its root' : `"${known}"`}`
    const message = `Cannot read "${path}" of document "${this.name}": ${why}`
    return new VarveError('PATH_UNKNOWN', message, { details: { document: this.name, path: path.toString(), known } })
  }

  close(): Promise<void> {
    this.#closing ??= this.#opened.file.handle.close().finally(() => this.#parts.closed?.())
    return this.#closing
  }
}

function costOf({ scanner }: Place): { reads: number; bytesRead: number; eventsScanned: number } {
  const { reads, bytesRead } = scanner.window
  return { reads, bytesRead, eventsScanned: scanner.events }
}
