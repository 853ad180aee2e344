/** Checking the key pages of a document against the objects that they are of.
 * @module */
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import { BLOCK_RAW_BYTES } from '../blocks.ts'
import type { DocumentIndex } from '../index/document-index.ts'
import { hashIntKey, hashKey, readLeaf, readRunHeader } from '../index/key-pages.ts'
import type { Scanner } from '../read/scanner.ts'
import type { Reading } from '../read/window.ts'

/** The rows of key pages, or the keys of an object: how many, and a sum in which their order does not matter. */
interface Rows {
  keys: number
  sum: number
}

/** Read all runs of all objects that the index names: they must have each key of their object, with its hash and its
 * place, and nothing else. Cost: a pass over those objects, without memory for their keys.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* checkKeyPages(scanner: Scanner, index: DocumentIndex): Reading<void> {
  const { items } = index
  for (let item = 0; item < items.count; item++) {
    const newest = items.pages[item] as number
    if (newest === 0) continue
    const found = yield* rowsOfRuns(scanner, newest)
    const object = { start: items.addresses[item] as number, keys: index.keys }
    const wanted = yield* rowsOfObject(scanner, object)
    if (found.keys !== wanted.keys) throw differs('key pages of another number of keys', newest - 1)
    if (found.sum !== wanted.sum) throw differs('key pages of other keys', newest - 1)
  }
}

function* rowsOfRuns(scanner: Scanner, newest: number): Reading<Rows> {
  const rows = { keys: 0, sum: 0 }
  for (let run = newest; run > 0; ) {
    const header = readRunHeader(yield* block(scanner, run - 1), run - 1)
    for (let leaf = 0; leaf < header.leaves; leaf++) {
      const { hashes, addresses } = readLeaf(yield* block(scanner, run - 1 + header.directoryBlocks + leaf))
      for (let row = 0; row < hashes.length; row++) addRow(rows, hashes[row] as number, addresses[row] as number)
    }
    run = header.previousRun
  }
  return rows
}

function* rowsOfObject(scanner: Scanner, object: { start: number; keys: readonly string[] }): Reading<Rows> {
  const rows = { keys: 0, sum: 0 }
  const buffer = new ValueBuffer()
  if (!scanner.seek(object.start)) yield
  while (scanner.peek() < 0) yield
  scanner.enter()
  for (;;) {
    while (scanner.peek() < 0) yield
    if (scanner.atEnd()) return rows
    const address = scanner.behind
    let key = scanner.readKey(object.keys)
    while (key === undefined) {
      yield
      while (scanner.peek() < 0) yield
      key = scanner.readKey(object.keys)
    }
    addRow(rows, hashOf(key, buffer), address)
    scanner.beginSkip(1)
    while (!scanner.skipValue()) yield
  }
}

function hashOf(key: string | number, buffer: ValueBuffer): number {
  if (typeof key === 'number') return hashIntKey(key)
  buffer.length = 0
  buffer.ensure(key.length * 3)
  if (key.isWellFormed()) buffer.length = buffer.utf8(key, 0)
  else buffer.wtf8(key)
  return hashKey(buffer.bytes, 0, buffer.length)
}

/** What is added differs for every hash at one address, and is mixed so that hashes at each other's address show. */
function addRow(rows: Rows, hash: number, address: number): void {
  let mixed = hash ^ Math.imul(address | 0, 0x9e3779b1) ^ Math.floor(address / 2 ** 32)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  rows.keys++
  rows.sum = (rows.sum + (mixed ^ (mixed >>> 16))) | 0
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
