/** The digest contract: CRC-32 for damage, SHA-256 for the chain. Storages bring native ones.
 * @module */

export interface Digest {
  /** CRC-32 (ISO-HDLC, as zlib) of `bytes`, continuing from `seed`. @returns an unsigned 32-bit integer. */
  crc32(bytes: Uint8Array, seed?: number): number
  /** SHA-256 of `bytes`. @returns 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
}
