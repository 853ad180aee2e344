/** Checking the key pages of a document against the objects that they are of.
 * @module */
import { VarveError } from '../errors.ts'
import { BLOCK_RAW_BYTES } from './blocks.ts'
import type { DocumentIndex } from './document-index.ts'
import { readLeaf, readRunHeader } from './key-pages.ts'
import type { Scanner } from './scanner.ts'
import type { Reading } from './window.ts'

/** Read all runs of all objects that the index names: as many keys as the object has children, each in the object.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* checkKeyPages(scanner: Scanner, { items }: DocumentIndex): Reading<void> {
  for (let item = 0; item < items.count; item++) {
    const newest = items.pages[item] as number
    if (newest === 0) continue
    const start = items.addresses[item] as number
    let keys = 0
    for (let run = newest; run > 0; ) {
      const header = readRunHeader(yield* block(scanner, run - 1), run - 1)
      for (let leaf = 0; leaf < header.leaves; leaf++) {
        const { addresses } = readLeaf(yield* block(scanner, run - 1 + header.directoryBlocks + leaf))
        keys += addresses.length
        const isInside = addresses.every((address) => address > start && address < (run - 1) * BLOCK_RAW_BYTES)
        if (!isInside) throw differs('a key page with a key outside its object', run - 1)
      }
      run = header.previousRun
    }
    if (keys !== items.counts[item]) throw differs('key pages of another number of keys', newest - 1)
  }
}

function* block(scanner: Scanner, number: number): Reading<Uint8Array> {
  if (!scanner.seek(number * BLOCK_RAW_BYTES)) yield
  const { window } = scanner
  return window.bytes.slice(window.at, window.end)
}

function differs(found: string, number: number): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot follow the key pages of a document: found ${found}`, {
    details: { block: number, found },
  })
}
