/** Events of a pump, taken one after another while the pump waits.
 * @module */

import type { StructuralEvent } from '../types.ts'
import { EventCollector } from './collector.ts'

interface Pause {
  readonly goOn: () => void
  readonly giveUp: (reason: unknown) => void
}

/** The output of one pump, which waits in `drain` until its events were taken. It is full with the first one, so that
 * no event waits for others that a slow source does not have yet. */
export class PumpedEvents extends EventCollector {
  #pause: Pause | undefined
  #onPause: () => void = () => undefined

  constructor() {
    super(1)
  }

  override drain(): Promise<void> {
    return new Promise((goOn, giveUp) => {
      this.#pause = { goOn, giveUp }
      this.#onPause()
    })
  }

  /** Run `pump` as far as events are asked for. Events before an error come before it. A pump that is not needed any
   * more is given up: its `drain` rejects. */
  async *run(pump: () => Promise<void>): AsyncGenerator<StructuralEvent> {
    let isDone = false
    let failure: { readonly error: unknown } | undefined
    const start = () => {
      const end = () => {
        isDone = true
        this.#onPause()
      }
      pump().then(end, (error: unknown) => {
        failure = { error }
        end()
      })
    }
    try {
      for (let goOn = start; !isDone; goOn = this.#resume) {
        await this.#untilPause(goOn)
        for (const event of this.take()) yield event
      }
    } finally {
      if (!isDone) await this.#untilPause(() => this.#pause?.giveUp(new Error('nobody takes the events any more')))
    }
    if (failure !== undefined) throw failure.error
  }

  readonly #resume = (): void => this.#pause?.goOn()

  #untilPause(goOn: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#onPause = resolve
      goOn()
    })
  }
}
