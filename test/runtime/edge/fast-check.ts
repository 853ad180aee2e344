/** fast-check with fewer runs: Node has drawn them all.
 * @module */
import fc from 'fast-check'
import { share } from '../../support/runtime.ts'

function assert<Ts>(property: fc.IRawProperty<Ts>, options: fc.Parameters<Ts> = {}): void | Promise<void> {
  return fc.assert(property, { ...options, numRuns: share(options.numRuns ?? 100) })
}

export default { ...fc, assert }
