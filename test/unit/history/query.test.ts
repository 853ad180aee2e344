/** Queries over versions, against a history in memory.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Path } from '../../../src/document/path/path.ts'
import { VarveError } from '../../../src/errors.ts'
import { valueAtSteps } from '../../../src/history/patch/value-path.ts'
import { queryVersions } from '../../../src/history/query/query.ts'
import type { QueryGroup, QuerySource } from '../../../src/history/query/source.ts'
import type { FoundVersion, FoundVersions, HistoryQuery, VersionInfo, VersionKind } from '../../../src/history/types.ts'
import type { GroupRow } from '../../../src/manifest/histories.ts'
import { portableDigest } from '../../../src/ports/digest.ts'

interface Version {
  readonly version: number
  readonly at: number
  readonly value: unknown
  readonly kind?: VersionKind
  readonly label?: string
  readonly isDamaged?: boolean
}

/** Groups of versions, with a log of what was read. */
class FakeHistory implements QuerySource {
  readonly id = 'h@1'
  readonly digest = portableDigest
  readonly log: string[] = []
  readonly #groups: Version[][]
  open_ = 0

  constructor(groups: Version[][]) {
    this.#groups = groups
  }

  async refresh(): Promise<void> {
    await undefined
  }

  groups(): GroupRow[] {
    return this.#groups.map((versions) => {
      const [first, last] = [versions[0] as Version, versions.at(-1) as Version]
      const of = { firstVersion: first.version, lastVersion: last.version, firstAt: first.at, lastAt: last.at }
      return {
        id: '0',
        file: `${first.version}`,
        tier: first.version < 3 ? 'compressed' : 'raw',
        ...of,
        endBytes: 1,
        rawBytes: 1,
      }
    })
  }

  replace(at: number, versions: Version[]): void {
    this.#groups[at] = versions
  }

  async open(look: () => GroupRow | undefined): Promise<QueryGroup | undefined> {
    const row = look()
    if (row === undefined) return undefined
    const versions = this.#groups.find(([first]) => first?.version === row.firstVersion) as Version[]
    this.log.push(`open ${row.firstVersion}`)
    this.open_++
    const read = (number: number) => {
      const found = versions.find(({ version }) => version === number)
      if (found === undefined || found.isDamaged)
        throw new VarveError('VERSION_DAMAGED', 'gone', { details: { versions: [number] } })
      return found.value
    }
    const log = this.log
    return {
      row,
      versions: versions.filter(({ isDamaged }) => !isDamaged).map((version) => infoOf(version, row)),
      damaged: versions.filter(({ isDamaged }) => isDamaged).map(({ version }) => version),
      async value(version) {
        log.push(`value ${version}`)
        return structuredClone(read(version))
      },
      async valueAt(version: number, path: Path) {
        log.push(`path ${version}`)
        return valueAtSteps(read(version), path.steps)
      },
      async *values(from) {
        log.push(`values ${from}`)
        for (const { version } of versions) if (version >= from) yield { version, value: read(version) }
      },
      release: () => void this.open_--,
    }
  }
}

function infoOf({ version, at, kind = 'value', label }: Version, row: GroupRow): VersionInfo {
  const facts = {
    version,
    at,
    kind,
    fingerprint: `f${version}`,
    tier: row.tier,
    pinned: false,
    group: row.firstVersion,
  }
  return {
    ...facts,
    ...(label !== undefined && { label }),
    rawBytes: 100,
    sizeBytes: 10,
    isDelta: version !== row.firstVersion,
  }
}

/** Versions 1 to 6 in three groups, ten milliseconds apart. */
function sixVersions(): FakeHistory {
  const versions = [1, 2, 3, 4, 5, 6].map((version) => {
    const value = { n: version, ...(version % 2 === 0 && { even: { deep: version } }) }
    return { version, at: version * 10, value, ...(version % 3 === 0 && { label: 'third' }) }
  })
  return new FakeHistory([versions.slice(0, 2), versions.slice(2, 4), versions.slice(4)])
}

async function all(found: FoundVersions): Promise<FoundVersion[]> {
  const list: FoundVersion[] = []
  for await (const version of found) list.push(version)
  return list
}

async function numbers(source: QuerySource, query?: HistoryQuery): Promise<number[]> {
  return (await all(queryVersions(source, query))).map(({ version }) => version)
}

