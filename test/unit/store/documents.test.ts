/** Documents of a store as a caller sees them: versions, conditions, names, references, and who may write.
 * @module */
import { describe, expect, test } from 'vitest'
import { documentRef, isDocumentRef, Path } from '../../../src/index.ts'
import { settle } from '../../support/manual-clock.ts'
import { outcome, stateOf } from '../topic/support.ts'
import { big, openAgain, openShelf, SlowJson } from './documents-support.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const CATALOG = {
  products: [
    { name: 'tea', price: 4.5 },
    { name: 'cup', tags: ['blue', 'big'] },
  ],
  count: 2,
}

describe('Documents.write()', () => {
  test('stores a value that reads back by path, after a restart too', async () => {
    let shelf = await openShelf()
    const written = await shelf.store.documents.write('catalog', CATALOG)
    expect(written).toMatchObject({ name: 'catalog', version: 1, writtenAt: shelf.clock.now() })
    for (let round = 0; round < 2; round++) {
      const { documents } = shelf.store
      expect(await documents.read('catalog')).toEqual(CATALOG)
      expect(await documents.read('catalog', 'products[1].tags[0]')).toBe('blue')
      expect(await documents.read('catalog', Path.parse('products[9]'))).toBeUndefined()
      expect(await documents.stat('catalog')).toEqual(written)
      await shelf.store.close()
      shelf = await openShelf(shelf)
    }
    await shelf.store.close()
  })

  test('takes a value, JSON and events alike', async () => {
    const { store } = await openShelf()
    await store.documents.write('a', CATALOG)
    await store.documents.writeJson('b', utf8(JSON.stringify(CATALOG)))
    const document = await store.documents.open('b')
    await store.documents.writeEvents('c', document.events())
    await document.close()
    for (const name of ['a', 'b', 'c']) expect(await store.documents.read(name)).toEqual(CATALOG)
    expect((await store.documents.list()).map(({ name, version }) => [name, version])).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ])
    await store.close()
  })

  test('counts versions up, and never gives one twice, also after a deletion and a restart', async () => {
    let shelf = await openShelf()
    for (const version of [1, 2, 3]) expect(await shelf.store.documents.write('a', version)).toMatchObject({ version })
    await shelf.store.documents.write('b', 1)
    await shelf.store.documents.delete('a')
    await shelf.store.close()
    shelf = await openShelf(shelf)
    const { documents } = shelf.store
    expect(await outcome(documents.stat('a'))).toBe('DOCUMENT_UNKNOWN')
    expect((await documents.write('a', 4)).version).toBe(4)
    expect((await documents.write('b', 2)).version).toBe(2)
    expect((await documents.write('new', 1)).version).toBe(4)
    await shelf.store.close()
  })

  test('writes of one name beside each other become versions in the order in which they finish', async () => {
    const { store } = await openShelf()
    const slow = new SlowJson()
    slow.give('["slow"')
    const first = store.documents.writeJson('a', slow)
    const second = await store.documents.write('a', 'quick')
    expect(second.version).toBe(1)
    slow.give(']')
    slow.end()
    expect((await first).version).toBe(2)
    const many = await Promise.all([1, 2, 3, 4].map((n) => store.documents.write('a', n)))
    expect(many.map(({ version }) => version).sort()).toEqual([3, 4, 5, 6])
    const last = many.findIndex(({ version }) => version === 6)
    expect(await store.documents.read('a')).toBe(last + 1)
    await store.close()
  })

  test('ifVersion lets one of many writers through', async () => {
    const { store } = await openShelf()
    const { documents } = store
    const create = await Promise.all([1, 2, 3].map((n) => outcome(documents.write('a', n, { ifVersion: 0 }))))
    expect(create.filter((answer) => answer === 'DOCUMENT_CONFLICT')).toHaveLength(2)
    const change = await Promise.all([1, 2, 3].map((n) => outcome(documents.write('a', n, { ifVersion: 1 }))))
    expect(change.filter((answer) => answer === 'DOCUMENT_CONFLICT')).toHaveLength(2)
    await expect(documents.write('a', 1, { ifVersion: 7 })).rejects.toMatchObject({
      code: 'DOCUMENT_CONFLICT',
      details: { name: 'a', expected: 7, found: 2 },
    })
    await expect(documents.write('b', 1, { ifVersion: 1 })).rejects.toMatchObject({ details: { found: 0 } })
    expect(await outcome(documents.delete('a', { ifVersion: 1 }))).toBe('DOCUMENT_CONFLICT')
    await documents.delete('a', { ifVersion: 2 })
    expect((await documents.write('a', 1, { ifVersion: 0 })).version).toBe(3)
    await store.close()
  })

  test('ifVersion is checked before anything is read, and again at the end', async () => {
    const { store, wire } = await openShelf()
    await store.documents.write('a', 1)
    const calls = wire.calls.length
    const source = new SlowJson()
    expect(await outcome(store.documents.writeJson('a', source, { ifVersion: 5 }))).toBe('DOCUMENT_CONFLICT')
    expect(wire.calls.length).toBe(calls)
    source.give('[]')
    const late = outcome(store.documents.writeJson('a', source, { ifVersion: 1 }))
    await settle(50)
    await store.documents.write('a', 2)
    source.end()
    expect(await late).toBe('DOCUMENT_CONFLICT')
    expect(await store.documents.read('a')).toBe(2)
    await store.close()
  })

  test('refuses to write a document of the store, which may be read', async () => {
    const { store } = await openShelf()
    const { documents } = store
    const works = [documents.write('_a', 1), documents.writeJson('_a', utf8('1')), documents.delete('_a')]
    for (const work of works) expect(await outcome<unknown>(work)).toBe('NAME_INVALID')
    expect(await outcome(documents.read('_a'))).toBe('DOCUMENT_UNKNOWN')
    await store.close()
  })

  test.each(['', '..', 'a/b', '__a', 'con', 'a..b', 'x'.repeat(129), 'grün', 'a.', 7, null, {}])(
    'refuses the name %j without a call of the storage',
    async (name) => {
      const { store, wire } = await openShelf()
      const calls = wire.calls.length
      const { documents } = store
      const bad = name as string
      for (const work of [
        documents.write(bad, 1),
        documents.writeJson(bad, utf8('1')),
        documents.writeEvents(bad, []),
        documents.open(bad),
        documents.read(bad),
        documents.stat(bad),
        documents.delete(bad),
        documents.verify(bad),
      ])
        expect(await outcome<unknown>(work)).toBe('NAME_INVALID')
      expect(wire.calls.length).toBe(calls)
      await store.close()
    },
  )

  test('refuses a name that differs from another only in case, however the two race', async () => {
    const { store } = await openShelf()
    const both = await Promise.all([
      outcome(store.documents.write('Catalog', 1)),
      outcome(store.documents.write('catalog', 2)),
    ])
    expect(both.filter((answer) => answer === 'NAME_INVALID')).toHaveLength(1)
    const [{ name } = { name: '' }] = await store.documents.list()
    const other = name === 'catalog' ? 'Catalog' : 'catalog'
    expect(await outcome(store.documents.stat(other))).toBe('DOCUMENT_UNKNOWN')
    expect(await outcome(store.documents.delete(other))).toBe('DOCUMENT_UNKNOWN')
    await store.documents.delete(name)
    expect((await store.documents.write(other, 3)).version).toBe(2)
    expect(await store.documents.read(other)).toBe(3)
    expect((await store.verify()).unknownFiles).toEqual([])
    await store.close()
  })

  test.each([
    [{ ifVersion: -1 }],
    [{ ifVersion: 1.5 }],
    [{ ifVersion: '1' as unknown as number }],
    [{ thresholdBytes: -1 }],
    [{ thresholdBytes: Number.NaN }],
    [{ exactNumbers: 'maybe' as 'keep' }],
    [{ duplicateKeys: 'first' as 'last' }],
  ])('refuses the options %j', async (options) => {
    const { store } = await openShelf()
    expect(await outcome(store.documents.writeJson('a', utf8('1'), options))).toBe('OPTION_INVALID')
    expect(await store.documents.list()).toEqual([])
    await store.close()
  })

  test('a signal ends a write whose source gives nothing any more, and closes the source', async () => {
    const { store } = await openShelf()
    const source = new SlowJson()
    const abort = new AbortController()
    source.give('[1, 2')
    const written = outcome(store.documents.writeJson('a', source, { signal: abort.signal }))
    expect(await stateOf(written)).toBe('pending')
    abort.abort(new DOMException('enough', 'AbortError'))
    expect(await written).toBe(new DOMException('', 'AbortError').code)
    expect(source.isClosed).toBe(true)
    expect(await store.documents.list()).toEqual([])
    await store.close()
  })
})

