/** The client's histories and projections against the app, without a socket.
 * @module */
import { expect, test } from 'vitest'
import { Path } from '../../src/index.ts'
import { createClient } from '../../web/client/index.ts'
import { fakeProjections } from './support/fake-projections.ts'
import { historyHarness } from './support/histories.ts'

async function connected() {
  const { app, store } = await historyHarness()
  const fake = fakeProjections(store)
  const client = createClient({
    url: 'http://localhost/',
    token: 'admin',
    fetch: (url, init) => app.request(url, init),
  })
  return { histories: client.histories, projections: client.projections, store, fake }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  )

test('ClientHistories.append() and read() carry every value of the table', async () => {
  const { histories } = await connected()
  const value = { big: 2n ** 80n, zero: -0, bytes: new Uint8Array([1, 2]), at: new Date(5), nan: Number.NaN }
  const options = { label: 'one', at: 1_000, offset: 3, metadata: { by: 'ann', big: 2n ** 70n }, fingerprint: 'f' }
  const receipt = await histories.append('board', value, { create: true, ...options })
  expect(receipt).toMatchObject({ version: 1, at: 1_000, fingerprint: 'f' })
  expect(await histories.read('board')).toEqual(value)
  expect(await histories.read('board', { version: 1, path: 'big' })).toBe(2n ** 80n)
  expect(await histories.read('board', { label: 'one', path: Path.parse('bytes[0].x') })).toBeUndefined()
  expect(await histories.find('board', { time: 5_000 })).toMatchObject({ version: 1, ...options })
  expect(await codeOf(histories.append('board', 1, { ifVersion: 0 }))).toBe('HISTORY_CONFLICT')
  const long = { text: 'x'.repeat(60_000) }
  expect(await codeOf(histories.append('board', 1, { ifVersion: 0, metadata: long }))).toBe('HISTORY_CONFLICT')
  expect(await histories.append('long', 1, { ifVersion: 0, metadata: long, create: true })).toMatchObject({
    version: 1,
  })
  expect((await histories.find('long')).metadata).toEqual(long)
  expect(await histories.append('board', 1, { ifVersion: 1 })).toMatchObject({ version: 2 })
  expect(await codeOf(histories.append('other', 1))).toBe('HISTORY_UNKNOWN')
  expect(await codeOf(histories.append('a/b', 1, { create: true }))).toBe('NAME_INVALID')
})

test('ClientHistories.appendMetrics() carries series of either kind', async () => {
  const { histories } = await connected()
  await histories.create('load')
  const timestamps = new BigUint64Array([1n, 18446744073709551615n])
  const snapshot = { fingerprint: 'run', metadata: { host: 'a' }, metrics: { cpu: { timestamps, values: [0.5, -0] } } }
  await histories.appendMetrics('load', snapshot, { label: 'm' })
  expect(await histories.find('load')).toMatchObject({ kind: 'metrics', label: 'm', metadata: { host: 'a' } })
  const read = (await histories.read('load')) as { metrics: { cpu: { timestamps: bigint[]; values: number[] } } }
  expect(read.metrics.cpu.timestamps.map(BigInt)).toEqual([...timestamps])
  expect(read.metrics.cpu.values).toEqual([0.5, -0])
})

test('ClientHistories.appendLines() sends versions as they come, and says what stays when one fails', async () => {
  const { histories } = await connected()
  async function* versions(count: number) {
    for (let n = 1; n <= count; n++) yield { value: { n, text: 'x'.repeat(500) }, label: `v${n}`, at: n }
  }
  const receipt = await histories.appendLines('board', versions(200), { create: true, ifVersion: 0 })
  expect(receipt).toMatchObject({ history: 'board', versions: 200, firstVersion: 1, lastVersion: 200 })
  expect(await histories.read('board', { label: 'v150', path: 'n' })).toBe(150)
  const metrics = { cpu: { timestamps: new BigUint64Array([5n]), values: new Float64Array([1]) } }
  const error = await histories.appendLines('board', [{ metrics }, { value: 1, label: 5 as unknown as string }]).then(
    () => undefined,
    (failure: unknown) => failure,
  )
  expect(error).toMatchObject({ code: 'OPTION_INVALID', details: { line: 2, appended: { versions: 1 } } })
})

