/** Waiting for promises that depend on nothing outside the test.
 * @module */
import { ScenarioFailure } from './scenario.ts'

const TURNS_BEFORE_IDLE = 20
/** Work that yields the event loop needs many turns; time passes in few, or timers would do most of the work. */
const IDLE_EVERY = 16
const TURNS_MAX = 4_000

/** Await work whose files are in memory and whose clock stands still: when the event loop turns and turns and nothing
 * happens, it hangs. The wait also keeps the test runner reachable.
 * @param idle lets the test's clock move.
 * @throws {ScenarioFailure} when it hangs, and what the work throws. */
export async function mustSettle<T>(work: Promise<T>, idle?: () => Promise<void>): Promise<T> {
  let settled = false
  const note = () => {
    settled = true
  }
  work.then(note, note)
  for (let turn = 0; !settled; turn++) {
    if (turn === TURNS_MAX) throw new ScenarioFailure('It hangs: nothing is under way and it has not settled')
    await new Promise((resolve) => setImmediate(resolve))
    if (!settled && turn >= TURNS_BEFORE_IDLE && turn % IDLE_EVERY === 0) await idle?.()
  }
  return work
}
