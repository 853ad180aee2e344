/** Every `ts` block of README.md, src/FORMAT.md and docstrings runs as it stands, on storages in memory.
 *
 * Each block is bundled as a module of its own, with the package's names meaning the sources. `nodeStorage(path)` and
 * its kin mean a place in memory, the same for the same path; `console.assert` throws.
 * @module */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TOP } from '../support/bundle.ts'
import { blocksOf, filesUnder } from './blocks.ts'

const DOCUMENTS = ['README.md', 'src/FORMAT.md', ...['src', 'adapters', 'web', 'test/conformance'].flatMap(filesUnder)]
/** Needs a test runner around it; the suite itself runs in test/runtime. */
const SHOWN_ONLY = /from '(?:vitest|node:test)'/

const PLACES = `
import { memoryStorage } from '${TOP}adapters/memory/index.ts'
const places = new Map()
const at = (path) => places.get(path) ?? places.set(path, memoryStorage()).get(path)
export { at as nodeStorage, at as denoStorage, at as bunStorage }
`

const packageNames: Plugin = {
  name: 'package-names',
  setup(build) {
    const sources: Readonly<Record<string, string>> = {
      varve: 'src/index.ts',
      'varve/memory': 'adapters/memory/index.ts',
      'varve/web': 'web/index.ts',
      'varve/client': 'web/client/index.ts',
      'varve/conformance': 'test/conformance/index.ts',
    }
    build.onResolve({ filter: /^varve(?:\/|$)/ }, ({ path }) => {
      const source = sources[path]
      return source === undefined ? { path, namespace: 'places' } : { path: join(TOP, source) }
    })
    build.onLoad({ filter: /.*/, namespace: 'places' }, () => ({ contents: PLACES, resolveDir: TOP }))
    // The block lies outside the project; its packages are the project's.
    build.onResolve({ filter: /^hono/ }, ({ path, kind, pluginData }) =>
      pluginData === 'again' ? undefined : build.resolve(path, { kind, resolveDir: TOP, pluginData: 'again' }),
    )
  },
}

const PROLOGUE = `
const console = {
  ...globalThis.console,
  log() {},
  assert(holds, message = 'console.assert') { if (!holds) throw new Error(message) },
}
`

const blocks = DOCUMENTS.flatMap((path) => blocksOf(path, 'ts')).filter(({ code }) => !SHOWN_ONLY.test(code))
const directory = mkdtempSync(join(tmpdir(), 'varve-docs-'))
const nameOf = (index: number) => join(directory, `example-${index}`)

beforeAll(async () => {
  for (const [index, { code }] of blocks.entries()) writeFileSync(`${nameOf(index)}.ts`, PROLOGUE + code)
  await build({
    entryPoints: blocks.map((_, index) => `${nameOf(index)}.ts`),
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    plugins: [packageNames],
  })
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the documents have examples', () => {
  const files = new Set(blocks.map(({ where }) => where.split(':')[0]))
  expect([...files]).toEqual(expect.arrayContaining(['README.md', 'src/store/open.ts']))
})

for (const [index, { where }] of blocks.entries())
  test(`the example at ${where} runs`, async () => {
    const { href } = pathToFileURL(`${nameOf(index)}.mjs`)
    await expect(import(/* @vite-ignore */ href)).resolves.toBeDefined()
  })
