/** Export and import: round trips, second runs, inputs that grew, broke off or changed.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { Machine, ndjson, numbered } from './support.ts'

const ODD = [
  '{"kind":"Odd","entity":"e-1","data":{"$type":"number","value":"-0"},"at":-5,"lane":2,"depth":1}',
  '{"kind":"Odd","entity":"e-2","data":[12345678901234567890,1e300,{"__proto__":1,"$type":"mine"}],"id":"own-1"}',
  '{"kind":"Odd","entity":"e-3","data":{"$type":"bytes","base64":"AAECAw=="},"tags":["a","b"],"scope":"s"}',
  '{"kind":"Odd","entity":"e-4","data":"\\ud800 \\u202e","meta":{"$type":"date","at":-1},"schemaVersion":3}',
  '{"kind":"Odd","entity":"e-5","data":null,"correlationId":"c","causationId":"own-1","extensions":{"x":[]}}',
].join('\n')

/** Lines without what an import gives anew. */
function content(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const { offset, recordedAt, ...rest } = JSON.parse(line)
      return rest
    })
}

async function machineWith(events: readonly unknown[]): Promise<Machine> {
  const machine = new Machine()
  await machine.done('append orders --create', { input: `${ODD}\n${ndjson(events)}` })
  return machine
}

async function imported(machine: Machine, line: string, input?: string) {
  const output = await machine.done(`${line} --json`, input === undefined ? {} : { input })
  return JSON.parse(output).topics
}

describe('export', () => {
  test('writes all topics, or those named, with the topic in each line', async () => {
    const machine = await machineWith(numbered(3))
    await machine.done('append board --create', { input: ndjson(numbered(2)) })
    const all = (await machine.done('export ./varve-data')).trim().split('\n')
    expect(all.map((line) => JSON.parse(line).topic)).toEqual([...Array(2).fill('board'), ...Array(8).fill('orders')])
    const one = await machine.done('export --data ./varve-data orders')
    expect(one).toBe(`${all.slice(2).join('\n')}\n`)
    const shown = await machine.done('read orders --json')
    expect(one.replaceAll('{"topic":"orders",', '{')).toBe(shown)
  })

  test('writes a file that must not exist, and sums up', async () => {
    const machine = await machineWith(numbered(3))
    expect(await machine.done('export ./varve-data -o all.ndjson')).toMatch(
      /^Exported 8 events of 1 topic to all.ndjson/,
    )
    expect(machine.files.get('all.ndjson')).toBe(await machine.done('export ./varve-data'))
    const again = await machine.run(['export', './varve-data', '-o', 'all.ndjson', '--json'])
    expect(again.exitCode).toBe(1)
    expect(JSON.parse(again.errors).error.code).toBe('FILE_EXISTS')
  })

  test('refuses a topic that is not there, and a missing DIR', async () => {
    const machine = await machineWith([])
    expect(await machine.run(['export', './varve-data', 'order'])).toMatchObject({ exitCode: 1, output: '' })
    expect(await machine.run(['export'])).toMatchObject({ exitCode: 2, errors: expect.stringContaining('Missing DIR') })
  })
})

