/** The files behind histories: which stay, which go, what failures and crashes leave, and what another process sees.
 * @module */
import { describe, expect, test } from 'vitest'
import type { History } from '../../../src/index.ts'
import { findHistory, type GroupRow, readManifest } from '../../../src/manifest/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { type Call, outcome, processOf, Wire } from '../topic/support.ts'
import { failing, openAgain, openShelf, plant, type Shelf } from './documents-support.ts'

const stray = (digit: string) => `${digit.repeat(16)}.vgrp`
const isGroup = ({ path }: Call) => path.endsWith('.vgrp')
const isRemoval = (call: Call) => call.op === 'remove' && isGroup(call)
const stateOf = async ({ wire }: Shelf) => (await readManifest(wire.storage))?.state
const open = (shelf: Shelf, keyframeInterval = 4): Promise<History> =>
  shelf.store.histories.open('h', {
    create: { keyframeInterval, tiers: { raw: { forMs: 1 }, compressed: { forMs: 2 }, archive: { forMs: 3 } } },
  })

/** Files of a history, sorted. */
async function filesOf(shelf: Shelf, name = 'h'): Promise<string[]> {
  return (await shelf.wire.storage.list(`histories/${name}`)).map((entry) => entry.name).sort()
}

async function groupsOf(shelf: Shelf, name = 'h'): Promise<readonly GroupRow[]> {
  return findHistory((await stateOf(shelf))?.histories, name)?.groups ?? []
}

/** Every file is one that a group names, every version reads back, and a check finds nothing. */
async function mustBeTidy(shelf: Shelf, values: readonly unknown[]): Promise<void> {
  const groups = await groupsOf(shelf)
  expect(await filesOf(shelf)).toEqual(groups.map(({ file }) => `${file}.vgrp`).sort())
  if (values.length > 0) {
    const history = await shelf.store.histories.open('h')
    for (const [at, value] of values.entries())
      expect(await history.read({ version: at + 1, check: true })).toEqual(value)
    expect((await history.stats()).newestVersion).toBe(values.length)
  }
  expect(await shelf.store.verify()).toMatchObject({ ok: true, problems: [], unknownFiles: [] })
}

