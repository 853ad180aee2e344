/** Runs of key pages from plain pairs, and looking up as a reader of documents does.
 * @module */
import {
  buildKeyRun,
  directoryOf,
  findInLeaf,
  leavesOf,
  readRunHeader,
} from '../../../../src/document/index/key-pages.ts'

export interface Pair {
  readonly hash: number
  readonly address: number
}

export function runOf(
  pairs: readonly Pair[],
  options: { blockRawBytes?: number; previousRun?: number },
): readonly Uint8Array[] {
  const { blocks } = buildKeyRun({
    hashes: Uint32Array.from(pairs, ({ hash }) => hash),
    addresses: Float64Array.from(pairs, ({ address }) => address),
    count: pairs.length,
    previousRun: options.previousRun ?? 0,
    blockRawBytes: options.blockRawBytes ?? 4_084,
  })
  return blocks
}

/** Addresses of a hash, and how many blocks were looked at. A block that the run lacks counts as empty. */
export function lookUp(
  blocks: readonly Uint8Array[],
  hash: number,
  readsMax = 1e9,
): { addresses: number[]; reads: number } {
  let reads = 0
  const read = (block: number) => {
    reads++
    return blocks[block] ?? new Uint8Array(0)
  }
  const top = read(0)
  const header = readRunHeader(top, 1_000)
  const addresses: number[] = []
  const directory = directoryOf(header, top, hash)
  if (directory === undefined) return { addresses, reads }
  let next = 0
  for (let block = directory.first; block <= directory.last; block++) {
    const leaves = leavesOf(header, { bytes: block === 0 ? top : read(block), block }, hash)
    if (leaves === undefined) continue
    for (next = Math.max(next, leaves.first); next <= leaves.last && reads < readsMax; next++) {
      addresses.push(...findInLeaf(read(next), hash))
    }
  }
  return { addresses, reads }
}
