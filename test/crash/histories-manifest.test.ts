/** Goal: a manifest that is written anew while it is in use loses no group of a history, no pin and no owner of a file.
 * Method: commit groups of one history that grows and is thinned out, so that the manifest is written anew every few
 * commits; crash at every operation, fail every call.
 * @module */
import { expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { explore } from '../faults/explorer.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { checkLong, commitLong, commitLongUnderFaults } from './long-histories.ts'

test('a manifest of a history written anew survives a crash at every operation', { timeout: 60_000 }, async () => {
  const report = await explore<number>({
    name: 'histories-long',
    workload: commitLong,
    check: checkLong,
    seeds: 3,
    imagesMax: share(700),
    nested: { images: share(20), points: 10 },
  })
  console.log(`explored a long manifest of a history: ${JSON.stringify(report)}`)
  expect(report.failures).toEqual([])
  expect(report.unique).toBeGreaterThan(share(250))
})

test('a manifest of a history written anew reports every failed call and keeps what was committed', async () => {
  const stride = RUNTIME === 'node' ? 1 : 11
  const report = await sweepErrors<number>({
    name: 'histories-long',
    workload: commitLongUnderFaults,
    check: checkLong,
    stride,
  })
  console.log(`swept a long manifest of a history: ${report.calls} calls, ${report.cases} cases`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThan(300 / stride)
})
