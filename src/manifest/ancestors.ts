/** Whose segments the first ones of a topic are.
 * @module */
import { type AncestorRow, check, isHash, isObject, isWhole } from './shapes.ts'

/** The lineage of a topic and those before it. */
export interface Lineages {
  readonly lineage: string
  readonly ancestors?: readonly AncestorRow[] | undefined
}

/** The lineage in the header of the segment of a partition that begins at an offset, and in the ids of its events. */
export function lineageAt({ lineage, ancestors }: Lineages, partition: number, baseOffset: number): string {
  const owner = ancestors?.find(({ ends }) => baseOffset < (ends[partition]?.offset ?? 0))
  return owner?.lineage ?? lineage
}

/** Check the shape of the ancestors of a topic. */
export function checkAncestors(value: unknown, { name, partitions }: { name: string; partitions: number }): void {
  const incomplete = `topic "${name}" has an incomplete ancestor`
  check(Array.isArray(value), incomplete)
  for (const ancestor of value) {
    check(isObject(ancestor), incomplete)
    const { lineage, storeId, ends } = ancestor
    check(typeof lineage === 'string' && typeof storeId === 'string', incomplete)
    check(Array.isArray(ends) && ends.length === partitions, incomplete)
    for (const end of ends) check(isObject(end) && isWhole(end.offset) && isHash(end.hash), incomplete)
  }
}
