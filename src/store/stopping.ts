/** What ends long work early: the signal of its caller, or the store that closes.
 * @module */
import { VarveError } from '../errors.ts'

/** One piece of work that may be ended early. */
export interface Stoppable {
  /** Aborted by the caller's signal, or with `STORE_CLOSED`. */
  readonly signal: AbortSignal
  /** To be called when the work is over. */
  end(): void
}

/** All such work of a store. Listens to the store once, however much there is: runtimes warn of many listeners. */
export class Stopping {
  readonly #closing: AbortSignal
  readonly #running = new Set<AbortController>()

  constructor(closing: AbortSignal) {
    this.#closing = closing
    const stop = () => {
      for (const controller of this.#running) controller.abort(closed())
    }
    closing.addEventListener('abort', stop, { once: true })
  }

  begin(caller: AbortSignal | undefined): Stoppable {
    const controller = new AbortController()
    const stop = () => controller.abort(caller?.reason)
    this.#running.add(controller)
    caller?.addEventListener('abort', stop)
    if (caller?.aborted) stop()
    if (this.#closing.aborted) controller.abort(closed())
    const end = () => {
      this.#running.delete(controller)
      caller?.removeEventListener('abort', stop)
    }
    return { signal: controller.signal, end }
  }
}

function closed(): VarveError {
  return new VarveError('STORE_CLOSED', 'Cannot finish: the store was closed')
}
