/** Projections as the client has them: the calls of the library, over HTTP. A fold is code, so they run in the server.
 * @module */
import type { Projected, ProjectionStatus, RunOptions, StateMoment } from '../../src/index.ts'
import { cancelledBy, jobReport, parsed, queryText, type Send } from './requests.ts'

export class ClientProjections {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  /** All projections with how far they are, by name. */
  async list(): Promise<ProjectionStatus[]> {
    const all: ProjectionStatus[] = []
    let cursor: string | undefined
    do {
      const page = await parsed(await this.#send(`/api/projections${queryText({ cursor })}`))
      const { items, nextCursor } = page as { items: ProjectionStatus[]; nextCursor?: string }
      all.push(...items)
      cursor = nextCursor
    } while (cursor !== undefined)
    return all
  }

  async status(name: string): Promise<ProjectionStatus> {
    return (await parsed(await this.#send(pathOf(name)))) as ProjectionStatus
  }

  /** The newest state and what it reflects. */
  async state<S = unknown>(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<Projected<S>> {
    return (await parsed(await this.#send(`${pathOf(name)}/state`, cancelledBy(options.signal)))) as Projected<S>
  }

  /** The state as of an offset or a time. */
  async stateAt<S = unknown>(
    name: string,
    moment: StateMoment,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Projected<S>> {
    const path = `${pathOf(name)}/state${queryText({ ...moment })}`
    return (await parsed(await this.#send(path, cancelledBy(options.signal)))) as Projected<S>
  }

  /** Have the events folded that are there, and wait for it. */
  run(name: string, options: RunOptions = {}): Promise<ProjectionStatus> {
    return this.#start(`${pathOf(name)}/run`, options)
  }

  /** Have all events folded anew, and wait for it. */
  rebuild(name: string, options: RunOptions = {}): Promise<ProjectionStatus> {
    return this.#start(`${pathOf(name)}/rebuild`, options)
  }

  /** Delete a projection and its states. */
  async delete(name: string): Promise<void> {
    await this.#send(pathOf(name) + queryText({ confirm: name }), { method: 'DELETE' })
  }

  async #start(path: string, options: RunOptions): Promise<ProjectionStatus> {
    const started = await this.#send(path, { method: 'POST', ...cancelledBy(options.signal) })
    return (await jobReport(this.#send, started, options)) as ProjectionStatus
  }
}

function pathOf(name: string): string {
  return `/api/projections/${encodeURIComponent(name)}`
}
