/** Columns of numbers in deltas: many numbers of one kind in few bytes, of which most are like the one before.
 *
 * A column of values is a varint count n, a byte for its kind, and
 *
 * | kind | values | bytes |
 * |---|---|---|
 * | 0 | numbers and bigints | n events of structural codes |
 * | 1 | bits | planes: a byte with a bit for each of the 8 bytes of a u64 that is not 0 everywhere, then, for each of these, lowest first, that byte of all values |
 * | 2 | numbers | the bits of their f64, as kind 1 |
 * | 3 to 5 | whole numbers | differences, taken 0 to 2 times |
 * | 6 to 8 | bigints | differences, taken 0 to 2 times |
 * | 9 to 11 | numbers m / 10^e | a byte e, 1 to 8; differences of m, taken 0 to 2 times |
 * | 12 to 14 | bits, as i64 | differences, taken 0 to 2 times |
 * | 15 | any of which there are few | varint numbers of entries less 1; a column of them of another kind; whole numbers as kind 3: which one each value is |
 *
 * Differences taken d times begin with d events: the first value, the first difference. Then groups for the others: a
 * varint (count - 1) x 2, and so many varints; or a varint (count - 1) x 2 + 1, and one varint that counts so many
 * times, 256 at most. The varints are zigzag. A column of positions is a varint count, and groups for the difference
 * of each to the one before, less 1.
 * @module */
import { scaledNumber, writeBigint, writeNumber } from '../codec/structural-write.ts'
import type { ValueBuffer } from '../codec/value-buffer.ts'

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

/** How often one varint counts: a byte of a delta stands for so many values at most, and no few bytes for millions. */
export const REPEAT_MAX = 256
/** Of n x 2 and -n x 2 - 1. */
const TOKEN_MAX = 2 ** 52
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

/** Zigzag, where all are small enough. */
function toTokens(values: readonly (number | bigint)[]): number[] | undefined {
  const tokens: number[] = []
  for (const value of values) {
    const number = Number(value)
    if (!(number < TOKEN_MAX / 2 && number > -TOKEN_MAX / 2)) return undefined
    tokens.push(number < 0 ? -number * 2 - 1 : number * 2)
  }
  return tokens
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
  return Math.abs(m) < TOKEN_MAX / 8 && scaledNumber(m, e) === value && !Object.is(m, -0)
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

/** How many of `tokens` from `at` on are the same. */
function repeats(tokens: readonly number[], at: number): number {
  let end = at + 1
  const most = Math.min(tokens.length, at + REPEAT_MAX)
  while (end < most && tokens[end] === tokens[at]) end++
  return end - at
}

/** Where the group of different tokens ends that begins at `at`. */
function literalsEnd(tokens: readonly number[], at: number): number {
  let end = at
  while (end < tokens.length && !(tokens[end] === tokens[end + 1] && tokens[end] === tokens[end + 2])) end++
  return end
}

function writeTokens(out: ValueBuffer, tokens: readonly number[]): void {
  for (let at = 0; at < tokens.length; ) {
    const end = literalsEnd(tokens, at)
    if (end === at) {
      const count = repeats(tokens, at)
      out.varint((count - 1) * 2 + 1)
      out.varint(tokens[at] as number)
      at += count
      continue
    }
    out.varint((end - at - 1) * 2)
    for (; at < end; at++) out.varint(tokens[at] as number)
  }
}

function tokensSize(tokens: readonly number[]): number {
  let sizeBytes = 0
  for (let at = 0; at < tokens.length; ) {
    const end = literalsEnd(tokens, at)
    if (end === at) {
      sizeBytes += 2 + varintSize(tokens[at] as number)
      at += repeats(tokens, at)
      continue
    }
    sizeBytes += 2
    for (; at < end; at++) sizeBytes += varintSize(tokens[at] as number)
  }
  return sizeBytes
}

function varintSize(value: number): number {
  let sizeBytes = 1
  for (let rest = value; rest >= 0x80; rest /= 0x80) sizeBytes++
  return sizeBytes
}
