/** The real binaries as child processes. On Node all three runtimes take part; on Deno and Bun only their own.
 * @module */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { bundle, TOP } from '../support/bundle.ts'
import { RUNTIME, type Runtime } from '../support/runtime.ts'

/** How a runtime starts `varve`: program and first arguments. */
export type Binary = readonly string[]

export interface Binaries {
  readonly all: ReadonlyMap<Runtime, Binary>
  remove(): Promise<void>
}

/** Binaries of the runtimes that are installed. Node runs a bundle, Deno and Bun the sources. */
export async function binaries(): Promise<Binaries> {
  const all = new Map<Runtime, Binary>()
  const deno = RUNTIME === 'deno' ? process.execPath : join(TOP, 'node_modules/deno/deno')
  const bun = RUNTIME === 'bun' ? process.execPath : join(TOP, 'node_modules/bun/bin/bun.exe')
  const node = RUNTIME === 'node' ? await bundle('adapters/node/main.ts') : undefined
  if (node !== undefined) all.set('node', [process.execPath, node.file])
  if (RUNTIME !== 'bun' && existsSync(deno)) {
    all.set('deno', [deno, 'run', '-A', '--quiet', '--no-check', join(TOP, 'adapters/deno/main.ts')])
  }
  if (RUNTIME !== 'deno' && existsSync(bun)) all.set('bun', [bun, join(TOP, 'adapters/bun/main.ts')])
  return { all, remove: async () => node?.remove() }
}

/** How the runtime of the test runs a module. */
export function ownProgram(file: string): Binary {
  return RUNTIME === 'deno' ? [process.execPath, 'run', '-A', '--quiet', file] : [process.execPath, file]
}

/** Names for test tables, known before the binaries are built. */
export const RUNTIMES: readonly Runtime[] = RUNTIME === 'node' ? ['node', 'deno', 'bun'] : [RUNTIME]

export class Varve {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<number | null>
  #wake = () => {}
  #isOver = false
  output = ''
  errors = ''

  constructor(binary: Binary, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [program = '', ...first] = binary
    this.#child = spawn(program, [...first, ...args], { stdio: 'pipe', env: { ...process.env, ...env } })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
      this.#wake()
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
      this.#wake()
    })
    this.#child.stdin.on('error', () => undefined)
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (exitCode) => {
        this.#isOver = true
        this.#wake()
        resolve(exitCode)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Standard input, whole. */
  input(text: string | Uint8Array): this {
    this.#child.stdin.end(text)
    return this
  }

  /** Standard input, with more to come. */
  say(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Stop reading standard output. */
  hangUp(): void {
    this.#child.stdout.destroy()
  }

  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void {
    // Not `kill` of the child: Deno's takes a process that was sent a signal for one that was ended by it.
    if (!this.#isOver) process.kill(this.pid, name)
  }

  /** Resolves when `look` finds something in what was written. @throws when the process ends without it. */
  async until<T>(look: (self: Varve) => T | undefined): Promise<T> {
    for (;;) {
      const found = look(this)
      if (found !== undefined) return found
      if (this.#isOver) throw new Error(`It ended. Output: ${this.output}. Errors: ${this.errors}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The exit code, when it has ended. */
  ended(): Promise<number | null> {
    return this.#ended
  }
}
