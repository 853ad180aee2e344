/** Documents with the real binaries: streamed in and out, the same bytes for every runtime.
 * @module */
import { createHash } from 'node:crypto'
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
  directory = mkdtempSync(join(tmpdir(), 'varve-documents-'))
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
  const child = new Varve(binaryOf(runtime), ['doc', ...words, '--data', place('store')]).input(input)
  const exitCode = await child.ended()
  return { exitCode, output: child.output, errors: child.errors }
}

async function done(runtime: Runtime, words: readonly string[], input: string | Uint8Array = ''): Promise<string> {
  const ran = await run(runtime, words, input)
  if (ran.exitCode !== 0) throw new Error(`varve doc ${words.join(' ')} on ${runtime}: ${ran.errors}`)
  return ran.output
}

const hash = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const ORDERS = {
  note: 'grün 漢字 👍',
  orders: Array.from({ length: 20_000 }, (_, n) => ({ id: n, total: n / 100, lines: [{ sku: `s-${n % 97}`, n: 1 }] })),
  image: { $type: 'bytes', base64: 'AAECAwQF/w==' },
}
/** About 1.5 MB. */
const TEXT = JSON.stringify(ORDERS)

test('what one runtime stores every runtime gives back as it was, whole and by path', SLOW, async () => {
  for (const writer of RUNTIMES) {
    writeFileSync(place('orders.json'), TEXT)
    await done(writer, ['put', writer, place('orders.json')])
    await done(writer, ['put', `${writer}-piped`, '-'], gzipSync(TEXT))
    for (const reader of RUNTIMES) {
      expect(hash(await done(reader, ['get', writer])), `${writer} to ${reader}`).toBe(hash(`${TEXT}\n`))
      const order = await done(reader, ['get', `${writer}-piped`, '--path', 'orders[12345]'])
      expect(JSON.parse(order)).toEqual(ORDERS.orders[12_345])
    }
  }
  const [first = 'node'] = RUNTIMES
  expect(JSON.parse(await done(first, ['ls', '--json'])).documents).toHaveLength(RUNTIMES.length * 2)
  for (const reader of RUNTIMES) expect(await done(reader, ['verify'])).toContain('No damage found')
})

test.each(RUNTIMES)('%s writes files, bytes too, and only whole ones', SLOW, async (runtime) => {
  const name = `files-${runtime}`
  await done(runtime, ['put', name], TEXT)
  const [image, all] = [place(`${runtime}.bin`), place(`${runtime}.json`)]
  await done(runtime, ['get', name, '--path', 'image', '--raw', '-o', image])
  expect([...readFileSync(image)]).toEqual([0, 1, 2, 3, 4, 5, 255])
  await done(runtime, ['get', name, '-o', all])
  expect(readFileSync(all, 'utf8')).toBe(`${TEXT}\n`)
  expect(await run(runtime, ['get', name, '-o', all])).toMatchObject({ exitCode: 1, output: '' })
  expect(await run(runtime, ['get', name, '--path', 'none', '-o', place('none')])).toMatchObject({ exitCode: 1 })
  expect(() => readFileSync(place('none'))).toThrow()
})

test.each(RUNTIMES)(
  '%s ends put with 1 when the pipe is broken JSON, and get when nobody reads',
  SLOW,
  async (runtime) => {
    const name = `broken-${runtime}`
    await done(runtime, ['put', name], TEXT)
    const broken = await run(runtime, ['put', name, '--json'], TEXT.slice(0, -1))
    expect(broken).toMatchObject({ exitCode: 1, output: '' })
    expect(JSON.parse(broken.errors).error).toMatchObject({ code: 'JSON_INVALID', details: { line: 1 } })
    expect(JSON.parse(await done(runtime, ['stat', name, '--json']))).toMatchObject({ version: 1 })
    const child = new Varve(binaryOf(runtime), ['doc', 'get', name, '--data', place('store')])
    child.hangUp()
    expect(await child.ended()).toBe(0)
    expect(child.errors).toBe('')
  },
)
