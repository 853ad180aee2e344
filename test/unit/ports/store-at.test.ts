/** A store in a view of a storage: written, read again, and nothing of it outside.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { limitedStorage } from '../../conformance/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

test.each([
  ['that can everything', memoryStorage],
  ['without links and writes in place', () => limitedStorage(memoryStorage(), { exclusiveCreate: true })],
])('openStore() works in a view of a storage %s', async (_, make) => {
  const base = make()
  const open = (readOnly: boolean) =>
    openStore({ storage: storageAt(base, 'a/b'), clock: new ManualClock(), random: seededRandom(3), readOnly })
  const store = await open(false)
  const orders = await store.topics.open('orders', { create: {} })
  await orders.append({ kind: 'A', entity: 'a', data: 1 })
  await store.documents.write('notes', { deep: [1, 'x'.repeat(100_000)] })
  await expect(store.documents.write('bad', { fails: () => 1 })).rejects.toThrowError()
  const history = await store.histories.open('board', { create: true })
  await history.append({ n: 1 })
  await store.close()

  expect((await base.list('')).map(({ name }) => name)).toEqual(['a'])
  expect((await base.list('a')).map(({ name }) => name)).toEqual(['b'])
  const again = await open(true)
  try {
    const topic = await again.topics.open('orders')
    const found = []
    for await (const event of topic.read()) found.push(event.data)
    expect(found).toEqual([1])
    expect(await again.documents.read('notes')).toMatchObject({ deep: [1, 'x'.repeat(100_000)] })
    expect((await again.verify()).ok).toBe(true)
  } finally {
    await again.close()
  }
})
