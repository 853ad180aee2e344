/** Every seeded defect is killed by the scenario it names, and the product as it is passes every scenario.
 * @module */
import { describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { DEFECTS } from './defects.ts'
import { DOCUMENT_FILE_DEFECTS, DOCUMENT_STORE_DEFECTS } from './document-defects.ts'
import * as documentScenarios from './document-scenarios.ts'
import * as documentStoreScenarios from './document-store-scenarios.ts'
import * as scenarios from './scenarios.ts'
import { type Defect, hunt } from './seeded.ts'

/** Each module is bundled for each of its defects, with all that it imports. */
const GROUPS = [
  { module: 'scenarios', scenarios, defects: DEFECTS },
  { module: 'document-scenarios', scenarios: documentScenarios, defects: DOCUMENT_FILE_DEFECTS },
  { module: 'document-store-scenarios', scenarios: documentStoreScenarios, defects: DOCUMENT_STORE_DEFECTS },
]

/** All of them on Node; elsewhere some, in turn, to show that the mechanism works there. */
function hunted(defects: readonly Defect[]): readonly Defect[] {
  return RUNTIME === 'node' ? defects : defects.filter((_, order) => order % 6 === 0)
}

describe.each(GROUPS)('$module', ({ module, scenarios, defects }) => {
  describe('the product as it is passes', () => {
    test.each(Object.entries(scenarios))('%s', { timeout: 120_000 }, async (_name, scenario) => {
      await scenario()
    })
  })

  describe('a seeded defect is killed:', () => {
    test.each(hunted(defects))('$name', { timeout: 120_000 }, async (defect) => {
      expect(Object.keys(scenarios)).toContain(defect.killer)
      const fate = await hunt(defect, `test/defects/${module}.ts`)
      expect(fate.killed, fate.killed ? '' : fate.why).toBe(true)
    })
  })
})