describe('Documents.open()', () => {
  test('keeps a version readable when a newer one is written, and when the document is deleted', async () => {
    const { store } = await openShelf()
    await store.documents.write('a', big('1'))
    const first = await store.documents.open('a')
    await store.documents.write('a', big('2'))
    const second = await store.documents.open('a')
    await store.documents.delete('a')
    expect([first.version, second.version]).toEqual([1, 2])
    expect(await first.read()).toEqual(big('1'))
    expect(await second.read('text')).toBe(big('2').text)
    await first.close()
    await first.close()
    await second.close()
    await store.close()
  })

  test('names what exists when a document does not', async () => {
    const { store } = await openShelf()
    await store.documents.write('b', 1)
    await store.documents.write('a', 1)
    for (const work of [
      store.documents.open('c'),
      store.documents.read('c'),
      store.documents.stat('c'),
      store.documents.verify('c'),
      store.documents.delete('c'),
    ])
      await expect(work).rejects.toMatchObject({
        code: 'DOCUMENT_UNKNOWN',
        details: { document: 'c', documents: ['a', 'b'] },
      })
    await store.close()
  })
})

describe('Documents.read()', () => {
  test('follows a reference in an event, and reads the newest version whatever it names', async () => {
    const { store } = await openShelf()
    const { version } = await store.documents.write('catalog', CATALOG)
    await store.documents.write('catalog', { products: [] })
    const topic = await store.topics.open('orders', { create: true })
    await topic.append({ kind: 'CatalogSent', entity: 'shop', data: documentRef('catalog', version) })
    const event = await topic.get(0)
    expect(isDocumentRef(event?.data)).toBe(true)
    expect(await store.documents.read(event?.data)).toEqual({ products: [] })
    expect((await store.documents.stat(documentRef('catalog'))).version).toBe(2)
    expect((await store.documents.verify(documentRef('catalog'))).ok).toBe(true)
    for (const ref of [{ $document: 'catalog', version: 'x' }, { $document: 3 }, [], undefined])
      expect(await outcome(store.documents.read(ref))).toBe('NAME_INVALID')
    await store.close()
  })

  test('opens the file of a document once for many reads, and at most 32 documents at a time', async () => {
    const { store, wire } = await openShelf()
    for (let n = 0; n < 40; n++) await store.documents.write(`doc-${n}`, n)
    const opens = () => wire.count(({ op, path }) => op === 'openRead' && path.startsWith('documents/'))
    const closes = () => wire.count(({ op, path }) => op === 'close' && path.startsWith('documents/'))
    const before = { opens: opens(), closes: closes() }
    await Promise.all(Array.from({ length: 10 }, () => store.documents.read('doc-0')))
    expect(opens() - before.opens).toBe(1)
    for (let n = 0; n < 40; n++) expect(await store.documents.read(`doc-${n}`)).toBe(n)
    expect(opens() - before.opens).toBe(40)
    await settle(50)
    expect(closes() - before.closes).toBe(8)
    await store.documents.read('doc-39')
    await store.documents.read('doc-0')
    expect(opens() - before.opens).toBe(41)
    await store.close()
    expect(closes() - before.closes).toBe(41)
  })

  test('finds the newest version while others are written', async () => {
    const { store } = await openShelf()
    let acknowledged = (await store.documents.write('a', 1)).version
    const seen: unknown[] = []
    const reading = (async () => {
      for (let turn = 0; turn < 60; turn++) {
        const atLeast = acknowledged
        const value = (await store.documents.read('a')) as number
        expect(value).toBeGreaterThanOrEqual(atLeast)
        seen.push(value)
      }
    })()
    for (let n = 2; n <= 20; n++) acknowledged = (await store.documents.write('a', n)).version
    await reading
    expect(await store.documents.read('a')).toBe(20)
    await store.close()
  })
})

