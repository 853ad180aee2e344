/** Source text with comments and the insides of literals blanked, so that plain patterns see code only.
 *
 * Not a parser: it knows comments, quotes, templates with code in them, and regular expressions by what stands
 * before them. Masked text has the length and the lines of the original, so positions agree.
 * @module */

const REGEX_MAY_FOLLOW =
  /(?:^|[(,=:[!&|?{};<>+\-*%~^]|\b(?:return|typeof|case|of|in|delete|void|throw|await|yield))\s*$/

/** Blank comments, and what is inside quotes, templates and regular expressions; their delimiters stay. */
export function mask(source: string): string {
  const out = source.split('')
  const blank = (from: number, to: number) => {
    for (let at = from; at < to; at++) if (out[at] !== '\n') out[at] = ' '
  }
  /** Depth of braces at which each open template's code ends. */
  const templates: number[] = []
  let braces = 0
  let at = 0
  /** From the inside of a template to its end or to its next piece of code. */
  const template = (from: number): number => {
    let end = from
    while (end < source.length && source[end] !== '`' && !source.startsWith('${', end))
      end += source[end] === '\\' ? 2 : 1
    blank(from, end)
    if (source[end] === '`') return end + 1
    templates.push(braces++)
    return end + 2
  }
  while (at < source.length) {
    const char = source[at]
    const next = source[at + 1]
    if (char === '/' && (next === '/' || next === '*')) {
      const end = next === '/' ? source.indexOf('\n', at) : source.indexOf('*/', at + 2) + 2
      const stop = end < at ? source.length : end
      blank(at, stop)
      at = stop
    } else if (char === "'" || char === '"') {
      const end = literalEnd(source, at, char)
      blank(at + 1, end)
      at = end + 1
    } else if (char === '`') at = template(at + 1)
    else if (char === '/' && REGEX_MAY_FOLLOW.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      const end = regexEnd(source, at)
      blank(at + 1, end)
      at = end + 1
    } else {
      if (char === '{') braces++
      if (char === '}') braces--
      at++
      if (char === '}' && templates.at(-1) === braces) {
        templates.pop()
        at = template(at)
      }
    }
  }
  return out.join('')
}

function literalEnd(source: string, start: number, quote: string): number {
  let at = start + 1
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1
  return at
}

function regexEnd(source: string, start: number): number {
  let isClass = false
  let at = start + 1
  for (; at < source.length && source[at] !== '\n'; at++) {
    const char = source[at]
    if (char === '\\') at++
    else if (char === '[') isClass = true
    else if (char === ']') isClass = false
    else if (char === '/' && !isClass) break
  }
  return at
}

const CLOSERS: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' }

/** Position of the bracket that closes the one at `open` in masked text, or -1. Looks at that kind of bracket only. */
export function closing(masked: string, open: number): number {
  const opener = masked[open] ?? ''
  const closer = CLOSERS[opener]
  let depth = 0
  for (let at = open; at < masked.length; at++) {
    const char = masked[at]
    if (char === opener) depth++
    else if (char === closer && !(char === '>' && masked[at - 1] === '=') && --depth === 0) return at
  }
  return -1
}

/** Line number, from 1, of a position. */
export function lineAt(text: string, position: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line++
  return line
}
