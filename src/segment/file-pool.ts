/** Readers without input or output, and the two drivers that run them.
 *
 * A `Reading` is a generator that yields what it needs (path, position, length) and is given bytes, fewer than asked
 * only at the end of the file; or it yields compressed bytes and is given what they were. `drive` answers at once while
 * everything asked for can be had at once and goes on as a promise from the first that cannot, so nothing is written
 * twice. A synchronous read that took over 1 ms blocked everything else for as long, so that file is read
 * asynchronously for a while.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Maybe, ReadHandle, Storage } from '../ports/storage.ts'

export interface ReadRequest {
  readonly path: string
  readonly position: number
  readonly length: number
  /** The bytes are needed only until this reading ends, so that their memory can be used again. */
  readonly brief?: boolean
}

export interface InflateRequest {
  readonly inflate: Uint8Array
  /** Size of the answer. */
  readonly rawBytes: number
}

export type Reading<T> = Generator<ReadRequest | InflateRequest, T, Uint8Array>

const OPEN_FILES_MAX = 256
const SLOW_READ_MS = 1
/** How many reads of a slow file are asynchronous before a synchronous one is tried again. */
const SLOW_READS_ASYNC = 64

interface PooledFile {
  readonly handle: ReadHandle
  asyncReadsLeft: number
  /** Asynchronous reads under way: the handle is closed after the last of them. */
  busy: number
  /** Number of the last read, to find the least recently used file. */
  lastRead: number
}

/** Open read handles by path, least recently used first out. Counts what was read, for reports and tests. */
export class FilePool {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #files = new Map<string, PooledFile>()
  readonly #opening = new Map<string, Promise<PooledFile>>()
  #spare = new Uint8Array(0)
  #closed = false
  bytesRead = 0
  reads = 0

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  /** Read as far as the file goes. @throws {VarveError} `FILE_MISSING`, for a segment `SEGMENT_MISSING`, and
   * `STORAGE_UNAVAILABLE`. */
  read(request: ReadRequest): Maybe<Uint8Array> {
    const file = this.#files.get(request.path) ?? this.#openAtOnce(request.path)
    if (file === undefined) return this.#openAndRead(request)
    file.lastRead = this.reads
    if (file.handle.readSync === undefined) return this.#readAsync(file, request)
    if (file.asyncReadsLeft > 0) {
      file.asyncReadsLeft--
      return this.#readAsync(file, request)
    }
    const into = request.brief ? this.#borrow(request.length) : new Uint8Array(request.length)
    const started = this.#clock.monotonic()
    const count = file.handle.readSync(request.position, into)
    if (this.#clock.monotonic() - started > SLOW_READ_MS) file.asyncReadsLeft = SLOW_READS_ASYNC
    return this.#counted(into, count)
  }

  /** Give a reading what it asks for. @throws {VarveError} as `read`, and `DECODE_FAILED` for what cannot inflate. */
  answer(request: ReadRequest | InflateRequest): Maybe<Uint8Array> {
    if ('path' in request) return this.read(request)
    return this.#storage.compression.inflate(request.inflate, request.rawBytes)
  }

  /** Memory for a brief read. Only one reading can hold it: one that turns asynchronous keeps it (see `drive`). */
  #borrow(length: number): Uint8Array {
    if (this.#spare.length < length) this.#spare = new Uint8Array(length)
    return this.#spare.subarray(0, length)
  }

  /** Leave the borrowed memory to the reading that has it. */
  abandon(): void {
    this.#spare = new Uint8Array(0)
  }

  async #openAndRead(request: ReadRequest): Promise<Uint8Array> {
    let file = await this.#open(request.path)
    // Between opening and this turn the file may have had to make room for another.
    while (this.#files.get(request.path) !== file) file = await this.#open(request.path)
    return this.#readAsync(file, request)
  }

  async #readAsync(file: PooledFile, request: ReadRequest): Promise<Uint8Array> {
    const into = new Uint8Array(request.length)
    file.busy++
    try {
      return this.#counted(into, await file.handle.read(request.position, into))
    } finally {
      file.busy--
      if (file.busy === 0) await this.#closeSurplus(request.path, file)
    }
  }

