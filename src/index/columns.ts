/** Columns of whole numbers as a checkpoint stores them: `[form, base, step, bytes]`.
 *
 * | form | value of row i |
 * |---|---|
 * | 0 | `base + step * i`; no bytes |
 * | 1, 2, 4 | `base` + the i-th unsigned little-endian integer of 1, 2 or 4 bytes |
 * | 8 | the i-th little-endian IEEE double (base and step are 0) |
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { viewOf } from '../codec/bytes.ts'
import { VarveError } from '../errors.ts'

export type StoredColumn = readonly [form: number, base: number, step: number, bytes: Uint8Array]

const NOTHING = new Uint8Array(0)
const WIDTHS = [
  [1, 0xff],
  [2, 0xffff],
  [4, 0xffff_ffff],
] as const

/** Store numbers in the smallest form that keeps them. */
export function storeColumn(values: ArrayLike<number>): StoredColumn {
  const { length } = values
  const first = length > 0 ? (values[0] as number) : 0
  const step = length > 1 ? (values[1] as number) - first : 0
  let linear = true
  let least = first
  let most = first
  for (let i = 0; i < length; i++) {
    const value = values[i] as number
    if (value !== first + step * i) linear = false
    if (value < least) least = value
    if (value > most) most = value
  }
  if (linear) return [0, first, step, NOTHING]
  for (const [width, highest] of WIDTHS) {
    if (most - least <= highest) return [width, least, 0, storeWidth(values, least, width)]
  }
  const bytes = new Uint8Array(length * 8)
  const view = viewOf(bytes)
  for (let i = 0; i < length; i++) view.setFloat64(i * 8, values[i] as number, true)
  return [8, 0, 0, bytes]
}

function storeWidth(values: ArrayLike<number>, base: number, width: 1 | 2 | 4): Uint8Array {
  const bytes = new Uint8Array(values.length * width)
  const view = viewOf(bytes)
  for (let i = 0; i < values.length; i++) {
    const value = (values[i] as number) - base
    if (width === 1) bytes[i] = value
    else if (width === 2) view.setUint16(i * 2, value, true)
    else view.setUint32(i * 4, value, true)
  }
  return bytes
}

/** Read a column of `length` rows. @throws {VarveError} `DECODE_FAILED` when it is not one. */
export function loadColumn(stored: unknown, length: number, name: string): number[] {
  const refuse = () =>
    new VarveError('DECODE_FAILED', `Cannot read column "${name}"`, { details: { reason: `column ${name}` } })
  if (!Array.isArray(stored) || stored.length !== 4) throw refuse()
  const [form, base, step, bytes] = stored as unknown[]
  if (typeof base !== 'number' || typeof step !== 'number' || !(bytes instanceof Uint8Array)) throw refuse()
  const values = new Array<number>(length)
  if (form === 0) {
    for (let i = 0; i < length; i++) values[i] = base + step * i
    return values
  }
  if ((form !== 1 && form !== 2 && form !== 4 && form !== 8) || bytes.length !== length * form) throw refuse()
  const view = viewOf(bytes)
  for (let i = 0; i < length; i++) {
    if (form === 1) values[i] = base + view.getUint8(i)
    else if (form === 2) values[i] = base + view.getUint16(i * 2, true)
    else values[i] = form === 4 ? base + view.getUint32(i * 4, true) : view.getFloat64(i * 8, true)
  }
  return values
}
