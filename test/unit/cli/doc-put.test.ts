/** Documents from the command line: what goes in, what is refused, what is deleted.
 * @module */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { draws } from '../../support/seeded-random.ts'
import { same, TEXT, withCatalog } from './doc-support.ts'
import { Machine } from './support.ts'

async function storeId(machine: Machine): Promise<string> {
  const store = await openStore({ storage: machine.storage('./varve-data'), readOnly: true })
  await store.close()
  return store.id
}

describe('doc put', () => {
  test('stores a file, says version and size, and makes the store', async () => {
    const machine = new Machine()
    machine.files.set('catalog.json', TEXT)
    expect(await machine.done('doc put catalog catalog.json')).toMatch(/^Stored catalog, version 1, [\d.]+ \w+, in /)
    const json = JSON.parse(await machine.done('doc put catalog catalog.json --json'))
    expect(json).toMatchObject({ name: 'catalog', version: 2 })
    expect(json.sizeBytes).toBeGreaterThan(json.indexBytes)
    expect(same(await machine.done('doc get catalog'), TEXT)).toBe(true)
  })

  test('takes standard input in pieces of any size, gzip too', async () => {
    const machine = new Machine()
    const bytes = new TextEncoder().encode(TEXT)
    const draw = draws(7)
    const cut: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += cut.at(-1)?.length ?? 0) cut.push(bytes.slice(at, at + 1 + (draw() % 7)))
    await machine.done('doc put a -', { input: cut })
    await machine.done('doc put b', { input: [gzipSync(bytes)] })
    expect(same(await machine.done('doc get a'), TEXT)).toBe(true)
    expect(await machine.done('doc get b')).toBe(await machine.done('doc get a'))
  })

  test('--if-version holds, 0 is for a new document', async () => {
    const machine = new Machine()
    const put = (version: number) => machine.run(['doc', 'put', 'a', '--if-version', String(version)], { input: '1' })
    expect(await put(1)).toMatchObject({ exitCode: 1, output: '' })
    expect(await put(0)).toMatchObject({ exitCode: 0 })
    expect(await put(0)).toMatchObject({ exitCode: 1 })
    expect(await put(1)).toMatchObject({ exitCode: 0 })
    const ran = await machine.run(['doc', 'put', 'a', '--if-version', '1', '--json'], { input: '1' })
    expect(JSON.parse(ran.errors).error).toMatchObject({
      code: 'DOCUMENT_CONFLICT',
      details: { expected: 1, found: 2 },
    })
  })

  test('of broken JSON fails with the place, and leaves the old version', async () => {
    const machine = new Machine()
    await machine.done('doc put a', { input: '{"x":1}' })
    for (const broken of ['', '   ', '{"x":1', '{"x":01}', '{"x":1}}', '[1,]']) {
      const ran = await machine.run(['doc', 'put', 'a', '-', '--json'], { input: broken })
      expect(ran, broken).toMatchObject({ exitCode: 1, output: '' })
      expect(JSON.parse(ran.errors).error).toMatchObject({ code: 'JSON_INVALID' })
    }
    const place = await machine.run(['doc', 'put', 'a', '-', '--json'], { input: '{\n "x":01}' })
    expect(JSON.parse(place.errors).error.details).toMatchObject({ line: 2 })
    const broken = [gzipSync(new TextEncoder().encode(TEXT)).subarray(0, 60)]
    expect(await machine.run(['doc', 'put', 'a', '-'], { input: broken })).toMatchObject({ exitCode: 1 })
    expect(await machine.done('doc get a')).toBe('{"x":1}\n')
    expect(await machine.done('doc stat a')).toMatch(/version +1\n/)
  })

  test('--duplicate-keys, --exact-numbers and --threshold are handed on', async () => {
    const machine = new Machine()
    const put = (input: string, ...options: string[]) => machine.run(['doc', 'put', 'a', ...options], { input })
    expect(await put('{"a":1,"a":2}')).toMatchObject({ exitCode: 0 })
    expect(await machine.done('doc get a --path a')).toBe('2\n')
    expect(same(await machine.done('doc get a'), '{"a":2}')).toBe(true)
    const twice = await put('{"a":1,"a":2}', '--duplicate-keys', 'refuse', '--json')
    expect(JSON.parse(twice.errors).error.code).toBe('KEY_DUPLICATE')
    const inexact = await put('0.1234567890123456789', '--exact-numbers', 'refuse', '--json')
    expect(JSON.parse(inexact.errors).error.code).toBe('JSON_INVALID')
    for (const [given, stored] of [
      ['0', 0],
      ['64KiB', 65_536],
      ['none', 'none'],
    ] as const) {
      expect(await put('[1,2]', '--threshold', given)).toMatchObject({ exitCode: 0 })
      expect(JSON.parse(await machine.done('doc stat a --json'))).toMatchObject({ thresholdBytes: stored })
    }
  })

  test.each([
    ['doc put', 'Missing NAME'],
    ['doc put a b c', 'one argument too many'],
    ['doc put a - --threshold big', '--threshold "big"'],
    ['doc put a - --duplicate-keys first', 'it must be last or refuse'],
    ['doc put a - --if-version x', 'whole number'],
    ['doc put ../a -', 'as the name of a document'],
    ['doc put a', 'standard input is a keyboard'],
  ])('%s is wrong use', async (line, message) => {
    const ran = await new Machine().run(line.split(' '), { inputIsTerminal: true })
    expect(ran).toMatchObject({ exitCode: 2, output: '', errors: expect.stringContaining(message) })
  })

  test('ends with the interrupt, and publishes nothing', async () => {
    const machine = new Machine()
    await machine.done('doc put a', { input: '1' })
    const { interrupted } = machine
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode('[0')
      for (let n = 0; ; n++) {
        if (n === 50) interrupted.abort()
        yield new TextEncoder().encode(',1'.repeat(100_000))
      }
    }
    const ran = await machine.run(['doc', 'put', 'a', '-'], { input: endless() })
    expect(ran).toEqual({ exitCode: 1, output: '', errors: 'varve: interrupted\n' })
    machine.interrupted = new AbortController()
    expect(await machine.done('doc get a')).toBe('1\n')
  })

  test('draws its progress where standard error is a terminal only', async () => {
    const machine = new Machine()
    machine.files.set('a.json', TEXT)
    const drawn = await machine.run(['doc', 'put', 'a', 'a.json'], { errorIsTerminal: true })
    expect(drawn.errors).toMatch(/^\rput a {2}\[#+\] {2}100%.*\r.\[K$/)
    expect((await machine.run(['doc', 'put', 'a', 'a.json'])).errors).toBe('')
  })
})

