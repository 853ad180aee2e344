/** The named functions of a file, found in masked text: declarations, methods and arrow functions with a name.
 * @module */
import { closing, lineAt } from './mask.ts'

export interface NamedFunction {
  readonly name: string
  /** Line of its name, from 1. */
  readonly line: number
  /** Lines from its name to its last brace. */
  readonly lines: number
  readonly parameters: number
  readonly isExported: boolean
}

const MODIFIERS = '(?:(?:public|private|protected|static|override|readonly|async|get|set|accessor)\\s+)*'
const DECLARATION = /^[ \t]*(export\s+)?(?:default\s+)?(?:async\s+)?function\s*\*?\s*([\w$]+)\s*(?=[(<])/gm
const ARROW = /^[ \t]*(export\s+)?(?:const|let)\s+([\w$]+)\s*(?::[^=\n]*)?=\s*(?:async\s*)?(?=[(<])/gm
const METHOD = new RegExp(`^[ \\t]+()${MODIFIERS}\\*?\\s*(#?[\\w$]+)\\s*(?=[(<])`, 'gm')
const NOT_A_METHOD = /^(?:if|for|while|switch|catch|return|function|super|await|typeof|new|throw|do|else|with|import)$/

/** Every named function with a body. */
export function namedFunctions(masked: string): NamedFunction[] {
  const found = new Map<number, NamedFunction>()
  for (const [pattern, isArrow] of [
    [DECLARATION, false],
    [ARROW, true],
    [METHOD, false],
  ] as const)
    for (const match of masked.matchAll(pattern)) {
      const name = match[2] ?? ''
      if (NOT_A_METHOD.test(name)) continue
      const start = match.index + match[0].search(/\S/)
      const shape = shapeAt(masked, match.index + match[0].length, isArrow)
      if (shape === undefined || found.has(start)) continue
      const line = lineAt(masked, start)
      const lines = lineAt(masked, shape.end) - line + 1
      found.set(start, { name, line, lines, parameters: shape.parameters, isExported: Boolean(match[1]) })
    }
  return [...found.values()]
}

/** Parameters and end of the function whose type parameters or parameters begin at `at`. */
function shapeAt(masked: string, at: number, isArrow: boolean): { parameters: number; end: number } | undefined {
  const open = masked[at] === '<' ? masked.indexOf('(', closing(masked, at)) : at
  const close = closing(masked, open)
  if (masked[open] !== '(' || close === -1) return undefined
  const parameters = countParameters(masked.slice(open + 1, close))
  const body = bodyAfter(masked, close + 1, isArrow)
  if (body === undefined) return undefined
  const end = masked[body] === '{' ? closing(masked, body) : masked.indexOf('\n', body)
  return { parameters, end: end === -1 ? masked.length : end }
}

/** Where the body begins: a brace, or for an arrow function the expression. @returns undefined for a call or a type. */
function bodyAfter(masked: string, from: number, isArrow: boolean): number | undefined {
  let at = from
  const skipBlanks = () => {
    while (/\s/.test(masked[at] ?? '')) at++
  }
  skipBlanks()
  if (masked[at] === ':') {
    at++
    // A type: brackets that follow an operator belong to it, a brace after a complete type is the body.
    for (let isComplete = false; ; ) {
      const before = at
      skipBlanks()
      const char = masked[at]
      if (char === undefined || ';,)}'.includes(char)) return undefined
      // Members of interfaces end with their line.
      if (isComplete && masked.slice(before, at).includes('\n') && !'|&='.includes(char)) return undefined
      if (masked.startsWith('=>', at)) {
        if (isArrow && isComplete) break
        isComplete = false
        at += 2
      } else if (char === '{' && isComplete) break
      else if (CLOSE_TYPE.has(char)) {
        const end = closing(masked, at)
        if (end === -1) return undefined
        at = end + 1
        isComplete = true
      } else if (char === '|' || char === '&') {
        isComplete = false
        at++
      } else {
        const word = /^[\w$.'"`?]+/.exec(masked.slice(at, at + 200))?.[0]
        at += word?.length ?? 1
        isComplete = word !== undefined && !TYPE_WORDS.has(word)
      }
    }
  }
  if (isArrow) {
    if (!masked.startsWith('=>', at)) return undefined
    at += 2
    skipBlanks()
    return at
  }
  return masked[at] === '{' ? at : undefined
}

const CLOSE_TYPE = new Set(['{', '(', '[', '<'])
const TYPE_WORDS = new Set(['is', 'asserts', 'keyof', 'typeof', 'readonly', 'extends', 'infer', 'unique'])

function countParameters(inside: string): number {
  let depth = 0
  let count = 0
  let isEmpty = true
  for (let at = 0; at < inside.length; at++) {
    const char = inside[at] ?? ''
    if ('([{<'.includes(char)) depth++
    else if (')]}'.includes(char) || (char === '>' && inside[at - 1] !== '=')) depth--
    if (char === ',' && depth === 0) {
      if (!isEmpty) count++
      isEmpty = true
    } else if (!/\s/.test(char)) isEmpty = false
  }
  return isEmpty ? count : count + 1
}
