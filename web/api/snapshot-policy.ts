/** What snapshots are kept, and when new ones are made by themselves, over HTTP.
 * @module */
import {
  type SnapshotCleanupReport,
  type SnapshotPolicy,
  type SnapshotScheduleOptions,
  type SnapshotScheduleStatus,
  type SnapshotTarget,
  VarveError,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, json, parseJson, refuseReadOnly } from './answers.ts'
import { recorded } from './audit.ts'
import { fieldsOf } from './fields.ts'
import type { Job } from './jobs.ts'
import { flagField, readPolicy, readSchedule } from './snapshot-options.ts'
import { acceptedJob } from './store.ts'

/** POST /api/snapshots/cleanup with `{ dryRun?, policy? }`: 200 and what would go, or 202 and a job. */
export async function postSnapshotCleanup(c: WebContext, app: Shared): Promise<Response> {
  const body = fieldsOf(parseJson(await bodyText(c, app)), 'cleanup', ['dryRun', 'policy'])
  const policy = body.policy === undefined ? {} : readPolicy(body.policy)
  if (flagField(body.dryRun, 'dryRun') === true) return json(await previewSnapshotCleanup(c, app, policy))
  return acceptedJob(c, startSnapshotCleanup(c, app, policy))
}

/** What a clean-up of snapshots would do. */
export function previewSnapshotCleanup(
  c: WebContext,
  app: Shared,
  policy: Partial<SnapshotPolicy> = {},
): Promise<SnapshotCleanupReport> {
  return app.store.snapshots.cleanup({ policy, dryRun: true, signal: c.req.raw.signal })
}

/** Start a clean-up of snapshots, or join the one that is running. It waits for its turn. */
export function startSnapshotCleanup(c: WebContext, app: Shared, policy: Partial<SnapshotPolicy> = {}): Job {
  refuseReadOnly(app, 'clean up snapshots')
  return app.jobs.start('snapshot-cleanup', {
    what: `snapshot-cleanup ${JSON.stringify(policy)}`,
    run: ({ signal }) =>
      recorded(c, app, {
        action: 'SnapshotCleanup',
        entity: 'store',
        asked: policy,
        signal,
        run: () => app.store.snapshots.cleanup({ policy, signal }),
        outcome: ({ removed, freedBytes }) => ({ removed: removed.map(({ id }) => id), freedBytes }),
      }),
  })
}

/** What is kept, and what is done by itself; nothing without `scheduled`. */
export interface ToldSchedule {
  readonly policy: SnapshotPolicy
  readonly scheduled?: SnapshotScheduleStatus
}

/** GET /api/snapshots/schedule */
export function readScheduled(c: WebContext, app: Shared): Response {
  return json(tellSchedule(c, app))
}

/** The schedule as this reader may see it: what went wrong may name files. */
export function tellSchedule(c: WebContext, app: Shared): ToldSchedule {
  const { policy, scheduled } = app.store.snapshots
  if (scheduled === undefined) return { policy }
  if (factsOf(c).role === 'admin') return { policy, scheduled }
  const runs = scheduled.runs.map(({ error, ...run }) =>
    error === undefined ? run : { ...run, error: { code: error.code, message: '' } },
  )
  return { policy, scheduled: { ...scheduled, runs } }
}

/** PUT /api/snapshots/schedule with `{ everyMs, jitterMs?, topic?, partition?, label? }` */
export async function putSchedule(c: WebContext, app: Shared): Promise<Response> {
  await changeSchedule(c, app, readSchedule(parseJson(await bodyText(c, app))))
  return json(tellSchedule(c, app))
}

/** DELETE /api/snapshots/schedule */
export async function removeSchedule(c: WebContext, app: Shared): Promise<Response> {
  await changeSchedule(c, app, undefined)
  return new Response(null, { status: 204 })
}

/** Make snapshots by themselves from now on, in the place of what was made by itself before; or not any more.
 * @throws {VarveError} `OPTION_INVALID`, `TOPIC_UNKNOWN`, `PARTITION_UNKNOWN`, `STORE_READ_ONLY`. */
export async function changeSchedule(
  c: WebContext,
  app: Shared,
  options: SnapshotScheduleOptions | undefined,
): Promise<void> {
  refuseReadOnly(app, 'change the schedule of snapshots')
  if (options?.topic !== undefined) await checkTarget(app, { ...options, topic: options.topic })
  await recorded(c, app, {
    action: options === undefined ? 'SnapshotUnschedule' : 'SnapshotSchedule',
    entity: options?.topic ?? 'store',
    ...(options !== undefined && { asked: options }),
    run: async () => app.store.snapshots.schedule(options),
  })
}

/** A schedule of what is not there would only ever fail. */
async function checkTarget(app: Shared, { topic, partition = 0 }: SnapshotTarget & { topic: string }): Promise<void> {
  const { partitions } = (await app.store.topics.open(topic)).stats()
  if (partitions.every((one) => one.partition !== partition))
    throw new VarveError('PARTITION_UNKNOWN', `Cannot schedule snapshots: "${topic}" has no partition ${partition}`, {
      details: { topic, partition, partitions: partitions.length },
    })
}
