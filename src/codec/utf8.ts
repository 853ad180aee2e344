/** Whether bytes are UTF-8, without making a string of them.
 * @module */

/** Whether `bytes[at, end)` is well-formed UTF-8. */
export function isUtf8(bytes: Uint8Array, at: number, end: number): boolean {
  let position = at
  while (position < end) {
    const first = bytes[position++] as number
    if (first < 0x80) continue
    if (first < 0xc2 || first > 0xf4) return false
    const more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3
    if (position + more > end) return false
    const second = bytes[position] as number
    // Longer forms than needed, halves of surrogate pairs, and points past the last.
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (second < low || second > high) return false
    for (let next = 1; next < more; next++) if (((bytes[position + next] as number) & 0xc0) !== 0x80) return false
    position += more
  }
  return true
}
