/** Columns of numbers in deltas: many numbers of one kind in few bytes, of which most are like the one before.
 *
 * A column of values is a varint count n, a byte for its kind, and
 *
 * | kind | values | bytes |
 * |---|---|---|
 * | 0 | numbers and bigints | n events of structural codes |
 * | 1 | bits | planes |
 * | 2 | numbers | the bits of their f64, as kind 1 |
 * | 3 to 5 | whole numbers | differences, taken 0 to 2 times |
 * | 6 to 8 | bigints | differences, taken 0 to 2 times |
 * | 9 to 11 | numbers m / 10^e | a byte e, 1 to 8; differences of m, taken 0 to 2 times |
 * | 12 to 14 | bits, as i64 | differences, taken 0 to 2 times |
 * | 15 | any of which there are few | a byte: entries less 1; their kind and bytes; groups: which entry each value is |
 *
 * Planes begin with a byte that has a bit for each of the 8 bytes of a u64 that is not 0 in all values. For each of
 * these, lowest first, comes that byte of all values.
 *
 * Differences taken d times begin with d events: the first value, the first difference. Then groups for the others: a
 * varint (count - 1) x 2, and so many varints; or a varint (count - 1) x 2 + 1, and one varint that counts so many
 * times, 256 at most. Differences are zigzag. A column of positions is a varint count, and groups for the difference of
 * each to the one before, less 1.
 * @module */
import { scaledNumber, writeBigint, writeNumber } from '../../codec/structural-write.ts'
import type { ValueBuffer } from '../../codec/value-buffer.ts'
import { tokensSize, toTokens, varintSize, writeTokens } from './tokens.ts'

/** Of columns; those of differences go on to + 2. */
export const COLUMN = {
  mixed: 0,
  bits: 1,
  floats: 2,
  integers: 3,
  bigints: 6,
  scaled: 9,
  signed: 12,
  table: 15,
} as const

/** Of the m of fractions: what has more is written as f64. */
const SCALED_MAX = 2 ** 49
export const SCALE_MAX = 8
/** Differences of larger bigints are not taken: every sum would be as large as they are. */
export const SEED_BITS = 128
const ENTRIES_MAX = 256
/** Shorter columns are not worth a table. */
const TABLE_MIN = 8

type Values = readonly (number | bigint)[] | BigUint64Array

/** One way to write a column. */
interface Plan {
  readonly sizeBytes: number
  write(out: ValueBuffer): void
}

/** Ascending. */
export function writePositions(out: ValueBuffer, positions: readonly number[]): void {
  out.varint(positions.length)
  writeTokens(
    out,
    positions.map((position, at) => position - (positions[at - 1] ?? -1) - 1),
  )
}

/** Write a column in the shortest form. */
export function writeValues(out: ValueBuffer, values: Values): void {
  out.varint(values.length)
  shortest(values).write(out)
}

function shortest(values: Values): Plan {
  let best = values instanceof BigUint64Array ? planPlanes(COLUMN.bits, values) : planMixed(values)
  for (const plan of morePlans(values)) if (plan !== undefined && plan.sizeBytes < best.sizeBytes) best = plan
  return best
}

function* morePlans(values: Values): Generator<Plan | undefined> {
  yield planTable(values)
  if (values instanceof BigUint64Array) {
    yield planDifferences(
      COLUMN.signed,
      Array.from(values, (value) => BigInt.asIntN(64, value)),
    )
    return
  }
  if (values.every((value) => typeof value === 'bigint')) yield planDifferences(COLUMN.bigints, values)
  if (!values.every((value) => typeof value === 'number')) return
  if (values.every(isWhole)) yield planDifferences(COLUMN.integers, values)
  else {
    yield planScaled(values)
    yield planPlanes(COLUMN.floats, bitsOf(values))
  }
}

/** What whole numbers are: -0 is none. */
function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0)
}

function bitsOf(values: readonly number[]): BigUint64Array {
  return new BigUint64Array(Float64Array.from(values).buffer)
}

function planMixed(values: readonly (number | bigint)[]): Plan {
  let sizeBytes = 1
  for (const value of values) sizeBytes += typeof value === 'bigint' ? bigintSize(value) : numberSize(value)
  return {
    sizeBytes,
    write(out) {
      out.byte(COLUMN.mixed)
      for (const value of values) writeEvent(out, value)
    },
  }
}

function writeEvent(out: ValueBuffer, value: number | bigint): void {
  if (typeof value === 'bigint') writeBigint(out, value)
  else writeNumber(out, value)
}

/** About; what has a fraction counts as an f64. */
function numberSize(value: number): number {
  return isWhole(value) ? 1 + varintSize(Math.abs(value)) : 9
}

function bigintSize(value: bigint): number {
  return 2 + (value.toString(16).length >> 1)
}

