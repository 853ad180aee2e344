/** Goal: a manifest that is written anew while it is in use loses no commit, whatever a crash or a failing call leaves,
 * and an owner that slept meanwhile is still found out. Method: commit versions of one document, so that the state
 * stays small and the manifest is written anew every few commits; crash at every operation, fail every call.
 * @module */
import { expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { explore } from '../faults/explorer.ts'
import { checkLong, commitLong, commitLongUnderFaults } from './long-manifest.ts'

test('a manifest written anew survives a crash at every operation', async () => {
  const report = await explore<number>({
    name: 'manifest-long',
    workload: commitLong,
    check: checkLong,
    seeds: 4,
    nested: { images: 100, points: 10 },
  })
  console.log(`explored a long manifest: ${JSON.stringify(report)}`)
  expect(report.failures).toEqual([])
  expect(report.unique).toBeGreaterThan(300)
})

test('a manifest written anew reports every failed call and keeps what was committed', async () => {
  const report = await sweepErrors<number>({ name: 'manifest-long', workload: commitLongUnderFaults, check: checkLong })
  console.log(`swept a long manifest: ${report.calls} calls, ${report.cases} cases`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThan(300)
})
