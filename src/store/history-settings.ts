/** The options of a history: completed, compared, changed.
 * @module */
import { tierSettings } from '../history/cleanup/tiers.ts'
import type { HistoryOptions } from '../history/types.ts'
import type { HistoryRowOptions } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'

const INTERVAL_DEFAULT = 128
const INTERVAL_MOST = 10_000
const KEY_MOST_CHARS = 256
const OPTIONS = ['keyframeInterval', 'keyField', 'tiers']

/** Check options and complete them with those there are, or the defaults.
 * @throws {VarveError} `OPTION_INVALID`. */
export function historySettings(options: HistoryOptions, before?: HistoryRowOptions): HistoryRowOptions {
  if (typeof options !== 'object' || options === null) throw optionInvalid('create', 'must be an object', options)
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) throw optionInvalid(name, `is not one of ${OPTIONS.join(', ')}`, undefined)
  }
  const { keyframeInterval = before?.keyframeInterval ?? INTERVAL_DEFAULT, keyField = before?.keyField } = options
  if (keyField !== undefined && (typeof keyField !== 'string' || keyField === '' || keyField.length > KEY_MOST_CHARS)) {
    throw optionInvalid('keyField', `must be a text of 1 to ${KEY_MOST_CHARS} characters`, keyField)
  }
  return {
    keyframeInterval: wholeOption('keyframeInterval', keyframeInterval, { least: 1, most: INTERVAL_MOST }),
    ...(keyField !== undefined && { keyField }),
    tiers: tierSettings({ ...before?.tiers, ...options.tiers }),
  }
}

/** The first option that was asked for and is another one. */
export function differingSetting(
  row: HistoryRowOptions,
  wanted: HistoryOptions,
): { readonly option: string; readonly has: unknown; readonly wanted: unknown } | undefined {
  const asked = historySettings(wanted, row)
  for (const option of ['keyframeInterval', 'keyField', 'tiers'] as const) {
    const [has, asks] = [row[option], asked[option]]
    if (JSON.stringify(has) !== JSON.stringify(asks)) return { option, has, wanted: asks }
  }
  return undefined
}
