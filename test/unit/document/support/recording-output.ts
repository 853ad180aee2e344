/** A `DocumentOutput` that remembers what it was told: the events, and the value that they make.
 * @module */

import type { Scalar, StructuralEvent } from '../../../../src/document/types.ts'
import { DOCUMENT_LIMITS, type DocumentOutput } from '../../../../src/document/write/output.ts'
import { VarveError } from '../../../../src/errors.ts'

interface Open {
  readonly target: unknown[] | Record<string, unknown>
  /** Of the child that comes, or that is open. */
  key: string
  hasKey: boolean
}

/** @param fullEvery `isFull` after so many calls, until `drain`; so that sources are paused at many places. */
export class RecordingOutput implements DocumentOutput {
  readonly events: StructuralEvent[] = []
  /** What the events make: undefined fields dropped, in arrays null; decimals as their text. */
  value: unknown
  values = 0
  drains = 0
  /** Whether a value is complete. */
  done = false
  readonly #fullEvery: number
  readonly #open: Open[] = []
  #sinceDrain = 0

  constructor({ fullEvery = Number.POSITIVE_INFINITY }: { fullEvery?: number } = {}) {
    this.#fullEvery = fullEvery
  }

  get isFull(): boolean {
    return this.#sinceDrain >= this.#fullEvery
  }

  drain(): Promise<void> {
    this.drains++
    this.#sinceDrain = 0
    return Promise.resolve()
  }

  null(): void {
    this.#scalar(null)
  }

  boolean(value: boolean): void {
    this.#scalar(value)
  }

  number(value: number): void {
    this.#scalar(value)
  }

  bigint(value: bigint): void {
    this.#scalar(value)
  }

  string(value: string): void {
    this.#scalar(value)
  }

  utf8(bytes: Uint8Array, start: number, end: number): void {
    this.#scalar(decode(bytes, start, end))
  }

  scaled(m: number, e: number): void {
    if (!Number.isSafeInteger(m) || m === 0 || e < 1 || e > 22) throw new Error(`not scaled: ${m}, ${e}`)
    this.#scalar(m / Number(`1e${e}`))
  }

  bytes(value: Uint8Array): void {
    this.#scalar(value.slice())
  }

  date(at: number): void {
    this.#scalar(new Date(at))
  }

  decimal(text: string): void {
    this.#record({ type: 'decimal', text })
    this.#put(text)
  }

  undefined(): void {
    this.#scalar(undefined)
  }

  beginObject(): void {
    this.#begin({ type: 'beginObject' }, {})
  }

  endObject(): void {
    this.#end('endObject')
  }

  beginArray(): void {
    this.#begin({ type: 'beginArray' }, [])
  }

  endArray(): void {
    this.#end('endArray')
  }

  key(key: string): void {
    this.#record({ type: 'key', key })
    this.#key(key)
  }

  keyUtf8(bytes: Uint8Array, start: number, end: number): void {
    this.key(decode(bytes, start, end))
  }

  intKey(key: number): void {
    this.#record({ type: 'intKey', key })
    this.#key(String(key))
  }

  path(): string {
    let path = ''
    for (const [index, { target, key, hasKey }] of this.#open.entries()) {
      const isOpen = hasKey || index < this.#open.length - 1
      if (!Array.isArray(target)) path += isOpen ? `${path === '' ? '' : '.'}${key}` : ''
      else path += `[${isOpen && !hasKey ? target.length - 1 : target.length}]`
    }
    return path
  }

  #record(event: StructuralEvent): void {
    this.events.push(event)
    this.#sinceDrain++
  }

  #scalar(value: Scalar): void {
    this.#record({ type: 'value', value })
    this.#put(value)
  }

  #put(value: unknown): void {
    this.#attach(value)
    if (this.#open.length === 0) this.done = true
  }

  #attach(value: unknown): void {
    if (this.done) throw sequence('a value after the end')
    this.values++
    const parent = this.#open.at(-1)
    if (parent === undefined) this.value = value
    else if (Array.isArray(parent.target)) parent.target.push(value ?? null)
    else {
      if (!parent.hasKey) throw sequence('a value without a key')
      if (value !== undefined) define(parent.target, parent.key, value)
      parent.hasKey = false
    }
  }

  #begin(event: StructuralEvent, target: unknown[] | Record<string, unknown>): void {
    this.#record(event)
    this.#attach(target)
    if (this.#open.length === DOCUMENT_LIMITS.depth) {
      throw new VarveError('DOCUMENT_LIMIT', 'too deep', { details: { limitName: 'depth' } })
    }
    this.#open.push({ target, key: '', hasKey: false })
  }

  #end(type: 'endObject' | 'endArray'): void {
    this.#record({ type })
    const top = this.#open.pop()
    if (top === undefined || Array.isArray(top.target) !== (type === 'endArray')) throw sequence(type)
    if (top.hasKey) throw sequence('a key without a value')
    if (this.#open.length === 0) this.done = true
  }

  #key(key: string): void {
    const top = this.#open.at(-1)
    if (top === undefined || Array.isArray(top.target) || top.hasKey) throw sequence('a key')
    top.key = key
    top.hasKey = true
  }
}

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
}

function sequence(found: string): VarveError {
  return new VarveError('DOCUMENT_SEQUENCE', `found ${found}`, { details: { found } })
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, end))
}
