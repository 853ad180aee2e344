/** The answers for versions that are not there.
 * @module */
import { VarveError } from '../errors.ts'
import type { HistoryRow } from '../manifest/index.ts'
import type { Tier } from './types.ts'

/** There never was such a version. */
export function outOfRange({ name, lastVersion, groups }: HistoryRow, version: number): VarveError {
  const oldestVersion = groups[0]?.firstVersion ?? 0
  const there = lastVersion === 0 ? 'there are none' : `there are 1 to ${lastVersion}`
  const message = `Cannot read version ${version} of history "${name}": ${there}`
  const details = { history: name, version, oldestVersion, newestVersion: lastVersion }
  return new VarveError('VERSION_OUT_OF_RANGE', message, { details })
}

/** It was there once. @param tier the one that did not keep it. */
export function versionGone({ name, groups }: HistoryRow, version: number, tier: Tier): VarveError {
  const oldestVersion = groups[0]?.firstVersion ?? 0
  const message = `Cannot read version ${version} of history "${name}": tier ${tier} did not keep it`
  return new VarveError('VERSION_GONE', message, { details: { history: name, version, tier, oldestVersion } })
}

/** No version is what was asked for. */
export function versionUnknown({ name }: HistoryRow, asked: string): VarveError {
  const message = `Cannot find a version of history "${name}": none ${asked}`
  return new VarveError('VERSION_UNKNOWN', message, { details: { history: name, asked } })
}
