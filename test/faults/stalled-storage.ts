/** A storage one call of which waits until a test goes on, as if its process slept meanwhile.
 * @module */
import type { Storage } from '../../src/ports/storage.ts'

export interface Stalled {
  readonly storage: Storage
  /** From now on the next call that fits waits. */
  arm(): void
  /** Settles when a call waits. */
  readonly reached: Promise<void>
  /** Let it go on. */
  release(): void
}

/** @param isPlace tells the call by its method and the path that it is for. */
export function stalledStorage(storage: Storage, isPlace: (method: string, path: string) => boolean): Stalled {
  let reach: () => void = () => undefined
  let release: () => void = () => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  let isArmed = false
  const slow = new Proxy(storage, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...given: unknown[]): unknown => {
        if (!isArmed || !isPlace(String(name), String(given[0]))) return member.apply(target, given)
        isArmed = false
        reach()
        return released.then(() => member.apply(target, given) as unknown)
      }
    },
  })
  const arm = () => {
    isArmed = true
  }
  return { storage: slow, arm, reached, release: () => release() }
}
