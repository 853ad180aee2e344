/** The binaries on one store, each opening what another one wrote.
 * @module */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../support/bundle.ts'
import type { Runtime } from '../support/runtime.ts'
import { type Binaries, type Binary, binaries, ownProgram, RUNTIMES, Varve } from './cli-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'varve-cli-'))
/** Each starts processes of several runtimes. */
const SLOW = { timeout: 60_000 }

let built: Binaries

beforeAll(async () => {
  built = await binaries()
})

afterAll(async () => {
  await built.remove()
  rmSync(directory, { recursive: true, force: true })
})

function binaryOf(runtime: Runtime): Binary {
  const binary = built.all.get(runtime)
  if (binary === undefined) throw new Error(`${runtime} is not installed`)
  return binary
}

test('a fault that nothing caught ends the process with 70, without a stack', async () => {
  const broken = await bundle('test/runtime/cli-broken.ts')
  try {
    const child = new Varve(ownProgram(broken.file), ['serve', join(directory, 'broken')], {
      VARVE_TOKEN: 'T'.repeat(40),
    })
    expect(await child.ended()).toBe(70)
    expect(child.errors).toBe('varve: internal error, ending at once: "RangeError: nobody\\ncaught this"\n')
  } finally {
    await broken.remove()
  }
})

/** Run `varve` in the store `data` to its end. */
async function run(runtime: Runtime, line: string, { data = 'data', input = '' } = {}) {
  const child = new Varve(binaryOf(runtime), [...line.split(' '), '--data', join(directory, data)]).input(input)
  const exitCode = await child.ended()
  return { exitCode, output: child.output, errors: child.errors }
}

const VALUES = [
  '{"kind":"Odd","entity":"e-1","data":{"$type":"number","value":"-0"},"at":-5}',
  '{"kind":"Odd","entity":"e-2","data":[12345678901234567890,1e300,0.1,{"__proto__":1,"$type":"mine"}]}',
  '{"kind":"Odd","entity":"e-3","data":{"$type":"bytes","base64":"AAECAw=="},"tags":["a","b"],"scope":"s","lane":3}',
  '{"kind":"Odd","entity":"e-4","data":"\\ud800 \\u009b \\u202e 漢字","meta":{"$type":"date","at":-1},"depth":1}',
]

function events(runtime: Runtime): string {
  const lines = Array.from({ length: 300 }, (_, n) =>
    JSON.stringify({ kind: 'Counted', entity: `e-${n % 7}`, data: { n, by: runtime }, correlationId: `c-${n >> 3}` }),
  )
  return `${[...VALUES, ...lines].join('\n')}\n`
}

test('every runtime appends to the store of the others, and reads the same bytes', SLOW, async () => {
  let count = 0
  for (const runtime of RUNTIMES) {
    const ran = await run(runtime, 'append orders --create --batch 100 --json', { input: events(runtime) })
    expect(ran).toMatchObject({ exitCode: 0, errors: '' })
    count += 304
    expect(JSON.parse(ran.output)).toMatchObject({ appended: 304, partitions: [{ endOffset: count }] })
  }
  const fingerprints = new Set<string>()
  for (const runtime of RUNTIMES) {
    const { exitCode, output } = await run(runtime, 'read orders --json')
    expect(exitCode).toBe(0)
    expect(output.trim().split('\n')).toHaveLength(count)
    fingerprints.add(createHash('sha256').update(output).digest('hex'))
    expect(await run(runtime, 'verify')).toMatchObject({ exitCode: 0, errors: '' })
  }
  expect(fingerprints.size).toBe(1)
})

