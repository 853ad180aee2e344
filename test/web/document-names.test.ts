/** Goal: no name of a document reaches a path of the storage unless it is one. Method: a storage that notes the path
 * of every call, and names made of what paths, addresses and file systems treat specially.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import { createApp } from '../../web/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'

const NAMES = 1_500
const PIECES = [
  '..',
  '.',
  '/',
  '\\',
  '%2e%2e',
  '%2f',
  '%00',
  '\0',
  '\n',
  ':',
  '~',
  '*',
  ' ',
  'CON',
  'nul',
  'aux.json',
  'com1',
  'a',
  'B',
  '_',
  '-',
  'e\u0301',
  '\u00e9',
  '\u202e',
  '\u{1f600}',
  'documents',
  'MANIFEST-',
  'tmp',
  'x'.repeat(130),
  '<b>',
  '"',
  "'",
  '?a=b',
  '#c',
  ';',
  '%',
]
const ALLOWED = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** Where a store of documents and its record of writes may be. */
const KNOWN = [
  /^documents(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:\/[0-9a-f]{16}\.vdoc)?)?\/?$/,
  /^(?:tmp|topics|topics\/_audit)(?:\/.*)?$/,
  /^(?:(?:MANIFEST|head)-\d{20})?$/,
]

test('names of documents reach no path that is not one', { timeout: 60_000 }, async () => {
  const paths = new Set<string>()
  const storage = memoryStorage()
  const noting = new Proxy(storage, {
    get(_, key) {
      const found: unknown = Reflect.get(storage, key, storage)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        if (typeof given[0] === 'string') paths.add(given[0])
        return found.apply(storage, given)
      }
    },
  })
  const store = await openStore({ storage: noting, clock: new ManualClock(), random: seededRandom(7) })
  const app = createApp(store, { access: () => 'admin', clock: new ManualClock(), random: seededRandom(8) })
  const draw = seededRandom(9)
  let stored = 0
  for (let n = 0; n < NAMES; n++) {
    const [count = 0, ...picks] = draw.bytes(4)
    const pieces = picks.slice(0, 1 + (count % 3)).map((pick) => PIECES[pick % PIECES.length] ?? '')
    const name = pieces.join('')
    for (const shown of new Set([encodeURIComponent(name), encodeURI(name)])) {
      const path = `http://localhost/api/documents/${shown}`
      const init = { method: 'PUT', body: '1', headers: { 'content-type': 'application/json' } }
      const put = await app.request(path, init)
      // Anything else than a document's address is another route, or none.
      expect([200, 201, 400, 404, 405, 415], name).toContain(put.status)
      if (put.status < 300) stored++
      for (const at of [path, `${path}/children`, `http://localhost/documents/${shown}`]) {
        const answer = await app.request(at)
        expect(answer.status, at).toBeLessThan(500)
        await answer.body?.cancel()
      }
    }
  }
  const listed = await store.documents.list()
  expect(stored).toBeGreaterThan(0)
  for (const { name } of listed) expect(name).toMatch(ALLOWED)
  expect([...paths].filter((path) => path.includes('..') || !KNOWN.some((known) => known.test(path)))).toEqual([])
  await store.close()
})
