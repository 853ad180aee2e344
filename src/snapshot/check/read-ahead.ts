/** Reading a file from its beginning to its end while what was read before is being worked on.
 * @module */
import type { Maybe, ReadHandle, Storage } from '../../ports/storage.ts'
import type { InflateRequest, Reading, ReadRequest } from '../../segment/file-pool.ts'

/** Small enough to be still in a processor's cache when it is worked on. */
const WINDOW_BYTES = 1024 * 1024
/** Windows on their way while one is worked on. */
const AHEAD = 3

/** A part of a file. */
interface Window {
  readonly position: number
  readonly bytes: Uint8Array
  /** What it was read into. */
  readonly memory: Uint8Array
}

export class AheadFile {
  readonly sizeBytes: number
  readonly #storage: Storage
  readonly #handle: ReadHandle
  /** What was read and is in use, in one piece of the file. */
  #windows: Window[] = []
  /** What comes behind it, on its way, in order. */
  readonly #ahead: Promise<Window>[] = []
  #aheadTo = 0
  /** Beginning of what was asked for last. */
  #reached = 0
  /** For what lies in more than one window. */
  #joined = new Uint8Array(0)
  /** Memory that nobody reads any more. */
  readonly #free: Uint8Array[] = []

  private constructor(storage: Storage, handle: ReadHandle, sizeBytes: number) {
    this.#storage = storage
    this.#handle = handle
    this.sizeBytes = sizeBytes
  }

  /** @throws {VarveError} `FILE_MISSING`, and what the storage throws. */
  static async open(storage: Storage, path: string): Promise<AheadFile> {
    const handle = await storage.openRead(path)
    try {
      return new AheadFile(storage, handle, await handle.size())
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Read anything, fewer bytes only at the end of the file. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, await this.#handle.read(position, bytes))
  }

  /** Give a reading of this file what it asks for. Bytes that it is given hold until it asks for others that lie behind
   * them. @param onWindow called with each position that is reached, which waits for it. */
  async drive<T>(reading: Reading<T>, onWindow: (position: number) => Maybe<void>): Promise<T> {
    let step = reading.next()
    while (!step.done) {
      let given: Uint8Array
      try {
        given = await this.#answer(step.value, onWindow)
      } catch (error) {
        step = reading.throw(error)
        continue
      }
      step = reading.next(given)
    }
    return step.value
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#ahead)
    await this.#handle.close()
  }

  async #answer(
    request: ReadRequest | InflateRequest,
    onWindow: (position: number) => Maybe<void>,
  ): Promise<Uint8Array> {
    if ('inflate' in request) return this.#storage.compression.inflate(request.inflate, request.rawBytes)
    const { position, length } = request
    // Something before what is being read, such as a record table.
    if (position < this.#reached) return this.read(position, length)
    this.#reached = position
    while ((this.#windows[0] === undefined ? position : endOf(this.#windows[0])) < position) this.#drop()
    for (;;) {
      const last = this.#windows.at(-1)
      if (last !== undefined && endOf(last) >= position + length) break
      if (last === undefined && this.#ahead.length === 0) this.#aheadTo = position
      while (this.#ahead.length < AHEAD) this.#readAhead()
      const next = (await this.#ahead.shift()) as Window
      if (next.bytes.length === 0) break
      await onWindow(next.position)
      this.#windows.push(next)
    }
    return this.#piece(position, length)
  }

  #drop(): void {
    const window = this.#windows.shift()
    if (window !== undefined) this.#free.push(window.memory)
  }

  /** Copies only what lies in more than one window. */
  #piece(position: number, length: number): Uint8Array {
    const [only] = this.#windows
    if (only === undefined) return new Uint8Array(0)
    if (endOf(only) >= position + length || this.#windows.length === 1) {
      return only.bytes.subarray(position - only.position, position - only.position + length)
    }
    const end = Math.min(position + length, endOf(this.#windows.at(-1) ?? only))
    if (this.#joined.length < end - position) this.#joined = new Uint8Array(end - position)
    const bytes = this.#joined.subarray(0, end - position)
    for (const window of this.#windows) {
      if (window.position >= end) break
      const from = Math.max(position, window.position)
      const part = window.bytes.subarray(from - window.position, end - window.position)
      bytes.set(part, from - position)
    }
    return bytes
  }

  #readAhead(): void {
    const position = this.#aheadTo
    this.#aheadTo += WINDOW_BYTES
    // Small files are many, and clearing memory for them takes longer than reading them.
    const length = Math.max(0, Math.min(WINDOW_BYTES, this.sizeBytes - position))
    const memory = this.#memory(length)
    const reading = this.#handle
      .read(position, memory.subarray(0, length))
      .then((count) => ({ position, bytes: memory.subarray(0, count), memory }))
    // Whoever takes it is told, and perhaps nobody does.
    reading.catch(() => undefined)
    this.#ahead.push(reading)
  }

  #memory(length: number): Uint8Array {
    const free = this.#free.at(-1)
    return free !== undefined && free.length >= length ? (this.#free.pop() ?? free) : new Uint8Array(length)
  }
}

function endOf({ position, bytes }: Window): number {
  return position + bytes.length
}
