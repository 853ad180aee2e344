/** Which elements of an array were moved.
 * @module */
import type { ArrayRun } from './patch.ts'

/** Runs whose elements come in another order than before: all but those of the longest row of runs that ascends,
 * counted in elements. Cost: none when all of them ascend, otherwise n log n in runs. */
export function movedRuns(runs: readonly ArrayRun[]): ReadonlySet<ArrayRun> {
  const moved = new Set<ArrayRun>()
  const named = runs.filter((run) => run.type !== 'insert')
  if (named.every((run, at) => run.start >= (named[at - 1]?.start ?? 0))) return moved
  for (const run of named) moved.add(run)
  for (const run of longestRow(named)) moved.delete(run)
  return moved
}

type NamedRun = Exclude<ArrayRun, { type: 'insert' }>

/** The rows are kept in a tree over the ranks of their last starts, of which each node has the longest below it. */
function longestRow(runs: readonly NamedRun[]): NamedRun[] {
  const starts = runs.map(({ start }) => start).sort((one, other) => one - other)
  const ranks = new Map(starts.map((start, rank) => [start, rank + 1]))
  const lengths = new Float64Array(runs.length)
  const before = new Int32Array(runs.length)
  const tree = new Int32Array(runs.length + 1).fill(-1)
  const lengthOf = (at: number) => (at < 0 ? 0 : (lengths[at] as number))
  let longest = -1
  for (const [at, run] of runs.entries()) {
    const rank = ranks.get(run.start) as number
    let best = -1
    for (let node = rank; node > 0; node -= node & -node) {
      const row = tree[node] as number
      if (lengthOf(row) > lengthOf(best)) best = row
    }
    before[at] = best
    lengths[at] = lengthOf(best) + (run.type === 'keep' ? run.length : 1)
    for (let node = rank; node <= runs.length; node += node & -node) {
      if (lengthOf(at) > lengthOf(tree[node] as number)) tree[node] = at
    }
    if (lengthOf(at) > lengthOf(longest)) longest = at
  }
  const row: NamedRun[] = []
  for (let at = longest; at >= 0; at = before[at] as number) row.push(runs[at] as NamedRun)
  return row
}
