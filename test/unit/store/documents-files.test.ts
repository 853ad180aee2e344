/** The files behind documents: which stay, which go, and what failures and crashes leave.
 * @module */
import { describe, expect, test } from 'vitest'
import { VarveError } from '../../../src/errors.ts'
import { readManifest } from '../../../src/manifest/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { type Call, outcome, processOf, Wire } from '../topic/support.ts'
import {
  big,
  currentFile,
  failing,
  filesOf,
  mustBeTidy,
  openAgain,
  openShelf,
  plant,
  type Shelf,
  SlowJson,
} from './documents-support.ts'

const stray = (digit: string) => `${digit.repeat(16)}.vdoc`
const isDocument = ({ path }: Call) => path.startsWith('documents/')
const stateOf = async ({ wire }: Shelf) => (await readManifest(wire.storage))?.state

describe('the file of a version that was replaced', () => {
  test('is removed before the write is acknowledged', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    await shelf.store.documents.write('a', 2)
    await shelf.store.documents.write('b', 3)
    await shelf.store.documents.delete('b')
    await mustBeTidy(shelf, { a: 2 })
    await shelf.store.close()
  })

  test('stays until the last of its readers is done', async () => {
    const shelf = await openShelf()
    const { documents } = shelf.store
    await documents.write('a', big('1'))
    const file = await currentFile(shelf.wire.storage, 'a')
    const one = await documents.open('a')
    const other = await documents.open('a')
    await documents.write('a', 2)
    expect(await filesOf(shelf.wire.storage, 'a')).toContain(file)
    await one.close()
    await settle(50)
    expect(await filesOf(shelf.wire.storage, 'a')).toContain(file)
    expect(await other.read()).toEqual(big('1'))
    await other.close()
    await settle(50)
    await mustBeTidy(shelf, { a: 2 })
    await shelf.store.close()
  })

  test('goes when the store closes although somebody forgot to close it', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    await shelf.store.documents.open('a')
    await shelf.store.documents.write('a', 2)
    await shelf.store.close()
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(1)
    expect(await stateOf(shelf)).not.toHaveProperty('untidyDocuments')
  })

  test('goes after a read that was going on', async () => {
    const shelf = await openShelf()
    const { documents } = shelf.store
    await documents.write('a', big('1'))
    const reading = documents.read('a')
    await documents.write('a', 2)
    expect(await reading).toEqual(big('1'))
    await settle(50)
    await mustBeTidy(shelf, { a: 2 })
    await shelf.store.close()
  })
})

