/** The commands of the command line, with a terminal of arrays.
 * @module */
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../../src/cli/index.ts'
import { openStore } from '../../../src/index.ts'
import { Machine, ndjson, numbered } from './support.ts'

describe('append', () => {
  test('appends lines in batches and sums up', async () => {
    const machine = new Machine()
    const text = await machine.done('append orders --create --batch 4 --json', { input: ndjson(numbered(10)) })
    expect(JSON.parse(text)).toEqual({
      topic: 'orders',
      appended: 10,
      batches: 3,
      partitions: [{ partition: 0, firstOffset: 0, endOffset: 10 }],
      durationMs: expect.any(Number),
    })
    const more = await machine.done('append orders', { input: JSON.stringify(numbered(2)) })
    expect(more).toMatch(/^Appended 2 events to orders in 1 batch, .* offsets 10 to 11\n$/)
  })

  test('keeps the batches before a broken line and says where to continue', async () => {
    const machine = new Machine()
    const input = `${ndjson(numbered(5))}{"kind":"K"\n${ndjson(numbered(1))}`
    const ran = await machine.run(['append', 'orders', '--create', '--batch', '2', '--json'], { input })
    expect(ran.exitCode).toBe(1)
    expect(ran.output).toBe('')
    expect(JSON.parse(ran.errors).error).toMatchObject({
      code: 'JSON_INVALID',
      kind: 'invalid',
      message: expect.stringMatching(
        /^Cannot read line 6, .*4 events of earlier batches stay appended; continue at line 5/,
      ),
      details: { line: 6, appended: 4, nextLine: 5, partitions: [{ partition: 0, firstOffset: 0, endOffset: 4 }] },
    })
    expect((await machine.done('read orders --json')).split('\n')).toHaveLength(5)
  })

  test('names the line of an event that the topic refuses, and sends nothing after it', async () => {
    const machine = new Machine()
    const events: unknown[] = numbered(9)
    events[3] = { kind: 'Counted', entity: 'e', data: 1, lane: -1 }
    const ran = await machine.run(['append', 'orders', '--create', '--batch', '2'], { input: ndjson(events) })
    expect(ran.exitCode).toBe(1)
    expect(ran.errors).toMatch(
      /^varve: Cannot append line 4: "lane" .*2 events of earlier batches stay appended; continue at line 3/,
    )
    expect((await machine.done('read orders --json')).split('\n')).toHaveLength(3)
  })

  test('sends every event to the partition of its entity, in order', async () => {
    const machine = new Machine()
    const line = 'append orders --create --partitions 3 --batch 5'
    await machine.done(line, { input: ndjson(numbered(30, 6)) })
    const events = (await machine.done('read orders --json'))
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
    expect(events).toHaveLength(30)
    const places = new Map<string, number>()
    const last = new Map<string, number>()
    for (const { entity, partition, data } of events) {
      expect(places.get(entity) ?? partition).toBe(partition)
      expect(last.get(entity) ?? -1).toBeLessThan(data.n)
      places.set(entity, partition)
      last.set(entity, data.n)
    }
    expect(new Set(places.values()).size).toBeGreaterThan(1)
  })

  test('copies a topic that `read --json` shows', async () => {
    const machine = new Machine()
    await machine.done('append orders --create', { input: ndjson(numbered(5)) })
    const input = await machine.done('read orders --json')
    await machine.done('append copy --create --skip offset,partition,recordedAt,id', { input })
    const copied = await machine.done('read copy --json')
    const data = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).data)
    expect(data(copied)).toEqual(data(input))
  })

  test('reads a named file, and shows progress only on a terminal', async () => {
    const machine = new Machine()
    machine.files.set('events.json', JSON.stringify(numbered(3)))
    const words = ['append', 'orders', 'events.json', '--create']
    expect((await machine.run(words)).errors).toBe('')
    const ran = await machine.run(words, { errorIsTerminal: true })
    expect(ran.errors).toContain('append orders')
    expect(ran.errors.endsWith('\r\u001b[K')).toBe(true)
    expect(await machine.run(['append', 'orders', 'none'])).toMatchObject({ exitCode: 1 })
  })

  test('does not make a store or a topic without --create', async () => {
    const machine = new Machine()
    const nowhere = await machine.run(['append', 'orders'], { input: ndjson(numbered(1)) })
    expect(nowhere).toMatchObject({ exitCode: 1, errors: expect.stringContaining('there is no store\nCheck --data') })
    expect(await machine.storage('./varve-data').list('')).toEqual([])
    await machine.done('topics create orders')
    const typo = await machine.run(['append', 'order'], { input: ndjson(numbered(1)) })
    expect(typo).toMatchObject({ exitCode: 1, errors: expect.stringContaining('there are: orders') })
  })

  test.each([
    [['append'], 'Missing TOPIC'],
    [['append', 'a', 'b', 'c'], 'one argument too many'],
    [['append', 'a', '--batch', '0'], 'whole number from 1 to 10000'],
    [['append', 'a', '--partitions', '2'], 'without --create'],
    [['append', 'a', '--durability', 'maybe'], 'synced or buffered'],
    [['append', 'a', '--nonsense'], "Unknown option '--nonsense'"],
    [['append', 'a', '--batch'], 'argument missing'],
    [['append', '../a', '--create'], 'name'],
  ])('%j is wrong use', async (words, message) => {
    const ran = await new Machine().run(words)
    expect(ran).toMatchObject({ exitCode: 2, output: '', errors: expect.stringContaining(message) })
    expect(ran.errors).toContain('Try: varve append --help')
  })

  test('refuses a keyboard unless asked for', async () => {
    const ran = await new Machine().run(['append', 'a', '--create'], { inputIsTerminal: true })
    expect(ran).toMatchObject({ exitCode: 2, errors: expect.stringContaining('keyboard') })
  })
})

