/** Documents of random shapes, against plain trees.
 *
 * Goal: whatever was written, from whatever source and with whatever index, every way of reading answers as the tree
 * does, one by one and at once. Method: random plans of parts of many shapes; budgets and runs so small that the index
 * is thinned and key pages are written often; storages with fewer capabilities. A failure prints the seed and the path
 * that repeat it.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { RUNTIME, share } from '../support/runtime.ts'
import { documentPlans, duplicatePlans } from './document-plans.ts'
import { check } from './document-run.ts'

const numRuns = RUNTIME === 'edge' ? 40 : share(250)
/** Some plans take seconds. */
const TIME_MAX_MS = RUNTIME === 'node' ? 15_000 : 6_000
const LIMITS = { numRuns, interruptAfterTimeLimit: TIME_MAX_MS, markInterruptAsFailure: false }

test('documents answer as trees do', async () => {
  await fc.assert(fc.asyncProperty(documentPlans, check), LIMITS)
}, 60_000)

test('documents with keys that come twice answer as trees do', async () => {
  await fc.assert(fc.asyncProperty(duplicatePlans, check), { ...LIMITS, numRuns: RUNTIME === 'edge' ? 10 : share(80) })
}, 60_000)
