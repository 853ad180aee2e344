/** What a command accepts, declared; and what it was given, typed. The splitting of the words themselves is the
 * runtime's `parseArgs`, which Node, Deno and Bun all have and the binary hands in.
 * @module */
import { VarveError } from '../errors.ts'

/** One option of a command, without its dashes. */
export interface OptionSpec {
  /** Word for the value in help, such as `FILE`; without it the option is a switch. */
  readonly value?: string
  /** One letter that means the same. */
  readonly short?: string
  /** May be given several times. */
  readonly multiple?: true
  readonly help: string
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** The part of `node:util` that is needed here. */
export type ParseArgs = (config: {
  args: string[]
  options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean; short?: string }>
  allowPositionals: true
  strict: true
}) => { values: Readonly<Record<string, unknown>>; positionals: string[] }

/** Options that every command has. */
export const COMMON_OPTIONS: OptionSpecs = {
  data: { value: 'DIR', help: 'Directory of the store (default ./varve-data)' },
  json: { help: 'JSON for programs, on standard output; errors as JSON on standard error' },
  help: { short: 'h', help: 'Show this help' },
}

/** Wrong use of the command line: exit code 2. */
export function wrongUse(message: string, details: Readonly<Record<string, unknown>> = {}): VarveError {
  return new VarveError('OPTION_INVALID', message, { details })
}

const WHOLE = /^\d{1,16}$/
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

/** The words after the command. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #positionals: readonly string[]

  /** @throws {VarveError} `OPTION_INVALID` for an option that is not declared or lacks its value. */
  constructor(words: readonly string[], specs: OptionSpecs, parse: ParseArgs) {
    const options = Object.entries({ ...COMMON_OPTIONS, ...specs }).map(([name, spec]) => {
      const type: 'string' | 'boolean' = spec.value === undefined ? 'boolean' : 'string'
      const short = spec.short === undefined ? {} : { short: spec.short }
      return [name, { type, multiple: spec.multiple === true, ...short }] as const
    })
    try {
      const parsed = parse({
        args: [...words],
        options: Object.fromEntries(options),
        allowPositionals: true,
        strict: true,
      })
      this.#values = parsed.values
      this.#positionals = parsed.positionals
    } catch (error) {
      const [sentence] = String(error instanceof Error ? error.message : error).split(/\.(?:\s|$)|\n/)
      throw wrongUse(sentence ?? 'Cannot read the options')
    }
  }

  /** Positional argument number `index`. */
  at(index: number): string | undefined {
    return this.#positionals[index]
  }

  /** @throws {VarveError} `OPTION_INVALID` naming what is missing. */
  required(index: number, word: string): string {
    const value = this.#positionals[index]
    if (value === undefined || value === '') throw wrongUse(`Missing ${word}`)
    return value
  }

  /** @throws {VarveError} `OPTION_INVALID` for more positional arguments than `count`. */
  atMost(count: number): void {
    const extra = this.#positionals[count]
    if (extra !== undefined) throw wrongUse(`Cannot use "${extra}": there is one argument too many`)
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  list(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  }

  /** A whole number. @throws {VarveError} `OPTION_INVALID` outside `least` to `most`. */
  whole(name: string, range: { least?: number; most?: number } = {}): number | undefined {
    const { least = 0, most = Number.MAX_SAFE_INTEGER } = range
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = WHOLE.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    const rule = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
    throw wrongUse(`Cannot use --${name} "${text}": it must be a whole number ${rule}`, { option: name, found: text })
  }

  /** A moment, in milliseconds since 1970. @throws {VarveError} `OPTION_INVALID`. */
  time(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = parseTime(text)
    if (value !== undefined) return value
    const rule = 'milliseconds since 1970, 2026-01-31, or 2026-01-31T12:00:00Z'
    throw wrongUse(`Cannot use --${name} "${text}": it must be ${rule}`, { option: name, found: text })
  }

  /** One of several words. @throws {VarveError} `OPTION_INVALID`. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const found = choices.find((choice) => choice === text)
    if (found !== undefined) return found
    throw wrongUse(`Cannot use --${name} "${text}": it must be ${choices.join(' or ')}`, { option: name, found: text })
  }
}

/** Read a moment: whole milliseconds since 1970, a day (in UTC), or a time of day with its zone. A time without a
 * zone would mean something else on every machine. @returns undefined when it is none of these. */
export function parseTime(text: string): number | undefined {
  if (/^-?\d{1,16}$/.test(text)) return Number(text)
  if (!ISO_TIME.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}
