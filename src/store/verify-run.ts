/** One run of a check: what it found so far, how far it is, and its reads, which give way to other work.
 *
 * Nothing here can write: the run opens files for reading only, one at a time.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { isVarveError, VarveError } from '../errors.ts'
import { type Clock, nextTurn } from '../ports/clock.ts'
import type { ReadHandle, Storage } from '../ports/storage.ts'
import type { Reading, ReadRequest } from '../segment/file-pool.ts'
import type { VerifyHead, VerifyOptions, VerifyProblem, VerifyReport } from './types.ts'

/** Work for longer than this lets other work run in between. */
const TURN_MS = 12
const PROGRESS_EVERY_MS = 100
/** A report is for people and programs to act on; more of the same helps neither. */
const PROBLEMS_MAX = 1_000

export interface VerifyPlace extends VerifyOptions {
  readonly storage: Storage
  readonly clock: Clock
  /** Aborted when the store closes under the check. */
  readonly closing?: AbortSignal
}

export class VerifyRun {
  readonly storage: Storage
  readonly digest: Digest
  readonly unknownFiles: string[] = []
  eventsChecked = 0
  documentsChecked = 0
  versionsChecked = 0
  readonly #place: VerifyPlace
  readonly #problems: VerifyProblem[] = []
  readonly #notChecked: string[] = []
  readonly #planned = new Map<string, number>()
  readonly #started: number
  #problemCount = 0
  #damaged = false
  #filesChecked = 0
  #bytesChecked = 0
  #totalBytes = 0
  #doneBytes = 0
  #current: { readonly path: string; readonly bytes: number; reached: number } | undefined
  #lastFile = ''
  #handle: ReadHandle | undefined
  #turnStarted: number
  #lastProgress = Number.NEGATIVE_INFINITY

  constructor(place: VerifyPlace) {
    this.storage = place.storage
    this.digest = place.storage.digest
    this.#place = place
    this.#started = place.clock.monotonic()
    this.#turnStarted = this.#started
  }

  get clock(): Clock {
    return this.#place.clock
  }

  /** A hash that the log must contain. */
  get head(): VerifyHead | undefined {
    return this.#place.head
  }

  problem(problem: VerifyProblem): void {
    this.#problemCount++
    if (problem.damage) this.#damaged = true
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem)
  }

  /** Add a sentence about what was not looked at. */
  leaveOut(sentence: string): void {
    this.#notChecked.push(sentence)
  }

  /** Announce a file, so that the total is known before the work begins. */
  plan(path: string, bytes: number): void {
    this.#totalBytes += bytes - (this.#planned.get(path) ?? 0)
    this.#planned.set(path, bytes)
  }

  /** Begin a file of which `bytes` will be checked; the plan may have said otherwise. */
  begin(path: string, bytes: number): void {
    this.plan(path, bytes)
    this.#current = { path, bytes, reached: 0 }
    this.#lastFile = path
    this.#tell()
  }

  /** The first `position` bytes of the file are checked. */
  reached(position: number): void {
    const current = this.#current
    if (current === undefined || position <= current.reached) return
    current.reached = Math.min(position, current.bytes)
    this.#tell()
  }

  /** End the file, whether or not all of it was reached. */
  finish(): void {
    const current = this.#current
    if (current === undefined) return
    this.#filesChecked++
    this.#bytesChecked += current.reached
    this.#doneBytes += current.bytes
    this.#planned.delete(current.path)
    this.#current = undefined
  }

  #tell(): void {
    const now = this.#place.clock.monotonic()
    if (this.#place.onProgress === undefined || now - this.#lastProgress < PROGRESS_EVERY_MS) return
    this.#lastProgress = now
    const doneBytes = this.#doneBytes + (this.#current?.reached ?? 0)
    this.#place.onProgress({ doneBytes, totalBytes: this.#totalBytes, file: this.#lastFile })
  }

  /** The signal of the caller was aborted, or the store was closed. @throws the signal's reason, `STORE_CLOSED`. */
  checkGoingOn(): void {
    this.#place.signal?.throwIfAborted()
    if (this.#place.closing?.aborted) {
      throw new VarveError('STORE_CLOSED', 'Cannot finish the check: the store was closed')
    }
  }

  /** Size of a file now; undefined when it does not exist. */
  async sizeOf(path: string): Promise<number | undefined> {
    try {
      return await (await this.#open(path)).size()
    } catch (error) {
      if (isVarveError(error, 'FILE_MISSING')) return undefined
      throw error
    }
  }

  /** Bytes of a file, fewer than asked only at its end. */
  async read({ path, position, length }: ReadRequest): Promise<Uint8Array> {
    this.checkGoingOn()
    await this.giveWay()
    const handle = await this.#open(path)
    const into = new Uint8Array(length)
    // Never the synchronous read: a check has time, and what runs beside it has not.
    const count = await handle.read(position, into)
    this.checkGoingOn()
    return count === length ? into : into.subarray(0, count)
  }

  /** Let other work run, if this has worked for long enough. @throws as `checkGoingOn`. */
  async giveWay(): Promise<void> {
    const { clock } = this.#place
    if (clock.monotonic() - this.#turnStarted <= TURN_MS) return
    await nextTurn()
    this.#turnStarted = clock.monotonic()
    this.checkGoingOn()
  }

  async #open(path: string): Promise<ReadHandle> {
    if (this.#handle?.path === path) return this.#handle
    await this.close()
    this.#handle = await this.storage.openRead(path)
    return this.#handle
  }

  /** Run a reading of the layers below. */
  async drive<T>(reading: Reading<T>): Promise<T> {
    let step = reading.next()
    while (!step.done) {
      const request = step.value
      if ('path' in request) step = reading.next(await this.read(request))
      else {
        let raw: Uint8Array
        try {
          raw = await this.storage.compression.inflate(request.inflate, request.rawBytes)
        } catch (error) {
          // A finding of the reading, as a wrong checksum is.
          step = reading.throw(error)
          continue
        }
        step = reading.next(raw)
      }
    }
    return step.value
  }

  /** Check one file: what makes it unreadable is a finding about it, not the end of the check.
   * @throws what ends the check: an abort, a closed store, a failure that may pass. */
  async about(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.checkGoingOn()
      if (!isVarveError(error) || error.retryable || error.kind === 'closed') throw error
      const { position } = error.details
      const where = typeof position === 'number' ? { position } : {}
      this.problem({ code: error.code, file: path, message: error.message, damage: true, ...where })
    } finally {
      this.finish()
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  /** The last progress, at the total, and the report. */
  report(): VerifyReport {
    const { clock, onProgress } = this.#place
    const unlisted = this.#problemCount - this.#problems.length
    if (unlisted > 0) this.leaveOut(`${unlisted} more problems were found and are not listed.`)
    onProgress?.({ doneBytes: this.#doneBytes, totalBytes: this.#doneBytes, file: this.#lastFile })
    return {
      ok: !this.#damaged,
      filesChecked: this.#filesChecked,
      bytesChecked: this.#bytesChecked,
      eventsChecked: this.eventsChecked,
      documentsChecked: this.documentsChecked,
      versionsChecked: this.versionsChecked,
      problems: this.#problems,
      unknownFiles: this.unknownFiles,
      notChecked: this.#notChecked,
      durationMs: clock.monotonic() - this.#started,
    }
  }
}
