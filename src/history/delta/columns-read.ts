/** Reading columns of numbers. Their forms are in columns.ts.
 * @module */
import { scaledNumber } from '../../codec/structural-write.ts'
import type { VarveError } from '../../errors.ts'
import { COLUMN, SCALE_MAX, SEED_BITS } from './columns.ts'
import { REPEAT_MAX, unzigzag } from './tokens.ts'

/** Where columns are read from. */
export interface ColumnSource {
  readonly remaining: number
  u8(): number
  varint(): number
  raw(sizeBytes: number): Uint8Array
  /** One event: a number or a bigint. */
  number(): number | bigint
  damaged(found: string): VarveError
}

/** @returns positions, ascending. @throws {VarveError} `DECODE_FAILED`. */
export function readPositions(source: ColumnSource): number[] {
  const positions = readTokens(source, readCount(source))
  let before = -1
  for (const [at, step] of positions.entries()) {
    before += step + 1
    if (!Number.isSafeInteger(before)) throw source.damaged('a position that is none')
    positions[at] = before
  }
  return positions
}

/** @throws {VarveError} `DECODE_FAILED`. */
export function readValues(source: ColumnSource): (number | bigint)[] | BigUint64Array {
  const count = readCount(source)
  return readColumn(source, count, source.u8())
}

/** No byte stands for more than a repeat. */
function readCount(source: ColumnSource): number {
  const count = source.varint()
  if (count > source.remaining * REPEAT_MAX) throw source.damaged('a count past the end')
  return count
}

function readColumn(source: ColumnSource, count: number, kind: number): (number | bigint)[] | BigUint64Array {
  if (kind === COLUMN.table) return readTable(source, count)
  if (kind === COLUMN.bits) return readPlanes(source, count)
  if (kind === COLUMN.floats) return [...new Float64Array(readPlanes(source, count).buffer)]
  if (kind === COLUMN.mixed) {
    if (count > source.remaining) throw source.damaged('a count past the end')
    return Array.from({ length: count }, () => source.number())
  }
  if (kind > COLUMN.table) throw source.damaged('a column of no kind')
  if (kind < COLUMN.bigints) return readIntegers(source, count, kind - COLUMN.integers)
  if (kind < COLUMN.scaled) return readBigints(source, count, kind - COLUMN.bigints)
  if (kind >= COLUMN.signed) return BigUint64Array.from(readBigints(source, count, kind - COLUMN.signed))
  const e = source.u8()
  if (e < 1 || e > SCALE_MAX) throw source.damaged('a fraction that is none')
  return readIntegers(source, count, kind - COLUMN.scaled).map((m) => scaledNumber(m, e))
}

function readPlanes(source: ColumnSource, count: number): BigUint64Array {
  const mask = source.u8()
  if (mask === 0 || count > source.remaining) throw source.damaged('planes that are none')
  const values = new BigUint64Array(count)
  const view = new DataView(values.buffer)
  const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
  for (let plane = 0; plane < 8; plane++) {
    if ((mask & (1 << plane)) === 0) continue
    const bytes = source.raw(count)
    const first = isLittle ? plane : 7 - plane
    for (let at = 0; at < count; at++) view.setUint8(at * 8 + first, bytes[at] as number)
  }
  return values
}

function readIntegers(source: ColumnSource, count: number, times: number): number[] {
  const seeds = readSeeds(source, times, count) as number[]
  if (!seeds.every((seed) => Number.isSafeInteger(seed))) throw source.damaged('a seed of another kind')
  let values = readTokens(source, count - times).map(unzigzag)
  for (const seed of seeds.reverse()) {
    let value = seed
    values = [seed, ...values.map((step) => (value += step))]
  }
  if (times > 0 && !values.every((value) => Number.isSafeInteger(value))) throw source.damaged('a sum past 2^53')
  return values
}

function readBigints(source: ColumnSource, count: number, times: number): bigint[] {
  const seeds = readSeeds(source, times, count) as bigint[]
  if (!seeds.every(isSeed)) throw source.damaged('a seed of another kind')
  let values = readTokens(source, count - times).map((token) => BigInt(unzigzag(token)))
  for (const seed of seeds.reverse()) {
    let value = seed
    values = [seed, ...values.map((step) => (value += step))]
  }
  return values
}

function isSeed(seed: unknown): boolean {
  return typeof seed === 'bigint' && BigInt.asIntN(SEED_BITS, seed) === seed
}

function readSeeds(source: ColumnSource, times: number, count: number): (number | bigint)[] {
  if (times > count) throw source.damaged('a column without its beginning')
  return Array.from({ length: times }, () => source.number())
}

function readTable(source: ColumnSource, count: number): (number | bigint)[] | BigUint64Array {
  const size = source.u8() + 1
  const kind = source.u8()
  if (kind === COLUMN.table) throw source.damaged('a table in a table')
  const entries = readColumn(source, size, kind)
  const indexes = readTokens(source, count)
  if (!indexes.every((index) => index < size)) throw source.damaged('an entry that the table lacks')
  if (entries instanceof BigUint64Array) return BigUint64Array.from(indexes, (index) => entries[index] as bigint)
  return indexes.map((index) => entries[index] as number | bigint)
}

function readTokens(source: ColumnSource, count: number): number[] {
  const tokens: number[] = []
  while (tokens.length < count) {
    const head = source.varint()
    const length = Math.floor(head / 2) + 1
    if (tokens.length + length > count) throw source.damaged('a group past the end of its column')
    if (head % 2 === 1) {
      if (length > REPEAT_MAX) throw source.damaged('a repeat past the limit')
      const token = source.varint()
      for (let left = length; left > 0; left--) tokens.push(token)
    } else for (let left = length; left > 0; left--) tokens.push(source.varint())
  }
  return tokens
}
