/** Style as a test: the layers, the budgets, and what must not be named where. Plain text analysis, under a second.
 *
 * The rules and their exceptions are in `tidy/`, each list in one place.
 * @module */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../src/errors.ts'
import { missingCodes, UNASSERTED, UNTHROWN } from './tidy/errors.ts'
import { namedFunctions } from './tidy/functions.ts'
import { importCycles, layerViolations, unreachableFiles } from './tidy/layers.ts'
import { mask } from './tidy/mask.ts'
import { readSources, TOP } from './tidy/sources.ts'
import { checkStyle, FILE_LINES_SOFT } from './tidy/style.ts'

const sources = readSources()

describe('tidy', () => {
  test('files keep the budgets and name nothing that is banned', () => {
    const reports = sources.map(checkStyle)
    const long = reports.flatMap((report) => report.long)
    const functions = reports.reduce((sum, report) => sum + report.functions, 0)
    const ratchet = reports.flatMap((report) => report.ratchet)
    console.info(`tidy: over a budget, to shrink: ${ratchet.join(', ')}`)
    console.info(`tidy: ${sources.length} files, ${functions} named functions; over ${FILE_LINES_SOFT} lines: ${long}`)
    expect(functions).toBeGreaterThan(500)
    expect(ratchet.filter((line) => line.endsWith('not needed any more'))).toEqual([])
    expect(reports.flatMap((report) => report.violations)).toEqual([])
  })

  test('imports look down the layers, and relative ones end in .ts', () => {
    expect(layerViolations(sources)).toEqual([])
  })

  test('files do not import each other in a ring', () => {
    expect(importCycles(sources)).toEqual([])
  })

  test('every file is reached from an entry point, a test or a script', () => {
    expect(unreachableFiles(sources, entryFiles())).toEqual([])
  })

  test('every error code is thrown, and asserted by a test', () => {
    const { unthrown, unasserted } = missingCodes(sources, Object.keys(ERROR_CODES))
    for (const [code, reason] of Object.entries(UNTHROWN)) console.info(`tidy: nothing throws ${code} yet: ${reason}`)
    for (const [code, reason] of Object.entries(UNASSERTED)) console.info(`tidy: no test asserts ${code}: ${reason}`)
    expect(unthrown.sort()).toEqual(Object.keys(UNTHROWN).sort())
    expect(unasserted.sort()).toEqual(Object.keys(UNASSERTED).sort())
  })

  test('test files assert, and what they skip they say why', () => {
    const tests = sources.filter(({ path }) => path.endsWith('.test.ts'))
    const asserts = /\bexpect\(|\bassert\w*\(|\bfc\.assert\(|\bstorageSuite\(/
    expect(tests.filter(({ masked }) => !asserts.test(masked)).map(({ path }) => path)).toEqual([])
    const skips = /\b(?:test|it|describe)(?:\.\w+)*\.(?:skip|todo|only|skipIf|runIf|fails)\b\s*\(/
    const silent = tests.filter(({ masked, text }) => skips.test(masked) && !/console\.(?:info|warn)\(/.test(text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })
})

describe('the reader of sources', () => {
  test('mask() blanks comments and insides of literals and keeps code in templates', () => {
    const source = ["const a = 'b' // c", 'const d = `e $', "{f('g')} h` /* i */ + /j'/.test(k) / 2 + '}'"]
    const text = `${source[0]}\n${source[1]}${source[2]}`
    const masked = mask(text)
    expect(masked.length).toBe(text.length)
    expect(masked.replace(/\s+/g, ' ')).toBe(
      ["const a = ' ' const d = ` $", "{f(' ')} ` + / /.test(k) / 2 + ' '"].join(''),
    )
  })

  test('namedFunctions() finds declarations, methods and arrows with object types, and counts lines and parameters', () => {
    const source = [
      'export function one(a: number, { b }: { b: [x, y] }, c = () => 1): { d: string } {',
      '  if (a) { return { d: b } }',
      '}',
      'export const two = async <T extends { a: 1 }>(a: Map<T, T>): Promise<T> => a.get(1)',
      'class C {',
      '  async *#three(): AsyncIterable<{ e: 1 }> {',
      '  }',
      '  get four(): (x: number) => void {',
      '    return call(five, { six })',
      '  }',
      '}',
    ].join('\n')
    const found = namedFunctions(mask(source)).map(({ name, lines, parameters }) => [name, lines, parameters])
    expect(found.sort()).toEqual([
      ['#three', 2, 0],
      ['four', 3, 0],
      ['one', 3, 3],
      ['two', 1, 1],
    ])
  })
})

/** What package.json, deno.json and the build name, the scripts that package.json runs, and the binaries. */
function entryFiles(): Set<string> {
  const texts = ['package.json', 'deno.json'].map((file) => readFileSync(join(TOP, file), 'utf8'))
  const named = texts.flatMap((text) => [...text.matchAll(/[\w./-]+\.(?:ts|mjs)\b/g)].map(([name]) => name))
  const binaries = sources.map(({ path }) => path).filter((path) => /^adapters\/\w+\/main\.ts$/.test(path))
  return new Set([...binaries, ...named.map((name) => name.replace(/^\.\//, ''))])
}
