/** What all tests of seeded defects share.
 *
 * A process keeps every module that it loaded, and each defect is a bundle of its own: each group of defects is a test
 * file, so that it has a process of its own.
 * @module */
import { RUNTIME } from '../support/runtime.ts'
import type { Defect } from './seeded.ts'

export const SLOW = { timeout: 120_000 }

/** All of them on Node; elsewhere some, in turn, to show that the mechanism works there. */
export function hunted(defects: readonly Defect[]): readonly Defect[] {
  return RUNTIME === 'node' ? defects : defects.filter((_, order) => order % 6 === 0)
}