function planPlanes(kind: number, values: BigUint64Array): Plan {
  let all = 0n
  for (const value of values) all |= value
  let mask = 0
  for (let plane = 0; plane < 8; plane++) if (((all >> BigInt(plane * 8)) & 0xffn) !== 0n) mask |= 1 << plane
  // Every value takes a byte at least.
  if (mask === 0) mask = 1
  let planes = 0
  for (let bits = mask; bits > 0; bits >>= 1) planes += bits & 1
  return {
    sizeBytes: 2 + planes * values.length,
    write(out) {
      out.byte(kind)
      out.byte(mask)
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
      out.ensure(planes * values.length)
      for (let plane = 0; plane < 8; plane++) {
        if ((mask & (1 << plane)) === 0) continue
        for (let at = isLittle ? plane : 7 - plane; at < bytes.length; at += 8) {
          out.bytes[out.length++] = bytes[at] as number
        }
      }
    },
  }
}

/** Differences as often as makes them shortest. */
function planDifferences(kind: number, values: readonly (number | bigint)[]): Plan | undefined {
  let best: Plan | undefined
  const first: (number | bigint)[] = []
  let rest: readonly (number | bigint)[] = values
  for (let times = 0; times <= 2 && rest.length > 0; times++) {
    const tokens = toTokens(rest)
    const seeds = first.slice()
    const sizeBytes = 1 + seedsSize(seeds) + (tokens === undefined ? 0 : tokensSize(tokens))
    if (tokens !== undefined && (best === undefined || sizeBytes < best.sizeBytes)) {
      best = {
        sizeBytes,
        write(out) {
          out.byte(kind + seeds.length)
          for (const seed of seeds) writeEvent(out, seed)
          writeTokens(out, tokens)
        },
      }
    }
    const seed = rest[0] as number | bigint
    if (typeof seed === 'bigint' && BigInt.asIntN(SEED_BITS, seed) !== seed) break
    first.push(seed)
    rest = differences(rest)
  }
  return best
}

function seedsSize(seeds: readonly (number | bigint)[]): number {
  let sizeBytes = 0
  for (const seed of seeds) sizeBytes += typeof seed === 'bigint' ? bigintSize(seed) : numberSize(seed)
  return sizeBytes
}

/** Of numbers, or of bigints. */
function differences(values: readonly (number | bigint)[]): readonly (number | bigint)[] {
  return values.slice(1).map((value, at) => subtract(value, values[at] as number | bigint))
}

function subtract(a: number | bigint, b: number | bigint): number | bigint {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a - b : Number(a) - Number(b)
}

/** m / 10^e, with one e for all. */
function planScaled(values: readonly number[]): Plan | undefined {
  const e = scaleOf(values)
  if (e === undefined) return undefined
  const power = 10 ** e
  const plan = planDifferences(
    COLUMN.integers,
    values.map((value) => Math.round(value * power)),
  )
  if (plan === undefined) return undefined
  const { sizeBytes, write } = plan
  return {
    sizeBytes: sizeBytes + 1,
    write(out) {
      const at = out.length
      write(out)
      const kind = (out.bytes[at] as number) - COLUMN.integers + COLUMN.scaled
      out.byte(0)
      out.bytes.copyWithin(at + 2, at + 1, out.length - 1)
      out.bytes[at] = kind
      out.bytes[at + 1] = e
    },
  }
}

/** The least power of ten with which all of them are whole. */
function scaleOf(values: readonly number[]): number | undefined {
  let e = 1
  for (const value of values) {
    if (Object.is(value, -0)) return undefined
    while (!isScaled(value, e)) if (++e > SCALE_MAX) return undefined
  }
  // Numbers of less scale stay exact with more of it, or the column is not of this kind.
  return values.every((value) => isScaled(value, e)) ? e : undefined
}

function isScaled(value: number, e: number): boolean {
  const m = Math.round(value * 10 ** e)
  return Math.abs(m) < SCALED_MAX && scaledNumber(m, e) === value && !Object.is(m, -0)
}

/** Few values that come often. */
function planTable(values: Values): Plan | undefined {
  if (values.length < TABLE_MIN) return undefined
  const numbers = new Map<unknown, number>()
  const entries: (number | bigint)[] = []
  const indexes: number[] = []
  for (const value of values) {
    // A map takes -0 for 0.
    const key = Object.is(value, -0) ? '-0' : value
    let number = numbers.get(key)
    if (number === undefined) {
      if (entries.length === Math.min(ENTRIES_MAX, values.length >> 1)) return undefined
      number = entries.push(value) - 1
      numbers.set(key, number)
    }
    indexes.push(number)
  }
  const entriesPlan = shortest(values instanceof BigUint64Array ? BigUint64Array.from(entries as bigint[]) : entries)
  return {
    sizeBytes: 2 + entriesPlan.sizeBytes + tokensSize(indexes),
    write(out) {
      out.byte(COLUMN.table)
      out.byte(entries.length - 1)
      entriesPlan.write(out)
      writeTokens(out, indexes)
    },
  }
}
