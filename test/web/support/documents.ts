/** Short forms of requests for documents.
 * @module */
import type { AppOptions, Role } from '../../../web/index.ts'
import { harness } from './harness.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/** The harness, with requests for the document `catalog`. */
export async function documentHarness(options: AppOptions = {}) {
  const made = await harness(options)
  const put = (body: BodyInit, headers: Record<string, string> = {}, path = '/api/documents/catalog') =>
    // `duplex` is wanted by fetch for streamed bodies and missing from the type.
    made.as('append', path, {
      method: 'PUT',
      body,
      headers: { ...JSON_TYPE, ...headers },
      duplex: 'half',
    } as RequestInit)
  const get = (path: string, headers: Record<string, string> = {}, role: Role = 'read') =>
    made.as(role, `/api/documents${path}`, { headers })
  const remove = (query: string, headers: Record<string, string> = {}) =>
    made.as('admin', `/api/documents/catalog${query}`, { method: 'DELETE', headers })
  return { ...made, put, get, remove }
}
