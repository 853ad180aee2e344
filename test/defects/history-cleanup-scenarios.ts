/** What kills defects in thinning out: which versions stay, in which tier, what becomes of metrics, what dry runs say.
 * @module */
import type { Tier, Tiers } from '../../src/history/types.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { codeOf, mustBeExactly, type SmallOne, scenario, smallOne } from './history-support.ts'

/** Ages in which what follows is easy to count: 100, 1,000, 10,000; periods of 10, of 100. */
const TIERS: Tiers = {
  raw: { forMs: 100 },
  compressed: { forMs: 1_000, everyMs: 10 },
  archive: { forMs: 10_000, everyMs: 100 },
}

const filler = Array.from({ length: 30 }, (_, at) => `filler ${at}`)

/** A history with versions at these times. */
async function versionsAt(times: readonly number[], tiers: Tiers = TIERS): Promise<SmallOne> {
  const one = smallOne({ tiers, keyframeInterval: 4 })
  for (const [at, time] of times.entries()) await one.history.append({ number: at + 1, filler }, { at: time })
  return one
}

/** Its versions, as `number tier`. */
async function listed({ history }: SmallOne): Promise<string[]> {
  const lines: string[] = []
  for await (const { version, tier } of history.index()) lines.push(`${version} ${tier}`)
  return lines
}

async function mustBecome(one: SmallOne, now: number, wanted: Readonly<Partial<Record<Tier, number[]>>>, what: string) {
  const { kept, versions, removed } = await one.history.cleanup({ now })
  const lines = Object.entries(wanted).flatMap(([tier, numbers]) => numbers.map((number) => `${number} ${tier}`))
  lines.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  mustEqual(await listed(one), lines, what)
  mustEqual([kept, versions - kept], [lines.length, removed.length], `${what}: what the report says`)
  for (const line of lines) {
    const version = Number.parseInt(line, 10)
    const value = (await one.history.read({ version, check: true })) as { number: number }
    mustEqual(value.number, version, `${what}: value of version ${version}`)
  }
}

/** A version has the tier of its age to the millisecond, and the last one of each period stays. */
export const tiersHaveTheirBorders = scenario(async () => {
  const one = await versionsAt([1_000, 1_005, 1_009, 1_010, 1_014, 1_020, 1_021, 1_100])
  await mustBecome(one, 1_100, { raw: [1, 2, 3, 4, 5, 6, 7, 8] }, 'nothing is older than 100')
  await mustBecome(one, 1_109, { compressed: [2], raw: [3, 4, 5, 6, 7, 8] }, 'a period of 10')
  await mustBecome(one, 1_110, { compressed: [3], raw: [4, 5, 6, 7, 8] }, 'an age of 100')
  await mustBecome(one, 1_111, { compressed: [3, 4], raw: [5, 6, 7, 8] }, 'an age of 101')
  await mustBecome(one, 1_121, { compressed: [3, 5, 6], raw: [7, 8] }, 'the last version of a period')
  await mustBecome(one, 2_009, { compressed: [3, 5, 7, 8] }, 'an age of 1,000')
  await mustBecome(one, 2_010, { archive: [3], compressed: [5, 7, 8] }, 'an age of 1,001')
  await mustBecome(one, 3_000, { archive: [7, 8] }, 'periods of 100')
  await mustBecome(one, 11_021, { archive: [7, 8] }, 'an age of 10,000')
  await mustBecome(one, 11_022, { archive: [8] }, 'an age of 10,001')
  await mustBecome(one, 99_999_999, { archive: [8] }, 'the newest version, for ever')
  mustEqual(await codeOf(one.history.read({ version: 7 })), 'VERSION_GONE', 'a version that is gone')
})

/** Pinned versions stay through all tiers. */
export const pinnedVersionsStay = scenario(async () => {
  const one = await versionsAt([1_000, 1_001, 1_002, 1_003, 1_004, 1_005, 1_006, 1_007])
  await one.history.pin({ version: 2 })
  await one.history.pin({ version: 4 })
  await mustBecome(one, 1_500, { compressed: [2, 4, 8] }, 'pinned versions of a period')
  await mustBecome(one, 3_000, { archive: [2, 4, 8] }, 'the same in a longer one')
  await mustBecome(one, 99_999_999, { archive: [2, 4, 8] }, 'the same for ever')
  await one.history.unpin({ version: 2 })
  await mustBecome(one, 99_999_999, { archive: [4, 8] }, 'one that is not pinned any more')
})

