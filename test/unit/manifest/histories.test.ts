/** Records of histories: what they change, what is refused, and how a state holds them.
 * @module */
import { describe, expect, test } from 'vitest'
import { StateDraft } from '../../../src/manifest/draft.ts'
import {
  applyRecord,
  findHistory,
  type GroupRow,
  type ManifestRecord,
  type ManifestState,
  parseState,
} from '../../../src/manifest/index.ts'
import { packState } from '../../../src/manifest/pack.ts'
import {
  apply,
  created,
  deleted,
  EPOCH,
  group,
  hex,
  history,
  options,
  reread,
  start,
  written,
} from './histories-support.ts'
import { closed, Machine, topicCreated } from './support.ts'

const damaged = expect.objectContaining({ code: 'MANIFEST_DAMAGED' })
const groupsOf = (state: ManifestState, name = 'h') => findHistory(state.histories, name)?.groups

describe('applyRecord() of records of histories', () => {
  test('appends groups, goes on with the last one and replaces any', () => {
    const state = apply(start(), created('h'), written('h', 0, group(0)), written('h', 1, group(1, { lastVersion: 5 })))
    expect(groupsOf(state)).toEqual([group(0), group(1, { lastVersion: 5 })])
    const more = apply(state, written('h', 1, group(1)), { ...written('h', 0, group(1)), lastVersion: 8 })
    expect(findHistory(more.histories, 'H')).toEqual(history('h', { lastVersion: 8, groups: [group(1)] }))
    expect(reread(more)).toEqual(more)
  })

  test('keeps histories in the order of their names, those of the store among them', () => {
    const state = apply(start(), created('b'), created('_own'), created('C'), created('a'))
    expect(state.histories?.map(({ name }) => name)).toEqual(['_own', 'a', 'b', 'C'])
    expect(apply(state, deleted('b'), deleted('C'), deleted('a'), deleted('_own'))).toEqual(start())
  })

  test('lets a history begin anew after a deletion', () => {
    const full = apply(start(), created('h'), written('h', 0, group(0)), deleted('h'), created('H'))
    expect(full.histories).toEqual([history('H')])
    expect(groupsOf(apply(full, written('H', 0, group(0))))).toEqual([group(0)])
  })

  test('changes options and nothing else', () => {
    const other = { ...options, keyField: 'id' }
    const state = apply(start(), created('h'), written('h', 0, group(0)))
    const changed = apply(state, { type: 'history-changed', name: 'h', options: other }, written('h', 1, group(1)))
    expect(changed.histories).toEqual([history('h', { options: other, lastVersion: 8, groups: [group(0), group(1)] })])
  })

  test('keeps pins until others are given', () => {
    const pinned = apply(start(), created('h'), { ...written('h', 0, group(0), group(1)), pins: [2, 8] })
    expect(pinned.histories?.[0]?.pins).toEqual([2, 8])
    expect(apply(pinned, written('h', 2, group(2))).histories?.[0]?.pins).toEqual([2, 8])
    expect(reread(pinned)).toEqual(pinned)
    const none = apply(pinned, { ...written('h', 2), lastVersion: 8, pins: [] })
    expect(none.histories).toEqual([history('h', { lastVersion: 8, groups: [group(0), group(1)] })])
  })

  test('of a close lets the next owner go on with the files of this one, not with those of one before', () => {
    const groups = [group(0, { epoch: 2 }), group(1, { epoch: EPOCH })]
    const state = apply(start(), created('h'), written('h', 0, ...groups), created('other'))
    expect(groupsOf(reread(state))).toEqual(groups)
    const next = apply(state, { ...closed(), untidyHistories: ['h'] })
    expect(groupsOf(next)).toEqual([group(0, { epoch: 2 }), group(1)])
    expect(next.untidyHistories).toEqual(['h'])
    expect(apply(next, closed())).not.toHaveProperty('untidyHistories')
    expect(groupsOf(state)).toEqual(groups)
  })

  test('lets the files of an owner that did not close be, and those of one that did grow', () => {
    const state = apply(start(), created('h'), written('h', 0, group(0, { epoch: 2 })))
    const grown = written('h', 0, group(0, { endBytes: 2_000, epoch: EPOCH }))
    expect(() => apply(state, grown)).toThrow(damaged)
    const copied = group(0, { endBytes: 2_000, epoch: EPOCH, file: hex(9) })
    expect(groupsOf(apply(state, written('h', 0, copied)))).toEqual([copied])
    expect(groupsOf(apply(start(), created('h'), written('h', 0, group(0)), grown))).toEqual(grown.groups)
  })

  test('keeps fields that only a newer version knows', () => {
    const newer = { ...group(0), codec: 'new' }
    const state = apply(start(), { type: 'history-created', history: { ...history('h'), colour: 'red' } })
    const next = reread(apply(state, written('h', 0, newer, group(1)), written('h', 2, group(2))))
    expect(next.histories?.[0]).toMatchObject({ colour: 'red', groups: [newer, group(1), group(2)] })
  })

  const base = () =>
    apply(start(), created('h'), created('other'), {
      ...written('h', 0, group(0, { lastOffset: 7 }), group(1, { lastOffset: 7 })),
      pins: [3],
    })
  const next = (more: Partial<GroupRow> = {}) => written('h', 2, group(2, { lastOffset: 9, ...more }))
  const refused: [string, unknown][] = [
    ['a history that is none', { type: 'history-created' }],
    ['a name that is there in another case', created('H')],
    ['a name that leads elsewhere', created('../h')],
    ['a name that begins twice', created('__h')],
    ['no creation time', created('b', { createdAt: -1 })],
    ['no groups', { type: 'history-created', history: { ...history('b'), groups: undefined } }],
    ['no options', { type: 'history-changed', name: 'h' }],
    ['no interval', { type: 'history-changed', name: 'h', options: { ...options, keyframeInterval: 0 } }],
    ['no tiers', { type: 'history-changed', name: 'h', options: { keyframeInterval: 4 } }],
    ['a tier that is none', created('b', { options: { ...options, tiers: { ...options.tiers, raw: null as never } } })],
    ['an age that is none', created('b', { options: { ...options, tiers: { ...options.tiers, raw: { forMs: -1 } } } })],
    ['a key that is none', created('b', { options: { ...options, keyField: 3 as never } })],
    ['options of a history that is not there', { type: 'history-changed', name: 'b', options }],
    ['a deletion of a history that is not there', deleted('b')],
    ['a deletion in another case', deleted('H')],
    ['a deletion of nothing', { type: 'history-deleted' }],
    ['groups of a history that is not there', written('b', 0)],
    ['groups of no history', { ...next(), name: undefined }],
    ['no groups to write', { ...next(), groups: undefined }],
    ['a place behind the end', { ...next(), from: 3 }],
    ['a place that is none', { ...next(), from: -1 }],
    ['a group that is none', { ...next(), groups: [null] }],
    ['an id that is a path', next({ id: '../../MANIFEST-1' })],
    ['a short file', next({ file: 'ab' })],
    ['an epoch that is none', next({ epoch: 0 })],
    ['a tier nobody knows', next({ tier: 'gone' as never })],
    ['version 0', next({ firstVersion: 0 })],
    ['versions that go back', next({ lastVersion: 8 })],
    ['versions of the group before', next({ firstVersion: 8 })],
    ['versions that are listed twice', next({ versions: [9, 9, 12] })],
    ['other versions', next({ versions: [9, 10] })],
    ['versions before the first', next({ versions: [8, 12] })],
    ['no list of versions', next({ versions: 9 as never })],
    ['a time that is none', next({ firstAt: 0.5 })],
    ['times that go back', next({ lastAt: 199 })],
    ['times before those of the group before', next({ firstAt: 102 })],
    ['an offset that is none', next({ lastOffset: -1 })],
    ['an offset that goes back', next({ lastOffset: 6 })],
    ['no offset behind one', written('h', 2, group(2))],
    ['an empty file', next({ endBytes: 0 })],
    ['no size', next({ rawBytes: 0.5 })],
    ['the file of another group', next({ file: group(0).file })],
    ['the id of another group', next({ id: group(1).id })],
    [
      'two groups of one file',
      written('h', 1, group(1, { lastOffset: 7 }), group(2, { file: group(1).file, lastOffset: 7 })),
    ],
    ['a file that is shorter than before', written('h', 1, group(1, { lastOffset: 7, endBytes: 5 }))],
    ['a file that nobody says has grown', written('h', 1, group(1, { lastOffset: 7, endBytes: 2_000 }))],
    ['a file of another owner', written('h', 1, group(1, { lastOffset: 7, endBytes: 2_000, epoch: 2 }))],
    ['a file of another id', written('h', 1, group(1, { lastOffset: 7, id: hex(77) }))],
    ['a newest version that goes back', { ...written('h', 2), lastVersion: 7 }],
    ['a newest version below that of a group', { ...next(), lastVersion: 11 }],
    ['pins that are no list', { ...next(), pins: 3 }],
    ['pins out of order', { ...next(), pins: [8, 3] }],
    ['a pin of a version that is not there', { ...next(), pins: [13] }],
    ['a pinned version that goes', { ...written('h', 0, group(1, { lastOffset: 7 })), lastVersion: 8 }],
    [
      'a pinned version that is not listed',
      { ...written('h', 0, group(0, { versions: [1, 2, 4] }), group(1, { lastOffset: 7 })), lastVersion: 8 },
    ],
    ['a close that lists a path', { ...closed(), untidyHistories: ['a/b'] }],
  ]
  test.each(refused)('refuses %s', (_, record) => {
    const state = base()
    const before = structuredClone(state)
    expect(() => applyRecord(state, record as ManifestRecord, EPOCH)).toThrow(damaged)
    expect(state).toEqual(before)
  })

  test('accepts what the records that are refused differ from', () => {
    const lists = { ...written('h', 0, group(0, { versions: [1, 3, 4] }), group(1, { lastOffset: 7 })), lastVersion: 8 }
    for (const record of [next(), next({ versions: [9, 12] }), lists, { ...next(), pins: [3, 12] }])
      expect(() => reread(apply(base(), record))).not.toThrow()
  })
})

