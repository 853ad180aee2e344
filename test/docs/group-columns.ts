/** Columns of numbers in deltas for a reader that knows src/FORMAT.md and none of the product's code.
 * @module */
import { check } from './document-events.ts'
import { type Bytes, scalar, unzigzag } from './group-bytes.ts'

type Numbers = (number | bigint)[]

/** Kinds of columns that were read, for tests. */
export const columnKinds = new Set<number>()

export function readPositions(from: Bytes): number[] {
  let before = -1
  return readStretches(from, from.varint()).map((step) => (before += step + 1))
}

export function readValues(from: Bytes): Numbers {
  const count = from.varint()
  return readColumn(from, count, from.u8())
}

function readColumn(from: Bytes, count: number, kind: number): Numbers {
  columnKinds.add(kind)
  if (kind === 0) return Array.from({ length: count }, () => numberOf(from))
  if (kind === 1) return readPlanes(from, count)
  if (kind === 2) return readPlanes(from, count).map(floatOf)
  if (kind < 6) return readWhole(from, count, kind - 3)
  if (kind < 9) return readBigints(from, count, kind - 6)
  if (kind < 12) {
    const power = Number(`1e${from.u8()}`)
    return readWhole(from, count, kind - 9).map((m) => m / power)
  }
  if (kind < 15) return readBigints(from, count, kind - 12).map((value) => BigInt.asUintN(64, value))
  check(kind === 15, 'a kind of column')
  const entries = from.u8() + 1
  const inner = from.u8()
  check(inner !== 15, 'no table in a table')
  const values = readColumn(from, entries, inner)
  return readStretches(from, count).map((entry) => {
    check(entry < entries, 'an entry')
    return values[entry] as number | bigint
  })
}

function numberOf(from: Bytes): number | bigint {
  const value = scalar(from, from.u8())
  check(typeof value === 'number' || typeof value === 'bigint', 'a number')
  return value as number | bigint
}

function floatOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

function readPlanes(from: Bytes, count: number): bigint[] {
  const mask = from.u8()
  check(mask > 0, 'a plane')
  const values = Array.from({ length: count }, () => 0n)
  for (let plane = 0; plane < 8; plane++) {
    if ((mask & (1 << plane)) === 0) continue
    for (const [at, byte] of from.slice(count).entries()) {
      values[at] = (values[at] as bigint) + (BigInt(byte) << BigInt(plane * 8))
    }
  }
  return values
}

function readWhole(from: Bytes, count: number, times: number): number[] {
  const begins = Array.from({ length: times }, () => Number(numberOf(from)))
  let values = readStretches(from, count - times).map(unzigzag)
  for (const begin of begins.reverse()) {
    let sum = begin
    values = [begin, ...values.map((step) => (sum += step))]
  }
  return values
}

function readBigints(from: Bytes, count: number, times: number): bigint[] {
  const begins = Array.from({ length: times }, () => BigInt(numberOf(from)))
  let values = readStretches(from, count - times).map((token) => BigInt(unzigzag(token)))
  for (const begin of begins.reverse()) {
    let sum = begin
    values = [begin, ...values.map((step) => (sum += step))]
  }
  return values
}

function readStretches(from: Bytes, count: number): number[] {
  const numbers: number[] = []
  while (numbers.length < count) {
    const head = from.varint()
    const n = Math.floor(head / 2) + 1
    const repeated = head % 2 === 1 ? from.varint() : undefined
    for (let left = n; left > 0; left--) numbers.push(repeated ?? from.varint())
  }
  check(numbers.length === count, 'stretches of as many numbers')
  return numbers
}
