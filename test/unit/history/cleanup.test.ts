/** What clean-ups leave in files.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { metricsValue } from '../../../src/history/cleanup/metrics.ts'
import { rollUp } from '../../../src/history/cleanup/rollup.ts'
import { countOf } from '../../../src/history/place-versions.ts'
import type { Tiers } from '../../../src/history/types.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { difference } from '../../support/same-value.ts'
import { bytesOf, writeFile } from './group-helpers.ts'
import { type Given, SmallHistory } from './support/small-history.ts'

const TIERS: Tiers = {
  raw: { forMs: 100 },
  compressed: { forMs: 1_000, everyMs: 50 },
  archive: { forMs: 5_000, everyMs: 500 },
}

function given(at: number, value: unknown, more: Partial<Given> = {}): Given {
  return { at, kind: 'value', value, ...more }
}

const SHAPES = Array.from({ length: 60 }, (_, id) => ({
  id,
  x: (id * 7919) % 1_000,
  y: (id * 104_729) % 1_000,
  text: `shape ${id}`,
}))

/** A board of which one number changes every ten milliseconds. */
function boards(count: number, from = 0): Given[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index
    const value = { name: 'board', version: n, shapes: SHAPES }
    return given(n * 10, value, {
      label: `v${n}`,
      offset: n * 3,
      metadata: { n },
      ...(n % 2 === 0 && { fingerprint: `f${n}` }),
    })
  })
}

const series = (values: number[]) =>
  metricsValue({ metrics: { cpu: { timestamps: values.map((_, at) => BigInt(at)), values } } })

