/** The elements of two arrays, and which of the new ones are old ones.
 * @module */
import type { Comparison } from './diff-same.ts'

/** Two arrays whose common ends are cut off. */
export interface Elements {
  readonly old: readonly unknown[]
  /** Plain values of the caller. */
  readonly now: readonly unknown[]
  readonly keyField: string | undefined
  readonly comparison: Comparison
}

/** Where the elements of the new array come from. */
export class ArrayMatch {
  /** For each new element the old one, or -1. */
  readonly from: Int32Array
  /** 1 for new elements that may differ from the old one. */
  readonly isChange: Uint8Array
  /** 1 for new elements that are between the same ones as before. */
  readonly isInOrder: Uint8Array
  /** 1 for old elements that are in the new array. */
  readonly isTaken: Uint8Array

  constructor(oldLength: number, newLength: number) {
    this.from = new Int32Array(newLength).fill(-1)
    this.isChange = new Uint8Array(newLength)
    this.isInOrder = new Uint8Array(newLength)
    this.isTaken = new Uint8Array(oldLength)
  }

  /** Forget what was matched. */
  clear(): void {
    this.from.fill(-1)
    this.isChange.fill(0)
    this.isInOrder.fill(0)
    this.isTaken.fill(0)
  }

  take(place: { readonly from: number; readonly to: number }, how: { isChange: boolean; isInOrder: boolean }): void {
    const { from, to } = place
    this.from[to] = from
    this.isTaken[from] = 1
    if (how.isChange) this.isChange[to] = 1
    if (how.isInOrder) this.isInOrder[to] = 1
  }
}
