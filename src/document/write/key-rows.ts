/** Keys of the open objects while a document is written: hashes and places, the innermost object's last.
 *
 * They tell keys that an object has twice, and become key pages when the object turns out to be large.
 * @module */

const ROWS_START = 4_096
/** Below this many keys each is compared with each. */
const FEW = 8

export class KeyRows {
  count = 0
  hashes = new Uint32Array(ROWS_START)
  addresses = new Float64Array(ROWS_START)
  #seconds = new Uint32Array(ROWS_START)
  /** Row + 1 by hash, in the next free slot; for `duplicate`. */
  #slots = new Int32Array(0)

  add(hash: number, second: number, address: number): void {
    const row = this.count
    if (row === this.hashes.length) this.#grow()
    this.hashes[row] = hash
    this.#seconds[row] = second
    this.addresses[row] = address
    this.count = row + 1
  }

  /** Whether two of the rows from `from` on have the same key. Cost: linear. */
  hasDuplicate(from: number): boolean {
    const { count, hashes } = this
    if (count - from > FEW) return this.#hasDuplicate(from)
    for (let row = from + 1; row < count; row++) {
      const hash = hashes[row] as number
      for (let other = from; other < row; other++) {
        if (hashes[other] === hash && this.#seconds[other] === this.#seconds[row]) return true
      }
    }
    return false
  }

  #hasDuplicate(from: number): boolean {
    const { count, hashes } = this
    let slotCount = 32
    while (slotCount < (count - from) * 2) slotCount *= 2
    if (this.#slots.length < slotCount) this.#slots = new Int32Array(slotCount)
    const slots = this.#slots
    const mask = slotCount - 1
    slots.fill(0, 0, slotCount)
    for (let row = from; row < count; row++) {
      const hash = hashes[row] as number
      let slot = hash & mask
      for (let other = slots[slot] as number; other !== 0; other = slots[slot] as number) {
        if (hashes[other - 1] === hash && this.#seconds[other - 1] === this.#seconds[row]) return true
        slot = (slot + 1) & mask
      }
      slots[slot] = row + 1
    }
    return false
  }

  /** Take out the rows `[from, to)`. */
  remove(from: number, to: number): void {
    for (const column of [this.hashes, this.#seconds, this.addresses]) column.copyWithin(from, to, this.count)
    this.count -= to - from
  }

  #grow(): void {
    const length = this.hashes.length * 2
    const hashes = new Uint32Array(length)
    const seconds = new Uint32Array(length)
    const addresses = new Float64Array(length)
    hashes.set(this.hashes)
    seconds.set(this.#seconds)
    addresses.set(this.addresses)
    this.hashes = hashes
    this.#seconds = seconds
    this.addresses = addresses
  }
}
