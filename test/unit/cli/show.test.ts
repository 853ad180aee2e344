/** Commands that show events: cursors, envelopes, single events, causes and effects, damaged stores.
 * @module */
import { describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../src/ports/clock.ts'
import { Machine, ndjson, numbered } from './support.ts'

const jsonLines = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
const offsets = (text: string) => jsonLines(text).map(({ offset }) => offset)

async function machineWith(events: readonly unknown[]): Promise<Machine> {
  const machine = new Machine()
  await machine.done('append orders --create --batch 4', { input: ndjson(events) })
  return machine
}

describe('read', () => {
  test.each([
    ['', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['--backward', [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ['--entity e-1', [1, 4, 7]],
    ['--entity e-1 --backward', [7, 4, 1]],
  ])('goes on at the cursor that it printed: %s', async (options, expected) => {
    const machine = await machineWith(numbered(10))
    const found: number[] = []
    let cursor = ''
    for (let pages = 0; pages < 20; pages++) {
      const line = `read orders --limit 2 --print-cursor --json ${options} ${cursor}`.trim().replace(/ +/g, ' ')
      const ran = await machine.run(line.split(' '))
      expect(ran.exitCode).toBe(0)
      found.push(...offsets(ran.output))
      if (ran.errors === '') break
      cursor = `--cursor ${JSON.parse(ran.errors).cursor}`
    }
    expect(found).toEqual(expected)
  })

  test('with a cursor and no limit shows all that is left', async () => {
    const machine = await machineWith(numbered(2_500))
    const { errors } = await machine.run('read orders --limit 3 --print-cursor'.split(' '))
    const [, cursor = ''] = /^cursor (\S+)\n$/.exec(errors) ?? []
    const rest = offsets(await machine.done(`read orders --json --cursor ${cursor}`))
    expect(rest).toEqual(Array.from({ length: 2_497 }, (_, at) => at + 3))
  })

  test('--raw shows envelopes without values', async () => {
    const event = { kind: 'K', entity: 'e', data: 1, meta: 2, extensions: 3, tags: ['t'], scope: 's', at: 5 }
    const machine = await machineWith([event])
    const [shown] = jsonLines(await machine.done('read orders --raw --json'))
    const id = expect.any(String)
    const recordedAt = expect.any(Number)
    const { data, meta, extensions, ...envelope } = event
    expect(shown).toEqual({ offset: 0, partition: 0, id, recordedAt, ...envelope })
    expect(await machine.done('read orders --raw')).toMatch(/ K {17}e @s #t\n$/)
  })

  test.each([
    [['--print-cursor'], 'without --limit'],
    [['--cursor', '!'], 'Cannot read the cursor'],
  ])('refuses %j', async (words, message) => {
    const machine = await machineWith(numbered(1))
    const ran = await machine.run(['read', 'orders', ...words])
    expect(ran.exitCode).not.toBe(0)
    expect(ran.errors).toContain(message)
  })
})

describe('tail', () => {
  test('prints a cursor at its end, from which the next one goes on', async () => {
    const machine = await machineWith(numbered(5))
    // The first wait of the follower is when the person interrupts.
    const following: Clock = {
      now: () => 0,
      monotonic: () => 0,
      after() {
        queueMicrotask(() => machine.interrupted.abort())
        return () => undefined
      },
    }
    machine.clock = following
    const ran = await machine.run('tail orders --from 3 --json --print-cursor'.split(' '))
    expect(offsets(ran.output)).toEqual([3, 4])
    const { cursor } = JSON.parse(ran.errors)
    machine.interrupted = new AbortController()
    machine.clock = systemClock
    await machine.done('append orders', { input: ndjson(numbered(2)) })
    machine.clock = following
    const next = await machine.run(['tail', 'orders', '--json', '--cursor', cursor])
    expect(offsets(next.output)).toEqual([5, 6])
    const both = await machine.run(['tail', 'orders', '--from', 'end', '--cursor', cursor])
    expect(both).toMatchObject({ exitCode: 2, errors: expect.stringContaining('together') })
  })
})

describe('get', () => {
  test('shows one event whole, as text and as JSON', async () => {
    const machine = await machineWith([...numbered(3), { kind: 'K\u001b[31m', entity: 'e', data: '\u202ex' }])
    expect(JSON.parse(await machine.done('get orders 2 --json'))).toMatchObject({ offset: 2, data: { n: 2 } })
    const text = await machine.done('get orders 3')
    expect(text).toMatch(/^offset {9}3\npartition {6}0\n/)
    expect(text).toMatch(/\nkind {11}K\n[\s\S]*\ndata {11}x\n$/)
  })

  test.each([
    [['get', 'orders', '3'], 1, 'the log ends before it'],
    [['get', 'orders'], 2, 'Missing OFFSET'],
    [['get', 'orders', '-1'], 2, ''],
    [['get', 'orders', '1.5'], 2, 'whole number'],
  ])('%j ends with %d', async (words, exitCode, message) => {
    const machine = await machineWith(numbered(3))
    expect(await machine.run(words)).toMatchObject({ exitCode, output: '', errors: expect.stringContaining(message) })
  })
})

describe('causes and effects', () => {
  const event = (id: string, causationId?: string) => ({ kind: 'K', entity: 'e', id, causationId, data: null })
  const chain = [event('a'), event('b', 'a'), event('x'), event('c', 'b'), event('d', 'a')]
  const ids = (text: string) => jsonLines(text).map(({ id }) => id)

  test('walk the graph', async () => {
    const machine = await machineWith(chain)
    expect(ids(await machine.done('causes orders c --json'))).toEqual(['b', 'a'])
    expect(ids(await machine.done('effects orders a --json'))).toEqual(['b', 'd', 'c'])
    expect(ids(await machine.done('effects orders a --json --limit 1'))).toEqual(['b'])
    expect(await machine.done('effects orders x')).toBe('')
    expect(await machine.done('causes orders b')).toMatch(/^ {6}0 .* K .*null\n$/)
  })

  test('refuse a missing ID and too large limits', async () => {
    const machine = await machineWith(chain)
    expect(await machine.run(['causes', 'orders'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['effects', 'orders', 'a', '--limit', '10001'])).toMatchObject({ exitCode: 2 })
  })
})

describe('--salvage', () => {
  async function damaged(): Promise<Machine> {
    const machine = new Machine()
    await machine.done('topics create orders')
    for (let n = 0; n < 3; n++) await machine.done('append orders', { input: ndjson(numbered(200)) })
    const storage = machine.storage('./varve-data')
    const directory = 'topics/orders/0'
    const log = (await storage.list(directory)).find(({ name }) => name.endsWith('.log'))
    const handle = await storage.openAppend(`${directory}/${log?.name}`)
    await handle.writeAt(Math.floor(handle.sizeBytes / 2), new Uint8Array([1, 2, 3]))
    await handle.close()
    return machine
  }

  test('reads and exports what is left, names the gap, and ends with 1', async () => {
    const machine = await damaged()
    const left = [...Array(200).keys(), ...Array.from({ length: 200 }, (_, at) => 400 + at)]
    for (const line of ['read orders --salvage --json', 'export ./varve-data --salvage']) {
      const ran = await machine.run(line.split(' '))
      expect(ran.exitCode).toBe(1)
      expect(offsets(ran.output)).toEqual(left)
      expect(ran.errors).toMatch(
        /^varve: gap in orders: offsets 200 to 399 cannot be read: .*\nvarve: salvaged, with 1 gap\n$/,
      )
    }
    expect(await machine.run(['stats', '--salvage'])).toMatchObject({ exitCode: 1 })
    const checked = await machine.run(['verify', '--salvage'])
    expect(checked).toMatchObject({ exitCode: 3, errors: expect.stringContaining('gap in orders') })
  })

  test('of a store that is whole ends with 0', async () => {
    const machine = await machineWith(numbered(3))
    for (const line of [
      'read orders --salvage',
      'stats --salvage',
      'verify --salvage',
      'export ./varve-data --salvage',
    ])
      expect(await machine.run(line.split(' '))).toMatchObject({ exitCode: 0, errors: '' })
  })
})
