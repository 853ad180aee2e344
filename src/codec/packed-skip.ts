/** Going past packed values without making them: for readers that want one row of a block.
 * @module */
import { VarveError } from '../errors.ts'

/** Bytes behind the code of a value of fixed size, by code from 0xc0 on; -1: it is not of fixed size. */
const FIXED = [
  0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, -1, -1, -1, 9, -1, -1, -1, -1, -1, -1, -1, -1,
] as const

/** Where a value ends. Cost: a few nanoseconds for each value in it, without recursion.
 * @param fields number of fields of each record shape.
 * @throws {VarveError} `DECODE_FAILED`. */
export function packedEnd(bytes: Uint8Array, start: number, fields: readonly number[]): number {
  let at = start
  for (let left = 1; left > 0; left--) {
    const code = bytes[at++]
    if (code === undefined) throw cutShort()
    if (code < 0x40 || code >= 0xe0) continue
    if (code < 0x80) {
      const id = code < 0x60 ? code - 0x40 : code - 0x40 + (bytes[at++] ?? 0) * 32
      const count = fields[id]
      if (count === undefined) throw new VarveError('DECODE_FAILED', `Cannot decode packed values: no shape ${id}`)
      left += count
    } else if (code < 0x90) left += (code - 0x80) * 2
    else if (code < 0xa0) left += code - 0x90
    else if (code < 0xc0) at += code - 0xa0
    else {
      const fixed = FIXED[code - 0xc0] as number
      if (fixed >= 0) at += fixed
      else {
        const { items, end } = variable(bytes, at, code)
        left += items
        at = end
      }
    }
    // A container cannot have more values than there are bytes: hostile counts end here.
    if (at > bytes.length || left - 1 > bytes.length - at) throw cutShort()
  }
  return at
}

/** Texts, bytes, arrays and maps with a length behind their code. */
function variable(bytes: Uint8Array, at: number, code: number): { items: number; end: number } {
  const one = bytes[at] ?? 0
  const two = one * 256 + (bytes[at + 1] ?? 0)
  const four = two * 65_536 + (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0)
  switch (code) {
    case 0xc4:
    case 0xd9:
      return { items: 0, end: at + 1 + one }
    case 0xc5:
    case 0xda:
      return { items: 0, end: at + 2 + two }
    case 0xc6:
    case 0xdb:
      return { items: 0, end: at + 4 + four }
    case 0xdc:
      return { items: two, end: at + 2 }
    case 0xdd:
      return { items: four, end: at + 4 }
    case 0xde:
      return { items: two * 2, end: at + 2 }
    case 0xdf:
      return { items: four * 2, end: at + 4 }
    default:
      throw new VarveError('DECODE_FAILED', `Cannot decode packed values: 0x${code.toString(16)} is no code of ours`)
  }
}

function cutShort(): VarveError {
  return new VarveError('DECODE_FAILED', 'Cannot decode packed values: a value is cut short')
}
