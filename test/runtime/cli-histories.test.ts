/** Histories and projections with the real binaries: what one runtime stores every runtime reads back, and folds come
 * from files.
 * @module */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Runtime } from '../support/runtime.ts'
import { type Binaries, type Binary, binaries, RUNTIMES, Varve } from './cli-process.ts'

/** Each starts processes of several runtimes. */
const SLOW = { timeout: 60_000 }

let built: Binaries
let directory = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'varve-histories-'))
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

async function run(runtime: Runtime, words: readonly string[], input: string | Uint8Array = '') {
  const child = new Varve(binaryOf(runtime), [...words, '--data', place('store')]).input(input)
  const exitCode = await child.ended()
  return { exitCode, output: child.output, errors: child.errors }
}

async function done(runtime: Runtime, words: readonly string[], input: string | Uint8Array = ''): Promise<string> {
  const ran = await run(runtime, words, input)
  if (ran.exitCode !== 0) throw new Error(`varve ${words.join(' ')} on ${runtime}: ${ran.errors}`)
  return ran.output
}

/** Two hundred versions of a value of about 6 KB, with something of everything. */
const VERSIONS = Array.from({ length: 200 }, (_, n) => ({
  at: 1_700_000_000_000 + n * 60_000,
  ...(n % 50 === 49 ? { label: `state ${n}` } : {}),
  value: {
    title: 'grün 漢字 👍',
    revision: n,
    items: Array.from({ length: 100 }, (_, i) => ({ id: i, done: i < n / 2, size: i === n % 100 ? n / 8 : i })),
    odd: { $type: 'number', value: n % 2 === 0 ? '-0' : 'NaN' },
    image: { $type: 'bytes', base64: 'AAECAwQF/w==' },
  },
}))
const NDJSON = VERSIONS.map((version) => `${JSON.stringify(version)}\n`).join('')

test('what one runtime stores every runtime reads back: every version, and one path over time', SLOW, async () => {
  for (const writer of RUNTIMES) {
    const name = `from-${writer}`
    const words = ['history', 'append', name, '-', '--ndjson', '--create', '--json']
    const told = JSON.parse(await done(writer, words, gzipSync(NDJSON)))
    expect(told).toMatchObject({ history: name, appended: 200, lastVersion: 200 })
    for (const reader of RUNTIMES) {
      const lines = (await done(reader, ['history', 'query', name, '--json'])).trim().split('\n')
      const found = lines.map((line) => JSON.parse(line))
      expect(
        found.map(({ at, label, value }) => ({ at, ...(label === undefined ? {} : { label }), value })),
        `${writer} to ${reader}`,
      ).toEqual(VERSIONS)
    }
    const one = await done(writer, ['history', 'get', name, 'label=state 99', '--check'])
    expect(JSON.parse(one)).toEqual(VERSIONS[99]?.value)
    const values = await done(writer, ['history', 'values', name, '--path', 'items[7].done', '--json'])
    expect(
      values
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).value),
    ).toEqual([false, true])
  }
  const [first = 'node'] = RUNTIMES
  expect(JSON.parse(await done(first, ['history', 'ls', '--json'])).histories).toHaveLength(RUNTIMES.length)
  expect(await done(first, ['history', 'verify'])).toContain('No damage found')
})

test('runtimes append to one history in turn', SLOW, async () => {
  for (const [n, writer] of [...RUNTIMES, ...RUNTIMES].entries())
    await done(
      writer,
      ['history', 'append', 'shared', '--create', '--if-version', `${n}`],
      JSON.stringify({ n, is: writer }),
    )
  const [first = 'node'] = RUNTIMES
  const values = await done(first, ['history', 'values', 'shared', '--path', 'n', '--json'])
  expect(
    values
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).value),
  ).toEqual([...RUNTIMES, ...RUNTIMES].map((_, n) => n))
})

test.each(RUNTIMES)(
  '%s writes a version to a file, and ends with 1 for a broken line and when nobody reads',
  SLOW,
  async (runtime) => {
    const name = `files-${runtime}`
    const file = place(`${runtime}.json`)
    const broken = await run(
      runtime,
      ['history', 'append', name, '--ndjson', '--create', '--json'],
      `${NDJSON}{"value":`,
    )
    expect(broken).toMatchObject({ exitCode: 1, output: '' })
    expect(JSON.parse(broken.errors).error).toMatchObject({
      code: 'JSON_INVALID',
      details: { line: 201, appended: 200 },
    })
    await done(runtime, ['history', 'get', name, '42', '-o', file])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(VERSIONS[41]?.value)
    const child = new Varve(binaryOf(runtime), ['history', 'query', name, '--data', place('store')])
    child.hangUp()
    expect(await child.ended()).toBe(0)
    expect(child.errors).toBe('')
  },
)

test.each(RUNTIMES)('%s loads the fold of a projection from a file', SLOW, async (runtime) => {
  const topic = `orders-${runtime}`
  const file = place(`${runtime}-totals.mjs`)
  writeFileSync(
    file,
    `export default {
      version: 1,
      initial: () => ({ total: 0 }),
      apply: { OrderPlaced: (state, { data }) => ({ total: state.total + data.total }) },
    }\n`,
  )
  const events = Array.from({ length: 100 }, (_, n) => `{"kind":"OrderPlaced","entity":"o","data":{"total":${n}}}\n`)
  await done(runtime, ['append', topic, '--create'], events.join(''))
  const words = ['projection', 'run', `totals-${runtime}`, '--fold', file]
  const create = ['--create', '--topic', topic, '--keep', 'history', '--every', '25', '--json']
  expect(JSON.parse(await done(runtime, [...words, ...create]))).toMatchObject({ lag: 0, positions: [100] })
  expect(await done(runtime, ['projection', 'state', `totals-${runtime}`])).toBe('{"total":4950}\n')
  const then = ['projection', 'state', `totals-${runtime}`, 'offset=10', '--fold', file]
  expect(await done(runtime, then)).toBe('{"total":45}\n')
  writeFileSync(place(`${runtime}-broken.mjs`), 'export default {')
  const broken = await run(runtime, [
    'projection',
    'run',
    `totals-${runtime}`,
    '--fold',
    place(`${runtime}-broken.mjs`),
  ])
  expect(broken).toMatchObject({ exitCode: 2, output: '' })
  const missing = await run(runtime, ['projection', 'run', `totals-${runtime}`, '--fold', place('none.mjs'), '--json'])
  expect(JSON.parse(missing.errors).error).toMatchObject({ code: 'FILE_MISSING' })
})

test.each(RUNTIMES)('%s follows a topic until it is told to end', SLOW, async (runtime) => {
  const topic = `followed-${runtime}`
  await done(runtime, ['append', topic, '--create'], '{"kind":"K","entity":"e","data":1}\n')
  const words = ['projection', 'run', `f-${runtime}`, '--fold', 'counts', '--create', '--topic', topic, '--follow']
  const child = new Varve(binaryOf(runtime), [...words, '--json', '--data', place('store')])
  const published = async () => {
    const ran = await run(runtime, ['projection', 'state', `f-${runtime}`])
    return ran.exitCode === 0
  }
  while (!(await published()));
  child.signal('SIGTERM')
  expect(await child.ended()).toBe(0)
  expect(JSON.parse(child.output)).toMatchObject({ lag: 0, positions: [1] })
  expect(await done(runtime, ['projection', 'state', `f-${runtime}`])).toBe('{"K":1}\n')
})
