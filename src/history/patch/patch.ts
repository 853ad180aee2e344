/** What turns one value into the next. Plain data that owns its values: nothing in it is shared with what it was made
 * from, nor, once applied, with anything but the value it was applied to.
 *
 * Positions of a patch are those of the value before, but where it says otherwise.
 * @module */

/** `undefined` in the place of a patch: no change. */
export type Patch = SetPatch | ObjectPatch | ArrayPatch | StringPatch | NumbersPatch

/** Another value, whatever was there. */
export interface SetPatch {
  readonly type: 'set'
  readonly value: unknown
}

export interface ObjectPatch {
  readonly type: 'object'
  readonly removed: readonly string[]
  /** Fields that stay, with another value. */
  readonly changed: readonly (readonly [key: string, patch: Patch])[]
  /** New fields, behind those that stay. */
  readonly added: readonly (readonly [key: string, value: unknown])[]
  /** The order of the fields as runs `[start, length]` of the fields that stay, followed by the new ones. Absent: in
   * this order. */
  readonly order?: readonly (readonly [start: number, length: number])[]
}

/** The elements of the new array in order, as runs; what is not named is gone. Positions are of the one before. */
export interface ArrayPatch {
  readonly type: 'array'
  readonly runs: readonly ArrayRun[]
}

export type ArrayRun =
  /** `length` elements from `start` on, as they were. An element is kept once at most. */
  | { readonly type: 'keep'; readonly start: number; readonly length: number }
  /** The element at `start`, changed. */
  | { readonly type: 'change'; readonly start: number; readonly patch: Patch }
  | { readonly type: 'insert'; readonly values: readonly unknown[] }

/** Another text: edits in ascending order that do not overlap. Positions and lengths in UTF-16 code units. */
export interface StringPatch {
  readonly type: 'string'
  readonly edits: readonly { readonly start: number; readonly remove: number; readonly insert: string }[]
}

/** Numbers of an array of unchanged length, as columns: where, and what. Applied to one number it is that of an array
 * of this one. */
export interface NumbersPatch {
  readonly type: 'numbers'
  /** Ascending. Absent: every element. */
  readonly positions?: readonly number[]
  /** `set`: the new numbers or bigints. `add`: what is added, whole, where old and new are bigints, or safe integers
   * whose difference is one. `bits`: what is added to the bits of the f64, as a u64 that
   * overflows. */
  readonly coding: 'set' | 'add' | 'bits'
  readonly values: readonly (number | bigint)[] | BigUint64Array
}
