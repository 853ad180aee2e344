/** Histories on the command line: what of them stays, and whether it is sound.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { BEGIN, damage, fileOf, withBoard } from './history-support.ts'
import { Machine, ndjson } from './support.ts'

const DAY_MS = 86_400_000
const storeId = async (machine: Machine, line: string) =>
  /--store-id (\S+)/.exec((await machine.run(line.split(' '))).errors)?.[1]

describe('history create, change and rm', () => {
  test('create and change take options of tiers, and tell them', async () => {
    const machine = new Machine()
    const made = await machine.done('history create h --keyframe-interval 8 --key-field id --archive none/30d')
    expect(made).toBe(
      'Created history h: a whole value every 8 versions; elements by id; raw 1 d, compressed 30 d every 1 h, archive for ever every 30 d\n',
    )
    const again = JSON.parse(await machine.done('history create h --json'))
    expect(again).toMatchObject({ created: false, history: 'h', settings: { keyframeInterval: 8, keyField: 'id' } })
    expect(await machine.run(['history', 'create', 'h', '--keyframe-interval', '9'])).toMatchObject({ exitCode: 1 })
    const changed = JSON.parse(await machine.done('history change h --raw 7d --compressed 60d/12h --json'))
    expect(changed.settings).toEqual({
      keyframeInterval: 8,
      keyField: 'id',
      tiers: {
        raw: { forMs: 7 * DAY_MS },
        compressed: { forMs: 60 * DAY_MS, everyMs: DAY_MS / 2 },
        archive: { forMs: null, everyMs: 30 * DAY_MS },
      },
    })
    expect(await machine.done('history change h --key-field sku')).toContain('elements by sku')
  })

  test.each([
    'history create h --raw soon',
    'history create h --raw 1d/',
    'history create h --raw 1d/1h/1m',
    'history create h --archive none/none',
    'history create h --raw 60d --compressed 30d',
    'history create h --keyframe-interval 0',
    'history create h --keyframe-interval 10001',
    'history create h x',
    'history create -x',
    'history create _h',
    'history change h',
  ])('%s is wrong use', async (line) => {
    expect(await new Machine().run(line.split(' '))).toMatchObject({ exitCode: 2, output: '' })
  })

  test('rm asks, names what would go, and deletes', async () => {
    const machine = await withBoard()
    const asked = await machine.run(['history', 'rm', 'board'])
    expect(asked).toMatchObject({ exitCode: 2, output: '' })
    expect(asked.errors).toMatch(
      /Nothing was changed. To delete history board \(6 versions, [\d.]+ \w+\), for ever, run: varve history rm board --yes --store-id /,
    )
    const id = await storeId(machine, 'history rm board')
    expect(await machine.done(`history rm board --yes --store-id ${id}`)).toMatch(/^Deleted history board \(6 versions/)
    expect(await machine.run(['history', 'get', 'board'])).toMatchObject({ exitCode: 1 })
    expect(await machine.run(['history', 'rm', 'board'])).toMatchObject({ exitCode: 1 })
    await machine.done('history append board --create', { input: '1' })
    expect(JSON.parse(await machine.done('history stat board --json'))).toMatchObject({ newestVersion: 1 })
    const json = await machine.done(`history rm board --yes --store-id ${id} --json`)
    expect(JSON.parse(json)).toMatchObject({ deleted: true, history: 'board', count: 1 })
  })
})

describe('history pin, unpin and cleanup', () => {
  test('pin and unpin say which version it was', async () => {
    const machine = await withBoard()
    expect(await machine.done('history pin board label=review')).toBe(
      'Pinned version 3 (2026-01-03T00:00:00.000Z, "review") of board\n',
    )
    expect(JSON.parse(await machine.done('history pin board 1 --json'))).toMatchObject({ version: 1, pinned: true })
    expect(await machine.done('history stat board')).toMatch(/^pinned +1 3$/m)
    expect(await machine.done('history show board 3')).toMatch(/^tier +raw, pinned$/m)
    expect(await machine.done('history unpin board 1')).toMatch(/^Unpinned version 1 /)
    expect(JSON.parse(await machine.done('history stat board --json'))).toMatchObject({ pinned: [3] })
    expect(await machine.run(['history', 'pin', 'board'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['history', 'pin', 'board', '9'])).toMatchObject({ exitCode: 1 })
  })

  test('cleanup shows what would go, asks, and lets it go', async () => {
    const machine = await withBoard()
    machine.clock = { ...systemClock, now: () => BEGIN + 400 * DAY_MS }
    await machine.done('history pin board label=review')
    const size = JSON.parse(await machine.done('history stat board --json')).storedBytes
    const dry = await machine.done('history cleanup board --dry-run')
    expect(dry).toMatch(
      /^Clean up history board: 4 of 6 versions gone, .* freed \(nothing was changed\)\n {2}gone: 1-2, 4-5\n/,
    )
    expect(dry).toMatch(/\n {2}left: \d raw, \d compressed, \d archive\n$/)
    const plan = JSON.parse(await machine.done('history cleanup board --dry-run --json'))
    expect(plan).toMatchObject({ history: 'board', dryRun: true, versions: 6, kept: 2, removed: [1, 2, 4, 5] })
    expect(JSON.parse(await machine.done('history stat board --json'))).toMatchObject({ count: 6, storedBytes: size })
    const asked = await machine.run(['history', 'cleanup', 'board', '--now', '2027-06-01'])
    expect(asked.errors).toMatch(
      /To clean up history board: 4 of 6 versions .*: varve history cleanup board --now 2027-06-01 --yes/,
    )
    const id = await storeId(machine, 'history cleanup board')
    const done = JSON.parse(await machine.done(`history cleanup board --yes --store-id ${id} --json`))
    expect(done).toEqual({ ...plan, dryRun: false })
    expect(JSON.parse(await machine.done('history stat board --json'))).toMatchObject({
      count: 2,
      storedBytes: plan.storedBytes,
    })
    expect(await machine.done('history get board label=review --path shapes[4].x')).toBe('2\n')
    const gone = await machine.run(['history', 'get', 'board', '1', '--json'])
    expect(JSON.parse(gone.errors).error).toMatchObject({ code: 'VERSION_GONE' })
    expect(await machine.run(['history', 'cleanup', 'board', '--yes', '--dry-run'])).toMatchObject({ exitCode: 2 })
  })

  test('cleanup sums metrics up', async () => {
    const machine = new Machine()
    const metrics = Array.from({ length: 5 }, (_, n) => ({
      at: BEGIN + n * 60_000,
      metrics: { load: { timestamps: [n], values: [n] } },
    }))
    await machine.done('history append m --ndjson --create', { input: ndjson(metrics) })
    const id = await storeId(machine, 'history cleanup m')
    const text = await machine.done(`history cleanup m --now 2026-01-10 --yes --store-id ${id}`)
    expect(text).toMatch(/\n {2}metrics rolled up: \d\n$/)
    const [line = ''] = (await machine.done('history query m --metric load --json')).split('\n')
    expect(JSON.parse(line)).toMatchObject({
      kind: 'rollup',
      value: { rollup: { load: { min: 0, count: 4, last: 3 } } },
    })
  })
})

describe('history verify', () => {
  test('rebuilds all histories or some, and ends with 3 for damage, naming the versions', async () => {
    const machine = await withBoard()
    await machine.done('history append other --create', { input: '[1]' })
    expect(await machine.done('history verify')).toMatch(/^No damage found: checked 2 histories, 7 versions, /)
    const one = JSON.parse(await machine.done('history verify other --json'))
    expect(one).toMatchObject({
      ok: true,
      histories: [{ history: 'other', ok: true, versionsChecked: 1, damaged: [] }],
    })
    expect(await machine.run(['history', 'verify', 'nobody'])).toMatchObject({ exitCode: 1 })
    await damage(machine, 'board')
    const ran = await machine.run(['history', 'verify'])
    expect(ran.exitCode).toBe(3)
    expect(ran.output).toMatch(/^DAMAGE {2}histories\/board\/.* \(VERSION_DAMAGED\)\n/)
    expect(ran.output).toContain('Cannot be read of board: version 6\n')
    expect(ran.output).toMatch(/Damage found in 1 history: checked 2 histories/)
    const json = JSON.parse((await machine.run(['history', 'verify', '--json'])).output)
    expect(json).toMatchObject({ ok: false, histories: [{ history: 'board', damaged: [6] }, { ok: true }] })
    expect(await machine.run(['history', 'get', 'board'])).toMatchObject({ exitCode: 3, output: '' })
    expect(await machine.run(['history', 'get', 'board', '5'])).toMatchObject({ exitCode: 0 })
    expect(await machine.run(['history', 'verify', 'other'])).toMatchObject({ exitCode: 0 })
  })

  test('verify of a store counts versions and names damaged histories', async () => {
    const machine = await withBoard()
    await machine.done('history append other --create', { input: '[1]' })
    expect(await machine.done('verify')).toMatch(/^No damage found .* 7 versions, /)
    await damage(machine, 'board')
    await machine.storage('./varve-data').remove(await fileOf(machine, 'other'))
    const ran = await machine.run(['verify'])
    expect(ran.exitCode).toBe(3)
    expect(ran.output).toContain('2 damaged histories: board, other\n')
    expect(JSON.parse((await machine.run(['verify', '--json'])).output)).toMatchObject({
      damagedHistories: ['board', 'other'],
      damagedDocuments: [],
    })
  })
})

describe('histories around', () => {
  test('stats shows histories with their share', async () => {
    const machine = await withBoard()
    const text = await machine.done('stats')
    expect(text).toMatch(
      /^ *share +disk +raw +versions +history\n *100\.0% .* 6 {2}board\nTotal [\d.]+ \w+: 0 B for 0 events of 0 topics, [\d.]+ \w+ for 1 history\n/,
    )
    const { histories } = JSON.parse(await machine.done('stats --json'))
    expect(histories).toMatchObject({ total: { histories: 1 }, items: [{ history: 'board', versions: 6 }] })
  })

  test('reading commands work beside a writer, dry runs and questions too; those that write name the first open', async () => {
    const machine = await withBoard()
    await machine.done('append orders --create', { input: ndjson([{ kind: 'K', entity: 'e' }]) })
    await machine.done('projection run p --topic orders --fold counts --create --keep history')
    const store = await openStore({ storage: machine.storage('./varve-data') })
    const board = await store.histories.open('board')
    await board.append({ title: 'Beside' })
    expect(await machine.done('history get board --path title')).toBe('"Beside"\n')
    const beside = [
      'ls',
      'show board',
      'stat board',
      'diff board 6',
      'values board --path title',
      'query board',
      'verify',
    ]
    for (const line of [...beside, 'cleanup board --dry-run']) await machine.done(`history ${line}`)
    for (const line of ['ls', 'show p', 'state p', 'state p offset=0 --fold counts'])
      await machine.done(`projection ${line}`)
    for (const line of ['history rm board', 'history cleanup board', 'projection rm p']) {
      const asked = await machine.run(line.split(' '))
      expect(asked, line).toMatchObject({ exitCode: 2, errors: expect.stringMatching(/--store-id/) })
    }
    const writing = ['history append board', 'history pin board 1', 'history create h', 'history change board --raw 2d']
    for (const line of [...writing, 'projection run p --fold counts', 'projection rebuild p --fold counts']) {
      const ran = await machine.run([...line.split(' '), '--json'], { input: '1' })
      expect(ran, line).toMatchObject({ exitCode: 1, output: '' })
      expect(JSON.parse(ran.errors).error, line).toMatchObject({ code: 'STORE_OPEN_HERE' })
    }
    await store.close()
  })

  /** Without a manifest that can be read. */
  async function breakManifest(machine: Machine): Promise<void> {
    const storage = machine.storage('./varve-data')
    for (const { name } of await storage.list('')) {
      if (!name.startsWith('MANIFEST-')) continue
      const handle = await storage.openAppend(name)
      await handle.writeAt(0, new Uint8Array(handle.sizeBytes).fill(255))
      await handle.close()
    }
  }

  const READING = [
    'ls',
    'show board',
    'stat board',
    'get board 3 --path title',
    'diff board 1',
    'query board',
    'verify',
  ]

  test.each(READING)('history %s reads a store without its manifest with --salvage', async (line) => {
    const machine = await withBoard()
    await breakManifest(machine)
    const words = ['history', ...line.split(' ')]
    expect(await machine.run(words)).toMatchObject({ exitCode: 3, output: '' })
    const ran = await machine.run([...words, '--salvage'])
    expect(ran).toMatchObject({ exitCode: 0, errors: '' })
    expect(ran.output).not.toBe('')
  })

  test('--salvage says which history is damaged, and reads the rest', async () => {
    const machine = await withBoard()
    await machine.done('history append other --create', { input: '[1]' })
    await damage(machine, 'board', 12)
    await breakManifest(machine)
    const ran = await machine.run(['history', 'get', 'other', '--salvage'])
    expect(ran).toMatchObject({ exitCode: 1, output: '[1]\n' })
    expect(ran.errors).toMatch(
      /^varve: history board.*\n(?:varve: history board.*\n)?varve: salvaged, with 1 damaged history\n$/,
    )
  })
})
