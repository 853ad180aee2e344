/** A view of a document's raw bytes that moves: what readings look at, filled block by block by their driver.
 *
 * A reading is a generator without input or output. It asks for bytes by `seek` or `more`, yields, and goes on with
 * them.
 * @module */

import type { Digest } from '../../codec/digest.ts'
import { VarveError } from '../../errors.ts'
import { type Clock, nextTurn } from '../../ports/clock.ts'
import type { Maybe, ReadHandle } from '../../ports/storage.ts'
import { BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_RAW_BYTES, blockPosition, openBlock } from '../blocks.ts'

/** Blocks read at once when one after another is wanted. */
const AHEAD_MAX = 32
/** What a scan from a place that the index names passes over, about. */
const NEAR_END_BYTES = 1_024
/** Blocks that one turn of the event loop may take. */
export const TURN_LOADS = 512
/** Two synchronous reads on end that took longer make the next ones asynchronous. One may be the scheduler's doing. */
const SLOW_READ_MS = 1
const SLOW_READS = 2
const SLOW_READS_ASYNC = 64

/** Yields when it wants what its window was told to load. */
export type Reading<T> = Generator<undefined, T, undefined>

/** The file of a document as its windows read it. */
export interface BlockFile {
  readonly handle: ReadHandle
  readonly digest: Digest
  readonly clock: Clock
  /** See `documentSeed`. */
  readonly seed: number
  /** Size of all blocks. */
  readonly streamBytes: number
  /** Reads to be made asynchronously before synchronous ones are tried again. */
  asyncReadsLeft: number
  /** Synchronous reads on end that were slow. */
  slowReads: number
}

/** Memory for blocks as they are stored. */
interface StoredBlocks {
  readonly bytes: Uint8Array
  /** Behind the first checksum. */
  readonly body: Uint8Array
}

/** Blocks as they are stored, from the one numbered `first`. */
interface HeldBlocks {
  readonly bytes: Uint8Array
  readonly first: number
}

function storedBlocks(sizeBytes: number): StoredBlocks {
  const bytes = new Uint8Array(sizeBytes)
  return { bytes, body: bytes.subarray(4) }
}

export class Window {
  /** Raw bytes; those from `at` to `end` count. */
  bytes: Uint8Array
  at = 0
  end = 0
  /** What the readings so far cost. */
  reads = 0
  bytesRead = 0
  readonly #file: BlockFile
  /** Address of `bytes[0]`. */
  #base = 0
  /** Number of the last block in `bytes`, -1 before the first. */
  #block = -1
  /** One block as it is stored, and several: views cost more than what they save. */
  readonly #one: StoredBlocks = storedBlocks(BLOCK_BYTES)
  #many: StoredBlocks | undefined
  /** Blocks as they are stored, from the one numbered `#stagedFirst`: one of these. */
  #staged: StoredBlocks = this.#one
  #stagedFirst = 0
  #stagedBytes = 0
  /** Where blocks are joined that a reading wants together. */
  #joined = new Uint8Array(0)
  #held: HeldBlocks[] = []
  readonly #stops: number[] = []
  #wantedBlock = 0
  #wantedOffset = 0
  /** Keep the bytes from `at` before the block that is wanted. */
  #joins = false
  /** Blocks wanted on end, one after another. */
  #row = 0

  constructor(file: BlockFile) {
    this.#file = file
    this.bytes = this.#one.bytes
  }

  /** Count anew. */
  begin(): void {
    this.reads = 0
    this.bytesRead = 0
  }

  /** Keep what was read last for when a reading comes back to it; of what was kept before, what lies behind it. */
  hold(): void {
    this.#held = this.#held.filter(({ bytes, first }) => first + bytes.length / BLOCK_BYTES > this.#block)
    this.#held.push({ bytes: this.#staged.bytes.slice(0, this.#stagedBytes), first: this.#stagedFirst })
  }

  /** Read nothing ahead from a block on, because that was read before. */
  stopAt(block: number): void {
    this.#stops.push(block)
  }

  /** Forget what `hold` and `stopAt` said. */
  release(): void {
    this.#held = []
    this.#stops.length = 0
  }

  /** Address of `bytes[at]`. */
  addressOf(at: number): number {
    return this.#base + at
  }

  /** Move to an address. @returns whether its bytes are there; otherwise yield. */
  seek(address: number): boolean {
    const block = Math.floor(address / BLOCK_RAW_BYTES)
    const at = address - this.#base
    if (block === this.#block && at >= 0 && at < this.end) {
      this.at = at
      return true
    }
    this.#wantedBlock = block
    this.#row = 0
    this.#wantedOffset = address - block * BLOCK_RAW_BYTES
    this.#joins = false
    return false
  }

  /** Want the block behind what is here, joined to what was not taken yet. */
  more(): void {
    this.#row++
    this.#wantedBlock = this.#block + 1
    this.#wantedOffset = 0
    this.#joins = this.at < this.end
  }

