/** The routes of the API: the rows from which the app, its document and its inventory test are made.
 * @module */
import type { Route } from '../context.ts'
import type { ParameterKey } from '../parameters.ts'
import { json, topicOf } from './answers.ts'
import { appendEvents, NDJSON } from './append.ts'
import { readEvent, readPage } from './events.ts'
import { openApiDocument } from './openapi.ts'
import {
  cancelJob,
  createTopic,
  listTopics,
  postJob,
  readJob,
  readOpenReport,
  readReadiness,
  readStore,
} from './store.ts'
import { tailEvents } from './tail.ts'

const JSON_TYPE = 'application/json'
const SSE_TYPE = 'text/event-stream'
const answers = 'json'
const found = { status: 200, types: [JSON_TYPE] } as const
const accepted = { status: 202, types: [JSON_TYPE] } as const
const created = { status: 201, types: [JSON_TYPE] } as const

const TAIL_FILTERS = [
  'kind',
  'entity',
  'scope',
  'tag',
  'id',
  'correlationId',
  'causationId',
  'partition',
  'cursor',
] as const
const READ_FILTERS: readonly ParameterKey[] = [...TAIL_FILTERS, 'from', 'to', 'since', 'until', 'direction', 'limit']

export const API_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/health',
    scope: 'open',
    answers,
    summary: 'Tell that the process answers',
    success: found,
    handle: () => json({ status: 'ok' }),
  },
  {
    method: 'GET',
    path: '/ready',
    scope: 'open',
    answers,
    summary: 'Tell whether the store takes appends',
    success: found,
    handle: readReadiness,
  },
  {
    method: 'GET',
    path: '/api/openapi.json',
    scope: 'read',
    answers,
    summary: 'Describe this API',
    success: found,
    handle: (_c, app) => json(openApiDocument(app.routes)),
  },
  {
    method: 'GET',
    path: '/api/store',
    scope: 'read',
    answers,
    summary: 'Read state, sizes and limits of the store',
    success: found,
    handle: readStore,
  },
  {
    method: 'GET',
    path: '/api/store/open-report',
    scope: 'admin',
    answers,
    summary: 'Read what opening the store did and repaired',
    success: found,
    handle: readOpenReport,
  },
  {
    method: 'POST',
    path: '/api/store/checkpoint',
    scope: 'admin',
    answers,
    summary: 'Write checkpoints, as a job',
    success: accepted,
    handle: postJob('checkpoint'),
  },
  {
    method: 'POST',
    path: '/api/store/verify',
    scope: 'admin',
    answers,
    summary: 'Check every byte of the store, as a job',
    success: accepted,
    handle: postJob('verify'),
  },
  {
    method: 'GET',
    path: '/api/jobs/:id',
    scope: 'admin',
    answers,
    summary: 'Read a job, or follow it with Accept: text/event-stream',
    success: { status: 200, types: [JSON_TYPE, SSE_TYPE] },
    codes: ['JOB_UNKNOWN'],
    handle: readJob,
  },
  {
    method: 'DELETE',
    path: '/api/jobs/:id',
    scope: 'admin',
    answers,
    summary: 'Cancel a job',
    success: found,
    codes: ['JOB_UNKNOWN'],
    handle: cancelJob,
  },
  {
    method: 'GET',
    path: '/api/topics',
    scope: 'read',
    answers,
    summary: 'List topics with their sizes',
    success: found,
    handle: listTopics,
  },
  {
    method: 'POST',
    path: '/api/topics',
    scope: 'admin',
    answers,
    summary: 'Create a topic',
    body: [JSON_TYPE],
    success: created,
    codes: ['NAME_INVALID', 'TOPIC_EXISTS', 'BODY_TOO_LARGE', 'JSON_INVALID'],
    handle: createTopic,
  },
  {
    method: 'GET',
    path: '/api/topics/:topic',
    scope: 'read',
    answers,
    summary: 'Read the sizes of a topic',
    success: found,
    codes: ['TOPIC_UNKNOWN', 'NAME_INVALID'],
    handle: async (c, app) => json((await topicOf(c, app)).stats()),
  },
  {
    method: 'GET',
    path: '/api/topics/:topic/events',
    scope: 'read',
    answers,
    summary: 'Read a page of events',
    query: READ_FILTERS,
    success: found,
    codes: ['TOPIC_UNKNOWN', 'CURSOR_INVALID', 'CURSOR_FOREIGN', 'OFFSET_OUT_OF_RANGE'],
    handle: readPage,
  },
  {
    method: 'POST',
    path: '/api/topics/:topic/events',
    scope: 'append',
    answers,
    summary: 'Append one event, a list as one atomic batch, or NDJSON of any length',
    query: ['durability', 'partition'],
    body: [JSON_TYPE, NDJSON],
    success: created,
    codes: ['TOPIC_UNKNOWN', 'EVENT_INVALID', 'VERSION_CONFLICT', 'BODY_TOO_LARGE', 'JSON_INVALID', 'BODY_TIMEOUT'],
    handle: appendEvents,
  },
  {
    method: 'GET',
    path: '/api/topics/:topic/events/:offset',
    scope: 'read',
    answers,
    summary: 'Read one event',
    query: ['partition'],
    success: found,
    codes: ['TOPIC_UNKNOWN', 'EVENT_UNKNOWN'],
    handle: readEvent,
  },
  {
    method: 'GET',
    path: '/api/topics/:topic/tail',
    scope: 'read',
    answers,
    summary: 'Follow a topic as server-sent events, or wait for a page with `wait`',
    query: [...TAIL_FILTERS, 'fromTail', 'wait'],
    success: { status: 200, types: [SSE_TYPE, JSON_TYPE] },
    codes: ['TOPIC_UNKNOWN', 'CURSOR_INVALID', 'CURSOR_FOREIGN', 'RATE_LIMITED'],
    stream: true,
    handle: tailEvents,
  },
]
