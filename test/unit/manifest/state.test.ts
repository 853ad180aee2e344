/** The state of a manifest: what each record changes, and records that make no sense.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyRecord,
  emptyState,
  type ManifestRecord,
  type ManifestState,
  nextHeadSlot,
  nextTopicId,
  parseState,
  partitionDirectory,
} from '../../../src/manifest/index.ts'
import { closed, HASH_0, HASH_1, segmentAdded, topicCreated } from './support.ts'

const start = () => emptyState('store', 1)
const withTopic = () => applyRecord(start(), topicCreated(1))

describe('applyRecord()', () => {
  test('adds a topic and leaves the state before as it was', () => {
    const before = start()
    const after = applyRecord(before, topicCreated(1))
    expect([before.topics.length, after.topics.length]).toEqual([0, 1])
    expect([nextTopicId(before), nextTopicId(after)]).toEqual([1, 2])
    expect([nextHeadSlot(before), nextHeadSlot(after)]).toEqual([1, 2])
    expect(partitionDirectory('orders', 3)).toBe('topics/orders/3')
  })

  test('seals the active segment and adds the next in one step, and forgets the proven end', () => {
    const proven = applyRecord(withTopic(), { ...closed(1) })
    const row = applyRecord(proven, segmentAdded(1, 10)).topics[0]?.partitions[0]
    expect(row?.segments.map((segment) => [segment.baseOffset, segment.sealed?.endOffset])).toEqual([
      [0, 10],
      [10, undefined],
    ])
    expect(row).not.toHaveProperty('proven')
  })

  test('replaces an empty active segment by another with the same base', () => {
    const record = segmentAdded(1, 0)
    const again = {
      ...record,
      seal: { endOffset: 0, endPosition: 128, endHash: HASH_0 },
      segment: { ...record.segment, file: '00000000000000000000-1.log', hashBefore: HASH_0 },
    }
    expect(applyRecord(withTopic(), again).topics[0]?.partitions[0]?.segments).toHaveLength(2)
  })

  test('adds the first segment of a partition that has none', () => {
    const { topic } = topicCreated(1)
    const [partition] = topic.partitions
    const segment = partition?.segments[0]
    if (partition === undefined || segment === undefined) throw new Error('the sample topic has a segment')
    const empty = applyRecord(start(), {
      type: 'topic-created',
      topic: { ...topic, partitions: [{ ...partition, segments: [] }] },
    })
    const added = applyRecord(empty, { type: 'segment-added', topic: 1, partition: 0, segment })
    expect(added.topics).toEqual([topic])
  })

  const base = segmentAdded(1)
  const topic = topicCreated(2).topic
  const nonsense: [string, unknown][] = [
    ['a topic twice', topicCreated(1)],
    ['a topic whose name differs in case only', { type: 'topic-created', topic: { ...topic, name: 'TOPIC-1' } }],
    ['a topic id twice', { type: 'topic-created', topic: { ...topic, id: 1 } }],
    ['a head slot twice', { type: 'topic-created', topic: { ...topic, partitions: topicCreated(1).topic.partitions } }],
    ['fewer partitions than said', { type: 'topic-created', topic: { ...topic, partitions: [] } }],
    [
      'another partitioner',
      { type: 'topic-created', topic: { ...topic, options: { ...topic.options, partitioner: 2 } } },
    ],
    ['a segment of an unknown topic', { ...base, topic: 9 }],
    ['a segment of an unknown partition', { ...base, partition: 1 }],
    ['a segment without a seal for the one before', { ...base, seal: undefined }],
    ['a segment after a gap', { ...base, segment: { ...base.segment, baseOffset: 8 } }],
    ['a segment that does not continue the chain', { ...base, segment: { ...base.segment, hashBefore: HASH_0 } }],
    ['a segment with the file of another', { ...base, segment: { ...base.segment, file: '00000000000000000000.log' } }],
    ['a segment outside its directory', { ...base, segment: { ...base.segment, file: '../x' } }],
    ['a segment that is born sealed', { ...base, segment: { ...base.segment, sealed: base.seal } }],
    ['an offset beyond 2^53', { ...base, seal: { ...base.seal, endOffset: 2 ** 53 } }],
    ['a short hash', { ...base, seal: { ...base.seal, endHash: 'ab' } }],
    ['a close that leaves a partition out', closed()],
    ['a close that names a partition twice', closed(1, 1)],
    ['a close of an unknown topic', closed(1, 2)],
    ['a close with half an end', { type: 'closed', partitions: [{ topic: 1, partition: 0, offset: 1 }] }],
    ['a close with nothing', { type: 'closed', partitions: [null] }],
    ['nothing', null],
  ]
  test.each(nonsense)('refuses %s', (_, record) => {
    const state = withTopic()
    const before = structuredClone(state)
    expect(() => applyRecord(state, record as ManifestRecord)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_DAMAGED' }),
    )
    expect(state).toEqual(before)
  })

  test('refuses a seal or a close below a proven end', () => {
    const state = applyRecord(withTopic(), closed(1))
    const damaged = expect.objectContaining({ code: 'MANIFEST_DAMAGED' })
    expect(() => applyRecord(state, segmentAdded(1, 8))).toThrow(damaged)
    const lower = { topic: 1, partition: 0, position: 800, offset: 8, hash: HASH_1 }
    expect(() => applyRecord(state, { type: 'closed', partitions: [lower] })).toThrow(damaged)
  })

  test('keeps every invariant that parseState() checks, for any order of valid and invalid records', () => {
    // Goal: no sequence of accepted records leads to a state that the next open refuses.
    // Method: random records, most of them nonsense; what is accepted must survive JSON and the check.
    const record = fc.oneof(
      fc.integer({ min: 1, max: 4 }).map((id) => topicCreated(id)),
      fc
        .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 12 }))
        .map(([id, end]) => segmentAdded(id, end)),
      fc.subarray([1, 2, 3, 4]).map((ids) => closed(...ids)),
      fc.jsonValue().map((value) => value as unknown as ManifestRecord),
    )
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), (records) => {
        let state: ManifestState = start()
        for (const each of records) {
          try {
            state = applyRecord(state, each)
          } catch (error) {
            expect(error).toHaveProperty('code')
          }
          expect(parseState(JSON.parse(JSON.stringify(state)))).toEqual(state)
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('parseState() refuses any value of the wrong shape with a code', () => {
  const good = applyRecord(applyRecord(withTopic(), segmentAdded(1)), closed(1))
  const paths: (string | number)[][] = []
  const walk = (value: unknown, path: (string | number)[]) => {
    if (path.length > 0) paths.push(path)
    if (Array.isArray(value)) for (const [index, child] of value.entries()) walk(child, [...path, index])
    else if (typeof value === 'object' && value !== null)
      for (const [key, child] of Object.entries(value)) walk(child, [...path, key])
  }
  walk(good, [])
  for (const path of paths) {
    for (const wrong of [null, -1, 1.5, { a: 1 }, 'x/..']) {
      // A text is as good as another where nothing but a text is asked for.
      if (typeof wrong === 'string' && ['lineage', 'storeId'].includes(String(path.at(-1)))) continue
      const bad: unknown = structuredClone(good)
      let at = bad as Record<string | number, unknown>
      for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>
      at[path.at(-1) ?? ''] = wrong
      const title = `${path.join('.')} = ${JSON.stringify(wrong)}`
      expect(() => parseState(bad), title).toThrow(expect.objectContaining({ code: 'MANIFEST_DAMAGED' }))
    }
  }
})
