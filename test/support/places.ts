/** Places that nobody else uses: the product remembers per process which places are open, across bundles of itself.
 * @module */
const KEY = Symbol.for('varve.test-places')

/** A number that no other caller in this process has, whatever copy of this module it uses. */
export function newPlace(): number {
  const holder = globalThis as { [KEY]?: number }
  holder[KEY] = (holder[KEY] ?? 0) + 1
  return holder[KEY]
}
