/** Random edits of values, as people and programs make them: fields and elements that come, go, move and change.
 * @module */
import fc from 'fast-check'
import { cloneValue } from '../../../../src/history/patch/copy-value.ts'
import { anyValue } from '../../document/support/any-value.ts'

/** One edit: where (a number for each step down), what, and with what. */
export interface Edit {
  readonly where: readonly number[]
  readonly what: 'set' | 'remove' | 'insert' | 'move' | 'rename' | 'text' | 'number' | 'nest' | 'repeat'
  readonly a: number
  readonly b: number
  readonly value: unknown
}

const edit: fc.Arbitrary<Edit> = fc.record({
  where: fc.array(fc.nat(1_000), { maxLength: 4 }),
  what: fc.constantFrom('set', 'remove', 'insert', 'move', 'rename', 'text', 'number', 'nest', 'repeat'),
  a: fc.nat(1_000),
  b: fc.nat(1_000),
  value: anyValue,
})

/** Edits one after the other. */
export const someEdits = fc.array(edit, { maxLength: 8 })

/** A value, and the same after some edits. */
export const editedValues = fc
  .tuple(anyValue, someEdits)
  .map(([before, edits]) => ({ before, after: edited(before, edits) }))

export function edited(value: unknown, edits: readonly Edit[]): unknown {
  const root = [cloneValue(value)]
  for (const one of edits) apply(root, one)
  return root[0]
}

type Fields = Record<string, unknown>

function apply(root: unknown[], edit: Edit): void {
  let holder: unknown[] | Fields = root
  let key: number | string = 0
  for (const step of edit.where) {
    const inside = field(holder, key)
    if (!isContainer(inside)) break
    const keys = Object.keys(inside)
    if (keys.length === 0) break
    holder = inside
    key = keys[step % keys.length] as string
  }
  if (holder === root) change(root, 0, edit)
  else if (Array.isArray(holder)) changeArray(holder, Number(key), edit)
  else changeObject(holder, String(key), edit)
}

function isContainer(value: unknown): value is unknown[] | Fields {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !(value instanceof Date)
}

function field(holder: object, key: number | string): unknown {
  return Object.getOwnPropertyDescriptor(holder, key)?.value
}

function put(holder: object, key: number | string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true })
}

function changeArray(array: unknown[], at: number, edit: Edit): void {
  const other = edit.a % array.length
  if (edit.what === 'remove') array.splice(at, 1 + (edit.b % 3))
  else if (edit.what === 'insert') array.splice(at, 0, cloneValue(edit.value))
  else if (edit.what === 'move') array.splice(other, 0, ...array.splice(at, 1 + (edit.b % 3)))
  else if (edit.what === 'repeat') array.splice(other, 0, cloneValue(array[at]))
  else change(array, at, edit)
}

function changeObject(object: Fields, key: string, edit: Edit): void {
  const value = field(object, key)
  if (edit.what === 'remove') delete object[key]
  else if (edit.what === 'insert') put(object, `new${edit.a}`, cloneValue(edit.value))
  else if (edit.what === 'rename') {
    delete object[key]
    put(object, `other${edit.a % 3}`, value)
  } else if (edit.what === 'move') {
    delete object[key]
    put(object, key, value)
  } else change(object, key, edit)
}

function change(holder: object, key: number | string, edit: Edit): void {
  const value = field(holder, key)
  if (edit.what === 'text' && typeof value === 'string') {
    const at = edit.a % (value.length + 1)
    put(holder, key, value.slice(0, at) + String(edit.b).repeat(edit.b % 4) + value.slice(at + (edit.b % 7)))
  } else if (edit.what === 'number' && typeof value === 'number') put(holder, key, value + edit.a)
  else if (edit.what === 'number' && typeof value === 'bigint') put(holder, key, value + BigInt(edit.a))
  else if (edit.what === 'nest') put(holder, key, edit.a % 2 === 0 ? [value] : { in: value })
  else put(holder, key, cloneValue(edit.value))
}
