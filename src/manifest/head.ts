/** The head file `head-<epoch>`: what readers in other processes, contenders for the store and recovery may learn of
 * its owner without asking it. Derived: it is never synced, its loss costs time only, and it is absent on storages that
 * cannot overwrite. Warning: this is a disk format; a change needs a new format version.
 *
 * Pairs of 64-byte slots from position 0: pair 0 is the heartbeat, pair n the partition with head slot n. Writes
 * alternate between the two slots of a pair, so a torn write leaves the other one; the newer valid one counts.
 *
 * | at | bytes | field                                                                                   |
 * | -- | ----- | --------------------------------------------------------------------------------------- |
 * |  0 |     4 | CRC-32 of bytes 4 to 64, seeded with the CRC-32 of {epoch u64, position of the slot u64} |
 * |  4 |     4 | sequence, from 1, wraps; compared as a signed distance                                   |
 * |  8 |     8 | durable end offset, exclusive; in pair 0 the heartbeat counter                           |
 * | 16 |     8 | position in the active segment in bytes                                                 |
 * | 24 |     8 | segment id                                                                              |
 * | 32 |    32 | chain hash; in pair 0 the text "varve head"                                              |
 * @module */
import type { Digest } from '../codec/digest.ts'
import { isVarveError } from '../errors.ts'
import type { Maybe, Storage, WriteHandle } from '../ports/storage.ts'
import { headName, readWhole } from './files.ts'
import { placeSeed } from './frame.ts'

/** How often an owner calls `HeadFile.beat`. */
export const HEARTBEAT_INTERVAL_MS = 3_000

/** A heartbeat that has not moved for so long on the contender's monotonic clock belongs to nobody. */
export const OWNER_SILENCE_MS = 15_000

const SLOT_BYTES = 64
const PAIR_BYTES = 2 * SLOT_BYTES
const U32 = 2 ** 32
const LABEL = new TextEncoder().encode('varve head'.padEnd(32, '\0'))

/** The durable end of one partition. */
export interface HeadEnd {
  readonly endOffset: number
  /** Bytes of the active segment that are synced. */
  readonly position: number
  /** 16 hexadecimal digits. */
  readonly segmentId: string
  /** Chain hash there, 32 bytes. */
  readonly hash: Uint8Array
}

/** What one pair of slots says. */
export type HeadSlot = HeadEnd & { readonly sequence: number }

export interface Head {
  readonly heartbeat: number | undefined
  /** By head slot, from 1. */
  readonly slots: ReadonlyMap<number, HeadSlot>
}

/** One pair as its writer holds it: made once, so that a write allocates nothing. */
interface Pair {
  readonly buffer: Uint8Array
  readonly covered: Uint8Array
  readonly view: DataView
  readonly seeds: readonly [number, number]
  segmentId: string
  sequence: number
}

/** The writing side, of one owner. Failures are kept in `failure` and never thrown, because nothing may depend on a
 * derived file. Calls for one slot must not overlap. */
export class HeadFile {
  /** The first failure of a write since the last success, for a diagnostic. */
  failure: unknown
  readonly #digest: Digest
  readonly #epoch: number
  readonly #handle: WriteHandle | undefined
  readonly #pairs: Pair[] = []
  #beats = 0
  #beating: Promise<void> | undefined
  #growing: Promise<void> | undefined
  #closed = false

  constructor(storage: Storage, epoch: number, handle: WriteHandle | undefined) {
    this.#digest = storage.digest
    this.#epoch = epoch
    this.#handle = handle
  }

  /** Create the head file of an epoch, with room for head slots up to `highestSlot`, and beat once. Call it after
   * the epoch was acquired: the name of a head file proves that its epoch was adopted.
   * On storages without `randomWrite` the result does nothing. Never throws: see `failure`. */
  static async create(storage: Storage, epoch: number, highestSlot: number): Promise<HeadFile> {
    if (!storage.capabilities.randomWrite) return new HeadFile(storage, epoch, undefined)
    let head: HeadFile
    try {
      await storage.remove(headName(epoch))
      const handle = await storage.createExclusive(headName(epoch))
      head = new HeadFile(storage, epoch, handle)
      await handle.append(new Uint8Array((highestSlot + 1) * PAIR_BYTES))
    } catch (error) {
      head = new HeadFile(storage, epoch, undefined)
      head.failure = error
    }
    await head.beat()
    return head
  }

