/** What is published: the files, the entry points, and how little comes with them.
 *
 * The list of files is what npm makes of a tree that looks like a build: only names count, so nothing is built.
 * @module */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { TOP } from '../support/bundle.ts'
import { RUNTIME } from '../support/runtime.ts'
import { filesUnder } from './blocks.ts'

interface Package {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly tsup: { readonly entry: Readonly<Record<string, string>> }
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies?: unknown
}

const pkg: Package = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8'))

/** Files that a build leaves: a declaration per source, a module and a map per entry, chunks, and notes of tsc. */
function builtFiles(): string[] {
  const declarations = ['src', 'adapters', 'web', 'test'].flatMap(filesUnder).map((path) => path.replace(/ts$/, 'd.ts'))
  const modules = Object.keys(pkg.tsup.entry).flatMap((name) => [`${name}.js`, `${name}.js.map`])
  const others = ['chunk-ABC.js', 'chunk-ABC.js.map', '.tsbuildinfo', 'src/tsconfig.tsbuildinfo']
  return [...declarations, ...modules, ...others].map((path) => `dist/${path}`)
}

function packedFiles(): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'varve-pack-'))
  try {
    for (const file of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'])
      cpSync(join(TOP, file), join(directory, file))
    for (const file of [...builtFiles(), ...['src', 'test', 'web'].flatMap(filesUnder), 'src/FORMAT.md']) {
      mkdirSync(join(directory, dirname(file)), { recursive: true })
      writeFileSync(join(directory, file), '')
    }
    const options = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=silent']
    const [packed] = JSON.parse(execFileSync('npm', options, { cwd: directory, encoding: 'utf8' }))
    return packed.files.map(({ path }: { path: string }) => path)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (RUNTIME !== 'node')
  console.info('package: npm makes the list of files the same way everywhere, it runs on Node only')

test.runIf(RUNTIME === 'node')(
  'the package holds the build, the documents, and of the tests the published suite',
  () => {
    const files = packedFiles()
    const outside = files.filter((path) => !path.startsWith('dist/')).sort()
    expect(outside).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'src/FORMAT.md'])
    const tests = files.filter((path) => /^dist\/test\/|\.test\.|tsbuildinfo/.test(path))
    expect(tests.filter((path) => !/^dist\/test\/conformance\/[\w-]+\.(?:d\.ts|js|js\.map)$/.test(path))).toEqual([])
    const targets = Object.values(pkg.exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    )
    for (const target of [...targets, ...Object.values(pkg.bin)]) expect(files).toContain(target.replace('./', ''))
  },
  30_000,
)

test('five packages come with it, in ranges; what the tests need is pinned', () => {
  expect(Object.keys(pkg.dependencies).sort()).toEqual(['@hono/node-server', 'crc-32', 'hono', 'htmx.org', 'msgpackr'])
  for (const [name, range] of Object.entries(pkg.dependencies))
    expect(range, name).toMatch(name === 'htmx.org' ? /^\d+\.\d+\.\d+$/ : /^\^\d+\.\d+\.\d+$/)
  for (const [name, version] of Object.entries(pkg.devDependencies)) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
  expect(pkg.optionalDependencies).toBeUndefined()
})

test('nothing else is installed with it but what those five bring, and nothing of ours runs at install', () => {
  const lock: { packages: Record<string, { dev?: true; devOptional?: true; optional?: true }> } = JSON.parse(
    readFileSync(join(TOP, 'package-lock.json'), 'utf8'),
  )
  const installed = Object.entries(lock.packages)
    .filter(([path, { dev, devOptional, optional }]) => path !== '' && !dev && !devOptional && !optional)
    .map(([path]) => path.replace('node_modules/', ''))
  expect(installed.sort()).toEqual(Object.keys(pkg.dependencies).sort())
  const installs = ['preinstall', 'install', 'postinstall', 'prepare'].filter((name) => name in pkg.scripts)
  expect(installs).toEqual([])
})