test('ClientHistories.page() and index() list the versions', async () => {
  const { histories } = await connected()
  await histories.appendLines(
    'board',
    Array.from({ length: 25 }, (_, n) => ({ value: n })),
    { create: true },
  )
  const first = await histories.page('board', { limit: 20 })
  expect([first.items.length, first.items[0]?.version]).toEqual([20, 1])
  const rest = await histories.page('board', { limit: 20, cursor: first.nextCursor ?? '' })
  expect([rest.items.map(({ version }) => version).at(-1), rest.nextCursor]).toEqual([25, undefined])
  const backward = await all(histories.index('board', { direction: 'backward', from: 3, to: 6 }))
  expect(backward.map(({ version }) => version)).toEqual([5, 4, 3])
})

test('ClientHistories.diff(), values() and query() tell what changed, and where it ended', async () => {
  const { histories } = await connected()
  const lines = [{ value: { n: 1 } }, { value: { n: 2, more: 1 }, label: 'two' }, { value: {} }]
  await histories.appendLines('board', lines, { create: true })
  const diff = await histories.diff('board', { from: { version: 1 }, to: { label: 'two' }, limit: 10 })
  expect(diff).toMatchObject({ from: { version: 1 }, to: { version: 2 }, isCut: false })
  expect(diff.lines.length).toBeGreaterThan(0)
  const told = await all(histories.values('board', 'n'))
  expect(told.map(({ version, value }) => [version, value])).toEqual([
    [1, 1],
    [2, 2],
    [3, undefined],
  ])
  const found = histories.query('board', { label: 'two' })
  expect((await all(found)).map(({ version, value }) => [version, value])).toEqual([[2, { n: 2, more: 1 }]])
  expect(found.outcome).toEqual({ reason: 'end' })
  const one = histories.query('board', { limit: 1 })
  for await (const { version } of one) expect(version).toBe(1)
  expect(one.outcome).toMatchObject({ reason: 'limit', nextCursor: expect.any(String) })
})

test('ClientHistories.list(), stats(), change(), pin(), unpin() and delete() are the calls of the library', async () => {
  const { histories } = await connected()
  await histories.append('board', 1, { create: true })
  await histories.create('other', { keyframeInterval: 9 })
  expect((await histories.list()).map(({ history }) => history)).toEqual(['board', 'other'])
  expect(await histories.change('board', { keyframeInterval: 8 })).toMatchObject({ settings: { keyframeInterval: 8 } })
  expect(await histories.pin('board', { version: 1 })).toMatchObject({ pinned: true })
  expect(await histories.stats('board')).toMatchObject({ count: 1, pinned: [1] })
  expect(await histories.unpin('board', {})).toMatchObject({ pinned: false })
  await histories.delete('board')
  expect(await codeOf(histories.stats('board'))).toBe('HISTORY_UNKNOWN')
})

test('ClientHistories.cleanup() and verify() wait for their jobs', async () => {
  const { histories } = await connected()
  await histories.append('board', 1, { create: true })
  expect(await histories.cleanup('board', { dryRun: true })).toMatchObject({ dryRun: true, versions: 1 })
  expect(await histories.cleanup('board')).toMatchObject({ dryRun: false, kept: 1 })
  expect(await histories.verify('board')).toMatchObject({ ok: true, versionsChecked: 1 })
})

test('ClientProjections are the calls of the library; a run is waited for, and stopped by its signal', async () => {
  const { projections, fake } = await connected()
  expect((await projections.list()).map(({ projection }) => projection)).toEqual(['totals'])
  expect(await projections.status('totals')).toMatchObject({ lag: 2 })
  expect(await projections.state('totals')).toEqual({ state: { total: 12n ** 20n }, positions: [3], offset: 3 })
  expect(await projections.stateAt('totals', { offset: 2 })).toMatchObject({ offset: 2 })
  expect(await projections.run('totals')).toMatchObject({ lag: 0 })
  expect(await projections.rebuild('totals')).toMatchObject({ lag: 0 })
  let go = () => {}
  fake.held = new Promise((resolve) => {
    go = resolve
  })
  const ending = new AbortController()
  const onProgress = () => ending.abort(new Error('enough'))
  await expect(projections.run('totals', { signal: ending.signal, onProgress })).rejects.toThrow('enough')
  go()
  fake.status.hasFold = false
  expect(await codeOf(projections.run('totals'))).toBe('PROJECTION_UNDEFINED')
  await projections.delete('totals')
  expect(await codeOf(projections.status('totals'))).toBe('PROJECTION_UNKNOWN')
})
