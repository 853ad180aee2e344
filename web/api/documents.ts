/** Documents over HTTP: listed, read by path, written as JSON text of any length, deleted.
 *
 * What HTTP calls the entity tag is the version of the document. Text is streamed both ways: a write takes the body as
 * it comes, a read sends the value as it is read, and neither holds a document.
 * @module */
import {
  type DocumentStat,
  isVarveError,
  type OpenDocument,
  Path,
  VarveError,
  type WriteJsonOptions,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyPieces, isOwn, json, jsonPage } from './answers.ts'
import { recorded } from './audit.ts'
import { nextLink } from './events.ts'
import { checkConfirmed, present, refuse } from './fields.ts'
import { expectedVersion, isKnown } from './preconditions.ts'
import { refuseWhenStopped } from './sse.ts'
import { lines, streamBytes } from './stream.ts'

const LIST_ITEMS = 1_000

/** Headers that reads and writes of documents take. */
export const READ_HEADERS = { 'If-None-Match': 'The ETag of the document, when it is known already' } as const
export const DELETE_HEADERS = { 'If-Match': 'The version that the document must have, quoted; or * for any' } as const
export const WRITE_HEADERS = { ...DELETE_HEADERS, 'If-None-Match': '* when the document must not exist' } as const

/** GET /api/documents */
export async function listDocuments(c: WebContext, app: Shared): Promise<Response> {
  const page = await documentPage(app, present(factsOf(c).query))
  return jsonPage(page, nextLink(c, page.nextCursor))
}

/** Documents in the order of their names, behind the name `cursor`. The store's own are not listed. */
export async function documentPage(
  app: Shared,
  { cursor, limit = LIST_ITEMS }: { readonly cursor?: string; readonly limit?: number },
): Promise<{ items: DocumentStat[]; nextCursor?: string }> {
  const all = (await app.store.documents.list()).filter(({ name }) => !isOwn(name))
  return pageByName(all, { cursor, limit, nameOf: ({ name }) => name })
}

/** A page of a list that is sorted by name, behind the name `cursor`. */
export function pageByName<T>(
  all: readonly T[],
  { cursor, limit = LIST_ITEMS, nameOf }: { cursor?: string | undefined; limit?: number; nameOf: (item: T) => string },
): { items: T[]; nextCursor?: string } {
  const found = cursor === undefined ? 0 : all.findIndex((item) => nameOf(item) > cursor)
  const items = found < 0 ? [] : all.slice(found, found + limit)
  const last = items.at(-1)
  const more = last !== undefined && found + limit < all.length
  return more ? { items, nextCursor: nameOf(last) } : { items }
}

/** GET /api/documents/:name/stat */
export async function readStat(c: WebContext, app: Shared): Promise<Response> {
  const stat = await app.store.documents.stat(documentName(c))
  const headers = tagOf(stat)
  return isKnown(c, headers.etag) ? new Response(null, { status: 304, headers }) : json(stat, { headers })
}

/** GET and HEAD /api/documents/:name with `path` or `pointer`: the JSON text of a value; lines for a path that may mean
 * several. */
export async function readDocument(c: WebContext, app: Shared): Promise<Response> {
  const place = placeOf(c)
  return withDocument(c, app, async ({ document, headers, release }) => {
    const type = place.isPlural ? 'application/x-ndjson' : 'application/json'
    const typed = { ...headers, 'content-type': `${type}; charset=utf-8` }
    if (c.req.method === 'HEAD') {
      if (!place.isPlural && !(await document.has(place))) throw pathUnknown(c, place)
      release()
      return new Response(null, { headers: typed })
    }
    const pieces = (signal: AbortSignal) =>
      place.isPlural
        ? lines(document, { place, signal, chunkBytes: app.limits.streamChunkBytes })
        : document.json(place, { signal })
    return streamBytes(c, app, { pieces, headers: typed, release })
  })
}

/** GET /api/documents/:name/children with `path` or `pointer`, `limit`, `cursor` */
export async function readChildren(c: WebContext, app: Shared): Promise<Response> {
  const place = placeOf(c)
  const { limit, cursor } = factsOf(c).query
  return withDocument(c, app, async ({ document, headers, release }) => {
    const page = await document.children(place, present({ limit, cursor }))
    release()
    return jsonPage(page, { ...nextLink(c, page.nextCursor), ...headers })
  })
}

interface Held {
  readonly document: OpenDocument
  readonly headers: { readonly etag: string }
  readonly release: () => void
}

/** Hold the document of the path, unless the caller knows this version. What `answer` throws releases it. */
async function withDocument(c: WebContext, app: Shared, answer: (held: Held) => Promise<Response>): Promise<Response> {
  const name = documentName(c)
  const known = tagOf(await app.store.documents.stat(name))
  if (isKnown(c, known.etag)) return new Response(null, { status: 304, headers: known })
  // It may be another version by now; what is read is what the tag names.
  const { document, release } = await holdDocument(app, name)
  try {
    return await answer({ document, headers: tagOf(document), release })
  } catch (error) {
    release()
    throw error
  }
}

