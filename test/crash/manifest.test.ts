/** Goal: whatever a crash or a failing call leaves of the manifests, what was committed is there, nothing else is, and
 * the store opens unattended. Method: commit topics over several epochs, some closed and some not; crash at every
 * operation, and fail every call.
 * @module */
import { expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { explore } from '../faults/explorer.ts'
import { checkManifest, commitTopics, commitUnderFaults } from './manifest-workload.ts'

test('acquire() and commits survive a crash at every operation', async () => {
  const report = await explore<number>({
    name: 'manifest',
    workload: commitTopics,
    check: checkManifest,
    seeds: 6,
    nested: { images: 100, points: 10 },
  })
  console.log(`explored manifest: ${JSON.stringify(report)}`)
  expect(report.failures).toEqual([])
  expect(report.unique).toBeGreaterThan(500)
  expect(report.nestedImages).toBeGreaterThan(200)
})

test('acquire() and commits report every failed call and keep what was committed', async () => {
  const report = await sweepErrors<number>({
    name: 'manifest',
    workload: commitUnderFaults,
    check: checkManifest,
  })
  console.log(`swept manifest: ${report.calls} calls, ${report.cases} cases`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThan(500)
})
