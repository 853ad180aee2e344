/** The bytes of JSON text, and which of them stand for themselves inside strings.
 * @module */

export const BYTE = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  bracket: 0x5b,
  backslash: 0x5c,
  bracketEnd: 0x5d,
  lowerE: 0x65,
  lowerF: 0x66,
  lowerN: 0x6e,
  lowerT: 0x74,
  lowerU: 0x75,
  brace: 0x7b,
  braceEnd: 0x7d,
} as const

/** 1 for ASCII that needs no escape in a string. */
export const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== BYTE.quote && byte !== BYTE.backslash ? 1 : 0,
)

/** 1 for bytes that number literals are made of. */
export const NUMERIC: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  '+-.0123456789Ee'.includes(String.fromCharCode(byte)) ? 1 : 0,
)

/** What stands at a place is cut off by the end of the bytes, and is right so far. */
export const CUT = 0
/** What stands at a place can never become right. */
export const MALFORMED = -1

/** Where text that stands for itself ends: at a quote, a backslash, a control character, a UTF-8 sequence that is
 * malformed or cut off, or at `end`. */
export function textEnd(bytes: Uint8Array, at: number, end: number): number {
  const plain = PLAIN
  let to = at
  for (;;) {
    for (const four = end - 3; to < four; to += 4) {
      const first = (plain[bytes[to] as number] as number) & (plain[bytes[to + 1] as number] as number)
      if ((first & (plain[bytes[to + 2] as number] as number) & (plain[bytes[to + 3] as number] as number)) === 0) break
    }
    while (to < end && plain[bytes[to] as number] === 1) to++
    if (to === end || (bytes[to] as number) < 0x80) return to
    const sizeBytes = sequenceSize(bytes, to, end)
    if (sizeBytes <= 0) return to
    to += sizeBytes
  }
}

/** @returns the size of the UTF-8 sequence of two to four bytes at `at`, `CUT`, or `MALFORMED`, which is told from the
 * first byte that is wrong on: no matter where the bytes end, the answer is the same. */
export function sequenceSize(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number
  if (first < 0xc2 || first > 0xf4) return MALFORMED
  if (at + 1 >= end) return CUT
  const second = bytes[at + 1] as number
  if (first < 0xe0) return (second & 0xc0) === 0x80 ? 2 : MALFORMED
  // Longer forms than needed, surrogates, and what lies past U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return MALFORMED
  const sizeBytes = first < 0xf0 ? 3 : 4
  for (let index = 2; index < sizeBytes; index++) {
    if (at + index >= end) return CUT
    if (((bytes[at + index] as number) & 0xc0) !== 0x80) return MALFORMED
  }
  return sizeBytes
}