describe('rewriteGroups()', () => {
  test('leaves everything where nothing is old', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(20))
    const outcome = await history.rewrite({ now: 100 })
    expect(history.opened).toEqual([])
    expect(outcome).toMatchObject({ from: 3, groups: [], oldFiles: [] })
    expect(outcome.report).toMatchObject({ versions: 20, kept: 20, removed: [], groupsRewritten: 0, freedBytes: 0 })
    expect(outcome.report.tiers).toEqual({ raw: 20, compressed: 0, archive: 0 })
  })

  test('keeps values and all that is known of their versions', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(40))
    const before = new Map((await history.all()).map((one) => [one.version, one]))
    const { report } = await history.cleanup({ now: 400 })
    expect(report).toMatchObject({ versions: 40, kept: 16, tiers: { raw: 10, compressed: 6, archive: 0 }, rolledUp: 0 })
    const after = await history.all()
    expect(after.map(({ version }) => version).slice(0, 7)).toEqual([5, 10, 15, 20, 25, 30, 31])
    for (const { value, group: _, sizeBytes, isDelta, sameAs, ...facts } of after) {
      const {
        value: was,
        group,
        sizeBytes: size,
        isDelta: delta,
        sameAs: same,
        ...known
      } = before.get(facts.version) ?? { value: 0 }
      expect(facts).toEqual(known)
      expect(difference(value, was)).toBeUndefined()
    }
    expect(history.held).toBe(0)
  })

  test('says in a dry run what the real one then frees, and writes nothing', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(60))
    const files = await history.files()
    const { row } = history
    const dry = await history.rewrite({ now: 900, dryRun: true })
    dry.release()
    expect(await history.files()).toEqual(files)
    expect(history.row).toBe(row)
    expect(history.held).toBe(0)
    const { report } = await history.cleanup({ now: 900 })
    expect({ ...dry.report, dryRun: false }).toEqual(report)
    const left = Object.values(await history.files()).reduce((sum, size) => sum + size, 0)
    expect(left).toBe(report.storedBytes)
    expect(report.storedBytesBefore - left).toBe(report.freedBytes)
    expect(report.freedBytes).toBeGreaterThan(0)
  })

  test('changes nothing the second time', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(60))
    await history.cleanup({ now: 900 })
    const { row } = history
    const again = await history.cleanup({ now: 900 })
    expect(again.report).toMatchObject({ removed: [], groupsRewritten: 0, freedBytes: 0 })
    expect(history.row.groups).toEqual(row.groups)
  })

  test('keeps a group in its file that only gets another tier, and gives new ones no epoch', async () => {
    const history = new SmallHistory({ tiers: { ...TIERS, compressed: { forMs: 1_000 } } })
    await history.append(boards(16))
    const [first, second] = history.row.groups
    const { report, oldFiles } = await history.cleanup({ now: 200 })
    expect(report).toMatchObject({ groupsRewritten: 1, removed: [] })
    const { epoch: _, ...moved } = first ?? { epoch: 1 }
    expect(history.row.groups[0]).toEqual({ ...moved, tier: 'compressed' })
    expect(oldFiles).toEqual([second?.file])
    expect(history.row.groups.map((group) => 'epoch' in group)).toEqual([false, false, false])
    expect(history.row.groups.map(({ tier }) => tier)).toEqual(['compressed', 'compressed', 'raw'])
  })

  test('keeps few groups when versions grow old one by one', async () => {
    const history = new SmallHistory({ tiers: { raw: { forMs: 100 }, compressed: { forMs: 100_000 } } })
    await history.append(boards(16))
    for (let n = 16; n < 80; n++) {
      await history.append(boards(1, n))
      await history.cleanup({ now: n * 10 })
    }
    const { groups } = history.row
    const old = groups.filter(({ tier }) => tier === 'compressed')
    expect(old.reduce((sum, group) => sum + countOf(group), 0)).toBe(69)
    expect(old.length).toBeLessThanOrEqual(10)
  })

  test('sums metrics up at the last version of a period', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    const parts = [[1, 2], [3], [Number.NaN, 8], [5], [6]].map(series)
    await history.append(
      parts.map((value, at) => given(at * 10, value, { kind: 'metrics', label: `l${at}`, fingerprint: `f${at}` })),
    )
    await history.append([given(60, series([9]), { kind: 'metrics' }), given(300, 'other')])
    const { report } = await history.cleanup({ now: 300 })
    expect(report).toMatchObject({ removed: [1, 2, 3, 4], rolledUp: 6, kept: 3 })
    const [first, second] = await history.all()
    expect(first).toMatchObject({ version: 5, at: 40, kind: 'rollup', label: 'l4', fingerprint: 'f4' })
    expect(first?.value).toEqual(rollUp(parts))
    expect(second?.value).toEqual(rollUp([series([9])]))
  })

  test('takes the metrics of a period from several groups', async () => {
    const history = new SmallHistory({ tiers: TIERS, keyframeInterval: 2 })
    const parts = [1, 2, 3, 4, 5].map((n) => series([n]))
    await history.append(parts.map((value, at) => given(at, value, { kind: 'metrics' })))
    await history.append([given(400, 1)])
    await history.cleanup({ now: 400 })
    const [first] = await history.all()
    expect(first?.value).toEqual({ rollup: { cpu: { min: 1, max: 5, mean: 3, count: 5, last: 5 } } })
  })

  test('keeps what is pinned as it is', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(30))
    await history.append([given(20_000, 'newest')])
    history.row = { ...history.row, pins: [3, 17] }
    const before = (await history.all()).filter(({ version }) => version === 3 || version === 17)
    await history.cleanup({ now: 20_000 })
    const after = await history.all()
    expect(after.map(({ version }) => version)).toEqual([3, 17, 31])
    expect(after.map(({ group }) => group.tier)).toEqual(['archive', 'archive', 'raw'])
    expect(difference(after[0]?.value, before[0]?.value)).toBeUndefined()
    expect(difference(after[1]?.value, before[1]?.value)).toBeUndefined()
  })

  test('leaves a group with a damaged version until all of it is too old', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(40))
    const hurt = history.row.groups[1]
    if (hurt === undefined) throw new Error('no second group')
    const { path } = history.place(hurt)
    const bytes = await bytesOf(history.storage, path)
    const at = bytes.length - 5
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(history.storage, path, bytes)
    const { report } = await history.cleanup({ now: 900 })
    expect(history.row.groups.map(({ file }) => file)).toContain(hurt.file)
    expect(history.versions.filter((version) => version > 8 && version <= 16)).toEqual([9, 10, 11, 12, 13, 14, 15, 16])
    expect(report.kept).toBe(history.versions.length)
    expect(report.removed).not.toContain(9)
    await history.append([given(9_000, 'newest')])
    await history.cleanup({ now: 9_000 })
    expect(history.versions).toEqual([41])
  })

  test('makes another plan when a value turns out to be damaged', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(40))
    const hurt = history.row.groups[0]
    if (hurt === undefined) throw new Error('no group')
    const { path } = history.place(hurt)
    const bytes = await bytesOf(history.storage, path)
    // In the last chunk of the keyframe, which is behind the header and before the frames.
    const at = await history.use(hurt, async (file) => (file.versions[0]?.sizeBytes ?? 0) - 20)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(history.storage, path, bytes)
    const { report } = await history.cleanup({ now: 900 })
    expect(history.row.groups[0]?.file).toBe(hurt.file)
    expect(report.removed.every((version) => version > 8)).toBe(true)
    expect(report.removed.length).toBeGreaterThan(10)
    expect(report.kept).toBe(history.versions.length)
    expect(history.held).toBe(0)
  })

  test('stops at a signal and gives up what it has written', async () => {
    const history = new SmallHistory({ tiers: TIERS })
    await history.append(boards(60))
    const controller = new AbortController()
    const seen: unknown[] = []
    const stopped = history.rewrite({
      now: 900,
      signal: controller.signal,
      onProgress: (progress) => {
        seen.push(progress)
        if (progress.groups === 2) controller.abort(new Error('enough'))
      },
    })
    await expect(stopped).rejects.toThrow('enough')
    expect(seen).toEqual([
      { groups: 1, totalGroups: 8 },
      { groups: 2, totalGroups: 8 },
    ])
    expect(history.held).toBe(0)
  })
})

