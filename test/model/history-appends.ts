/** Appends to histories, as they are made, and what comes of them.
 * @module */
import { expect } from 'vitest'
import type { AppendVersionOptions, History, MetricsSnapshot, VersionReceipt } from '../../src/history/types.ts'
import { difference } from '../support/same-value.ts'
import { outcome } from '../unit/topic/support.ts'
import type { HistoryModel, ModelVersion } from './history-model.ts'
import type { AppendPlan } from './history-plans.ts'
import { copyOf, nextValue, put, spoil } from './history-values.ts'

/** A history as it is open, with its model. */
export interface Held {
  history: History
  readonly model: HistoryModel
  /** Every value that was given so far, for those that come back. */
  readonly values: unknown[]
}

/** An append as it was made. */
export interface Made {
  readonly promise: Promise<VersionReceipt | string>
  readonly expected: ModelVersion | string
}

/** Call, and tell the model. What the call was given is spoilt when it has returned. */
export function makeAppend({ history, model, values }: Held, plan: AppendPlan, now: number): Made {
  const { label, fingerprint, metadata, offsetBy, atBy, ifVersion, metrics, typed } = plan
  const { lastVersion, lastOffset, newest } = model
  const expected = { right: lastVersion, old: Math.max(0, lastVersion - 1), none: 0 }
  const options: AppendVersionOptions = {
    ...(label !== undefined && { label }),
    ...(offsetBy !== undefined && { offset: Math.max(0, lastOffset + offsetBy) }),
    ...(atBy !== undefined && { at: Math.max(0, (newest?.at ?? now) + atBy) }),
    ...(ifVersion !== undefined && { ifVersion: expected[ifVersion] }),
  }
  const more = {
    ...(fingerprint !== undefined && { fingerprint }),
    ...(metadata !== undefined && { metadata: copyOf(metadata) }),
  }
  if (metrics !== undefined) {
    const snapshot: MetricsSnapshot = { ...more, metrics: {} }
    for (const [name, series] of metrics) put(snapshot.metrics, name, copyOf(series))
    const value = { metrics: copyOf(snapshot.metrics) }
    const result = model.append({ kind: 'metrics', value, options: { ...options, ...more } }, now)
    if (typed) {
      for (const [name, { timestamps, values }] of metrics) {
        put(snapshot.metrics, name, {
          timestamps: BigUint64Array.from(timestamps),
          values: Float64Array.from(values),
        })
      }
    }
    const promise = outcome(history.appendMetrics(snapshot, options))
    if (!typed) spoil(snapshot.metrics)
    return { promise, expected: result }
  }
  const value = nextValue(plan.value, values)
  values.push(copyOf(value))
  if (values.length > 12) values.shift()
  const result = model.append({ kind: 'value', value, options: { ...options, ...more } }, now)
  const promise = outcome(history.append(value, { ...options, ...more }))
  spoil(value)
  if (more.metadata !== undefined) spoil(more.metadata)
  return { promise, expected: result }
}

/** See that what came of it is what the model says. */
export async function receive({ model }: Held, { promise, expected }: Made): Promise<void> {
  const receipt = await promise
  if (typeof expected === 'string' || typeof receipt === 'string') {
    expect(receipt).toBe(typeof expected === 'string' ? expected : 'a receipt')
    return
  }
  const { version, at, fingerprint, isDelta, sizeBytes } = receipt
  expect({ version, at }).toEqual({ version: expected.version, at: expected.at })
  expect(fingerprint).toBe(expected.ownFingerprint ?? fingerprint)
  if (expected.ownFingerprint === undefined) expected.hash = fingerprint
  expected.stored = { isDelta, sizeBytes }
  const others = model.versions.filter(({ hash }) => hash !== undefined).slice(-6)
  for (const other of others) {
    if (expected.hash === undefined) break
    expect(other.hash === expected.hash).toBe(difference(other.value, expected.value) === undefined)
  }
}
