/** What a JavaScript value is, as the value table tells values apart; values of other realms included.
 * @module */

const typedArrayName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined

/** Whether `value` is a `Uint8Array`, a subclass (Node's `Buffer`) or one of another realm. */
export function isBytes(value: object): value is Uint8Array {
  return value instanceof Uint8Array || (ArrayBuffer.isView(value) && typedArrayName.call(value) === 'Uint8Array')
}

/** Whether `value` is a Date, also an invalid one or one of another realm. */
export function isDate(value: object): value is Date {
  if (value instanceof Date) return hasTime(value)
  return Object.prototype.toString.call(value) === '[object Date]' && hasTime(value)
}

/** The one sure test: an object with a Date's prototype has no time of its own. */
function hasTime(value: object): boolean {
  try {
    Date.prototype.getTime.call(value)
    return true
  } catch {
    return false
  }
}

/** Whether `value` is an array and not of a subclass. `Array.prototype` is an array, that of a subclass is not. */
export function isPlainArray(value: object): value is unknown[] {
  return Array.isArray(value) && Array.isArray(Object.getPrototypeOf(value))
}

/** Whether objects with this prototype are plain: `Object.prototype` of any realm, or none. */
export function isPlainPrototype(prototype: object | null): boolean {
  if (prototype === null || prototype === Object.prototype) return true
  if (Object.getPrototypeOf(prototype) !== null || !Object.hasOwn(prototype, 'constructor')) return false
  const made: unknown = prototype.constructor
  return typeof made === 'function' && made.name === 'Object'
}

/** Apply `toJSON` as `JSON.stringify` does, to everything but dates and bytes. `key` is what it is called with. */
export function resolveToJson(value: object, key: string | number): unknown {
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON !== 'function' || isBytes(value) || isDate(value)) return value
  return toJSON.call(value, String(key))
}

/** Name what an error found: `a Map`, `a function`, `an instance of Order`. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array of a subclass'
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (tag !== 'Object') return `an object of type ${tag}`
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with a prototype of its own'
}

const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/
const KEY_CHARS_SHOWN = 64

/** One step of a path: `.name`, or `."odd key"`. */
export function formatKey(key: string): string {
  if (PLAIN_KEY.test(key) && key.length <= KEY_CHARS_SHOWN) return `.${key}`
  const shown = key.length > KEY_CHARS_SHOWN ? `${key.slice(0, KEY_CHARS_SHOWN)}…` : key
  return `.${JSON.stringify(shown)}`
}
