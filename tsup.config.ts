/** How the package is built: what package.json says, with numbers in the place of named constants.
 *
 * A property of a constant object of another file is looked up each time it is used, and hot loops use many.
 * @module */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'tsup'
import manifest from './package.json' with { type: 'json' }

/** `const NAME = { name: 1, other: 2 } as const`, comments aside. */
const CONSTANTS = /^(?:export )?const ([A-Z_]+) = \{([^{}]*)\} as const$/gm
const MEMBER = /^(\w+): (-?(?:0x)?[\da-f_]+)$/
const COMMENTS = /\/\*[\s\S]*?\*\/|\/\/.*$/gm
const IMPORTS = /^import \{([^}]*)\} from '(\.[^']*\.ts)'$/gm

type Numbers = ReadonlyMap<string, string>
const files = new Map<string, ReadonlyMap<string, Numbers>>()

/** By name, the constant objects of a file all of whose members are numbers. */
function constantsOf(file: string): ReadonlyMap<string, Numbers> {
  let found = files.get(file)
  if (found === undefined) {
    const text = readFileSync(file, 'utf8')
    found = new Map([...text.matchAll(CONSTANTS)].flatMap(([, name = '', body = '']) => numbersOf(name, body)))
    files.set(file, found)
  }
  return found
}

function numbersOf(name: string, body: string): [string, Numbers][] {
  const parts = body.replaceAll(COMMENTS, '').split(',')
  const members = parts.map((part) => part.trim()).filter((part) => part !== '')
  const pairs = members.map((member) => MEMBER.exec(member))
  if (pairs.includes(null)) return []
  return [[name, new Map(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))]]
}

/** A file with numbers in the place of members of constants, its own ones and imported ones. */
function withNumbers(file: string): string {
  const text = readFileSync(file, 'utf8')
  const known = new Map(constantsOf(file))
  for (const [, names = '', from = ''] of text.matchAll(IMPORTS)) {
    const constants = constantsOf(path.resolve(path.dirname(file), from))
    for (const name of names.split(',')) {
      const numbers = constants.get(name.trim())
      if (numbers !== undefined) known.set(name.trim(), numbers)
    }
  }
  if (known.size === 0) return text
  const uses = new RegExp(`(?<![\\w.$'])(${[...known.keys()].join('|')})\\.(\\w+)`, 'g')
  return text.replaceAll(uses, (use, name: string, member: string) => {
    const number = known.get(name)?.get(member)
    return number === undefined ? use : `(${number})`
  })
}

const root = path.dirname(fileURLToPath(import.meta.url))

export default defineConfig({
  ...(manifest.tsup as object),
  esbuildPlugins: [
    {
      name: 'numbers',
      setup(build) {
        build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
          if (!file.startsWith(path.join(root, 'src') + path.sep)) return undefined
          return { contents: withNumbers(file), loader: 'ts' as const }
        })
      },
    },
  ],
})
