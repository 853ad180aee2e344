/** Random records of histories and projections against a plain model: a map of rows that is never packed. What a record
 * does to the state is what it does to the map, one by one, replayed in one draft, and after it was written and read.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StateDraft } from '../../../src/manifest/draft.ts'
import type { GroupRow, HistoryRow, ManifestRecord, ManifestState, ProjectionRow } from '../../../src/manifest/index.ts'
import { apply, document, EPOCH, hex, history, projection, reread, start } from './histories-support.ts'
import { closed } from './support.ts'

interface Model {
  readonly histories: Map<string, HistoryRow>
  readonly projections: Map<string, ProjectionRow>
  readonly documents: Map<string, number>
  /** Of any document that was deleted. */
  highest: number
  ids: number
}

/** Numbers that choose what is done, and with which of the names. */
type Choice = readonly [step: number, name: number, a: number, b: number]

const NAMES = ['a', 'B', 'c']
const sorted = <T extends { readonly name: string }>(rows: Iterable<T>): T[] =>
  [...rows].sort((x, y) => (x.name.toLowerCase() < y.name.toLowerCase() ? -1 : 1))

/** Change the model. @returns the record that does the same. */
function step(model: Model, [kind, at, a, b]: Choice): ManifestRecord {
  const name = NAMES[at % NAMES.length] as string
  const own = model.projections.get(name)
  if (kind === 1) return close(model)
  if (at % 2 === 0) return stepOfHistory(model, name, [kind, a, b])
  if (own === undefined) return createProjection(model, name, a)
  if (kind === 2) return deleteProjection(model, own)
  const { keep } = own
  const published = { ...own, foldVersion: 1 + (a % 3), positions: [a], publishedAt: b }
  model.projections.set(name, published)
  if (kind % 3 === 0) return { type: 'projection-published', projection: published }
  if (keep === 'history') {
    const { type: _, ...written } = write(model, `_${name}`, [a, b])
    return { type: 'projection-published', projection: published, history: written }
  }
  const version = (model.documents.get(`_${name}`) ?? model.highest) + 1
  model.documents.set(`_${name}`, version)
  return { type: 'projection-published', projection: published, document: document(`_${name}`, version) }
}

function stepOfHistory(model: Model, name: string, [kind, a, b]: readonly [number, number, number]): ManifestRecord {
  const row = model.histories.get(name)
  if (row === undefined) {
    model.histories.set(name, history(name))
    return { type: 'history-created', history: history(name) }
  }
  if (kind === 2) {
    model.histories.delete(name)
    return { type: 'history-deleted', name }
  }
  if (kind === 3) {
    const options = { ...row.options, keyframeInterval: a + 1 }
    model.histories.set(name, { ...row, options })
    return { type: 'history-changed', name, options }
  }
  return write(model, name, [a, b])
}

function createProjection(model: Model, name: string, a: number): ManifestRecord {
  const row = projection(name, { keep: a % 2 === 0 ? 'document' : 'history' })
  model.projections.set(name, row)
  if (row.keep === 'document') return { type: 'projection-created', projection: row }
  model.histories.set(`_${name}`, history(`_${name}`))
  return { type: 'projection-created', projection: row, history: history(`_${name}`) }
}

function deleteProjection(model: Model, { name }: ProjectionRow): ManifestRecord {
  model.projections.delete(name)
  model.histories.delete(`_${name}`)
  model.highest = Math.max(model.highest, model.documents.get(`_${name}`) ?? 0)
  model.documents.delete(`_${name}`)
  return { type: 'projection-deleted', name }
}