describe('a store with documents', () => {
  test('counts them, and their bytes', async () => {
    const { store } = await openShelf()
    const before = await store.stats()
    const sizes = [await store.documents.write('a', CATALOG), await store.documents.write('b', big('x'))]
    const stats = await store.stats()
    expect([before.documents, stats.documents]).toEqual([0, 2])
    expect(stats.sizeBytes - before.sizeBytes).toBe(sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
    await store.close()
  })

  test('refuses everything when it is closed, and what writes when it is read-only', async () => {
    const shelf = await openShelf()
    await shelf.store.documents.write('a', 1)
    const open = await shelf.store.documents.open('a')
    const reader = await openAgain(shelf, { readOnly: true })
    await shelf.store.close()
    for (const [store, code] of [
      [shelf.store, 'STORE_CLOSED'],
      [reader.store, 'STORE_READ_ONLY'],
    ] as const) {
      const { documents } = store
      for (const work of [documents.write('a', 2), documents.writeJson('b', utf8('1')), documents.delete('a')])
        expect(await outcome<unknown>(work)).toBe(code)
      expect(await outcome(documents.writeEvents('c', []))).toBe(code)
    }
    const { documents } = shelf.store
    for (const work of [documents.read('a'), documents.open('a'), documents.list(), documents.verify('a')])
      expect(await outcome<unknown>(work)).toBe('STORE_CLOSED')
    expect(await outcome(open.read())).not.toBe(1)
    expect(await reader.store.documents.read('a')).toBe(1)
    await reader.store.close()
  })

  test('closing gives up what streams in, and waits for what is being published', async () => {
    const shelf = await openShelf()
    const source = new SlowJson()
    source.give('[1')
    const streaming = outcome(shelf.store.documents.writeJson('slow', source))
    await settle(50)
    const published: unknown[] = []
    shelf.wire.before = ({ op, path }) => {
      // The close begins while the first file is being synced.
      if (op === 'sync' && path.startsWith('documents/quick') && published.length === 0)
        published.push(shelf.store.close())
      return undefined
    }
    const { version } = await shelf.store.documents.write('quick', 1)
    expect(version).toBe(1)
    expect(await streaming).toBe('STORE_CLOSED')
    await shelf.store.close()
    expect(published).toHaveLength(1)
    shelf.wire.before = undefined
    const again = await openShelf(shelf)
    expect(again.store.openReport.source).toBe('clean')
    expect((await again.store.documents.list()).map(({ name }) => name)).toEqual(['quick'])
    await again.store.close()
  })
})

describe('a read-only store', () => {
  test('follows what its writer does to documents', async () => {
    const writer = await openShelf()
    const reader = await openAgain(writer, { readOnly: true })
    expect(await reader.store.documents.list()).toEqual([])
    await writer.store.documents.write('a', 'one')
    expect(await reader.store.documents.read('a')).toBe('one')
    await writer.clock.advance(20)
    const open = await reader.store.documents.open('a')
    await writer.store.documents.write('a', 'two')
    await reader.clock.advance(20)
    expect(await reader.store.documents.read('a')).toBe('two')
    expect((await reader.store.documents.stat('a')).version).toBe(2)
    expect(await open.read()).toBe('one')
    expect((await reader.store.documents.verify('a')).ok).toBe(true)
    await writer.store.documents.delete('a')
    expect(await outcome(reader.store.documents.stat('a'))).toBe('DOCUMENT_UNKNOWN')
    expect((await reader.store.stats()).documents).toBe(0)
    await open.close()
    await reader.store.close()
    await writer.store.close()
  })

  test('looks again when the file that it was about to open has been replaced', async () => {
    const writer = await openShelf()
    await writer.store.documents.write('a', 'one')
    const reader = await openAgain(writer, { readOnly: true })
    let next = ['two', 'three']
    reader.wire.before = ({ op, path }) => {
      const value = op === 'openRead' && path.endsWith('.vdoc') ? next.shift() : undefined
      return value === undefined ? undefined : writer.store.documents.write('a', value)
    }
    expect(await reader.store.documents.read('a')).toBe('three')
    next = ['four']
    const document = await reader.store.documents.open('a')
    expect(await document.read()).toBe('four')
    await document.close()
    next = ['five']
    expect(await reader.store.documents.verify('a')).toMatchObject({ ok: true, problems: [] })
    await reader.store.close()
    await writer.store.close()
  })
})
