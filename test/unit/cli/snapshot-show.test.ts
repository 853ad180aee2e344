/** Snapshots on the command line: taken, listed, shown, checked, kept and deleted.
 * @module */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/ports/clock.ts'
import { damage, fileOf, storeIdOf, take, withStore } from './snapshot-support.ts'
import { Machine, ndjson, numbered } from './support.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

describe('snapshot create, ls and show', () => {
  test('create tells what is in it, and ls and show tell the same', async () => {
    const machine = await withStore()
    expect(await machine.done('snapshot ls')).toBe('No snapshots yet: varve snapshot create\n')
    expect(await machine.done('snapshot usage')).toBe('No snapshots yet: varve snapshot create\n')
    const made = await machine.run(['snapshot', 'create', '--label', 'before \u001b[31mthe move', '--pin'])
    expect(made).toMatchObject({ exitCode: 0, errors: '' })
    expect(made.output).toMatch(
      /^Took snapshot-\d+ of everything \("before the move", 10 events, 1 document, 1 history, [\d.]+ \w+\) in [\d.]+ s\n$/,
    )
    const ls = await machine.done('snapshot ls')
    expect(ls).toMatch(/^id +at +of +events +size +label\nsnapshot-\d+ {2}\d{4}-.*Z {2}everything +10 .*, pinned\n$/)
    const { snapshots } = JSON.parse(await machine.done('snapshot ls --json'))
    expect(snapshots).toMatchObject([{ pinned: true, topics: 1, documents: 1, histories: 1, events: 10 }])
    const shown = JSON.parse(await machine.done('snapshot show newest --json'))
    expect(shown).toMatchObject({ ...snapshots[0], partitions: [{ topic: 'orders', partition: 0, highWatermark: 10 }] })
    const text = await machine.done(`snapshot show ${snapshots[0].id}`)
    expect(text).toMatch(/^pinned +yes$/m)
    expect(text).toMatch(/^orders +0 +0 +10 +[\d.]+ \w+ {2}[0-9a-f]{64}$/m)
  })

  test('create takes a topic or a partition, and is refused soon after another of the same', async () => {
    const machine = await withStore()
    const json = JSON.parse(await machine.done('snapshot create --topic orders --json'))
    expect(json).toMatchObject({ topic: 'orders', documents: 0, events: 10, highWatermark: 10 })
    const soon = await machine.run(['snapshot', 'create', '--topic', 'orders'])
    expect(soon).toMatchObject({ exitCode: 1, output: '' })
    expect(soon.errors).toContain('--min-interval none')
    const told = await machine.run(['snapshot', 'create', '--topic', 'orders', '--json'])
    expect(JSON.parse(told.errors).error).toMatchObject({
      code: 'SNAPSHOT_TOO_SOON',
      details: { nextAllowedAt: json.timestamp + HOUR_MS },
    })
    expect(await take(machine, '--topic', 'orders', '--partition', '0')).toMatch(/^snapshot-/)
    expect(await machine.done('snapshot ls')).toMatch(/ {2}orders\/0 /)
    expect(await machine.run(['snapshot', 'create', '--topic', 'nothing'])).toMatchObject({ exitCode: 1 })
  })

  test('no store is made by any of them', async () => {
    for (const words of [['create'], ['ls'], ['pin', 'newest'], ['cleanup'], ['restore', 'newest', '--as', 'x']])
      expect((await new Machine().run(['snapshot', ...words, '--json'])).errors).toContain('STORE_MISSING')
  })

  test.each([
    'snapshot create x',
    'snapshot create --partition 1',
    'snapshot create --min-interval soon',
    'snapshot ls x',
    'snapshot show',
    'snapshot show a b',
    'snapshot rm',
    'snapshot pin',
    'snapshot cleanup --keep 0',
    'snapshot cleanup --max-age old',
    'snapshot cleanup --dry-run --yes',
    'snapshot drill',
    'snapshot drill newest --to x --memory',
    'snapshot export newest',
    'snapshot import newest',
    'snapshot restore newest',
    'snapshot restore newest --to x --as y',
    'snapshot restore newest --as y --overwrite',
    'snapshot restore newest --to x --yes',
    'snapshot restore newest --to x --offset 1 --time 2',
    'snapshot restore newest --to x --offset 1,',
    'snapshot restore newest --to x --offset 99999999999999999',
    'snapshot restore newest --to x --time soon',
    'fork orders',
    'fork orders a b',
    'fork orders a --offset -1',
  ])('%s is wrong use', async (line) => {
    const machine = await withStore()
    expect(await machine.run(line.split(' '))).toMatchObject({ exitCode: 2, output: '' })
  })

  test('what is not there is said, with what to do', async () => {
    const machine = await withStore()
    const newest = await machine.run(['snapshot', 'show', 'newest'])
    expect(newest).toMatchObject({ exitCode: 1 })
    expect(newest.errors).toContain('varve snapshot create')
    const other = await machine.run(['snapshot', 'show', 'snapshot-1', '--json'])
    expect(JSON.parse(other.errors).error).toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
    expect(await machine.run(['snapshot', 'verify', '../x'])).toMatchObject({ exitCode: 1 })
  })
})