describe('doc rm', () => {
  test('says what would go, and deletes with --yes and the id of the store', async () => {
    const machine = await withCatalog()
    const asked = await machine.run(['doc', 'rm', 'catalog'])
    const id = await storeId(machine)
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    expect(asked.errors).toContain(`delete document catalog, version 1, `)
    expect(asked.errors).toContain(`run: varve doc rm catalog --yes --store-id ${id}`)
    expect(await machine.run(['doc', 'rm', 'catalog', '--yes', '--store-id', 'other'])).toMatchObject({ exitCode: 2 })
    const sure = ['doc', 'rm', 'catalog', '--yes', '--store-id', id]
    expect(await machine.run([...sure, '--if-version', '7'])).toMatchObject({ exitCode: 1 })
    expect(await machine.run([...sure, '--if-version', '1'])).toMatchObject({
      exitCode: 0,
      output: expect.stringMatching(/^Deleted document catalog, version 1, /),
    })
    expect(await machine.run(sure)).toMatchObject({ exitCode: 1 })
    expect(JSON.parse(await machine.done('doc put catalog --json', { input: '1' })).version).toBeGreaterThan(1)
  })
})

describe('varve doc', () => {
  test('shows its commands, and names one that is not', async () => {
    const machine = new Machine()
    const help = await machine.done('doc')
    for (const name of ['put', 'get', 'ls', 'stat', 'rm', 'verify', 'children'])
      expect(help).toContain(`  doc ${name} `)
    expect(await machine.done('doc --help')).toBe(help)
    expect(await machine.done('help doc')).toBe(help)
    expect(await machine.run(['doc', 'fly'])).toEqual({
      exitCode: 2,
      output: '',
      errors: 'varve: There is no command "doc fly"\nTry: varve doc --help\n',
    })
    expect((await machine.run(['doc', 'get', '--fly'])).errors).toContain('Try: varve doc get --help\n')
  })
})
