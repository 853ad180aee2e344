/** Export, import and the import of SQLite tables with the real binaries.
 * @module */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Runtime } from '../support/runtime.ts'
import { type Binaries, type Binary, binaries, RUNTIMES, Varve } from './cli-process.ts'

/** Each starts processes of several runtimes. */
const SLOW = { timeout: 60_000 }

let built: Binaries
let directory = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'varve-import-'))
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
  const child = new Varve(binaryOf(runtime), words).input(input)
  const exitCode = await child.ended()
  return { exitCode, output: child.output, errors: child.errors }
}

async function done(runtime: Runtime, words: readonly string[], input: string | Uint8Array = ''): Promise<string> {
  const ran = await run(runtime, words, input)
  if (ran.exitCode !== 0) throw new Error(`varve ${words.join(' ')} on ${runtime}: ${ran.errors}`)
  return ran.output
}

const VALUES = [
  '{"kind":"Odd","entity":"e-1","data":{"$type":"number","value":"-0"},"at":-5}',
  '{"kind":"Odd","entity":"e-2","data":[12345678901234567890,1e300,0.1,{"__proto__":1,"$type":"mine"}]}',
  '{"kind":"Odd","entity":"e-3","data":{"$type":"bytes","base64":"AAECAw=="},"tags":["a","b"],"scope":"s","lane":3}',
  '{"kind":"Odd","entity":"e-4","data":"\\ud800 \\u009b \\u202e 漢字","meta":{"$type":"date","at":-1},"depth":1}',
]

function events(count: number): string {
  const lines = Array.from({ length: count }, (_, n) =>
    JSON.stringify({ kind: 'Counted', entity: `e-${n % 7}`, data: { n }, correlationId: `c-${n >> 3}` }),
  )
  return `${[...VALUES, ...lines].join('\n')}\n`
}

/** Lines of an export without what an import gives anew. */
function content(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.replace(/,"recordedAt":\d+/, ''))
}

test(
  'what one runtime exports another imports, once, and exports again with the same content',
  async () => {
    const [first = 'node'] = RUNTIMES
    const store = place('source')
    await done(first, ['append', 'orders', '--create', '--data', store], events(2_500))
    await done(first, ['append', 'board', '--create', '--data', store], events(10))
    const exported = await done(first, ['export', store])
    for (const [at, runtime] of RUNTIMES.entries()) {
      expect(await done(runtime, ['export', store])).toBe(exported)
      const file = place(`export-${runtime}.ndjson`)
      await done(runtime, ['export', store, '-o', file])
      expect(readFileSync(file, 'utf8')).toBe(exported)
      expect(await run(runtime, ['export', store, '-o', file])).toMatchObject({ exitCode: 1, output: '' })
      const copy = place(`copy-${runtime}`)
      expect(JSON.parse(await done(runtime, ['import', copy, file, '--json'])).topics).toMatchObject([
        { topic: 'board', created: true, appended: 14 },
        { topic: 'orders', created: true, appended: 2_504 },
      ])
      const next = RUNTIMES[(at + 1) % RUNTIMES.length] ?? runtime
      expect(JSON.parse(await done(next, ['import', copy, '-', '--json'], exported)).topics).toMatchObject([
        { appended: 0, alreadyThere: 14 },
        { appended: 0, alreadyThere: 2_504 },
      ])
      expect(content(await done(next, ['export', copy]))).toEqual(content(exported))
      expect(await run(runtime, ['verify', '--data', copy])).toMatchObject({ exitCode: 0 })
    }
  },
  SLOW.timeout,
)

