/** What a version is appended with, checked before anything else happens.
 * @module */
import { utf8Length } from '../codec/value-buffer.ts'
import { isPlainPrototype } from '../codec/value-kinds.ts'
import { VarveError } from '../errors.ts'
import type { HistoryRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import { contentSize } from './group/content-hash.ts'
import { copyValue } from './patch/copy-value.ts'
import type { AppendVersionOptions } from './types.ts'

/** The last moment that a date can be. */
const AT_MOST = 8_640_000_000_000_000
const TEXT_MOST_BYTES = 256
const METADATA_MOST_BYTES = 65_536

export interface CheckedAppend {
  readonly label?: string
  readonly fingerprint?: string
  /** A copy. */
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly offset?: number
  readonly at?: number
  readonly ifVersion?: number
  readonly signal?: AbortSignal
}

/** @throws {VarveError} `OPTION_INVALID`, `VALUE_UNSUPPORTED`. */
export function checkAppendOptions(options: AppendVersionOptions): CheckedAppend {
  const { label, fingerprint, metadata, offset, at, ifVersion, signal } = options
  return {
    ...(label !== undefined && { label: checkText('label', label) }),
    ...(fingerprint !== undefined && { fingerprint: checkText('fingerprint', fingerprint) }),
    ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    ...(offset !== undefined && { offset: wholeOption('offset', offset, { least: 0 }) }),
    ...(at !== undefined && { at: wholeOption('at', at, { least: 0, most: AT_MOST }) }),
    ...(ifVersion !== undefined && { ifVersion: wholeOption('ifVersion', ifVersion, { least: 0 }) }),
    ...(signal !== undefined && { signal }),
  }
}

function checkText(option: string, text: unknown): string {
  const fits = typeof text === 'string' && text !== '' && text.isWellFormed() && utf8Length(text) <= TEXT_MOST_BYTES
  if (!fits) throw optionInvalid(option, `must be a well-formed text of 1 to ${TEXT_MOST_BYTES} bytes`, text)
  return text
}

function checkMetadata(metadata: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
  if (!isObject || !isPlainPrototype(Object.getPrototypeOf(metadata))) {
    throw optionInvalid('metadata', 'must be a plain object', metadata)
  }
  const copy = copyValue(metadata) as Readonly<Record<string, unknown>>
  const size = contentSize(copy)
  if (size > METADATA_MOST_BYTES) {
    throw optionInvalid('metadata', `must take at most ${METADATA_MOST_BYTES} bytes`, `${size} bytes`)
  }
  return copy
}

/** When a version is, and what it reflects: neither ever falls.
 * @throws {VarveError} `HISTORY_CONFLICT`, `OPTION_INVALID`. */
export function placeInTime(row: HistoryRow, wanted: CheckedAppend, now: number): { at: number; offset?: number } {
  const { ifVersion } = wanted
  if (ifVersion !== undefined && ifVersion !== row.lastVersion) {
    const details = { history: row.name, expected: ifVersion, found: row.lastVersion }
    const message = `Cannot append to history "${row.name}": expected version ${ifVersion}, found ${row.lastVersion}`
    throw new VarveError('HISTORY_CONFLICT', message, { details })
  }
  const last = row.groups.at(-1)
  const lastAt = last?.lastAt ?? 0
  if (wanted.at !== undefined && wanted.at < lastAt) {
    throw optionInvalid('at', `must not be before ${lastAt}, where the version before is`, wanted.at)
  }
  const { lastOffset = 0 } = row
  if (wanted.offset !== undefined && wanted.offset < lastOffset) {
    throw optionInvalid('offset', `must not be below ${lastOffset}, where the version before is`, wanted.offset)
  }
  const at = wanted.at ?? Math.max(now, lastAt)
  return wanted.offset === undefined ? { at } : { at, offset: wanted.offset }
}
