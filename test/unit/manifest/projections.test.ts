/** Records of projections: a state and what it reflects are one commit.
 * @module */
import { describe, expect, test } from 'vitest'
import {
  applyRecord,
  findHistory,
  findProjection,
  type ManifestRecord,
  parseState,
} from '../../../src/manifest/index.ts'
import { packState } from '../../../src/manifest/pack.ts'
import {
  apply,
  created,
  deleted,
  document,
  EPOCH,
  group,
  history,
  projection,
  reread,
  start,
  written,
} from './histories-support.ts'

const damaged = expect.objectContaining({ code: 'MANIFEST_DAMAGED' })
const kept = projection('past', { keep: 'history' })
const base = () =>
  apply(
    start(),
    { type: 'projection-created', projection: projection('Now') },
    { type: 'projection-created', projection: kept, history: history('_past') },
  )
const published = (more: object = {}) => ({
  type: 'projection-published',
  projection: projection('Now', { foldVersion: 1, positions: [7], publishedAt: 9 }),
  document: document('_Now'),
  ...more,
})
const recorded = (more: object = {}) => ({
  type: 'projection-published',
  projection: { ...kept, foldVersion: 1, positions: [7], publishedAt: 9 },
  history: written('_past', 0, group(0)),
  ...more,
})
const gone = (name: string) => ({ type: 'projection-deleted', name })

describe('applyRecord() of records of projections', () => {
  test('creates a projection, and the history that it keeps', () => {
    expect(base()).toEqual({
      ...start(),
      projections: [projection('Now'), kept],
      histories: [history('_past')],
    })
    expect(reread(base())).toEqual(base())
    expect(findProjection(base().projections, 'NOW')?.name).toBe('Now')
  })

  test('publishes a state with what it reflects', () => {
    const state = apply(base(), published(), recorded())
    expect(state.documents).toEqual([document('_Now')])
    expect(findHistory(state.histories, '_past')?.groups).toEqual([group(0)])
    expect(state.projections?.map(({ positions }) => positions)).toEqual([[7], [7]])
    expect(reread(state)).toEqual(state)
    const failure = { partition: 0, offset: 7, kind: 'OrderPaid', message: 'no total', at: 8 }
    const failed = apply(state, { ...published({ document: undefined }), projection: projection('Now', { failure }) })
    expect(failed.projections?.[0]?.failure).toEqual(failure)
    expect(failed.documents).toEqual(state.documents)
    expect(reread(failed)).toEqual(failed)
  })

  test('of a topic that was created anew begins anew', () => {
    const next = projection('Now', { topicId: 4, positions: [0, 0] })
    expect(apply(base(), published({ projection: next })).projections?.[0]).toEqual(next)
  })

  test('deletes a projection with its states', () => {
    const state = apply(base(), published(), recorded(), gone('past'), gone('Now'))
    expect(state).toEqual({ ...start(), lastDocumentVersion: 1 })
    expect(apply(base(), gone('Now')).projections).toEqual([kept])
  })

  const refused: [string, unknown][] = [
    ['a projection that is none', { type: 'projection-created' }],
    ['a name that is there in another case', { type: 'projection-created', projection: projection('now') }],
    ['a name of the store', { type: 'projection-created', projection: projection('_a') }],
    ['a name that leads elsewhere', { type: 'projection-created', projection: projection('a/b') }],
    ['no topic', { type: 'projection-created', projection: projection('a', { topic: '' }) }],
    ['no id of a topic', { type: 'projection-created', projection: projection('a', { topicId: 0 }) }],
    ['no place for states', { type: 'projection-created', projection: projection('a', { keep: 'no' as never }) }],
    ['no publications', { type: 'projection-created', projection: projection('a', { everyEvents: 0 }) }],
    ['no creation time', { type: 'projection-created', projection: projection('a', { createdAt: -1 }) }],
    ['positions below 0', { type: 'projection-created', projection: projection('a', { positions: [-1] }) }],
    ['a failure of nothing', { type: 'projection-created', projection: projection('a', { failure: null as never }) }],
    [
      'a failure that says nothing',
      { type: 'projection-created', projection: projection('a', { failure: { partition: 0 } as never }) },
    ],
    ['no history to keep', { type: 'projection-created', projection: projection('a', { keep: 'history' }) }],
    [
      'a history that nobody keeps',
      { type: 'projection-created', projection: projection('a'), history: history('_a') },
    ],
    [
      'a history of another name',
      { type: 'projection-created', projection: projection('a', { keep: 'history' }), history: history('_b') },
    ],
    [
      'a history that is there',
      { type: 'projection-created', projection: projection('a', { keep: 'history' }), history: history('_past') },
    ],
    ['a publication of nothing', { type: 'projection-published' }],
    ['a publication of one that is not there', published({ projection: projection('a') })],
    ['a publication in another case', published({ projection: projection('now') })],
    ['another topic', published({ projection: projection('Now', { topic: 'other' }) })],
    ['another creation', published({ projection: projection('Now', { createdAt: 6 }) })],
    ['another place for states', published({ projection: projection('Now', { keep: 'history' }) })],
    ['the document of another', published({ document: document('_past') })],
    ['a document that is none', published({ document: {} })],
    ['a history in the place of a document', published({ history: written('_past', 0, group(0)) })],
    ['a document in the place of a history', recorded({ document: document('_past') })],
    ['the history of another', recorded({ history: written('_other', 0) })],
    ['groups that make no sense', recorded({ history: written('_past', 1, group(0)) })],
    ['a history that is none', recorded({ history: null })],
    ['a deletion of one that is not there', gone('a')],
    ['a deletion in another case', gone('now')],
    ['a deletion of nothing', { type: 'projection-deleted' }],
    ['a deletion of its history alone', deleted('_past')],
    ['a deletion of its document alone', { type: 'document-deleted', name: '_Now' }],
  ]
  test.each(refused)('refuses %s', (_, record) => {
    const state = apply(base(), published(), created('_other'))
    const before = structuredClone(state)
    expect(() => applyRecord(state, record as ManifestRecord, EPOCH)).toThrow(damaged)
    expect(state).toEqual(before)
  })

  test('refuses a version of its document that is not above the one before', () => {
    expect(() => apply(base(), published(), published())).toThrow(damaged)
  })
})

test.each([null, {}, [3], [projection('a'), projection('A')], [projection('_a')]])(
  'parseState() refuses projections %j',
  (projections) => {
    const state = JSON.parse(JSON.stringify(packState(start())))
    expect(() => parseState({ ...state, projections })).toThrow(damaged)
  },
)

test('parseState() sorts projections that another hand wrote in another order', () => {
  const state = { ...start(), projections: [projection('b'), projection('A')] }
  expect(reread(state).projections?.map(({ name }) => name)).toEqual(['A', 'b'])
})
