/** Records of pruning, deletion and changed options: what they change, and what is refused.
 * @module */
import { describe, expect, test } from 'vitest'
import {
  applyRecord,
  emptyState,
  isLeaving,
  type ManifestRecord,
  type ManifestState,
  nextHeadSlot,
  nextTopicId,
  parseState,
} from '../../../src/manifest/index.ts'
import { packState } from '../../../src/manifest/pack.ts'
import { closed, HASH_1, segmentAdded, topicCreated } from './support.ts'

const FIRST = '00000000000000000000.log'
const SECOND = '00000000000000000007.log'
const DIRECTORY = 'topics/topic-1/0'

const apply = (state: ManifestState, ...records: unknown[]) =>
  records.reduce<ManifestState>((before, record) => applyRecord(before, record as ManifestRecord), state)
/** A topic with one sealed segment and an active one. */
const rolled = () => apply(emptyState('store', 1), topicCreated(1), segmentAdded(1, 7))
const raised = (more: object = {}) => ({
  type: 'log-start-raised',
  topic: 1,
  partition: 0,
  segments: 1,
  logStartOffset: 7,
  logStartHash: HASH_1,
  removing: [FIRST, '00000000000000000000.index'],
  ...more,
})
const deleted = (more: object = {}) => ({
  type: 'topic-deleted',
  topic: 1,
  removing: [{ directory: DIRECTORY, files: [FIRST, SECOND] }],
  ...more,
})
const damaged = expect.objectContaining({ code: 'MANIFEST_DAMAGED' })
const survives = (state: ManifestState) =>
  expect(parseState(JSON.parse(JSON.stringify(packState(state))))).toEqual(state)

describe('applyRecord() of log-start-raised', () => {
  test('drops the segments, keeps the anchor, and lists the files', () => {
    const state = apply(rolled(), raised({ prunedVersions: 'versions-7' }))
    expect(state.topics[0]?.partitions[0]).toMatchObject({
      logStartOffset: 7,
      logStartHash: HASH_1,
      droppedSegments: 1,
      prunedVersions: 'versions-7',
      segments: [{ file: SECOND }],
    })
    expect(state.removing).toEqual([{ directory: DIRECTORY, files: [FIRST, '00000000000000000000.index'] }])
    expect(isLeaving(state, `${DIRECTORY}/${FIRST}`)).toBe(true)
    expect(isLeaving(state, `${DIRECTORY}/${SECOND}`)).toBe(false)
    survives(state)
  })

  test('replaces the file of versions by the next one', () => {
    const second = segmentAdded(1, 9)
    const third = { ...second, segment: { ...second.segment, id: 'ab'.repeat(8) } }
    const state = apply(rolled(), raised({ prunedVersions: 'versions-7' }), third)
    const next = raised({ logStartOffset: 9, prunedVersions: 'versions-9', removing: [SECOND, 'versions-7'] })
    const after = apply(state, next)
    expect(after.topics[0]?.partitions[0]).toMatchObject({ droppedSegments: 2, prunedVersions: 'versions-9' })
    survives(after)
  })

  const nonsense: [string, object][] = [
    ['of no segments', raised({ segments: 0 })],
    ['of the active segment too', raised({ segments: 2 })],
    ['into a segment', raised({ logStartOffset: 5 })],
    ['to another chain', raised({ logStartHash: '2'.repeat(64) })],
    ['that leaves a file of a segment behind', raised({ removing: ['00000000000000000000.index'] })],
    ['that removes a file in use', raised({ removing: [FIRST, SECOND] })],
    ['that removes its own versions', raised({ prunedVersions: 'v', removing: [FIRST, 'v'] })],
    ['that removes a file elsewhere', raised({ removing: [FIRST, '../MANIFEST'] })],
    ['that removes a file twice', raised({ removing: [FIRST, FIRST] })],
    ['with versions in an impossible file', raised({ prunedVersions: 'a/b' })],
    ['of an unknown topic', raised({ topic: 2 })],
    ['without a list', raised({ removing: undefined })],
  ]
  test.each(nonsense)('refuses one %s', (_, record) => {
    const state = rolled()
    const before = structuredClone(state)
    expect(() => apply(state, record)).toThrow(damaged)
    expect(state).toEqual(before)
  })

  test('refuses a segment under a name that waits to be removed, until it is gone', () => {
    const added = segmentAdded(1, 9)
    const again = { ...added, segment: { ...added.segment, id: 'ab'.repeat(8), file: FIRST } }
    const state = apply(rolled(), raised())
    expect(() => apply(state, again)).toThrow(damaged)
    expect(() => apply(state, { type: 'files-removed', directory: DIRECTORY, left: [FIRST] }, again)).toThrow(damaged)
    survives(apply(state, { type: 'files-removed', directory: DIRECTORY }, again))
  })
})