  /** Load what is wanted. @throws {VarveError} `DECODE_FAILED` {position, found}, and what the storage throws. */
  load(): Maybe<void> {
    // The next blocks are read to where the bytes may be that are kept.
    if (this.#joins) this.#keep()
    const staged = this.#stage(this.#wantedBlock)
    return staged === undefined ? this.#show() : staged.then(() => this.#show())
  }

  #stage(block: number): Maybe<void> {
    const at = (block - this.#stagedFirst) * BLOCK_BYTES
    if (this.#stagedBytes > 0 && at >= 0 && at < this.#stagedBytes) return
    for (const held of this.#held) if (this.#stageHeld(held, block)) return
    const start = block * BLOCK_BYTES
    const left = this.#file.streamBytes - start
    if (left <= 0) throw outside(block)
    const length = Math.min(this.#blocksAtOnce() * BLOCK_BYTES, left)
    if (length <= BLOCK_BYTES) this.#staged = this.#one
    else {
      this.#many ??= storedBlocks(AHEAD_MAX * BLOCK_BYTES)
      this.#staged = this.#many
    }
    this.#stagedBytes = 0
    const { bytes } = this.#staged
    const into = length === bytes.length ? bytes : bytes.subarray(0, length)
    this.reads++
    this.bytesRead += length
    const read = readAt(this.#file, blockPosition(block), into)
    if (typeof read === 'number') this.#didStage(block, read, length)
    else return read.then((found) => this.#didStage(block, found, length))
  }

  /** A scan that begins near the end of a block will want the next one; one that goes on and on wants many. */
  #blocksAtOnce(): number {
    const isNearEnd = this.#row === 0 && this.#wantedOffset > BLOCK_RAW_BYTES - NEAR_END_BYTES
    let blocks = isNearEnd ? 2 : 1
    if (this.#row > 1) blocks = Math.min(2 ** this.#row, AHEAD_MAX)
    for (const stop of this.#stops) if (stop > this.#wantedBlock) blocks = Math.min(blocks, stop - this.#wantedBlock)
    return blocks
  }

  #stageHeld({ bytes, first }: HeldBlocks, block: number): boolean {
    const from = (block - first) * BLOCK_BYTES
    if (from < 0 || from >= bytes.length) return false
    const stored = bytes.subarray(from, from + BLOCK_BYTES)
    this.#staged = this.#one
    this.#one.bytes.set(stored)
    this.#stagedFirst = block
    this.#stagedBytes = stored.length
    return true
  }

  #didStage(block: number, found: number, length: number): void {
    if (found < length) throw outside(block)
    this.#stagedFirst = block
    this.#stagedBytes = length
  }

  #show(): void {
    const block = this.#wantedBlock
    const from = (block - this.#stagedFirst) * BLOCK_BYTES
    const { bytes, body } = this.#staged
    const end = Math.min(from + BLOCK_BYTES, this.#stagedBytes)
    const isAll = from === 0 && end === bytes.length
    const stored = isAll ? bytes : bytes.subarray(from, end)
    const { digest, seed } = this.#file
    const raw = openBlock(stored, isAll ? body : stored.subarray(4), { digest, seed, block })
    if (this.#wantedOffset >= raw) throw outside(block)
    const payload = from + BLOCK_HEADER_BYTES
    if (this.#joins) this.#join(payload, raw)
    else {
      this.bytes = bytes
      this.at = payload + this.#wantedOffset
      this.end = payload + raw
    }
    this.#base = block * BLOCK_RAW_BYTES - (this.end - raw)
    this.#block = block
  }

  /** Have the bytes from `at` where a payload can be put behind them. Cost: amortized, a copy of each byte. */
  #keep(): void {
    const kept = this.end - this.at
    const isJoined = this.bytes === this.#joined
    if (isJoined && this.end + BLOCK_RAW_BYTES <= this.#joined.length) return
    const needed = kept + BLOCK_RAW_BYTES
    // Moved only when that frees half of it, so that no byte moves often.
    const into = needed * 2 > this.#joined.length ? new Uint8Array(needed * 4) : this.#joined
    if (into === this.bytes) into.copyWithin(0, this.at, this.end)
    else into.set(this.bytes.subarray(this.at, this.end))
    this.#joined = into
    this.bytes = into
    this.at = 0
    this.end = kept
  }

  #join(payload: number, raw: number): void {
    this.bytes.set(this.#staged.bytes.subarray(payload, payload + raw), this.end)
    this.end += raw
  }
}

/** Read from a document's file, at once where the storage can. */
export function readAt(file: BlockFile, position: number, into: Uint8Array): Maybe<number> {
  const { handle, clock } = file
  if (handle.readSync === undefined) return handle.read(position, into)
  if (file.asyncReadsLeft > 0) {
    file.asyncReadsLeft--
    return handle.read(position, into)
  }
  const started = clock.monotonic()
  const found = handle.readSync(position, into)
  if (clock.monotonic() - started <= SLOW_READ_MS) file.slowReads = 0
  else if (++file.slowReads === SLOW_READS) {
    file.slowReads = 0
    file.asyncReadsLeft = SLOW_READS_ASYNC
  }
  return found
}

/** Run a reading to its end: at once where all its reads are synchronous and few. A long one lets others run every
 * MiB or so. @throws the signal's reason when a long one is aborted. */
export function drive<T>(reading: Reading<T>, window: Window, signal?: AbortSignal): Maybe<T> {
  let step = reading.next()
  for (let loads = 0; !step.done; loads++) {
    const loaded = window.load()
    if (loaded !== undefined || loads === TURN_LOADS) return driveOn(reading, window, { loaded, signal })
    step = reading.next()
  }
  return step.value
}

async function driveOn<T>(
  reading: Reading<T>,
  window: Window,
  { loaded, signal }: { loaded: Maybe<void>; signal: AbortSignal | undefined },
): Promise<T> {
  await loaded
  let step = reading.next()
  for (let loads = 1; !step.done; loads++) {
    await window.load()
    if (loads % TURN_LOADS === 0) {
      signal?.throwIfAborted()
      await nextTurn()
    }
    step = reading.next()
  }
  return step.value
}

function outside(block: number): VarveError {
  const position = blockPosition(block)
  return new VarveError('DECODE_FAILED', `Cannot read block ${block} of a document: it is not there`, {
    details: { position, found: 'the end of the file' },
  })
}
