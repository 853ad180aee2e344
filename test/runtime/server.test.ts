/** `varve serve` as a process: over a socket, with signals, and killed.
 * @module */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Runtime } from '../support/runtime.ts'
import { type Binaries, type Binary, binaries, RUNTIMES, Varve } from './cli-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'varve-server-'))
let built: Binaries
const running: Varve[] = []

beforeAll(async () => {
  built = await binaries()
})

afterAll(async () => {
  for (const child of running) child.signal('SIGKILL')
  await Promise.all(running.map((child) => child.ended()))
  await built.remove()
  rmSync(directory, { recursive: true, force: true })
})

function start(runtime: Runtime, words: readonly string[]): Varve {
  const binary: Binary | undefined = built.all.get(runtime)
  if (binary === undefined) throw new Error(`${runtime} is not installed`)
  const child = new Varve(binary, words)
  running.push(child)
  return child
}

interface Served {
  readonly child: Varve
  readonly url: string
  readonly loginUrl: string
  readonly token: string
  readonly headers: Record<string, string>
}

async function serve(runtime: Runtime, data: string, ...words: string[]): Promise<Served> {
  const child = start(runtime, ['serve', data, '--port', '0', '--json', ...words])
  const line = await child.until(({ output }) => (output.includes('\n') ? output : undefined))
  const { url, loginUrl, tokenFile } = JSON.parse(line)
  const token = (await readFile(tokenFile, 'utf8')).trim()
  return { child, url, loginUrl, token, headers: { authorization: `Bearer ${token}` } }
}

async function append({ url, headers }: Served, lines: string): Promise<unknown> {
  const answer = await fetch(`${url}/api/topics/sample-orders/events`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-ndjson' },
    body: lines,
  })
  expect(answer.status).toBe(201)
  return answer.json()
}

describe.each(RUNTIMES)('varve serve on %s', (runtime) => {
  test('serves with a token, logs in once, streams, and ends with 0', async () => {
    const data = join(directory, `serve-${runtime}`)
    const server = await serve(runtime, data, '--sample')
    const { child, url, headers, token } = server
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(statSync(`${data}.token`).mode & 0o777).toBe(0o600)

    expect((await fetch(`${url}/api/topics`)).status).toBe(401)
    const topics = await (await fetch(`${url}/api/topics`, { headers })).json()
    expect(topics.items).toMatchObject([
      { topic: 'sample-board', events: 200 },
      { topic: 'sample-orders', events: 200 },
    ])
    await logIn(server)

    const ending = new AbortController()
    const tail = await fetch(`${url}/api/topics/sample-orders/tail`, { headers, signal: ending.signal })
    const streamed = readAll(tail, '"offset":201')
    await append(server, '{"kind":"K","entity":"e","data":1}\n{"kind":"K","entity":"e","data":2}\n')
    await streamed.seen

    const beside = start(runtime, ['read', 'sample-orders', '--from', '200', '--json', '--data', data])
    expect(await beside.ended()).toBe(0)
    expect(beside.output.trim().split('\n')).toHaveLength(2)

    child.signal('SIGTERM')
    expect(await child.ended()).toBe(0)
    await streamed.over
    expect(child.errors).toBe('')
    expect(child.output).not.toContain(token)
    const checkpoint = start(runtime, ['checkpoint', '--json', '--data', data])
    expect(await checkpoint.ended()).toBe(0)
    expect(JSON.parse(checkpoint.output).source).toBe('clean')
  })

  test('names the owner of a store in use, and the port that is busy', async () => {
    const data = join(directory, `busy-${runtime}`)
    const { child, url } = await serve(runtime, data)
    const second = start(runtime, ['serve', data, '--port', '0'])
    expect(await second.ended()).toBe(1)
    expect(second.errors).toContain(`process ${child.pid} on`)
    expect(second.errors).toContain('HTTP API')
    const { port } = new URL(url)
    const busy = start(runtime, ['serve', `${data}-2`, '--port', port])
    expect(await busy.ended()).toBe(1)
    expect(busy.errors).toContain(`Cannot listen on port ${port}: another program has it\n`)
    expect(busy.errors).toContain('--port')
    child.signal('SIGINT')
    expect(await child.ended()).toBe(0)
  })

  test('loses nothing when it is killed, and starts again at once', async () => {
    const data = join(directory, `kill-${runtime}`)
    const first = await serve(runtime, data, '--sample')
    for (let n = 0; n < 5; n++) await append(first, `{"kind":"K","entity":"e","data":${n}}\n`)
    first.child.signal('SIGKILL')
    expect(await first.child.ended()).toBeNull()
    const second = await serve(runtime, data)
    expect(JSON.parse(second.child.output).openReport).toMatchObject({ source: 'recovered' })
    const events = await fetch(`${second.url}/api/topics/sample-orders/events?from=200`, { headers: second.headers })
    const { items } = await events.json()
    expect(items.map((event: { data: unknown }) => event.data)).toEqual([0, 1, 2, 3, 4])
    second.child.signal('SIGTERM')
    expect(await second.child.ended()).toBe(0)
  })

  test('ends at once at the second signal', async () => {
    const data = join(directory, `twice-${runtime}`)
    const child = start(runtime, ['serve', data, '--port', '0', '--sample'])
    const url = await child.until(({ output }) => /Address +(\S+)(?=.*Ctrl-C)/s.exec(output)?.[1])
    const token = (await readFile(`${data}.token`, 'utf8')).trim()
    // A body that never ends keeps the server from closing.
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"kind":"K","entity":"e","data":1}\n')),
    })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' }
    const init = { method: 'POST', headers, body, duplex: 'half' }
    const upload = fetch(`${url}/api/topics/sample-orders/events`, init).catch(() => undefined)
    // The server has the upload once it answers a request that was sent after it.
    await fetch(`${url}/health`)
    child.signal('SIGTERM')
    await child.until(({ output }) => (output.includes('Ending streams') ? true : undefined))
    child.signal('SIGTERM')
    expect(await child.ended()).toBe(130)
    await upload
  })
})

async function logIn({ url, loginUrl }: Served): Promise<void> {
  const code = new URL(loginUrl).hash.slice(1)
  const post = (given: string) =>
    fetch(`${url}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `code=${given}`,
    })
  expect((await fetch(`${url}/login`)).status).toBe(200)
  const welcome = await post(code)
  expect(welcome.status).toBe(303)
  const cookie = welcome.headers.get('set-cookie')?.split(';')[0] ?? ''
  expect((await fetch(`${url}/`, { headers: { cookie } })).status).toBe(200)
  expect((await post(code)).status).toBe(401)
}

/** Read a stream to its end. `seen` resolves when `text` was in it, `over` at the end. */
function readAll(answer: Response, text: string): { seen: Promise<void>; over: Promise<void> } {
  let found = () => {}
  const seen = new Promise<void>((resolve) => {
    found = resolve
  })
  const over = (async () => {
    let all = ''
    const decoder = new TextDecoder()
    for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
      all += decoder.decode(piece, { stream: true })
      if (all.includes(text)) found()
    }
  })()
  return { seen, over }
}
