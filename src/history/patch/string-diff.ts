/** What turns one text into another: common ends first, then lines between them, then words.
 *
 * No edit cuts a pair of surrogates in two.
 * @module */
import { commonOrder } from './array-diff-order.ts'
import { PART_COST, scalarCost } from './diff-cost.ts'
import type { StringPatch } from './patch.ts'
import { lines, words } from './string-diff-tokens.ts'

/** Texts that are shorter are better written again. */
const SHORT = 6
/** Texts between the common ends that are not looked into. */
const PLAIN_MAX = 16
/** Characters that are split into words, and into lines. */
const WORDS_MAX = 65_536
const LINES_MAX = 4_194_304
/** Kept characters that are not worth an edit less. */
const KEPT_MIN = 4
/** Characters that are compared at once. */
const CHUNK = 2_048

/** `[start, end)` of the text before becomes `[from, to)` of the one after. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly from: number
  readonly to: number
}

/** Find the edits. Cost: about a pass over both, and a table of the lines or words between the common ends.
 * @returns undefined when the whole text is as small. */
export function diffStrings(before: string, after: string): { patch: StringPatch; cost: number } | undefined {
  if (after.length < SHORT || before === '') return undefined
  const whole = trimmed(before, after, { start: 0, end: before.length, from: 0, to: after.length })
  let edits: readonly Edit[] = [whole]
  let cost = costOf(edits)
  if (cost > PLAIN_MAX + PART_COST && whole.end - whole.start > PLAIN_MAX) {
    const finer = refined(before, after, whole)
    const finerCost = costOf(finer)
    if (finerCost < cost) {
      edits = finer
      cost = finerCost
    }
  }
  if (cost >= scalarCost(after)) return undefined
  const patch: StringPatch = {
    type: 'string',
    edits: edits.map(({ start, end, from, to }) => ({ start, remove: end - start, insert: after.slice(from, to) })),
  }
  return { patch, cost: cost + PART_COST }
}

function costOf(edits: readonly Edit[]): number {
  let cost = 0
  for (const { from, to } of edits) cost += to - from + PART_COST
  return cost
}

/** The edit without what is the same at its ends. */
function trimmed(before: string, after: string, { start, end, from, to }: Edit): Edit {
  const first = start + sharedStart(before.slice(start, end), after.slice(from, to))
  const from2 = from + first - start
  const behind = sharedEnd(before.slice(first, end), after.slice(from2, to))
  return { start: first, end: end - behind, from: from2, to: to - behind }
}

function sharedStart(one: string, other: string): number {
  const least = Math.min(one.length, other.length)
  let at = 0
  while (at + CHUNK <= least && one.slice(at, at + CHUNK) === other.slice(at, at + CHUNK)) at += CHUNK
  while (at < least && one.charCodeAt(at) === other.charCodeAt(at)) at++
  return at > 0 && (isInPair(one, at) || isInPair(other, at)) ? at - 1 : at
}

function sharedEnd(one: string, other: string): number {
  const least = Math.min(one.length, other.length)
  const { length } = one
  const shift = other.length - length
  let from = length
  const first = length - least
  while (from - CHUNK >= first && one.slice(from - CHUNK, from) === other.slice(from - CHUNK + shift, from + shift)) {
    from -= CHUNK
  }
  while (from > first && one.charCodeAt(from - 1) === other.charCodeAt(from - 1 + shift)) from--
  const isCut = from < length && (isInPair(one, from) || isInPair(other, from + shift))
  return length - (isCut ? from + 1 : from)
}

/** Whether a place is between two surrogates of one character. */
function isInPair(text: string, at: number): boolean {
  if ((text.charCodeAt(at - 1) & 0xfc00) !== 0xd800) return false
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00
}

/** Several edits in place of one. */
function refined(before: string, after: string, edit: Edit): readonly Edit[] {
  const sizeChars = edit.end - edit.start + edit.to - edit.from
  if (sizeChars > LINES_MAX) return [edit]
  const hasLines = before.indexOf('\n', edit.start) < edit.end && before.includes('\n', edit.start)
  const coarse = hasLines ? split(before, after, { edit, ends: lines }) : [edit]
  const fine: Edit[] = []
  for (const part of coarse) {
    const ends = trimmed(before, after, part)
    const isSmall = ends.end - ends.start + ends.to - ends.from <= WORDS_MAX
    if (!isSmall || ends.end === ends.start || ends.to === ends.from) fine.push(ends)
    else for (const piece of split(before, after, { edit: ends, ends: words })) fine.push(trimmed(before, after, piece))
  }
  return merged(fine)
}

interface Splitting {
  readonly edit: Edit
  /** Where the parts of a text end, ascending. */
  readonly ends: (text: string) => number[]
}

/** Edits of whole parts. */
function split(before: string, after: string, { edit, ends }: Splitting): Edit[] {
  const one = before.slice(edit.start, edit.end)
  const other = after.slice(edit.from, edit.to)
  const oldEnds = ends(one)
  const newEnds = ends(other)
  const numbers = new Map<string, number>()
  const ofOld = numbered(one, oldEnds, (part) => {
    const found = numbers.get(part) ?? numbers.size
    numbers.set(part, found)
    return found
  })
  const ofNew = numbered(other, newEnds, (part) => numbers.get(part) ?? -1)
  const edits: Edit[] = []
  let from = 0
  let to = 0
  const last = [oldEnds.length, newEnds.length] as const
  for (const [nextFrom, nextTo] of [...commonOrder({ ofOld, ofNew, count: numbers.size }), last]) {
    if (nextFrom > from || nextTo > to) {
      edits.push({
        start: edit.start + beginning(oldEnds, from),
        end: edit.start + beginning(oldEnds, nextFrom),
        from: edit.from + beginning(newEnds, to),
        to: edit.from + beginning(newEnds, nextTo),
      })
    }
    from = nextFrom + 1
    to = nextTo + 1
  }
  return edits
}

function beginning(ends: readonly number[], part: number): number {
  return part === 0 ? 0 : (ends[part - 1] as number)
}

function numbered(text: string, ends: readonly number[], numberOf: (part: string) => number): Int32Array {
  const numbers = new Int32Array(ends.length)
  for (let part = 0; part < ends.length; part++) numbers[part] = numberOf(text.slice(beginning(ends, part), ends[part]))
  return numbers
}

/** Edits that are next to each other are one. */
function merged(edits: readonly Edit[]): Edit[] {
  const found: Edit[] = []
  for (const edit of edits) {
    if (edit.start === edit.end && edit.from === edit.to) continue
    const last = found.at(-1)
    if (last !== undefined && edit.start - last.end < KEPT_MIN) {
      found[found.length - 1] = { start: last.start, end: edit.end, from: last.from, to: edit.to }
    } else found.push(edit)
  }
  return found
}
