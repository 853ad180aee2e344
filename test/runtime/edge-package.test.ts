/** The package where there are no files: `varve`, `varve/memory`, `varve/web` and `varve/client` resolve by its own map
 * of exports, and bring no module of Node, no polyfill and no package but their own.
 * @module */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TOP } from '../support/bundle.ts'
import { CONDITIONS } from './edge/bundle.ts'

const ENTRIES = ['src/index', 'adapters/memory/index', 'web/index', 'web/client/index']

let project: string

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'varve-edge-'))
  const installed = join(project, 'node_modules/varve')
  await mkdir(installed, { recursive: true })
  await cp(join(TOP, 'package.json'), join(installed, 'package.json'))
  for (const entry of ENTRIES) {
    // In place of the build: what it is built from.
    const built = join(installed, 'dist', `${entry}.js`)
    await mkdir(dirname(built), { recursive: true })
    await writeFile(built, `export * from ${JSON.stringify(join(TOP, `${entry}.ts`))}`)
  }
})

afterAll(() => rm(project, { recursive: true, force: true }))

async function packagesOf(script: string, conditions: readonly string[]): Promise<string[]> {
  const { build } = await import('esbuild')
  const { metafile } = await build({
    stdin: { contents: script, resolveDir: project },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    // A module of Node fails the build.
    platform: 'browser',
    conditions: [...conditions],
    logLevel: 'silent',
  })
  const names = Object.keys(metafile.inputs).flatMap(
    (path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
  )
  return [...new Set(names)].sort()
}

test.each(Object.entries(CONDITIONS))('the package bundles for a %s', async (_, conditions) => {
  const core = "export { openStore } from 'varve'; export { memoryStorage } from 'varve/memory'"
  expect(await packagesOf(core, conditions)).toEqual(['crc-32', 'msgpackr', 'varve'])
  const web = "export { createApp } from 'varve/web'; export * from 'varve/client'"
  expect(await packagesOf(`${core}; ${web}`, conditions)).toEqual(['crc-32', 'hono', 'msgpackr', 'varve'])
  await expect(packagesOf("export * from 'node:fs'", conditions)).rejects.toThrow('Could not resolve "node:fs"')
})