describe('snapshot verify and usage', () => {
  test('verify checks all or some, and ends with 3 for damage, naming the snapshot', async () => {
    const machine = await withStore()
    const first = await take(machine, '--topic', 'orders')
    const second = await take(machine)
    expect(await machine.done('snapshot verify')).toMatch(/^No damage found: checked 2 snapshots, 20 events, /)
    await damage(machine, await fileOf(machine, second, 'documents/catalog'))
    expect(await machine.done(`snapshot verify ${first}`)).toMatch(/^No damage found: checked 1 snapshot, 10 events/)
    const ran = await machine.run(['snapshot', 'verify'])
    expect(ran.exitCode).toBe(3)
    expect(ran.output).toMatch(new RegExp(`^DAMAGE {2}${second}, documents/catalog/.*\\(DOCUMENT_DAMAGED\\)$`, 'm'))
    expect(ran.output).toContain('Damage found in 1 snapshot: checked 2 snapshots')
    const json = JSON.parse((await machine.run(['snapshot', 'verify', 'newest', '--json'])).output)
    expect(json).toMatchObject({ ok: false, snapshots: [{ snapshot: second, ok: false }] })
  })

  test('a snapshot whose manifest is damaged is named, listed or not', async () => {
    const machine = await withStore()
    const [first, second] = [await take(machine), await take(machine)]
    await damage(machine, await fileOf(machine, first, ''))
    for (const isListed of [true, false]) {
      if (!isListed) await machine.storage('./varve-data').remove('.snapshots/snapshots.json')
      const ran = await machine.run(['snapshot', 'verify'])
      expect(ran.exitCode).toBe(3)
      expect(ran.output).toMatch(new RegExp(`^DAMAGE {2}${first}, .*MANIFEST-`, 'm'))
      expect(ran.output).toContain('Damage found in 1 snapshot: checked 2 snapshots')
      const ls = await machine.run(['snapshot', 'ls'])
      expect(ls.output).toContain(second)
      expect(ls.output.includes(first)).toBe(isListed)
      expect(ls.errors.includes('varve: not listed: ') && ls.errors.includes(first)).toBe(!isListed)
    }
    expect(await machine.done(`snapshot verify ${second}`)).toContain('No damage found')
    expect(await machine.done('snapshot restore newest --to new')).toContain('10 events')
    const asked = await machine.run(['snapshot', 'rm', first])
    expect(asked.errors).toContain(`To delete ${first}, which is damaged, run: `)
    await machine.done(/run: varve (.*)/.exec(asked.errors)?.[1] ?? '')
    expect(await machine.done('snapshot verify')).toContain('No damage found: checked 1 snapshot')
  })

  test('usage says what is shared', async () => {
    const machine = await withStore()
    const id = await take(machine)
    expect(await machine.done('snapshot usage')).toMatch(
      /^id +of +size +with store +with others +own +label\nsnapshot-/,
    )
    expect(JSON.parse(await machine.done('snapshot usage --json'))).toMatchObject({ usage: [{ id }] })
  })
})

