/** Bundles of project modules, for child processes and for products with a defect: Node 20 runs no TypeScript.
 * @module */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'esbuild'

/** Absolute path of the project. */
export const TOP = fileURLToPath(new URL('../..', import.meta.url))

export interface Bundle {
  /** Absolute path of one self-contained module. */
  readonly file: string
  remove(): Promise<void>
}

/** Bundle a module of the project with everything it imports into a temporary directory.
 * @param entry path from the top of the project. */
export async function bundle(entry: string, plugins: Plugin[] = []): Promise<Bundle> {
  const { build } = await import('esbuild')
  const directory = await mkdtemp(join(tmpdir(), 'varve-bundle-'))
  const remove = () => rm(directory, { recursive: true, force: true })
  // The runner of the tests loads what is in such a directory as it is; else it would transform all of it and keep it.
  const file = join(directory, 'node_modules', 'bundle.mjs')
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
      plugins,
    })
  } catch (error) {
    await remove()
    throw error
  }
  return { file, remove }
}
