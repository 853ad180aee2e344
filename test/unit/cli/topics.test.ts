/** Commands that make decisions last: conditional appends, options of topics, pruning, deleting, proofs.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { Machine, ndjson, numbered } from './support.ts'

async function storeId(machine: Machine): Promise<string> {
  const store = await openStore({ storage: machine.storage('./varve-data'), readOnly: true })
  await store.close()
  return store.id
}

/** Segments of 1 MiB, so that some are sealed. */
async function large(machine: Machine, events = 40): Promise<void> {
  await machine.done('topics create orders --segment-mib 1')
  const big = numbered(events).map((event) => ({ ...event, data: { ...event.data, text: 'x'.repeat(100_000) } }))
  await machine.done('append orders --batch 1', { input: ndjson(big) })
}

describe('append with conditions', () => {
  const one = (n: number) => ndjson([{ kind: 'K', entity: 'e-1', data: n, tags: ['t'] }])

  test('--expect holds the version, none and exists', async () => {
    const machine = new Machine()
    const expecting = async (version: string, exitCode: number) =>
      expect(await machine.run(['append', 'a', '--expect', `e-1=${version}`], { input: one(1) })).toMatchObject({
        exitCode,
      })
    await machine.done('topics create a')
    await expecting('exists', 1)
    await expecting('none', 0)
    await expecting('none', 1)
    await expecting('1', 0)
    await expecting('1', 1)
    await expecting('exists', 0)
    const ran = await machine.run(['append', 'a', '--expect', 'e-1=9', '--json'], { input: one(1) })
    expect(JSON.parse(ran.errors).error).toMatchObject({ code: 'VERSION_CONFLICT', kind: 'conflict' })
  })

  test('--if-no refuses what came at or after --after', async () => {
    const machine = new Machine()
    await machine.done('append a --create', { input: one(1) })
    const appending = (after: number, clause: string) =>
      machine.run(['append', 'a', '--if-no', clause, '--after', String(after)], { input: one(2) })
    expect(await appending(0, 'kind=K,tag=t')).toMatchObject({ exitCode: 1 })
    expect(await appending(0, 'kind=Other')).toMatchObject({ exitCode: 0 })
    expect(await appending(1, 'entity=e-1')).toMatchObject({ exitCode: 1 })
    expect(await appending(2, 'entity=e-1')).toMatchObject({ exitCode: 0 })
  })

  test('--key appends once, says so, and refuses other events', async () => {
    const machine = new Machine()
    await machine.done('topics create a')
    const first = await machine.done('append a --key k', { input: one(1) })
    expect(first).toMatch(
      /^Appended 1 event to a at once; offsets 0 to 0; batch [0-9a-f]{64}\n {2}e-1 is at version 1\n$/,
    )
    const again = await machine.done('append a --key k', { input: one(1) })
    expect(again).toMatch(/^Replayed: 1 event of this key is in a already; offsets 0 to 0;/)
    const json = JSON.parse(await machine.done('append a --key k --json', { input: one(1) }))
    expect(json).toMatchObject({ topic: 'a', replayed: true, appended: 0, firstOffset: 0, endOffset: 1 })
    const other = await machine.run(['append', 'a', '--key', 'k', '--json'], { input: one(2) })
    expect(other.exitCode).toBe(1)
    expect(JSON.parse(other.errors).error.code).toBe('KEY_REUSED')
  })

  test('appends the whole input at once or not at all', async () => {
    const machine = new Machine()
    await machine.done('topics create a')
    const many = ndjson(numbered(3_000))
    const receipt = JSON.parse(await machine.done('append a --key k --json', { input: many }))
    expect(receipt).toMatchObject({ firstOffset: 0, endOffset: 3_000, appended: 3_000 })
    const broken = await machine.run(['append', 'a', '--key', 'l'], { input: `${many}{` })
    expect(broken).toMatchObject({ exitCode: 1, errors: expect.stringContaining('line 3001') })
    const refused = await machine.run(['append', 'a', '--key', 'l'], {
      input: `${one(1)}${one(2)}{"kind":"K","entity":""}`,
    })
    expect(refused).toMatchObject({ exitCode: 1, errors: expect.stringContaining('Cannot append line 3:') })
    const more = await machine.run(['append', 'a', '--key', 'm'], { input: ndjson(numbered(10_001)) })
    expect(more).toMatchObject({ exitCode: 1, errors: expect.stringContaining('at most 10,000 events') })
    expect(await machine.run(['append', 'a', '--key', 'n'], { input: '' })).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['append', 'a', '--key', 'n', '--batch', '5'])).toMatchObject({ exitCode: 2 })
    expect(JSON.parse(await machine.done('topics --json')).topics).toMatchObject([{ events: 3_000 }])
  })
})

