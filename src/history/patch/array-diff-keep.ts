/** Runs of array patches.
 * @module */
import type { ArrayRun } from './patch.ts'

/** Add elements that stay, to the run before if they go on there. */
export function keep(runs: ArrayRun[], start: number, length: number): void {
  if (length === 0) return
  const last = runs.at(-1)
  if (last?.type === 'keep' && last.start + last.length === start) {
    runs[runs.length - 1] = { type: 'keep', start: last.start, length: last.length + length }
  } else runs.push({ type: 'keep', start, length })
}
