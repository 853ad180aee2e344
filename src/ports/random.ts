/** The random port: identifiers and jitter, so that tests can repeat a run.
 * @module */

export interface Random {
  /** Fresh unpredictable bytes. */
  bytes(length: number): Uint8Array
}

/** The runtime's cryptographic generator. */
export const systemRandom: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) }

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Make an identifier of `length` characters of Crockford's base 32, 5 bits each. */
export function randomId(random: Random, length: number): string {
  let id = ''
  for (const byte of random.bytes(length)) id += ALPHABET.charAt(byte & 31)
  return id
}
