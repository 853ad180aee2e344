/** Short forms of requests for histories.
 * @module */
import type { AppOptions, Role } from '../../../web/index.ts'
import { harness, jsonOf, posted } from './harness.ts'

/** The harness, with requests for the history `board`. */
export async function historyHarness(options: AppOptions = {}) {
  const made = await harness(options)
  const create = (body: object = {}) => made.as('admin', '/api/histories', posted({ history: 'board', ...body }))
  const append = (value: unknown, query = '', headers: Record<string, string> = {}) => {
    const init = posted(value)
    return made.as('append', `/api/histories/board/versions${query}`, {
      ...init,
      headers: { 'content-type': 'application/json', ...headers },
    })
  }
  const get = (path: string, headers: Record<string, string> = {}, role: Role = 'read') =>
    made.as(role, `/api/histories${path}`, { headers })
  const found = async (path: string) => jsonOf(await get(path))
  /** The events of `_audit`, as kind, entity, state and role. */
  const told = async () => {
    const audit = await made.store.topics.open('_audit')
    return (await audit.last(50)).map(({ kind, entity, data }) => [kind, entity, data.state, data.role].join(' '))
  }
  return { ...made, create, append, get, found, told }
}

export const BOARD = { shapes: [{ id: 'a', x: 1 }], name: 'first', 'odd key': { '': null } }

/** The harness with a history of three versions. */
export async function threeVersions() {
  const made = await historyHarness()
  await made.create()
  await made.append(BOARD, '?label=one&at=1000&offset=5&metadata={"by":"ann"}')
  await made.append({ ...BOARD, name: 'second' }, '?label=two&at=2000&offset=9&fingerprint=abc')
  await made.append({ ...BOARD, name: 'third', more: true }, '?at=3000&offset=12')
  return made
}

/** Wait for a job to end; what it says then. */
export async function ended(
  as: (role: Role, path: string) => Promise<Response>,
  started: Response,
): Promise<Record<string, unknown>> {
  const { id } = await jsonOf(started)
  for (let turn = 0; turn < 1_000; turn++) {
    const job = await jsonOf(await as('admin', `/api/jobs/${id}`))
    if (job.state !== 'running') return job
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error('The job does not end')
}
