/** Snapshots and forks with the real binaries: what one runtime takes every runtime reads, restores and sends, also
 * beside a server.
 * @module */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Runtime } from '../support/runtime.ts'
import { type Binaries, type Binary, binaries, RUNTIMES, Varve } from './cli-process.ts'

/** Each starts many processes of several runtimes. */
const SLOW = { timeout: 120_000 }
const EVENTS = Array.from({ length: 500 }, (_, n) => `{"kind":"Counted","entity":"e-${n % 7}","data":{"n":${n}}}\n`)

let built: Binaries
let directory = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'varve-snapshots-'))
  built = await binaries()
}, SLOW.timeout)

afterAll(async () => {
  await built.remove()
  rmSync(directory, { recursive: true, force: true })
})

const place = (name: string) => join(directory, name)

function binaryOf(runtime: Runtime): Binary {
  const binary = built.all.get(runtime)
  if (binary === undefined) throw new Error(`${runtime} is not installed`)
  return binary
}

async function run(runtime: Runtime, words: readonly string[], input = '') {
  const child = new Varve(binaryOf(runtime), words).input(input)
  const exitCode = await child.ended()
  return { exitCode, output: child.output, errors: child.errors }
}

async function done(runtime: Runtime, words: readonly string[], input = ''): Promise<string> {
  const ran = await run(runtime, words, input)
  if (ran.exitCode !== 0) throw new Error(`varve ${words.join(' ')} on ${runtime}: ${ran.errors}`)
  return ran.output
}

/** What a command tells programs. */
async function told(runtime: Runtime, words: readonly string[], input = '') {
  return JSON.parse(await done(runtime, [...words, '--json'], input))
}

/** Files of a directory with how many names they have. */
function namesOfFiles(path: string): number[] {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => statSync(join(path, name)))
  return files.filter((file) => file.isFile()).map(({ nlink }) => nlink)
}

test('what one runtime takes every runtime checks, restores, and goes on with', SLOW, async () => {
  for (const writer of RUNTIMES) {
    const data = place(`from-${writer}`)
    const at = ['--data', data]
    await done(writer, ['append', 'orders', '--create', ...at], EVENTS.join(''))
    await done(writer, ['doc', 'put', 'catalog', '-', ...at], '{"a":[1,2,3]}')
    await done(writer, ['history', 'append', 'board', '--create', ...at], '{"x":1}')
    const { id, events } = await told(writer, ['snapshot', 'create', '--label', 'before', ...at])
    expect(events).toBe(500)
    expect(Math.max(...namesOfFiles(join(data, '.snapshots', id)))).toBe(2)
    expect(await told(writer, ['snapshot', 'ls', ...at])).toMatchObject({ snapshots: [{ id, label: 'before' }] })
    for (const reader of RUNTIMES) {
      const name = `${writer} to ${reader}`
      const to = place(`${writer}-${reader}`)
      const restored = await told(reader, ['snapshot', 'restore', id, '--to', to, ...at])
      expect(restored, name).toMatchObject({ topics: [{ topic: 'orders', events: 500 }], documents: 1, histories: 1 })
      expect(restored.filesLinked, name).toBeGreaterThan(0)
      await done(reader, ['history', 'append', 'board', '--data', to], '{"x":2}')
      expect(await done(reader, ['verify', '--data', to]), name).toContain('No damage found')
    }
    // What went on beside it changed nothing in it.
    expect(await told(writer, ['snapshot', 'verify', ...at])).toMatchObject({ ok: true, snapshots: [{ events: 500 }] })
  }
})

test('runtimes send to one place in turn, and each sends only what is new', SLOW, async () => {
  const at = ['--data', place('sent')]
  const backup = place('backup')
  const [first = 'node'] = RUNTIMES
  const ids: string[] = []
  for (const writer of RUNTIMES.length > 1 ? RUNTIMES : [first, first]) {
    await done(writer, ['append', 'orders', '--create', ...at], EVENTS.join(''))
    const { id } = await told(writer, ['snapshot', 'create', '--min-interval', 'none', ...at])
    const report = await told(writer, ['snapshot', 'export', 'newest', '--to', backup, ...at])
    expect(report).toMatchObject({ snapshot: id })
    ids.unshift(id)
  }
  const there = await told(first, ['snapshot', 'ls', '--data', backup])
  expect(there.snapshots.map(({ id }: { id: string }) => id)).toEqual(ids)
  for (const reader of RUNTIMES) {
    const drill = await told(reader, ['snapshot', 'drill', 'newest', '--memory', '--data', backup])
    expect(drill).toMatchObject({ ok: true, events: 500 * ids.length })
    const to = place(`rescued-${reader}`)
    await done(reader, ['snapshot', 'restore', 'newest', '--to', to, '--data', backup])
    expect(await told(reader, ['topics', '--data', to])).toMatchObject({ topics: [{ events: 500 * ids.length }] })
    const import_ = ['snapshot', 'import', 'newest', '--from', backup, '--create', '--data', place(`again-${reader}`)]
    expect(await told(reader, import_)).toMatchObject({ snapshot: ids[0] })
  }
})

test.each(RUNTIMES)('%s serves a store whose snapshots others read and send beside it', SLOW, async (runtime) => {
  const data = place(`served-${runtime}`)
  const at = ['--data', data]
  await done(runtime, ['append', 'orders', '--create', ...at], EVENTS.join(''))
  const root = place(`root-${runtime}`)
  const flags = ['--port', '0', '--json', '--snapshot-every', '6h', '--snapshot-keep', '9', '--restore-root', root]
  const token = 'T'.repeat(40)
  const server = new Varve(binaryOf(runtime), ['serve', data, ...flags], { VARVE_TOKEN: token })
  const { url } = JSON.parse(await server.until(({ output }) => (output.includes('\n') ? output : undefined)))
  const api = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${token}` }
    const sent = { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return fetch(`${url}/api/${path}`, { method, ...(body === undefined ? { headers } : sent) })
  }
  const schedule = await (await api('GET', 'snapshots/schedule')).json()
  expect(JSON.stringify(schedule)).toContain(`"everyMs":${6 * 3_600_000}`)
  expect((await api('POST', 'snapshots', { label: 'served' })).status).toBe(202)
  const list = async () => (await told(runtime, ['snapshot', 'ls', ...at])).snapshots
  while ((await list()).length === 0);
  const [{ id }] = await list()
  const refused = await run(runtime, ['snapshot', 'create', '--json', ...at])
  expect(refused.exitCode).toBe(1)
  expect(refused.errors).toContain('STORE_LOCKED')
  expect(await told(runtime, ['snapshot', 'export', id, '--to', place(`out-${runtime}`), ...at])).toMatchObject({
    snapshot: id,
  })
  expect((await api('POST', `snapshots/${id}/restore`, { directory: 'here' })).status).toBe(202)
  const isThere = async () => (await run(runtime, ['topics', '--data', join(root, 'here')])).exitCode === 0
  while (!(await isThere()));
  expect((await api('POST', 'topics/orders/fork', { as: 'what-if', until: { offset: 100 } })).status).toBe(201)
  server.signal('SIGTERM')
  expect(await server.ended()).toBe(0)
  const forked = await told(runtime, ['fork', 'what-if', 'again', '--offset', '50', ...at])
  expect(forked).toMatchObject({ events: 50 })
  expect(await done(runtime, ['verify', ...at])).toContain('No damage found')
  expect(await done(runtime, ['verify', '--data', join(root, 'here')])).toContain('No damage found')
})