describe('packState() of histories', () => {
  const many = (count: number) => {
    const groups = Array.from({ length: count }, (_, at) => {
      const firstAt = 1_700_000_000_000 + at * 3_600_000 + ((at * 7919) % 1000)
      const [endBytes, rawBytes] = [30_000 + ((at * 7919) % 10_000), 5_000_000 + ((at * 104_729) % 1_000_000)]
      const ids = { id: random(at), file: random(at) }
      const versions = { firstVersion: at * 64 + 1, lastVersion: at * 64 + 64 }
      return group(at, { ...ids, ...versions, firstAt, lastAt: firstAt + 3_500_000, endBytes, rawBytes })
    })
    return { ...start(), histories: [history('h', { lastVersion: count * 64, groups })] }
  }
  const random = (at: number) => (BigInt(at + 1) * 0x9e3779b97f4a7c15n).toString(16).slice(-16).padStart(16, '0')

  test('writes a group of a long history in about 40 bytes', () => {
    const state = many(1_563)
    const text = JSON.stringify(packState(state))
    console.info(`${(text.length / 1_563).toFixed(1)} B a group`)
    expect(text.length).toBeLessThan(1_563 * 48)
    expect(parseState(JSON.parse(text))).toEqual(state)
  })

  test('holds what any group may say', () => {
    const groups = [
      group(0, { firstAt: -(2 ** 53) + 1, lastAt: 5, versions: [1, 4] }),
      group(1, { tier: 'archive', versions: [5, 6, 8], epoch: 9 }),
      group(2, { tier: 'compressed', lastOffset: 0 }),
      group(5, { lastOffset: 0, lastAt: 2 ** 53 - 1, file: group(5).id }),
    ]
    const state = { ...start(), histories: [history('h', { lastVersion: 30, pins: [4], groups }), history('i')] }
    expect(reread(state)).toEqual(state)
    const [first] = groups
    const far = {
      ...start(),
      histories: [
        history('h', { lastVersion: 8, groups: [first, group(1, { firstAt: 9e15, lastAt: 9e15 })] as GroupRow[] }),
      ],
    }
    expect(reread(far)).toEqual(far)
  })

  test('writes what was read and has not changed as it was', () => {
    const stored = JSON.parse(JSON.stringify(packState(many(3))))
    const state = parseState(structuredClone(stored))
    expect(packState(state)).toEqual(stored)
    expect(packState(apply(state, topicCreated(1)))).toMatchObject({ histories: stored.histories })
    const more = apply(
      state,
      written('h', 3, group(3, { firstVersion: 193, lastVersion: 193, firstAt: 2e12, lastAt: 2e12 })),
    )
    expect(reread(more)).toEqual(more)
    expect(more.histories?.[0]?.groups).toHaveLength(4)
  })

  test('sorts what another hand wrote in another order', () => {
    const state = { ...start(), histories: [history('b'), history('A')] }
    expect(reread(state).histories?.map(({ name }) => name)).toEqual(['A', 'b'])
  })

  const columns = () =>
    JSON.parse(
      JSON.stringify(
        packState({
          ...start(),
          histories: [
            history('h', {
              lastVersion: 8,
              groups: [group(0, { lastOffset: 1 }), group(1, { lastOffset: 2, versions: [5, 8] })],
            }),
          ],
        }),
      ),
    )
  const wrong: [string, object][] = [
    ['no ids', { ids: undefined }],
    ['ids that are no base64', { ids: 'x' }],
    ['half an id', { ids: 'AAAA' }],
    ['ids of none', { ids: '' }],
    ['files of fewer', { files: 'AAAAAAAAAAA=' }],
    ['no rest', { rest: {} }],
    ['a rest before the others', { rest: [group(0)] }],
    ['no gaps', { gaps: undefined }],
    ['a gap below 0', { gaps: [-1, 2] }],
    ['a run that is too long', { gaps: [0, 1e9] }],
    ['a run that is too short', { gaps: [0, 1] }],
    ['half a run', { gaps: [0] }],
    ['a span that is none', { spans: [null, 2] }],
    ['a tier that is none', { tiers: ['gone', 2] }],
    ['epochs of fewer', { epochs: [1, 1] }],
    ['a column that is short', { firstAt: [1] }],
    ['a column that is missing', { rawBytes: undefined }],
    ['a time that is none', { lastAt: [1, 'a'] }],
    ['a time that is not known', { firstAt: [1, null], lastAt: [1, 2 ** 53 - 1] }],
    ['a size that is not known', { endBytes: [1000, null] }],
    ['an offset that goes back', { lastOffset: [1, -1] }],
    ['an offset that is forgotten', { lastOffset: [1, null] }],
    ['versions of a group that is not there', { versions: { 2: [0, 3] } }],
    ['versions that are no list', { versions: { 1: 3 } }],
    ['versions that go back', { versions: { 1: [0, 3, -1] } }],
    ['versions that say nothing', { versions: 3 }],
  ]
  test.each(wrong)('is refused with %s', (_, change) => {
    const state = columns()
    expect(() => parseState(structuredClone(state))).not.toThrow()
    state.histories[0].groups = { ...state.histories[0].groups, ...change }
    expect(() => parseState(state)).toThrow(damaged)
  })

  test.each([null, 3, {}, [3], [history('a'), history('A')], [history('a', { lastVersion: -1 })]])(
    'is refused as %j',
    (histories) => {
      expect(() => parseState({ ...columns(), histories })).toThrow(damaged)
    },
  )

  test('is refused with a newest version below that of a group, with pins of no version, and untidy paths', () => {
    for (const more of [{ lastVersion: 7 }, { pins: [6] }, { pins: [] as unknown }]) {
      const state = columns()
      Object.assign(state.histories[0], more)
      if (Array.isArray(more.pins) && more.pins.length === 0) expect(() => parseState(state)).not.toThrow()
      else expect(() => parseState(state)).toThrow(damaged)
    }
    expect(() => parseState({ ...columns(), untidyHistories: ['../a'] })).toThrow(damaged)
  })
})

