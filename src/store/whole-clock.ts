/** Wall time that can be stored: whole milliseconds, not before 1970, whatever the clock that was handed in says.
 * @module */
import type { Clock } from '../ports/clock.ts'

/** The same clock, its wall time rounded down and at least 0; while it tells no time at all, the last that it told. */
export function wholeClock(clock: Clock): Clock {
  let last = 0
  return {
    now() {
      const now = Math.max(0, Math.floor(clock.now()))
      if (Number.isSafeInteger(now)) last = now
      return last
    },
    monotonic: () => clock.monotonic(),
    after: (delayMs, run, hold) => clock.after(delayMs, run, hold),
  }
}