/** A document that stays as it is until it is released: an answer may be read for a long time.
 * @throws {VarveError} as `store.documents.open`. */
export function holdDocument(app: Shared, name: string): Promise<{ document: OpenDocument; release: () => void }> {
  return new Promise((resolve, reject) => {
    app.store.documents
      .use(name, (document) => new Promise<void>((release) => resolve({ document, release })))
      .catch(reject)
  })
}

/** PUT /api/documents/:name with JSON text of any length. Takes a stream slot while it comes. */
export async function putDocument(c: WebContext, app: Shared): Promise<Response> {
  const name = documentName(c)
  const { exactNumbers, duplicateKeys, thresholdBytes } = factsOf(c).query
  refuseWhenStopped(app)
  const release = app.streams.take(app.options.peer?.(c) ?? 'all')
  const ending = new AbortController()
  const stop = () => ending.abort(new VarveError('STORE_CLOSED', 'Cannot go on writing: the server is stopping'))
  app.onStop.add(stop)
  try {
    const { existed, ifVersion } = await readBelief(c, app, { name, action: 'write' })
    const options: WriteJsonOptions = present({
      ifVersion,
      exactNumbers,
      duplicateKeys,
      thresholdBytes: thresholdBytes === 'Infinity' ? Number.POSITIVE_INFINITY : thresholdBytes,
      signal: ending.signal,
    })
    const stat = await recorded(c, app, {
      action: 'DocumentWrite',
      entity: name,
      run: () => app.store.documents.writeJson(name, bodyPieces(c, app), options),
      outcome: ({ version, sizeBytes }) => ({ version, sizeBytes }),
    })
    const location = `${factsOf(c).base}/api/documents/${encodeURIComponent(name)}`
    return json(stat, { status: existed ? 200 : 201, headers: { ...tagOf(stat), ...(!existed && { location }) } })
  } finally {
    app.onStop.delete(stop)
    release()
  }
}

/** DELETE /api/documents/:name?confirm= */
export async function removeDocument(c: WebContext, app: Shared): Promise<Response> {
  await deleteDocument(c, app, factsOf(c).query.confirm)
  return new Response(null, { status: 204 })
}

/** Delete the document of the path. */
export async function deleteDocument(c: WebContext, app: Shared, confirm: string | undefined): Promise<void> {
  const name = documentName(c)
  const { existed, ifVersion } = await readBelief(c, app, { name, action: 'delete' })
  if (existed) checkConfirmed(confirm, { name, what: 'document', action: 'delete' })
  const run = () => app.store.documents.delete(name, present({ ifVersion }))
  await (existed ? recorded(c, app, { action: 'DocumentDelete', entity: name, run }) : run())
}

/** What the headers say of the version of a document, checked as far as it can be before the store is asked to act.
 * @throws {VarveError} `NAME_INVALID`, `DOCUMENT_CONFLICT`, `OPTION_INVALID`. */
async function readBelief(
  c: WebContext,
  app: Shared,
  { name, action }: { name: string; action: string },
): Promise<{ existed: boolean; ifVersion: number | undefined }> {
  const expected = expectedVersion(c, { action, option: 'ifVersion' })
  factsOf(c).preconditioned = expected !== undefined
  const before = await app.store.documents.stat(name).catch((error: unknown) => {
    if (isVarveError(error, 'DOCUMENT_UNKNOWN')) return undefined
    throw error
  })
  if (expected === 'exists' && before === undefined)
    throw new VarveError('DOCUMENT_CONFLICT', `Cannot ${action} document "${name}": it does not exist`, {
      details: { name, expected, found: 0 },
    })
  const ifVersion = expected === 'none' ? 0 : expected === 'exists' ? before?.version : expected
  return { existed: before !== undefined, ifVersion }
}

function documentName(c: WebContext): string {
  return c.req.param('name') ?? ''
}

function tagOf({ version }: DocumentStat): { etag: string } {
  return { etag: `"${version}"` }
}

/** The place in the document that the query names, the root by default.
 * @throws {VarveError} `PATH_INVALID`, `OPTION_INVALID` where it is named twice. */
export function placeOf(c: WebContext): Path {
  const { path, pointer } = factsOf(c).query
  if (path !== undefined && pointer !== undefined)
    throw refuse('pointer', 'Cannot read the query: "path" and "pointer" both say where')
  return pointer === undefined ? Path.parse(path ?? '') : Path.fromPointer(pointer)
}

function pathUnknown(c: WebContext, place: Path): VarveError {
  return new VarveError('PATH_UNKNOWN', 'Cannot find a value at this path', {
    details: { name: documentName(c), path: place.toString() },
  })
}
