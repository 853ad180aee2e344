/** The API over a socket of each runtime's own server: what an app by itself does not show, such as lengths, empty
 * answers, and bodies that are compressed on the way.
 * @module */
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Binaries, binaries, RUNTIMES, Varve } from '../runtime/cli-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'varve-sockets-'))
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

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** One request as its bytes go over the socket: `fetch` would decompress the answer. */
function send(
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: Buffer | string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece) => pieces.push(piece))
      answer.on('error', reject)
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe.each(RUNTIMES)('the API over a socket of %s', (runtime) => {
  test('compressed bodies, preconditions, keys and confirmations work as they do without one', async () => {
    const binary = built.all.get(runtime)
    if (binary === undefined) throw new Error(`${runtime} is not installed`)
    const child = new Varve(binary, ['serve', join(directory, runtime), '--port', '0', '--json'])
    running.push(child)
    const line = await child.until(({ output }) => (output.includes('\n') ? output : undefined))
    const { url, tokenFile } = JSON.parse(line)
    const authorization = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`
    const json = { authorization, 'content-type': 'application/json' }
    const topics = `${url}/api/topics`
    const events = `${topics}/orders/events`
    const created = await send(topics, { method: 'POST', headers: json, body: '{"topic":"orders"}' })
    expect([created.status, created.headers['content-length']]).toEqual([201, String(created.body.length)])

    const packed = { ...json, 'content-encoding': 'gzip', 'idempotency-key': '"k"', 'if-none-match': '*' }
    const body = gzipSync(JSON.stringify([{ kind: 'A', entity: 'e', data: 'text '.repeat(500) }]))
    expect((await send(events, { method: 'POST', headers: packed, body })).status).toBe(201)
    const again = await send(events, { method: 'POST', headers: packed, body })
    expect([again.status, again.headers['idempotency-replayed']]).toEqual([200, 'true'])
    const broken = await send(events, { method: 'POST', headers: packed, body: body.subarray(0, 20) })
    expect([broken.status, JSON.parse(broken.body.toString()).code]).toEqual([400, 'JSON_INVALID'])

    const page = await send(`${events}?entity=e`, { headers: { authorization, 'accept-encoding': 'gzip' } })
    expect(page.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding', etag: 'W/"1"' })
    expect(page.body.length).toBeLessThan(1_000)
    expect(JSON.parse(gunzipSync(page.body).toString())).toMatchObject({ entityVersion: 1, highWatermark: 1 })
    const plain = await send(`${events}?entity=e`, { headers: { authorization } })
    expect([plain.headers['content-encoding'], plain.headers.etag]).toEqual([undefined, '"1"'])

    const late = { ...json, 'if-match': '"0"' }
    const refused = await send(events, { method: 'POST', headers: late, body: '{"kind":"A","entity":"e","data":1}' })
    expect([refused.status, refused.headers.etag]).toEqual([412, '"1"'])
    const first = await send(`${events}/0`, { headers: { authorization } })
    const known = { authorization, 'if-none-match': String(first.headers.etag) }
    const same = await send(`${events}/0`, { headers: known })
    expect([same.status, same.body.length, same.headers.etag]).toEqual([304, 0, first.headers.etag])
    const head = await send(`${events}/0`, { method: 'HEAD', headers: { authorization } })
    expect([head.status, head.body.length, head.headers['content-encoding']]).toEqual([200, 0, undefined])

    const remove = (query: string) => send(`${topics}/orders${query}`, { method: 'DELETE', headers: { authorization } })
    expect((await remove('')).status).toBe(400)
    const removed = await remove('?confirm=orders')
    expect([removed.status, removed.body.length]).toEqual([204, 0])
    expect((await remove('?confirm=orders')).status).toBe(404)
    const verify = await send(`${url}/api/store/verify`, { method: 'POST', headers: { authorization } })
    expect(verify.status).toBe(202)
  }, 60_000)
})