describe('the files of a history', () => {
  test('are one for each group, and go when the history is deleted', async () => {
    const shelf = await openShelf()
    const history = await open(shelf)
    for (let version = 1; version <= 10; version++) await history.append(version)
    expect(await filesOf(shelf)).toHaveLength(3)
    await mustBeTidy(shelf, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await shelf.store.histories.delete('h')
    expect(await filesOf(shelf)).toEqual([])
    const again = await open(shelf)
    await again.append('new')
    await mustBeTidy(shelf, ['new'])
    await shelf.store.close()
    expect(await stateOf(shelf)).not.toHaveProperty('untidyHistories')
  })

  test('that a clean-up replaces go', async () => {
    const shelf = await openShelf()
    const history = await open(shelf)
    for (let version = 1; version <= 10; version++) await history.append(version, { at: version })
    await history.pin({ version: 2 })
    await history.cleanup({ now: 1_000_000 })
    expect(await history.read({ version: 2, check: true })).toBe(2)
    expect(await history.read({ check: true })).toBe(10)
    expect(await outcome(history.read({ version: 3 }))).toBe('VERSION_GONE')
    expect(await shelf.store.verify()).toMatchObject({ ok: true, problems: [] })
    await shelf.store.close()
    const groups = await groupsOf(shelf)
    expect(await filesOf(shelf)).toEqual(groups.map(({ file }) => `${file}.vgrp`).sort())
  })

  test('are freed by a clean close for the next owner, and copied from one that did not close', async () => {
    const values = [1, 2]
    let shelf = await openShelf({ wire: new Wire(undefined, { owner: processOf(1) }) })
    for (const value of values) await (await open(shelf)).append(value)
    const [first] = await groupsOf(shelf)
    expect(first?.epoch).toBe(1)
    await shelf.store.close()
    expect((await groupsOf(shelf))[0]).not.toHaveProperty('epoch')
    shelf = await openShelf({ wire: new Wire(shelf.wire.storage, { owner: processOf(2) }), clock: shelf.clock })
    await (await open(shelf)).append(values.push(3))
    const [second] = await groupsOf(shelf)
    expect(second).toMatchObject({ id: first?.id, file: first?.file, epoch: 2 })
    await mustBeTidy(shelf, values)
    const next = await openAgain(shelf)
    await (await open(next)).append(values.push(4))
    const [third] = await groupsOf(next)
    expect(third).toMatchObject({ id: first?.id, epoch: 3, lastVersion: 4 })
    expect(third?.file).not.toBe(first?.file)
    await settle(50)
    await mustBeTidy(next, values)
    await next.store.close()
  })

  test('of an owner that did not close stay as they were, whoever closes after it', async () => {
    const first = await openShelf({ wire: new Wire(undefined, { owner: processOf(1) }) })
    await (await open(first)).append(1)
    const idle = await openAgain(first)
    await idle.store.close()
    expect((await groupsOf(idle))[0]?.epoch).toBe(1)
    const next = await openAgain(idle)
    await (await open(next)).append(2)
    const [group] = await groupsOf(next)
    expect(group).toMatchObject({ epoch: 3, lastVersion: 2 })
    await mustBeTidy(next, [1, 2])
    await next.store.close()
  })
})

describe('an append that fails', () => {
  test('leaves nothing and can be repeated, whichever of its calls fails', async () => {
    for (const op of ['createExclusive', 'append', 'sync', 'syncDirectory']) {
      const shelf = await openShelf()
      const history = await open(shelf, 2)
      const values: unknown[] = []
      for (let version = 1; version <= 5; version++) {
        shelf.wire.before = failing(
          (call) => call.op === op && call.path.startsWith('histories/'),
          'STORAGE_UNAVAILABLE',
        )
        const answer = await outcome(history.append({ version }))
        shelf.wire.before = undefined
        if (answer === 'STORAGE_UNAVAILABLE') await history.append({ version })
        values.push({ version })
      }
      await settle(50)
      await mustBeTidy(shelf, values)
      await shelf.store.close()
    }
  })
})

describe('a file of a group that cannot be removed', () => {
  test('does not fail the deletion, is reported, and goes when the store closes', async () => {
    const shelf = await openShelf()
    await (await open(shelf)).append(1)
    shelf.wire.before = failing(isRemoval, 'STORAGE_DENIED', 1_000)
    await shelf.store.histories.delete('h')
    expect(shelf.diagnostics.map(({ code }) => code)).toContain('FILE_LEFT')
    expect(await filesOf(shelf)).toHaveLength(1)
    expect((await shelf.store.verify()).unknownFiles).toEqual([])
    shelf.wire.before = undefined
    await shelf.store.close()
    expect(await filesOf(shelf)).toEqual([])
    expect(await stateOf(shelf)).not.toHaveProperty('untidyHistories')
  })

  test('is named by a clean close, and goes when the store opens again', async () => {
    let shelf = await openShelf()
    await (await open(shelf)).append(1)
    await (await shelf.store.histories.open('other', { create: true })).append(1)
    shelf.wire.before = failing(isRemoval, 'STORAGE_DENIED', 1_000)
    await shelf.store.histories.delete('h')
    await shelf.store.close()
    expect(await stateOf(shelf)).toMatchObject({ untidyHistories: ['h'] })
    expect(await stateOf(shelf)).not.toHaveProperty('untidyDocuments')
    shelf.wire.before = undefined
    shelf = await openShelf(shelf)
    expect(shelf.store.openReport.source).toBe('clean')
    await settle(50)
    expect(await filesOf(shelf)).toEqual([])
    await mustBeTidy(shelf, [])
    await shelf.store.close()
    expect(await stateOf(shelf)).not.toHaveProperty('untidyHistories')
  })

  test('is not found where directories cannot be listed: then the close is not a clean one', async () => {
    const first = await openShelf()
    await (await open(first)).append(1)
    await plant(first.wire.storage, `histories/h/${stray('1')}`)
    const wire = new Wire(first.wire.storage)
    wire.before = failing(({ op, path }) => op === 'list' && path === 'histories', 'STORAGE_DENIED', 99)
    const shelf = await openShelf({ wire, clock: first.clock, takeOver: true })
    await shelf.store.close()
    expect(shelf.diagnostics.map(({ code }) => code)).toContain('CLOSED_UNCLEANLY')
    wire.before = undefined
    const again = await openShelf({ wire, clock: first.clock })
    await settle(100)
    await mustBeTidy(again, [1])
    await again.store.close()
  })
})

test('after an owner that did not close, files that no group names are removed, and nothing else', async () => {
  const first = await openShelf({ wire: new Wire(undefined, { owner: processOf(1) }) })
  const history = await open(first)
  for (let version = 1; version <= 6; version++) await history.append(version)
  const { storage } = first.wire
  for (const path of ['h/1', '_own/2', 'new/3'])
    await plant(storage, `histories/${path.slice(0, -2)}/${stray(path.slice(-1))}`)
  const foreign = [
    'histories/h/notes.txt',
    'histories/readme.vgrp',
    `histories/h/x/${stray('4')}`,
    'histories/h/short.vgrp',
  ]
  for (const path of foreign) await plant(storage, path)
  const shelf = await openAgain(first)
  await settle(100)
  const groups = await groupsOf(shelf)
  expect(await filesOf(shelf)).toEqual(
    [...groups.map(({ file }) => `${file}.vgrp`), 'notes.txt', 'short.vgrp', 'x'].sort(),
  )
  for (const name of ['_own', 'new']) expect(await filesOf(shelf, name)).toEqual([])
  expect([...(await shelf.store.verify()).unknownFiles].sort()).toEqual([
    'histories/h/notes.txt',
    'histories/h/short.vgrp',
    'histories/h/x',
    'histories/readme.vgrp',
  ])
  await shelf.store.close()
})

describe('a store that follows a writer', () => {
  test('sees every version of a history that is appended, thinned out, deleted and made anew', async () => {
    const shelf = await openShelf()
    const history = await open(shelf)
    await history.append(1, { at: 1 })
    const other = await openAgain(shelf, { readOnly: true })
    const seen = await other.store.histories.open('h')
    expect(await seen.read()).toBe(1)
    for (let version = 2; version <= 10; version++) {
      await history.append(version, { at: version })
      expect(await seen.read()).toBe(version)
      expect(await seen.read({ version: 1, check: true })).toBe(1)
    }
    await history.cleanup({ now: 1_000_000 })
    expect(await outcome(seen.read({ version: 1 }))).toBe('VERSION_GONE')
    expect(await seen.read({ check: true })).toBe(10)
    expect(await outcome(seen.append(1))).toBe('STORE_READ_ONLY')
    shelf.clock.advance(5)
    await shelf.store.histories.delete('h')
    expect(await outcome(seen.read())).toBe('HISTORY_UNKNOWN')
    await (await open(shelf)).append('new')
    expect(await (await other.store.histories.open('h')).read()).toBe('new')
    await other.store.close()
    await shelf.store.close()
  })

  test('sees what was appended also in a query that is the first to ask', async () => {
    const shelf = await openShelf()
    const history = await open(shelf)
    const other = await openAgain(shelf, { readOnly: true })
    const following = await other.store.histories.open('h')
    await history.append('one')
    const found: unknown[] = []
    for await (const { value } of following.query()) found.push(value)
    expect(found).toEqual(['one'])
    await other.store.close()
    expect(await outcome(following.query()[Symbol.asyncIterator]().next())).toBe('STORE_CLOSED')
    await shelf.store.close()
  })

  test.each(['index', 'values', 'query'] as const)('goes on with what a clean-up left in %s()', async (call) => {
    const shelf = await openShelf()
    const history = await open(shelf)
    for (let version = 1; version <= 12; version++) await history.append(version, { at: version })
    const other = await openAgain(shelf, { readOnly: true })
    const following = await other.store.histories.open('h')
    const found = []
    for await (const one of call === 'values' ? following.values('') : following[call]()) {
      if (found.length === 0) await history.cleanup({ now: 1_000_000 })
      found.push(one)
    }
    const numbers = found.map(({ version }) => version)
    expect(numbers).toEqual([...new Set(numbers)])
    expect(numbers).toContain(12)
    expect(numbers).not.toContain(5)
    expect(found.filter((one) => 'isDamaged' in one)).toEqual([])
    await other.store.close()
    await shelf.store.close()
  })
})
