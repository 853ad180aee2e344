/** Elements that are probably old ones changed: those left between the same neighbours.
 * @module */
import type { ArrayMatch, Elements } from './array-diff-elements.ts'
import { isKeyed } from './array-diff-identity.ts'

/** Scalars in a row that are shown as changed; more of them are one insertion. */
const SCALARS_MAX = 4
/** Pairs of elements that are compared to find the most alike. */
const COMPARED_MAX = 2_500
/** How alike two elements must be, of 1. */
const ALIKE_MIN = 0.3
/** Fields or elements that say how alike two are. */
const SAMPLED = 16

/** Pair what is left, between those that are in order. */
export function pairAlike(elements: Elements, match: ArrayMatch): void {
  const { old, now } = elements
  let oldFrom = 0
  let nowFrom = 0
  for (let to = 0; to <= now.length; to++) {
    if (to < now.length && match.isInOrder[to] === 0) continue
    const oldEnd = to < now.length ? (match.from[to] as number) : old.length
    pairGap(elements, match, { oldFrom, oldEnd, nowFrom, nowEnd: to })
    oldFrom = oldEnd + 1
    nowFrom = to + 1
  }
}

interface Gap {
  readonly oldFrom: number
  readonly oldEnd: number
  readonly nowFrom: number
  readonly nowEnd: number
}

function pairGap({ old, now, keyField }: Elements, match: ArrayMatch, gap: Gap): void {
  const isLeft = (element: unknown) => keyField === undefined || !isKeyed(element, keyField)
  const olds: number[] = []
  const news: number[] = []
  for (let to = gap.nowFrom; to < gap.nowEnd; to++) if ((match.from[to] as number) < 0 && isLeft(now[to])) news.push(to)
  if (news.length === 0) return
  for (let from = gap.oldFrom; from < gap.oldEnd; from++) {
    if (match.isTaken[from] === 0 && isLeft(old[from])) olds.push(from)
  }
  const take = (from: number | undefined, to: number | undefined) => {
    if (from !== undefined && to !== undefined) match.take({ from, to }, { isChange: true, isInOrder: true })
  }
  if (olds.length === news.length) {
    const isShort = olds.length <= SCALARS_MAX
    for (const [index, from] of olds.entries()) {
      const to = news[index] as number
      if (isSameKind(old[from], now[to], isShort)) take(from, to)
    }
  } else if (olds.length * news.length <= COMPARED_MAX) {
    const likeness = (index: number, other: number) => alike(old[olds[index] as number], now[news[other] as number])
    for (const [index, other] of mostAlike(olds.length, news.length, likeness)) take(olds[index], news[other])
  }
}

function isSameKind(one: unknown, other: unknown, isShort: boolean): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return isShort && typeof one === typeof other
  }
  return Array.isArray(one) === Array.isArray(other)
}

/** The pairs, both sides ascending, that are alike most, all together. */
function mostAlike(rows: number, columns: number, likeness: (row: number, column: number) => number) {
  const width = columns + 1
  const likes = new Float64Array(rows * columns)
  const best = new Float64Array((rows + 1) * width)
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      const found = likeness(row, column)
      const like = found >= ALIKE_MIN ? found : -1
      likes[row * columns + column] = like
      const apart = Math.max(best[(row + 1) * width + column] as number, best[row * width + column + 1] as number)
      best[row * width + column] = Math.max(apart, like + (best[(row + 1) * width + column + 1] as number))
    }
  }
  const pairs: [number, number][] = []
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    const here = best[row * width + column] as number
    const like = likes[row * columns + column] as number
    if (like > 0 && here === like + (best[(row + 1) * width + column + 1] as number)) pairs.push([row++, column++])
    else if (here === best[(row + 1) * width + column]) row++
    else column++
  }
  return pairs
}

/** How alike two elements are, from 0 to 1. Cost: a few of their parts. */
function alike(one: unknown, other: unknown): number {
  if (typeof one === 'string' && typeof other === 'string') return alikeTexts(one, other)
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return 0
  if (Array.isArray(one) !== Array.isArray(other)) return 0
  let seen = 0
  let found = 0
  for (const key in other) {
    if (seen++ === SAMPLED) break
    if (!Object.hasOwn(one, key)) continue
    const before = (one as Record<string, unknown>)[key]
    const after = (other as Record<string, unknown>)[key]
    if (Object.is(before, after)) found += 1
    else if (typeof before === typeof after) found += 0.3
  }
  return seen === 0 ? 0 : found / Math.min(seen, SAMPLED)
}

function alikeTexts(one: string, other: string): number {
  const most = Math.min(one.length, other.length, SAMPLED * 4)
  let at = 0
  while (at < most && one.charCodeAt(at) === other.charCodeAt(at)) at++
  let behind = 0
  while (
    behind < most - at &&
    one.charCodeAt(one.length - 1 - behind) === other.charCodeAt(other.length - 1 - behind)
  ) {
    behind++
  }
  return (at + behind) / Math.min(Math.max(one.length, other.length, 1), SAMPLED * 4)
}
