/** Deep equality of stored values, stricter than `toEqual`: `Object.is`, key order, and the kinds of objects.
 * @module */

/** Where `have` differs from `want`, or undefined when they are the same. */
export function difference(have: unknown, want: unknown, path = ''): string | undefined {
  if (Object.is(have, want)) return undefined
  const shown = `${path}: have ${show(have)}, want ${show(want)}`
  if (typeof have !== 'object' || typeof want !== 'object' || have === null || want === null) return shown
  if (Object.getPrototypeOf(have) !== Object.getPrototypeOf(want)) return `${shown} (prototype)`
  if (have instanceof Date && want instanceof Date) return have.getTime() === want.getTime() ? undefined : shown
  if (have instanceof Uint8Array && want instanceof Uint8Array) return String(have) === String(want) ? undefined : shown
  const keys = Object.keys(have)
  if (JSON.stringify(keys) !== JSON.stringify(Object.keys(want))) return `${shown} (keys ${JSON.stringify(keys)})`
  for (const key of keys) {
    const field = (from: object): unknown => Object.getOwnPropertyDescriptor(from, key)?.value
    const found = difference(field(have), field(want), `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value)
}
