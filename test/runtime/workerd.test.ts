/** Goal: the core, memory and the API are whole in an edge worker, where no text becomes code, time stands still until
 * something comes in, nothing may happen before a request, and no module of Node exists.
 * Method: one workerd, offline, runs every test file of the core that names no runtime, a request for each; every case
 * must pass, and they are the cases that Node loads. Random properties take a tenth of the runs.
 * @module */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { storageSuite } from '../conformance/index.ts'
import { RUNTIME } from '../support/runtime.ts'
import { edgeBundle, namesOnNode, testFiles } from './edge/bundle.ts'
import { EXCUSED, isExcused } from './edge/excused.ts'
import type { Outcome } from './edge/suite.ts'

const { portable, bound } = RUNTIME === 'node' ? testFiles() : { portable: [], bound: [] }

if (RUNTIME === 'node')
  console.info(`workerd: ${portable.length} test files; these need a runtime:\n${bound.join('\n')}`)
else console.info(`workerd is started on Node only, not on ${RUNTIME}: what it runs is the same wherever it is started`)

/** Cases of the core and of memory when this was written; there may be more. */
const CASES_MIN = 800
const ORIGIN = 'http://localhost'

let worker: Miniflare
let directory: string | undefined
let wanted: Readonly<Record<string, readonly string[]>>

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await worker.dispatchFetch(ORIGIN + path, body === undefined ? {} : init)
  expect(response.status, path).toBeLessThan(300)
  return (await response.json()) as T
}

describe.skipIf(RUNTIME !== 'node')('workerd', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const [script, names] = await Promise.all([edgeBundle('worker', portable), namesOnNode(portable)])
    wanted = names
    directory = await mkdtemp(join(tmpdir(), 'varve-workerd-'))
    const before = process.env.TMPDIR
    // Its own clean-up may end after this process.
    process.env.TMPDIR = directory
    worker = new Miniflare({
      modules: true,
      script,
      compatibilityDate: '2026-04-01',
      host: '127.0.0.1',
      durableObjects: { LOG: 'Log' },
      // Nothing is asked of the network.
      cf: false,
    })
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    await worker.ready
  }, 60_000)

  afterAll(async () => {
    await worker?.dispose()
    if (directory !== undefined) await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  })

  test('no text becomes code', async () => {
    expect(await ask('/makes-code')).toBe(false)
  })

  test('Node loads the published suite twice, and the cases of the core', () => {
    const titles: string[] = []
    const factory = () => Promise.reject(new Error('Nothing runs here'))
    storageSuite({ test: (title) => titles.push(title), factory })
    const file = 'test/runtime/memory.test.ts'
    const both = ['memory storage', 'memory storage without capabilities']
    expect(wanted[file]).toEqual(both.flatMap((kind) => titles.map((title) => `${file} > ${kind} > ${title}`)))
    const all = Object.values(wanted).flat()
    expect(all.length).toBeGreaterThan(CASES_MIN)
    expect(all.filter(isExcused).length).toBe(Object.keys(EXCUSED).length)
  })

  test.each(portable)('%s', async (file) => {
    const outcomes = await ask<Outcome[]>(`/cases?file=${encodeURIComponent(file)}`)
    expect(outcomes.filter(({ name, ok }) => !ok && !isExcused(name))).toEqual([])
    expect(outcomes.map(({ name }) => name)).toEqual(wanted[file])
  })

  test('a store in a durable object serves every request, and wakes a tail of another request', async () => {
    await ask('/api/topics', { topic: 'orders' })
    const tail = await worker.dispatchFetch(`${ORIGIN}/api/topics/orders/tail?from=start`)
    const placed = [1, 2, 3].map((total) => ({ kind: 'OrderPlaced', entity: 'customer-42', data: { total } }))
    await Promise.all(placed.map((event) => ask('/api/topics/orders/events', event)))
    const page = await ask<{ items: { offset: number }[] }>('/api/topics/orders/events')
    expect(page.items.map(({ offset }) => offset)).toEqual([0, 1, 2])
    expect(await dataLines(tail, placed.length)).toEqual([0, 1, 2])
  })
})

/** Offsets of the first `count` events of a stream. */
async function dataLines(stream: Awaited<ReturnType<Miniflare['dispatchFetch']>>, count: number): Promise<number[]> {
  const decoder = new TextDecoder()
  const found: number[] = []
  let text = ''
  for await (const chunk of stream.body ?? []) {
    const lines = (text + decoder.decode(chunk, { stream: true })).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: {')) found.push(JSON.parse(line.slice(6)).offset)
    if (found.length >= count) break
  }
  return found
}
