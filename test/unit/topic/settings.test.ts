/** The options of topics: ranges, defaults, and comparing them.
 * @module */
import { describe, expect, test } from 'vitest'
import { changedOptions, differingOption, newOptions, settingsOf } from '../../../src/topic/settings.ts'
import type { TopicOptions } from '../../../src/topic/types.ts'

const MIB = 1024 * 1024
const YEARS_10 = 10 * 365 * 24 * 3_600_000

test('settingsOf() fills in every default', () => {
  expect(settingsOf({ options: newOptions({}) })).toEqual({
    partitions: 1,
    segmentBytes: 64 * MIB,
    retention: {},
    compression: 'none',
    chain: 'batches',
    idempotency: { windowMs: 24 * 3_600_000, windowKeys: 1_000_000 },
  })
})

describe('newOptions()', () => {
  const allowed: TopicOptions[] = [
    { partitions: 1 },
    { partitions: 1_024 },
    { segmentBytes: MIB },
    { segmentBytes: 1024 * MIB },
    { retention: {} },
    { retention: { maxAgeMs: 1, maxBytes: 1, maxEvents: 1 } },
    { compression: 'deflate' },
    { chain: 'events' },
    { idempotency: { windowMs: 0, windowKeys: 0 } },
    { idempotency: { windowMs: YEARS_10, windowKeys: 2 ** 32 } },
  ]
  test.each(allowed)('takes %j', (options) => {
    expect(settingsOf({ options: newOptions(options) })).toMatchObject(options)
  })

  const refused: unknown[] = [
    { partitions: 0 },
    { partitions: 1_025 },
    { segmentBytes: MIB - 1 },
    { segmentBytes: 1024 * MIB + 1 },
    { retention: { maxAgeMs: 0 } },
    { retention: { maxBytes: -1 } },
    { retention: { maxEvents: 1.5 } },
    { retention: { maxAge: 1 } },
    { retention: [] },
    { retention: null },
    { retention: 'week' },
    { compression: 'gzip' },
    { chain: 'event' },
    { idempotency: { windowMs: YEARS_10 + 1 } },
    { idempotency: { windowKeys: 2 ** 32 + 1 } },
    { idempotency: { windowMs: -1 } },
  ]
  test.each(refused)('refuses %j', (options) => {
    expect(() => newOptions(options as TopicOptions)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

test('changedOptions() replaces what is given and keeps the rest', () => {
  const stored = newOptions({ partitions: 3, chain: 'events', retention: { maxAgeMs: 5 }, compression: 'deflate' })
  expect(changedOptions(stored, { retention: { maxEvents: 7 } })).toEqual({ ...stored, retention: { maxEvents: 7 } })
  expect(changedOptions(stored, {})).toEqual(stored)
})

describe('differingOption()', () => {
  const has = newOptions({ partitions: 2, retention: { maxAgeMs: 5 } })
  test('compares only what is asked for, defaults included', () => {
    expect(differingOption(has, {})).toBeUndefined()
    expect(differingOption(has, { partitions: 2, retention: { maxAgeMs: 5 }, compression: 'none' })).toBeUndefined()
    expect(differingOption(has, { idempotency: { windowKeys: 1_000_000 } })).toBeUndefined()
  })
  test('names the option that differs', () => {
    expect(differingOption(has, { retention: {} })).toMatchObject({ option: 'retention', has: { maxAgeMs: 5 } })
    expect(differingOption(has, { chain: 'events' })).toMatchObject({ option: 'chain', wanted: 'events' })
    expect(differingOption(has, { idempotency: { windowMs: 1 } })).toMatchObject({ option: 'idempotency' })
  })
})