describe('topics change and rm', () => {
  test('change keeps what is not named', async () => {
    const machine = new Machine()
    await machine.done('topics create orders --max-age 30d --max-events 100')
    expect(await machine.done('topics change orders --max-age none --compression deflate')).toMatch(
      /^Changed topic orders: .*kept: 100 events per partition; compression deflate/,
    )
    const [topic] = JSON.parse(await machine.done('topics --json')).topics
    expect(topic.settings).toMatchObject({ retention: { maxEvents: 100 }, compression: 'deflate' })
    expect(await machine.run(['topics', 'change', 'orders'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['topics', 'change', 'nope', '--max-age', '1d'])).toMatchObject({ exitCode: 1 })
    expect(await machine.run(['topics', 'change', 'orders', '--chain', 'events'])).toMatchObject({ exitCode: 2 })
  })

  test('rm deletes nothing without --yes and the id of the store', async () => {
    const machine = new Machine()
    await machine.done('append orders --create', { input: ndjson(numbered(5)) })
    const id = await storeId(machine)
    const attempts = [[], ['--yes'], ['--store-id', id], ['--yes', '--store-id', 'other']]
    for (const words of attempts) {
      const ran = await machine.run(['topics', 'rm', 'orders', ...words])
      expect(ran).toMatchObject({ exitCode: 2, output: '' })
      expect(ran.errors).toContain(`To delete topic orders (5 events, `)
      expect(ran.errors).toContain(`run: varve topics rm orders --yes --store-id ${id}\n`)
    }
    expect(await machine.done('read orders --json')).not.toBe('')
    expect(await machine.done(`topics rm orders --yes --store-id ${id}`)).toMatch(/^Deleted topic orders: 5 events/)
    expect(await machine.done('topics')).toContain('No topics yet')
    expect(await machine.run(['topics', 'rm', 'orders', '--yes', '--store-id', id])).toMatchObject({ exitCode: 1 })
    await machine.done('append orders --create', { input: ndjson(numbered(2)) })
    expect(JSON.parse(await machine.done('topics --json')).topics).toMatchObject([{ events: 2 }])
  })
})

describe('prune', () => {
  test('says what would go, and lets it go once confirmed', async () => {
    const machine = new Machine()
    await large(machine)
    expect(await machine.done('prune orders --dry-run')).toMatch(/^Prune 0 events in 0 segments of topic orders/)
    const dry = JSON.parse(await machine.done('prune orders --before 25 --dry-run --json'))
    expect(dry).toMatchObject({ topic: 'orders', dryRun: true })
    const start = dry.partitions[0].logStartOffset
    expect(start).toBeGreaterThan(0)
    expect(start).toBeLessThanOrEqual(25)
    const asked = await machine.run(['prune', 'orders', '--before', '25'])
    expect(asked.exitCode).toBe(2)
    const id = await storeId(machine)
    expect(asked.errors).toContain(`run: varve prune orders --before 25 --yes --store-id ${id}\n`)
    expect(JSON.parse(await machine.done('get orders 0 --json')).offset).toBe(0)
    expect(await machine.done(`prune orders --before 25 --yes --store-id ${id}`)).toContain(`log start 0 -> ${start}\n`)
    const gone = await machine.run(['get', 'orders', '0', '--json'])
    expect(gone.exitCode).toBe(1)
    expect(JSON.parse(gone.errors).error).toMatchObject({ code: 'OFFSET_PRUNED', kind: 'gone' })
    expect(JSON.parse(await machine.done(`get orders ${start} --json`)).offset).toBe(start)
  })

  test('a dry run works beside the writer', async () => {
    const machine = new Machine()
    await large(machine, 5)
    const store = await openStore({ storage: machine.storage('./varve-data') })
    expect(await machine.done('prune orders --dry-run')).toContain('nothing was changed')
    await store.close()
  })

  test.each([
    [['prune'], 'Missing TOPIC'],
    [['prune', 'orders', '--dry-run', '--yes'], 'together'],
    [['prune', 'orders', '--before', 'x'], 'whole number'],
  ])('%j is wrong use', async (words, message) => {
    expect(await new Machine().run(words)).toMatchObject({ exitCode: 2, errors: expect.stringContaining(message) })
  })
})

describe('proof and verify --head', () => {
  test('a proof holds without the store, and not when anything of it is changed', async () => {
    const machine = new Machine()
    await machine.done('topics create orders --chain events')
    const receipt = JSON.parse(await machine.done('append orders --key k --json', { input: ndjson(numbered(20)) }))
    const text = await machine.done('proof orders 7')
    machine.files.set('proof.json', text)
    machine.files.set('forged.json', text.replace('"n":7}', '"n":8}'))
    const check = (file: string, ...words: string[]) => machine.run(['proof', '--check', file, ...words])
    expect(await check('proof.json', '--hash', receipt.hash)).toMatchObject({
      exitCode: 0,
      output: expect.stringMatching(/^Proven: Event 7 of orders is in the batch/),
    })
    expect(await check('proof.json')).toMatchObject({
      exitCode: 0,
      output: expect.stringMatching(/^Holds: .*--hash\n$/s),
    })
    expect(await check('forged.json')).toMatchObject({ exitCode: 3, output: expect.stringMatching(/^NOT PROVEN: /) })
    expect(await check('proof.json', '--hash', '0'.repeat(64))).toMatchObject({ exitCode: 3 })
    const piped = await machine.run(['proof', '--check', '-', '--json'], { input: text })
    expect(JSON.parse(piped.output)).toMatchObject({ ok: true, offset: 7, hash: receipt.hash, anchored: false })
    for (const input of ['{', '[]', 'null', '{"format":1}'])
      expect((await machine.run(['proof', '--check', '-'], { input })).exitCode).not.toBe(0)
    expect(await machine.run(['proof', 'orders', '20'])).toMatchObject({ exitCode: 1 })
  })

  test('a topic without the chain for it says how to get one', async () => {
    const machine = new Machine()
    await machine.done('append orders --create', { input: ndjson(numbered(2)) })
    const ran = await machine.run(['proof', 'orders', '1'])
    expect(ran).toMatchObject({ exitCode: 1, errors: expect.stringContaining('chain') })
  })

  test('verify --head holds the log against a hash kept elsewhere', async () => {
    const machine = new Machine()
    await machine.done('topics create orders')
    const { hash, endOffset } = JSON.parse(
      await machine.done('append orders --key k --json', { input: ndjson(numbered(5)) }),
    )
    await machine.done('append orders', { input: ndjson(numbered(5)) })
    expect(await machine.done(`verify --head orders:${endOffset}:${hash}`)).toContain('No damage found')
    const other = await machine.run(['verify', '--head', `orders:${endOffset}:${'0'.repeat(64)}`])
    expect(other.exitCode).toBe(3)
    for (const head of ['orders', 'orders:5', 'orders:5:xyz', `orders:x:${hash}`])
      expect(await machine.run(['verify', '--head', head])).toMatchObject({ exitCode: 2 })
  })
})