describe('a write that fails', () => {
  test('leaves nothing and can be repeated, whichever of its calls finds no space', async () => {
    const shelf = await openShelf()
    const { store, wire } = shelf
    await store.documents.write('a', big('1'))
    const needsSpace = ({ op }: Call) => ['createExclusive', 'append', 'writeAt'].includes(op)
    let value: unknown = big('1')
    let refused = 0
    for (let at = 0, isHit = true; isHit; at++) {
      let seen = 0
      isHit = false
      wire.before = (call) => {
        if (!needsSpace(call) || seen++ !== at) return undefined
        isHit = true
        throw new VarveError('STORAGE_FULL', `No space for ${call.op} of ${call.path}`)
      }
      const answer = await outcome(store.documents.write('a', big(String(at))))
      wire.before = undefined
      if (answer === 'STORAGE_FULL') refused++
      else value = big(String(at))
      await mustBeTidy(shelf, { a: value })
    }
    // Creating it, header, blocks, index, sizes, and the record.
    expect(refused).toBeGreaterThanOrEqual(6)
    await store.close()
  })

  test('to sync its file leaves nothing either, and does not end the store', async () => {
    const shelf = await openShelf()
    const { store, wire } = shelf
    await store.documents.write('a', 1)
    for (const op of ['sync', 'syncDirectory']) {
      wire.before = failing((call) => call.op === op && isDocument(call), 'STORAGE_UNAVAILABLE')
      expect(await outcome(store.documents.write('a', 2))).toBe('STORAGE_UNAVAILABLE')
      wire.before = undefined
      await mustBeTidy(shelf, { a: 1 })
    }
    expect((await store.documents.write('a', 3)).version).toBe(2)
    expect((await store.stats()).state).toBe('open')
    await mustBeTidy(shelf, { a: 3 })
    await store.close()
  })

  test.each([
    ['JSON_INVALID', '[1, 2'],
    ['JSON_INVALID', '{"a": nope}'],
    ['JSON_INVALID', ''],
  ])('with %s leaves nothing: %s', async (code, text) => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    expect(await outcome(shelf.store.documents.writeJson('a', new TextEncoder().encode(text)))).toBe(code)
    expect(await outcome(shelf.store.documents.writeJson('b', new TextEncoder().encode(text)))).toBe(code)
    await mustBeTidy(shelf, { a: 1 })
    await shelf.store.close()
  })

  test('of a value that cannot be stored leaves nothing', async () => {
    const shelf = await openShelf()
    const cases: [Promise<unknown>, string][] = [
      [shelf.store.documents.write('a', { f: () => 1 }), 'VALUE_UNSUPPORTED'],
      [shelf.store.documents.writeEvents('a', [{ type: 'beginObject' }]), 'DOCUMENT_SEQUENCE'],
      [shelf.store.documents.writeEvents('a', []), 'DOCUMENT_SEQUENCE'],
    ]
    for (const [work, code] of cases) expect(await outcome(work)).toBe(code)
    await mustBeTidy(shelf, {})
    await shelf.store.close()
  })

  test('passes on what its source throws', async () => {
    const shelf = await openShelf()
    async function* source() {
      yield new TextEncoder().encode('[1,')
      throw new RangeError('of the source')
    }
    await expect(shelf.store.documents.writeJson('a', source())).rejects.toThrow('of the source')
    await mustBeTidy(shelf, {})
    await shelf.store.close()
  })
})

describe('a file that cannot be removed', () => {
  const isRemoval = (call: Call) => call.op === 'remove' && isDocument(call)

  test('does not fail the write, is reported, and goes when the store closes', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    shelf.wire.before = failing(isRemoval, 'STORAGE_DENIED')
    expect((await shelf.store.documents.write('a', 2)).version).toBe(2)
    expect(shelf.diagnostics.map(({ code }) => code)).toEqual(['FILE_LEFT'])
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(2)
    expect((await shelf.store.verify()).unknownFiles).toEqual([])
    await shelf.store.close()
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(1)
    expect(await stateOf(shelf)).not.toHaveProperty('untidyDocuments')
  })

  test('is named by a clean close, and goes when the store opens again', async () => {
    let shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    await shelf.store.documents.write('b', 1)
    shelf.wire.before = failing(isRemoval, 'STORAGE_DENIED', 1_000)
    await shelf.store.documents.write('a', 2)
    await shelf.store.close()
    expect((await stateOf(shelf))?.untidyDocuments).toEqual(['a'])
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(2)
    shelf.wire.before = undefined
    shelf = await openShelf(shelf)
    expect(shelf.store.openReport.source).toBe('clean')
    await settle(50)
    await mustBeTidy(shelf, { a: 2, b: 1 })
    await shelf.store.close()
    expect(await stateOf(shelf)).not.toHaveProperty('untidyDocuments')
  })

  test('is named by a clean close when nobody knows whether its removal is durable', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    let syncs = 0
    // The sync of the write succeeds, and that of the removal fails.
    shelf.wire.before = failing(
      ({ op, path }) => op === 'syncDirectory' && path === 'documents/a' && ++syncs === 2,
      'STORAGE_UNAVAILABLE',
    )
    await shelf.store.documents.write('a', 2)
    await shelf.store.close()
    expect((await stateOf(shelf))?.untidyDocuments).toEqual(['a'])
  })

  test('is not found where directories cannot be listed: then the close is not a clean one', async () => {
    const first = await openShelf()
    await first.store.documents.write('a', 1)
    await plant(first.wire.storage, `documents/a/${stray('1')}`)
    const wire = new Wire(first.wire.storage)
    wire.before = failing(({ op, path }) => op === 'list' && path === 'documents', 'STORAGE_DENIED', 99)
    const shelf = await openShelf({ wire, clock: first.clock, takeOver: true })
    const topic = await shelf.store.topics.open('orders', { create: true })
    const appended = topic.append({ kind: 'Noted', entity: 'e', data: 1 })
    await shelf.store.close()
    expect((await appended).firstOffset).toBe(0)
    expect(shelf.diagnostics.map(({ code }) => code)).toContain('CLOSED_UNCLEANLY')
    wire.before = undefined
    const again = await openShelf({ wire, clock: first.clock })
    expect(again.store.openReport.source).toBe('recovered')
    await settle(100)
    await mustBeTidy(again, { a: 1 })
    await again.store.close()
  })
})