describe('applyRecord() of files-removed', () => {
  test('takes files off the list, all or all but some', () => {
    const state = apply(rolled(), raised())
    expect(apply(state, { type: 'files-removed', directory: DIRECTORY })).not.toHaveProperty('removing')
    const left = apply(state, { type: 'files-removed', directory: DIRECTORY, left: [FIRST] })
    expect(left.removing).toEqual([{ directory: DIRECTORY, files: [FIRST] }])
  })

  test('refuses what was not to be removed', () => {
    const state = apply(rolled(), raised())
    for (const more of [{ directory: 'topics/topic-1/1' }, { left: [SECOND] }, { left: 'x' }, { directory: 5 }])
      expect(() => apply(state, { type: 'files-removed', directory: DIRECTORY, ...more })).toThrow(damaged)
  })
})

describe('applyRecord() of topic-deleted', () => {
  test('forgets the topic, lists its files, and never gives its id and head slots again', () => {
    const state = apply(rolled(), topicCreated(2), deleted({ topic: 2, removing: [] }))
    expect(state.topics.map(({ id }) => id)).toEqual([1])
    expect([nextTopicId(state), nextHeadSlot(state)]).toEqual([3, 3])
    expect(() => apply(state, topicCreated(2))).toThrow(damaged)
    const { topic } = topicCreated(3, 'topic-2')
    const slots = topicCreated(2).topic.partitions
    expect(() => apply(state, { type: 'topic-created', topic: { ...topic, partitions: slots } })).toThrow(damaged)
    survives(apply(state, topicCreated(3, 'topic-2')))
    survives(apply(state, deleted()))
  })

  test('refuses files of others, and a new topic with files that wait to be removed', () => {
    for (const directory of ['topics/topic-2/0', 'topics/topic-1/1', 'topics/topic-1/../0', 'MANIFEST', ''])
      expect(() => apply(rolled(), deleted({ removing: [{ directory, files: [FIRST] }] }))).toThrow(damaged)
    expect(() => apply(rolled(), deleted({ topic: 9 }))).toThrow(damaged)
    expect(() => apply(rolled(), deleted({ removing: undefined }))).toThrow(damaged)
    const state = apply(rolled(), deleted())
    expect(() => apply(state, topicCreated(2, 'topic-1'))).toThrow(damaged)
    const { topic } = topicCreated(2, 'topic-1')
    const partitions = topic.partitions.map((row) => ({
      ...row,
      segments: row.segments.map((segment) => ({ ...segment, file: '00000000000000000000-1.log' })),
    }))
    survives(apply(state, { type: 'topic-created', topic: { ...topic, partitions } }))
  })

  test('lets a close be without it', () => {
    survives(apply(rolled(), topicCreated(2), deleted({ topic: 2, removing: [] }), closed(1)))
  })
})

describe('applyRecord() of topic-changed', () => {
  const options = topicCreated(1).topic.options
  const changed = (more: object) => ({ type: 'topic-changed', topic: 1, options: { ...options, ...more } })

  test('replaces the options, and keeps what records did to the partitions', () => {
    const state = apply(rolled(), changed({ retention: { maxEvents: 5 } }))
    expect(state.topics[0]?.options.retention).toEqual({ maxEvents: 5 })
    expect(state.topics[0]?.partitions[0]?.segments).toHaveLength(2)
    survives(state)
  })

  test('refuses what is fixed or impossible', () => {
    const wrong = [
      { partitions: 2 },
      { chain: 'events' },
      { partitioner: 2 },
      { segmentBytes: -1 },
      { retention: { maxAgeMs: -1 } },
      { retention: 5 },
      { compression: 'zip' },
      { idempotency: { windowKeys: 'many' } },
    ]
    for (const more of wrong) expect(() => apply(rolled(), changed(more)), JSON.stringify(more)).toThrow(damaged)
    expect(() => apply(rolled(), { ...changed({}), topic: 7 })).toThrow(damaged)
  })
})

