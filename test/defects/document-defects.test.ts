/** Every seeded defect of documents is killed by the scenario it names.
 * @module */
import { expect, test } from 'vitest'
import { DOCUMENT_FILE_DEFECTS, DOCUMENT_STORE_DEFECTS } from './document-defects.ts'
import { hunted, SLOW } from './hunting.ts'
import { hunt } from './seeded.ts'

test.each(hunted(DOCUMENT_FILE_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/document-scenarios.ts')).toMatchObject({ killed: true })
})

test.each(hunted(DOCUMENT_STORE_DEFECTS))('kills: $name', SLOW, async (defect) => {
  expect(await hunt(defect, 'test/defects/document-store-scenarios.ts')).toMatchObject({ killed: true })
})
