/** What the documents state is so: files, routes, commands and codes they name exist, and kinds of errors are all told.
 * @module */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMON_OPTIONS } from '../../src/cli/arguments.ts'
import { findCommand } from '../../src/cli/index.ts'
import { ERROR_CODES, type ErrorCode, type ErrorKind } from '../../src/errors.ts'
import { API_ROUTES } from '../../web/api/routes.ts'
import { statusOf } from '../../web/problems.ts'
import { TOP } from '../support/bundle.ts'
import { blocksOf } from './blocks.ts'

const read = (path: string) => readFileSync(join(TOP, path), 'utf8')

/** Rows of the table whose head begins with `head`, as cells. */
function table(path: string, head: string): string[][] {
  const lines = read(path).split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`))
  expect(start, `${path}: ${head}`).toBeGreaterThan(0)
  const rest = lines.slice(start + 2)
  const rows = rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  )
  return rows.map((row) => row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))
}

test('links of the documents lead to files', () => {
  for (const page of ['README.md', 'test/README.md', 'CHANGELOG.md', 'src/FORMAT.md'])
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g))
      expect(existsSync(join(TOP, dirname(page), target)), `${page}: ${target}`).toBe(true)
})

test('links within the README lead to headings', () => {
  const headings = [...read('README.md').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(' ', '-')
      .replaceAll(/[^a-z0-9-]/g, ''),
  )
  const targets = [...read('README.md').matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target)
  expect(targets.length).toBeGreaterThan(5)
  for (const target of targets) expect(headings).toContain(target)
})

test('files that FORMAT.md and test/README.md name exist', () => {
  for (const [, name = ''] of read('src/FORMAT.md').matchAll(/`([a-z]+\/[\w/-]+\.(?:test\.)?ts)`/g))
    expect(
      [`src/${name}`, name].some((path) => existsSync(join(TOP, path))),
      name,
    ).toBe(true)
  for (const [, name = ''] of read('test/README.md').matchAll(/`([\w/-]+\/?(?:[\w-]+\.test\.ts)?)`/g))
    if (/\/$|\.ts$/.test(name) && !name.startsWith('manifest/'))
      expect(existsSync(join(TOP, 'test', name)), name).toBe(true)
})

test('the table of error kinds has every kind, with the statuses that its codes have', () => {
  const rows = table('README.md', 'kind').map(([kind = '', statuses = '']) => [kind.replaceAll('`', ''), statuses])
  const found = new Map<string, Set<number>>()
  for (const [code, { kind }] of Object.entries(ERROR_CODES) as [ErrorCode, { kind: ErrorKind }][])
    found.set(kind, (found.get(kind) ?? new Set()).add(statusOf(kind, code)))
  const stated = rows.map(([kind, statuses]) => `${kind} ${statuses}`).sort()
  expect(stated).toEqual([...found].map(([kind, set]) => `${kind} ${[...set].sort().join(' ')}`).sort())
})

test('codes that README.md, FORMAT.md and CHANGELOG.md name exist', () => {
  for (const page of ['README.md', 'src/FORMAT.md', 'CHANGELOG.md'])
    for (const [, code = ''] of read(page).matchAll(/`([A-Z]+_[A-Z_]+)`/g))
      expect(Object.keys(ERROR_CODES), page).toContain(code)
})

test('the table of routes has every route with the role that it needs', () => {
  const stated = table('README.md', 'route').flatMap(([routes = '', role = '']) =>
    routes.split(', ').map((route) => `${route.replaceAll('`', '')} ${role}`),
  )
  expect(stated.sort()).toEqual(API_ROUTES.map(({ method, path, scope }) => `${method} ${path} ${scope}`).sort())
})

test('commands in the README take the options that they are given there', () => {
  const lines = blocksOf('README.md', 'sh').flatMap(({ code }) => code.split('\n'))
  const calls = lines.flatMap((line) => /(?:^|\| )(?:npx )?varve (.*)/.exec(line.replace(/\s+# .*/, ''))?.[1] ?? [])
  expect(calls.length).toBeGreaterThan(15)
  for (const call of calls) {
    const words = call.split(' ')
    const command = findCommand(words)
    expect(command, call).toBeDefined()
    const known = Object.entries({ ...command?.options, ...COMMON_OPTIONS })
    const options = known.flatMap(([long, { short }]) => [`--${long}`, `-${short}`])
    for (const word of words.filter((word) => word.startsWith('-'))) expect(options, call).toContain(word)
  }
})
