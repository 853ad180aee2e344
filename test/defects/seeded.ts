/** Seeded defects: the product with one line made wrong, without a hook in the product.
 *
 * A scenario module and everything it imports is bundled from source; while it is bundled, one text of one file is
 * replaced by another. A scenario that passes without the defect and fails with it is proof that it looks.
 * @module */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Plugin } from 'esbuild'

export interface Defect {
  readonly name: string
  /** Path from the top of the project. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Exported function of the scenario module that must fail. */
  readonly killer: string
}

/** What a killer did with a defect: `killed` by a failed check; anything else is a defect nobody saw. */
export type Fate = { readonly killed: true; readonly by: string } | { readonly killed: false; readonly why: string }

const TOP = fileURLToPath(new URL('../..', import.meta.url))

/** Bundle a module of the project, with a defect or without, into a temporary directory.
 * @returns the path of the bundle and a function that removes it.
 * @throws when the text of the defect does not occur exactly once, or the bundle cannot be made. */
export async function bundle(entry: string, defect?: Defect): Promise<{ file: string; remove: () => Promise<void> }> {
  const { build } = await import('esbuild')
  const directory = await mkdtemp(join(tmpdir(), 'varve-bundle-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  const file = join(directory, 'bundle.mjs')
  const applied = { count: 0 }
  try {
    await build({
      absWorkingDir: TOP,
      entryPoints: [resolve(TOP, entry)],
      outfile: file,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
      // Packages written for `require` look for it when they are bundled into a module.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      plugins: defect === undefined ? [] : [seed(defect, applied)],
    })
    if (defect !== undefined && applied.count !== 1)
      throw new Error(`Defect "${defect.name}": ${defect.file} is not part of ${entry}`)
  } catch (error) {
    await remove()
    throw error
  }
  return { file, remove }
}

/** Run the killer of a defect against the product that has it. */
export async function hunt(defect: Defect, scenarios: string): Promise<Fate> {
  return run(scenarios, defect.killer, defect)
}

/** Run a scenario of a bundled module. */
export async function run(scenarios: string, name: string, defect?: Defect): Promise<Fate> {
  const { file, remove } = await bundle(scenarios, defect)
  try {
    const loaded: Record<string, unknown> = await import(/* @vite-ignore */ pathToFileURL(file).href)
    const scenario = loaded[name]
    if (typeof scenario !== 'function') throw new TypeError(`${scenarios} has no scenario "${name}"`)
    try {
      await scenario()
    } catch (error) {
      if (error instanceof Error && ['ScenarioFailure', 'AssertionError'].includes(error.name))
        return { killed: true, by: error.message }
      return { killed: false, why: `the scenario broke: ${error instanceof Error ? error.stack : String(error)}` }
    }
    return { killed: false, why: 'the scenario passed' }
  } finally {
    await remove()
  }
}

function seed(defect: Defect, applied: { count: number }): Plugin {
  const target = resolve(TOP, defect.file)
  return {
    name: 'seeded-defect',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (resolve(path) !== target) return undefined
        const source = await readFile(path, 'utf8')
        const occurrences = source.split(defect.find).length - 1
        if (occurrences !== 1)
          throw new Error(`Defect "${defect.name}": its text occurs ${occurrences} times in ${defect.file}`)
        applied.count++
        return { contents: source.replace(defect.find, () => defect.replace), loader: 'ts' }
      })
    },
  }
}
