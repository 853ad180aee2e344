/** Every seeded defect in restoring, forking and exporting is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'
import { SNAPSHOT_COPY_DEFECTS } from './snapshot-copy-defects.ts'

test.each(hunted(SNAPSHOT_COPY_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/snapshot-copy-scenarios.ts')).toMatchObject({ killed: true })
})
