/** What turns one text into another.
 * @module */
import { PART_COST, scalarCost } from './diff-cost.ts'
import type { StringPatch } from './patch.ts'

/** @returns undefined when the whole text is as small. */
export function diffStrings(before: string, after: string): { patch: StringPatch; cost: number } | undefined {
  const least = Math.min(before.length, after.length)
  let from = 0
  while (from < least && before.charCodeAt(from) === after.charCodeAt(from)) from++
  let behind = 0
  while (
    behind < least - from &&
    before.charCodeAt(before.length - 1 - behind) === after.charCodeAt(after.length - 1 - behind)
  )
    behind++
  const insert = after.slice(from, after.length - behind)
  const cost = insert.length + PART_COST * 2
  if (cost >= scalarCost(after)) return undefined
  return { patch: { type: 'string', edits: [{ start: from, remove: before.length - behind - from, insert }] }, cost }
}
