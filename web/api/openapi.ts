/** The OpenAPI document, made from the route table.
 * @module */
import { ERROR_CODES, type ErrorCode } from '../../src/index.ts'
import type { Route } from '../context.ts'
import { PARAMETERS, type Parameter, type ParameterKey } from '../parameters.ts'
import { PROBLEM_TYPE, statusOf } from '../problems.ts'

const DESCRIPTION = [
  'Append to, read and follow the topics of an event log; store documents and read them by path; keep the versions of',
  'a value as a history; read the states of projections; take snapshots of the log, restore them, fork topics.',
  'Bodies may be sent with Content-Encoding: gzip; JSON answers come with it to who accepts it.',
  'Integers past 2^53 are JSON integers; bytes, dates and the like are objects with "$type".',
].join(' ')

/** Codes that any route behind a role may answer with. */
const COMMON: readonly ErrorCode[] = ['AUTH_REQUIRED', 'ACCESS_DENIED', 'OPTION_INVALID', 'HOST_UNKNOWN', 'INTERNAL']

/** Describe the JSON routes among `routes` as OpenAPI 3.1. */
export function openApiDocument(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes.filter(({ answers }) => answers === 'json')) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'varve', version: '1', description: DESCRIPTION },
    paths,
    components: {
      schemas: { Problem: PROBLEM_SCHEMA },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operation(route: Route): Record<string, unknown> {
  const { status, types } = route.success
  return {
    summary: route.summary,
    'x-scope': route.scope,
    security: route.scope === 'open' ? [] : [{ bearer: [] }],
    parameters: [
      ...pathParameters(route.path),
      ...(route.query ?? []).map(queryParameter),
      ...Object.entries(route.headers ?? {}).map(headerParameter),
    ],
    ...(route.body !== undefined && {
      requestBody: {
        required: route.bodyOptional !== true,
        content: Object.fromEntries(route.body.map((type) => [type, bodyOf(route, type)])),
      },
    }),
    responses: {
      [status]: { description: 'Done', content: Object.fromEntries(types.map((type) => [type, {}])) },
      ...Object.fromEntries(Object.entries(route.also ?? {}).map(([other, description]) => [other, { description }])),
      ...problems([...COMMON, ...(route.codes ?? [])]),
    },
  }
}

function bodyOf({ schema }: Route, type: string): Record<string, unknown> {
  return schema !== undefined && type === 'application/json' ? { schema } : {}
}

function pathParameters(path: string): Record<string, unknown>[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function headerParameter([name, description]: [string, string]): Record<string, unknown> {
  return { name, in: 'header', description, schema: { type: 'string' } }
}

function queryParameter(key: ParameterKey): Record<string, unknown> {
  const { name, summary, type, words, repeats, ...bounds }: Parameter = PARAMETERS[key]
  const plain = { type, ...bounds }
  const one =
    words === undefined
      ? plain
      : type === 'string'
        ? { type, enum: words }
        : { oneOf: [plain, { type: 'string', enum: words }] }
  const schema = repeats === true ? { type: 'array', items: one } : one
  return { name, in: 'query', description: summary, schema }
}

function problems(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const status = statusOf(ERROR_CODES[code].kind, code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const content = { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } }
  return Object.fromEntries([...byStatus].map(([status, list]) => [status, { description: list.join(', '), content }]))
}

const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'details', 'retryable', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(ERROR_CODES) },
    detail: { type: 'string' },
    details: { type: 'object' },
    hint: { type: 'string' },
    retryable: { type: 'boolean' },
    requestId: { type: 'string' },
  },
}
