/** Every seeded defect is killed by the scenario it names, and the product as it is passes every scenario.
 * @module */
import { describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { DEFECTS } from './defects.ts'
import * as scenarios from './scenarios.ts'
import { hunt } from './seeded.ts'

const SCENARIOS = 'test/defects/scenarios.ts'
/** All of them on Node; elsewhere some, in turn, to show that the mechanism works there. */
const HUNTED = RUNTIME === 'node' ? DEFECTS : DEFECTS.filter((_, order) => order % 6 === 0)

describe('the product as it is passes', () => {
  test.each(Object.entries(scenarios))('%s', { timeout: 120_000 }, async (_name, scenario) => {
    await scenario()
  })
})

describe('a seeded defect is killed:', () => {
  test.each(HUNTED)('$name', { timeout: 120_000 }, async (defect) => {
    expect(Object.keys(scenarios)).toContain(defect.killer)
    const fate = await hunt(defect, SCENARIOS)
    expect(fate.killed, fate.killed ? '' : fate.why).toBe(true)
  })
})
