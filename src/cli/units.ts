/** Spans of time and sizes as people write them: `30d`, `10GiB`; and `none` for no limit. @module */
import { type Arguments, wrongUse } from './arguments.ts'

const SPANS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}
const NUMBER_AND_UNIT = /^(\d{1,16})([A-Za-z]{0,3})$/

/** Milliseconds of an option such as `30d`, `12h`, `90m`, `45s`, `500ms`; `none` is 'none'.
 * @throws {VarveError} `OPTION_INVALID`. */
export function spanOption(args: Arguments, name: string): number | 'none' | undefined {
  return unitOption(args, { name, units: SPANS_MS, rule: 'a span such as 30d, 12h, 90m, 45s or 500ms, or none' })
}

/** Bytes of an option such as `10GiB`, `512MiB`, `64KiB` or a number of bytes; `none` is 'none'.
 * @throws {VarveError} `OPTION_INVALID`. */
export function sizeOption(args: Arguments, name: string): number | 'none' | undefined {
  return unitOption(args, { name, units: SIZES, rule: 'a size such as 10GiB, 512MiB, 64KiB or 4096, or none' })
}

/** A count such as `1000000`; `none` is 'none'. @throws {VarveError} `OPTION_INVALID`. */
export function countOption(args: Arguments, name: string): number | 'none' | undefined {
  return unitOption(args, { name, units: { '': 1 }, rule: 'a whole number from 1, or none' })
}

/** Milliseconds of a text such as `30d` or `12h`. @returns undefined when it is none. */
export function parseSpan(text: string): number | undefined {
  return withUnit(text, SPANS_MS)
}

interface Units {
  readonly name: string
  readonly units: Readonly<Record<string, number>>
  readonly rule: string
}

function unitOption(args: Arguments, { name, units, rule }: Units): number | 'none' | undefined {
  const text = args.text(name)
  if (text === undefined || text === 'none') return text
  const value = withUnit(text, units)
  if (value !== undefined) return value
  throw wrongUse(`Cannot use --${name} "${text}": it must be ${rule}`, { option: name, found: text })
}

function withUnit(text: string, units: Units['units']): number | undefined {
  const [, digits = '', unit = ''] = NUMBER_AND_UNIT.exec(text) ?? []
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  const value = digits === '' || factor === undefined ? Number.NaN : Number(digits) * factor
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** A span of time for people: `30 d`, `90 s`. */
export function spanText(ms: number): string {
  const [unit, size] = Object.entries(SPANS_MS).findLast(([, one]) => ms % one === 0 && ms >= one) ?? ['ms', 1]
  return `${ms / size} ${unit}`
}
