/** The snapshots that `varve serve` takes by itself, and where it restores to when its API asks. @module */
import type { SnapshotPolicy, SnapshotScheduleOptions } from '../snapshot/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import type { CliContext, ServeOptions } from './context.ts'
import { policyOf } from './snapshot-keep.ts'
import { spanOption } from './units.ts'

export const SNAPSHOT_OPTIONS: OptionSpecs = {
  'snapshot-every': { value: 'SPAN', help: 'Take a snapshot so often, such as 6h, and clean up; at least 1m' },
  'snapshot-topic': { value: 'TOPIC', help: 'With --snapshot-every: of this topic, not of everything' },
  'snapshot-keep': { value: 'N', help: 'Clean-up keeps the newest so many snapshots (default 5)' },
  'snapshot-max-age': { value: 'SPAN', help: 'Clean-up deletes older ones, never the newest (default 24h), or none' },
  'restore-root': { value: 'DIR', help: 'The API and the page may restore to directories in this one' },
}

const LEAST_MS = 60_000
const HOUR_MS = 3_600_000

export interface SnapshotPlan {
  readonly schedule: SnapshotScheduleOptions | undefined
  readonly policy: Partial<SnapshotPolicy>
  readonly restoreRoot: string | undefined
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function snapshotPlan(args: Arguments): SnapshotPlan {
  const everyMs = spanOption(args, 'snapshot-every')
  const topic = args.text('snapshot-topic')
  if (everyMs === 'none' || (everyMs !== undefined && everyMs < LEAST_MS))
    throw wrongUse('Cannot use --snapshot-every: it must be a span of at least one minute, such as 6h')
  if (everyMs === undefined && topic !== undefined)
    throw wrongUse('Cannot use --snapshot-topic without --snapshot-every')
  const restoreRoot = args.text('restore-root')
  if (restoreRoot === '') throw wrongUse('Cannot use an empty --restore-root: name a directory')
  return {
    schedule: everyMs === undefined ? undefined : { everyMs, ...(topic === undefined ? {} : { topic }) },
    policy: {
      ...policyOf(args, { keep: 'snapshot-keep', age: 'snapshot-max-age' }),
      // A schedule that is wanted more often than the usual interval must not be refused by it.
      ...(everyMs !== undefined && everyMs < HOUR_MS ? { minIntervalMs: everyMs } : {}),
    },
    restoreRoot,
  }
}

/** Where a name leads that the API has checked to be one. */
export function restorePlaces({ restoreRoot }: SnapshotPlan, context: CliContext): Pick<ServeOptions, 'restoreTo'> {
  if (restoreRoot === undefined) return {}
  const root = restoreRoot.replace(/[/\\]+$/, '')
  return { restoreTo: (name) => context.storage(`${root}/${name}`) }
}
