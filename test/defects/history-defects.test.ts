/** Every seeded defect in the files and values of histories is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { HISTORY_GROUP_DEFECTS, HISTORY_VALUE_DEFECTS } from './history-defects.ts'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'

test.each(hunted(HISTORY_GROUP_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/history-group-scenarios.ts')).toMatchObject({ killed: true })
})

test.each(hunted(HISTORY_VALUE_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/history-value-scenarios.ts')).toMatchObject({ killed: true })
})
