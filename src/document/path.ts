/** Paths of values in a document: fields, elements, integer keys; wildcards and slices for reads that mean many.
 *
 * @module */

/** One step from a container to a child, or to several. */
export type Step =
  | { readonly type: 'field'; readonly key: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'intKey'; readonly key: number }
  /** Reserved: an element by a key of its own. Parses and prints; reads refuse it. */
  | { readonly type: 'keyed'; readonly key: string }
  | { readonly type: 'anyField' | 'anyIndex' | 'anyIntKey' }
  /** Elements `[from, to)`; `to` absent: to the end. */
  | { readonly type: 'slice'; readonly from: number; readonly to?: number }

/** A parsed path; immutable, and made once for many reads. */
export declare class Path {
  static readonly root: Path
  /** @throws {VarveError} `PATH_INVALID` {path, position, found}. */
  static parse(text: string): Path
  /** From an RFC 6901 pointer. Digits mean an element where the value is an array and a field where it is an object,
   * which only a read can tell: such steps are `{ type: 'field', key: '12' }` and reads try both. */
  static fromPointer(pointer: string): Path
  static of(steps: readonly Step[]): Path
  readonly steps: readonly Step[]
  /** Whether it may mean more than one value. */
  readonly isPlural: boolean
  readonly parent: Path | undefined
  /** The one canonical text, which parses back to the same path. */
  toString(): string
  /** @throws {VarveError} `PATH_INVALID` for steps that a pointer lacks. */
  toPointer(): string
  /** Total order: a parent before its children, field < index < integer key, wildcards after their kind. */
  compare(other: Path): number
  equals(other: Path): boolean
  /** Of itself, too, it is none. */
  isAncestorOf(other: Path): boolean
  join(...more: readonly (Step | Path)[]): Path
}
