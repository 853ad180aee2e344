/** Server-sent events: frames as text, and one stream with heartbeats, a bound, a deadline and an end.
 *
 * Invariants:
 * - Nothing is prepared before the client has taken what was prepared before: the source is asked for more only when
 *   the stream is read, so a slow client costs one chunk and the log is its queue.
 * - A client that leaves a chunk unread for the write deadline gets an `overflow` event behind it and the stream ends;
 *   its last `id` is where it continues.
 * - Whatever ends the stream (client, server, source, failure) runs the same `#end`, once: the source is told, timers
 *   and listeners are gone, the slot is free.
 * @module */
import { type Clock, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { logFailure, problemOf, problemText } from '../problems.ts'

export interface Frame {
  /** Where a client continues after this frame. */
  readonly id?: string
  /** Absent for the one kind of frame that most streams have. */
  readonly event?: string
  readonly data: string
}

/** Milliseconds a browser waits before it connects again. */
const RETRY_MS = 2_000

/** Print one frame. Data of any characters stays data: each of its lines gets a field of its own. */
export function frameText({ id, event, data }: Frame): string {
  let text = ''
  if (id !== undefined) {
    if (/[\r\n\0]/.test(id)) throw new TypeError('A frame id holds a line break')
    text += `id: ${id}\n`
  }
  if (event !== undefined) {
    if (!/^[a-z-]+$/.test(event)) throw new TypeError('A frame name holds more than letters')
    text += `event: ${event}\n`
  }
  for (const line of data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`
  return `${text}\n`
}

/** Where frames come from: arrays as they become ready, until `signal` aborts. */
export type FrameSource = (signal: AbortSignal) => AsyncIterable<readonly Frame[]>

/** Answer with a stream of frames. Takes a stream slot until it ends.
 * @throws {VarveError} `RATE_LIMITED`, `STORE_CLOSED`, and what the source throws before its first frame is awaited. */
export function streamFrames(c: WebContext, app: Shared, source: FrameSource): Response {
  refuseWhenStopped(app)
  const release = app.streams.take(app.options.peer?.(c) ?? 'all')
  try {
    const stream = new FrameStream({
      source,
      release,
      clock: app.clock,
      heartbeatMs: app.limits.heartbeatMs,
      writeDeadlineMs: app.limits.writeDeadlineMs,
      onStop: app.onStop,
      // The stream has begun, so a failure is told inside it, with the code and what this reader may see.
      tell: (error) => {
        logFailure(error, { options: app.options, requestId: factsOf(c).requestId })
        return { event: 'problem', data: problemText(problemOf(error, factsOf(c))) }
      },
    })
    return new Response(stream.readable, {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
    })
  } catch (error) {
    release()
    throw error
  }
}

/** @throws {VarveError} `STORE_CLOSED` when the app was told to stop. */
export function refuseWhenStopped(app: Shared): void {
  if (app.signal.aborted) throw new VarveError('STORE_CLOSED', 'Cannot start this: the server is stopping')
}

interface FrameStreamOptions {
  readonly source: FrameSource
  readonly release: () => void
  readonly clock: Clock
  readonly heartbeatMs: number
  readonly writeDeadlineMs: number
  /** Where the stream asks to be told that the app stops. */
  readonly onStop: Set<() => void>
  readonly tell: (error: unknown) => Frame
}

type Step = { readonly frames: readonly Frame[] } | { readonly error: unknown } | { readonly done: true }

class FrameStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly #options: FrameStreamOptions
  readonly #stop = new AbortController()
  readonly #encoder = new TextEncoder()
  readonly #frames: AsyncIterator<readonly Frame[]>
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** What the source said last, until the client takes it. */
  #step: Step | undefined
  #asking = false
  #first = true
  #ended = false
  /** Continues a read that waits for the next frame, heartbeat or end. */
  #wake: (() => void) | undefined
  #cancelDeadline: (() => void) | undefined

  constructor(options: FrameStreamOptions) {
    this.#options = options
    this.#frames = options.source(this.#stop.signal)[Symbol.asyncIterator]()
    options.onStop.add(this.#onEnd)
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: (controller) => this.#pull(controller),
        // Every runtime cancels the body when its client is gone; the request's signal says less, and not on all.
        cancel: () => this.#end(),
      },
      // No chunk is prepared ahead of a read.
      { highWaterMark: 0 },
    )
  }

  readonly #onEnd = (): void => {
    if (this.#ended) return
    this.#end()
    this.#controller?.close()
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#cancelDeadline?.()
    if (this.#first) {
      // Sent at once, so that the client knows the stream is open before anything happens.
      this.#first = false
      this.#give(controller, `retry: ${RETRY_MS}\n\n`)
      return
    }
    let beat = false
    const cancelBeat = this.#options.clock.after(this.#options.heartbeatMs, () => {
      beat = true
      this.#wake?.()
    })
    try {
      while (!this.#ended) {
        this.#ask()
        if (this.#step !== undefined) {
          this.#takeStep(controller, this.#step)
          return
        }
        if (beat) {
          this.#give(controller, ':\n\n')
          return
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      this.#wake = undefined
      cancelBeat()
    }
  }

  /** Ask the source for its next frames, unless it is being asked or has answered. */
  #ask(): void {
    if (this.#asking || this.#step !== undefined) return
    this.#asking = true
    const settle = (step: Step) => {
      this.#asking = false
      this.#step = step
      this.#wake?.()
    }
    this.#frames.next().then(
      (next) => settle(next.done === true ? { done: true } : { frames: next.value }),
      (error: unknown) => settle({ error }),
    )
  }

  #takeStep(controller: ReadableStreamDefaultController<Uint8Array>, step: Step): void {
    this.#step = undefined
    if ('frames' in step) {
      this.#give(controller, step.frames.map(frameText).join(''))
      return
    }
    if ('error' in step) controller.enqueue(this.#encoder.encode(frameText(this.#options.tell(step.error))))
    this.#end()
    controller.close()
  }

  #give(controller: ReadableStreamDefaultController<Uint8Array>, text: string): void {
    controller.enqueue(this.#encoder.encode(text))
    this.#cancelDeadline = this.#options.clock.after(this.#options.writeDeadlineMs, () => {
      if (this.#ended) return
      controller.enqueue(this.#encoder.encode(frameText({ event: 'overflow', data: '{}' })))
      this.#onEnd()
    })
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.onStop.delete(this.#onEnd)
    this.#cancelDeadline?.()
    this.#stop.abort()
    this.#options.release()
    this.#wake?.()
    // The source may be waiting; it has been told to stop, so its own end is only observed, never awaited.
    this.#frames.return?.().catch(() => {})
  }
}
