/** Open files over a table of file-system calls.
 *
 * Invariants: a descriptor is closed only when no call on it is under way, because the operating system may give its
 * number to another file at once; a write handle writes at the end it tracks itself, never in append mode, so a
 * failed append is written over by the next one.
 * @module */
import type { Maybe, ReadHandle, WriteHandle } from '../../src/ports/storage.ts'
import { closedError, isInterrupted, storageError } from './errors.ts'
import type { FileCalls } from './file-calls.ts'
import { checkPosition } from './paths.ts'

/** Calls in a row that moved no byte before a write gives up. */
const IDLE_WRITES_MAX = 3
/** Interruptions in a row (EINTR, EAGAIN) before a read or write gives up. */
const INTERRUPTIONS_MAX = 100

/** One descriptor: counts the calls under way, so that `close` can wait for them. */
class Descriptor {
  readonly path: string
  readonly number: number
  readonly #calls: FileCalls
  #underWay = 0
  #closing: Promise<void> | undefined
  #whenIdle: (() => void) | undefined

  constructor(calls: FileCalls, path: string, number: number) {
    this.#calls = calls
    this.path = path
    this.number = number
  }

  check(): void {
    if (this.#closing !== undefined) throw closedError(this.path)
  }

  async use<T>(action: string, call: () => Promise<T>): Promise<T> {
    this.check()
    this.#underWay++
    try {
      return await call()
    } catch (cause) {
      throw storageError(action, this.path, cause)
    } finally {
      this.#underWay--
      if (this.#underWay === 0) this.#whenIdle?.()
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    try {
      await this.#calls.close(this.number)
    } catch (cause) {
      throw storageError('close', this.path, cause)
    }
  }
}

/** A file open for reading. */
export class FileReadHandle implements ReadHandle {
  readonly path: string
  /** Present when the table reads synchronously. */
  readonly readSync?: (position: number, into: Uint8Array) => number
  readonly #calls: FileCalls
  readonly #descriptor: Descriptor

  constructor(calls: FileCalls, path: string, descriptor: number) {
    this.path = path
    this.#calls = calls
    this.#descriptor = new Descriptor(calls, path, descriptor)
    if (calls.readSync !== undefined) this.readSync = (position, into) => this.#readSync(position, into)
  }

  size(): Maybe<number> {
    this.#descriptor.check()
    try {
      const size = this.#calls.size(this.#descriptor.number)
      return typeof size === 'number' ? size : this.#descriptor.use('measure', () => Promise.resolve(size))
    } catch (cause) {
      throw storageError('measure', this.path, cause)
    }
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    checkPosition(position)
    return this.#descriptor.use('read', async () => {
      let done = 0
      let interruptions = 0
      while (done < into.length) {
        const rest = done === 0 ? into : into.subarray(done)
        try {
          const count = await this.#calls.read(this.#descriptor.number, rest, position + done)
          if (count === 0) break
          done += count
          interruptions = 0
        } catch (cause) {
          if (!isInterrupted(cause) || ++interruptions > INTERRUPTIONS_MAX) throw cause
        }
      }
      return done
    })
  }

  close(): Promise<void> {
    return this.#descriptor.close()
  }

  #readSync(position: number, into: Uint8Array): number {
    checkPosition(position)
    this.#descriptor.check()
    let done = 0
    let interruptions = 0
    while (done < into.length) {
      try {
        const rest = done === 0 ? into : into.subarray(done)
        // Called as a method of the table, which may be an object with a state of its own.
        const count = this.#calls.readSync?.(this.#descriptor.number, rest, position + done) ?? 0
        if (count === 0) break
        done += count
        interruptions = 0
      } catch (cause) {
        if (!isInterrupted(cause) || ++interruptions > INTERRUPTIONS_MAX) throw storageError('read', this.path, cause)
      }
    }
    return done
  }
}

/** How far one `append` or `writeAt` has come. */
interface WriteProgress {
  readonly action: string
  readonly position: number
  readonly bytes: Uint8Array
  done: number
  idle: number
  interruptions: number
}