describe.each(RUNTIMES)('varve import on %s', SLOW, (runtime) => {
  test('interrupted, it says how to go on, and goes on', async () => {
    const store = place(`live-${runtime}`)
    const lines = Array.from(
      { length: 2_500 },
      (_, n) => `{"topic":"t","kind":"K","entity":"e","id":"i-${n}","data":${n}}`,
    )
    const words = ['import', store, '-']
    const child = new Varve(binaryOf(runtime), words)
    child.say(`${lines.slice(0, 1_500).join('\n')}\n`)
    // The first batch is durable when a reader sees it.
    for (;;) {
      const ran = await run(runtime, ['read', 't', '--limit', '1', '--data', store])
      if (ran.exitCode === 0 && ran.output !== '') break
    }
    child.signal('SIGINT')
    expect(await child.ended()).toBe(1)
    expect(child.errors).toBe('varve: 1,000 events imported, the same command again goes on\nvarve: interrupted\n')
    expect(JSON.parse(await done(runtime, [...words, '--json'], lines.join('\n'))).topics).toMatchObject([
      { appended: 1_500, alreadyThere: 1_000 },
    ])
    const changed = lines.map((line) => line.replace('"data":1777}', '"data":-1}')).join('\n')
    expect(await run(runtime, words, changed)).toMatchObject({
      exitCode: 1,
      errors: expect.stringMatching(/^varve: Cannot import line 1778: an event with id "i-1777" is there already/),
    })
  })
})

