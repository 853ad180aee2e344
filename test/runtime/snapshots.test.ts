/** Goal: what one runtime makes of a store, the others read, restore, fork and go on with: snapshots, exported and
 * imported ones, forks. Method: Node, Deno and Bun take turns on one directory, each with its own storage; every one
 * looks at the snapshots of all before it, and they must find the same in them.
 * @module */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { bundle, TOP } from '../support/bundle.ts'
import { RUNTIME } from '../support/runtime.ts'
import { type Binary, Varve } from './cli-process.ts'

/** Events that one turn appends to a topic. */
const EVENTS = 24

const programs: readonly (readonly [string, Binary])[] = [
  ['node', [process.execPath]],
  ['deno', [join(TOP, 'node_modules/deno/deno'), 'run', '-A', '--quiet', '--no-check']],
  ['bun', [join(TOP, 'node_modules/bun/bin/bun.exe')]],
]
const installed = programs.filter(([, [program = '']]) => existsSync(program))

if (RUNTIME !== 'node') console.info(`snapshots: not run on ${RUNTIME}: the run on Node starts all three runtimes`)
else if (installed.length < programs.length) console.info(`snapshots: only on ${installed.map(([name]) => name)}`)

test.runIf(RUNTIME === 'node')(
  'Snapshots of one runtime are read, restored and gone on with by the others',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'varve-snapshots-'))
    const child = await bundle('test/runtime/snapshot-child.ts')
    try {
      const found = new Map<string, string>()
      const first = installed[0] as (typeof installed)[number]
      for (const [turn, [name, program]] of [...installed, first].entries()) {
        const label = turn === installed.length ? `${name}-again` : name
        const run = new Varve([...program, child.file], [directory, label])
        expect([await run.ended(), run.errors]).toEqual([0, ''])
        const lines = run.output.trim().split('\n')
        const told = lines.filter((line) => line.startsWith('snapshot '))
        expect(told).toHaveLength(turn + 1)
        for (const line of told) {
          const [, of = ''] = line.split(' ')
          expect(line, `${of} as ${label} sees it`).toBe(found.get(of) ?? line)
          found.set(of, line)
        }
        expect(lines).toContain(`restored ${first[0]} ${EVENTS}`)
        expect(lines.at(-1)).toBe('problems []')
      }
    } finally {
      await child.remove()
      rmSync(directory, { recursive: true, force: true })
    }
  },
  60_000,
)
