/** Hashes of values, for a reader that knows src/FORMAT.md and none of the product's code.
 * @module */
import { createHash } from 'node:crypto'

/** Hash and raw bytes of a value. */
export function contentOf(value: unknown): { hash: string; rawBytes: number } {
  const { term, rawBytes } = termOf(value)
  return { hash: sha(term).toString('hex'), rawBytes }
}

function sha(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, 16)
}

function termOf(value: unknown): { term: Uint8Array; rawBytes: number } {
  const isScalar = typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date
  if (isScalar) {
    const term = scalarOf(value)
    return { term, rawBytes: term.length }
  }
  const isArray = Array.isArray(value)
  const entries = Object.entries(value)
  const parts: Uint8Array[] = [Buffer.of(isArray ? 0x12 : 0x10, ...varint(entries.length))]
  let rawBytes = 2
  for (const [key, child] of entries) {
    const keyBytes = isArray ? Buffer.of() : textOf(key, { short: 0xc0, end: 32, long: 0x0c })
    const inner = termOf(child)
    parts.push(keyBytes, inner.term)
    rawBytes += keyBytes.length + inner.rawBytes
  }
  const whole = Buffer.concat(parts)
  return { term: whole.length > 64 ? Buffer.concat([Buffer.of(0x1e), sha(whole)]) : whole, rawBytes }
}

/** A scalar in its one structural form. */
function scalarOf(value: unknown): Buffer {
  if (value === null) return Buffer.of(0)
  if (typeof value === 'boolean') return Buffer.of(value ? 2 : 1)
  if (typeof value === 'number') return numberOf(value)
  if (typeof value === 'string') return textOf(value, { short: 0x80, end: 64, long: 0x06 })
  if (typeof value === 'bigint') return bigintOf(value)
  if (value instanceof Date) return Buffer.concat([Buffer.of(0x0b), f64(value.getTime())])
  const bytes = value as Uint8Array
  return Buffer.concat([Buffer.of(0x0a, ...varint(bytes.length)), bytes])
}

function numberOf(value: number): Buffer {
  if (Number.isNaN(value)) return Buffer.from('05000000000000f87f', 'hex')
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    if (value >= 0 && value < 32) return Buffer.of(0x60 + value)
    return value < 0 ? Buffer.of(0x04, ...varint(-1 - value)) : Buffer.of(0x03, ...varint(value))
  }
  const size = Math.abs(value)
  for (let e = 1; e <= 8; e++) {
    const m = Math.floor(size * 10 ** e + 0.5)
    if (m > 0 && m < 2 ** 49 && m / 10 ** e === size) return Buffer.of(value < 0 ? 0x17 : 0x16, e, ...varint(m))
  }
  return Buffer.concat([Buffer.of(0x05), f64(value)])
}

function f64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

function bigintOf(value: bigint): Buffer {
  const bytes: number[] = []
  for (let left = value < 0n ? -1n - value : value; left > 0n; left >>= 8n) bytes.push(Number(left & 255n))
  return Buffer.of(value < 0n ? 0x09 : 0x08, ...varint(bytes.length), ...bytes)
}

function textOf(text: string, code: { readonly short: number; readonly end: number; readonly long: number }): Buffer {
  const isWellFormed = !/[\ud800-\udfff]/u.test(text)
  const bytes = Buffer.concat(Array.from(text, characterOf))
  if (isWellFormed && bytes.length < code.end) return Buffer.concat([Buffer.of(code.short + bytes.length), bytes])
  return Buffer.concat([Buffer.of(code.long + (isWellFormed ? 0 : 1), ...varint(bytes.length)), bytes])
}

/** A code point in UTF-8, or a lone surrogate as if it were one. */
function characterOf(character: string): Buffer {
  const point = character.codePointAt(0) ?? 0
  const isLone = point >= 0xd800 && point < 0xe000
  return isLone
    ? Buffer.of(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
    : Buffer.from(character)
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let left = value
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128)
  return [...bytes, left]
}