/** A clock that goes back, or ages that become longer, remove nothing and bring nothing back to a younger tier. */
export const clocksMayGoBack = scenario(async () => {
  const one = await versionsAt([1_000, 1_011, 1_021, 1_022, 1_031, 1_041, 1_990])
  await mustBecome(one, 2_025, { archive: [4], compressed: [5, 6], raw: [7] }, 'versions that grew old')
  await mustBecome(one, 1_050, { archive: [4], compressed: [5, 6], raw: [7] }, 'a clock that went back')
})

/** The same, when ages become longer. */
export const tiersOnlyGrowOlder = scenario(async () => {
  const one = await versionsAt([1_000, 1_011, 1_021, 1_022, 1_031, 1_041])
  await mustBecome(one, 1_500, { compressed: [1, 2, 4, 5, 6] }, 'versions that grew old')
  const { row } = one.small
  const tiers = { raw: { forMs: null }, compressed: { forMs: null, everyMs: 1_000 }, archive: { forMs: null } }
  one.small.row = { ...row, options: { ...row.options, tiers } }
  await mustBecome(one, 1_500, { compressed: [1, 2, 4, 5, 6] }, 'tiers that became longer')
})

interface Summed {
  rollup: Record<string, { min: number; max: number; mean: number; count: number; last: number }>
}

/** Metrics of a period become one rollup, exact about its count; NaN is no number; rollups are summed up again. */
export const metricsAreSummedUp = scenario(async () => {
  const one = smallOne({ tiers: TIERS, keyframeInterval: 4 })
  const { history } = one
  const values = [[1, 2], [9, Number.NaN], [4], [-5, 5, 6], [Number.NaN], [8]]
  for (const [at, series] of values.entries()) {
    const timestamps = series.map((_, index) => BigInt(at * 10 + index))
    await history.appendMetrics(
      { metrics: { load: { timestamps, values: series } } },
      { at: [1_001, 1_002, 1_009, 1_011, 1_012, 1_500][at] ?? 0 },
    )
  }
  const read = async (version: number) => ((await history.read({ version, check: true })) as Summed).rollup
  await history.cleanup({ now: 1_200 })
  mustEqual(await listed(one), ['3 compressed', '5 compressed', '6 raw'], 'what is left of two periods')
  mustBeExactly(await read(3), { load: { min: 1, max: 9, mean: 4, count: 4, last: 4 } }, 'the first period')
  mustBeExactly(await read(5), { load: { min: -5, max: 6, mean: 2, count: 3, last: 6 } }, 'the second period')
  await history.cleanup({ now: 2_600 })
  mustEqual(await listed(one), ['5 archive', '6 archive'], 'what is left of a longer one')
  mustBeExactly(await read(5), { load: { min: -5, max: 9, mean: 22 / 7, count: 7, last: 6 } }, 'both periods')
  await history.cleanup({ now: 2_600 })
  mustBeExactly(await read(5), { load: { min: -5, max: 9, mean: 22 / 7, count: 7, last: 6 } }, 'the same again')
  const { kind } = await history.find({ version: 6 })
  mustEqual(kind, 'metrics', 'the newest version, which is as it was')
})

/** A dry run changes nothing, and says to the byte what a real one does. */
export const dryRunsTellTheTruth = scenario(async () => {
  const times = Array.from({ length: 40 }, (_, at) => 1_000 + at * 7)
  for (const now of [1_150, 1_300, 1_900, 2_500]) {
    const one = await versionsAt(times)
    const before = [await listed(one), await one.small.files()]
    const dry = await one.history.cleanup({ now, dryRun: true })
    mustEqual([await listed(one), await one.small.files()], before, 'versions and files after a dry run')
    const { row } = one.small
    const real = await one.history.cleanup({ now })
    mustEqual({ ...real, dryRun: true }, { ...dry }, `what a clean-up at ${now} does, and said that it would do`)
    const sizeOf = (groups: typeof row.groups) => groups.reduce((sum, { endBytes }) => sum + endBytes, 0)
    mustEqual(sizeOf(row.groups) - sizeOf(one.small.row.groups), dry.freedBytes, 'bytes that are freed')
    must(dry.freedBytes > 0, 'something is freed')
    mustEqual((await one.history.cleanup({ now })).removed, [], 'what the same clean-up removes again')
    await one.history.rest()
    mustEqual(one.small.held, 0, 'files that are held after clean-ups')
  }
})
