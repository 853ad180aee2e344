/** A child process on the runtime of the test, spoken to in lines.
 * @module */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { RUNTIME } from './runtime.ts'

export class Child {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #ended: Promise<void>
  /** Lines of standard output so far; a last line without its end is not among them. */
  readonly lines: string[] = []
  /** Standard error, for failures. */
  errors = ''
  #rest = ''
  #wake: (() => void) | undefined
  #isOver = false

  constructor(file: string, args: readonly string[]) {
    const flags = RUNTIME === 'deno' ? ['run', '-A', '--quiet'] : []
    this.#process = spawn(process.execPath, [...flags, file, ...args], { stdio: 'pipe' })
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
    })
    this.#process.stdin.on('error', () => undefined)
    this.#ended = new Promise((resolve) => {
      this.#process.on('close', () => {
        this.#isOver = true
        this.#wake?.()
        resolve()
      })
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** Line number `index` from 0, when it is there. @throws when the child ends without it. */
  async line(index: number): Promise<string> {
    for (;;) {
      const line = this.lines[index]
      if (line !== undefined) return line
      if (this.#isOver) throw new Error(`The child ended after ${this.lines.length} lines: ${this.errors}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  say(line: string): void {
    this.#process.stdin.write(`${line}\n`)
  }

  /** End it as kill -9 does, and wait until everything it had written is in `lines`. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split('\n')
    this.#rest = parts.pop() ?? ''
    this.lines.push(...parts)
    this.#wake?.()
  }
}
