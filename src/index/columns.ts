/** Columns of whole numbers as a checkpoint stores them: `[form, base, step, bytes]`.
 *
 * | form | value of row i |
 * |---|---|
 * | 0 | `base + step * i`; no bytes |
 * | 1, 2, 4 | `base` + the i-th unsigned little-endian integer of 1, 2 or 4 bytes |
 * | 17, 18, 20 | the value before (`base` for the first row) + `step` + the i-th integer of 1, 2 or 4 bytes |
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

/** Added to the width of a form whose values are differences. */
const SUMMED = 16

/** Store whole numbers in the smallest form that keeps them. */
export function storeColumn(values: ArrayLike<number>): StoredColumn {
  const { length } = values
  if (length === 0) return [0, 0, 0, NOTHING]
  const first = values[0] as number
  const differences = new Array<number>(length)
  differences[0] = length > 1 ? (values[1] as number) - first : 0
  for (let i = 1; i < length; i++) differences[i] = (values[i] as number) - (values[i - 1] as number)
  const range = rangeOf(values)
  const steps = rangeOf(differences)
  // Numbers further apart have differences that a double cannot hold.
  const exact = range.most - range.least <= Number.MAX_SAFE_INTEGER / 2
  if (exact && steps.least === steps.most) return [0, first, steps.least, NOTHING]
  const plain = widthOf(range)
  const summed = exact ? widthOf(steps) : undefined
  const base = first - (differences[0] as number)
  if (summed !== undefined && Number.isSafeInteger(base) && (plain === undefined || summed < plain)) {
    return [summed + SUMMED, base, steps.least, storeWidth(differences, steps.least, summed)]
  }
  if (plain !== undefined) return [plain, range.least, 0, storeWidth(values, range.least, plain)]
  const bytes = new Uint8Array(length * 8)
  const view = viewOf(bytes)
  for (let i = 0; i < length; i++) view.setFloat64(i * 8, values[i] as number, true)
  return [8, 0, 0, bytes]
}

type Width = 1 | 2 | 4

interface Range {
  readonly least: number
  readonly most: number
}

function rangeOf(values: ArrayLike<number>): Range {
  let least = values[0] as number
  let most = least
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number
    if (value < least) least = value
    if (value > most) most = value
  }
  return { least, most }
}

/** The bytes that the numbers of a range need above the least, or undefined when more than 4. */
function widthOf(range: Range): Width | undefined {
  return WIDTHS.find(([, highest]) => range.most - range.least <= highest)?.[0]
}

function storeWidth(values: ArrayLike<number>, base: number, width: Width): Uint8Array {
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
  const summed = form === 1 + SUMMED || form === 2 + SUMMED || form === 4 + SUMMED
  const width = summed ? form - SUMMED : form
  if ((width !== 1 && width !== 2 && width !== 4 && width !== 8) || bytes.length !== length * width) throw refuse()
  const view = viewOf(bytes)
  let before = base
  for (let i = 0; i < length; i++) {
    const value = loadWidth(view, i, width)
    if (summed) before += step + value
    values[i] = summed ? before : base + value
  }
  return values
}

function loadWidth(view: DataView, row: number, width: Width | 8): number {
  if (width === 1) return view.getUint8(row)
  if (width === 2) return view.getUint16(row * 2, true)
  return width === 4 ? view.getUint32(row * 4, true) : view.getFloat64(row * 8, true)
}