describe('read', () => {
  const machine = new Machine()
  const setUp = machine.done('append orders --create', {
    input: ndjson(
      numbered(10).map((event, at) => ({ ...event, at: at * 1_000, ...(at === 4 ? { tags: ['t'] } : {}) })),
    ),
  })
  const offsets = async (options: string) => {
    await setUp
    const text = await machine.done(`read orders --json ${options}`.trim())
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).offset)
  }

  test.each([
    ['--from 8', [8, 9]],
    ['--to 2', [0, 1]],
    ['--entity e-1', [1, 4, 7]],
    ['--tag t', [4]],
    ['--kind None --kind Counted --limit 2', [0, 1]],
    ['--backward --limit 3', [9, 8, 7]],
    ['--since 1970-01-01T00:00:08Z', [8, 9]],
    ['--until 2000', [0, 1]],
    ['--correlation-id none', []],
  ])('%s', async (options, expected) => {
    expect(await offsets(options)).toEqual(expected)
  })

  test('writes lines for people without what steers a terminal', async () => {
    const machine = new Machine()
    const input = ndjson([{ kind: 'K\u001b[31m', entity: 'a\u202eb\u0007', data: '\u009b31mx' }])
    await machine.done('append orders --create', { input })
    const text = await machine.done('read orders')
    expect(text).toMatch(/K .* ab {2}"x"\n$/)
    const cut = await machine.done('read orders', { outputIsTerminal: true })
    expect([...cut.trimEnd()].length).toBeLessThanOrEqual(60)
  })

  test('ends quietly when nobody reads its output any more', async () => {
    await setUp
    expect(await machine.run(['read', 'orders'], { closedAfter: 0 })).toEqual({ exitCode: 0, output: '', errors: '' })
  })

  test('stops when interrupted', async () => {
    const machine = new Machine()
    await machine.done('append orders --create', { input: ndjson(numbered(1)) })
    machine.interrupted.abort(new Error('Interrupted'))
    expect(await machine.run(['read', 'orders'])).toMatchObject({ exitCode: 1, errors: 'varve: interrupted\n' })
  })

  test.each(['--from -1', '--limit x', '--since 31.1.', '--since 2026-01-31T12:00'])(
    '%s is wrong use',
    async (options) => {
      await setUp
      const [option, value] = options.split(' ')
      expect(await machine.run(['read', 'orders', `${option}=${value}`])).toMatchObject({ exitCode: 2 })
    },
  )
})