describe('long manifests', () => {
  test('StateDraft.apply() takes 20,000 appends to a history of 1,563 groups in one copy of its list', () => {
    const groups = Array.from({ length: 1_563 }, (_, at) => group(at, { endBytes: 1 }))
    const state = { ...start(), histories: [history('h', { lastVersion: 1_563 * 4, groups })] }
    const draft = new StateDraft(state, EPOCH)
    for (let endBytes = 1; endBytes <= 20_000; endBytes++)
      draft.apply(written('h', 1_562, group(1_562, { endBytes, epoch: EPOCH })))
    expect(draft.state.histories?.[0]?.groups.at(-1)?.endBytes).toBe(20_000)
    expect(groups.at(-1)?.endBytes).toBe(1)
  })

  test('append() keeps the manifest of a history that grows short, and what it says', async () => {
    const machine = new Machine()
    const { manifest } = await machine.acquire(1, { longBytes: 4_000 })
    await manifest.append(created('h'))
    let largestBytes = 0
    for (let version = 1; version <= 400; version++) {
      const at = Math.floor((version - 1) / 4)
      await manifest.append(written('h', at, group(at, { lastVersion: version, endBytes: 100 + version, epoch: 1 })))
      largestBytes = Math.max(largestBytes, manifest.sizeBytes)
    }
    expect(largestBytes).toBeLessThan(40_000)
    await manifest.append(closed())
    await manifest.close()
    const { manifest: next } = await machine.acquire(2)
    const groups = Array.from({ length: 100 }, (_, at) => group(at, { endBytes: 104 + at * 4 }))
    expect(next.state.histories).toEqual([history('h', { lastVersion: 400, groups })])
    await next.close()
  })
})
