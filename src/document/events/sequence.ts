/** The order of structural events: what may come next, and where in the value it is.
 * @module */
import { utf8Length } from '../../codec/value-buffer.ts'
import { isBytes } from '../../codec/value-kinds.ts'
import { VarveError } from '../../errors.ts'
import { appendStep, shownPath } from '../path/format.ts'
import type { StructuralEvent } from '../types.ts'
import { DOCUMENT_LIMITS } from '../write/output.ts'
import { checkEvent, type EventPlace, sequenceError } from './check.ts'

/** In the place of a count: the container is an object. */
const OBJECT = -1

/** Follows the structural events of one value, knows its path while they pass, and refuses what means nothing. An
 * event that was refused changes nothing, so that another one may come in its place. Memory: a few words for each open
 * container, and its last key.
 * @example
 * ```ts
 * import { EventSequence, isVarveError } from 'varve'
 * const sequence = new EventSequence()
 * sequence.next({ type: 'beginObject' })
 * sequence.next({ type: 'key', key: 'users' })
 * sequence.next({ type: 'beginArray' })
 * sequence.next({ type: 'value', value: 'Ada' })
 * console.assert(sequence.path === 'users[0]' && sequence.depth === 2)
 * let expected: unknown
 * try {
 *   sequence.next({ type: 'endObject' })
 * } catch (error) {
 *   if (isVarveError(error)) expected = error.details.expected
 * }
 * console.assert(expected === 'a value or the end of an array')
 * sequence.next({ type: 'endArray' })
 * console.assert(sequence.path === 'users')
 * sequence.next({ type: 'endObject' })
 * console.assert(sequence.isComplete)
 * ``` */
export class EventSequence {
  #depth = 0
  #isComplete = false
  /** In an object, and no key has come for the next value. */
  #wantsKey = false
  /** Of open containers, outermost first: the elements that have begun, or `OBJECT`. */
  readonly #counts: number[] = []
  /** The same: the last key of an object. */
  readonly #keys: (string | number | undefined)[] = []
  readonly #place: EventPlace = { path: () => this.nextPath }

  /** Containers that have begun and not ended. */
  get depth(): number {
    return this.#depth
  }

  /** Whether the value is complete: no event may come any more. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Path of the value that the last event was, began or ended, or whose key it was; so, between two values, of the one
   * before. The root, the empty text, before the first event. In canonical text, as `Path.parse` reads it.
   * Cost: the depth. */
  get path(): string {
    return this.#pathOf(false)
  }

  /** Path where the next value goes, which errors have: of the next element of an array, of the field whose key came;
   * of the object itself where a key comes next. Cost: the depth. */
  get nextPath(): string {
    return this.#pathOf(true)
  }

