/** Hashing large batches beside reading and checking the next ones: it takes most of the time of a check.
 * @module */
import { sha256Beside } from '../../ports/digest.ts'
import type { UnhashedBatch } from '../../segment/scan.ts'

/** Smaller batches cost more to hand over than they gain. */
const LEAST_BYTES = 64 * 1024
/** Copies of batches that wait or are being hashed. */
const WAITING_BYTES = 8 * 1024 * 1024

export class HashesBeside {
  /** In the order of their places. */
  readonly #running: { readonly bytes: number; readonly done: Promise<void> }[] = []
  #runningBytes = 0
  #wrong: { readonly position: number; readonly offset: number } | undefined

  /** Take a batch. @returns false when it is for the caller to hash. */
  take(batch: UnhashedBatch): boolean {
    const bytes = batch.logical.length
    const hashed = bytes < LEAST_BYTES ? undefined : sha256Beside(batch.logical)
    if (hashed === undefined) return false
    const { position, offset, matches } = batch
    const done = hashed.then((hash) => {
      if (this.#wrong === undefined || position < this.#wrong.position)
        if (!matches(hash)) this.#wrong = { position, offset }
    })
    // Whoever waits for it is told.
    done.catch(() => undefined)
    this.#running.push({ bytes, done })
    this.#runningBytes += bytes
    return true
  }

  /** Wait until there is room for more. */
  async room(): Promise<void> {
    while (this.#runningBytes > WAITING_BYTES) await this.#next()
  }

  /** Wait for all of them. @returns where the first batch lies that is not in its place. */
  async finish(): Promise<{ readonly position: number; readonly offset: number } | undefined> {
    while (this.#running.length > 0) await this.#next()
    return this.#wrong
  }

  async #next(): Promise<void> {
    const next = this.#running.shift()
    if (next === undefined) return
    this.#runningBytes -= next.bytes
    await next.done
  }
}
