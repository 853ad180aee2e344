/** Changes as lines for people.
 * @module */
import { isBytes, isDate } from '../../codec/value-kinds.ts'
import type { Change } from '../types.ts'

/** Values are cut to this. */
const VALUE_CHARS = 60
/** Two values that are longer together take a line each. */
const ONE_LINE_CHARS = 72
/** Of texts that are cut, what is shown before the first difference. */
const LEAD_CHARS = 16
const CUT = '…'

/** One or two lines for each change: `+` for what was added, `-` removed, `~` changed, `>` moved. Values are
 * shortened. */
export function changeLines(changes: readonly Change[]): string[] {
  return changes.flatMap(linesOf)
}

function linesOf({ type, path, from, before, after }: Change): string[] {
  const where = path === '' ? '(root)' : path
  if (type === 'added') return [`+ ${where}: ${shown(after)}`]
  if (type === 'removed') return [`- ${where}: ${shown(before)}`]
  if (type === 'moved') {
    return [from === path ? `~ ${where}: fields in another order` : `> ${where}: moved from ${from}`]
  }
  const [was, is] = typeof before === 'string' && typeof after === 'string' ? texts(before, after) : pair(before, after)
  if (was.length + is.length <= ONE_LINE_CHARS) return [`~ ${where}: ${was} -> ${is}`]
  return [`~ ${where}: ${was}`, `${' '.repeat(Math.min(where.length, VALUE_CHARS))} -> ${is}`]
}

function pair(before: unknown, after: unknown): [string, string] {
  return [shown(before), shown(after)]
}

/** Long texts from a little before where they differ. */
function texts(before: string, after: string): [string, string] {
  const shortest = Math.min(before.length, after.length)
  if (Math.max(before.length, after.length) <= VALUE_CHARS) return pair(before, after)
  let same = 0
  while (same < shortest && before[same] === after[same]) same++
  let from = Math.max(0, same - LEAD_CHARS)
  if (isLow(before, from)) from--
  return [excerpt(before, from), excerpt(after, from)]
}

function excerpt(text: string, from: number): string {
  const rest = from === 0 ? quoted(text) : quoted(text.slice(from, from + VALUE_CHARS + 1))
  return from === 0 ? rest : `${CUT}${rest}`
}

/** A position inside of a pair of surrogates. */
function isLow(text: string, at: number): boolean {
  return at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00
}

function quoted(text: string): string {
  if (text.length <= VALUE_CHARS) return JSON.stringify(text)
  const end = isLow(text, VALUE_CHARS) ? VALUE_CHARS - 1 : VALUE_CHARS
  return `${JSON.stringify(text.slice(0, end))}${CUT}`
}

function shown(value: unknown): string {
  const out = new Shown()
  out.value(value)
  return out.text
}

/** JSON as far as it goes, cut where it gets long. */
class Shown {
  text = ''

  value(value: unknown): void {
    if (typeof value === 'string') this.text += quoted(value)
    else if (typeof value === 'bigint') this.text += cut(value)
    else if (Object.is(value, -0)) this.text += '-0'
    else if (typeof value !== 'object' || value === null) this.text += String(value)
    else if (isBytes(value)) this.text += `${value.length} bytes`
    else if (isDate(value)) this.text += value.toISOString()
    else if (Array.isArray(value)) this.#array(value)
    else this.#object(value as Readonly<Record<string, unknown>>)
  }

  #array(value: readonly unknown[]): void {
    this.text += '['
    for (const [index, element] of value.entries()) {
      if (index > 0) this.text += ', '
      if (this.#isLong()) break
      this.value(element)
    }
    this.text += ']'
  }

  #object(value: Readonly<Record<string, unknown>>): void {
    this.text += '{'
    let isFirst = true
    for (const key in value) {
      if (!isFirst) this.text += ', '
      isFirst = false
      if (this.#isLong()) break
      this.text += `${quoted(key)}: `
      this.value(value[key])
    }
    this.text += '}'
  }

  /** Nothing more is shown of a container. */
  #isLong(): boolean {
    if (this.text.length < VALUE_CHARS) return false
    this.text += CUT
    return true
  }
}

/** A bigint, of which few have many digits. */
function cut(value: bigint): string {
  // Turning a huge one into digits is slow.
  if (BigInt.asIntN(256, value) !== value) return 'a bigint past 256 bits'
  const digits = String(value)
  return digits.length > VALUE_CHARS ? `${digits.slice(0, VALUE_CHARS)}${CUT}` : digits
}
