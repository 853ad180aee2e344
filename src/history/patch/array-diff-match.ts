/** Which elements of an array are those of the array before.
 *
 * The steps, each for what the ones before left: the same place; equal values, in order and then moved; the same
 * identity; what is left between the same neighbours. Each is linear or has a bound on its work.
 * @module */
import { Classes } from './array-diff-classes.ts'
import { ArrayMatch, type Elements } from './array-diff-elements.ts'
import { identityOf, isKeyed } from './array-diff-identity.ts'
import { commonOrder } from './array-diff-order.ts'
import { pairAlike } from './array-diff-pairs.ts'
import { costsMore } from './diff-cost.ts'

/** A moved element that takes no more is as well written again. */
const MOVED_COST_MIN = 6

/** Match the elements of two arrays whose common ends are cut off. Cost: about that of a hash of the elements. */
export function matchElements(elements: Elements): ArrayMatch {
  const { old, now, keyField } = elements
  const match = new ArrayMatch(old.length, now.length)
  if (old.length === 0 || now.length === 0) return match
  if (old.length === 1 && now.length === 1 && keyField === undefined) pairAlike(elements, match)
  else matchMany(elements, match)
  return match
}

function matchMany(elements: Elements, match: ArrayMatch): void {
  if (!matchPlaces(elements, match)) matchEqual(elements, match)
  else if (left(match) > 1) matchMoved(elements, match, new Classes(elements, match))
  matchIdentities(elements, match)
  pairAlike(elements, match)
}

function left(match: ArrayMatch): number {
  let count = 0
  for (const from of match.from) if (from < 0) count++
  return count
}

/** Match by place, if at least half of the elements are equal, or the same ones, in the same place. */
function matchPlaces({ old, now, comparison, keyField }: Elements, match: ArrayMatch): boolean {
  const { length } = now
  if (old.length !== length) return false
  let others = 0
  for (let index = 0; index < length; index++) {
    const one = old[index]
    const other = now[index]
    const isSame = comparison.sameElement(one, other)
    if (!isSame) {
      const identity = identityOf(other, keyField)
      if (identity === undefined || !Object.is(identity, identityOf(one, keyField))) {
        if (++others * 2 > length) {
          match.clear()
          return false
        }
        continue
      }
    }
    match.take({ from: index, to: index }, { isChange: !isSame, isInOrder: true })
  }
  return true
}

/** Match by equality, or by the key field: a longest common order first. */
function matchEqual(elements: Elements, match: ArrayMatch): void {
  const classes = new Classes(elements, match)
  for (const [from, to] of commonOrder(classes)) {
    match.take({ from, to }, { isChange: classes.isKeyed(to), isInOrder: true })
  }
  matchMoved(elements, match, classes)
}

/** Match what is left of equal elements, in any order. */
function matchMoved({ now }: Elements, match: ArrayMatch, classes: Classes): void {
  const places = new Map<number, number[]>()
  for (let from = match.isTaken.length - 1; from >= 0; from--) {
    const found = classes.ofOld[from] as number
    if (match.isTaken[from] === 1 || found < 0) continue
    const there = places.get(found)
    if (there === undefined) places.set(found, [from])
    else there.push(from)
  }
  for (let to = 0; to < now.length; to++) {
    if ((match.from[to] as number) >= 0) continue
    const isKeyed = classes.isKeyed(to)
    if (!isKeyed && !costsMore(now[to], MOVED_COST_MIN)) continue
    const from = places.get(classes.ofNew[to] as number)?.pop()
    if (from !== undefined) match.take({ from, to }, { isChange: isKeyed, isInOrder: false })
  }
}

/** Match elements that have an identity that no other one has. */
function matchIdentities({ old, now, keyField }: Elements, match: ArrayMatch): void {
  const before = new Map<unknown, number>()
  const after = new Map<unknown, number>()
  const note = (places: Map<unknown, number>, element: unknown, at: number): void => {
    if (keyField !== undefined && isKeyed(element, keyField)) return
    const identity = identityOf(element, undefined)
    if (identity !== undefined) places.set(identity, places.has(identity) ? -1 : at)
  }
  for (let to = 0; to < now.length; to++) if ((match.from[to] as number) < 0) note(after, now[to], to)
  if (after.size === 0) return
  for (let from = 0; from < old.length; from++) if (match.isTaken[from] === 0) note(before, old[from], from)
  for (const [identity, to] of after) {
    const from = before.get(identity) ?? -1
    if (to >= 0 && from >= 0) match.take({ from, to }, { isChange: true, isInOrder: false })
  }
}
