/** Records of histories and projections, and a plain model of what they do.
 * @module */
import {
  applyRecord,
  type DocumentRow,
  emptyState,
  type GroupRow,
  type HistoryRow,
  type HistoryWritten,
  type ManifestRecord,
  type ManifestState,
  type ProjectionRow,
  parseState,
} from '../../../src/manifest/index.ts'
import { packState } from '../../../src/manifest/pack.ts'

/** That of the manifest that the records are in. */
export const EPOCH = 3

export const hex = (number: number) => number.toString(16).padStart(16, '0')

export const options = {
  keyframeInterval: 4,
  tiers: { raw: { forMs: 1000 }, compressed: { forMs: 5000, everyMs: 10 }, archive: { forMs: null, everyMs: 100 } },
}

export const history = (name: string, more: Partial<HistoryRow> = {}): HistoryRow => ({
  name,
  createdAt: 5,
  options,
  lastVersion: 0,
  groups: [],
  ...more,
})

/** Group number `at`, of four versions. */
export const group = (at: number, more: Partial<GroupRow> = {}): GroupRow => ({
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

export const created = (name: string, more: Partial<HistoryRow> = {}): ManifestRecord => ({
  type: 'history-created',
  history: history(name, more),
})

export const written = (name: string, from: number, ...groups: readonly GroupRow[]): HistoryWritten => ({
  type: 'history-written',
  name,
  from,
  groups,
  lastVersion: groups.at(-1)?.lastVersion ?? 0,
})

export const deleted = (name: string): ManifestRecord => ({ type: 'history-deleted', name })

export const projection = (name: string, more: Partial<ProjectionRow> = {}): ProjectionRow => ({
  name,
  topic: 'orders',
  topicId: 1,
  keep: 'document',
  everyEvents: 10,
  createdAt: 5,
  foldVersion: 0,
  positions: [0],
  publishedAt: 0,
  ...more,
})

export const document = (name: string, version = 1): DocumentRow => ({
  name,
  version,
  id: hex(version + 5000),
  sizeBytes: 1000,
  indexBytes: 100,
  writtenAt: 5,
})

export const apply = (state: ManifestState, ...records: readonly unknown[]) =>
  records.reduce<ManifestState>((before, record) => applyRecord(before, record as ManifestRecord, EPOCH), state)

export const start = () => emptyState('store', 1)

/** What a state is once it was written and read. */
export const reread = (state: ManifestState) => parseState(JSON.parse(JSON.stringify(packState(state))))