describe('topics, stats, verify, checkpoint', () => {
  test('topics lists and creates', async () => {
    const machine = new Machine()
    expect(await machine.done('topics create orders --partitions 2 --segment-mib 1')).toContain('Created topic orders')
    expect(await machine.done('topics create orders --partitions 2')).toContain('There already is')
    expect(await machine.run(['topics', 'create', 'orders', '--partitions', '3'])).toMatchObject({ exitCode: 1 })
    expect(await machine.done('topics')).toMatch(/^topic .*\norders +0 +2 /)
    expect(JSON.parse(await machine.done('topics list --json')).topics).toMatchObject([{ topic: 'orders', events: 0 }])
    expect(await machine.run(['topics', 'drop'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['topics', '--partitions', '2'])).toMatchObject({ exitCode: 2 })
  })

  test('stats shares the files of a topic out among its kinds and entities', async () => {
    const machine = new Machine()
    const events = [...numbered(20), { kind: 'Large', entity: 'big', data: 'x'.repeat(5_000) }]
    await machine.done('append orders --create', { input: ndjson(events) })
    const topic = JSON.parse(await machine.done('stats --json'))
    expect(topic).toMatchObject({ by: 'topic', total: { groups: 1, events: 21 }, items: [{ topic: 'orders' }] })
    const kinds = JSON.parse(await machine.done('stats orders --by kind --json'))
    expect(kinds.items.map(({ kind, events }: { kind: string; events: number }) => [kind, events])).toEqual([
      ['Large', 1],
      ['Counted', 20],
    ])
    expect(Math.abs(kinds.total.diskBytes - topic.total.diskBytes)).toBeLessThanOrEqual(2)
    const text = await machine.done('stats --by entity --top 1')
    expect(text).toMatch(/ 1 +big +orders\n3 more: see --top\nTotal .* 21 events of 4 entities\nrawBytes are estimated/)
    expect(await machine.run(['stats', '--by', 'size'])).toMatchObject({ exitCode: 2 })
  })

  test('verify ends with 0 where nothing is damaged and with 3 where something is', async () => {
    const machine = new Machine()
    await machine.done('append orders --create', { input: ndjson(numbered(50)) })
    expect(await machine.done('verify')).toMatch(/No damage found .*50 events.*\nNot checked: /)
    const storage = machine.storage('./varve-data')
    const directory = 'topics/orders/0'
    const log = (await storage.list(directory)).find(({ name }) => name.endsWith('.log'))
    const handle = await storage.openAppend(`${directory}/${log?.name}`)
    await handle.writeAt(handle.sizeBytes - 20, new Uint8Array([1, 2, 3]))
    await handle.close()
    const ran = await machine.run(['verify'])
    expect(ran).toMatchObject({ exitCode: 3, output: expect.stringMatching(/DAMAGE {2}topics\/orders\/0\/.*at byte/) })
    const json = await machine.run(['verify', '--json'])
    expect(JSON.parse(json.output)).toMatchObject({ ok: false, problems: [{ damage: true }] })
  })

  test('checkpoint works on an existing store only', async () => {
    const machine = new Machine()
    expect(await machine.run(['checkpoint'])).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining('no store'),
    })
    await machine.done('topics create orders')
    expect(await machine.done('checkpoint')).toContain('it was closed cleanly')
    expect(JSON.parse(await machine.done('checkpoint --json'))).toMatchObject({ source: 'clean', repaired: [] })
  })

  test('reading commands work beside a writer, writing ones name the first open', async () => {
    const machine = new Machine()
    const store = await openStore({ storage: machine.storage('./varve-data') })
    const topic = await store.topics.open('orders', { create: true })
    await topic.append(numbered(3))
    expect((await machine.done('read orders --json')).split('\n')).toHaveLength(4)
    for (const line of ['topics', 'stats --by kind', 'verify']) await machine.done(line)
    const ran = await machine.run(['append', 'orders', '--json'], { input: ndjson(numbered(1)) })
    expect(ran.exitCode).toBe(1)
    expect(JSON.parse(ran.errors).error).toMatchObject({ code: 'STORE_OPEN_HERE', hint: expect.any(String) })
    await store.close()
  })
})

describe('tail', () => {
  test('shows what arrives, and ends with 0 when interrupted', async () => {
    const machine = new Machine()
    const store = await openStore({ storage: machine.storage('./varve-data') })
    const topic = await store.topics.open('orders', { create: true })
    await topic.append(numbered(2))
    let sleeps = 0
    // Every wait of the follower is an opportunity for the writer; after the third the person interrupts.
    machine.clock = {
      now: () => 0,
      monotonic: () => 0,
      after(_delayMs, run) {
        const next =
          sleeps++ < 2 ? topic.append(numbered(2)).then(run) : Promise.resolve().then(() => machine.interrupted.abort())
        void next
        return () => undefined
      },
    }
    const ran = await machine.run(['tail', 'orders', '--json'])
    expect(ran).toMatchObject({ exitCode: 0, errors: '' })
    expect(
      ran.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).offset),
    ).toEqual([2, 3, 4, 5])
    machine.interrupted = new AbortController()
    sleeps = 2
    const all = await machine.run(['tail', 'orders', '--from', 'start', '--entity', 'e-1', '--json'])
    expect(
      all.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).offset),
    ).toEqual([1, 3, 5])
    await store.close()
  })
})

describe('runCli()', () => {
  test('shows the overview, the help of every command, and the version', async () => {
    const machine = new Machine()
    const overview = await machine.run([])
    expect(overview).toMatchObject({ exitCode: 0, output: expect.stringContaining('Usage: varve COMMAND') })
    expect((await machine.run(['--help'])).output).toBe(overview.output)
    for (const { name } of COMMANDS) {
      const help = await machine.done(`${name} --help`)
      expect(help).toContain(`varve ${name}`)
      expect(help).toContain('Examples:')
      for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120)
      expect(overview.output).toContain(`  ${name}`)
      expect(await machine.done(`help ${name}`)).toBe(help)
    }
    expect(await machine.done('--version')).toBe('varve 1.2.3\n')
  })

  test('refuses an unknown command with 2 and keeps its name harmless', async () => {
    const ran = await new Machine().run(['\u001b[31mfly'])
    expect(ran).toEqual({ exitCode: 2, output: '', errors: 'varve: There is no command "fly"\nTry: varve --help\n' })
  })

  test('tells an unknown failure by its message only, and its stack when asked', async () => {
    const machine = new Machine()
    machine.storage = () => {
      throw new RangeError('odd')
    }
    expect(await machine.run(['topics'])).toEqual({ exitCode: 1, output: '', errors: 'varve: odd\n' })
    expect((await machine.run(['topics'], { env: { VARVE_DEBUG: '1' } })).errors).toContain('RangeError: odd\n    at')
    const json = await machine.run(['topics', '--json'])
    expect(JSON.parse(json.errors)).toEqual({ error: { code: 'INTERNAL', kind: 'internal', message: 'odd' } })
  })
})
