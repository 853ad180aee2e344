/** Snapshots on the command line: restored, tried, sent elsewhere and taken back; and forks.
 * @module */
import { describe, expect, test } from 'vitest'
import { damage, fileOf, HERE, storeIdOf, take, withStore } from './snapshot-support.ts'
import { ndjson, numbered } from './support.ts'

describe('snapshot restore', () => {
  test('makes a store of its own, which goes on', async () => {
    const machine = await withStore()
    const id = await take(machine)
    await machine.done('append orders', { input: ndjson(numbered(3)) })
    const text = await machine.done('snapshot restore newest --to new')
    expect(text).toMatch(
      new RegExp(`^Restored ${id} to new \\(store \\w+\\): 10 events, 1 document, 1 history, in [\\d.]+ s\n`),
    )
    expect(text).toMatch(/^ {2}topic orders: 10 events, up to offset 10$/m)
    expect(text).toMatch(/^ {2}\d+ files? linked, \d+ copied \(.*\), [\d.]+ \w+ checked$/m)
    const read = (data: string) => machine.done(`read orders --limit 10 --json --data ${data}`)
    expect(await read('new')).toBe(await read(HERE))
    await machine.done('append orders --data new', { input: ndjson(numbered(2)) })
    const topics = async (data: string) => JSON.parse(await machine.done(`topics --json --data ${data}`)).topics
    expect(await topics('new')).toMatchObject([{ topic: 'orders', events: 12 }])
    expect(await topics(HERE)).toMatchObject([{ topic: 'orders', events: 13 }])
    expect(await machine.done('doc get catalog --data new')).toBe('{"a":[1,2,3]}\n')
    expect(await machine.done('history get board --data new')).toBe('{"x":1}\n')
    expect(await machine.done('verify --data new')).toContain('No damage found')
  })

  test('makes a topic, whole, up to an offset, or up to a time', async () => {
    const machine = await withStore()
    await take(machine)
    const json = JSON.parse(await machine.done('snapshot restore newest --as again --topic orders --json'))
    expect(json).toMatchObject({ topics: [{ topic: 'again', events: 10, highWatermarks: [10] }] })
    const four = await machine.done('snapshot restore newest --as four --topic orders --offset 4')
    expect(four).toMatch(/^Restored snapshot-\d+ to this store: 4 events, in /)
    await machine.done('snapshot restore newest --as none --topic orders --time 2001-01-01')
    const { topics } = JSON.parse(await machine.done('topics --json'))
    expect(topics.map(({ topic, events }: { topic: string; events: number }) => [topic, events])).toEqual([
      ['again', 10],
      ['four', 4],
      ['none', 0],
      ['orders', 10],
    ])
    const far = await machine.run(['snapshot', 'restore', 'newest', '--as', 'x', '--topic', 'orders', '--offset', '99'])
    expect(far).toMatchObject({ exitCode: 1, output: '' })
    const there = await machine.run(['snapshot', 'restore', 'newest', '--as', 'four', '--topic', 'orders', '--json'])
    expect(JSON.parse(there.errors).error).toMatchObject({ code: 'TOPIC_EXISTS' })
  })

  test('leaves out what has no offset when it ends at one, and says so', async () => {
    const machine = await withStore()
    await take(machine)
    const text = await machine.done('snapshot restore newest --to new --offset 4')
    expect(text).toContain('  left out: 1 document, 1 history\n')
  })

  test('takes the place of a store only when told so twice, and never of the open one', async () => {
    const machine = await withStore()
    const id = await take(machine)
    await machine.done('append other --create --data old', { input: ndjson(numbered(5)) })
    const refused = await machine.run(['snapshot', 'restore', 'newest', '--to', 'old'])
    expect(refused).toMatchObject({ exitCode: 1, output: '' })
    expect(refused.errors).toContain('--overwrite')
    const asked = await machine.run(['snapshot', 'restore', 'newest', '--to', 'old', '--overwrite'])
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    expect(asked.errors).toContain(
      `To replace the store in old with ${id}, for ever, run: varve snapshot restore ${id}`,
    )
    const line = /run: varve (.*)/.exec(asked.errors)?.[1] ?? ''
    const wrong = await machine.run(line.replace(storeIdOf(asked.errors), 'x').split(' '))
    expect(wrong).toMatchObject({ exitCode: 2, output: '' })
    expect(JSON.parse(await machine.done('topics --json --data old')).topics).toMatchObject([{ topic: 'other' }])
    expect(await machine.done(line)).toMatch(/^Restored snapshot-\d+ to old /)
    expect(JSON.parse(await machine.done('topics --json --data old')).topics).toMatchObject([{ topic: 'orders' }])
    const live = await machine.run(['snapshot', 'restore', 'newest', '--to', HERE, '--json'])
    expect(JSON.parse(live.errors).error).toMatchObject({ code: 'RESTORE_LIVE' })
  })

  test('of a damaged snapshot leaves the place as it was', async () => {
    const machine = await withStore()
    const id = await take(machine)
    await damage(machine, await fileOf(machine, id, 'documents/catalog'))
    expect(await machine.run(['snapshot', 'restore', id, '--to', 'new'])).toMatchObject({ exitCode: 3, output: '' })
    expect(await machine.storage('new').list('')).toEqual([])
    const drill = await machine.run(['snapshot', 'drill', id])
    expect(drill.exitCode).toBe(3)
    expect(drill.output).toMatch(/^DAMAGE {2}snapshot-/)
    expect(drill.output).toContain(`${id} cannot be restored: `)
    expect((await machine.run(['snapshot', 'drill', id, '--memory'])).exitCode).toBe(3)
  })
})

