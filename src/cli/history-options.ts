/** Options of a history as words of the command line, for `history create`, `change` and `append --create`. @module */
import type { HistoryOptions, HistorySettings, Tier, TierOptions } from '../history/types.ts'
import { TIERS } from '../manifest/index.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import { clean } from './output.ts'
import { parseSpan, spanText } from './units.ts'

const KEYFRAME_INTERVAL_MAX = 10_000

export const HISTORY_OPTIONS: OptionSpecs = {
  'keyframe-interval': {
    value: 'N',
    help: `Store a whole value at least every N versions, 1 to ${KEYFRAME_INTERVAL_MAX} (default 128)`,
  },
  'key-field': { value: 'FIELD', help: 'Objects of arrays are the same when this field is (default: by their value)' },
  raw: { value: 'TIER', help: 'Youngest versions: AGE, or AGE/PERIOD for one per period (default 1d)' },
  compressed: { value: 'TIER', help: 'Older ones (default 30d/1h)' },
  archive: { value: 'TIER', help: 'Still older ones (default 365d/1d); AGE none: for ever' },
}

export const TIER_NOTES: readonly string[] = [
  'Tiers say what `varve history cleanup` keeps: raw 1d every version of the last day, compressed 30d/1h the last version',
  'of each hour up to an age of 30 days, archive 365d/1d the last of each day up to a year. Nothing goes without it.',
]

/** Names of the options that were given. */
export function givenHistoryOptions(args: Arguments): string[] {
  return Object.keys(HISTORY_OPTIONS).filter((name) => args.text(name) !== undefined)
}

/** What was given of the options. @throws {VarveError} `OPTION_INVALID`. */
export function historyOptions(args: Arguments): HistoryOptions {
  const keyframeInterval = args.whole('keyframe-interval', { least: 1, most: KEYFRAME_INTERVAL_MAX })
  const keyField = args.text('key-field')
  const tiers = TIERS.flatMap((tier) => {
    const text = args.text(tier)
    return text === undefined ? [] : [[tier, tierOf(tier, text)] as const]
  })
  return {
    ...(keyframeInterval === undefined ? {} : { keyframeInterval }),
    ...(keyField === undefined ? {} : { keyField }),
    ...(tiers.length === 0 ? {} : { tiers: Object.fromEntries(tiers) }),
  }
}

function tierOf(tier: Tier, text: string): TierOptions {
  const [age = '', period, ...rest] = text.split('/')
  const forMs = age === 'none' ? null : parseSpan(age)
  const everyMs = period === undefined ? undefined : parseSpan(period)
  if (forMs === undefined || (period !== undefined && everyMs === undefined) || rest.length > 0)
    throw wrongUse(
      `Cannot use --${tier} "${text}": it must be an age such as 30d, 12h or none, or with a period 30d/1h`,
      {
        option: tier,
        found: text,
      },
    )
  return { forMs, ...(everyMs === undefined ? {} : { everyMs }) }
}

/** The settings of a history in one sentence. */
export function settingsText({ keyframeInterval, keyField, tiers }: HistorySettings): string {
  const elements = keyField === undefined ? '' : `elements by ${clean(keyField)}; `
  const kept = TIERS.map((tier) => {
    const { forMs, everyMs } = tiers[tier]
    return `${tier} ${forMs === null ? 'for ever' : spanText(forMs)}${everyMs === undefined ? '' : ` every ${spanText(everyMs)}`}`
  })
  return `a whole value every ${keyframeInterval} versions; ${elements}${kept.join(', ')}`
}
