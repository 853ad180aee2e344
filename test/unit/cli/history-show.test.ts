/** Histories on the command line: which there are, what their versions hold, and what changed between them.
 * @module */
import { describe, expect, test } from 'vitest'
import { selectorOf } from '../../../src/cli/history.ts'
import { parseJsonValue } from '../../../src/index.ts'
import { BEGIN, BOARD, withBoard } from './history-support.ts'
import { Machine } from './support.ts'

const TEXTS = BOARD.map(({ value }) => JSON.stringify(value))
const linesOf = (text: string) => text.trim().split('\n')

describe('selectorOf()', () => {
  test('reads numbers, labels, times and offsets', () => {
    expect(selectorOf(undefined)).toEqual({})
    expect(selectorOf('newest')).toEqual({})
    expect(selectorOf('12')).toEqual({ version: 12 })
    expect(selectorOf('label=a=b c')).toEqual({ label: 'a=b c' })
    expect(selectorOf('time=2026-01-31T12:00:00Z')).toEqual({ time: Date.UTC(2026, 0, 31, 12) })
    expect(selectorOf('time=1700')).toEqual({ time: 1700 })
    expect(selectorOf('offset=0')).toEqual({ offset: 0 })
  })

  test.each(['', '-1', '1.5', 'v1', 'label=', 'time=noon', 'offset=x', 'version=1'])('refuses %j', (word) => {
    expect(() => selectorOf(word)).toThrow('as a version')
  })
})

describe('history ls, show and stat', () => {
  test('list histories by name, with what is known of each', async () => {
    const machine = await withBoard()
    await machine.done('history append another --create', { input: '1' })
    await machine.done('history create empty')
    const [heading, ...rows] = linesOf(await machine.done('history ls'))
    expect(heading).toMatch(/^history +versions +newest +stored +raw +ratio +newest at$/)
    expect(rows.map((row) => row.split(/ +/).slice(0, 3))).toEqual([
      ['another', '1', '1'],
      ['board', '6', '6'],
      ['empty', '0', '0'],
    ])
    const { histories } = JSON.parse(await machine.done('history ls --json'))
    expect(histories.map(({ history, count }: { history: string; count: number }) => [history, count])).toEqual([
      ['another', 1],
      ['board', 6],
      ['empty', 0],
    ])
    expect(await machine.done('history show empty')).toBe('No versions\n')
    expect(await machine.done('history stat empty')).toMatch(/^versions +0$/m)
    const stat = await machine.done('history stat board')
    for (const word of ['name', 'versions', 'stored', 'copies', 'pinned', 'options', 'created'])
      expect(stat).toMatch(new RegExp(`^${word} `, 'm'))
    expect(JSON.parse(await machine.done('history stat board --json'))).toMatchObject({
      history: 'board',
      count: 6,
      newestVersion: 6,
      oldestVersion: 1,
      pinned: [],
    })
    const none = new Machine()
    await none.done('topics create t')
    expect(await none.done('history ls')).toMatch(/^No histories yet: varve history append /)
  })

  test('show lists versions in pages, both ways', async () => {
    const machine = await withBoard()
    const table = linesOf(await machine.done('history show board'))
    expect(table[0]).toMatch(/^version +at +stored +raw +form +tier +label$/)
    expect(table.slice(1).map((row) => row.trim().split(/ +/)[0])).toEqual(['1', '2', '3', '4', '5', '6'])
    expect(table[3]).toMatch(/ change +raw +review$/)
    const seen: number[] = []
    for (let cursor: string[] = []; ; ) {
      const words = ['history', 'show', 'board', '--backward', '--limit', '4', ...cursor]
      const page = JSON.parse((await machine.run([...words, '--json'])).output)
      seen.push(...page.items.map(({ version }: { version: number }) => version))
      const { errors } = await machine.run(words)
      if (page.nextCursor === undefined) {
        expect(errors).toBe('')
        break
      }
      expect(errors).toMatch(/^More follow: --cursor /)
      cursor = ['--cursor', page.nextCursor]
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1])
    const range = JSON.parse(await machine.done('history show board --from 2 --to 4 --json'))
    expect(range.items.map(({ version }: { version: number }) => version)).toEqual([2, 3])
  })

  test('show tells what is known of one version', async () => {
    const machine = await withBoard()
    const text = await machine.done('history show board offset=99')
    expect(text).toMatch(/^version +5$/m)
    expect(text).toMatch(/^fingerprint +four$/m)
    expect(text).toMatch(/^offset +40$/m)
    expect(text).toMatch(/^metadata +\{"by":"ada"\}$/m)
    expect(JSON.parse(await machine.done('history show board label=review --json'))).toMatchObject({
      version: 3,
      label: 'review',
      isDelta: true,
      group: 1,
      tier: 'raw',
      pinned: false,
    })
    expect(await machine.run(['history', 'show', 'board', '1', '--limit', '3'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['history', 'show', 'board', '1', '--backward'])).toMatchObject({ exitCode: 2 })
  })
})

