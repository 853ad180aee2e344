/** The serve command without a socket.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore, VarveError } from '../../../src/index.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { mustSettle } from '../../support/settle.ts'
import { Machine, type Ran, type RunOptions } from './support.ts'

/** Serve, do something when the server has started, and interrupt. */
async function serve(
  machine: Machine,
  words: readonly string[],
  options: RunOptions & { readonly started?: () => void | Promise<void> } = {},
): Promise<Ran> {
  machine.interrupted = new AbortController()
  const before = machine.served.length
  let ended = false
  const ran = machine.run(['serve', ...words], options).finally(() => {
    ended = true
  })
  await until(async () => ended || machine.served.length > before)
  await options.started?.()
  machine.interrupted.abort(new Error('Interrupted'))
  const done = await ran
  // For what runs next.
  machine.interrupted = new AbortController()
  return done
}

/** Let what runs beside the server do its work: ask until it has, or until the test's time is over. */
async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setImmediate(resolve))
}

describe('serve', () => {
  test('prints address, login link and curl line, and closes the server before the store', async () => {
    const machine = new Machine()
    const ran = await serve(machine, ['./data/', '--port', '81'])
    expect(ran).toMatchObject({ exitCode: 0, errors: '' })
    expect(ran.output).toContain('varve serves ./data/ (created)')
    expect(ran.output).toContain('http://127.0.0.1:81\n')
    expect(ran.output).toContain('http://127.0.0.1:81/login#code ')
    expect(ran.output).toContain('"Authorization: Bearer $(cat ./data.token)" http://127.0.0.1:81/api/topics')
    expect(machine.closed).toEqual(['server'])
    expect(machine.served).toMatchObject([{ hostname: '127.0.0.1', port: 81, hosts: [], behindProxy: false }])
    // The store was closed, too: it opens again, cleanly.
    const again = await openStore({ storage: machine.storage('./data/') })
    expect(again.openReport.source).toBe('clean')
    await again.close()
  })

  test('keeps the projections of --fold up to date until it ends', async () => {
    const machine = new Machine()
    const path = './data'
    const run = (...words: string[]) => machine.run([...words, '--data', path])
    await run('topics', 'create', 'orders')
    await machine.run(['append', 'orders', '-', '--data', path], { input: '{"kind":"A","entity":"e"}\n' })
    await run('projection', 'run', 'kinds', '--topic', 'orders', '--fold', 'counts', '--create')
    await machine.run(['append', 'orders', '-', '--data', path], { input: '{"kind":"B","entity":"e"}\n' })
    const state = async () => JSON.parse((await run('projection', 'state', 'kinds')).output) as Record<string, number>
    expect(await state()).toEqual({ A: 1 })
    const ran = await serve(machine, [path, '--fold', 'kinds=counts'], {
      started: () => until(async () => (await state()).B === 1),
    })
    expect(ran).toMatchObject({ exitCode: 0, errors: '' })
    expect(await state()).toEqual({ A: 1, B: 1 })
    expect(await serve(machine, [path, '--fold', 'kinds'])).toMatchObject({ exitCode: 2 })
    expect((await serve(machine, [path, '--fold', 'none=counts'])).errors).toContain('none')
  })

  test('runs the projection of the sample, and only that one', async () => {
    const machine = new Machine()
    await serve(machine, ['./data', '--sample'])
    const input = '{"kind":"OrderLost","entity":"order-1"}\n'
    await machine.run(['append', 'sample-orders', '-', '--data', './data'], { input })
    const state = async () => {
      const ran = await machine.run(['projection', 'state', 'order-counts', '--data', './data'])
      return (JSON.parse(ran.output) as Record<string, number>).OrderLost
    }
    expect(await state()).toBeUndefined()
    await serve(machine, ['./data', '--sample'], { started: () => until(async () => (await state()) === 1) })
    expect(await state()).toBe(1)
  })

  test('takes snapshots as often as it is told, keeps as many, and restores below a directory', async () => {
    const machine = new Machine()
    const flags = [
      '--snapshot-every',
      '30m',
      '--snapshot-topic',
      'orders',
      '--snapshot-keep',
      '9',
      '--snapshot-max-age',
    ]
    await machine.done('topics create orders --data ./data')
    await serve(machine, ['./data', ...flags, '7d', '--restore-root', './restored/'], {
      started: () => {
        const [{ store, restoreTo } = { store: undefined, restoreTo: undefined }] = machine.served
        expect(store?.snapshots.scheduled).toMatchObject({
          topic: 'orders',
          everyMs: 30 * 60_000,
          failures: 0,
          runs: [],
        })
        expect(store?.snapshots.policy).toEqual({
          maxSnapshots: 9,
          retentionTimeMs: 7 * 86_400_000,
          minIntervalMs: 30 * 60_000,
        })
        expect(restoreTo?.('there')).toBe(machine.storage('./restored/there'))
      },
    })
    await serve(machine, ['./data'], {
      started: () => {
        expect(machine.served[1]?.store.snapshots.scheduled).toBeUndefined()
        expect(machine.served[1]).not.toHaveProperty('restoreTo')
      },
    })
    expect(machine.served).toHaveLength(2)
  })

  test('logs what went wrong with a regular snapshot, and goes on', async () => {
    const machine = new Machine()
    const clock = new ManualClock()
    machine.clock = clock
    const failed = async () => {
      while ((machine.served[0]?.store.snapshots.scheduled?.failures ?? 0) === 0)
        await new Promise((resolve) => setImmediate(resolve))
    }
    const ran = await serve(machine, ['./data', '--snapshot-every', '1h', '--snapshot-topic', 'nothing'], {
      started: () => mustSettle(failed(), () => clock.advance(1_800_000)),
    })
    expect(ran.exitCode).toBe(0)
    const [line = ''] = ran.errors.split('\n')
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      code: 'SNAPSHOT_FAILED',
      details: { code: 'TOPIC_UNKNOWN' },
    })
  })

  test.each([
    ['--snapshot-every', '5s'],
    ['--snapshot-every', 'none'],
    ['--snapshot-every', 'often'],
    ['--snapshot-topic', 'orders'],
    ['--snapshot-keep', '0'],
    ['--snapshot-max-age', 'old'],
    ['--restore-root', ''],
  ])('%s %s is wrong use', async (...words) => {
    expect(await serve(new Machine(), words)).toMatchObject({ exitCode: 2, output: '' })
  })

  test('makes a token once, keeps it in its file, and never prints it', async () => {
    const machine = new Machine()
    const first = await serve(machine, [])
    const token = machine.secrets.get('./varve-data.token')?.trim() ?? ''
    expect(token).toMatch(/^[0-9a-z]{52}$/)
    const second = await serve(machine, ['--json'])
    expect(machine.served.map((options) => options.token)).toEqual([token, token])
    expect([first, second].map((ran) => ran.output + ran.errors).join()).not.toContain(token)
    expect(JSON.parse(second.output)).toMatchObject({ url: 'http://127.0.0.1:4713', tokenFile: './varve-data.token' })
  })

  test('takes the token from the environment, and refuses a weak one', async () => {
    const machine = new Machine()
    const token = 'T'.repeat(32)
    const ran = await serve(machine, [], { env: { VARVE_TOKEN: token } })
    expect(ran.output).toContain('Bearer $VARVE_TOKEN"')
    expect(ran.output).not.toContain(token)
    expect(machine.secrets.size).toBe(0)
    expect(await serve(machine, [], { env: { VARVE_TOKEN: 'short' } })).toMatchObject({ exitCode: 2 })
    machine.secrets.set('other file', 'weak\n')
    expect(await serve(machine, ['--token-file', 'other file'])).toMatchObject({ exitCode: 2 })
  })

  test('loads the sample only into a new directory', async () => {
    const machine = new Machine()
    expect((await serve(machine, ['--sample'])).output).toContain(
      'created with 400 events in sample-orders and sample-board, the document catalog, the history drawing, the projection order-counts, and a snapshot)',
    )
    expect((await serve(machine, ['--sample'])).output).toContain('(opened)')
    const topics = JSON.parse(await sampleTopics(machine)).topics
    expect(topics).toMatchObject([
      { topic: 'sample-board', events: 200 },
      { topic: 'sample-orders', events: 200 },
    ])
    expect(JSON.parse(await machine.done('doc stat catalog --json'))).toMatchObject({ version: 1 })
  })

  test('the document of the sample has what the examples of help ask for, and an event names it', async () => {
    const [one, two] = [new Machine(), new Machine()]
    for (const machine of [one, two]) {
      machine.clock = { ...systemClock, now: () => 1_700_000_000_000 }
      await serve(machine, ['--sample'])
      machine.interrupted = new AbortController()
    }
    expect(JSON.parse(await one.done('get sample-orders 199 --json'))).toMatchObject({
      kind: 'CatalogPublished',
      data: { $document: 'catalog', version: 1 },
    })
    expect(await one.done('doc get catalog --path products[3].name')).toMatch(/^"[a-z]+ [a-z]+ [a-z]+"\n$/)
    expect((await one.done('doc get catalog --path products[*].price')).match(/\n/g)).toHaveLength(2_000)
    expect(await one.done('doc get catalog --pointer /products/3/image/data --raw')).toMatch(/^GIF89a/)
    expect(await one.done('doc get catalog')).toBe(await two.done('doc get catalog'))
    const { sizeBytes } = JSON.parse(await one.done('doc stat catalog --json'))
    expect(sizeBytes).toBeGreaterThan(200_000)
    expect(sizeBytes).toBeLessThan(1_000_000)
  })

  test('the history and the projection of the sample have something to look at, the same at every load', async () => {
    const [one, two] = [new Machine(), new Machine()]
    for (const machine of [one, two]) {
      machine.clock = { ...systemClock, now: () => 1_700_000_000_000 }
      await serve(machine, ['--sample'])
      machine.interrupted = new AbortController()
    }
    const stats = JSON.parse(await one.done('history stat drawing --json'))
    expect(stats).toMatchObject({ count: 48, newestAt: 1_700_000_000_000, pinned: [18] })
    const words = ['history', 'diff', 'drawing', 'label=for review', 'label=shipped', '--json']
    const { changes } = JSON.parse((await one.run(words)).output)
    const types = new Set(changes.map(({ type }: { type: string }) => type))
    expect([...types].sort()).toEqual(['added', 'changed', 'moved', 'removed'])
    expect(JSON.parse(await one.done('history cleanup drawing --dry-run --json')).removed).not.toEqual([])
    const values = 'history values drawing --path shapes --all --json'
    expect(await one.done(values)).toBe(await two.done(values))
    const state = JSON.parse(await one.done('projection state order-counts offset=100 --fold counts'))
    expect(Object.values(state).reduce((sum: number, count) => sum + Number(count), 0)).toBe(100)
    expect(JSON.parse(await one.done('projection show order-counts --json'))).toMatchObject({ lag: 0, keep: 'history' })
    expect(await one.done('stats')).toMatch(/ drawing\n.* _order-counts\n/)
  })

  async function sampleTopics(machine: Machine): Promise<string> {
    machine.interrupted = new AbortController()
    return machine.done('topics --json')
  }

  test.each([
    [['--host', '0.0.0.0'], /--behind-proxy/],
    [['--host', '::'], /--behind-proxy/],
    [['--host', '192.168.1.5'], /--behind-proxy/],
    [['--host', '127.evil.example'], /--behind-proxy/],
    [['--allow-host', 'a.example'], /without --behind-proxy/],
    [['--behind-proxy', '--allow-host', 'http://a'], /name:port/],
    [['--port', '65536'], /0 to 65535/],
    [['a', '--data', 'b'], /together/],
  ])('%j is wrong use, before anything is opened', async (words, message) => {
    const machine = new Machine()
    const ran = await machine.run(['serve', ...words])
    expect(ran).toMatchObject({ exitCode: 2, output: '', errors: expect.stringMatching(message) })
    expect(machine.secrets.size).toBe(0)
    expect(await machine.storage('./varve-data').list('')).toEqual([])
  })

  test('listens beyond this machine behind a proxy, under the names it is given', async () => {
    const machine = new Machine()
    const words = ['--host', '0.0.0.0', '--behind-proxy', '--allow-host', 'Log.Example.com', '--allow-host', 'b:*']
    expect((await serve(machine, words)).output).toContain('http://127.0.0.1:4713')
    expect(machine.served).toMatchObject([
      { hostname: '0.0.0.0', behindProxy: true, hosts: ['log.example.com', 'b:*'] },
    ])
  })

  test('closes the store when the port is busy', async () => {
    const machine = new Machine()
    machine.refusal = new VarveError('PORT_BUSY', 'Cannot listen on port 4713: another program has it')
    const ran = await machine.run(['serve'])
    expect(ran).toMatchObject({ exitCode: 1, errors: expect.stringMatching(/port 4713.*\n.*--port/) })
    const again = await openStore({ storage: machine.storage('./varve-data') })
    expect(again.openReport.source).toBe('clean')
    await again.close()
  })

  test('writes faults of the server as lines of JSON', async () => {
    const machine = new Machine()
    const { errors } = await serve(machine, [], {
      started: () => machine.served[0]?.onError(new Error('bad\nnews\u001b[31m'), { requestId: 'r-1' }),
    })
    expect(errors.split('\n')).toHaveLength(2)
    expect(errors).not.toContain('\u001b')
    expect(JSON.parse(errors)).toMatchObject({
      level: 'error',
      requestId: 'r-1',
      message: 'Error: bad\nnews\u001b[31m',
    })
  })
})
