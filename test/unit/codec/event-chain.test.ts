/** The hash of one event and the tree over those of a batch: known bytes, and RFC 6962 written as it reads.
 * @module */
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/codec/bytes.ts'
import { HASH_BYTES } from '../../../src/codec/chain.ts'
import type { Digest } from '../../../src/codec/digest.ts'
import { LeafHasher, leafValue } from '../../../src/codec/event-leaf.ts'
import { merklePath, merkleRoot, rootOfPath } from '../../../src/codec/merkle.ts'
import { digest } from './batch-support.ts'

/** Made by another implementation. */
const LEAF = '108ae22becc016fed02243cf711aa9fca86fe3913a02cfa053cea5d6ba6520b8'
const ROOT = '9d6497026ff214da1844e0856ae28302dba801151bbe3ac588969df14675c32b'

describe('hashes', () => {
  test('LeafHasher.hash() of a known event, and the tree over it', () => {
    const event = {
      partition: 0,
      offset: 7,
      id: 'l-0-7',
      kind: 'K',
      entity: 'e',
      at: -1,
      recordedAt: 5,
      data: { a: 1.5 },
    }
    const bytes: string[] = []
    const noted = (input: Uint8Array) => {
      bytes.push(toHex(input))
      return input
    }
    const spy: Digest = { ...digest, sha256: (input) => digest.sha256(noted(input)) }
    const leaf = new LeafHasher(spy).hash(leafValue(event, { lineage: 'l', idempotencyKey: undefined }))
    const key = (name: string) => (0xc0 + name.length).toString(16) + toHex(new TextEncoder().encode(name))
    const string = (name: string) => (0x80 + name.length).toString(16) + toHex(new TextEncoder().encode(name))
    expect(bytes).toEqual([
      [
        '00',
        '59',
        key('lineage') + string('l'),
        `${key('partition')}60`,
        `${key('offset')}67`,
        key('id') + string('l-0-7'),
        key('kind') + string('K'),
        key('entity') + string('e'),
        `${key('at')}0400`,
        `${key('recordedAt')}65`,
        `${key('data')}51${key('a')}16010f`,
      ].join(''),
    ])
    expect(toHex(leaf)).toBe(LEAF)
    expect(toHex(merkleRoot([leaf], digest))).toBe(toHex(leaf))
    expect(toHex(merkleRoot([leaf, leaf, leaf], spy))).toBe(ROOT)
    expect(bytes.slice(1).map((input) => input.slice(0, 2))).toEqual(['01', '01'])
  })

  test('merkleRoot() is that of RFC 6962, and rootOfPath() finds it from every leaf', () => {
    const leaves = Array.from({ length: 40 }, (_, i) => digest.sha256(Uint8Array.of(i)))
    const recursive = (of: Uint8Array[]): Uint8Array => {
      if (of.length === 1) return of[0] as Uint8Array
      let half = 1
      while (half * 2 < of.length) half *= 2
      return digest.sha256(Uint8Array.of(1, ...recursive(of.slice(0, half)), ...recursive(of.slice(half))))
    }
    for (let count = 1; count <= leaves.length; count++) {
      const some = leaves.slice(0, count)
      const root = toHex(merkleRoot(some, digest))
      expect(root).toBe(toHex(recursive(some)))
      for (const [index, leaf] of some.entries()) {
        const path = merklePath(some, index, digest)
        const from = (place: { index: number; leaves: number }) => {
          const found = rootOfPath({ leaf, ...place }, path, digest)
          return found && toHex(found)
        }
        expect(from({ index, leaves: count })).toBe(root)
        for (const other of some.keys())
          if (other !== index) expect(from({ index: other, leaves: count })).not.toBe(root)
        const node = path[0]
        if (node !== undefined) {
          path[0] = new Uint8Array(HASH_BYTES)
          expect(from({ index, leaves: count })).not.toBe(root)
          path[0] = node
        }
        path.push(leaf)
        expect(from({ index, leaves: count })).toBeUndefined()
      }
    }
  })
})
