/** The client's documents against the app over a store in memory, without a socket.
 * @module */
import { expect, test } from 'vitest'
import { documentRef, Path } from '../../src/index.ts'
import { createClient } from '../../web/client/index.ts'
import { harness } from './support/harness.ts'

async function connected() {
  const { app, store } = await harness()
  const client = createClient({
    url: 'http://localhost/',
    token: 'admin',
    fetch: (url, init) => app.request(url, init),
  })
  return { documents: client.documents, store }
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of pieces) text += decoder.decode(piece, { stream: true })
  return text
}

test('ClientDocuments.put() and get() carry every value of the table', async () => {
  const { documents } = await connected()
  const value = {
    big: 2n ** 80n,
    zero: -0,
    bytes: new Uint8Array([1, 2]),
    at: new Date(5),
    nan: Number.NaN,
    'a b': [''],
  }
  const stat = await documents.put('catalog', value)
  expect(stat).toMatchObject({ name: 'catalog', version: 1 })
  expect(await documents.get('catalog')).toEqual(value)
  expect(await documents.get(documentRef('catalog'), 'bytes')).toEqual(new Uint8Array([1, 2]))
  expect(await documents.get('catalog', '"a b"[0]')).toBe('')
  expect(await documents.get('catalog', Path.of([{ type: 'field', key: 'big' }]))).toBe(2n ** 80n)
  expect(await documents.get('catalog', 'none.at.all')).toBeUndefined()
  expect(await documents.stat('catalog')).toEqual(stat)
})

test('ClientDocuments.putJson() and getJson() stream text of any pieces', async () => {
  const { documents } = await connected()
  const text = JSON.stringify({ list: Array.from({ length: 30_000 }, (_, n) => `item ${n} \u00e9`) })
  const bytes = new TextEncoder().encode(text)
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += 1_009) yield bytes.subarray(at, at + 1_009)
  }
  const streams = [pieces(), new Blob([bytes]).stream(), bytes]
  for (const [index, json] of streams.entries())
    expect((await documents.putJson('catalog', json, { ifVersion: index })).version).toBe(index + 1)
  expect(await textOf(documents.getJson('catalog'))).toBe(text)
  expect(await textOf(documents.getJson('catalog', 'list[7]'))).toBe('"item 7 \u00e9"')
  for await (const piece of documents.getJson('catalog')) {
    expect(piece.length).toBeGreaterThan(0)
    break
  }
})

test('ClientDocuments.matches() and children() give what a path means, and pages', async () => {
  const { documents } = await connected()
  await documents.put('catalog', { list: Array.from({ length: 25 }, (_, n) => ({ n })) })
  const found: unknown[] = []
  for await (const { path, value } of documents.matches('catalog', 'list[*].n')) found.push([path, value])
  expect(found).toEqual(Array.from({ length: 25 }, (_, n) => [`list[${n}].n`, n]))
  for await (const match of documents.matches('catalog', 'list[3].n'))
    expect(match).toEqual({ path: 'list[3].n', value: 3 })
  const first = await documents.children('catalog', 'list', { limit: 20 })
  expect([first.type, first.items.length, first.items[1]?.index]).toEqual(['array', 20, 1])
  const rest = await documents.children('catalog', 'list', { limit: 20, cursor: first.nextCursor ?? '' })
  expect([rest.items.map(({ path }) => path).at(-1), rest.nextCursor]).toEqual(['list[24]', undefined])
})

test('ClientDocuments.list() and delete() know all, whatever their number', async () => {
  const { documents, store } = await connected()
  for (let n = 0; n < 1_005; n++) await store.documents.write(`d${n}`, n)
  const all = await documents.list()
  expect(all.length).toBe(1_005)
  await documents.delete('d7')
  expect((await documents.list()).map(({ name }) => name)).not.toContain('d7')
  await documents.delete('d8', { ifVersion: all.find(({ name }) => name === 'd8')?.version ?? 0 })
})

test('ClientDocuments throws the codes of the server', async () => {
  const { documents } = await connected()
  const code = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: { code?: string }) => error.code,
    )
  expect(await code(documents.get('none'))).toBe('DOCUMENT_UNKNOWN')
  expect(await code(documents.put('a/b', 1))).toBe('NAME_INVALID')
  await documents.put('catalog', { list: [1] }, { ifVersion: 0 })
  expect(await code(documents.put('catalog', 1, { ifVersion: 0 }))).toBe('DOCUMENT_CONFLICT')
  expect(await code(documents.delete('catalog', { ifVersion: 9 }))).toBe('DOCUMENT_CONFLICT')
  expect(await code(documents.get('catalog', 'list[*]'))).toBe('PATH_PLURAL')
  expect(await code(documents.get('catalog', 'list['))).toBe('PATH_INVALID')
  expect(await code(documents.children('catalog', 'list[0]'))).toBe('PATH_NOT_CONTAINER')
  expect(await code(documents.putJson('catalog', [new Uint8Array([0x5b])]))).toBe('JSON_INVALID')
})