/** A file open for writing. */
export class FileWriteHandle implements WriteHandle {
  readonly path: string
  readonly #calls: FileCalls
  readonly #descriptor: Descriptor
  #sizeBytes: number

  constructor(calls: FileCalls, file: { path: string; descriptor: number; sizeBytes: number }) {
    this.path = file.path
    this.#calls = calls
    this.#descriptor = new Descriptor(calls, file.path, file.descriptor)
    this.#sizeBytes = file.sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): Maybe<void> {
    return this.#write('append to', this.#sizeBytes, bytes)
  }

  writeAt(position: number, bytes: Uint8Array): Maybe<void> {
    checkPosition(position)
    return this.#write('write into', position, bytes)
  }

  sync(): Promise<void> {
    return this.#descriptor.use('sync', () => this.#calls.sync(this.#descriptor.number))
  }

  async truncate(sizeBytes: number): Promise<void> {
    checkPosition(sizeBytes)
    await this.#descriptor.use('truncate', () => this.#calls.truncate(this.#descriptor.number, sizeBytes))
    this.#sizeBytes = sizeBytes
  }

  close(): Promise<void> {
    return this.#descriptor.close()
  }

  /** The common case, one synchronous call that takes everything, allocates nothing. */
  #write(action: string, position: number, bytes: Uint8Array): Maybe<void> {
    this.#descriptor.check()
    if (bytes.length === 0) return
    let first: Maybe<number>
    try {
      first = this.#calls.write(this.#descriptor.number, bytes, position)
    } catch (cause) {
      if (!isInterrupted(cause)) throw storageError(action, this.path, cause)
      first = -1
    }
    if (first === bytes.length) return this.#grow(position + bytes.length)
    const progress: WriteProgress = { action, position, bytes, done: 0, idle: 0, interruptions: 0 }
    if (typeof first !== 'number') return this.#descriptor.use(action, () => this.#finish(progress, first))
    this.#count(progress, first)
    return this.#continue(progress)
  }

  /** Go on synchronously until everything is written or the table answers with a promise. */
  #continue(progress: WriteProgress): Maybe<void> {
    const { action, position, bytes } = progress
    while (progress.done < bytes.length) {
      let next: Maybe<number>
      try {
        next = this.#calls.write(this.#descriptor.number, bytes.subarray(progress.done), position + progress.done)
      } catch (cause) {
        if (!isInterrupted(cause) || progress.interruptions >= INTERRUPTIONS_MAX)
          throw storageError(action, this.path, cause)
        next = -1
      }
      if (typeof next !== 'number') {
        const pending = next
        return this.#descriptor.use(action, () => this.#finish(progress, pending))
      }
      this.#count(progress, next)
    }
    this.#grow(position + bytes.length)
  }

  /** Go on with promises, for tables whose write is asynchronous. */
  async #finish(progress: WriteProgress, first: Promise<number>): Promise<void> {
    const { position, bytes } = progress
    let next: Maybe<number> = first
    for (;;) {
      try {
        this.#count(progress, await next)
        if (progress.done >= bytes.length) break
        next = this.#calls.write(this.#descriptor.number, bytes.subarray(progress.done), position + progress.done)
      } catch (cause) {
        if (!isInterrupted(cause) || progress.interruptions++ >= INTERRUPTIONS_MAX) throw cause
        next = this.#calls.write(this.#descriptor.number, bytes.subarray(progress.done), position + progress.done)
      }
    }
    this.#grow(position + bytes.length)
  }

  /** Note the answer of one write; -1 stands for an interruption. */
  #count(progress: WriteProgress, written: number): void {
    if (written < 0) {
      progress.interruptions++
      return
    }
    progress.done += written
    progress.interruptions = 0
    progress.idle = written === 0 ? progress.idle + 1 : 0
    if (progress.idle >= IDLE_WRITES_MAX)
      throw storageError(progress.action, this.path, new Error('The device takes no more bytes and gives no reason'))
  }

  #grow(endBytes: number): void {
    if (endBytes > this.#sizeBytes) this.#sizeBytes = endBytes
  }
}
