/** The mechanism of seeded defects on a toy product.
 * @module */
import { expect, test } from 'vitest'
import { type Defect, hunt, run } from './seeded.ts'

const SCENARIOS = 'test/defects/toy/scenarios.ts'
const overdraft: Defect = {
  name: 'overdraft allowed',
  file: 'test/defects/toy/account.ts',
  find: 'amount > balance',
  replace: 'amount < 0',
  killer: 'refusesOverdraft',
}

test('run() passes without a defect', async () => {
  expect(await run(SCENARIOS, 'refusesOverdraft')).toEqual({ killed: false, why: 'the scenario passed' })
})

test('hunt() kills a defect that its scenario sees', async () => {
  expect(await hunt(overdraft, SCENARIOS)).toEqual({ killed: true, by: 'an overdraft is refused' })
})

test('hunt() tells that a scenario does not see a defect', async () => {
  expect(await hunt({ ...overdraft, killer: 'subtracts' }, SCENARIOS)).toMatchObject({ killed: false })
})

test('hunt() does not take a scenario that breaks for one that sees', async () => {
  expect(await hunt({ ...overdraft, killer: 'breaks' }, SCENARIOS)).toMatchObject({ killed: false })
})

test.each([
  ['does not occur', { find: 'nowhere' }, 'occurs 0 times'],
  ['occurs often', { find: 'balance' }, 'occurs 4 times'],
  ['is in a file that is not bundled', { file: 'src/errors.ts' }, 'is not part of'],
])('hunt() rejects a defect whose text %s', async (_name, change, message) => {
  await expect(hunt({ ...overdraft, ...change }, SCENARIOS)).rejects.toThrowError(message)
})
