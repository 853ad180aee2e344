/** Deltas of groups for a reader that knows src/FORMAT.md and none of the product's code: each is made to the value
 * before it as it is read.
 * @module */
import { check, wtf8 } from './document-events.ts'
import { Bytes, scalar } from './group-bytes.ts'
import { readPositions, readValues } from './group-columns.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
type Fields = Map<string, unknown>

/** The delta of a version, with the keys of the group up to there, which grow. Kinds of changes are noted. */
export class Delta {
  readonly #from: Bytes
  readonly #keys: string[]
  readonly #seen: Set<string>
  /** Arrays whose columns come behind the value that is being read. */
  #columns: unknown[][] = []

  constructor(bytes: Uint8Array, group: { readonly keys: string[]; readonly seen: Set<string> }) {
    this.#from = new Bytes(bytes)
    this.#keys = group.keys
    this.#seen = group.seen
  }

  /** @returns the value of the version. `before` is left as it was. */
  apply(before: unknown): unknown {
    const after = this.#change(before)
    check(this.#from.isAtEnd, 'a delta to its end')
    return after
  }

  #change(before: unknown): unknown {
    const code = this.#from.peek()
    if (isKeyCode(code)) {
      this.#saw('one field')
      const fields = fieldsOf(before)
      const key = this.#key()
      check(fields.has(key), 'the field that changed')
      fields.set(key, this.#change(fields.get(key)))
      return objectOf(fields)
    }
    if (code < 0x20 || code >= 0x40) {
      this.#saw('another value')
      return this.#value()
    }
    this.#from.slice(1)
    if (code < 0x30) return this.#object(before, code - 0x20)
    if (code === 0x30) return this.#runs(before)
    if (code === 0x31) return this.#oneElement(before)
    if (code === 0x34) return this.#text(before, this.#from.varint())
    if (code === 0x35) return this.#text(before, 1)
    check(code >= 0x38 && code < 0x3e, `a change instead of ${code}`)
    return this.#numbers(before, code - 0x38)
  }

  #object(before: unknown, parts: number): unknown {
    const fields = fieldsOf(before)
    const count = (bit: number) => ((parts & bit) === 0 ? 0 : this.#from.varint())
    const removed = Array.from({ length: count(1) }, () => this.#key())
    for (let left = count(2); left > 0; left--) {
      const key = this.#key()
      check(fields.has(key), 'a field that changed')
      fields.set(key, this.#change(fields.get(key)))
      this.#saw('changed')
    }
    for (const key of removed) {
      check(fields.delete(key), 'a field to remove')
      this.#saw('removed')
    }
    for (let left = count(4); left > 0; left--) {
      const key = this.#key()
      check(!fields.has(key), 'a new field')
      fields.set(key, this.#value())
      this.#saw('added')
    }
    if ((parts & 8) === 0) return objectOf(fields)
    this.#saw('order')
    const all = [...fields]
    const ordered: Fields = new Map()
    let end = 0
    for (let left = this.#from.varint(); left > 0; left--) {
      const start = end + this.#from.zigzag()
      end = start + this.#from.varint()
      for (const [key, value] of all.slice(start, end)) ordered.set(key, value)
    }
    check(ordered.size === fields.size, 'an order of all fields')
    return objectOf(ordered)
  }

  #runs(before: unknown): unknown[] {
    const elements = elementsOf(before)
    const after: unknown[] = []
    let end = 0
    for (let left = this.#from.varint(); left > 0; left--) {
      const head = this.#from.varint()
      const kind = head % 4
      const n = Math.floor(head / 4)
      this.#saw(`run ${kind}`)
      if (kind === 3) {
        if (n === 0) for (const number of readValues(this.#from)) after.push(number)
        for (let more = n; more > 0; more--) after.push(this.#value())
        continue
      }
      const start = end + (kind === 0 ? 0 : kind === 1 ? this.#from.zigzag() : n % 2 === 0 ? n / 2 : (-1 - n) / 2)
      end = start + (kind === 2 ? 1 : n)
      check(start >= 0 && end <= elements.length, 'elements that are there')
      if (kind === 2) after.push(this.#change(elements[start]))
      else for (const element of elements.slice(start, end)) after.push(element)
    }
    return after
  }

  #oneElement(before: unknown): unknown[] {
    this.#saw('one element')
    const elements = elementsOf(before).slice()
    const at = this.#from.varint()
    check(elements.length === at + 1 + this.#from.varint(), 'as many elements')
    elements[at] = this.#change(elements[at])
    return elements
  }

  #text(before: unknown, edits: number): string {
    check(typeof before === 'string', 'a text')
    this.#saw(edits === 1 ? 'one edit' : 'edits')
    const text = before as string
    let after = ''
    let at = 0
    for (let left = edits; left > 0; left--) {
      const start = at + this.#from.varint()
      after += text.slice(at, start)
      at = start + this.#from.varint()
      check(at <= text.length, 'an edit inside of its text')
      after += this.#value()
    }
    return after + text.slice(at)
  }

  #numbers(before: unknown, form: number): unknown[] {
    const coding = form >> 1
    const after = elementsOf(before).slice()
    const positions = (form & 1) === 1 ? readPositions(this.#from) : [...after.keys()]
    this.#saw(`numbers ${coding}${(form & 1) === 1 ? ' at positions' : ''}`)
    const values = readValues(this.#from)
    check(positions.length === values.length, 'as many values as positions')
    for (const [at, position] of positions.entries()) {
      const number = after[position]
      check(typeof number === 'number' || typeof number === 'bigint', 'a number')
      after[position] = changedNumber(coding, number as number | bigint, values[at] as number | bigint)
    }
    return after
  }

  #value(): unknown {
    const around = this.#columns
    this.#columns = []
    const value = this.#events()
    for (const column of this.#columns) {
      this.#saw('column in a value')
      for (const number of readValues(this.#from)) column.push(number)
    }
    this.#columns = around
    return value
  }

  #events(): unknown {
    const from = this.#from
    const code = from.u8()
    if (code === 0x19) {
      const column: unknown[] = []
      this.#columns.push(column)
      return column
    }
    if (code !== 0x10 && code !== 0x12 && (code < 0x40 || code >= 0x60)) return scalar(from, code)
    const isObject = code === 0x10 || code >= 0x50
    const end = code < 0x40 ? code + 1 : undefined
    const fields: Fields = new Map()
    const elements: unknown[] = []
    for (let left = code & 15; end === undefined ? left > 0 : from.peek() !== end; left--) {
      if (!isObject) elements.push(this.#events())
      else {
        const key = this.#key()
        fields.set(key, this.#events())
      }
    }
    if (end !== undefined) from.slice(1)
    return isObject ? objectOf(fields) : elements
  }

  #key(): string {
    const code = this.#from.u8()
    if (code >= 0xe0) return this.#named(code - 0xe0)
    if (code === 0x0e) return this.#named(this.#from.varint() + 32)
    check(isKeyCode(code), `a key instead of ${code}`)
    const bytes = this.#from.slice(code >= 0xc0 ? code - 0xc0 : this.#from.varint())
    const key = code === 0x0d ? wtf8(bytes) : utf8.decode(bytes)
    if (!this.#keys.includes(key)) this.#keys.push(key)
    return key
  }

  #named(number: number): string {
    const key = this.#keys[number]
    if (key === undefined) throw new Error('a key of the group')
    this.#saw('key by number')
    return key
  }

  #saw(what: string): void {
    this.#seen.add(what)
  }
}

function isKeyCode(code: number): boolean {
  return code >= 0xc0 || (code >= 0x0c && code <= 0x0e)
}

const double = new DataView(new ArrayBuffer(8))

function changedNumber(coding: number, before: number | bigint, value: number | bigint): number | bigint {
  if (coding === 0) return value
  if (coding === 1 && typeof before === 'bigint' && typeof value === 'bigint') return before + value
  check(typeof before === 'number', 'numbers of one kind')
  if (coding === 1) return (before as number) + (value as number)
  double.setFloat64(0, before as number)
  double.setBigUint64(0, BigInt.asUintN(64, double.getBigUint64(0) + (value as bigint)))
  return double.getFloat64(0)
}

/** The fields of an object, in the order that objects have here as on the page. */
function fieldsOf(value: unknown): Fields {
  const isObject = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  check(isObject, 'an object')
  return new Map(Object.entries(value as object))
}

function objectOf(fields: Fields): object {
  return Object.fromEntries(fields)
}

function elementsOf(value: unknown): unknown[] {
  check(Array.isArray(value), 'an array')
  return value as unknown[]
}