  /** Publish the durable end of the partition with this head slot. Cost: one write of 64 bytes, no allocation. */
  write(slot: number, end: HeadEnd): Maybe<void> {
    if (this.#handle === undefined || this.#closed) return
    const pair = this.#pair(slot)
    setU64(pair.view, 8, end.endOffset)
    setU64(pair.view, 16, end.position)
    if (end.segmentId !== pair.segmentId) {
      pair.view.setBigUint64(24, BigInt(`0x${end.segmentId}`), true)
      pair.segmentId = end.segmentId
    }
    pair.buffer.set(end.hash, 32)
    return this.#put(slot, pair)
  }

  /** Show that the owner is alive. Does nothing while an earlier beat is still being written. */
  beat(): Maybe<void> {
    if (this.#handle === undefined || this.#closed || this.#beating !== undefined) return
    const pair = this.#pair(0)
    this.#beats++
    setU64(pair.view, 8, this.#beats)
    pair.buffer.set(LABEL, 32)
    const written = this.#put(0, pair)
    if (written === undefined) return
    this.#beating = written.then(() => {
      this.#beating = undefined
    })
    return this.#beating
  }

  /** Release the file; it stays where it is. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    try {
      await this.#beating
      await this.#growing
      await this.#handle?.close()
    } catch (error) {
      this.failure = error
    }
  }

  #pair(slot: number): Pair {
    let pair = this.#pairs[slot]
    if (pair === undefined) {
      const buffer = new Uint8Array(SLOT_BYTES)
      const at = slot * PAIR_BYTES
      pair = {
        buffer,
        covered: buffer.subarray(4),
        view: new DataView(buffer.buffer),
        seeds: [placeSeed(this.#epoch, at, this.#digest), placeSeed(this.#epoch, at + SLOT_BYTES, this.#digest)],
        segmentId: '',
        sequence: 0,
      }
      this.#pairs[slot] = pair
    }
    return pair
  }

  #put(slot: number, pair: Pair): Promise<void> | undefined {
    pair.sequence = (pair.sequence + 1) % U32
    pair.view.setUint32(4, pair.sequence, true)
    const half = pair.sequence % 2 === 0 ? 0 : 1
    pair.view.setUint32(0, this.#digest.crc32(pair.covered, pair.seeds[half]), true)
    const position = slot * PAIR_BYTES + half * SLOT_BYTES
    try {
      if (this.#handle === undefined || this.#handle.sizeBytes < position + SLOT_BYTES)
        return this.#grow((slot + 1) * PAIR_BYTES)
          .then(() => this.#handle?.writeAt(position, pair.buffer))
          .then(
            () => this.#settle(undefined),
            (error) => this.#settle(error),
          )
      const written = this.#handle.writeAt(position, pair.buffer)
      if (written !== undefined)
        return written.then(
          () => this.#settle(undefined),
          (error) => this.#settle(error),
        )
      this.failure = undefined
    } catch (error) {
      this.failure = error
    }
    return undefined
  }

  #settle(error: unknown): void {
    this.failure = error
  }

  /** Make the file at least this long; only a new topic needs it. */
  #grow(sizeBytes: number): Promise<void> {
    const before = this.#growing ?? Promise.resolve()
    const growing = before
      .catch(() => undefined)
      .then(async () => {
        const missing = sizeBytes - (this.#handle?.sizeBytes ?? sizeBytes)
        if (missing > 0) await this.#handle?.append(new Uint8Array(missing))
      })
      .finally(() => {
        if (this.#growing === growing) this.#growing = undefined
      })
    this.#growing = growing
    return growing
  }
}

/** Read the head file of an epoch, also while its owner writes. Slots that fail their checksum are passed over; an
 * absent file says nothing. Cost: one read of 128 bytes per partition. */
export async function readHead(storage: Storage, epoch: number): Promise<Head> {
  const slots = new Map<number, HeadSlot>()
  let bytes: Uint8Array
  try {
    bytes = await readWhole(storage, headName(epoch))
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return { heartbeat: undefined, slots }
    throw error
  }
  let heartbeat: number | undefined
  for (let pair = 0; pair * PAIR_BYTES < bytes.length; pair++) {
    const first = slotAt(bytes, pair * PAIR_BYTES, { epoch, digest: storage.digest })
    const second = slotAt(bytes, pair * PAIR_BYTES + SLOT_BYTES, { epoch, digest: storage.digest })
    const newer = newest(first, second)
    if (newer === undefined) continue
    if (pair === 0) heartbeat = newer.endOffset
    else slots.set(pair, newer)
  }
  return { heartbeat, slots }
}

/** Positions of the slots that hold something and fail their checksum: damaged, or just being written. */
export async function damagedSlots(storage: Storage, epoch: number): Promise<number[]> {
  const positions: number[] = []
  let bytes: Uint8Array
  try {
    bytes = await readWhole(storage, headName(epoch))
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return positions
    throw error
  }
  for (let position = 0; position < bytes.length; position += SLOT_BYTES) {
    // A slot is made of zeros until it is written.
    const written = bytes.subarray(position, position + SLOT_BYTES).some((byte) => byte !== 0)
    if (written && slotAt(bytes, position, { epoch, digest: storage.digest }) === undefined) positions.push(position)
  }
  return positions
}

function newest(a: HeadSlot | undefined, b: HeadSlot | undefined): HeadSlot | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return ((a.sequence - b.sequence) | 0) > 0 ? a : b
}

function slotAt(
  bytes: Uint8Array,
  position: number,
  from: { readonly epoch: number; readonly digest: Digest },
): HeadSlot | undefined {
  if (position + SLOT_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, SLOT_BYTES)
  const covered = bytes.subarray(position + 4, position + SLOT_BYTES)
  const crc = from.digest.crc32(covered, placeSeed(from.epoch, position, from.digest))
  if (crc !== view.getUint32(0, true)) return undefined
  const endOffset = Number(view.getBigUint64(8, true))
  const end = Number(view.getBigUint64(16, true))
  if (!Number.isSafeInteger(endOffset) || !Number.isSafeInteger(end)) return undefined
  return {
    sequence: view.getUint32(4, true),
    endOffset,
    position: end,
    segmentId: view.getBigUint64(24, true).toString(16).padStart(16, '0'),
    hash: bytes.slice(position + 32, position + SLOT_BYTES),
  }
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % U32, true)
  view.setUint32(at + 4, Math.floor(value / U32), true)
}
