/** The disk at any position of a journal.
 * @module */
import type { Disk } from './disk.ts'
import type { Operation } from './fault.ts'

export class Replay {
  readonly #first: Disk
  readonly #journal: readonly Operation[]
  #position = 0
  #disk: Disk

  constructor(first: Disk, journal: readonly Operation[]) {
    this.#first = first
    this.#journal = journal
    this.#disk = new Map(first)
  }

  /** Before the operation at `position`; good until the next call. Cheapest when positions ascend. */
  at(position: number): Disk {
    if (position < this.#position) {
      this.#disk = new Map(this.#first)
      this.#position = 0
    }
    for (; this.#position < position; this.#position++)
      for (const [inode, state] of this.#journal[this.#position]?.changed ?? []) this.#disk.set(inode, state)
    return this.#disk
  }
}
