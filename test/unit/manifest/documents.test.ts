/** Records of documents: what they change, what is refused, and how many are kept.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StateDraft } from '../../../src/manifest/draft.ts'
import {
  applyRecord,
  type DocumentRow,
  emptyState,
  findDocument,
  type ManifestRecord,
  type ManifestState,
  parseState,
} from '../../../src/manifest/index.ts'
import { packState } from '../../../src/manifest/pack.ts'
import { closed, Machine, topicCreated } from './support.ts'

const ID_A = 'a'.repeat(16)
const ID_B = 'b'.repeat(16)
const row = (name: string, version = 1, more: Partial<DocumentRow> = {}): DocumentRow => ({
  name,
  version,
  id: version.toString(16).padStart(16, '0'),
  sizeBytes: 1000 + version,
  indexBytes: 100,
  writtenAt: 5,
  ...more,
})
const written = (name: string, version = 1, more: Partial<DocumentRow> = {}): ManifestRecord => ({
  type: 'document-written',
  document: row(name, version, more),
})
const deleted = (name: string): ManifestRecord => ({ type: 'document-deleted', name })
const apply = (state: ManifestState, ...records: unknown[]) =>
  records.reduce<ManifestState>((before, record) => applyRecord(before, record as ManifestRecord), state)
const start = () => emptyState('store', 1)
const reread = (state: ManifestState) => parseState(JSON.parse(JSON.stringify(packState(state))))
const damaged = expect.objectContaining({ code: 'MANIFEST_DAMAGED' })

describe('applyRecord() of document-written and document-deleted', () => {
  test('keeps rows in the order of their names without regard to case', () => {
    const state = apply(start(), written('b'), written('C'), written('a'), written('b.2'), written('B-1'))
    expect(state.documents?.map(({ name }) => name)).toEqual(['a', 'b', 'B-1', 'b.2', 'C'])
    expect(findDocument(state.documents, 'c')?.name).toBe('C')
    expect(findDocument(state.documents, 'd')).toBeUndefined()
    expect(findDocument(undefined, 'a')).toBeUndefined()
    expect(reread(state)).toEqual(state)
  })

  test('replaces the version before, and leaves the state that it was applied to alone', () => {
    const first = apply(start(), written('a'), written('b'))
    const second = apply(first, written('a', 4))
    expect(second.documents).toEqual([row('a', 4), row('b')])
    expect(first.documents).toEqual([row('a'), row('b')])
  })

  test('remembers the highest version of all that were deleted', () => {
    const state = apply(start(), written('a', 3), written('b', 9), written('c', 5), deleted('b'), deleted('a'))
    expect(state).toMatchObject({ documents: [row('c', 5)], lastDocumentVersion: 9 })
    expect(reread(state)).toEqual(state)
    const none = apply(state, deleted('c'))
    expect(none).not.toHaveProperty('documents')
    expect(apply(none, written('b', 10)).documents).toEqual([row('b', 10)])
  })

  test('keeps the names of untidy documents from one clean close to the next', () => {
    const state = apply(start(), written('a'), { ...closed(), untidyDocuments: ['a', 'gone'] })
    expect(state.untidyDocuments).toEqual(['a', 'gone'])
    expect(reread(state)).toEqual(state)
    expect(apply(state, topicCreated(1)).untidyDocuments).toEqual(['a', 'gone'])
    expect(apply(state, closed())).not.toHaveProperty('untidyDocuments')
  })

  const nonsense: [string, unknown][] = [
    ['a version that is not larger', written('a', 2)],
    ['the file of the version before', written('a', 3, { id: row('a', 2).id })],
    ['a name that differs only in case', written('A', 3)],
    ['version 0', written('b', 0)],
    ['a name that leads elsewhere', written('../a', 3)],
    ['a name that begins twice', written('__a', 3)],
    ['a short id', written('b', 1, { id: 'ab' })],
    ['an id that is a path', written('b', 1, { id: '../../MANIFEST-1' })],
    ['an index larger than the file', written('b', 1, { sizeBytes: 10, indexBytes: 11 })],
    ['a time before 1970', written('b', 1, { writtenAt: -1 })],
    ['a size beyond 2^53', written('b', 1, { sizeBytes: 2 ** 53 })],
    ['no document', { type: 'document-written' }],
    ['the deletion of nothing', { type: 'document-deleted' }],
    ['the deletion of an object', { type: 'document-deleted', name: { toString: 1 } }],
    ['the deletion of an unknown document', deleted('b')],
    ['the deletion of a name that differs only in case', deleted('A')],
    ['a close that lists a path', { ...closed(), untidyDocuments: ['a/b'] }],
    ['a close that lists no names', { ...closed(), untidyDocuments: 'a' }],
  ]
  test.each(nonsense)('refuses %s', (_, record) => {
    const state = apply(start(), written('a', 2))
    const before = structuredClone(state)
    expect(() => applyRecord(state, record as ManifestRecord)).toThrow(damaged)
    expect(state).toEqual(before)
  })

  test('agrees with a plain map for any order of records, valid or not', () => {
    // Goal: lookups, order and contents are those of a map by name without regard to case.
    // Method: random records of a few names and versions; what is refused must change neither.
    const record = fc.record({
      name: fc.constantFrom('a', 'A', 'b', 'ab', 'B', 'c', ...'defghijklm'),
      version: fc.integer({ min: 1, max: 6 }),
      isDeletion: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), (records) => {
        const model = new Map<string, DocumentRow>()
        let state = start()
        const draft = new StateDraft(start(), 0)
        let last = 0
        for (const { name, version, isDeletion } of records) {
          const known = model.get(name.toLowerCase())
          const isValid = isDeletion
            ? known?.name === name
            : known === undefined || (known.name === name && known.version < version)
          const next = isDeletion ? deleted(name) : written(name, version)
          if (!isValid) {
            expect(() => applyRecord(state, next)).toThrow(damaged)
            continue
          }
          state = applyRecord(state, next)
          draft.apply(next)
          if (isDeletion) last = Math.max(last, known?.version ?? 0)
          if (isDeletion) model.delete(name.toLowerCase())
          else model.set(name.toLowerCase(), row(name, version))
          for (const each of ['a', 'AB', 'c'])
            expect(findDocument(state.documents, each)).toEqual(model.get(each.toLowerCase()))
        }
        const wanted = [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, document]) => document)
        expect(state.documents ?? []).toEqual(wanted)
        expect(state.lastDocumentVersion ?? 0).toBe(last)
        expect(reread(state)).toEqual(state)
        expect(draft.state).toEqual(state)
      }),
      { numRuns: 300 },
    )
  })
})

describe('packState() of documents', () => {
  const many = (count: number) => {
    const documents = Array.from({ length: count }, (_, at) => row(`doc-${at.toString().padStart(6, '0')}`, at + 1))
    return { ...start(), documents }
  }

  test('puts 100,000 of them into columns that take less than 80 bytes each', () => {
    const state = many(100_000)
    const text = JSON.stringify(packState(state))
    expect(text.length / 100_000).toBeLessThan(80)
    const read = parseState(JSON.parse(text))
    expect(read).toEqual(state)
    expect(findDocument(read.documents, 'DOC-077777')?.version).toBe(77_778)
    expect(applyRecord(read, deleted('doc-000500')).documents).toHaveLength(99_999)
  })

  test('keeps fields that only a newer version knows', () => {
    const newer = { ...row('b'), pinned: true }
    const state = { ...start(), documents: [row('a'), newer, row('c')] }
    expect(packState(state)).toMatchObject({ documents: { names: 'a/c', rest: [newer] } })
    expect(reread(state)).toEqual(state)
    const next = applyRecord(reread(state), written('d'))
    expect(reread(next).documents?.[1]).toEqual(newer)
  })

  test('writes what was read and has not changed as it was', () => {
    const stored = JSON.parse(JSON.stringify(packState(many(3))))
    const state = parseState(structuredClone(stored))
    expect(packState(state)).toEqual(stored)
    expect(packState(apply(state, topicCreated(1)))).toMatchObject({ documents: stored.documents })
  })

  const columns = () => JSON.parse(JSON.stringify(packState({ ...start(), documents: [row('a'), row('b', 2)] })))
  const wrong: [string, object][] = [
    ['no names', { names: undefined }],
    ['another number of names', { names: 'a' }],
    ['a name twice', { names: 'a/A' }],
    ['a name that leads elsewhere', { names: 'a/..' }],
    ['half an id', { ids: ID_A }],
    ['ids that are no digits', { ids: 'x'.repeat(32) }],
    ['a column that is short', { version: [1] }],
    ['a column that is missing', { writtenAt: undefined }],
    ['a number that is none', { sizeBytes: [1, null] }],
    ['a version below 1', { version: [0, 1] }],
    ['a rest that is no list', { rest: {} }],
    ['a rest with a name of the columns', { rest: [row('B')] }],
  ]
  test.each(wrong)('is refused with %s', (_, change) => {
    const state = columns()
    state.documents = { ...state.documents, ...change }
    expect(() => parseState(state)).toThrow(damaged)
  })

  test.each([null, 3, 'a', { names: 3 }])('is refused as %j', (documents) => {
    expect(() => parseState({ ...columns(), documents })).toThrow(damaged)
  })

  test.each([
    ['lastDocumentVersion', null],
    ['lastDocumentVersion', -1],
    ['untidyDocuments', null],
    ['untidyDocuments', ['a/b']],
  ])('is refused with %s %j', (field, value) => {
    expect(() => parseState({ ...columns(), [field]: value })).toThrow(damaged)
  })

  test('sorts what another hand wrote in another order', () => {
    const state = columns()
    state.documents.names = 'b/a'
    state.documents.ids = ID_B + ID_A
    expect(parseState(state).documents?.map(({ name, id }) => name + id)).toEqual([`a${ID_A}`, `b${ID_B}`])
  })
})

test('acquire() hands documents over from owner to owner', async () => {
  const machine = new Machine()
  const first = await machine.acquire(1)
  await first.manifest.append(written('a'))
  await first.manifest.append(written('b', 7))
  await first.manifest.append(deleted('b'))
  await first.manifest.append({ ...closed(), untidyDocuments: ['b'] })
  await first.manifest.close()
  const second = await machine.acquire(2)
  expect(second.manifest.state).toMatchObject({
    documents: [row('a')],
    lastDocumentVersion: 7,
    untidyDocuments: ['b'],
  })
  await second.manifest.append(written('a', 2))
  machine.alive.delete(2)
  const third = await machine.acquire(3)
  expect(third.manifest.state.documents).toEqual([row('a', 2)])
  await third.manifest.close()
})

test('acquire() refuses to make a store over documents whose manifest is lost', async () => {
  const machine = new Machine()
  const handle = await machine.files.createExclusive(`documents/a/${ID_A}.vdoc`)
  await handle.close()
  await expect(machine.acquire(1)).rejects.toThrow(damaged)
})
