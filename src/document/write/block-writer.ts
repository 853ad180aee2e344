/** The raw bytes of a document on their way into the blocks of its file.
 * @module */

import type { Digest } from '../../codec/digest.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import type { Maybe, WriteHandle } from '../../ports/storage.ts'
import { BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_RAW_BYTES, sealBlock } from '../blocks.ts'

/** Raw bytes that are collected before blocks of them are written. */
const FULL_BYTES = 262_144
/** Blocks are handed to the storage so many at a time. */
const BLOCKS_AT_ONCE = 64

/** Takes blocks in their order; their memory is used again after. */
export type BlockTarget = Pick<WriteHandle, 'append'>

export class BlockWriter {
  /** What is not in a block yet; written to directly. */
  readonly raw = new ValueBuffer()
  /** Address of `raw.bytes[0]`. */
  base = 0
  /** Bytes of blocks made so far. */
  sizeBytes = 0
  readonly #handle: BlockTarget
  readonly #digest: Digest
  readonly #seed: number
  /** Blocks that wait for `drain` before what is in `raw`. */
  readonly #framed: Uint8Array[] = []
  readonly #out = new Uint8Array(BLOCKS_AT_ONCE * BLOCK_BYTES)

  constructor(handle: BlockTarget, digest: Digest, seed: number) {
    this.#handle = handle
    this.#digest = digest
    this.#seed = seed
  }

  /** Where the next byte goes. */
  get address(): number {
    return this.base + this.raw.length
  }

  get isFull(): boolean {
    return this.raw.length >= FULL_BYTES || this.#framed.length > 0
  }

  /** Write the full blocks among what was collected. */
  drain(): Maybe<void> {
    return this.#framed.length === 0 ? this.#write(0, this.#wholeBytes()) : this.#drainFramed()
  }

  async #drainFramed(): Promise<void> {
    for (const blocks of this.#framed.splice(0)) await this.#handle.append(blocks)
    await this.#write(0, this.#wholeBytes())
  }

  #wholeBytes(): number {
    return this.raw.length - (this.raw.length % BLOCK_RAW_BYTES)
  }

  /** Write all that was collected; the last block is the last of the document. */
  async finish(): Promise<void> {
    await this.drain()
    if (this.raw.length > 0) await this.#write(0, this.raw.length)
  }

  /** After all that was collected, the last block of which is padded, put blocks of their own: with the next `drain`.
   * @returns the number of the first. */
  insert(blocks: readonly Uint8Array[]): number {
    const { raw } = this
    for (let at = 0; at < raw.length; at += BLOCK_RAW_BYTES) {
      this.#frame(raw.bytes.subarray(at, Math.min(at + BLOCK_RAW_BYTES, raw.length)))
    }
    raw.length = 0
    const first = this.base / BLOCK_RAW_BYTES
    for (const block of blocks) this.#frame(block)
    return first
  }

  #frame(rawBytes: Uint8Array): void {
    const block = new Uint8Array(BLOCK_BYTES)
    block.set(rawBytes, BLOCK_HEADER_BYTES)
    this.#seal(block, rawBytes.length)
    this.#framed.push(block)
  }

  /** Write the blocks of `raw.bytes[from, end)`, then forget them. */
  #write(from: number, end: number): Maybe<void> {
    let at = from
    let length = 0
    while (at < end && length < this.#out.length) {
      const next = Math.min(at + BLOCK_RAW_BYTES, end)
      const blockBytes = next - at === BLOCK_RAW_BYTES ? BLOCK_BYTES : next - at + BLOCK_HEADER_BYTES
      const block = this.#out.subarray(length, length + blockBytes)
      block.set(this.raw.bytes.subarray(at, next), BLOCK_HEADER_BYTES)
      this.#seal(block, next - at)
      length += blockBytes
      at = next
    }
    if (length === 0) return this.#forget(at)
    const written = this.#handle.append(this.#out.subarray(0, length))
    return written === undefined ? this.#write(at, end) : written.then(() => this.#write(at, end))
  }

  #forget(end: number): void {
    if (end === 0) return
    const { raw } = this
    raw.bytes.copyWithin(0, end, raw.length)
    raw.length -= end
  }

  #seal(block: Uint8Array, rawSize: number): void {
    const number = this.base / BLOCK_RAW_BYTES
    sealBlock(block, rawSize, { digest: this.#digest, seed: this.#seed, block: number })
    this.sizeBytes += block.length
    this.base += BLOCK_RAW_BYTES
  }
}
