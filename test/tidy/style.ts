/** The rules that one file can break by itself.
 * @module */
import { type NamedFunction, namedFunctions } from './functions.ts'
import { lineAt } from './mask.ts'
import type { Source } from './sources.ts'

export const FILE_LINES_MAX = 400
export const FILE_LINES_SOFT = 250
export const FUNCTION_LINES_MAX = 60
export const PARAMETERS_MAX = 3
/** The width of the formatter, which lays out two thirds of the lines: a second, narrower limit would only make the
 * comments ragged. */
export const COLUMNS_MAX = 120

/** Written by a generator: no limits of length. */
const GENERATED = new Set(['web/assets/bundle.ts'])
/** The page's own script: it runs in a browser, not in the core. */
const BROWSER = new Set(['web/assets/admin.js'])

/** What must not be named where, and what to use instead. */
const BANNED: readonly { readonly in: RegExp; readonly what: RegExp; readonly use: string }[] = [
  { in: /^(?:src\/(?!ports\/)|web\/)/, what: /\bDate\.now\b|\bnew Date\(\)/g, use: 'clock.now()' },
  { in: /^(?:src\/(?!ports\/)|web\/)/, what: /\bperformance\.now\b/g, use: 'clock.monotonic()' },
  { in: /^(?:src\/(?!ports\/)|web\/)/, what: /\b(?:setTimeout|setInterval)\b/g, use: 'clock.after()' },
  { in: /^(?:src\/|web\/)/, what: /\bMath\.random\b/g, use: 'the random port' },
  { in: /^src\/(?!ports\/)/, what: /\bcrypto\./g, use: 'the random port or storage.digest' },
  { in: /^web\//, what: /\bcrypto\.(?!subtle\.digest)/g, use: 'the random port' },
  { in: /^(?:src|web)\//, what: /\b(?:Deno|Bun|process)\.|\bBuffer\b|\b__dirname\b/g, use: 'a port' },
  // One file makes code, from keys as JSON text, and does without where that is forbidden.
  { in: /^(?:src\/(?!codec\/packed-read\.ts$)|web\/)/, what: /\beval\(|\bnew Function\b/g, use: 'no code from data' },
  { in: /^/, what: /\benum \w/g, use: 'a union of literals' },
  { in: /\.ts$/, what: /(?::|<|\bas|[|&,])\s*any\b(?!\s*[:=(])/g, use: '`unknown`' },
  { in: /\.ts$/, what: /[\w$)\]]!(?=[.;,)[\]\s])(?!\s*=)/g, use: 'a check; `!` hides one' },
]

/** What is over a budget, and how far it may be. The list and its numbers may only shrink. */
const RATCHET: Readonly<Record<string, number>> = {
  'src/topic/roll.ts commitSegment parameters': 4,
  'web/assets/admin.js follow lines': 79,
  'test/unit/store/verify.test.ts lines': 600,
}

/** Markers of unfinished work, in comments. Spelled apart, so that this file passes its own rule. */
const UNFINISHED = new RegExp(`\\b(?:${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${['X', 'XX'].join('')})\\b`)

export interface StyleReport {
  /** Sentences, each with file and line. */
  readonly violations: readonly string[]
  /** Files over the soft limit. */
  readonly long: readonly string[]
  /** What the ratchet excuses. */
  readonly ratchet: readonly string[]
  readonly functions: number
}

/** Check one file by itself. */
export function checkStyle(source: Source): StyleReport {
  const { path, lines, text } = source
  const masked = source.masked.split('\n')
  const violations: string[] = []
  const ratchet: string[] = []
  const says = (line: number, sentence: string) => violations.push(`${path}:${line} ${sentence}`)
  if (!BROWSER.has(path) && !/^(?:#!.*\n)?\/\*\*[\s\S]*?@module/.test(text))
    says(1, 'does not begin with an @module comment')
  if (text.includes('\r')) says(1, 'has carriage returns')
  if (GENERATED.has(path)) return { violations, long: [], ratchet, functions: 0 }
  const lineCount = text.endsWith('\n') ? lines.length - 1 : lines.length
  const budget = (what: string, found: number, most: number) => {
    const key = `${path} ${what}`
    const allowed = RATCHET[key] ?? most
    if (allowed > most) ratchet.push(found > most ? `${key} ${found}` : `${key}: not needed any more`)
    return found <= allowed ? undefined : `has ${found} ${what.split(' ').at(-1)}, at most ${allowed}`
  }
  const tooLong = budget('lines', lineCount, FILE_LINES_MAX)
  if (tooLong !== undefined) says(FILE_LINES_MAX, tooLong)
  for (const [index, line] of lines.entries()) {
    if (line.length > COLUMNS_MAX && !isOneLiteral(line, masked[index] ?? ''))
      says(index + 1, `has ${line.length} columns, at most ${COLUMNS_MAX}`)
    if (UNFINISHED.test(line)) says(index + 1, 'marks unfinished work: finish it or open an issue')
  }
  for (const { in: folder, what, use } of BANNED) {
    if (!folder.test(path) || BROWSER.has(path)) continue
    for (const match of source.masked.matchAll(what)) {
      const line = lineAt(source.masked, match.index + match[0].search(/\S/))
      if (!isExcused(lines, line)) says(line, `uses \`${match[0].trim()}\`: use ${use}`)
    }
  }
  const functions = namedFunctions(source.masked)
  for (const found of functions) {
    const length = budget(`${found.name} lines`, found.lines, FUNCTION_LINES_MAX)
    if (length !== undefined) says(found.line, `${found.name} ${length}`)
    if (!found.isExported) continue
    const parameters = budget(`${found.name} parameters`, found.parameters, PARAMETERS_MAX)
    if (parameters !== undefined) says(found.line, `${found.name} ${parameters}: use options`)
    if (path.startsWith('src/') && !hasDocstring(lines, found)) says(found.line, `${found.name} has no docstring`)
  }
  const long = lineCount > FILE_LINES_SOFT ? [`${path} ${lineCount}`] : []
  return { violations, long, ratchet, functions: functions.length }
}

/** The line is as wide as its message, title or pattern: those are not cut. */
function isOneLiteral(line: string, masked: string): boolean {
  const isCode = /['`/]/.test(masked)
  const hasLong = /'[^']{30,}'|`[^`]{30,}`|\/[^/]{60,}\//.test(line)
  return isCode && hasLong && masked.replace(/ {2,}/g, '').length < COLUMNS_MAX
}

/** The line before says why, to the linter and to readers. */
function isExcused(lines: readonly string[], line: number): boolean {
  return /biome-ignore \S+: \S/.test(lines[line - 2] ?? '')
}

/** A comment ends right above, an earlier overload and remarks to the linter passed over. */
function hasDocstring(lines: readonly string[], { line, name }: NamedFunction): boolean {
  let at = line - 2
  while (lines[at]?.startsWith('// biome-ignore') || lines[at]?.startsWith(`export function ${name}`)) at--
  return lines[at]?.trimEnd().endsWith('*/') ?? false
}
