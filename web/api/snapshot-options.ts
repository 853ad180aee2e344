/** Snapshots out of JSON: what to take, restore, keep and repeat. Here only names and types are checked; the library
 * knows the ranges.
 * @module */
import type {
  CreateSnapshotOptions,
  RestoreOptions,
  SnapshotPolicy,
  SnapshotScheduleOptions,
  Until,
} from '../../src/index.ts'
import { type Fields, fieldsOf, numberField, present, refuse, textField } from './fields.ts'

const TARGET = ['topic', 'partition', 'label'] as const
const POLICY = ['maxSnapshots', 'retentionTimeMs', 'minIntervalMs'] as const

/** What a request may ask of a new snapshot. */
export type AskedSnapshot = Pick<CreateSnapshotOptions, 'topic' | 'partition' | 'label' | 'pinned' | 'minIntervalMs'>

/** What a request may restore, and to where: to a new topic, or to a store of that name where the server keeps such. */
export interface AskedRestore extends Pick<RestoreOptions, 'as' | 'topic' | 'until' | 'overwrite'> {
  readonly directory?: string
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function readSnapshot(value: unknown): AskedSnapshot {
  const fields = fieldsOf(value, 'snapshot', [...TARGET, 'pinned', 'minIntervalMs'])
  return {
    ...readTarget(fields),
    ...present({
      pinned: flagField(fields.pinned, 'pinned'),
      minIntervalMs: numberField(fields.minIntervalMs, 'minIntervalMs'),
    }),
  }
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function readSchedule(value: unknown): SnapshotScheduleOptions {
  const fields = fieldsOf(value, 'schedule', [...TARGET, 'everyMs', 'jitterMs'])
  const everyMs = numberField(fields.everyMs, 'everyMs')
  if (everyMs === undefined) throw refuse('everyMs', 'Cannot make a schedule: "everyMs" is missing')
  return { everyMs, ...readTarget(fields), ...present({ jitterMs: numberField(fields.jitterMs, 'jitterMs') }) }
}

function readTarget({ topic, partition, label }: Fields): { topic?: string; partition?: number; label?: string } {
  return present({
    topic: textField(topic, 'topic'),
    partition: numberField(partition, 'partition'),
    label: textField(label, 'label'),
  })
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function readRestore(value: unknown): AskedRestore {
  const fields = fieldsOf(value, 'restore', ['as', 'directory', 'topic', 'until', 'overwrite'])
  return present({
    as: textField(fields.as, 'as'),
    directory: textField(fields.directory, 'directory'),
    topic: textField(fields.topic, 'topic'),
    until: readUntil(fields.until),
    overwrite: flagField(fields.overwrite, 'overwrite'),
  })
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function readUntil(value: unknown): Until | undefined {
  if (value === undefined) return undefined
  const { offset, time } = fieldsOf(value, 'until', ['offset', 'time'])
  if ((offset === undefined) === (time === undefined))
    throw refuse('until', 'Cannot read "until": give "offset" or "time", one of them')
  if (Array.isArray(offset) && offset.every((one) => typeof one === 'number')) return { offset }
  const end = numberField(offset, 'until.offset')
  const moment = numberField(time, 'until.time')
  return end !== undefined ? { offset: end } : { time: moment ?? 0 }
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function readPolicy(value: unknown): Partial<SnapshotPolicy> {
  const fields = fieldsOf(value, 'policy', POLICY)
  return present({
    maxSnapshots: numberField(fields.maxSnapshots, 'policy.maxSnapshots'),
    retentionTimeMs: numberField(fields.retentionTimeMs, 'policy.retentionTimeMs'),
    minIntervalMs: numberField(fields.minIntervalMs, 'policy.minIntervalMs'),
  })
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function flagField(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw refuse(name, `Cannot read "${name}": it is neither true nor false`)
}