/** A database, made by the runtime's own SQLite. */
function makeDatabase(runtime: Runtime, path: string): void {
  const script = place(`make-${runtime}.mjs`)
  const open =
    runtime === 'bun'
      ? `import { Database } from 'bun:sqlite'; const db = new Database(path)`
      : `import { DatabaseSync } from 'node:sqlite'; const db = new DatabaseSync(path)`
  writeFileSync(script, `const path = ${JSON.stringify(path)}\n${open}\ndb.exec(${JSON.stringify(SQL)})\ndb.close()\n`)
  const [program = '', ...first] = runtime === 'bun' ? [binaryOf(runtime)[0]] : [binaryOf(runtime)[0], 'run', '-A']
  const made = spawnSync(program, [...first, script], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
}

const SQL = `
CREATE TABLE events(id INTEGER PRIMARY KEY, stream_id TEXT, type TEXT, payload TEXT, created_at REAL,
  "we""ird, na:me" TEXT, c0 INTEGER, "__proto__" TEXT, bytes BLOB, big INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
INSERT INTO events SELECT i, 'stream-' || (i % 7), 'Placed', json_object('n', i), 1700000000 + i + 0.5,
  'w' || i, 10000 - i, 'p' || i, x'00ff', 9007199254740993 FROM n;
CREATE TABLE pairs(k TEXT, j TEXT, v TEXT, PRIMARY KEY (k, j)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('b', 'x', 'text'), ('a', 'y', '"json"');
CREATE TABLE "drop table events; --"(a TEXT);
INSERT INTO "drop table events; --" VALUES ('safe');`

const MAP = ['--map', 'entity=stream_id,kind=type,data=payload,at=created_at:s']

describe.each(RUNTIMES.filter((runtime) => runtime !== 'node'))('varve import sqlite on %s', SLOW, (runtime) => {
  const database = () => place(`app-${runtime}.db`)
  const store = () => place(`sqlite-${runtime}`)
  const table = (name: string) => ['import', 'sqlite', database(), '--table', name, '--data', store(), '--json']
  const lines = async (topic: string) =>
    (await done(runtime, ['read', topic, '--json', '--data', store()]))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  beforeAll(() => makeDatabase(runtime, database()))

  test('takes a table over once, and leaves the database as it is', async () => {
    const before = readFileSync(database())
    const words = [...table('events'), ...MAP]
    expect(JSON.parse(await done(runtime, words)).topics).toMatchObject([{ topic: 'events', appended: 2_500 }])
    for (const other of RUNTIMES.filter((one) => one !== 'node'))
      expect(JSON.parse(await done(other, words)).topics).toMatchObject([{ appended: 0, alreadyThere: 2_500 }])
    const [event, ...rest] = await lines('events')
    expect(rest).toHaveLength(2_499)
    expect(event).toMatchObject({ id: 'events-1', entity: 'stream-1', kind: 'Placed', at: 1_700_000_001_500 })
    expect(event.data).toEqual({ n: 1 })
    expect(readFileSync(database()).equals(before)).toBe(true)
  })

  test('reads columns with any name, in the order asked for, exactly', async () => {
    const map = ['--map', 'entity="we""ird, na:me"', '--map', `kind='Imported'`, '--skip', 'payload,type,stream_id']
    const topic = ['--topic', 'odd']
    await done(runtime, [...table('events'), ...map, ...topic, '--order', 'c0'])
    const text = await done(runtime, ['read', 'odd', '--json', '--limit', '1', '--data', store()])
    const data =
      '{"id":2500,"created_at":1700002500.5,"c0":7500,"__proto__":"p2500",' +
      '"bytes":{"$type":"bytes","base64":"AP8="},"big":9007199254740993}'
    expect(text).toContain(`"data":${data}}`)
    expect(text).toContain('"id":"events-2500","kind":"Imported","entity":"w2500"')
  })

  test('orders tables without rowid by their key, and takes names of tables as names', async () => {
    await done(runtime, [...table('pairs'), '--map', `entity=k,kind='Pair',data=v`])
    expect((await lines('pairs')).map(({ entity, data }) => [entity, data])).toEqual([
      ['a', 'json'],
      ['b', 'text'],
    ])
    await done(runtime, [...table('drop table events; --'), '--map', `entity=a,kind='K'`, '--topic', 'named'])
    expect(await lines('named')).toMatchObject([{ entity: 'safe', id: 'drop table events; ---1' }])
  })

  test.each([
    [['events', '--map', `entity=nope,kind='K'`], 'the columns are id, stream_id'],
    [['events', '--map', `entity="1 OR 1",kind='K'`], 'Cannot use column "1 OR 1"'],
    [['events', '--map', `entity=id,kind='K'`, '--order', 'c0; DROP TABLE events'], 'Cannot use column'],
    [['events; DROP TABLE events', '--map', `entity=id,kind='K'`], 'there are drop table events; --, events, pairs'],
  ])('%j is wrong use', async ([name = '', ...words], message) => {
    const ran = await run(runtime, [...table(name), ...words])
    expect(ran).toMatchObject({ exitCode: 2, output: '' })
    expect(JSON.parse(ran.errors).error.message).toContain(message)
  })

  test('says what is wrong with a file that is no database', async () => {
    const path = place('no.db')
    writeFileSync(path, 'not a database, but long enough to be looked at\n'.repeat(100))
    const words = ['import', 'sqlite', path, '--table', 't', '--map', `entity=a,kind='K'`, '--data', store()]
    expect(await run(runtime, words)).toMatchObject({ exitCode: 1, errors: expect.stringContaining('not a database') })
    words[2] = place('none.db')
    expect(await run(runtime, words)).toMatchObject({ exitCode: 1, errors: expect.stringContaining('does not exist') })
  })
})

const hasShell = spawnSync('sqlite3', ['--version']).status === 0
const [NODE_MAJOR = 0] = process.versions.node.split('.').map(Number)
if (NODE_MAJOR >= 22) console.info('Node has SQLite here: the pipe for runtimes without it is not tested')
else if (!hasShell) console.info('there is no sqlite3 here: the pipe is printed, and not run')

describe.runIf(RUNTIMES.includes('node') && NODE_MAJOR < 22)(
  'varve import sqlite on a runtime without SQLite',
  SLOW,
  () => {
    const words = () => ['import', 'sqlite', place('shell.db'), '--table', 'events', '--data', place('shell'), ...MAP]

    test('prints the pipe', async () => {
      writeFileSync(place('shell.db'), '')
      const ran = await run('node', words())
      expect(ran).toMatchObject({ exitCode: 2, output: '' })
      expect(ran.errors).toMatch(/use this pipe: sqlite3 -readonly -json .* \| varve import .* --map id=varve_id/)
    })

    test.runIf(hasShell)('whose pipe does the same', async () => {
      rmSync(place('shell.db'), { force: true })
      spawnSync('sqlite3', [place('shell.db')], { input: SQL })
      const ran = await run('node', [...words(), '--json'])
      const { pipe } = JSON.parse(ran.errors).error.details
      const varve = binaryOf('node')
        .map((word) => `'${word}'`)
        .join(' ')
      for (const appended of [2_500, 0]) {
        const piped = spawnSync('sh', ['-c', `${pipe.replace('| varve', `| ${varve}`)} --json`], { encoding: 'utf8' })
        expect(JSON.parse(piped.stdout).topics).toMatchObject([{ topic: 'events', appended }])
      }
      const text = await done('node', ['read', 'events', '--json', '--limit', '1', '--data', place('shell')])
      expect(JSON.parse(text)).toMatchObject({ id: 'events-1', at: 1_700_000_001_500, data: { n: 1 } })
    })
  },
)
