/** Every seeded defect in what decides, finds and prunes is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { DECIDED_DEFECTS } from './decided-defects.ts'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'

test.each(hunted(DECIDED_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/scenarios.ts')).toMatchObject({ killed: true })
})