describe('snapshot pin, cleanup and rm', () => {
  test('rm asks, names what would go, and spares what is pinned', async () => {
    const machine = await withStore()
    const id = await take(machine, '--label', 'x')
    const asked = await machine.run(['snapshot', 'rm', id])
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    expect(asked.errors).toMatch(
      /Nothing was changed. To delete snapshot-\d+ of everything \("x", .*: varve snapshot rm/,
    )
    const confirmed = ['--yes', '--store-id', storeIdOf(asked.errors)]
    expect(await machine.done(`snapshot pin ${id}`)).toMatch(/^Pinned snapshot-\d+ of everything/)
    const pinned = await machine.run(['snapshot', 'rm', id, ...confirmed])
    expect(pinned).toMatchObject({ exitCode: 1 })
    expect(pinned.errors).toContain('varve snapshot unpin')
    expect(JSON.parse(await machine.done('snapshot unpin newest --json'))).toMatchObject({ id, pinned: false })
    const gone = JSON.parse((await machine.run(['snapshot', 'rm', id, ...confirmed, '--json'])).output)
    expect(gone).toMatchObject({ deleted: true, snapshot: id })
    expect(gone.freedBytes).toBeGreaterThan(0)
    expect(JSON.parse(await machine.done('snapshot ls --json'))).toEqual({ snapshots: [] })
    expect(await machine.run(['snapshot', 'rm', id])).toMatchObject({ exitCode: 1 })
  })

  test('cleanup shows what would go, asks, and lets it go', async () => {
    const machine = await withStore()
    const ids: string[] = []
    const begin = Date.now()
    for (let hour = 0; hour < 4; hour++) {
      machine.clock = { ...systemClock, now: () => begin + hour * HOUR_MS }
      ids.push(await take(machine))
    }
    await machine.done(`snapshot pin ${ids[0]}`)
    const nothing = await machine.done('snapshot cleanup')
    expect(nothing).toMatch(/^Delete 0 of 4 snapshots, 0 B freed\n {2}policy: the newest 5, for 1 d\n$/)
    const dry = await machine.done('snapshot cleanup --keep 2 --dry-run')
    expect(dry).toMatch(
      /^Delete 1 of 4 snapshots, [\d.]+ \w+ freed \(nothing was changed\)\n {2}snapshot-\d+: not among /,
    )
    const plan = JSON.parse(await machine.done('snapshot cleanup --keep 2 --dry-run --json'))
    expect(plan).toMatchObject({ dryRun: true, removed: [{ id: ids[1], reason: 'count' }] })
    const asked = await machine.run(['snapshot', 'cleanup', '--keep', '2'])
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    expect(asked.errors).toContain('varve snapshot cleanup --keep 2 --yes --store-id ')
    const confirmed = ['--yes', '--store-id', storeIdOf(asked.errors), '--json']
    const done = await machine.run(['snapshot', 'cleanup', '--keep', '2', ...confirmed])
    expect(JSON.parse(done.output)).toEqual({ ...plan, dryRun: false })
    machine.clock = { ...systemClock, now: () => begin + 3 * DAY_MS }
    const forever = JSON.parse(await machine.done('snapshot cleanup --max-age none --dry-run --json'))
    expect(forever.removed).toEqual([])
    expect(await machine.done('snapshot cleanup --max-age none')).toContain('policy: the newest 5, for ever\n')
    const old = JSON.parse(await machine.done('snapshot cleanup --dry-run --json'))
    expect(old).toMatchObject({ removed: [{ id: ids[2], reason: 'age' }], kept: [ids[3], ids[0]] })
  })

  test('they go on beside a process that has the store, or say who has it', async () => {
    const machine = await withStore()
    await machine.done('append other --create', { input: ndjson(numbered(2)) })
    const id = await take(machine)
    const { openStore } = await import('../../../src/index.ts')
    const store = await openStore({ storage: machine.storage('./varve-data') })
    expect(await machine.done('snapshot ls')).toContain(id)
    expect(await machine.done('snapshot cleanup --keep 1 --dry-run')).toContain('nothing was changed')
    expect(await machine.done('snapshot drill newest --memory')).toContain('was restored to memory')
    expect(await machine.run(['snapshot', 'create'])).toMatchObject({ exitCode: 1, output: '' })
    await store.close()
  })
})