describe('history get', () => {
  test('writes the value of a version, found by number, time, label or offset', async () => {
    const machine = await withBoard()
    for (const [word, index] of [
      ['', 5],
      ['newest', 5],
      ['2', 1],
      ['label=review', 2],
      [`time=${BEGIN}`, 0],
      ['time=2026-01-04T23:59:59Z', 3],
      ['offset=40', 4],
    ] as const)
      expect(await machine.done(`history get board ${word}`.trim()), word).toContain(`"x":${index},"y":40},{"id":"s-5"`)
    const text = await machine.done('history get board 1 --check')
    expect(JSON.parse(text)).toEqual(JSON.parse(TEXTS[0] ?? ''))
    expect(text).not.toContain('\u202e')
  })

  test('reads one path, raw on request, and tells what it cost', async () => {
    const machine = await withBoard()
    expect(await machine.done('history get board 3 --path shapes[4].x')).toBe('2\n')
    expect(await machine.done('history get board 3 --pointer /shapes/4/x --json')).toBe('2\n')
    expect(await machine.done('history get board 1 --path title --raw')).toBe('Draft')
    expect([...(await machine.done('history get board --path image --raw'))].map((c) => c.charCodeAt(0))).toEqual([
      0, 1, 2, 127,
    ])
    const cost = await machine.run(['history', 'get', 'board', '--path', 'title', '--cost'])
    expect(cost.errors).toMatch(/^cost \d+ reads?, [\d,]+ B, \d+ events? scanned\n$/)
    for (const [words, exitCode] of [
      [['--path', 'nothing.there'], 1],
      [['--path', 'shapes[*].x'], 2],
      [['--path', 'a..b'], 2],
      [['--path', 'a', '--pointer', '/a'], 2],
      [['--path', 'title', '--check'], 2],
      [['--raw'], 2],
    ] as const)
      expect(await machine.run(['history', 'get', 'board', '2', ...words]), words.join(' ')).toMatchObject({
        exitCode,
        output: '',
      })
    const lost = await machine.run(['history', 'get', 'board', '--path', 'none', '--json'])
    expect(JSON.parse(lost.errors).error).toMatchObject({ code: 'PATH_UNKNOWN', details: { version: 6 } })
  })

  test('writes a file, and only a new one', async () => {
    const machine = await withBoard()
    const told = await machine.done('history get board 2 -o two.json')
    expect(told).toMatch(/^Wrote [\d.]+ KiB of board, version 2 \(2026-01-02T00:00:00.000Z\), to two.json\n$/)
    expect(parseJsonValue(machine.files.get('two.json') ?? '')).toEqual(parseJsonValue(TEXTS[1] ?? ''))
    expect(await machine.run(['history', 'get', 'board', '-o', 'two.json'])).toMatchObject({ exitCode: 1, output: '' })
    const json = JSON.parse(await machine.done('history get board label=review -o three.json --json'))
    expect(json).toMatchObject({ file: 'three.json', history: 'board', version: 3, label: 'review', path: '' })
  })

  test.each([
    ['history get board 7', 'VERSION_OUT_OF_RANGE'],
    ['history get board label=none', 'VERSION_UNKNOWN'],
    ['history get board time=1', 'VERSION_UNKNOWN'],
    ['history get nobody', 'HISTORY_UNKNOWN'],
  ])('%s ends with 1 and %s', async (line, code) => {
    const machine = await withBoard()
    const ran = await machine.run([...line.split(' '), '--json'])
    expect(ran).toMatchObject({ exitCode: 1, output: '' })
    expect(JSON.parse(ran.errors).error).toMatchObject({ code })
  })
})

test('there is no version 0', async () => {
  const machine = await withBoard()
  expect(await machine.run(['history', 'get', 'board', '0'])).toMatchObject({ exitCode: 2, output: '' })
})

