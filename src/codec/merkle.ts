/** A tree of hashes over the events of a batch, as in RFC 6962: a node is SHA-256(`01`, left, right), a node without a
 * neighbour moves up as it is, and leaves are hashed with another first byte (`event-leaf.ts`).
 *
 * The place of a leaf follows from its index and the number of leaves, so a path is hashes alone.
 * These values are on disk. Do not change; add a version.
 * @module */
import { assert } from '../errors.ts'
import type { Digest } from './digest.ts'

const NODE = 1
const HASH_BYTES = 32

/** The root over `leaves`, at least one. */
export function merkleRoot(leaves: readonly Uint8Array[], digest: Digest): Uint8Array {
  assert(leaves.length > 0, 'a tree has leaves')
  let level = leaves
  while (level.length > 1) level = levelAbove(level, digest)
  return level[0] as Uint8Array
}

/** The hashes beside the way from leaf `index` to the root, leaf first. */
export function merklePath(leaves: readonly Uint8Array[], index: number, digest: Digest): Uint8Array[] {
  const path: Uint8Array[] = []
  let level = leaves
  for (let at = index; level.length > 1; at >>>= 1) {
    const beside = level[at ^ 1]
    if (beside !== undefined) path.push(beside)
    level = levelAbove(level, digest)
  }
  return path
}

/** The root that a leaf, its place and its path lead to; undefined when the path is longer or shorter than the way. */
export function rootOfPath(
  place: { readonly leaf: Uint8Array; readonly index: number; readonly leaves: number },
  path: readonly Uint8Array[],
  digest: Digest,
): Uint8Array | undefined {
  let hash = place.leaf
  let used = 0
  let at = place.index
  for (let nodes = place.leaves; nodes > 1; nodes = Math.ceil(nodes / 2)) {
    if ((at ^ 1) < nodes) {
      const beside = path[used++]
      if (beside === undefined) return undefined
      hash = at % 2 === 0 ? nodeHash(hash, beside, digest) : nodeHash(beside, hash, digest)
    }
    at >>>= 1
  }
  return used === path.length ? hash : undefined
}

function levelAbove(level: readonly Uint8Array[], digest: Digest): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let at = 0; at < level.length; at += 2) {
    const left = level[at] as Uint8Array
    const right = level[at + 1]
    above.push(right === undefined ? left : nodeHash(left, right, digest))
  }
  return above
}

const node = new Uint8Array(1 + 2 * HASH_BYTES)
node[0] = NODE

function nodeHash(left: Uint8Array, right: Uint8Array, digest: Digest): Uint8Array {
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return digest.sha256(node)
}
