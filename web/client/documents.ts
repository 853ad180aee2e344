/** Documents as the client has them: the calls of the library, over HTTP.
 * @module */
import {
  type ChildPage,
  type ChildrenOptions,
  type DocumentBytes,
  type DocumentMatch,
  type DocumentRef,
  type DocumentStat,
  Path,
  stringifyValue,
  VarveError,
  type WriteJsonOptions,
} from '../../src/index.ts'
import { beliefOf, bytesOf, cancelledBy, linesOf, parsed, queryText, type Send, streamed } from './requests.ts'

type Name = string | DocumentRef
export type PutOptions = Omit<WriteJsonOptions, 'onProgress'>

interface Cancel {
  readonly signal?: AbortSignal
}

export class ClientDocuments {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  /** Store a value as the new version of a document, which need not exist. The whole text is made in memory first:
   * `putJson` does without that. */
  put(name: string, value: unknown, options: PutOptions = {}): Promise<DocumentStat> {
    return this.putJson(name, new TextEncoder().encode(stringifyValue(value)), options)
  }

  /** The same from JSON text as UTF-8 in pieces of any size, sent as they come. */
  async putJson(name: string, bytes: DocumentBytes, options: PutOptions = {}): Promise<DocumentStat> {
    const { ifVersion, signal, ...query } = options
    const init = streamed('PUT', { type: 'application/json', bytes, headers: beliefOf(ifVersion), signal })
    return (await parsed(await this.#send(pathOf(name) + queryText(query), init))) as DocumentStat
  }

  /** The value at a path, the whole by default; undefined where nothing is there. */
  async get(name: Name, path: string | Path = '', options: Cancel = {}): Promise<unknown> {
    refusePlural(path)
    try {
      return await parsed(await this.#send(placeText(name, path), options))
    } catch (error) {
      if (error instanceof VarveError && error.code === 'PATH_UNKNOWN') return undefined
      throw error
    }
  }

  /** The JSON text of a value as UTF-8, as it comes. */
  async *getJson(name: Name, path: string | Path = '', options: Cancel = {}): AsyncGenerator<Uint8Array, void> {
    refusePlural(path)
    yield* bytesOf(await this.#send(placeText(name, path), options))
  }

  /** Every value that a path with wildcards and slices means, in document order. */
  async *matches(name: Name, path: string | Path, options: Cancel = {}): AsyncGenerator<DocumentMatch, void> {
    if (!Path.parse(String(path)).isPlural) {
      const value = await this.get(name, path, options)
      if (value !== undefined) yield { path: String(path), value }
      return
    }
    for await (const line of linesOf(await this.#send(placeText(name, path), options))) yield line as DocumentMatch
  }

  /** A page of the fields or elements of a value; `nextCursor` continues it. */
  async children(
    name: Name,
    path: string | Path = '',
    options: Omit<ChildrenOptions, 'onCost'> = {},
  ): Promise<ChildPage> {
    const { signal, ...query } = options
    const address = `${pathOf(name)}/children${queryText({ path: String(path), ...query })}`
    return (await parsed(await this.#send(address, cancelledBy(signal)))) as ChildPage
  }

  /** All documents, by name. */
  async list(): Promise<DocumentStat[]> {
    const all: DocumentStat[] = []
    let cursor: string | undefined
    do {
      const page = await parsed(await this.#send(`/api/documents${queryText({ cursor })}`))
      const { items, nextCursor } = page as { items: DocumentStat[]; nextCursor?: string }
      all.push(...items)
      cursor = nextCursor
    } while (cursor !== undefined)
    return all
  }

  async stat(name: Name): Promise<DocumentStat> {
    return (await parsed(await this.#send(`${pathOf(name)}/stat`))) as DocumentStat
  }

  async delete(name: string, options: { readonly ifVersion?: number } = {}): Promise<void> {
    const headers = beliefOf(options.ifVersion)
    await this.#send(pathOf(name) + queryText({ confirm: name }), { method: 'DELETE', headers })
  }
}

function pathOf(name: Name): string {
  return `/api/documents/${encodeURIComponent(typeof name === 'string' ? name : name.$document)}`
}

function placeText(name: Name, path: string | Path): string {
  return pathOf(name) + queryText({ path: String(path) })
}

/** @throws {VarveError} `PATH_INVALID`, `PATH_PLURAL`, before anything is sent. */
function refusePlural(path: string | Path): void {
  const place = typeof path === 'string' ? Path.parse(path) : path
  if (place.isPlural)
    throw new VarveError('PATH_PLURAL', `Cannot read one value at "${place}": it may mean several`, {
      details: { path: place.toString() },
    })
}
