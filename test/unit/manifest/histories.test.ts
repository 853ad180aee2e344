/** Records of histories: what they change, and what is refused.
 * @module */
import { describe, expect, test } from 'vitest'
import {
  applyRecord,
  emptyState,
  findHistory,
  type GroupRow,
  type HistoryRow,
  type ManifestRecord,
  type ManifestState,
  parseState,
} from '../../../src/manifest/index.ts'
import { packState } from '../../../src/manifest/pack.ts'
import { closed } from './support.ts'

const tiers = {
  raw: { forMs: 1000 },
  compressed: { forMs: 5000, everyMs: 10 },
  archive: { forMs: null, everyMs: 100 },
}
const options = { keyframeInterval: 4, tiers }
const hex = (number: number) => number.toString(16).padStart(16, '0')
const history = (name: string, more: Partial<HistoryRow> = {}): HistoryRow => ({
  name,
  createdAt: 5,
  options,
  lastVersion: 0,
  groups: [],
  ...more,
})
/** Group number `at` of four versions each, of which it has some. */
const group = (at: number, more: Partial<GroupRow> = {}): GroupRow => ({
  id: hex(at + 1),
  file: hex(at + 1001),
  tier: 'raw',
  firstVersion: at * 4 + 1,
  lastVersion: at * 4 + 4,
  firstAt: at * 100,
  lastAt: at * 100 + 3,
  endBytes: 1000 + at,
  rawBytes: 4000,
  ...more,
})
const created = (name: string, more: Partial<HistoryRow> = {}): ManifestRecord => ({
  type: 'history-created',
  history: history(name, more),
})
const written = (name: string, from: number, ...groups: readonly GroupRow[]) => ({
  type: 'history-written' as const,
  name,
  from,
  groups,
  lastVersion: groups.at(-1)?.lastVersion ?? 0,
})
const apply = (state: ManifestState, ...records: unknown[]) =>
  records.reduce<ManifestState>((before, record) => applyRecord(before, record as ManifestRecord, 3), state)
const start = () => emptyState('store', 1)
const reread = (state: ManifestState) => parseState(JSON.parse(JSON.stringify(packState(state))))
const groupsOf = (state: ManifestState, name = 'h') => findHistory(state.histories, name)?.groups

describe('applyRecord() of records of histories', () => {
  test('appends groups, goes on with the last one and replaces any', () => {
    const state = apply(start(), created('h'), written('h', 0, group(0)), written('h', 1, group(1, { lastVersion: 5 })))
    expect(groupsOf(state)).toEqual([group(0), group(1, { lastVersion: 5 })])
    const more = apply(state, written('h', 1, group(1)), { ...written('h', 0, group(1)), lastVersion: 8 })
    expect(findHistory(more.histories, 'H')).toEqual(history('h', { lastVersion: 8, groups: [group(1)] }))
    expect(reread(more)).toEqual(more)
  })

  test('lets the next owner go on after a close, but not with files of an owner before', () => {
    const state = apply(
      start(),
      created('h'),
      written('h', 0, group(0, { epoch: 2 }), group(1, { epoch: 3 })),
      created('_own'),
      closed(),
    )
    expect(groupsOf(state)).toEqual([group(0, { epoch: 2 }), group(1)])
    expect(state.histories?.map(({ name }) => name)).toEqual(['_own', 'h'])
  })
})
