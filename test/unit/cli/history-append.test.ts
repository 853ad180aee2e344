/** `varve history append`: values, lines and metrics from files and pipes.
 * @module */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseJsonValue, stringifyValue } from '../../../src/index.ts'
import { BOARD, withBoard } from './history-support.ts'
import { Machine, ndjson } from './support.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('history append', () => {
  test('stores one value from a file or a pipe, and says what became of it', async () => {
    const machine = new Machine()
    machine.files.set('one.json', '{"a":[1,2,3]}')
    expect(await machine.done('history append h one.json --create')).toMatch(
      /^Stored h, version 1, \d+ B as a whole\n$/,
    )
    const json = JSON.parse(await machine.done('history append h - --json --label x', { input: '{"a":[1,2,4]}' }))
    expect(Object.keys(json)).toEqual(['history', 'version', 'at', 'fingerprint', 'isDelta', 'sizeBytes'])
    expect(json).toMatchObject({ history: 'h', version: 2 })
    expect(await machine.done('history get h')).toBe('{"a":[1,2,4]}\n')
    expect(await machine.done('history get h 1')).toBe('{"a":[1,2,3]}\n')
    await machine.done('history append h', { input: [gzipSync('[null]')] })
    expect(await machine.done('history get h')).toBe('[null]\n')
  })

  test('keeps what the options say with the version', async () => {
    const machine = new Machine()
    const words = [
      'history',
      'append',
      'h',
      '--create',
      '--label',
      'first draft',
      '--at',
      '2026-01-31',
      '--offset',
      '7',
    ]
    const more = ['--fingerprint', 'f', '--metadata', '{"by":"ada","n":12345678901234567890}', '--if-version', '0']
    expect(await machine.run([...words, ...more], { input: '1' })).toMatchObject({ exitCode: 0 })
    expect(parseJsonValue(await machine.done('history show h 1 --json'))).toMatchObject({
      version: 1,
      at: Date.UTC(2026, 0, 31),
      label: 'first draft',
      fingerprint: 'f',
      metadata: { by: 'ada', n: 12345678901234567890n },
      offset: 7,
    })
    const again = await machine.run([...words, ...more, '--json'], { input: '1' })
    expect(again.exitCode).toBe(1)
    expect(JSON.parse(again.errors).error).toMatchObject({
      code: 'HISTORY_CONFLICT',
      details: { expected: 0, found: 1 },
    })
  })

  test('values of the dialect come back as they were', async () => {
    const machine = new Machine()
    const text =
      '{"b":{"$type":"bytes","base64":"AQL/"},"n":{"$type":"number","value":"-0"},"big":123456789012345678901,"__proto__":1}'
    await machine.done('history append h --create', { input: text })
    expect(await machine.done('history get h')).toBe(`${text}\n`)
    expect(stringifyValue(parseJsonValue(text))).toBe(text)
  })

  test('stores one version a line, of NDJSON or of an array, gzip or not', async () => {
    const machine = await withBoard()
    const all = await machine.done('history query board --json')
    const found = all
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(found.map(({ value }) => value)).toEqual(BOARD.map(({ value }) => value))
    expect(found.map(({ at, label }) => [at, label])).toEqual(BOARD.map(({ at, label }) => [at, label]))
    for (const input of [[gzipSync(ndjson(BOARD))], [bytes(JSON.stringify(BOARD))]]) {
      const name = `h${input[0]?.length}`
      expect(await machine.done(`history append ${name} --ndjson --create`, { input })).toMatch(
        /^Stored 6 versions of h\d+: 1 to 6, [\d.]+ \w+, in \d+\.\d\d s\n$/,
      )
      expect((await machine.done(`history query ${name} --json`)).split('\n').length).toBe(7)
    }
    const json = JSON.parse(await machine.done('history append none --ndjson --create --json', { input: '\n' }))
    expect(json).toMatchObject({ history: 'none', appended: 0 })
  })

  test('reads times of lines as text too', async () => {
    const machine = new Machine()
    const input = '{"at":"2026-01-31T12:00:00Z","label":null,"value":null}\n'
    await machine.done('history append h --ndjson --create', { input })
    const info = JSON.parse(await machine.done('history show h newest --json'))
    expect(info).toMatchObject({ at: Date.UTC(2026, 0, 31, 12) })
    expect(info.label).toBeUndefined()
  })

  test.each([
    ['{"value":1}\n{"value":2', 'line 2, column', 1],
    ['{"value":1}\n[2]\n', 'line 2: it is no JSON object', 1],
    ['{"value":1}\n\n{"valu":2}\n', 'line 3: it needs either "value" or "metrics"', 1],
    ['{"value":1,"metrics":{}}\n', 'line 1: it needs either', 0],
    ['{"value":1,"tags":[]}\n', '"tags" is not a field of a version', 0],
    ['{"value":1,"at":"noon"}\n', '"at" must be', 0],
    ['{"value":1}\n{"value":2,"at":"later"}\n', '1 version before it stays appended', 1],
    ['{"value":1}\n{"value":2,"label":7}\n', 'at line 2', 1],
  ])('%j stops where it is wrong; what came before stays', async (input, message, stays) => {
    const machine = new Machine()
    const ran = await machine.run(['history', 'append', 'h', '--ndjson', '--create'], { input })
    expect(ran.exitCode).not.toBe(0)
    expect(ran.output).toBe('')
    expect(ran.errors).toContain(message)
    expect(JSON.parse(await machine.done('history stat h --json'))).toMatchObject({ count: stays })
  })

  test('--if-version with lines is about the first', async () => {
    const machine = new Machine()
    const input = '{"value":1}\n{"value":2}\n'
    await machine.done('history append h --ndjson --create --if-version 0', { input })
    const again = await machine.run(['history', 'append', 'h', '--ndjson', '--if-version', '1', '--json'], { input })
    expect(JSON.parse(again.errors).error).toMatchObject({
      code: 'HISTORY_CONFLICT',
      details: { line: 1, appended: 0 },
    })
    await machine.done('history append h --ndjson --if-version 2', { input })
    expect(JSON.parse(await machine.done('history stat h --json'))).toMatchObject({ newestVersion: 4 })
  })

  test('metrics keep their timestamps to the nanosecond', async () => {
    const machine = new Machine()
    const timestamps = '[1700000000000000001,18446744073709551615,7]'
    const series = `{"timestamps":${timestamps},"values":[0.5,{"$type":"number","value":"NaN"},1]}`
    await machine.done('history append m --create --metrics --label one', { input: `{"metrics":{"load":${series}}}` })
    const line = `{"label":"two","fingerprint":"f","metadata":{"host":"a"},"metrics":{"load":${series},"__proto__":${series}}}`
    await machine.done('history append m --ndjson', { input: line })
    const path = ['history', 'get', 'm', 'label=two', '--path', 'metrics.load.timestamps']
    expect((await machine.run(path)).output).toBe(`${timestamps}\n`)
    const info = JSON.parse(await machine.done('history show m 2 --json'))
    expect(info).toMatchObject({ kind: 'metrics', fingerprint: 'f', metadata: { host: 'a' } })
    expect((await machine.done('history query m --metric load')).match(/\n/g)).toHaveLength(2)
    expect((await machine.done('history query m --metric __proto__')).match(/\n/g)).toHaveLength(1)
    for (const input of ['{"metrics":[]}', '{}', 'null', '{"metrics":{"a":{"timestamps":[0.5],"values":[1]}}}']) {
      const ran = await machine.run(['history', 'append', 'm', '--metrics'], { input })
      expect(ran, input).toMatchObject({ exitCode: 1, output: '' })
    }
  })

  test.each([
    ['history append h --label x --ndjson', /--label with --ndjson/],
    ['history append h --at 5 --ndjson', /--at with --ndjson/],
    ['history append h --metadata [1]', /--metadata: it must be a JSON object/],
    ['history append h --metadata {', /--metadata: it must be a JSON object/],
    ['history append h --at noon', /--at "noon"/],
    ['history append', /Missing NAME/],
    ['history append h a b', /one argument too many/],
    ['history append _own --create', /_own/],
  ])('%s is wrong use', async (line, message) => {
    const ran = await new Machine().run(line.split(' '), { input: '1' })
    expect(ran).toMatchObject({ exitCode: 2, output: '', errors: expect.stringMatching(message) })
  })

  test('does not make a store or a history without --create, and names what makes one', async () => {
    const machine = new Machine()
    const missing = await machine.run(['history', 'append', 'h'], { input: '1' })
    expect(missing).toMatchObject({ exitCode: 1, errors: expect.stringMatching(/history append --create/) })
    await machine.done('topics create t')
    const unknown = await machine.run(['history', 'append', 'h'], { input: '1' })
    expect(unknown).toMatchObject({ exitCode: 1, errors: expect.stringMatching(/`varve history append --create`/) })
    expect(await machine.run(['history', 'append', 'h'], { inputIsTerminal: true })).toMatchObject({ exitCode: 2 })
    const broken = await machine.run(['history', 'append', 'h', '--create', '--json'], { input: '{"a":\n  tru}' })
    expect(JSON.parse(broken.errors).error).toMatchObject({ code: 'JSON_INVALID', details: { line: 2 } })
    const bad = await machine.run(['history', 'append', 'h'], { input: [new Uint8Array([0x22, 0xff, 0x22])] })
    expect(bad).toMatchObject({ exitCode: 1, errors: expect.stringMatching(/UTF-8/) })
  })

  test('stops when interrupted', async () => {
    const machine = new Machine()
    machine.interrupted.abort(new Error('Interrupted'))
    const ran = await machine.run(['history', 'append', 'h', '--create', '--ndjson'], { input: '{"value":1}\n' })
    expect(ran).toMatchObject({ exitCode: 1, output: '' })
  })
})
