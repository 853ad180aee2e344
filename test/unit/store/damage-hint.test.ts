/** A store that damage keeps from opening names the snapshot that helps. @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { isVarveError, openStore, type Storage, verifyStorage } from '../../../src/index.ts'
import { manifestEpoch } from '../../../src/manifest/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const AT = 1_767_225_600_000
const HOUR = 3_600_000

/** A closed store whose manifests are lost. */
async function lost(snapshots: number): Promise<Storage> {
  const storage = memoryStorage()
  const clock = new ManualClock(AT)
  const store = await openStore({ storage, clock, random: seededRandom(1) })
  const orders = await store.topics.open('orders', { create: true })
  await orders.append({ kind: 'Placed', entity: 'order-1', data: 1 })
  for (let at = 0; at < snapshots; at++) {
    await store.snapshots.create()
    await clock.advance(HOUR)
  }
  await store.close()
  for (const { name } of await storage.list('')) if (manifestEpoch(name) !== undefined) await storage.remove(name)
  return storage
}

async function refusal(
  storage: Storage,
  readOnly: boolean,
): Promise<{ code: string; hint: string; snapshot: unknown }> {
  const error = await openStore({ storage, readOnly, clock: new ManualClock(AT) }).catch((error: unknown) => error)
  if (!isVarveError(error)) throw new TypeError('the store opened', { cause: error })
  return { code: error.code, hint: error.hint ?? '', snapshot: error.details.snapshot }
}

describe('openStore() without a manifest', () => {
  test('names the newest snapshot and the commands that bring it back', async () => {
    const storage = await lost(2)
    const newest = `snapshot-${AT + HOUR}`
    for (const readOnly of [false, true]) {
      const { code, hint, snapshot } = await refusal(storage, readOnly)
      expect([code, snapshot]).toEqual(['MANIFEST_DAMAGED', newest])
      expect(hint).toContain(`varve snapshot verify ${newest}`)
      expect(hint).toContain(`varve snapshot restore ${newest} --to DIR`)
    }
    // What is left of one that did not come about is none.
    await storage.remove(`.snapshots/${newest}/MANIFEST-00000000000000000002`)
    expect((await refusal(storage, true)).snapshot).toBe(`snapshot-${AT}`)
  })

  test('says what it said where there is no snapshot', async () => {
    const { code, hint, snapshot } = await refusal(await lost(0), false)
    expect([code, snapshot]).toEqual(['MANIFEST_DAMAGED', undefined])
    expect(hint).toContain('from a backup')
  })

  test('leaves snapshots readable, and verify() calls nothing of them damaged', async () => {
    const storage = await lost(1)
    const { problems } = await verifyStorage({ storage })
    expect(problems.filter(({ file }) => file.startsWith('.snapshots'))).toEqual([])
    expect(problems.filter(({ damage }) => damage).length).toBeGreaterThan(0)
    const salvaged = await openStore({ storage, readOnly: 'salvage', clock: new ManualClock(AT) })
    const [{ id } = { id: '' }] = await salvaged.snapshots.list()
    expect(await salvaged.snapshots.verify(id)).toMatchObject({ ok: true, events: 1 })
    await salvaged.snapshots.restore(id, { to: memoryStorage() })
    await salvaged.close()
  })
})
