/** The layers of the source and which way they may look. This table is the one place that says so.
 * @module */
import type { Source } from './sources.ts'

/** Folders of src from the lowest up. A file imports its own folder and lower rows only: folders of one row do not know
 * each other. `ports` may name the interfaces of `codec`, which has no input or output of its own. */
const LAYERS: readonly (readonly string[])[] = [
  ['src/errors.ts'],
  ['src/options.ts'],
  ['src/codec'],
  ['src/ports'],
  ['src/manifest', 'src/document'],
  ['src/segment'],
  ['src/index'],
  ['src/topic', 'src/history'],
  ['src/snapshot', 'src/projection'],
  ['src/store'],
  ['src/index.ts'],
  ['src/cli', 'web'],
]

/** What files outside the core may import besides their own folder. */
const OUTSIDE: readonly { readonly from: RegExp; readonly may: RegExp; readonly why: string }[] = [
  {
    from: /^adapters\/(?:\w+\/main\.ts$|process\/)/,
    may: /^(?:src|adapters|web)\//,
    why: 'binaries know all but tests',
  },
  {
    from: /^adapters\//,
    may: /^(?:adapters\/(?!\w+\/main\.ts|process\/)|src\/ports\/|src\/errors\.ts$|src\/codec\/digest\.ts$)/,
    why: 'an adapter knows ports, errors and the digest interface',
  },
  { from: /^test\/conformance\/(?!.*\.test\.ts$)/, may: /^(?:test\/conformance|src)\//, why: 'the suite is published' },
  { from: /^test\//, may: /^/, why: 'tests may import anything' },
]

/** Packages by the folders that may import them; types count. */
const PACKAGES: readonly { readonly from: RegExp; readonly may: RegExp }[] = [
  { from: /^src\/codec\//, may: /^msgpackr\/(?:pack|unpack)$/ },
  { from: /^src\/index\/checkpoint\.ts$/, may: /^msgpackr\/(?:pack|unpack)$/ },
  { from: /^src\/ports\/digest\.ts$/, may: /^crc-32$/ },
  { from: /^src\//, may: /^$/ },
  { from: /^web\//, may: /^hono(?:\/|$)/ },
  { from: /^adapters\/(?:\w+\/main\.ts$|process\/)/, may: /^(?:node:|@hono\/node-server$|hono$)/ },
  { from: /^adapters\//, may: /^node:/ },
  { from: /^test\/conformance\/(?!.*\.test\.ts$)/, may: /^$/ },
]

function layerOf(path: string): { readonly rank: number; readonly folder: string } | undefined {
  for (const [rank, folders] of LAYERS.entries())
    for (const folder of folders) if (path === folder || path.startsWith(`${folder}/`)) return { rank, folder }
  return undefined
}

/** Imports that look the wrong way, one sentence each. */
export function layerViolations(sources: readonly Source[]): string[] {
  const wrong: string[] = []
  for (const source of sources)
    for (const { specifier, file } of source.imports) {
      const says = (reason: string) => wrong.push(`${source.path} imports '${specifier}': ${reason}`)
      if (!specifier.startsWith('.')) {
        const rule = PACKAGES.find(({ from }) => from.test(source.path))
        if (rule !== undefined && !rule.may.test(specifier)) says('this folder may not use that package')
        continue
      }
      if (!/\.(?:ts|mjs|js|json)$/.test(specifier)) says('relative imports end in .ts')
      if (file === undefined) continue
      const layer = layerOf(source.path)
      if (layer === undefined) {
        const rule = OUTSIDE.find(({ from }) => from.test(source.path))
        if (rule === undefined) says('the file belongs to no layer of test/tidy/layers.ts')
        else if (!rule.may.test(file)) says(`not allowed: ${rule.why}`)
        continue
      }
      const target = layerOf(file)
      if (target === undefined) says('the core and the web know nothing outside them')
      else if (target.folder !== layer.folder && target.rank >= layer.rank)
        says(`"${target.folder}" is not below "${layer.folder}"`)
    }
  return wrong
}

/** Rings of files that import each other, types included, each as a list of paths. */
export function importCycles(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    state.set(path, 'open')
    for (const { file } of byPath.get(path)?.imports ?? []) if (file !== undefined) visit(file, [...trail, path])
    state.set(path, 'done')
  }
  for (const { path } of sources) visit(path, [])
  return cycles
}

/** Files that no entry point, test or script leads to. */
export function unreachableFiles(sources: readonly Source[], entries: ReadonlySet<string>): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reached = new Set<string>()
  const queue = sources.map(({ path }) => path).filter((path) => entries.has(path) || /\.test(?:-d)?\.ts$/.test(path))
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue
    reached.add(path)
    const source = byPath.get(path)
    for (const { file } of source?.imports ?? []) if (file !== undefined) queue.push(file)
    queue.push(...(source?.names ?? []))
  }
  return sources.map(({ path }) => path).filter((path) => !reached.has(path))
}
