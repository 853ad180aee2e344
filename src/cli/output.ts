/** Text for people and JSON for programs, both safe to show on a terminal.
 *
 * Events are other people's text. Lines for people lose escape sequences, control characters and the characters that
 * change the direction of text; JSON keeps everything, with those characters as \u escapes, which is the same JSON.
 * @module */
import { stringifyValue } from '../codec/values.ts'
import type { StoredEvent } from '../topic/types.ts'

/** Escape sequences as a whole: CSI; OSC and other strings up to their end; two-character ones. */
const CSI = String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]`
const STRING_START = String.raw`(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])`
const STRING_END = String.raw`(?:\x07|\x1b\\|\x9c|$)`
const CONTROL_STRING = String.raw`${STRING_START}[^\x07\x1b\x90\x98\x9c-\x9f]*${STRING_END}`
const OTHER_ESCAPE = String.raw`\x1b[ -/]*[0-~]?`
const SEQUENCES = new RegExp([CSI, CONTROL_STRING, OTHER_ESCAPE].join('|'), 'g')
/** C1, line and paragraph separators, bidirectional controls. */
const HIDDEN = String.raw`\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff`
const CONTROLS = new RegExp(String.raw`[\x00-\x1f${HIDDEN}]`, 'g')
const HIDDEN_IN_JSON = new RegExp(`[${HIDDEN}]`, 'g')

/** Text that cannot steer a terminal, in one line. */
export function clean(text: string): string {
  return text.replace(SEQUENCES, '').replace(CONTROLS, '')
}

/** One line of JSON in the dialect of values. */
export function jsonLine(value: unknown): string {
  return `${hideInJson(stringifyValue(value))}\n`
}

/** JSON text with the characters that steer a terminal as escapes. Outside strings JSON has none of them. */
export function hideInJson(json: string): string {
  return json.replace(HIDDEN_IN_JSON, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** An event, or what of it is not a value. */
export type Envelope = Omit<StoredEvent, 'data' | 'meta' | 'extensions'> &
  Partial<Pick<StoredEvent, 'data' | 'meta' | 'extensions'>>

/** An event with its fields in the order of the documentation, so that its JSON is the same everywhere.
 * @param raw leave the values out. */
export function orderedEvent(event: Envelope, raw = false): Record<string, unknown> {
  const { offset, partition, id, kind, entity, at, recordedAt } = event
  const { data, meta, extensions } = raw ? {} : (event as StoredEvent)
  return {
    offset,
    partition,
    id,
    kind,
    entity,
    ...(event.scope === undefined ? {} : { scope: event.scope }),
    ...(event.tags === undefined ? {} : { tags: event.tags }),
    at,
    recordedAt,
    ...(raw ? {} : { data }),
    ...(meta === undefined ? {} : { meta }),
    ...(event.correlationId === undefined ? {} : { correlationId: event.correlationId }),
    ...(event.causationId === undefined ? {} : { causationId: event.causationId }),
    ...(event.lane === undefined ? {} : { lane: event.lane }),
    ...(event.depth === undefined ? {} : { depth: event.depth }),
    ...(event.schemaVersion === undefined ? {} : { schemaVersion: event.schemaVersion }),
    ...(extensions === undefined ? {} : { extensions }),
  }
}

/** How lines of events are laid out. */
export interface LineLayout {
  /** More than one: offsets are shown as `partition:offset`. */
  readonly partitions: number
  /** Cut lines here; infinite where the output is a file or a pipe. */
  readonly columns: number
  /** Without data. */
  readonly raw?: boolean
}

/** An event as one readable line: offset, time, kind, entity, data. */
export function eventLine(event: Envelope, layout: LineLayout): string {
  const place = layout.partitions > 1 ? `${event.partition}:${event.offset}` : String(event.offset)
  const data = layout.raw || event.data === undefined ? '' : stringifyValue(event.data)
  const scope = event.scope === undefined ? '' : ` @${event.scope}`
  const tags = (event.tags ?? []).map((tag) => ` #${tag}`).join('')
  const head = `${place.padStart(7)}  ${timeText(event.at)}  ${event.kind.padEnd(16)}  ${event.entity}${scope}${tags}`
  return `${cut(clean(`${head}  ${data}`).trimEnd(), layout.columns)}\n`
}

/** A moment as ISO 8601 where a date can hold it. */
export function timeText(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? `${at} ms` : date.toISOString()
}

/** Text of at most so many characters, its end replaced by an ellipsis. */
export function cut(text: string, columns: number): string {
  if (text.length <= columns) return text
  const characters = [...text]
  return characters.length <= columns ? text : `${characters.slice(0, Math.max(columns - 1, 1)).join('')}…`
}

/** A count with separators: 12,345. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 event`, `12,345 events`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** A size for people, in binary units. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`
}

/** A time that has passed: `0.24 s`, `1:02:03`. */
export function elapsed(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : duration(ms)
}

/** `0:12`, `1:02:03`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  if (parts[0] === 0) parts.shift()
  return parts.map((part, at) => (at === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

/** Rows in columns, the first line as the heading; numbers (columns named in `right`) to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length)
    })
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => (right.includes(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