describe('history diff and values', () => {
  test('diff shows what changed, as lines and as data', async () => {
    const machine = await withBoard()
    const text = await machine.done('history diff board 1 label=review')
    expect(text).toMatch(/^From version 1 \(.*\) to version 3 \(.*"review"\):\n/)
    expect(text).toMatch(/shapes\[4\]\.x.*0.*2/)
    const json = JSON.parse(await machine.done('history diff board 1 --json'))
    expect(json).toMatchObject({ from: { version: 1 }, to: { version: 6 }, isCut: false })
    expect(json.changes).toEqual(
      expect.arrayContaining([
        { type: 'changed', path: 'title', before: 'Draft', after: 'Plan' },
        { type: 'changed', path: 'shapes[4].x', before: 0, after: 5 },
      ]),
    )
    expect(await machine.done('history diff board 1 --limit 1')).toContain('More than 1 changes: see --limit')
    expect(await machine.done('history diff board 2 2')).toMatch(/\nNo difference\n$/)
    expect(await machine.run(['history', 'diff', 'board'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['history', 'diff', 'board', '1', '2', '3'])).toMatchObject({ exitCode: 2 })
    expect(await machine.run(['history', 'diff', 'board', '1', '9'])).toMatchObject({ exitCode: 1 })
  })

  test('values follows one value, changes only or all', async () => {
    const machine = await withBoard()
    const json = async (...more: string[]) =>
      linesOf((await machine.run(['history', 'values', 'board', '--json', ...more])).output).map((line) =>
        JSON.parse(line),
      )
    expect((await json('--path', 'title')).map(({ version, value }) => [version, value])).toEqual([
      [1, 'Draft'],
      [4, 'Plan'],
    ])
    expect((await json('--pointer', '/title', '--all', '--backward')).map(({ version }) => version)).toEqual([
      6, 5, 4, 3, 2, 1,
    ])
    expect((await json('--path', 'shapes[4].x', '--from', '2', '--to', '4')).map(({ value }) => value)).toEqual([1, 2])
    const text = await machine.done('history values board --path title')
    expect(text).toBe(`      1  2026-01-01T00:00:00.000Z  "Draft"\n      4  2026-01-04T00:00:00.000Z  "Plan"\n`)
    expect(await machine.done('history values board --path title --all --from 3 --to 4')).toContain('[review]')
    expect(await machine.done('history values board --path none')).toMatch(/^ +1 .*\(nothing\)\n$/)
    expect(await machine.run(['history', 'values', 'board'])).toMatchObject({ exitCode: 2 })
  })
})

describe('history query', () => {
  const versions = async (machine: Machine, line: string) =>
    linesOf(await machine.done(`history query board ${line} --json`))
      .filter(Boolean)
      .map((one) => JSON.parse(one).version)

  test('finds by time, label, fingerprint, path and tier', async () => {
    const machine = await withBoard()
    expect(await versions(machine, '--since 2026-01-02 --until 2026-01-04')).toEqual([2, 3])
    expect(await versions(machine, '--label review')).toEqual([3])
    expect(await versions(machine, '--fingerprint four')).toEqual([5])
    expect(await versions(machine, '--path shapes[39].x --limit 2 --backward')).toEqual([6, 5])
    expect(await versions(machine, '--pointer /none')).toEqual([])
    expect(await versions(machine, '--tier raw')).toEqual([1, 2, 3, 4, 5, 6])
    expect(await versions(machine, '--tier archive')).toEqual([])
    expect(await versions(machine, '--metric load')).toEqual([])
    expect(await versions(machine, '--limit 0')).toEqual([])
    const [line] = linesOf(await machine.done('history query board --path title --limit 1 --json'))
    expect(JSON.parse(line ?? '')).toMatchObject({ version: 1, kind: 'value', value: 'Draft' })
    expect(await machine.done('history query board --path title --limit 1')).toMatch(/^ +1 {2}2026.*"Draft"\n$/)
  })

  test('says where it stopped, and goes on there', async () => {
    const machine = await withBoard()
    const words = ['history', 'query', 'board', '--path', 'title']
    const first = await machine.run([...words, '--limit', '2', '--json'])
    const { reason, nextCursor } = JSON.parse(first.errors)
    expect(reason).toBe('limit')
    const rest = await machine.run([...words, '--cursor', nextCursor, '--json'])
    expect(linesOf(rest.output).map((line) => JSON.parse(line).version)).toEqual([3, 4, 5, 6])
    expect(rest.errors).toBe('')
    const small = await machine.run(['history', 'query', 'board', '--budget', '2KiB'])
    expect(small.errors).toMatch(/^Stopped at the budget; go on with --cursor /)
    for (const wrong of ['--budget none', '--budget x', '--limit -1', '--tier cold', '--path a[*]', '--cursor x'])
      expect((await machine.run(['history', 'query', 'board', ...wrong.split(' ')])).exitCode, wrong).not.toBe(0)
  })

  test('ends quietly when nobody reads its output any more', async () => {
    const machine = await withBoard()
    expect(await machine.run(['history', 'query', 'board'], { closedAfter: 1 })).toMatchObject({
      exitCode: 0,
      errors: '',
    })
  })
})
