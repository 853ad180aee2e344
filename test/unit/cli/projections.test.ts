/** Projections on the command line: folds by name and from modules, states, failures.
 * @module */
import { describe, expect, test } from 'vitest'
import { counts, latest } from '../../../src/cli/projection-folds.ts'
import type { StoredEvent } from '../../../src/index.ts'
import { Machine, ndjson, numbered } from './support.ts'

const CREATE = 'projection run p --topic orders --fold counts --create'

/** Thirty events of a topic `orders`. */
async function withOrders(): Promise<Machine> {
  const machine = new Machine()
  await machine.done('append orders --create', { input: ndjson(numbered(30)) })
  return machine
}

/** Sums `n` up, and throws at one. */
const sums = (bad?: number, version = 1) => ({
  default: {
    version,
    initial: () => ({ sum: 0, seen: 0 }),
    apply: {
      Counted(state: { sum: number; seen: number }, { data }: StoredEvent) {
        if (data.n === bad) throw new Error('Too much')
        return { sum: state.sum + data.n, seen: state.seen + 1 }
      },
    },
  },
})

describe('the folds that have names', () => {
  const event = (kind: string, entity: string, data: unknown) => ({ kind, entity, data }) as StoredEvent
  const fold = <S>({ initial, apply }: { initial: () => S; apply: unknown }, events: readonly StoredEvent[]) =>
    events.reduce((state, one) => (apply as (state: S, event: StoredEvent) => S)(state, one), initial())

  test('counts counts by kind, whatever kinds are called', () => {
    const kinds = ['A', 'constructor', '__proto__', 'A', '__proto__', 'toString']
    const state = fold(
      counts,
      kinds.map((kind) => event(kind, 'e', 1)),
    )
    expect(Object.entries(state)).toEqual([
      ['A', 2],
      ['constructor', 1],
      ['__proto__', 2],
      ['toString', 1],
    ])
  })

  test('latest keeps the newest data of each entity', () => {
    const state = fold(latest, [event('K', 'a', 1), event('K', '__proto__', 2), event('K', 'a', { x: 3 })])
    expect(Object.entries(state)).toEqual([
      ['a', { x: 3 }],
      ['__proto__', 2],
    ])
  })
})

