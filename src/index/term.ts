/** What events are found by: a term is a field of the envelope and a text in it.
 * @module */

/** The fields that are indexed. Their numbers, the places in this list, are on disk. Do not change; add at the end. */
export const TERM_FIELDS = [
  'entity',
  'kind',
  'scope',
  'tag',
  'id',
  'correlationId',
  'causationId',
  'idempotencyKey',
] as const

export type TermField = (typeof TERM_FIELDS)[number]

export interface Term {
  readonly field: TermField
  readonly text: string
}

/** Terms of which every group must be met, and of a group any one term. */
export type TermGroups = readonly (readonly Term[])[]

/** Which offsets of a term are wanted: at most `most` of those in `[from, to)`, from the end when `backward`. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
  readonly most: number
  readonly backward: boolean
}
