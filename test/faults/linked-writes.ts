/** Notes what is written into files with more than one name: whoever has the other name sees its bytes change.
 * @module */
import { type Disk, linksTo } from './disk.ts'
import type { Operation } from './fault.ts'

export class LinkedWrites {
  readonly operations: Operation[] = []
  /** Files that had more than one name at some time: the others need no count. */
  readonly #linked = new Set<number>()
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
    const named = new Set<number>()
    for (const state of disk.values())
      if (state.kind === 'directory')
        for (const inode of state.current.values()) (named.has(inode) ? this.#linked : named).add(inode)
  }

  link(inode: number): void {
    this.#linked.add(inode)
  }

  write(inode: number, operation: Operation): void {
    if (this.#linked.has(inode) && linksTo(this.#disk, inode) > 1) this.operations.push(operation)
  }
}
