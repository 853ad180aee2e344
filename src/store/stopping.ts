/** What ends long work early: the signal of its caller, or the store that closes.
 * @module */
import { VarveError } from '../errors.ts'

/** One signal of the two. Whoever made it calls `end`, because the store's signal outlives the work. */
export class Stopping {
  readonly #controller = new AbortController()
  readonly #closing: AbortSignal
  readonly #caller: AbortSignal | undefined
  readonly #close = () => this.#controller.abort(new VarveError('STORE_CLOSED', 'Cannot finish: the store was closed'))
  readonly #stop = () => this.#controller.abort(this.#caller?.reason)

  constructor(closing: AbortSignal, caller: AbortSignal | undefined) {
    this.#closing = closing
    this.#caller = caller
    closing.addEventListener('abort', this.#close)
    caller?.addEventListener('abort', this.#stop)
    if (caller?.aborted) this.#stop()
    if (closing.aborted) this.#close()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(): void {
    this.#closing.removeEventListener('abort', this.#close)
    this.#caller?.removeEventListener('abort', this.#stop)
  }
}
