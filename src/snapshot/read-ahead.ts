/** Reading a file from its beginning to its end while what was read before is being worked on.
 * @module */
import type { ReadHandle, Storage } from '../ports/storage.ts'
import type { InflateRequest, Reading, ReadRequest } from '../segment/file-pool.ts'

const WINDOW_BYTES = 4 * 1024 * 1024

/** A part of a file. */
interface Window {
  readonly position: number
  readonly bytes: Uint8Array
}

export class AheadFile {
  readonly #storage: Storage
  readonly #handle: ReadHandle
  /** What was read, in one piece of the file; before the first request of a reading, nothing. */
  #windows: Window[] = []
  /** What comes behind it, on its way. */
  #next: Promise<Window> | undefined

  private constructor(storage: Storage, handle: ReadHandle) {
    this.#storage = storage
    this.#handle = handle
  }

  /** @throws {VarveError} `FILE_MISSING`, and what the storage throws. */
  static async open(storage: Storage, path: string): Promise<AheadFile> {
    return new AheadFile(storage, await storage.openRead(path))
  }

  async size(): Promise<number> {
    return this.#handle.size()
  }

  /** Read anything, fewer bytes only at the end of the file. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, await this.#handle.read(position, bytes))
  }

  /** Give a reading of this file what it asks for. @param onWindow called with each position that is reached. */
  async drive<T>(reading: Reading<T>, onWindow: (position: number) => void): Promise<T> {
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
    await this.#next?.catch(() => undefined)
    await this.#handle.close()
  }

  async #answer(request: ReadRequest | InflateRequest, onWindow: (position: number) => void): Promise<Uint8Array> {
    if ('inflate' in request) return this.#storage.compression.inflate(request.inflate, request.rawBytes)
    const { position, length } = request
    // Something before what is being read, such as a record table.
    if (position < (this.#windows[0]?.position ?? position)) return this.read(position, length)
    this.#windows = this.#windows.filter((window) => endOf(window) > position)
    for (;;) {
      const last = this.#windows.at(-1)
      if (last !== undefined && endOf(last) >= position + length) break
      const next = await (this.#next ?? this.#read(last === undefined ? position : endOf(last)))
      this.#next = undefined
      if (next.bytes.length === 0) break
      onWindow(next.position)
      if (endOf(next) > position) this.#windows.push(next)
      if (next.bytes.length === WINDOW_BYTES) this.#next = this.#read(endOf(next))
    }
    return this.#piece(position, length)
  }

  /** Copies only what lies in more than one window. */
  #piece(position: number, length: number): Uint8Array {
    const [only] = this.#windows
    if (only === undefined) return new Uint8Array(0)
    if (endOf(only) >= position + length || this.#windows.length === 1) {
      return only.bytes.subarray(position - only.position, position - only.position + length)
    }
    const end = Math.min(position + length, endOf(this.#windows.at(-1) ?? only))
    const bytes = new Uint8Array(end - position)
    for (const window of this.#windows) {
      const from = Math.max(position, window.position)
      const part = window.bytes.subarray(from - window.position, end - window.position)
      bytes.set(part, from - position)
    }
    return bytes
  }

  #read(position: number): Promise<Window> {
    const reading = this.read(position, WINDOW_BYTES).then((bytes) => ({ position, bytes }))
    // Whoever takes it is told, and perhaps nobody does.
    reading.catch(() => undefined)
    return reading
  }
}

function endOf({ position, bytes }: Window): number {
  return position + bytes.length
}
