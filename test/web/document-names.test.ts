/** Goal: no name of a document, a history, a projection or a snapshot reaches a path of the storage unless it is one.
 * Method: a storage that notes the path of every call, and names made of what paths, addresses and file systems treat
 * specially.
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
  'snapshot-',
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
/** Where a store of documents and histories and its record of what was done may be. */
const KNOWN = [
  /^documents(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:\/[0-9a-f]{16}\.vdoc)?)?\/?$/,
  /^histories(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:\/[0-9a-f]{16}\.vgrp)?)?\/?$/,
  /^\.snapshots(?:\/(?:snapshots\.json|snapshot-1))?$/,
  /^(?:tmp|topics|topics\/_audit)(?:\/.*)?$/,
  /^(?:(?:MANIFEST|head)-\d{20})?$/,
]

/** How something is written under a name, and where else its name may stand. */
const KINDS = [
  {
    what: 'documents',
    method: 'PUT',
    writtenAt: (name: string) => `/api/documents/${name}`,
    addresses: (name: string) => [`/api/documents/${name}`, `/api/documents/${name}/children`, `/documents/${name}`],
  },
  {
    what: 'histories',
    method: 'POST',
    writtenAt: (name: string) => `/api/histories/${name}/versions?create=true`,
    addresses: (name: string) => [
      `/api/histories/${name}`,
      `/api/histories/${name}/versions/newest`,
      `/histories/${name}`,
      `/api/projections/${name}/state`,
      `/api/snapshots/${name}`,
      `/api/snapshots/snapshot-1${name}`,
      `/projections/${name}`,
    ],
  },
] as const

for (const { what, method, writtenAt, addresses } of KINDS)
  test(`names of ${what} reach no path that is not one`, { timeout: 60_000 }, async () => {
    const { store, app, paths } = await noting()
    const draw = seededRandom(9)
    let stored = 0
    for (let n = 0; n < NAMES; n++) {
      const [count = 0, ...picks] = draw.bytes(4)
      const pieces = picks.slice(0, 1 + (count % 3)).map((pick) => PIECES[pick % PIECES.length] ?? '')
      const name = pieces.join('')
      for (const shown of new Set([encodeURIComponent(name), encodeURI(name)])) {
        const init = { method, body: '1', headers: { 'content-type': 'application/json' } }
        const written = await app.request(`http://localhost${writtenAt(shown)}`, init)
        // Anything else than the address of one is another route, or none.
        expect([200, 201, 400, 404, 405, 415], name).toContain(written.status)
        if (written.status < 300) stored++
        for (const at of addresses(shown)) {
          const answer = await app.request(`http://localhost${at}`)
          expect(answer.status, at).toBeLessThan(500)
          await answer.body?.cancel()
        }
      }
    }
    const documents = (await store.documents.list()).map(({ name }) => name)
    const histories = (await store.histories.list()).map(({ history }) => history)
    expect(stored).toBeGreaterThan(0)
    for (const name of [...documents, ...histories]) expect(name).toMatch(ALLOWED)
    expect([...paths].filter((path) => path.includes('..') || !KNOWN.some((known) => known.test(path)))).toEqual([])
    await store.close()
  })

/** An app over a store that notes the path of every call to its storage. */
async function noting() {
  const paths = new Set<string>()
  const storage = memoryStorage()
  const proxy = new Proxy(storage, {
    get(_, key) {
      const found: unknown = Reflect.get(storage, key, storage)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        if (typeof given[0] === 'string') paths.add(given[0])
        return found.apply(storage, given)
      }
    },
  })
  const store = await openStore({ storage: proxy, clock: new ManualClock(), random: seededRandom(7) })
  const app = createApp(store, { access: () => 'admin', clock: new ManualClock(), random: seededRandom(8) })
  return { store, app, paths }
}