describe('parseState()', () => {
  const seal = { lowestAt: -5, highestAt: 9, recordedAt: 3, keys: 2 }
  /** A sealed segment of which everything is known, one of which little is, another name, and an active one. */
  const varied = () => {
    const [first, second, third] = [7, 8, 9].map((end) => segmentAdded(1, end))
    if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
    const named = { ...second.segment, id: 'ab'.repeat(8), file: '00000000000000000008-1.log' }
    return apply(
      emptyState('store', 1),
      topicCreated(1),
      { ...first, seal: { ...first.seal, ...seal }, segment: { ...first.segment, features: 1 } },
      { ...second, segment: named },
      { ...third, segment: { ...third.segment, id: 'cd'.repeat(8) } },
    )
  }

  test('reads states whose segments are in columns, and states in which each is by itself', () => {
    const state = varied()
    expect(parseState(structuredClone(state))).toEqual(state)
    survives(state)
    survives(apply(state, closed(1)))
    const packed = JSON.parse(JSON.stringify(packState(state))).topics[0].partitions[0].segments
    expect([packed.ids.length, packed.rest.length, packed.files]).toEqual([48, 1, { 2: '00000000000000000008-1.log' }])
  })

  test('refuses columns that are none', () => {
    const good = JSON.parse(JSON.stringify(packState(varied())))
    const wrong: [string, unknown][] = [
      ['ids', 5],
      ['ids', 'ab'],
      ['ids', 'G'.repeat(48)],
      ['ids', ''],
      ['endHashes', '0'],
      ['endHashes', undefined],
      ['endHashes', 'x'.repeat(192)],
      ['baseOffset', -1],
      ['baseOffset', 8],
      ['hashBefore', 'ab'],
      ['endOffset', [7, 6, 9]],
      ['endOffset', [7, 8]],
      ['endOffset', [7, 8, null]],
      ['endOffset', [7, 8, 10]],
      ['endPosition', undefined],
      ['endPosition', [1, 2, '3']],
      ['lowestAt', [10, null, null]],
      ['lowestAt', [1.5, null, null]],
      ['highestAt', [1]],
      ['recordedAt', [-1, null, null]],
      ['keys', 'x'],
      ['features', [null, -1, null]],
      ['files', { 3: 'a.log' }],
      ['files', { x: 'a.log' }],
      ['files', { 0: '../a' }],
      ['files', { 0: '00000000000000000007.log' }],
      ['files', 5],
      ['rest', undefined],
      ['rest', 5],
      ['rest', [null]],
    ]
    for (const [field, value] of wrong) {
      const bad = structuredClone(good)
      bad.topics[0].partitions[0].segments[field] = value
      expect(() => parseState(bad), `${field} = ${JSON.stringify(value)}`).toThrow(damaged)
    }
  })

  test('keeps what a newer version says of a segment', () => {
    const state = structuredClone(rolled()) as unknown as { topics: { partitions: { segments: object[] }[] }[] }
    Object.assign(state.topics[0]?.partitions[0]?.segments[0] ?? {}, { color: 'red' })
    survives(state as unknown as ManifestState)
  })

  test('refuses lists of files that are in use, elsewhere, or twice', () => {
    const good = { ...rolled(), removing: [{ directory: DIRECTORY, files: ['00000000000000000001.log'] }] }
    survives(good)
    const wrong: unknown[] = [
      [{ directory: DIRECTORY, files: [FIRST] }],
      [{ directory: 'topics/../0', files: ['a'] }],
      [{ directory: 'topics/topic-1/01', files: ['a'] }],
      [{ directory: DIRECTORY, files: ['../a'] }],
      [...good.removing, ...good.removing],
      [{ directory: DIRECTORY }],
      'x',
    ]
    for (const removing of wrong) expect(() => parseState({ ...rolled(), removing })).toThrow(damaged)
    for (const last of [-1, 'x', 1.5]) {
      expect(() => parseState({ ...rolled(), lastTopicId: last })).toThrow(damaged)
      expect(() => parseState({ ...rolled(), lastHeadSlot: last })).toThrow(damaged)
    }
  })
})