describe('projection run and state', () => {
  test('folds what is there, then what came, and publishes it', async () => {
    const machine = await withOrders()
    expect(await machine.done(CREATE)).toMatch(/^Ran p over orders: up to offset 30, lag 0, in \d+\.\d\d s\n$/)
    expect(await machine.done('projection state p')).toBe('{"Counted":30}\n')
    await machine.done('append orders', { input: ndjson(numbered(5)) })
    expect(JSON.parse(await machine.done('projection show p --json'))).toMatchObject({ lag: 5, positions: [30] })
    expect(JSON.parse(await machine.done('projection run p --fold counts --json'))).toMatchObject({
      projection: 'p',
      topic: 'orders',
      keep: 'document',
      lag: 0,
      positions: [35],
      publishedPositions: [35],
    })
    expect(JSON.parse(await machine.done('projection state p --json'))).toEqual({
      projection: 'p',
      positions: [35],
      offset: 35,
      state: { Counted: 35 },
    })
    expect(await machine.done('doc get _p --path Counted')).toBe('35\n')
    expect(await machine.done('stats')).toMatch(/ 2 {2}_p\n/)
  })

  test('takes a fold from a module, and the state as of any event', async () => {
    const machine = await withOrders()
    machine.modules.set('./sums.mjs', sums())
    const create = 'projection run p --topic orders --fold ./sums.mjs --create --keep history --every 10'
    await machine.done(create)
    expect(await machine.done('projection state p')).toBe('{"sum":435,"seen":30}\n')
    for (const [offset, sum] of [
      [0, 0],
      [1, 0],
      [9, 36],
      [10, 45],
      [25, 300],
      [30, 435],
    ] as const)
      expect(await machine.done(`projection state p offset=${offset} --fold ./sums.mjs`)).toBe(
        `{"sum":${sum},"seen":${offset}}\n`,
      )
    const then = await machine.done('projection state p time=2000-01-01 --fold ./sums.mjs --json')
    expect(JSON.parse(then)).toMatchObject({ offset: 0, state: { seen: 0 } })
    const undefinedFold = await machine.run(['projection', 'state', 'p', 'offset=3', '--json'])
    expect(undefinedFold.exitCode).toBe(1)
    expect(JSON.parse(undefinedFold.errors).error).toMatchObject({
      code: 'PROJECTION_UNDEFINED',
      hint: expect.stringContaining('--fold'),
    })
    expect(Number(JSON.parse(await machine.done('history stat _p --json')).count)).toBeGreaterThanOrEqual(3)
    machine.modules.set('./sums.mjs', sums(undefined, 2))
    expect(JSON.parse(await machine.done('projection rebuild p --fold ./sums.mjs --json'))).toMatchObject({
      foldVersion: 2,
      lag: 0,
    })
  })

  test('a fold that throws stops before its event, and its failure is shown', async () => {
    const machine = await withOrders()
    machine.modules.set('./sums.mjs', sums(20))
    const ran = await machine.run('projection run p --topic orders --fold ./sums.mjs --create --json'.split(' '))
    expect(ran).toMatchObject({ exitCode: 1, output: '' })
    expect(JSON.parse(ran.errors).error).toMatchObject({
      code: 'PROJECTION_FAILED',
      details: { partition: 0, offset: 20, kind: 'Counted' },
    })
    expect(await machine.done('projection show p')).toMatch(/^state +failed at offset 20 \(Counted\): Too much$/m)
    expect(await machine.done('projection ls')).toMatch(/^p +orders +20 +10 +document +failed at offset 20/m)
    expect(JSON.parse(await machine.done('projection state p'))).toEqual({ sum: 190, seen: 20 })
    machine.modules.set('./sums.mjs', sums())
    await machine.done('projection run p --fold ./sums.mjs')
    expect(await machine.done('projection show p')).toMatch(/^state +idle$/m)
  })

  test('--follow goes on until it is interrupted, and ends with 0', async () => {
    const machine = await withOrders()
    machine.interrupted.abort(new Error('Interrupted'))
    const ran = await machine.run([...CREATE.split(' '), '--follow'])
    expect([0, 1]).toContain(ran.exitCode)
  })

  test.each([
    ['projection run p --topic orders --create', /Missing --fold/],
    ['projection run p --fold counts --topic orders', /--topic without --create/],
    ['projection run p --fold counts --keep history', /--keep without --create/],
    ['projection run p --fold counts --create', /without --topic/],
    ['projection run p --fold counts --create --topic orders --keep all', /document or history/],
    ['projection run p --fold counts --create --topic orders --every 0', /--every/],
    ['projection run p --fold sums', /counts and latest, or name a file such as \.\/sums\.mjs/],
    ['projection run p --fold ./bad.mjs', /default export/],
    ['projection run _p --fold counts --topic orders --create', /_p/],
    ['projection run --fold counts', /Missing NAME/],
    ['projection state p 12', /as a moment/],
    ['projection state p time=soon', /as a moment/],
    ['projection rebuild p', /Missing --fold/],
  ])('%s is wrong use', async (line, message) => {
    const machine = await withOrders()
    machine.modules.set('./bad.mjs', { fold: sums().default })
    const ran = await machine.run(line.split(' '))
    expect(ran).toMatchObject({ exitCode: 2, output: '', errors: expect.stringMatching(message) })
  })

  test.each([
    ['projection run p --fold counts', 'PROJECTION_UNKNOWN'],
    ['projection run p --fold ./none.mjs', 'FILE_MISSING'],
    ['projection run p --fold counts --topic none --create', 'TOPIC_UNKNOWN'],
    ['projection state p', 'PROJECTION_UNKNOWN'],
    ['projection show p', 'PROJECTION_UNKNOWN'],
    ['projection rm p', 'PROJECTION_UNKNOWN'],
  ])('%s ends with 1 and %s', async (line, code) => {
    const machine = await withOrders()
    const ran = await machine.run([...line.split(' '), '--json'])
    expect(ran).toMatchObject({ exitCode: 1, output: '' })
    expect(JSON.parse(ran.errors).error).toMatchObject({ code })
  })
})

describe('projection ls, show and rm', () => {
  test('list projections by name, with their lag', async () => {
    const machine = await withOrders()
    expect(await machine.done('projection ls')).toMatch(/^No projections yet: varve projection run /)
    await machine.done(CREATE)
    await machine.done('projection run a --topic orders --fold latest --create --keep history')
    await machine.done('append orders', { input: ndjson(numbered(5)) })
    const [heading, ...rows] = (await machine.done('projection ls')).trim().split('\n')
    expect(heading).toMatch(/^projection +topic +position +lag +kept as +state$/)
    expect(rows.map((row) => row.split(/ +/))).toEqual([
      ['a', 'orders', '30', '5', 'history', 'idle'],
      ['p', 'orders', '30', '5', 'document', 'idle'],
    ])
    const { projections } = JSON.parse(await machine.done('projection ls --json'))
    expect(projections).toMatchObject([{ projection: 'a' }, { projection: 'p', lag: 5 }])
    const text = await machine.done('projection show p')
    for (const word of ['name', 'topic', 'state', 'lag', 'position', 'published', 'kept as', 'fold'])
      expect(text).toMatch(new RegExp(`^${word} `, 'm'))
    expect(text).toMatch(/^position +30 of 35$/m)
  })

  test('rm asks, names what would go, and deletes', async () => {
    const machine = await withOrders()
    await machine.done(CREATE)
    const asked = await machine.run(['projection', 'rm', 'p'])
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    const id = /To delete projection p of topic orders, .*projection rm p --yes --store-id (\S+)/.exec(
      asked.errors,
    )?.[1]
    expect(await machine.done(`projection rm p --yes --store-id ${id}`)).toBe('Deleted projection p of topic orders\n')
    expect(await machine.done('projection ls --json')).toBe('{"projections":[]}\n')
    expect(await machine.run(['doc', 'get', '_p'])).toMatchObject({ exitCode: 1 })
  })
})
