/** Every seeded defect of projections is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { hunted, SLOW } from './hunting.ts'
import { PROJECTION_DEFECTS } from './projection-defects.ts'
import { hunt } from './seeded.ts'

test.each(hunted(PROJECTION_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/projection-scenarios.ts')).toMatchObject({ killed: true })
})
