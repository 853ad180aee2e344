/** The rows of the route table for documents.
 * @module */
import type { Route } from '../context.ts'
import {
  DELETE_HEADERS,
  listDocuments,
  putDocument,
  READ_HEADERS,
  readChildren,
  readDocument,
  readStat,
  removeDocument,
  WRITE_HEADERS,
} from './documents.ts'
import { ANY_SCHEMA } from './schemas.ts'

const JSON_TYPE = 'application/json'
const LINES_TYPE = 'application/x-ndjson'
const answers = 'json'
const found = { status: 200, types: [JSON_TYPE] } as const
const known = { 304: 'The document is known' } as const
const refused = { 412: 'If-Match or If-None-Match does not hold: DOCUMENT_CONFLICT with the version as ETag' } as const

export const DOCUMENT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/documents',
    scope: 'read',
    answers,
    summary: 'List documents with their versions and sizes, by name',
    query: ['limit', 'cursor'],
    success: found,
    handle: listDocuments,
  },
  {
    method: 'GET',
    path: '/api/documents/:name',
    scope: 'read',
    answers,
    summary:
      'Read a document or the value at a path of it; where a path means several values, each is a line with path',
    query: ['path', 'pointer'],
    headers: READ_HEADERS,
    success: { status: 200, types: [JSON_TYPE, LINES_TYPE] },
    also: known,
    codes: ['DOCUMENT_UNKNOWN', 'PATH_UNKNOWN', 'PATH_INVALID', 'DOCUMENT_DAMAGED', 'DOCUMENT_MISSING', 'RATE_LIMITED'],
    handle: readDocument,
  },
  {
    method: 'PUT',
    path: '/api/documents/:name',
    scope: 'append',
    answers,
    summary: 'Store JSON text of any length as the new version of a document, which need not exist',
    query: ['exactNumbers', 'duplicateKeys', 'thresholdBytes'],
    headers: WRITE_HEADERS,
    body: [JSON_TYPE],
    schema: ANY_SCHEMA,
    success: found,
    also: { 201: 'There was none of this name', ...refused },
    codes: [
      'NAME_INVALID',
      'DOCUMENT_CONFLICT',
      'DOCUMENT_LIMIT',
      'JSON_INVALID',
      'KEY_DUPLICATE',
      'STORE_READ_ONLY',
      'BODY_TOO_LARGE',
      'BODY_TIMEOUT',
      'RATE_LIMITED',
    ],
    stream: true,
    handle: putDocument,
  },
  {
    method: 'DELETE',
    path: '/api/documents/:name',
    scope: 'admin',
    answers,
    summary: 'Delete a document',
    query: ['confirm'],
    headers: DELETE_HEADERS,
    success: { status: 204, types: [] },
    also: refused,
    codes: ['DOCUMENT_UNKNOWN', 'DOCUMENT_CONFLICT', 'STORE_READ_ONLY'],
    handle: removeDocument,
  },
  {
    method: 'GET',
    path: '/api/documents/:name/stat',
    scope: 'read',
    answers,
    summary: 'Read version and sizes of a document',
    headers: READ_HEADERS,
    success: found,
    also: known,
    codes: ['DOCUMENT_UNKNOWN'],
    handle: readStat,
  },
  {
    method: 'GET',
    path: '/api/documents/:name/children',
    scope: 'read',
    answers,
    summary: 'Read a page of the fields or elements of a value: key or index, type, size, and what is small',
    query: ['path', 'pointer', 'limit', 'cursor'],
    headers: READ_HEADERS,
    success: found,
    also: known,
    codes: [
      'DOCUMENT_UNKNOWN',
      'PATH_UNKNOWN',
      'PATH_INVALID',
      'PATH_PLURAL',
      'PATH_NOT_CONTAINER',
      'CURSOR_INVALID',
      'DOCUMENT_DAMAGED',
      'DOCUMENT_MISSING',
    ],
    handle: readChildren,
  },
]