/** Goes on with the last group, begins another, thins the first ones out, or pins. */
function write(model: Model, name: string, [a, b]: readonly [number, number]) {
  const row = model.histories.get(name) as HistoryRow
  const { groups } = row
  const last = groups.at(-1)
  const version = row.lastVersion + 1
  const time = (last?.lastAt ?? -500) + (b % 1000)
  const lastOffset = a % 2 === 0 ? last?.lastOffset : (last?.lastOffset ?? 0) + b
  const end = { lastVersion: version, lastAt: time, ...(lastOffset === undefined ? {} : { lastOffset }) }
  const replace = (from: number, written: readonly GroupRow[], more: Partial<HistoryRow> = {}) => {
    const { pins: before = [], ...rest } = { ...row, ...more }
    const next = {
      ...rest,
      groups: [...groups.slice(0, from), ...written],
      ...(before.length > 0 ? { pins: before } : {}),
    }
    model.histories.set(name, next)
    const pins = more.pins === undefined ? {} : { pins: more.pins }
    return { type: 'history-written' as const, name, from, groups: written, lastVersion: next.lastVersion, ...pins }
  }
  if (last === undefined || a % 4 === 1) {
    const ids = { id: hex(++model.ids), file: hex(b % 2 === 0 ? model.ids : model.ids + 1e6) }
    const sizes = { endBytes: 1 + b, rawBytes: a * b }
    const fresh: GroupRow = {
      ...ids,
      epoch: EPOCH,
      tier: 'raw',
      firstVersion: version,
      firstAt: time,
      ...sizes,
      ...end,
    }
    return replace(groups.length, [fresh], { lastVersion: version })
  }
  if (a % 4 === 2) {
    const pins = [...new Set([groups[0]?.firstVersion ?? 0, last.lastVersion])]
    return replace(groups.length, [], { pins: b % 3 === 0 ? [] : pins })
  }
  if (a % 4 === 3 && groups.length > 2) {
    const pins = new Set(row.pins)
    const from = b % 2
    const thinned = groups.slice(from, -1).flatMap((group, at): GroupRow[] => {
      const all = [group.firstVersion, ...[...pins].filter((pin) => hasVersion(group, pin)), group.lastVersion]
      const versions = [...new Set(all)]
      if (at % 2 === 0)
        return [{ ...group, id: hex(++model.ids), file: hex(model.ids + 2e6), tier: 'archive', versions }]
      return versions.some((kept) => pins.has(kept)) ? [group] : []
    })
    return replace(from, [...thinned, last])
  }
  const listed = last.versions === undefined ? {} : { versions: [...last.versions, version] }
  const grown = {
    ...last,
    ...end,
    ...listed,
    epoch: EPOCH,
    endBytes: last.endBytes + 1 + b,
    rawBytes: last.rawBytes + a,
  }
  return replace(groups.length - 1, [grown], { lastVersion: version })
}

function hasVersion({ firstVersion, lastVersion }: GroupRow, version: number): boolean {
  return firstVersion <= version && version <= lastVersion
}

function close(model: Model): ManifestRecord {
  for (const [name, row] of model.histories) {
    const groups = row.groups.map(({ epoch: _, ...rest }) => rest)
    model.histories.set(name, { ...row, groups })
  }
  return { ...closed(), untidyHistories: ['a'] }
}

function expectSame(state: ManifestState, model: Model): void {
  expect(state.histories ?? []).toEqual(sorted(model.histories.values()))
  expect(state.projections ?? []).toEqual(sorted(model.projections.values()))
  const documents = sorted(Array.from(model.documents, ([name, version]) => document(name, version)))
  expect(state.documents ?? []).toEqual(documents)
}

const choice = fc.tuple(fc.nat(12), fc.nat(5), fc.nat(1000), fc.nat(100_000))

test('records do to a state what they do to a map of rows', () => {
  fc.assert(
    fc.property(fc.array(choice, { maxLength: 120, size: 'max' }), fc.nat(119), (choices, writtenAfter) => {
      const model: Model = { histories: new Map(), projections: new Map(), documents: new Map(), highest: 0, ids: 0 }
      const draft = new StateDraft(start(), EPOCH)
      let state = start()
      for (const [at, chosen] of choices.entries()) {
        const record = step(model, chosen)
        draft.apply(JSON.parse(JSON.stringify(record)))
        state = apply(state, record)
        if (at === writtenAfter) state = reread(state)
      }
      expectSame(state, model)
      expectSame(draft.state, model)
      expect(reread(state)).toEqual(state)
    }),
    { numRuns: 400 },
  )
})
