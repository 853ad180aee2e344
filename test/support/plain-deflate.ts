/** Raw deflate (RFC 1951) that is the same on every runtime: one block of fixed codes, matches of the last place where
 * three bytes were.
 * @module */
const LENGTHS = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
]
const LENGTH_MAX = 226
const DISTANCE_MAX = 32_768

class Bits {
  readonly bytes: number[] = []
  #word = 0
  #count = 0

  /** Lowest bit first. */
  put(value: number, count: number): void {
    for (let bit = 0; bit < count; bit++) {
      this.#word |= ((value >> bit) & 1) << this.#count
      if (++this.#count < 8) continue
      this.bytes.push(this.#word)
      this.#word = 0
      this.#count = 0
    }
  }

  /** Highest bit first, as codes are. */
  code(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) this.put((value >> bit) & 1, 1)
  }

  end(): Uint8Array {
    if (this.#count > 0) this.bytes.push(this.#word)
    return Uint8Array.from(this.bytes)
  }
}

/** Deflate bytes, not well, but always alike. */
export function plainDeflate(bytes: Uint8Array): Uint8Array {
  const bits = new Bits()
  const places = new Map<string, number>()
  bits.put(0b011, 3)
  for (let at = 0; at < bytes.length; ) {
    const three = bytes.subarray(at, at + 3).join()
    const before = places.get(three)
    places.set(three, at)
    let length = 0
    if (before !== undefined && at - before <= DISTANCE_MAX && at + 3 <= bytes.length) {
      while (length < LENGTH_MAX && at + length < bytes.length && bytes[before + length] === bytes[at + length])
        length++
    }
    if (before === undefined || length < 3) symbol(bits, bytes[at++] as number)
    else {
      match(bits, length, at - before)
      at += length
    }
  }
  symbol(bits, 256)
  return bits.end()
}

function symbol(bits: Bits, value: number): void {
  if (value < 144) bits.code(0x30 + value, 8)
  else if (value < 256) bits.code(0x190 + value - 144, 9)
  else if (value < 280) bits.code(value - 256, 7)
  else bits.code(0xc0 + value - 280, 8)
}

function match(bits: Bits, length: number, distance: number): void {
  const row = LENGTHS.findLastIndex((least) => least <= length)
  symbol(bits, 257 + row)
  bits.put(length - (LENGTHS[row] as number), row < 8 ? 0 : (row >> 2) - 1)
  // Two rows for each number of bits from 2 on.
  let [least, number, extra] = [1, 0, 0]
  for (; distance >= least + 2 ** extra; number++) {
    least += 2 ** extra
    extra = number < 2 ? 0 : (number - 1) >> 1
  }
  bits.code(number, 5)
  bits.put(distance - least, extra)
}
