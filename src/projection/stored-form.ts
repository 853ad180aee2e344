/** Whether a value is what comes back when it is stored.
 * @module */

/** Deeper ones are not looked at. */
const LEVELS_MAX = 64

/** Whether storing a value would change nothing: no fields that are dropped, nothing that is converted or refused.
 * Sure when true. Cost: one pass, nothing is allocated. */
export function isStoredForm(value: unknown, level = 0): boolean {
  if (typeof value !== 'object') return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol'
  if (value === null) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) return level < LEVELS_MAX && haveStoredForm(value as readonly unknown[], level + 1)
  if (prototype !== Object.prototype) return prototype === Uint8Array.prototype || isDate(value, prototype)
  if (level >= LEVELS_MAX) return false
  for (const key in value) if (!isStoredForm((value as Record<string, unknown>)[key], level + 1)) return false
  return true
}

function haveStoredForm(values: readonly unknown[], level: number): boolean {
  for (let index = 0; index < values.length; index++) if (!isStoredForm(values[index], level)) return false
  return true
}

function isDate(value: object, prototype: unknown): boolean {
  return prototype === Date.prototype && !Number.isNaN((value as Date).getTime())
}