describe('after an owner that did not close', () => {
  test('files that no version names are removed, and nothing else', async () => {
    const first = await openShelf({ wire: new Wire(undefined, { owner: processOf(1) }) })
    await first.store.documents.write('a', 1)
    await first.store.documents.write('b', 2)
    await first.store.documents.delete('b')
    const { storage } = first.wire
    for (const path of ['a/1', 'b/2', 'new/3'])
      await plant(storage, `documents/${path.slice(0, -2)}/${stray(path.slice(-1))}`)
    const foreign = [
      'documents/a/notes.txt',
      'documents/readme.vdoc',
      `documents/a/x/${stray('4')}`,
      'documents/a/short.vdoc',
    ]
    for (const path of foreign) await plant(storage, path)
    const shelf = await openAgain(first)
    expect(shelf.store.openReport.source).toBe('recovered')
    await settle(100)
    const current = await currentFile(storage, 'a')
    expect(await filesOf(storage, 'a')).toEqual([current, 'notes.txt', 'short.vdoc', 'x'].sort())
    expect(await filesOf(storage, 'b')).toEqual([])
    expect(await filesOf(storage, 'new')).toEqual([])
    expect([...(await shelf.store.verify()).unknownFiles].sort()).toEqual([
      'documents/a/notes.txt',
      'documents/a/short.vdoc',
      'documents/a/x',
      'documents/readme.vdoc',
    ])
    expect(await shelf.store.documents.read('a')).toBe(1)
    await shelf.store.close()
  })

  test('files stay that are being written while the directories are gone through', async () => {
    const first = await openShelf()
    await first.store.documents.write('a', 1)
    const source = new SlowJson()
    const shelf = await openAgain(first)
    const written = shelf.store.documents.writeJson('a', source)
    source.give('"new"')
    await settle(100)
    expect(await filesOf(shelf.wire.storage, 'a')).toHaveLength(2)
    source.end()
    await written
    await settle(50)
    await mustBeTidy(shelf, { a: 'new' })
    await shelf.store.close()
  })

  test('closing waits until everything is gone through', async () => {
    const first = await openShelf()
    for (let n = 0; n < 20; n++) await first.store.documents.write(`doc-${n}`, n)
    for (let n = 0; n < 20; n++) await plant(first.wire.storage, `documents/doc-${n}/${stray('5')}`)
    const shelf = await openAgain(first)
    await shelf.store.close()
    for (let n = 0; n < 20; n++) expect(await filesOf(first.wire.storage, `doc-${n}`)).toHaveLength(1)
  })
})

test('a storage that cannot write in place has whole documents too', async () => {
  const plain = new Wire()
  const capabilities = { ...plain.storage.capabilities, randomWrite: false, syncReads: false }
  const wire = new Wire(plain.storage, { capabilities })
  const shelf = await openShelf({ wire })
  await shelf.store.documents.write('a', big('1'))
  await shelf.store.documents.write('a', big('2'))
  expect(await outcome(shelf.store.documents.writeJson('a', new TextEncoder().encode('[')))).toBe('JSON_INVALID')
  await mustBeTidy(shelf, { a: big('2') })
  await shelf.store.close()
})
