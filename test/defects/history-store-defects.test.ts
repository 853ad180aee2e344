/** Every seeded defect in the commits of histories is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { HISTORY_RECORD_DEFECTS, HISTORY_STORE_DEFECTS } from './history-store-defects.ts'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'

test.each(hunted(HISTORY_STORE_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/history-store-scenarios.ts')).toMatchObject({ killed: true })
})

test.each(hunted(HISTORY_RECORD_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/history-record-scenarios.ts')).toMatchObject({ killed: true })
})