/** Goal: an error of the storage costs a clean-up, nothing else. Method: each call fails in turn. */
test('rewriteGroups() changes nothing and holds nothing when any call of the storage fails', async () => {
  const faults = { calls: 0, failAt: Number.POSITIVE_INFINITY }
  const history = new SmallHistory({ tiers: TIERS, storage: failing(memoryStorage(), faults) })
  await history.append(boards(24))
  const before = await history.all()
  for (let failAt = 1; ; failAt++) {
    Object.assign(faults, { calls: 0, failAt })
    const outcome = await history.rewrite({ now: 400 }).catch((error: unknown) => error)
    faults.failAt = Number.POSITIVE_INFINITY
    if (!(outcome instanceof VarveError)) {
      expect(failAt).toBeGreaterThan(20)
      return
    }
    expect(outcome.code).toBe('STORAGE_UNAVAILABLE')
    expect(history.held).toBe(0)
    if (failAt % 8 === 0) expect(await history.all()).toEqual(before)
  }
})

interface Faults {
  calls: number
  failAt: number
}

/** A storage of which one call fails. */
function failing(storage: Storage, faults: Faults): Storage {
  const failOne = () => {
    if (++faults.calls === faults.failAt) throw new VarveError('STORAGE_UNAVAILABLE', 'it fails')
  }
  return watched(storage, failOne)
}

const WATCHED: readonly string[] = [
  'openRead',
  'createExclusive',
  'syncDirectory',
  'read',
  'readSync',
  'append',
  'sync',
]

function watched<T extends object>(target: T, call: () => void): T {
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...given: unknown[]) => {
        if (WATCHED.includes(String(key))) call()
        const result: unknown = Reflect.apply(value, target, given)
        if (key === 'openRead') return watched(result as object, call)
        return key === 'createExclusive' ? (result as Promise<object>).then((handle) => watched(handle, call)) : result
      }
    },
  })
}
