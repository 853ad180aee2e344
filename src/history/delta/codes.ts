/** The codes of deltas: a patch as bytes. They are the codes of structural events, with codes for changes in between.
 *
 * In the place of a patch:
 *
 * | code | change | then |
 * |---|---|---|
 * | of a value: `00`-`0b`, `10`, `12`, `16`, `17`, `19`, `40`-`bf` | another value | the rest of the value |
 * | of a key: `0c`-`0e`, `c0`-`ff` | an object of which only this field changed | the rest of the key, its patch |
 * | `20` + 1 + 2 + 4 + 8 | an object | by bit, lowest first: keys removed; fields changed; fields added; order |
 * | `30` | an array | varint runs; each run |
 * | `31` | an array of which only one element changed | varint elements before it, varint behind it; its patch |
 * | `34` | a text | varint edits; each edit |
 * | `35` | a text | one edit |
 * | `38` + 1 + 2 c | numbers, coding c: 0 set, 1 add, 2 bits | with bit 1 a column of positions; a column of values |
 *
 * Each part of an object begins with a varint count. Keys removed are keys, fields changed a key and its patch each,
 * fields added a key and its value each. The order has runs: the start and the length, each a varint; the start less
 * the end of the run before, as zigzag (n x 2, or -n x 2 - 1).
 *
 * A run is a varint n x 4 + kind. Positions go on where the last run before that kept or changed something ended.
 *
 * | kind | run | then |
 * |---|---|---|
 * | 0 | keep n elements from there on | |
 * | 1 | keep n elements, from elsewhere | varint zigzag of how much further that is |
 * | 2 | change one element, that is zigzag n further | its patch |
 * | 3 | insert n values; n is 0: many numbers | the values; a column |
 *
 * An edit is a varint of the code units that stay since the edit before, a varint of those that go, and a String event.
 *
 * In a value the code `19` stands for an array of numbers, of which the columns follow behind the value in their order.
 *
 * Keys by number, `0e` and `e0`-`ff`, mean the keys of the group: those of the key table of its keyframe, and behind
 * them each other key in the order in which the deltas of the group first spell it out, in values too. Columns are in
 * columns.ts.
 * @module */
import { CODE } from '../../codec/structural-codes.ts'

/** Codes of patches. */
export const DELTA = {
  object: 0x20,
  array: 0x30,
  oneElement: 0x31,
  text: 0x34,
  oneEdit: 0x35,
  numbers: 0x38,
} as const

/** Bits of `DELTA.object`. */
export const PART = { removed: 1, changed: 2, added: 4, order: 8 } as const

/** Kinds of runs. */
export const RUN = { keep: 0, keepElsewhere: 1, change: 2, insert: 3 } as const

/** So many numbers in a row are a column. */
export const COLUMN_LENGTH = 8

/** Codings of numbers, by number. */
export const CODINGS = ['set', 'add', 'bits'] as const

/** Whether an event is a key: in the place of a patch it means an object with one changed field. */
export function isKeyCode(code: number): boolean {
  return code >= CODE.shortKey || (code >= CODE.key && code <= CODE.keyNumber)
}
