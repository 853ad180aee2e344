/** Documents over a socket, with the server and the client of each runtime's binaries: text goes in and comes out as it
 * was, and who goes away in the middle leaves nothing.
 * @module */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, createClient } from '../../web/client/index.ts'
import type { Runtime } from '../support/runtime.ts'
import { type Binaries, binaries, RUNTIMES, Varve } from './cli-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'varve-server-documents-'))
let built: Binaries
const running: Varve[] = []

beforeAll(async () => {
  built = await binaries()
}, 60_000)

afterAll(async () => {
  for (const child of running) child.signal('SIGKILL')
  await Promise.all(running.map((child) => child.ended()))
  await built.remove()
  rmSync(directory, { recursive: true, force: true })
})

interface Served {
  readonly child: Varve
  readonly client: Client
  readonly url: string
  readonly token: string
}

async function serve(runtime: Runtime): Promise<Served> {
  const binary = built.all.get(runtime)
  if (binary === undefined) throw new Error(`${runtime} is not installed`)
  const child = new Varve(binary, ['serve', join(directory, runtime), '--port', '0', '--json'])
  running.push(child)
  const line = await child.until(({ output }) => (output.includes('\n') ? output : undefined))
  const { url, tokenFile } = JSON.parse(line)
  const token = (await readFile(tokenFile, 'utf8')).trim()
  return { child, url, token, client: createClient({ url, token }) }
}

const ORDERS = 100_000
const orderText = (n: number) =>
  `{"id":${n},"city":"Z\u00fcrich \u{1f3d4}","lines":[{"sku":"s-${n % 97}","n":${n % 7}}],"total":${n}.25}`

/** About 8 MB, in pieces that cut characters. */
function* exported(): Generator<Uint8Array> {
  const encoder = new TextEncoder()
  let rest = new Uint8Array()
  for (let n = 0; n < ORDERS; n += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, at) => orderText(n + at)).join()
    const bytes = encoder.encode(`${n === 0 ? '[' : ','}${rows}${n + 1_000 === ORDERS ? ']' : ''}`)
    const joined = Buffer.concat([rest, bytes])
    const cut = joined.length - 1 - (n % 13)
    yield joined.subarray(0, cut)
    rest = joined.subarray(cut)
  }
  yield rest
}

async function hashOf(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

describe.each(RUNTIMES)('documents of varve serve on %s', { timeout: 60_000 }, (runtime) => {
  test('come back as they were sent, whole, by path and as matches', async () => {
    const { child, client } = await serve(runtime)
    const { documents } = client
    const stat = await documents.putJson('orders', exported(), { ifVersion: 0 })
    expect(stat).toMatchObject({ name: 'orders', version: 1 })
    expect(await hashOf(documents.getJson('orders'))).toBe(await hashOf(exported()))
    for (const n of [0, 77_777, ORDERS - 1]) {
      expect(await documents.get('orders', `[${n}]`)).toEqual(JSON.parse(orderText(n)))
      expect(await documents.get('orders', `[${n}].lines[0].sku`)).toBe(`s-${n % 97}`)
    }
    let sum = 0
    for await (const { value } of documents.matches('orders', '[*].id')) sum += Number(value)
    expect(sum).toBe((ORDERS * (ORDERS - 1)) / 2)
    for await (const piece of documents.getJson('orders')) {
      expect(piece.length).toBeGreaterThan(0)
      break
    }
    await expect(documents.put('orders', 1, { ifVersion: 2 })).rejects.toMatchObject({ code: 'DOCUMENT_CONFLICT' })
    await documents.delete('orders', { ifVersion: 1 })
    expect(await documents.list()).toEqual([])
    child.signal('SIGTERM')
    expect(await child.ended()).toBe(0)
  })

  test('are not there when their sender goes away', async () => {
    const { child, client, url, token } = await serve(runtime)
    const { host, hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const lost = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    const head = [
      'PUT /api/documents/half HTTP/1.1',
      `host: ${host}`,
      `authorization: Bearer ${token}`,
      'content-type: application/json',
      'content-length: 1000000',
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n["${'x'.repeat(300_000)}`)
    // The record of the write says that it has begun, and then how it ended.
    const states = async () => (await client.page('_audit', { entity: 'half' })).items.map(({ data }) => data.state)
    for (let told: unknown[] = []; !told.includes('begun'); ) told = await states().catch(() => [])
    socket.destroy()
    await lost
    for (let told: unknown[] = []; !told.includes('failed'); ) told = await states()
    await expect(client.documents.get('half')).rejects.toMatchObject({ code: 'DOCUMENT_UNKNOWN' })
    child.signal('SIGTERM')
    expect(await child.ended()).toBe(0)
  })
})
