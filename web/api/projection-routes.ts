/** The rows of the route table for projections.
 * @module */
import type { Route } from '../context.ts'
import { listProjections, postRebuild, postRun, readProjection, readState, removeProjection } from './projections.ts'

const JSON_TYPE = 'application/json'
const answers = 'json'
const found = { status: 200, types: [JSON_TYPE] } as const
const accepted = { status: 202, types: [JSON_TYPE] } as const
const RUN_CODES = [
  'PROJECTION_UNKNOWN',
  'NAME_INVALID',
  'PROJECTION_UNDEFINED',
  'PROJECTION_BUSY',
  'STORE_READ_ONLY',
] as const

export const PROJECTION_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/projections',
    scope: 'read',
    answers,
    summary: 'List projections with how far they are, by name',
    query: ['limit', 'cursor'],
    success: found,
    handle: listProjections,
  },
  {
    method: 'GET',
    path: '/api/projections/:name',
    scope: 'read',
    answers,
    summary: 'Read how far a projection is, and why it stopped',
    success: found,
    codes: ['PROJECTION_UNKNOWN', 'NAME_INVALID'],
    handle: readProjection,
  },
  {
    method: 'DELETE',
    path: '/api/projections/:name',
    scope: 'admin',
    answers,
    summary: 'Delete a projection and its states',
    query: ['confirm'],
    success: { status: 204, types: [] },
    codes: ['PROJECTION_UNKNOWN', 'NAME_INVALID', 'PROJECTION_BUSY', 'STORE_READ_ONLY'],
    handle: removeProjection,
  },
  {
    method: 'GET',
    path: '/api/projections/:name/state',
    scope: 'read',
    answers,
    summary: 'Read the newest state and its positions, or those as of an offset or a time',
    query: ['stateOffset', 'stateTime'],
    headers: { 'If-None-Match': 'The ETag of the newest state, when it is known already' },
    success: found,
    also: { 304: 'The state is known' },
    codes: [
      'PROJECTION_UNKNOWN',
      'NAME_INVALID',
      'PROJECTION_EMPTY',
      'PROJECTION_UNDEFINED',
      'PROJECTION_FAILED',
      'OFFSET_OUT_OF_RANGE',
      'OFFSET_PRUNED',
      'VERSION_DAMAGED',
      'DOCUMENT_DAMAGED',
      'DOCUMENT_MISSING',
      'RATE_LIMITED',
    ],
    handle: readState,
  },
  {
    method: 'POST',
    path: '/api/projections/:name/run',
    scope: 'admin',
    answers,
    summary: 'Fold what is there and publish the state, as a job',
    success: accepted,
    codes: RUN_CODES,
    handle: postRun,
  },
  {
    method: 'POST',
    path: '/api/projections/:name/rebuild',
    scope: 'admin',
    answers,
    summary: 'Fold all events anew, as a job',
    success: accepted,
    codes: RUN_CODES,
    handle: postRebuild,
  },
]
