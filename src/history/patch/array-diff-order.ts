/** A long common order of two arrays of classes: what is in both exactly once first, then what is next to that, then,
 * between those, a shortest edit as long as it is short.
 * @module */

/** Edits between two fixed places that are looked for. */
const EDITS_MAX = 256

export interface ClassRows {
  /** Equal numbers from 0 are equal elements; -1 is equal to nothing. */
  readonly ofOld: Int32Array
  readonly ofNew: Int32Array
  /** Classes are below. */
  readonly count: number
}

type Pair = readonly [from: number, to: number]

/** Pairs of equal elements, both sides ascending. Cost: n log n, and 256 n at worst. */
export function commonOrder(rows: ClassRows): Pair[] {
  const { ofOld, ofNew } = rows
  const pairs: Pair[] = []
  let from = 0
  let to = 0
  const fixed = longestAscending(uniquePairs(rows))
  for (const [fixedFrom, fixedTo] of [...fixed, [ofOld.length, ofNew.length] as const]) {
    if (fixedFrom < from || fixedTo < to) continue
    between({ rows, pairs }, { from, to, fromEnd: fixedFrom, toEnd: fixedTo })
    from = fixedFrom
    to = fixedTo
    for (; from < ofOld.length && to < ofNew.length && isEqual(rows, from, to); from++, to++) pairs.push([from, to])
  }
  return pairs
}

function isEqual({ ofOld, ofNew }: ClassRows, from: number, to: number): boolean {
  return (ofOld[from] as number) >= 0 && ofOld[from] === ofNew[to]
}

/** Elements that are once in each, in the order of the new array. */
function uniquePairs({ ofOld, ofNew, count }: ClassRows): Pair[] {
  const MANY = -2
  const places = new Int32Array(count).fill(-1)
  const times = new Uint8Array(count)
  for (let from = 0; from < ofOld.length; from++) {
    const found = ofOld[from] as number
    if (found >= 0) places[found] = places[found] === -1 ? from : MANY
  }
  for (const found of ofNew) if (found >= 0 && (times[found] as number) < 2) (times[found] as number)++
  const pairs: Pair[] = []
  for (let to = 0; to < ofNew.length; to++) {
    const found = ofNew[to] as number
    if (found >= 0 && times[found] === 1 && (places[found] as number) >= 0) pairs.push([places[found] as number, to])
  }
  return pairs
}

/** A longest part of the pairs that ascends on both sides. */
export function longestAscending(pairs: readonly Pair[]): Pair[] {
  /** For each length the pair that ends such a part lowest, and what each pair goes on from. */
  const ends: number[] = []
  const previous = new Int32Array(pairs.length)
  for (let index = 0; index < pairs.length; index++) {
    const from = (pairs[index] as Pair)[0]
    let low = 0
    let high = ends.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((pairs[ends[middle] as number] as Pair)[0] < from) low = middle + 1
      else high = middle
    }
    previous[index] = low > 0 ? (ends[low - 1] as number) : -1
    ends[low] = index
  }
  const longest: Pair[] = []
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] as number) longest.push(pairs[index] as Pair)
  return longest.reverse()
}

interface Gap {
  readonly from: number
  readonly to: number
  readonly fromEnd: number
  readonly toEnd: number
}

/** Pair what is equal in a gap. */
function between({ rows, pairs }: { rows: ClassRows; pairs: Pair[] }, gap: Gap): void {
  let { fromEnd, toEnd } = gap
  while (fromEnd > gap.from && toEnd > gap.to && isEqual(rows, fromEnd - 1, toEnd - 1)) {
    fromEnd--
    toEnd--
  }
  if (fromEnd > gap.from && toEnd > gap.to) {
    const edits = new ShortestEdit((from, to) => isEqual(rows, gap.from + from, gap.to + to))
    for (const [from, to] of edits.pairs(fromEnd - gap.from, toEnd - gap.to)) pairs.push([gap.from + from, gap.to + to])
  }
  for (; fromEnd < gap.fromEnd; fromEnd++, toEnd++) pairs.push([fromEnd, toEnd])
}

/** Myers' greedy algorithm, which finds nothing when there are too many edits. */
export class ShortestEdit {
  readonly #isEqual: (from: number, to: number) => boolean
  readonly #most: number

  constructor(isEqual: (from: number, to: number) => boolean, most = EDITS_MAX) {
    this.#isEqual = isEqual
    this.#most = most
  }

  /** Pairs of equal elements, ascending. Cost: `most` times the lengths at worst. */
  pairs(fromLength: number, toLength: number): Pair[] {
    const most = Math.min(this.#most, fromLength + toLength)
    const origin = most + 1
    /** How far each diagonal got, after each number of edits. */
    const reached = new Int32Array(2 * most + 3)
    const kept: Int32Array[] = []
    for (let edits = 0; edits <= most; edits++) {
      kept.push(reached.slice(origin - edits - 1, origin + edits + 2))
      for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
        const below = reached[origin + diagonal - 1] as number
        const above = reached[origin + diagonal + 1] as number
        let from = diagonal === -edits || (diagonal !== edits && below < above) ? above : below + 1
        let to = from - diagonal
        if (from > fromLength || to > toLength) {
          reached[origin + diagonal] = from
          continue
        }
        while (from < fromLength && to < toLength && this.#isEqual(from, to)) {
          from++
          to++
        }
        reached[origin + diagonal] = from
        if (from >= fromLength && to >= toLength) return trace(kept, { from, to })
      }
    }
    return []
  }
}

function trace(kept: readonly Int32Array[], end: { from: number; to: number }): Pair[] {
  const pairs: Pair[] = []
  let { from, to } = end
  for (let edits = kept.length - 1; edits >= 0; edits--) {
    const reached = kept[edits] as Int32Array
    const origin = edits + 1
    const diagonal = from - to
    const below = reached[origin + diagonal - 1] as number
    const above = reached[origin + diagonal + 1] as number
    const isDown = diagonal === -edits || (diagonal !== edits && below < above)
    const beginFrom = edits === 0 ? 0 : isDown ? above : below + 1
    const beginTo = beginFrom - diagonal
    while (from > beginFrom && to > beginTo) pairs.push([--from, --to])
    if (edits > 0) {
      from = isDown ? above : below
      to = from - (isDown ? diagonal + 1 : diagonal - 1)
    }
  }
  return pairs.reverse()
}
