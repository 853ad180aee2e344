/** The error sweep on a toy log: what stops at a failed sync passes, what syncs again is seen.
 * @module */
import { expect, test } from 'vitest'
import { sweepErrors } from './error-sweep.ts'
import { toySweep } from './toy-log.ts'

test('sweepErrors() passes a log that stops after a failed sync', async () => {
  const report = await sweepErrors({ name: 'toy', ...toySweep({}) })
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThan(100)
})

test('sweepErrors() catches a log that believes a second sync', async () => {
  const { failures } = await sweepErrors({ name: 'toy', ...toySweep({ retrySync: true }) })
  expect(failures[0]).toMatch(
    /^FAULT workload=toy op=\d+ call=sync\(\/log\) errno=EIO gate once: after losing power: .*lost/,
  )
})

test('sweepErrors() catches a log that takes a short write for a whole one', async () => {
  const { failures } = await sweepErrors({ name: 'toy', ...toySweep({ forgetShort: true }) })
  expect(failures[0]).toContain('errno=SHORT')
})

test('sweepErrors() catches work that never ends', async () => {
  const { check } = toySweep({})
  const workload = () => new Promise<void>(() => {})
  await expect(sweepErrors({ name: 'toy', workload, check })).rejects.toThrowError('hangs')
})
