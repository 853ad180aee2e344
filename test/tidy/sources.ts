/** Every source file of the project as text, with what the rules of tidy ask of it.
 * @module */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mask } from './mask.ts'

/** Absolute path of the project. */
export const TOP = fileURLToPath(new URL('../..', import.meta.url))

export interface Import {
  readonly specifier: string
  /** Path of the imported file from the top, for a relative import of a file that is there. */
  readonly file: string | undefined
  /** Only types: it leaves nothing in the running program. */
  readonly isType: boolean
}

export interface Source {
  /** Path from the top, with `/`. */
  readonly path: string
  readonly text: string
  readonly masked: string
  readonly lines: readonly string[]
  readonly imports: readonly Import[]
  /** Paths of files that its string literals name: scripts that are bundled or started. */
  readonly names: readonly string[]
}

const FOLDERS = ['src', 'adapters', 'web', 'test']
const SKIPPED = /(?:^|\/)(?:node_modules|golden|dist)$/
const IMPORT =
  /^[ \t]*(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]+?\s+from\s+)?'([^'\n]+)'|\bimport\(\s*'([^'\n]+)'\s*\)/gm
const FILE_NAME = /['`]([^'`\n]*\.(?:ts|mjs|js|css|svg))['`]/g

/** Read them all. Cost: a tenth of a second. */
export function readSources(): Source[] {
  const paths = FOLDERS.flatMap((folder) => filesIn(folder)).filter((path) => /\.(?:ts|mjs|js)$/.test(path))
  const known = new Set(paths)
  return paths.map((path) => {
    const text = readFileSync(join(TOP, path), 'utf8')
    const masked = mask(text)
    const imports = importsOf(text, masked).map(({ specifier, isType }) => {
      const target = specifier.startsWith('.') ? posix.join(dirname(path), specifier) : undefined
      return { specifier, isType, file: target !== undefined && known.has(target) ? target : undefined }
    })
    return { path, text, masked, lines: text.split('\n'), imports, names: namesOf(path, text, known) }
  })
}

function filesIn(folder: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(TOP, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (SKIPPED.test(path)) continue
    if (entry.isDirectory()) found.push(...filesIn(path))
    else if (entry.isFile()) found.push(path)
  }
  return found.sort()
}

function importsOf(text: string, masked: string): { specifier: string; isType: boolean }[] {
  const found: { specifier: string; isType: boolean }[] = []
  for (const match of text.matchAll(IMPORT)) {
    // In a comment or in a template it is an example.
    const first = match.index + match[0].search(/\S/)
    if (masked[first] !== text[first]) continue
    const specifier = match[2] ?? match[3] ?? ''
    const names = /\{([^}]*)\}/.exec(match[0])?.[1]
    const onlyTypes = names?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
    found.push({ specifier, isType: match[1] !== undefined || onlyTypes === true })
  }
  return found
}

/** Files named in strings, relative to the file, to the top or to the test folder. */
function namesOf(path: string, text: string, known: ReadonlySet<string>): string[] {
  const named: string[] = []
  for (const [, name] of text.matchAll(FILE_NAME))
    for (const from of [dirname(path), '.', 'test']) {
      const target = posix.join(from, name ?? '')
      if (known.has(target)) named.push(target)
      // A template names all files that it may mean.
      const [before = '', after] = target.split(/\$\{[^}]*\}/)
      if (after !== undefined && before !== '')
        named.push(...[...known].filter((file) => file.startsWith(before) && file.endsWith(after)))
    }
  return named
}
