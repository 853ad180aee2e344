/** Every seeded defect of the log is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { DEFECTS } from './defects.ts'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'

test.each(hunted(DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/scenarios.ts')).toMatchObject({ killed: true })
})
