/** The record of what admins did, and of who wrote which document: events of the store's own topic `_audit`.
 *
 * An action is two events of one kind about one entity, with the request id as their correlation: `begun` before
 * anything happens, so that nothing happens unrecorded, and `done`, `failed` or `cancelled` afterwards, caused by the
 * first. Events and versions are records of their own: appending them is no action.
 * @module */
import { isVarveError, type Topic } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { toVarveError } from '../problems.ts'

export const AUDIT_TOPIC = '_audit'

/** What is done to a store, appends aside; the kinds of the events. */
export type Action =
  | 'TopicCreate'
  | 'TopicChange'
  | 'TopicPrune'
  | 'TopicDelete'
  | 'TopicFork'
  | 'DocumentWrite'
  | 'DocumentDelete'
  | 'HistoryCreate'
  | 'HistoryChange'
  | 'HistoryPin'
  | 'HistoryUnpin'
  | 'HistoryCleanup'
  | 'HistoryDelete'
  | 'ProjectionRun'
  | 'ProjectionRebuild'
  | 'ProjectionDelete'
  | 'SnapshotCreate'
  | 'SnapshotRestore'
  | 'SnapshotPin'
  | 'SnapshotUnpin'
  | 'SnapshotDelete'
  | 'SnapshotCleanup'
  | 'SnapshotSchedule'
  | 'SnapshotUnschedule'
  | 'Checkpoint'

export interface Deed<T> {
  readonly action: Action
  /** The name of the topic, document, history or projection, the id of the snapshot, or `store`. */
  readonly entity: string
  /** What was asked for: plain data. */
  readonly asked?: object
  readonly run: () => Promise<T>
  /** What became of it: plain data. */
  readonly outcome?: (result: T) => object
  /** Of a deed that can be stopped. */
  readonly signal?: AbortSignal
}

/** Do something that changes the store, and record that it was done and by whom.
 * @throws what the deed throws, and what appending throws before it: a deed that cannot be recorded is not done. */
export async function recorded<T>(c: WebContext, app: Shared, deed: Deed<T>): Promise<T> {
  // Nothing can be changed, and nothing appended: the deed fails with the reason.
  if (app.store.readOnly) return deed.run()
  const audit = await app.store.topics.open(AUDIT_TOPIC, { create: true })
  const record = new AuditRecord(c, { app, audit, deed })
  await record.begin()
  let result: T
  try {
    result = await deed.run()
  } catch (error) {
    const isStopped = deed.signal?.aborted === true && !isVarveError(error)
    await (isStopped ? record.end('cancelled') : record.end('failed', { code: toVarveError(error).code }))
    throw error
  }
  await record.end('done', deed.outcome?.(result))
  return result
}

class AuditRecord {
  readonly #app: Shared
  readonly #audit: Topic
  readonly #deed: Omit<Deed<unknown>, 'outcome'>
  readonly #facts: ReturnType<typeof factsOf>
  #begunId = ''

  constructor(
    c: WebContext,
    { app, audit, deed }: { app: Shared; audit: Topic; deed: Omit<Deed<unknown>, 'outcome'> },
  ) {
    this.#facts = factsOf(c)
    this.#app = app
    this.#audit = audit
    this.#deed = deed
  }

  async begin(): Promise<void> {
    const { asked } = this.#deed
    const { lineage, partition, firstOffset } = await this.#audit.append(
      this.#event({ state: 'begun', ...(asked !== undefined && { asked }) }),
    )
    this.#begunId = `${lineage}-${partition}-${firstOffset}`
  }

  /** The deed is done, whether this can be recorded or not, so its failure goes to the server's log. */
  async end(state: 'done' | 'failed' | 'cancelled', outcome: object = {}): Promise<void> {
    const event = this.#event({ state, ...outcome })
    await this.#audit.append({ ...event, causationId: this.#begunId }).catch((failure: unknown) => {
      this.#app.options.onError?.(failure, { requestId: this.#facts.requestId })
    })
  }

  #event(data: object) {
    const { actor = 'all', role, requestId } = this.#facts
    const { action, entity } = this.#deed
    return { kind: action, entity, correlationId: requestId, data: { actor, role, ...data } }
  }
}
