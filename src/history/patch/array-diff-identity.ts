/** What tells an element of an array from the others, whatever else of it changes.
 * @module */

type Fields = Readonly<Record<string, unknown>>

/** Fields that name an object in most data. */
const NAMES: readonly string[] = ['id', '_id', 'key', 'uuid', 'name']

/** The identity of an object: its key field, or a field whose name says so, or the first one. Undefined when that is
 * no text, number or bigint; of all other values, too. */
export function identityOf(value: unknown, keyField: string | undefined): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (keyField !== undefined && isKeyed(value, keyField)) return (value as Fields)[keyField]
  for (const name of NAMES) {
    const found = (value as Fields)[name]
    if (found !== undefined && Object.hasOwn(value, name) && isNaming(found)) return found
  }
  for (const key in value) {
    const found = (value as Fields)[key]
    return isNaming(found) ? `${key}=${String(found)}` : undefined
  }
  return undefined
}

/** Whether an element is told apart by its key field. */
export function isKeyed(value: unknown, keyField: string): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, keyField))
    return false
  return isNaming((value as Fields)[keyField])
}

function isNaming(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
}