  /** Take the next event. Cost: constant, but for a look through long texts.
   * @throws {VarveError} `DOCUMENT_SEQUENCE` {found, expected, path} for an event that cannot come here and for what is
   * none, `DOCUMENT_LIMIT` {limit, limitName, found, path} for one past `DOCUMENT_LIMITS`, `VALUE_UNSUPPORTED`
   * {path, found} for a value of another type. */
  next(event: StructuralEvent): void {
    checkEvent(event, this.#place)
    switch (event.type) {
      case 'key':
      case 'intKey':
        this.#nextKey(event.key)
        return
      case 'endObject':
      case 'endArray':
        this.#nextEnd(event.type === 'endArray')
        return
      case 'beginObject':
      case 'beginArray':
        this.#nextBegin(event.type === 'beginArray')
        return
      default:
        this.#nextScalar(event.type === 'value' ? event.value : event.text)
    }
  }

  /** No event comes any more. @throws {VarveError} `DOCUMENT_SEQUENCE` when the value is not complete. */
  end(): void {
    if (!this.#isComplete) throw this.#impossible('the end of the document')
  }

  #nextKey(key: string | number): void {
    if (!this.#wantsKey) throw this.#impossible('a key')
    const level = this.#depth - 1
    if (typeof key === 'string') {
      const sizeBytes = sizeOver(key, DOCUMENT_LIMITS.keyBytes)
      if (sizeBytes > 0) throw tooLarge(appendKey(this.nextPath, key), 'keyBytes', sizeBytes)
    }
    this.#keys[level] = key
    this.#wantsKey = false
  }

  #nextScalar(value: unknown): void {
    this.#checkValue('a value')
    const limit = DOCUMENT_LIMITS.scalarBytes
    const sizeBytes = typeof value === 'string' ? sizeOver(value, limit) : isLongBytes(value, limit) ? value.length : 0
    if (sizeBytes > 0) throw tooLarge(this.nextPath, 'scalarBytes', sizeBytes)
    this.#countChild()
    this.#valueEnds()
  }

  #nextBegin(isArray: boolean): void {
    this.#checkValue(isArray ? 'an array' : 'an object')
    if (this.#depth >= DOCUMENT_LIMITS.depth) throw tooLarge(this.nextPath, 'depth', this.#depth + 1)
    this.#countChild()
    this.#counts[this.#depth] = isArray ? 0 : OBJECT
    this.#keys[this.#depth] = undefined
    this.#depth++
    this.#wantsKey = !isArray
  }

  #nextEnd(isArray: boolean): void {
    const isFit = isArray ? this.#isInArray : this.#wantsKey
    if (!isFit) throw this.#impossible(isArray ? 'the end of an array' : 'the end of an object')
    this.#depth--
    this.#valueEnds()
  }

  get #isInArray(): boolean {
    return this.#depth > 0 && this.#counts[this.#depth - 1] !== OBJECT
  }

  #checkValue(found: string): void {
    if (this.#wantsKey || this.#isComplete) throw this.#impossible(found)
  }

  #countChild(): void {
    if (this.#isInArray) (this.#counts[this.#depth - 1] as number)++
  }

  #valueEnds(): void {
    this.#isComplete = this.#depth === 0
    this.#wantsKey = this.#depth > 0 && !this.#isInArray
  }

  #pathOf(isNext: boolean): string {
    let text = ''
    for (let level = 0; level < this.#depth; level++) {
      const isNextHere = isNext && level === this.#depth - 1
      const count = this.#counts[level] as number
      const key = this.#keys[level]
      if (count === OBJECT) {
        if (key !== undefined && !(isNextHere && this.#wantsKey)) text = appendKey(text, key)
      } else if (isNextHere) text = appendStep(text, { type: 'index', index: count })
      else if (count > 0) text = appendStep(text, { type: 'index', index: count - 1 })
    }
    return text
  }

  #impossible(found: string): VarveError {
    let expected = 'a value'
    if (this.#isComplete) expected = 'the end of the document'
    else if (this.#wantsKey) expected = 'a key or the end of an object'
    else if (this.#isInArray) expected = 'a value or the end of an array'
    return sequenceError(this.nextPath, found, expected)
  }
}

function appendKey(path: string, key: string | number): string {
  return appendStep(path, typeof key === 'number' ? { type: 'intKey', key } : { type: 'field', key })
}

/** Bytes of a text as UTF-8 when they are more than `limit`, and otherwise 0; short texts are not looked through. */
function sizeOver(text: string, limit: number): number {
  if (text.length <= limit / 3) return 0
  const sizeBytes = utf8Length(text)
  return sizeBytes > limit ? sizeBytes : 0
}

function isLongBytes(value: unknown, limit: number): value is Uint8Array {
  return typeof value === 'object' && value !== null && isBytes(value) && value.length > limit
}

function tooLarge(where: string, limitName: keyof typeof DOCUMENT_LIMITS, found: number): VarveError {
  const path = shownPath(where)
  const limit = DOCUMENT_LIMITS[limitName]
  const message = `Cannot go on with structural events at "${path}": ${limitName} is ${found}, limit ${limit}`
  return new VarveError('DOCUMENT_LIMIT', message, { details: { path, limit, limitName, found } })
}
