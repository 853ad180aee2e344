/** The value that structural events make.
 * @module */
import { StructuralReader } from './structural-read.ts'

type Fields = Record<string, unknown>

/** Builds one value. Fields whose value is `undefined` are left out, in arrays it becomes null; decimals become their
 * text, integer keys decimal ones; of a key that an object has twice the last one counts. Nothing in the value refers
 * to the bytes it was read from. */
export class ValueBuilder extends StructuralReader {
  #root: unknown
  #array: unknown[] | undefined
  #object: Fields | undefined
  #key = ''
  readonly #around: (unknown[] | Fields | undefined)[] = []

  /** The value; in parts until `done`. */
  get value(): unknown {
    return this.#root
  }

  protected override onValue(value: unknown): void {
    if (this.#object !== undefined) {
      if (value !== undefined) setField(this.#object, this.#key, value)
      // The last one of a key counts.
      else if (Object.hasOwn(this.#object, this.#key)) delete this.#object[this.#key]
    } else if (this.#array !== undefined) this.#array.push(value === undefined ? null : value)
    else this.#root = value
  }

  protected override onDecimal(text: string): void {
    this.onValue(text)
  }

  protected override onKey(key: string): void {
    this.#key = key
  }

  protected override onIntKey(key: number): void {
    this.#key = String(key)
  }

  protected override onBegin(isArray: boolean): void {
    const array = isArray ? [] : undefined
    const object = isArray ? undefined : {}
    this.onValue(array ?? object)
    this.#around.push(this.#array ?? this.#object)
    this.#array = array
    this.#object = object
  }

  protected override onEnd(): void {
    const around = this.#around.pop()
    const isArray = Array.isArray(around)
    this.#array = isArray ? around : undefined
    this.#object = isArray ? undefined : around
  }
}

/** Give an object a field of its own, whatever the key is. */
export function setField(object: Fields, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  } else object[key] = value
}
