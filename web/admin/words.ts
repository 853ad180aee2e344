/** Numbers, times and states as a person reads them, and JSON laid out over lines.
 * @module */
import type { OpenReport, StoreStats } from '../../src/index.ts'

const COUNT = new Intl.NumberFormat('en')
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const AGES = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const
/** The greatest time that a date can hold, in milliseconds. */
const TIME_MAX_MS = 8.64e15

export function formatCount(count: number): string {
  return COUNT.format(count)
}

/** `one` or `many` with its number. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

export function formatBytes(bytes: number): string {
  let size = bytes
  let unit = 0
  while (size >= 1_024 && unit < UNITS.length - 1) {
    size /= 1_024
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`
}

/** How long ago, in the greatest unit that fits. */
export function formatAge(ageMs: number): string {
  const age = AGES.find(({ ms }) => ageMs >= ms)
  return age === undefined ? 'just now' : `${Math.floor(ageMs / age.ms)} ${age.unit} ago`
}

/** In how much time, in the greatest unit that fits. */
export function formatAhead(aheadMs: number): string {
  const ahead = AGES.find(({ ms }) => aheadMs >= ms)
  return ahead === undefined ? 'now' : `in ${Math.floor(aheadMs / ahead.ms)} ${ahead.unit}`
}

/** A time as `2026-01-31T12:00:00.000Z`, or the number where no date holds it. */
export function isoTime(ms: number): string {
  return Math.abs(ms) <= TIME_MAX_MS ? new Date(ms).toISOString() : String(ms)
}

/** A time as `2026-01-31 12:00:00.000 UTC`. */
export function formatTime(ms: number): string {
  return isoTime(ms).replace('T', ' ').replace('Z', ' UTC')
}

export function stateWords(state: StoreStats['state']): string {
  return {
    open: 'Open and taking appends',
    poisoned: 'A sync failed: appends are refused until the store is opened again',
    fenced: 'Another process took the store over: appends are refused here',
    closed: 'Closed',
  }[state]
}

/** What opening the store did, in sentences. */
export function openingWords(report: OpenReport): string {
  const { source, rowsReplayed, repaired, refused, durationMs } = report
  const how = {
    created: 'Created new',
    clean: 'Opened after a clean close',
    recovered: 'Recovered after an unclean stop',
    'read-only': 'Opened for reading only',
  }[source]
  const parts = [`${how} in ${formatCount(Math.round(durationMs))} ms.`]
  if (rowsReplayed > 0) parts.push(`${counted(rowsReplayed, 'event')} replayed from the tail.`)
  if (repaired.length > 0) parts.push(`${counted(repaired.length, 'torn tail')} repaired.`)
  if (refused.length > 0) parts.push(`${counted(refused.length, 'derived file')} refused and rebuilt.`)
  return parts.join(' ')
}

/** Lay compact JSON text out over lines, two blanks a level. Works on the text, so that integers of any size and the
 * dialect's other values stay as they are. */
export function layOut(json: string): string {
  let depth = 0
  let text = ''
  const line = () => `\n${'  '.repeat(depth)}`
  // A string, an empty container, or one mark of structure; everything between them stays as it is.
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|\[\]|\{\}|[[\]{},:]|[^"[\]{},:]+/g)) {
    if (token === '{' || token === '[') {
      depth++
      text += token + line()
    } else if (token === '}' || token === ']') {
      depth--
      text += line() + token
    } else if (token === ',') text += token + line()
    else text += token === ':' ? ': ' : token
  }
  return text
}

/** How many times smaller, as `12x`. */
export function formatRatio(ratio: number): string {
  return `${ratio >= 10 ? COUNT.format(Math.round(ratio)) : ratio.toFixed(1)}x`
}