describe('import of an export', () => {
  test('keeps everything but the place, and a second run appends nothing', async () => {
    const machine = await machineWith(numbered(2_500))
    const input = await machine.done('export ./varve-data')
    const first = await imported(machine, 'import ./copy -', input)
    expect(first).toMatchObject([{ topic: 'orders', created: true, appended: 2_505, alreadyThere: 0 }])
    const copy = await machine.done('export ./copy')
    expect(content(copy)).toEqual(content(input))
    const second = await imported(machine, 'import ./copy -', input)
    expect(second).toMatchObject([{ created: false, appended: 0, alreadyThere: 2_505 }])
    expect(await machine.done('export ./copy')).toBe(copy)
  })

  test('into the very topic it came from appends nothing', async () => {
    const machine = await machineWith(numbered(10))
    const input = await machine.done('export ./varve-data')
    expect(await imported(machine, 'import ./varve-data -', input)).toMatchObject([{ appended: 0, alreadyThere: 15 }])
  })

  test('splits a file of several topics, and gathers it in one with --topic', async () => {
    const machine = await machineWith(numbered(3))
    await machine.done('append board --create --partitions 3', { input: ndjson(numbered(30, 9)) })
    const input = await machine.done('export ./varve-data')
    const lines = input.trim().split('\n')
    // Mixed lines, as a program may have written them.
    const mixed = lines.map((_, at) => lines[(at * 7) % lines.length]).join('\n')
    expect(await imported(machine, 'import ./copy - --partitions 2', mixed)).toMatchObject([
      { topic: 'board', appended: 30 },
      { topic: 'orders', appended: 8 },
    ])
    expect(await imported(machine, 'import ./copy - --topic all', mixed)).toMatchObject([
      { topic: 'all', appended: 38 },
    ])
    expect(await imported(machine, 'import ./copy - --partitions 2', mixed)).toMatchObject([
      { alreadyThere: 30, appended: 0 },
      { alreadyThere: 8, appended: 0 },
    ])
  })

  test('adds what is new of an input that grew', async () => {
    const machine = await machineWith(numbered(1_200))
    await imported(machine, 'import ./copy -', await machine.done('export ./varve-data'))
    await machine.done('append orders', { input: ndjson(numbered(1_500)) })
    const input = await machine.done('export ./varve-data')
    expect(await imported(machine, 'import ./copy -', input)).toMatchObject([{ appended: 1_500, alreadyThere: 1_205 }])
    expect(content(await machine.done('export ./copy'))).toEqual(content(input))
  })

  test('goes on after a line that was broken', async () => {
    const machine = await machineWith(numbered(3_000))
    const input = await machine.done('export ./varve-data')
    const lines = input.split('\n')
    lines[2_500] = '{"topic":"orders",'
    const ran = await machine.run(['import', './copy', '-'], { input: lines.join('\n') })
    expect(ran.exitCode).toBe(1)
    expect(ran.errors).toMatch(
      /^varve: Cannot read line 2501.*\(2,000 events stay imported; the same command again goes on/,
    )
    expect(await imported(machine, 'import ./copy -', input)).toMatchObject([{ appended: 1_005, alreadyThere: 2_000 }])
    expect(content(await machine.done('export ./copy'))).toEqual(content(input))
  })

  test('an interruption leaves a prefix, says so, and the next run goes on', async () => {
    const machine = await machineWith(numbered(4_000))
    const input = await machine.done('export ./varve-data')
    const pieces = input.match(/[\s\S]{1,100000}/g) ?? []
    async function* slowly() {
      for (const [at, piece] of pieces.entries()) {
        if (at === 3) machine.interrupted.abort(new Error('Interrupted'))
        yield new TextEncoder().encode(piece)
      }
    }
    const ran = await machine.run(['import', './copy', '-'], { input: slowly() })
    expect(ran.exitCode).toBe(1)
    expect(ran.errors).toMatch(/^varve: \d,000 events imported, the same command again goes on\nvarve: interrupted\n$/)
    machine.interrupted = new AbortController()
    const copy = content(await machine.done('export ./copy'))
    expect(copy).toEqual(content(input).slice(0, copy.length))
    expect(await imported(machine, 'import ./copy -', input)).toMatchObject([{ alreadyThere: copy.length }])
    expect(content(await machine.done('export ./copy'))).toEqual(content(input))
  })

  test('refuses an event that changed, with its line', async () => {
    const machine = await machineWith(numbered(2_000))
    const input = await machine.done('export ./varve-data')
    await imported(machine, 'import ./copy -', input)
    const changed = input.replace('"n":1234}', '"n":-1}')
    const ran = await machine.run(['import', './copy', '-', '--json'], { input: changed })
    expect(ran.exitCode).toBe(1)
    expect(JSON.parse(ran.errors).error).toMatchObject({
      code: 'KEY_REUSED',
      message: expect.stringMatching(
        /^Cannot import line 1240: an event with id .* is there already with other content/,
      ),
      details: { line: 1_240, appended: 0 },
    })
  })

  test('keeps events that share an id, once each', async () => {
    const machine = new Machine()
    const input = ndjson(numbered(1_500).map((event) => ({ ...event, topic: 'orders', id: 'same' })))
    const ran = await imported(machine, 'import ./copy -', input)
    expect(ran).toMatchObject([{ appended: 1_500 }])
  })
})

describe('import of events without ids', () => {
  const lines = (count: number) => ndjson(numbered(count).map((event) => ({ ...event, topic: 't' })))

  test('a second run appends nothing, one that was interrupted goes on', async () => {
    const machine = new Machine()
    const broken = await machine.run(['import', './s', '-'], { input: `${lines(2_500).slice(0, -5)}\n` })
    expect(broken).toMatchObject({ exitCode: 1, errors: expect.stringContaining('2,000 events stay imported') })
    expect(await imported(machine, 'import ./s -', lines(2_500))).toMatchObject([
      { appended: 500, alreadyThere: 2_000 },
    ])
    expect(await imported(machine, 'import ./s -', lines(2_500))).toMatchObject([{ appended: 0, alreadyThere: 2_500 }])
    expect(content(await machine.done('export ./s')).length).toBe(2_500)
  })

  test('refuses content that changed under the same name, with its line, until it has another name', async () => {
    const machine = new Machine()
    machine.files.set('a/rows.ndjson', lines(1_500))
    machine.files.set('b/rows.ndjson', lines(1_500).replace('"n":1234}', '"n":-1}'))
    machine.files.set('c/rows.ndjson', lines(1_600))
    expect(await imported(machine, 'import ./s a/rows.ndjson')).toMatchObject([{ appended: 1_500 }])
    const changed = await machine.run(['import', './s', 'b/rows.ndjson'])
    expect(changed.exitCode).toBe(1)
    expect(changed.errors).toMatch(
      /^varve: Cannot import line 1235: an earlier run of this input had something else there, or ended there \(nothing/,
    )
    expect(changed.errors).toContain('--source')
    const grown = await machine.run(['import', './s', 'c/rows.ndjson', '--json'])
    expect(JSON.parse(grown.errors).error).toMatchObject({ code: 'KEY_REUSED', details: { line: 1_501, appended: 0 } })
    expect(await imported(machine, 'import ./s b/rows.ndjson --source b')).toMatchObject([{ appended: 1_500 }])
  })

  test('another pipe is another source', async () => {
    const machine = new Machine()
    await imported(machine, 'import ./s -', lines(10))
    const other = lines(20).split('\n').slice(10).join('\n')
    expect(await imported(machine, 'import ./s -', other)).toMatchObject([{ appended: 10 }])
  })
})

describe('import of rows', () => {
  test('maps fields of objects like columns', async () => {
    const machine = new Machine()
    machine.files.set('rows.json', JSON.stringify([{ host: 'a', time: 1.5, level: 'warn', text: 'x' }]))
    const words = ['import', './s', 'rows.json', '--topic', 'logs', '--map', `entity=host,kind='Line',at=time:s`]
    expect(await machine.run(words)).toMatchObject({ exitCode: 0, output: expect.stringContaining('logs (made)') })
    const [event] = content(await machine.done('export ./s'))
    expect(event).toMatchObject({ kind: 'Line', entity: 'a', at: 1_500, data: { level: 'warn', text: 'x' } })
  })

  test.each([
    [['import'], 'Missing DIR'],
    [['import', './s'], 'Missing FILE'],
    [['import', './s', '-', 'x'], 'one argument too many'],
    [['import', './s', '-', '--table', 't'], 'Cannot use --table without sqlite'],
    [['import', './s', '-', '--map', 'entity=a'], 'Cannot use --map without --topic'],
    [['import', 'sqlite'], 'Missing DATABASE'],
    [['import', 'sqlite', 'app.db'], 'Missing --table'],
    [['import', 'sqlite', 'app.db', '--table', 't', '--map', 'x'], 'write field=column'],
  ])('%j is wrong use', async (words, message) => {
    expect(await new Machine().run(words)).toMatchObject({ exitCode: 2, errors: expect.stringContaining(message) })
  })

  test('asks for a topic where lines name none', async () => {
    const ran = await new Machine().run(['import', './s', '-'], { input: ndjson(numbered(1)) })
    expect(ran).toMatchObject({ exitCode: 2, errors: expect.stringContaining('line 1: it has no "topic"') })
  })
})

test('import sqlite prints the pipe on a runtime without SQLite', async () => {
  const machine = new Machine()
  const words = ['import', 'sqlite', "my app's.db", '--table', 'ev"il', '--data', './s', '--json']
  const ran = await machine.run([...words, '--map', 'entity=stream,kind=type,data=payload', '--topic', 'events'])
  expect(ran.exitCode).toBe(2)
  expect(JSON.parse(ran.errors).error.details.pipe).toBe(
    `sqlite3 -readonly -json 'my app'\\''s.db' 'SELECT '\\''ev"il-'\\'' || t.rowid AS varve_id, ` +
      `t."stream" AS "stream", t."type" AS "type", t."payload" AS "payload" FROM "ev""il" AS t ORDER BY t.rowid' | ` +
      `varve import ./s - --topic events --map entity=stream,kind=type,data=payload --map id=varve_id ` +
      `--source 'my app'\\''s.db ev"il'`,
  )
  await expect(openStore({ storage: machine.storage('./s'), readOnly: true })).rejects.toThrow()
})
