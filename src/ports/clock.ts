/** The clock port: wall time, monotonic time and timers. The core never reads time in another way.
 * @module */

export interface Clock {
  /** Milliseconds since 1970, as the machine believes; may jump in either direction. */
  now(): number
  /** Milliseconds from an unknown start; never goes back. */
  monotonic(): number
  /** Call `run` once after `delayMs`; only with `hold` the timer keeps the process alive. @returns cancels it. */
  after(delayMs: number, run: () => void, hold?: boolean): () => void
}

/** The runtime's own clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run, hold = false) {
    const timer: unknown = setTimeout(run, delayMs)
    // Node and Bun return an object that can let the process end; elsewhere timers are numbers and do not hold it.
    if (!hold && typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
      timer.unref()
    return () => clearTimeout(timer as number)
  },
}

/** Resolve after `delayMs` on `clock`. @throws the signal's reason when aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    })
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Let other work of this process run: resolves in a later task, not just a later microtask, in about 20 us. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // Workers with a compatibility date before August 2025 have none; a timer takes a millisecond.
    if (typeof MessageChannel === 'undefined') return void setTimeout(resolve, 0)
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
