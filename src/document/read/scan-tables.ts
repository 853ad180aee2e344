/** What a scan has to know of each code of structural events.
 * @module */
import { CODE, SHORT } from '../../codec/structural-codes.ts'

/** What follows a code. */
export const FOLLOWS = {
  /** So many bytes as the code says. */
  known: 0,
  varint: 1,
  /** Varint, and so many bytes. */
  sized: 2,
  /** A byte, and a varint. */
  scaled: 3,
  shortKey: 4,
  keyNumber: 5,
  sizedKey: 6,
  varintKey: 7,
  begin: 8,
  end: 9,
  children: 10,
  keyPages: 11,
  invalid: 12,
} as const

/** By code: one of `FOLLOWS`. */
export const CLASSES = classes()
/** By code: bytes of the whole event, code included; 0 where the code alone does not tell. */
export const EVENT_BYTES = eventBytes()
/** By code: by how much the event changes the number of values that are to come. */
export const CHANGES = changes()

function classes(): Uint8Array {
  const table = new Uint8Array(256).fill(FOLLOWS.invalid)
  const set = (codes: readonly number[], follows: number) => {
    for (const code of codes) table[code] = follows
  }
  set([CODE.null, CODE.false, CODE.true, CODE.undefined, CODE.float, CODE.timestamp], FOLLOWS.known)
  set([CODE.int, CODE.negativeInt], FOLLOWS.varint)
  set([CODE.string, CODE.string + 1, CODE.bigint, CODE.negativeBigint, CODE.binary, CODE.decimal], FOLLOWS.sized)
  set([CODE.scaled, CODE.negativeScaled], FOLLOWS.scaled)
  set([CODE.key, CODE.key + 1, CODE.newKey], FOLLOWS.sizedKey)
  set([CODE.keyNumber, CODE.intKey, CODE.negativeIntKey], FOLLOWS.varintKey)
  set([CODE.beginObject, CODE.beginArray], FOLLOWS.begin)
  set([CODE.endObject, CODE.endArray], FOLLOWS.end)
  set([CODE.keyPages], FOLLOWS.keyPages)
  table.fill(FOLLOWS.children, CODE.shortArray, CODE.shortInt)
  table.fill(FOLLOWS.known, CODE.shortInt, CODE.shortKey)
  table.fill(FOLLOWS.shortKey, CODE.shortKey, CODE.shortKeyNumber)
  table.fill(FOLLOWS.keyNumber, CODE.shortKeyNumber)
  return table
}

function eventBytes(): Uint8Array {
  const bytes = new Uint8Array(256)
  for (let code = 0; code < 256; code++) {
    const follows = CLASSES[code]
    if (code === CODE.float || code === CODE.timestamp) bytes[code] = 9
    else if (follows === FOLLOWS.shortKey) bytes[code] = 1 + code - CODE.shortKey
    else if (code >= CODE.shortString && code < CODE.shortKey) bytes[code] = 1 + code - CODE.shortString
    else if (follows === FOLLOWS.known || follows === FOLLOWS.keyNumber || follows === FOLLOWS.children) bytes[code] = 1
  }
  return bytes
}

function changes(): Int8Array {
  const table = new Int8Array(256)
  const values: readonly (number | undefined)[] = [FOLLOWS.known, FOLLOWS.varint, FOLLOWS.sized, FOLLOWS.scaled]
  for (let code = 0; code < 256; code++) {
    const follows = CLASSES[code]
    if (values.includes(follows)) table[code] = -1
    // The container is a value, and brings its children.
    else if (follows === FOLLOWS.children) table[code] = (code & (SHORT.count - 1)) - 1
  }
  return table
}
