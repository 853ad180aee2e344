/** The filter of a term run: which bits a hash sets, in which block. See term-format.ts for where the blocks are.
 *
 * All bits of a term are in one block, so one page tells whether it may be there; about one absent term in a hundred
 * seems to be. These values are on disk. Do not change; add a version.
 * @module */

export const BLOCK_BYTES = 64
export const BLOCKS_PER_PAGE = 63
/** Where in a block its page of terms is. */
export const BLOCK_PAGE_AT = 60
const BLOCK_TERMS = 48
const BLOCK_BITS = BLOCK_PAGE_AT * 8
const PROBES = 7
const TWO_32 = 0x1_0000_0000

/** How many blocks the filter of so many terms has. */
export function blocksFor(terms: number): number {
  return Math.ceil(terms / BLOCK_TERMS)
}

/** The block of a hash. */
export function blockOf(hash: number, blocks: number): number {
  return Math.floor((hash * blocks) / TWO_32)
}

/** Tell whether all bits of a hash are set in the block at `at`. */
export function filterHas(bytes: Uint8Array, at: number, hash: number): boolean {
  let state = scramble(hash)
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = ((state >>> 16) * BLOCK_BITS) >>> 16
    if (((bytes[at + (bit >>> 3)] as number) & (1 << (bit & 7))) === 0) return false
    state = nextProbe(state)
  }
  return true
}

/** Set the bits of a hash in the block at `at`. */
export function filterAdd(bytes: Uint8Array, at: number, hash: number): void {
  let state = scramble(hash)
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = ((state >>> 16) * BLOCK_BITS) >>> 16
    const byte = at + (bit >>> 3)
    bytes[byte] = (bytes[byte] as number) | (1 << (bit & 7))
    state = nextProbe(state)
  }
}

/** Mix the bits of a hash (the finalizer of MurmurHash3): its high bits chose the block already. */
function scramble(hash: number): number {
  let mixed = hash
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35)
  return mixed ^ (mixed >>> 16)
}

/** A linear congruential step; its high bits choose the bit. */
function nextProbe(state: number): number {
  return (Math.imul(state, 0x9e37_79b1) + 0x7f4a_7c15) | 0
}
