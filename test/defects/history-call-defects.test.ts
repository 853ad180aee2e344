/** Every seeded defect in what is asked of a history is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { HISTORY_CALL_DEFECTS, HISTORY_CLEANUP_DEFECTS } from './history-call-defects.ts'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'

test.each(hunted(HISTORY_CALL_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/history-scenarios.ts')).toMatchObject({ killed: true })
})

test.each(hunted(HISTORY_CLEANUP_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/history-cleanup-scenarios.ts')).toMatchObject({ killed: true })
})
