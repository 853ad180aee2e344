/** The bytes that a consumer of structural events was given, and how far it has read.
 * @module */
import { decodeText } from '../../codec/structural-scalars.ts'
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'

const VARINT_BYTES = 8
const NOTHING = new Uint8Array(0)

/** Who reads moves `at`; an event that turns out to be cut off is read again from `from`. */
export class EventCursor {
  bytes: Uint8Array = NOTHING
  end = 0
  /** Where the event begins. */
  from = 0
  /** Where reading goes on. */
  at = 0

  /** Forget the bytes. */
  release(): void {
    this.bytes = NOTHING
  }

  /** Read an integer. @returns -1 if it is cut off. */
  varint(): number {
    let value = 0
    let unit = 1
    for (let count = 0; count < VARINT_BYTES; count++) {
      if (this.at >= this.end) return -1
      const byte = this.bytes[this.at++] as number
      value += (byte & 0x7f) * unit
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) return value
      unit *= 0x80
    }
    throw this.damaged('a number too long')
  }

  /** Read how many bytes follow. @returns -1 if that is cut off. */
  size(limit: number): number {
    const sizeBytes = this.varint()
    if (sizeBytes > limit) throw this.damaged('a size past the limit')
    return sizeBytes
  }

  /** Read so many bytes of text that may have lone surrogates. */
  wtf8(sizeBytes: number): string {
    const from = this.at
    this.at += sizeBytes
    try {
      return decodeWtf8(this.bytes.subarray(from, this.at))
    } catch {
      throw this.damaged('text that is not WTF-8')
    }
  }

  /** Refuse text that is not UTF-8. */
  checkText(from: number, end: number): void {
    try {
      decodeText(this.bytes, from, end)
    } catch {
      throw this.damaged('text that is not UTF-8')
    }
  }

  /** `DECODE_FAILED` with where the event begins. */
  damaged(found: string): VarveError {
    const position = this.from
    this.release()
    return new VarveError('DECODE_FAILED', `Cannot decode structural events: found ${found}`, {
      details: { position, found },
    })
  }
}