  #counted(into: Uint8Array, count: number): Uint8Array {
    this.reads++
    this.bytesRead += count
    return count === into.length ? into : into.subarray(0, count)
  }

  /** Open a file now. @returns undefined where that takes longer. @throws {VarveError} as `read`. */
  #openAtOnce(path: string): PooledFile | undefined {
    const isLater = this.#closed || this.#opening.has(path) || !this.#storage.capabilities.syncReads
    if (isLater || (this.#full(path) && !this.#dropOne())) return undefined
    let handle: Maybe<ReadHandle>
    try {
      handle = this.#storage.openRead(path)
    } catch (error) {
      // Descriptors may have run out: the other way closes one and tries again.
      if (isVarveError(error, 'STORAGE_UNAVAILABLE') && error.retryable) return undefined
      throw named(path, error)
    }
    if (!(handle instanceof Promise)) return this.#keep(path, handle)
    this.#openLater(path, handle)
    return undefined
  }

  #openLater(path: string, first: Maybe<ReadHandle> | undefined): Promise<PooledFile> {
    const opening = this.#openNow(path, first).finally(() => this.#opening.delete(path))
    this.#opening.set(path, opening)
    return opening
  }

  #keep(path: string, handle: ReadHandle): PooledFile {
    const file: PooledFile = { handle, asyncReadsLeft: 0, busy: 0, lastRead: this.reads }
    this.#files.set(path, file)
    return file
  }

  /** Open once, also when asked twice at the same time; when descriptors run out, close one and try again. */
  #open(path: string): Promise<PooledFile> {
    const known = this.#files.get(path)
    if (known !== undefined) return Promise.resolve(known)
    const pending = this.#opening.get(path)
    if (pending !== undefined) return pending
    return this.#openLater(path, undefined)
  }

  /** @param first of which the answer is waited for; otherwise the file is opened here. */
  async #openNow(path: string, first: Maybe<ReadHandle> | undefined): Promise<PooledFile> {
    if (first === undefined) while (this.#full(path) && (await this.#closeOne()));
    let handle: ReadHandle
    try {
      handle = await (first ?? this.#storage.openRead(path))
    } catch (error) {
      const isOver = !isVarveError(error, 'STORAGE_UNAVAILABLE') || !error.retryable
      if (isOver || !(await this.#closeOne())) throw named(path, error)
      handle = await this.#storage.openRead(path)
    }
    if (this.#closed) {
      await handle.close()
      throw new VarveError('STORE_CLOSED', `Cannot read "${path}": the store is closed`)
    }
    return this.#keep(path, handle)
  }

  /** Whether one more file would be too many; `path` itself may be opening already. */
  #full(path: string): boolean {
    const opening = this.#opening.size - (this.#opening.has(path) ? 1 : 0)
    return this.#files.size + opening >= OPEN_FILES_MAX
  }

  /** Close a file nobody reads any more if it was forgotten meanwhile, or if a burst opened too many. */
  async #closeSurplus(path: string, file: PooledFile): Promise<void> {
    if (this.#files.get(path) === file) {
      if (this.#files.size <= OPEN_FILES_MAX) return
      this.#files.delete(path)
    }
    await file.handle.close()
  }

  async #closeOne(): Promise<boolean> {
    const idlest = this.#takeIdlest()
    await idlest?.handle.close()
    return idlest !== undefined
  }

  /** The same without waiting. What goes wrong with closing a file that was read is nobody's loss. */
  #dropOne(): boolean {
    const idlest = this.#takeIdlest()
    idlest?.handle.close().catch(() => undefined)
    return idlest !== undefined
  }

  #takeIdlest(): PooledFile | undefined {
    let idlest: [string, PooledFile] | undefined
    for (const entry of this.#files) {
      if (entry[1].busy === 0 && (idlest === undefined || entry[1].lastRead < idlest[1].lastRead)) idlest = entry
    }
    if (idlest === undefined) return undefined
    this.#files.delete(idlest[0])
    return idlest[1]
  }

  /** Close the handle of a file that will not be read again, or that was replaced under its name. */
  async forget(path: string): Promise<void> {
    const file = this.#files.get(path)
    if (file === undefined) return
    this.#files.delete(path)
    if (file.busy === 0) await file.handle.close()
  }

  /** Close the handles of all files in a directory that is gone. */
  async forgetAll(directory: string): Promise<void> {
    const paths = [...this.#files.keys()].filter((path) => path.startsWith(`${directory}/`))
    await Promise.all(paths.map((path) => this.forget(path)))
  }

  /** Close every handle; one that is being read, after that. */
  async close(): Promise<void> {
    this.#closed = true
    const files = [...this.#files.values()]
    this.#files.clear()
    for (const file of files) if (file.busy === 0) await file.handle.close()
  }
}

type Step<T> = IteratorResult<ReadRequest | InflateRequest, T>

/** Run a reading to its end: at once where all its reads are synchronous, else as a promise.
 * A failed read is thrown into the reading, which may have another way. */
export function drive<T>(reading: Reading<T>, pool: FilePool): Maybe<T> {
  let step = reading.next()
  while (!step.done) {
    let bytes: Maybe<Uint8Array>
    try {
      bytes = pool.answer(step.value)
    } catch (error) {
      step = reading.throw(error)
      continue
    }
    if (bytes instanceof Promise) {
      pool.abandon()
      return driveAsync(reading, pool, bytes)
    }
    step = reading.next(bytes)
  }
  return step.value
}

async function driveAsync<T>(reading: Reading<T>, pool: FilePool, first: Promise<Uint8Array>): Promise<T> {
  let step = await answer(reading, () => first)
  while (!step.done) {
    // Others run between a read and its use here, so no memory is shared with them.
    const request = { ...step.value, brief: false }
    step = await answer(reading, () => pool.answer(request))
  }
  return step.value
}

async function answer<T>(reading: Reading<T>, read: () => Maybe<Uint8Array>): Promise<Step<T>> {
  let given: Uint8Array
  try {
    given = await read()
  } catch (error) {
    return reading.throw(error)
  }
  return reading.next(given)
}

/** A missing segment is damage, whoever looks for it. */
function named(path: string, error: unknown): unknown {
  return isVarveError(error, 'FILE_MISSING') && path.endsWith('.log') ? segmentMissing(path, error) : error
}

function segmentMissing(file: string, cause: unknown): VarveError {
  const message = `Cannot read segment "${file}": the file is missing`
  return new VarveError('SEGMENT_MISSING', message, { details: { file }, cause })
}

/** Whether an error says that a derived file is missing, damaged, or where the device cannot read: it is made again. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.some((code) => isVarveError(error, code))
}

const UNREADABLE = ['DECODE_FAILED', 'FILE_MISSING', 'STORAGE_UNAVAILABLE', 'STORAGE_DENIED'] as const
