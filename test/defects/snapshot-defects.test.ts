/** Every seeded defect in taking and removing snapshots is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'
import { SNAPSHOT_DEFECTS } from './snapshot-defects.ts'

test.each(hunted(SNAPSHOT_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/snapshot-scenarios.ts')).toMatchObject({ killed: true })
})
