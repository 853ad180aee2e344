/** Checking that the path index leads past every value that it names.
 * @module */
import { VarveError } from '../../errors.ts'
import type { DocumentIndex } from '../index/document-index.ts'
import { ITEM } from '../index/format.ts'

/** Searches and listings go on behind an entry where the next item is: a child right behind one must be named too, or
 * it, and all behind it, would not be found. Cost: one pass over the items.
 * @throws {VarveError} `DECODE_FAILED`. */
export function checkSiblings({ items }: DocumentIndex): void {
  const { count, kinds, depths, addresses, ordinals, counts } = items
  /** By depth: the container, and the ordinal that the next item must have, if its sibling before it is an entry. */
  const parents: number[] = []
  const wanted: (number | undefined)[] = [undefined]
  let deepest = 0
  const leave = (depth: number) => {
    for (; deepest > depth; deepest--) {
      const ordinal = wanted[deepest]
      const parent = parents[deepest] as number
      if (ordinal !== undefined && ordinal < (counts[parent] as number)) throw unnamed(addresses[parent] as number)
    }
  }
  for (let item = 0; item < count; item++) {
    const depth = depths[item] as number
    const kind = kinds[item] as number
    leave(depth)
    const ordinal = ordinals[item] as number
    if (wanted[depth] !== undefined && ordinal !== wanted[depth]) throw unnamed(addresses[item] as number)
    wanted[depth] = kind === ITEM.range ? undefined : ordinal + 1
    if (kind < ITEM.array) continue
    deepest = depth + 1
    parents[deepest] = item
    wanted[deepest] = undefined
  }
  leave(0)
}

function unnamed(address: number): VarveError {
  const found = 'a value behind an entry that is not named'
  return new VarveError('DECODE_FAILED', `Cannot follow the index of a document: found ${found}`, {
    details: { address, found },
  })
}
