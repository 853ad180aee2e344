/** The canonical text of paths, and RFC 6901 pointers from and to steps.
 *
 * A field prints bare when every character of its key is an ASCII letter or digit, `_`, `$`, `-`, or past
 * U+00A0 and no blank; every other key, the empty one too, prints in double quotes with the escapes of JSON.
 * @module */
import { VarveError } from '../../errors.ts'
import { STEPS_MAX, type Step, tooManySteps } from './steps.ts'

/** 1 for the ASCII characters that need no quotes. */
const BARE = new Uint8Array(128)
for (const unit of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$-'])
  BARE[unit.charCodeAt(0)] = 1
const BLANK = /\s/
/** Paths in errors are cut after this. */
const SHOWN_CHARS = 256

/** Where the characters end that need no quotes, from `from` on. */
export function bareEnd(text: string, from: number): number {
  let at = from
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) {
      if (BARE[unit] === 0) return at
    } else if (unit >= 0xd800 && unit <= 0xdfff) {
      if (unit > 0xdbff || (text.charCodeAt(at + 1) & 0xfc00) !== 0xdc00) return at
      at++
    } else if (unit <= 0xa0 || BLANK.test(String.fromCharCode(unit))) return at
  }
  return at
}

/** Cost: one pass. @returns canonical text. */
export function formatSteps(steps: readonly Step[]): string {
  let text = ''
  for (const step of steps) text = appendStep(text, step)
  return text
}

/** The path of a child. @param parent canonical text of the parent, empty for the root. */
export function appendStep(parent: string, step: Step): string {
  switch (step.type) {
    case 'field':
      return `${parent}${parent === '' ? '' : '.'}${formatKey(step.key)}`
    case 'anyField':
      return parent === '' ? '*' : `${parent}.*`
    case 'index':
      return `${parent}[${step.index}]`
    case 'anyIndex':
      return `${parent}[*]`
    case 'slice':
      return `${parent}[${step.from}:${step.to ?? ''}]`
    case 'intKey':
      return `${parent}{${step.key}}`
    case 'anyIntKey':
      return `${parent}{*}`
    case 'keyed':
      return `${parent}(${formatKey(step.key)})`
  }
}

/** Lone surrogates come out as \uXXXX. */
function formatKey(key: string): string {
  return key !== '' && bareEnd(key, 0) === key.length ? key : JSON.stringify(key)
}

/** A path as it is shown in errors. */
export function shownPath(text: string): string {
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text
}

/** All steps of a pointer are fields. @throws {VarveError} `PATH_INVALID` {path, position, found, expected}. */
export function parsePointer(pointer: string): Step[] {
  if (typeof pointer !== 'string') {
    throw new VarveError('PATH_INVALID', 'Pointer is no text', { details: { position: 0, found: typeof pointer } })
  }
  if (pointer === '') return []
  if (!pointer.startsWith('/')) throw badPointer(pointer, 0, 'a slash, or nothing')
  const steps: Step[] = []
  for (let at = 0; at < pointer.length; ) {
    if (steps.length === STEPS_MAX) throw tooManySteps({ path: shownPath(pointer), position: at, found: '/' })
    const slash = pointer.indexOf('/', at + 1)
    const end = slash < 0 ? pointer.length : slash
    steps.push({ type: 'field', key: unescapeToken(pointer, at + 1, end) })
    at = end
  }
  return steps
}

function unescapeToken(pointer: string, from: number, end: number): string {
  let key = ''
  let at = from
  for (;;) {
    const tilde = pointer.indexOf('~', at)
    if (tilde < 0 || tilde >= end) return key + pointer.slice(at, end)
    const escaped = pointer[tilde + 1]
    if (escaped !== '0' && escaped !== '1') throw badPointer(pointer, tilde + 1, '0 or 1')
    key += pointer.slice(at, tilde) + (escaped === '0' ? '~' : '/')
    at = tilde + 2
  }
}

function badPointer(pointer: string, position: number, expected: string): VarveError {
  const found = foundAt(pointer, position)
  return new VarveError(
    'PATH_INVALID',
    `Pointer cannot be read at position ${position}: expected ${expected}, found ${found}`,
    { details: { path: shownPath(pointer), position, found, expected } },
  )
}

/** The character at a position, as an error names it. */
export function foundAt(text: string, position: number): string {
  const point = text.codePointAt(position)
  return point === undefined ? 'the end' : JSON.stringify(String.fromCodePoint(point))
}

/** @throws {VarveError} `PATH_INVALID` {path, step, found} for all but fields and indexes. */
export function formatPointer(steps: readonly Step[]): string {
  let pointer = ''
  for (const [at, step] of steps.entries()) {
    if (step.type === 'field') pointer += `/${step.key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    else if (step.type === 'index') pointer += `/${step.index}`
    else {
      const found = appendStep('', step)
      throw new VarveError('PATH_INVALID', `Pointer cannot be made: pointers lack steps like ${found}`, {
        details: { path: shownPath(formatSteps(steps)), step: at, found },
      })
    }
  }
  return pointer
}
