/** Seeded defects: the product with one line made wrong, without a hook in the product.
 *
 * A scenario module and everything it imports is bundled from source; while it is bundled, one text of one file is
 * replaced by another. A scenario that passes without the defect and fails with it is proof that it looks.
 * @module */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'esbuild'
import { bundle, TOP } from '../support/bundle.ts'

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

/** Run the killer of a defect against the product that has it.
 * @throws when the text of the defect does not occur exactly once, or the bundle cannot be made. */
export async function hunt(defect: Defect, scenarios: string): Promise<Fate> {
  return run(scenarios, defect.killer, defect)
}

/** Run a scenario of a bundled module. */
export async function run(scenarios: string, name: string, defect?: Defect): Promise<Fate> {
  const applied = { count: 0 }
  const { file, remove } = await bundle(scenarios, defect === undefined ? [] : [seed(defect, applied)])
  try {
    if (defect !== undefined && applied.count !== 1)
      throw new Error(`Defect "${defect.name}": ${defect.file} is not part of ${scenarios}`)
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
