/** The binary's server for tests in a browser: started, filled, killed and started again on its port.
 * @module */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type Binary, Varve } from '../../runtime/cli-process.ts'
import { type Bundle, bundle } from '../../support/bundle.ts'

export class Served {
  readonly #directory: string
  readonly #bundle: Bundle
  #process: Varve
  url = ''
  /** The link that the server printed last. */
  loginUrl = ''
  #token = ''

  static async start(): Promise<Served> {
    const directory = await mkdtemp(join(tmpdir(), 'varve-browser-'))
    const made = await bundle('adapters/node/main.ts')
    const served = new Served(directory, made, Served.#spawn(made, directory, 0))
    await served.#greet()
    return served
  }

  private constructor(directory: string, made: Bundle, started: Varve) {
    this.#directory = directory
    this.#bundle = made
    this.#process = started
  }

  /** End it as kill -9 does. */
  async kill(): Promise<void> {
    this.#process.signal('SIGKILL')
    await this.#process.ended()
  }

  /** Start again, over the same store and on the same port. */
  async restart(): Promise<void> {
    this.#process = Served.#spawn(this.#bundle, this.#directory, Number(new URL(this.url).port))
    await this.#greet()
  }

  async create(topic: string, options: object = {}): Promise<void> {
    await this.#post('/api/topics', { topic, ...options })
  }

  /** Append one event to a topic; resolves when it is stored. */
  async append(topic: string, event: object): Promise<void> {
    await this.#post(`/api/topics/${topic}/events`, event)
  }

  /** Store JSON text as a document. */
  async store(document: string, text: string): Promise<void> {
    await this.#send('PUT', `/api/documents/${document}`, text)
  }

  /** Append versions to a history, which need not exist. */
  async version(history: string, lines: readonly object[]): Promise<void> {
    const text = lines.map((line) => JSON.stringify(line)).join('\n')
    await this.#send('POST', `/api/histories/${history}/versions?create=true`, text, 'application/x-ndjson')
  }

  async remove(): Promise<void> {
    await this.kill()
    await this.#bundle.remove()
    await rm(this.#directory, { recursive: true, force: true })
  }

  static #spawn({ file }: Bundle, directory: string, port: number): Varve {
    const node: Binary = [process.execPath, file]
    return new Varve(node, ['serve', join(directory, 'store'), '--port', String(port), '--json'])
  }

  async #greet(): Promise<void> {
    const line = await this.#process.until(({ output }) => (output.includes('\n') ? output : undefined))
    const { url, loginUrl, tokenFile } = JSON.parse(line)
    this.url = url
    this.loginUrl = loginUrl
    this.#token = (await readFile(tokenFile, 'utf8')).trim()
  }

  #post(path: string, body: object): Promise<void> {
    return this.#send('POST', path, JSON.stringify(body))
  }

  async #send(method: string, path: string, body: string, type = 'application/json'): Promise<void> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': type }
    const answer = await fetch(this.url + path, { method, headers, body })
    if (!answer.ok) throw new Error(`${path} gave ${answer.status}: ${await answer.text()}`)
  }
}
