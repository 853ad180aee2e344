/** The hash of a value depends on the value alone. What it is made of is checked against src/FORMAT.md in test/docs.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'

/** Computed NaN, whose bits are others than those of the constant on most processors. */
function computed(): number {
  const zero = memoryStorage.length - memoryStorage.length
  return zero / zero
}

test('History.verify() finds every NaN equal, however it was computed and stored', async () => {
  const store = await openStore({ storage: memoryStorage() })
  const history = await store.histories.open('readings', { create: true })
  const other = new Float64Array(new BigUint64Array([0x7ff8_0000_0000_0123n]).buffer)[0]
  const constant = await history.append({ one: Number.NaN, list: [1.5, Number.NaN], mixed: ['a', Number.NaN, null] })
  await history.append({ one: 1, list: [Number.NaN, computed()], mixed: [other, computed(), null] })
  const again = await history.append({ one: computed(), list: [1.5, other], mixed: ['a', computed(), null] })
  expect(again.fingerprint).toBe(constant.fingerprint)
  expect(await history.verify()).toMatchObject({ ok: true, versionsChecked: 3, damaged: [] })
  await store.close()
})
