/** About what values and the parts of patches take when they are encoded: enough to choose the smaller of two.
 * @module */
import { DOCUMENT_LIMITS } from '../../document/write/output.ts'

/** A key by its number, or a short one. */
export const KEY_COST = 2
/** Where an edit, a run or a field begins, and what it is. */
export const PART_COST = 3

/** Bytes of a scalar that is no bytes and no date. */
export function scalarCost(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return value.length + (value.length < 32 ? 1 : 3)
    case 'number':
      return numberCost(value)
    case 'bigint':
      return bigintCost(value)
    default:
      return 1
  }
}

/** Bytes of a number, about. */
export function numberCost(value: number): number {
  if (!Number.isSafeInteger(value)) return Number.isInteger(value * 1_000) && Math.abs(value) < 1e6 ? 5 : 9
  const size = Math.abs(value)
  if (size < 0x20) return 1
  if (size < 0x80) return 2
  if (size < 0x4000) return 3
  return size < 0x1000_0000 ? 5 : 8
}

/** Bytes of a bigint, about. */
export function bigintCost(value: bigint): number {
  const size = value < 0n ? -value : value
  return size < 0x1_0000_0000_0000_0000n ? 2 + byteLength(size) : 4 + size.toString(16).length / 2
}

function byteLength(size: bigint): number {
  let bytes = 0
  for (let rest = Number(size); rest >= 1; rest /= 256) bytes++
  return bytes
}

/** Whether a value takes more than `limit` bytes. Cost: no more of the value than it takes to know. */
export function costsMore(value: unknown, limit: number): boolean {
  return costLeft(value, limit, 0) < 0
}

/** What is left of `limit`; negative as soon as it is passed. A value deeper than a document, which `toJSON` may hide,
 * passes every limit. */
function costLeft(value: unknown, limit: number, level: number): number {
  if (typeof value !== 'object' || value === null) return limit - scalarCost(value)
  let left = level > DOCUMENT_LIMITS.depth ? -1 : limit - 2
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && left >= 0; index++) left = costLeft(value[index], left, level + 1)
    return left
  }
  if (value instanceof Uint8Array) return left - value.length - 1
  if (value instanceof Date) return left - 7
  for (const key in value) {
    if (left < 0) break
    const field = (value as Record<string, unknown>)[key]
    if (field !== undefined) left = costLeft(field, left - KEY_COST, level + 1)
  }
  return left
}