test('decisions of one runtime hold for the others', SLOW, async () => {
  const data = 'decided'
  const [first = 'node'] = RUNTIMES
  const one = '{"kind":"K","entity":"e","data":1}'
  await run(first, 'topics create orders --chain events', { data })
  const receipt = await run(first, 'append orders --key k --expect e=none --json', { data, input: one })
  const { hash } = JSON.parse(receipt.output)
  const proof = await run(first, 'proof orders 0', { data })
  for (const runtime of RUNTIMES) {
    const again = await run(runtime, 'append orders --key k --expect e=none --json', { data, input: one })
    expect(JSON.parse(again.output)).toMatchObject({ replayed: true, appended: 0, hash })
    const late = await run(runtime, 'append orders --expect e=none', { data, input: one })
    expect(late).toMatchObject({ exitCode: 1, output: '' })
    const blind = await run(runtime, 'append orders --if-no kind=K --after 0', { data, input: one })
    expect(blind).toMatchObject({ exitCode: 1, output: '' })
    expect(await run(runtime, 'proof orders 0', { data })).toMatchObject({ exitCode: 0, output: proof.output })
    const checked = await run(runtime, `proof --check - --hash ${hash}`, { data, input: proof.output })
    expect(checked).toMatchObject({ exitCode: 0, output: expect.stringContaining('Proven') })
    expect(await run(runtime, `verify --head orders:1:${hash}`, { data })).toMatchObject({ exitCode: 0 })
    const asked = await run(runtime, 'topics rm orders --yes', { data })
    expect(asked).toMatchObject({ exitCode: 2, output: '', errors: expect.stringContaining('--store-id') })
  }
})

describe.each(RUNTIMES)('varve on %s', SLOW, (runtime) => {
  test('ends with 2 for wrong use, 1 for failure, 3 for damage', async () => {
    expect(await run(runtime, 'read')).toMatchObject({ exitCode: 2, output: '' })
    expect(await run(runtime, 'read orders', { data: 'none' })).toMatchObject({ exitCode: 1, output: '' })
    const data = `damaged-${runtime}`
    await run(runtime, 'append orders --create', { data, input: events(runtime) })
    const partition = join(directory, data, 'topics/orders/0')
    const log = join(partition, readdirSync(partition).find((name) => name.endsWith('.log')) ?? '')
    const bytes = readFileSync(log)
    bytes[bytes.length - 30] = (bytes[bytes.length - 30] ?? 0) ^ 0xff
    writeFileSync(log, bytes)
    const ran = await run(runtime, 'verify', { data })
    expect(ran).toMatchObject({ exitCode: 3, output: expect.stringContaining('DAMAGE') })
  })

  test('ends quietly when the reader of its output goes away', async () => {
    const data = `pipe-${runtime}`
    const lines = Array.from({ length: 3_000 }, (_, n) => `{"kind":"K","entity":"e","data":"${'x'.repeat(200)}${n}"}`)
    await run(runtime, 'append orders --create', { data, input: lines.join('\n') })
    const child = new Varve(binaryOf(runtime), ['read', 'orders', '--data', join(directory, data)])
    await child.until(({ output }) => (output === '' ? undefined : true))
    child.hangUp()
    expect(await child.ended()).toBe(0)
    expect(child.errors).toBe('')
  })

  test('appends from a pipe that pauses, and says what stays when interrupted', async () => {
    const where = ['--data', join(directory, `live-${runtime}`)]
    expect(await run(runtime, 'topics create orders', { data: `live-${runtime}` })).toMatchObject({ exitCode: 0 })
    const child = new Varve(binaryOf(runtime), ['append', 'orders', ...where])
    child.say('{"kind":"K","entity":"e","data":1}\n{"kind":"K","ent')
    const tail = new Varve(binaryOf(runtime), ['tail', 'orders', '--from', 'start', '--json', ...where])
    const shown = await tail.until(({ output }) => (output.endsWith('\n') ? output : undefined))
    expect(JSON.parse(shown)).toMatchObject({ offset: 0, data: 1 })
    tail.signal('SIGINT')
    expect(await tail.ended()).toBe(0)
    child.signal('SIGINT')
    expect(await child.ended()).toBe(1)
    expect(child.errors).toBe(
      'varve: 1 event of earlier batches stays appended; continue at line 2\nvarve: interrupted\n',
    )
  })
})
