/** Reading the objects of a JSON body field by field: what is not known, or of another type, is refused by name.
 * @module */
import { VarveError } from '../../src/index.ts'

/** A field that was not there is `undefined`, as is one that is null in a form's place. */
export type Fields = Readonly<Record<string, unknown>>

/** An object with no fields but `known`.
 * @param name what it is, in the words of the caller. @throws {VarveError} `OPTION_INVALID`. */
export function fieldsOf(value: unknown, name: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(name, `Cannot read "${name}": expected an object`)
  for (const key of Object.keys(value))
    if (!known.includes(key))
      throw refuse(key, `Cannot read "${name}": "${key}" is not known; there are ${known.join(', ')}`)
  return { ...value }
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function numberField(value: unknown, name: string): number | undefined {
  if (value === undefined || typeof value === 'number') return value
  throw refuse(name, `Cannot read "${name}": it is not a number`)
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function textField(value: unknown, name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw refuse(name, `Cannot read "${name}": it is not a string`)
}

/** One of `words`. @throws {VarveError} `OPTION_INVALID`. */
export function wordField<W extends string>(value: unknown, name: string, words: readonly W[]): W | undefined {
  if (value === undefined) return undefined
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  throw refuse(name, `Cannot read "${name}": it is none of ${words.join(', ')}`)
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function textsField(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw refuse(name, `Cannot read "${name}": it is not a list of strings`)
}

/** The fields of `object` that are there. */
export function present<T extends object>(object: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const kept = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(kept) as { [Key in keyof T]?: Exclude<T[Key], undefined> }
}

/** `OPTION_INVALID` that names its option. */
export function refuse(option: string, message: string): VarveError {
  return new VarveError('OPTION_INVALID', message, { details: { option } })
}

/** What takes away what does not come back wants the name of it again. @throws {VarveError} `OPTION_INVALID`. */
export function checkConfirmed(
  confirm: string | undefined,
  { name, what, action }: { name: string; what: string; action: string },
): void {
  if (confirm === name) return
  const found = confirm === undefined ? 'it is missing' : 'it is another name'
  throw refuse('confirm', `Cannot ${action} ${what} "${name}": "confirm" must be the name of the ${what}, ${found}`)
}