describe('queryVersions()', () => {
  test('finds all versions, in either direction', async () => {
    const found = await all(queryVersions(sixVersions()))
    expect(found.map(({ value }) => value)).toMatchObject([1, 2, 3, 4, 5, 6].map((n) => ({ n })))
    expect(await numbers(sixVersions(), { direction: 'backward' })).toEqual([6, 5, 4, 3, 2, 1])
    expect(await numbers(new FakeHistory([]), { direction: 'backward' })).toEqual([])
  })

  test.each(['forward', 'backward'] as const)('takes since and leaves until out, %s', async (direction) => {
    const range = async (since: number, until: number) =>
      (await numbers(sixVersions(), { since, until, direction })).sort()
    expect(await range(20, 50)).toEqual([2, 3, 4])
    expect(await range(21, 51)).toEqual([3, 4, 5])
    expect(await range(30, 30)).toEqual([])
    expect(await range(-5, 11)).toEqual([1])
  })

  test('filters by label, fingerprint, tier and several of them', async () => {
    expect(await numbers(sixVersions(), { label: 'third' })).toEqual([3, 6])
    expect(await numbers(sixVersions(), { fingerprint: 'f4' })).toEqual([4])
    expect(await numbers(sixVersions(), { tier: 'compressed' })).toEqual([1, 2])
    expect(await numbers(sixVersions(), { tier: 'raw', direction: 'backward' })).toEqual([6, 5, 4, 3])
    expect(await numbers(sixVersions(), { label: 'third', until: 60 })).toEqual([3])
  })

  test('gives the value at a path where something is', async () => {
    const found = await all(queryVersions(sixVersions(), { path: 'even.deep' }))
    expect(found.map(({ version, value }) => [version, value])).toEqual([2, 4, 6].map((n) => [n, n]))
  })

  test('goes through a group once for what is at a path in many of its versions, and looks for it in few', async () => {
    const versions = Array.from({ length: 20 }, (_, at) => ({
      ...{ version: at + 1, at, value: at % 2 === 0 ? { deep: [{ n: at }] } : { other: null } },
    }))
    const wanted = versions.filter(({ at }) => at % 2 === 0).map(({ version, at }) => [version, at])
    for (const [query, log] of [
      [{}, ['open 1', 'values 1']],
      [{ limit: 2 }, ['open 1', 'path 1', 'path 2', 'path 3']],
      [{ until: 3 }, ['open 1', 'path 1', 'path 2', 'path 3']],
    ] as const) {
      const source = new FakeHistory([versions])
      const found = await all(queryVersions(source, { ...query, path: 'deep[0].n' }))
      expect(found.map(({ version, value }) => [version, value])).toEqual(wanted.slice(0, found.length))
      expect(source.log).toEqual(log)
    }
  })

  test('finds metrics and rollups with a series of a name', async () => {
    const source = new FakeHistory([
      [
        { version: 1, at: 1, kind: 'rollup', value: { rollup: { cpu: { count: 1 } } } },
        { version: 2, at: 2, kind: 'metrics', value: { metrics: { cpu: {}, other: {} } } },
        { version: 3, at: 3, kind: 'metrics', value: { metrics: { other: {} } } },
        { version: 4, at: 4, kind: 'value', value: { metrics: { cpu: {} } } },
      ],
    ])
    expect(await numbers(source, { metric: 'cpu' })).toEqual([1, 2])
    expect(await numbers(source, { metric: 'cpu', direction: 'backward' })).toEqual([2, 1])
    expect(await numbers(source, { metric: 'cpu', path: 'metrics' })).toEqual([2])
    expect(await numbers(source, { metric: 'toString' })).toEqual([])
  })

  test('reads a group once when it goes forwards, and nothing that the list rules out', async () => {
    const source = sixVersions()
    await numbers(source, { since: 20, until: 50 })
    expect(source.log).toEqual(['open 1', 'values 2', 'open 3', 'values 3'])
    const labelled = sixVersions()
    await numbers(labelled, { label: 'none' })
    expect(labelled.log).toEqual(['open 1', 'open 3', 'open 5'])
  })

  test('gives values that do not change afterwards', async () => {
    const value = { n: 1 }
    const source = new FakeHistory([
      [
        { version: 1, at: 1, value },
        { version: 2, at: 2, value: { n: 2 } },
      ],
    ])
    const [first] = await all(queryVersions(source))
    value.n = 9
    expect(first?.value).toEqual({ n: 1 })
  })

  test('has a limit, of which 0 is none', async () => {
    const none = queryVersions(sixVersions(), { limit: 0 })
    expect(await all(none)).toEqual([])
    expect(none.outcome).toMatchObject({ reason: 'limit', nextCursor: expect.any(String) })
    const two = queryVersions(sixVersions(), { limit: 2 })
    expect((await all(two)).length).toBe(2)
    expect(two.outcome?.reason).toBe('limit')
    const six = queryVersions(sixVersions(), { limit: 6 })
    expect((await all(six)).length).toBe(6)
    expect(six.outcome).toEqual({ reason: 'end' })
  })

  test('stops before its budget is passed, but never before the first one', async () => {
    const some = queryVersions(sixVersions(), { budgetBytes: 250 })
    expect((await all(some)).map(({ version }) => version)).toEqual([1, 2])
    expect(some.outcome?.reason).toBe('budget')
    const cursor = some.outcome?.nextCursor as string
    expect(await numbers(sixVersions(), { cursor })).toEqual([3, 4, 5, 6])
    expect(await numbers(sixVersions(), { budgetBytes: 0 })).toEqual([1])
  })

  test('counts what is at a path, not the whole value', async () => {
    const found = queryVersions(sixVersions(), { path: 'n', budgetBytes: 50 })
    expect((await all(found)).length).toBe(6)
    expect(found.outcome).toEqual({ reason: 'end' })
  })

  test('goes on behind its cursor after a clean-up', async () => {
    const source = sixVersions()
    const first = queryVersions(source, { limit: 3 })
    await all(first)
    source.replace(1, [{ version: 3, at: 30, value: 3 }])
    const cursor = first.outcome?.nextCursor as string
    expect(await numbers(source, { cursor })).toEqual([5, 6])
  })

  test('ends at the version that was the newest when it began', async () => {
    const source = sixVersions()
    const seen: number[] = []
    for await (const { version } of queryVersions(source)) {
      seen.push(version)
      source.replace(3, [{ version: 7, at: 70, value: 7 }])
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('gives each group back, also when the reader stops or aborts', async () => {
    const source = sixVersions()
    for await (const { version } of queryVersions(source)) if (version === 3) break
    expect(source.open_).toBe(0)
    const controller = new AbortController()
    const found = queryVersions(source, { signal: controller.signal, direction: 'backward' })
    await expect(async () => {
      for await (const _ of found) controller.abort(new Error('enough'))
    }).rejects.toThrow('enough')
    expect(source.open_).toBe(0)
    expect(found.outcome).toBeUndefined()
  })

  test('fails at a damaged version that may be meant, and only there', async () => {
    const source = sixVersions()
    source.replace(1, [
      { version: 3, at: 30, value: 3 },
      { version: 4, at: 40, value: 4, isDamaged: true },
      { version: 5, at: 50, value: 5 },
    ])
    const seen: number[] = []
    await expect(async () => {
      for await (const { version } of queryVersions(source)) seen.push(version)
    }).rejects.toMatchObject({ code: 'VERSION_DAMAGED', details: { versions: [4] } })
    expect(seen).toEqual([1, 2, 3])
    expect(await numbers(source, { until: 30 })).toEqual([1, 2])
    expect(await numbers(source, { tier: 'compressed' })).toEqual([1, 2])
  })

  test('is iterated once', async () => {
    const found = queryVersions(sixVersions())
    await all(found)
    expect(() => found[Symbol.asyncIterator]()).toThrow(TypeError)
  })

  test.each([
    [{ limit: -1 }, 'OPTION_INVALID'],
    [{ limit: 1.5 }, 'OPTION_INVALID'],
    [{ budgetBytes: -1 }, 'OPTION_INVALID'],
    [{ direction: 'up' }, 'OPTION_INVALID'],
    [{ tier: 'cold' }, 'OPTION_INVALID'],
    [{ since: '5' }, 'OPTION_INVALID'],
    [{ until: Number.NaN }, 'OPTION_INVALID'],
    [{ label: '' }, 'OPTION_INVALID'],
    [{ path: 5 }, 'OPTION_INVALID'],
    [{ path: 'a[' }, 'PATH_INVALID'],
    [{ path: 'a.*' }, 'PATH_PLURAL'],
    [{ cursor: 'x' }, 'CURSOR_INVALID'],
    [{ cursor: btoa('[1,"h@1","b",3]').replaceAll('=', '') }, 'CURSOR_INVALID'],
    [{ cursor: btoa('[1,"h@2","f",3]').replaceAll('=', '') }, 'CURSOR_FOREIGN'],
  ])('refuses %o at once with %s', (query, code) => {
    expect(() => queryVersions(sixVersions(), query as never)).toThrow(expect.objectContaining({ code }))
  })

  /** Goal: pages together are the whole. Method: random limits and budgets to the end, against a filter of the list. */
  test('gives each version once over all pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }),
        fc.record({
          limit: fc.integer({ min: 1, max: 4 }),
          budgetBytes: fc.nat(400),
          since: fc.nat(60),
          until: fc.nat(120),
        }),
        fc.constantFrom('forward' as const, 'backward' as const),
        async (sizes, options, direction) => {
          let version = 0
          const groups = sizes.map((size) =>
            Array.from({ length: size }, () => ({ version: ++version, at: version * 10, value: version })),
          )
          const source = new FakeHistory(groups)
          const wanted = groups
            .flat()
            .filter(({ at }) => at >= options.since && at < options.until)
            .map((one) => one.version)
          if (direction === 'backward') wanted.reverse()
          const seen: number[] = []
          let cursor: string | undefined
          do {
            const found = queryVersions(source, { ...options, direction, ...(cursor && { cursor }) })
            for await (const one of found) seen.push(one.version)
            cursor = found.outcome?.nextCursor
          } while (cursor !== undefined)
          expect(seen).toEqual(wanted)
        },
      ),
    )
  })
})
