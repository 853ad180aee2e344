/** Bundles for places without files: every test file that names no runtime, with what it tests.
 * @module */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import type { Plugin } from 'esbuild'
import { TOP } from '../../support/bundle.ts'
import { readSources, type Source } from '../../tidy/sources.ts'

/** The core's tests: those of the command line and of the adapters belong to processes. */
const FOLDERS = /^test\/(?:fuzz|model|runtime|unit\/(?!adapters|cli))/
/** Packages that run anywhere. */
const PORTABLE = /^(?:vitest|fast-check|msgpackr\/(?:un)?pack|crc-32|hono(?:\/.+)?)$/
const RUNTIME_NAMES = /(?<![.\w$'])(?:process|Buffer|Deno|Bun)\.|\bsetImmediate\(|\bimport\.meta\b/

/** Modules that are others inside a bundle. */
const STAND_INS = /^(?:vitest|fast-check)$/

export interface TestFiles {
  /** Paths from the top. */
  readonly portable: readonly string[]
  /** The others, each with the file that needs a runtime, and for what. */
  readonly bound: readonly string[]
}

/** Tell test files that run anywhere from those that reach a runtime. */
export function testFiles(): TestFiles {
  const sources = new Map(readSources().map((source) => [source.path, source]))
  const portable: string[] = []
  const bound: string[] = []
  for (const path of sources.keys()) {
    if (!FOLDERS.test(path) || !path.endsWith('.test.ts')) continue
    const reason = reasonOf(path, sources)
    if (reason === undefined) portable.push(path)
    else bound.push(`${path}: ${reason}`)
  }
  return { portable, bound }
}

function reasonOf(test: string, sources: ReadonlyMap<string, Source>): string | undefined {
  const reached = new Set([test])
  for (const path of reached) {
    const source = sources.get(path)
    if (source === undefined) continue
    const name = RUNTIME_NAMES.exec(source.masked)?.[0]
    if (name !== undefined) return `${path} names ${name}`
    for (const { specifier, file, isType } of source.imports) {
      if (isType) continue
      if (file !== undefined) reached.add(file)
      else if (!specifier.startsWith('.') && !PORTABLE.test(specifier)) return `${path} imports ${specifier}`
    }
  }
  return undefined
}

/** Conditions by which a bundle for such a place picks from a package. */
export const CONDITIONS = { worker: ['workerd', 'worker', 'browser'], page: ['browser'] } as const

/** The text of one module with everything in it.
 * @throws when anything in it imports a module of Node. */
export async function edgeBundle(entry: 'worker' | 'page', files: readonly string[]): Promise<string> {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    absWorkingDir: TOP,
    entryPoints: [`test/runtime/edge/${entry}.ts`],
    bundle: true,
    write: false,
    format: 'esm',
    // Modules of Node do not exist here: importing one fails the build.
    platform: 'browser',
    target: 'es2023',
    conditions: [...CONDITIONS[entry]],
    plugins: [standIns(files)],
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

function standIns(files: readonly string[]): Plugin {
  const rows = files.map((path) => `${JSON.stringify(path)}: () => import(${JSON.stringify(`./${path}`)})`)
  const folder = join(TOP, 'test/runtime/edge')
  return {
    name: 'stand-ins',
    setup(build) {
      build.onResolve({ filter: STAND_INS }, ({ path, importer }) => {
        const own = join(folder, `${path}.ts`)
        return importer === own ? undefined : { path: own }
      })
      build.onLoad({ filter: /[\\/]edge[\\/]files\.ts$/ }, () => ({
        contents: `export const FILES = {${rows.join(',\n')}}`,
        resolveDir: TOP,
      }))
    },
  }
}

/** The names of the cases of each file when Node loads them: from a process of its own, which runs none. */
export async function namesOnNode(files: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const module = Buffer.from(await edgeBundle('worker', files)).toString('base64')
  const script = `const { namesOf } = await import('data:text/javascript;base64,${module}')
const names = {}
for (const file of ${JSON.stringify(files)}) names[file] = await namesOf(file)
process.stdout.write(JSON.stringify(names))`
  const text = await new Promise<string>((resolve, reject) => {
    const done = (error: Error | null, stdout: string) => (error === null ? resolve(stdout) : reject(error))
    execFile(process.execPath, ['--input-type=module', '-'], { maxBuffer: 2 ** 24 }, done).stdin?.end(script)
  })
  return JSON.parse(text)
}
