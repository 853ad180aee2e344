/** Goal: no GET and no HEAD writes, whatever it asks for.
 * Method: a storage that counts every call which changes something, under a store with events, sealed segments and
 * pruned ones; every route with GET is asked, with filters and without.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import { createApp, ROUTES } from '../../web/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { settle } from './support/harness.ts'

const OF_STORAGE = [
  ...['openAppend', 'createExclusive', 'link', 'linkFrom', 'replace', 'remove', 'removeDirectory', 'syncDirectory'],
]
const OF_HANDLE = ['append', 'writeAt', 'sync', 'truncate']

/** A storage, or a handle of it, that notes what changes it. */
function noting<T extends object>(target: T, notes: string[], changes = OF_STORAGE): T {
  return new Proxy(target, {
    get(_, name) {
      const found: unknown = Reflect.get(target, name, target)
      if (typeof found !== 'function') return found
      return (...given: unknown[]) => {
        const answer: unknown = found.apply(target, given)
        if (!changes.includes(String(name))) return answer
        notes.push(`${String(name)} ${typeof given[0] === 'string' ? given[0] : ''}`)
        if (name !== 'openAppend' && name !== 'createExclusive') return answer
        return (answer as Promise<object>).then((handle) => noting(handle, notes, OF_HANDLE))
      }
    },
  })
}

test('GET and HEAD change nothing in the storage', async () => {
  const notes: string[] = []
  const clock = new ManualClock()
  const store = await openStore({ storage: noting(memoryStorage(), notes), clock, random: seededRandom(5) })
  const orders = await store.topics.open('orders', { create: { segmentBytes: 1_048_576, chain: 'events' } })
  for (let n = 0; n < 5; n++)
    await orders.append({
      kind: 'A',
      entity: 'a',
      id: `id-${n}`,
      causationId: `id-${n - 1}`,
      data: 'x'.repeat(600_000),
    })
  await orders.prune({ before: 2 })
  await store.documents.write('none', { list: ['x'.repeat(100_000), 1] })
  expect(notes.length).toBeGreaterThan(0)
  // Indexes of sealed segments are written in the background.
  for (let before = -1; before !== notes.length; ) {
    before = notes.length
    await settle()
  }
  notes.splice(0)
  const stop = new AbortController()
  const app = createApp(store, { access: () => 'admin', clock, signal: stop.signal })
  const fill = (path: string) =>
    path.replace(':topic', 'orders').replace(':offset', '3').replace(':id', 'none').replace(':name', 'none')
  for (const { path, method } of ROUTES) {
    if (method !== 'GET') continue
    for (const query of [
      '',
      '?entity=a',
      '?id=id-3',
      '?kind=A&kind=B&since=1&until=9&limit=1',
      '?partition=0',
      '?path=list',
    ])
      for (const way of ['GET', 'HEAD']) {
        const answer = await app.request(`${fill(path)}${query}`, { method: way })
        expect([500, 501], `${way} ${path}${query}`).not.toContain(answer.status)
        await answer.body?.cancel()
      }
  }
  expect(notes).toEqual([])
  stop.abort()
  await store.close()
})
