/** Paths of values in a document: fields, elements, integer keys; wildcards and slices for reads that mean many.
 *
 * `users[0].name`, `a."odd key"[3]`, `m{3002}`, `rows[10:20].*`; the empty text is the root. The grammar is in
 * parse.ts. A path is compiled once and then compared, joined and read without its text.
 * @module */
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import { formatPointer, formatSteps, parsePointer, shownPath } from './format.ts'
import { parseSteps } from './parse.ts'
import { checkSteps, compareSteps, STEPS_MAX, type Step, tooManySteps } from './steps.ts'

export type { Step } from './steps.ts'

const encoder = new TextEncoder()

/** A parsed path of at most 1,024 steps; immutable, and made once for many reads. */
export class Path {
  static readonly root: Path = new Path([])

  /** Text that is not canonical is read too: single quotes, escapes and quotes that nothing needs.
   * @throws {VarveError} `PATH_INVALID` {path, position, found, expected}: the position counts UTF-16 units from 0. */
  static parse(text: string): Path {
    return text === '' ? Path.root : new Path(parseSteps(text))
  }

  /** From an RFC 6901 pointer. Digits mean an element where the value is an array and a field where it is an object,
   * which only a read can tell: such steps are `{ type: 'field', key: '12' }` and reads try both.
   * @throws {VarveError} `PATH_INVALID` {path, position, found, expected}. */
  static fromPointer(pointer: string): Path {
    return pointer === '' ? Path.root : new Path(parsePointer(pointer))
  }

  /** @throws {VarveError} `PATH_INVALID` {step, found} for a step that makes no sense; `step` counts from 0. */
  static of(steps: readonly Step[]): Path {
    return steps.length === 0 ? Path.root : new Path(checkSteps(steps))
  }

  readonly steps: readonly Step[]
  /** Whether it may mean more than one value. */
  readonly isPlural: boolean
  #text: string | undefined
  #keyBytes: readonly (Uint8Array | undefined)[] | undefined

  /** Takes the steps as they are. */
  private constructor(steps: Step[]) {
    for (const step of steps) Object.freeze(step)
    this.steps = Object.freeze(steps)
    this.isPlural = steps.some(meansMany)
  }

  get parent(): Path | undefined {
    if (this.steps.length === 0) return undefined
    return this.steps.length === 1 ? Path.root : new Path(this.steps.slice(0, -1))
  }

  /** Keys of fields as documents store them, UTF-8 or, with lone surrogates, WTF-8; undefined for other steps.
   * Not to be changed. Cost: made at the first use. */
  get keyBytes(): readonly (Uint8Array | undefined)[] {
    this.#keyBytes ??= this.steps.map((step) => (step.type === 'field' ? encodeKey(step.key) : undefined))
    return this.#keyBytes
  }

  /** The one canonical text, which parses back to the same path. Fields print bare or in double quotes, slices with
   * their beginning. Cost: made at the first use. */
  toString(): string {
    this.#text ??= formatSteps(this.steps)
    return this.#text
  }

  /** An RFC 6901 pointer; elements become digits.
   * @throws {VarveError} `PATH_INVALID` {path, step, found} for steps that a pointer lacks. */
  toPointer(): string {
    return formatPointer(this.steps)
  }

  /** Total order: a parent before its children, field < index < integer key, wildcards after their kind. Keys are
   * compared by UTF-16 units, slices by their beginnings and then their ends.
   * @returns less than 0 when this one comes first, 0 when both are the same. */
  compare(other: Path): number {
    const { steps } = this
    const others = other.steps
    const shared = Math.min(steps.length, others.length)
    for (let at = 0; at < shared; at++) {
      const order = compareSteps(steps[at] as Step, others[at] as Step)
      if (order !== 0) return order
    }
    return steps.length - others.length
  }

  equals(other: Path): boolean {
    return this.steps.length === other.steps.length && this.compare(other) === 0
  }

  /** Of itself, too, it is none. Wildcards are compared as steps, not by what they mean. */
  isAncestorOf(other: Path): boolean {
    const { steps } = this
    return (
      steps.length < other.steps.length && steps.every((step, at) => compareSteps(step, other.steps[at] as Step) === 0)
    )
  }

  /** @throws {VarveError} `PATH_INVALID` as `of`. */
  join(...more: readonly (Step | Path)[]): Path {
    const steps = [...this.steps]
    for (const part of more) {
      if (part instanceof Path) steps.push(...part.steps)
      else steps.push(...checkSteps([part]))
    }
    if (steps.length > STEPS_MAX)
      throw tooManySteps({ path: shownPath(this.toString()), found: `${steps.length} steps` })
    return steps.length === 0 ? Path.root : new Path(steps)
  }
}

/** A path from whatever a caller gave. @throws {VarveError} `PATH_INVALID`. */
export function toPath(path: string | Path | undefined): Path {
  if (path instanceof Path) return path
  return path === undefined ? Path.root : Path.parse(path)
}

/** @throws {VarveError} `PATH_PLURAL` {path} for a path that may mean more than one value. */
export function toSinglePath(path: string | Path | undefined): Path {
  const single = toPath(path)
  if (!single.isPlural) return single
  const shown = shownPath(single.toString())
  throw new VarveError('PATH_PLURAL', `Path "${shown}" may mean many values`, { details: { path: shown } })
}

function meansMany(step: Step): boolean {
  return step.type === 'slice' || step.type === 'anyField' || step.type === 'anyIndex' || step.type === 'anyIntKey'
}

function encodeKey(key: string): Uint8Array {
  if (key.isWellFormed()) return encoder.encode(key)
  const buffer = new ValueBuffer()
  buffer.ensure(key.length * 3)
  buffer.wtf8(key)
  return buffer.bytes.slice(0, buffer.length)
}