test('snapshot drill says whether it comes back, and how long that took', async () => {
  const machine = await withStore()
  const id = await take(machine)
  expect(await machine.done('snapshot drill newest')).toMatch(
    new RegExp(`^${id} can be restored\nChecked 10 events, \\d+ files, [\\d.]+ \\w+; all of it took [\\d.]+ s\n$`),
  )
  expect(await machine.done('snapshot drill newest --memory')).toMatch(/was restored to memory in [\d.]+ s, and what/)
  const json = JSON.parse(await machine.done('snapshot drill newest --to spare --json'))
  expect(json).toMatchObject({ snapshot: id, ok: true, events: 10 })
  expect(json.restoreMs).toBeGreaterThanOrEqual(0)
  expect(await machine.done('verify --data spare')).toContain('No damage found')
  expect(await machine.run(['snapshot', 'drill', 'newest', '--to', 'spare'])).toMatchObject({ exitCode: 1 })
})

describe('snapshot export and import', () => {
  test('send what is not there, and take it back', async () => {
    const machine = await withStore()
    const first = await take(machine)
    const sent = await machine.done('snapshot export newest --to backup')
    expect(sent).toMatch(
      new RegExp(`^Exported ${first} to backup: \\d+ files sent \\(.*\\), 0 there already \\(0 B\\)`),
    )
    const again = JSON.parse(await machine.done(`snapshot export ${first} --to backup --json`))
    expect(again).toMatchObject({ snapshot: first, filesSent: 0, bytesSent: 0 })
    await machine.done('append orders', { input: ndjson(numbered(3)) })
    const second = await take(machine)
    const more = JSON.parse(await machine.done('snapshot export newest --to backup --json'))
    expect(more.filesShared).toBeGreaterThan(0)
    expect(more.snapshot).toBe(second)
    const came = await machine.done('snapshot import newest --from backup --create --data rescue')
    expect(came).toMatch(new RegExp(`^Imported ${second} from backup: `))
    expect(await machine.done('snapshot restore newest --to new --data rescue')).toContain('13 events')
    const none = await machine.run(['snapshot', 'import', 'newest', '--from', 'nowhere'])
    expect(
      JSON.parse((await machine.run(['snapshot', 'import', 'newest', '--from', 'nowhere', '--json'])).errors),
    ).toMatchObject({ error: { code: 'SNAPSHOT_UNKNOWN' } })
    expect(none.exitCode).toBe(1)
  })

  test('leave snapshots that are listed, checked, tried and restored without a store', async () => {
    const machine = await withStore()
    const id = await take(machine, '--label', 'kept')
    await machine.done('snapshot export newest --to backup')
    const at = '--data backup'
    expect(await machine.done(`snapshot ls ${at}`)).toMatch(/ kept\n$/)
    expect(JSON.parse(await machine.done(`snapshot show newest --json ${at}`))).toMatchObject({ id, events: 10 })
    expect(await machine.done(`snapshot verify ${at}`)).toMatch(/^No damage found: checked 1 snapshot, 10 events/)
    expect(await machine.done(`snapshot drill newest --memory ${at}`)).toContain('was restored to memory')
    expect(await machine.done(`snapshot drill newest ${at}`)).toContain('can be restored')
    expect(await machine.done(`snapshot restore newest --to new ${at}`)).toContain('10 events, 1 document')
    expect(await machine.done('doc get catalog --data new')).toBe('{"a":[1,2,3]}\n')
    expect(await machine.done(`snapshot export newest --to second ${at}`)).toContain('Exported')
    const live = await machine.run(`snapshot restore newest --to backup ${at} --json`.split(' '))
    expect(JSON.parse(live.errors).error).toMatchObject({ code: 'RESTORE_LIVE' })
    for (const line of ['snapshot create', 'snapshot usage', 'snapshot restore newest --as x'])
      expect(await machine.run(`${line} ${at}`.split(' '))).toMatchObject({ exitCode: 1 })
  })

  test('leave snapshots that are kept and deleted without a store', async () => {
    const machine = await withStore()
    const ids: string[] = []
    for (let n = 0; n < 3; n++) {
      ids.unshift(await take(machine))
      await machine.done('snapshot export newest --to backup')
    }
    const at = '--data backup'
    await machine.done(`snapshot pin ${ids[2]} ${at}`)
    const plan = JSON.parse(await machine.done(`snapshot cleanup --keep 1 --dry-run --json ${at}`))
    expect(plan).toMatchObject({ removed: [{ id: ids[1], reason: 'count' }], kept: [ids[0], ids[2]] })
    const asked = await machine.run(`snapshot cleanup --keep 1 ${at}`.split(' '))
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    const line = /run: varve (.*)/.exec(asked.errors)?.[1] ?? ''
    expect(line).toContain('--data backup --yes')
    expect(await machine.done(line)).toContain('Delete 1 of 3 snapshots')
    await machine.done(`snapshot unpin ${ids[2]} ${at}`)
    const rm = await machine.run(`snapshot rm ${ids[2]} ${at}`.split(' '))
    await machine.done(/run: varve (.*)/.exec(rm.errors)?.[1] ?? '')
    const { snapshots } = JSON.parse(await machine.done(`snapshot ls --json ${at}`))
    expect(snapshots).toMatchObject([{ id: ids[0] }])
    expect(JSON.parse(await machine.done('snapshot ls --json')).snapshots).toHaveLength(3)
    expect(await machine.done(`snapshot verify ${at}`)).toContain('No damage found')
  })

  test('are there also when the store they are in is too damaged to open', async () => {
    const machine = await withStore()
    await take(machine)
    const storage = machine.storage(HERE)
    for (const { name } of await storage.list('')) if (name.startsWith('MANIFEST-')) await damage(machine, name)
    expect(await machine.run(['topics'])).toMatchObject({ exitCode: 3 })
    const ran = await machine.run(['snapshot', 'restore', 'newest', '--to', 'new'])
    expect(ran.errors).toMatch(/^varve: the store itself cannot be opened \(/)
    expect(ran.output).toContain('10 events, 1 document, 1 history')
    expect(await machine.run(['snapshot', 'pin', 'newest'])).toMatchObject({ exitCode: 3, output: '' })
    expect(await machine.done('verify --data new')).toContain('No damage found')
  })
})

describe('fork', () => {
  test('makes a topic of another one, and both go on', async () => {
    const machine = await withStore()
    expect(await machine.done('fork orders what-if --offset 4')).toMatch(
      /^Forked orders as what-if: 4 events, up to offset 4, in [\d.]+ s\n$/,
    )
    await machine.done('append what-if', { input: ndjson(numbered(1)) })
    const whole = JSON.parse(await machine.done('fork orders whole --json'))
    expect(whole).toMatchObject({ forkOf: 'orders', topic: 'whole', events: 10 })
    const none = JSON.parse(await machine.done('fork orders none --time 2001-01-01 --json'))
    expect(none).toMatchObject({ events: 0 })
    const ids = async (topic: string) =>
      (await machine.done(`read ${topic} --limit 4 --json`))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id)
    expect(await ids('what-if')).toEqual(await ids('orders'))
    expect(JSON.parse(await machine.done('topics --json')).topics).toMatchObject([
      { topic: 'none', events: 0 },
      { topic: 'orders', events: 10 },
      { topic: 'what-if', events: 5 },
      { topic: 'whole', events: 10 },
    ])
    for (const [line, code] of [
      ['fork orders what-if', 'TOPIC_EXISTS'],
      ['fork nothing x', 'TOPIC_UNKNOWN'],
      ['fork orders x --offset 11', 'OFFSET_OUT_OF_RANGE'],
      ['fork orders a/b', 'NAME_INVALID'],
    ])
      expect((await machine.run([...(line ?? '').split(' '), '--json'])).errors).toContain(code)
  })

  test('ends each partition of a topic at an offset of its own', async () => {
    const machine = await withStore()
    await machine.done('topics create split --partitions 2')
    await machine.done('append split', { input: ndjson(numbered(20, 9)) })
    const { partitions } = JSON.parse(await machine.done('topics --json')).topics.find(
      ({ topic }: { topic: string }) => topic === 'split',
    )
    const ends = partitions.map(({ highWatermark }: { highWatermark: number }) => highWatermark - 1)
    const forked = JSON.parse(await machine.done(`fork split both --offset ${ends.join(',')} --json`))
    expect(forked.events).toBe(18)
  })
})
