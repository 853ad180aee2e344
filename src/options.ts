/** Checks of options, for every layer.
 * @module */
import { VarveError } from './errors.ts'

/** Throw `OPTION_INVALID` naming the option, the rule and what was found. */
export function optionInvalid(option: string, rule: string, found: unknown): VarveError {
  const shown = typeof found === 'string' ? JSON.stringify(found.slice(0, 60)) : String(found)
  return new VarveError('OPTION_INVALID', `Cannot use option "${option}": it ${rule}, found ${shown}`, {
    details: { option, rule, found: shown },
  })
}

/** Check that an option is a whole number from `least` to `most`. @throws {VarveError} `OPTION_INVALID`. */
export function wholeOption(option: string, value: unknown, range: { least: number; most?: number }): number {
  const most = range.most ?? Number.MAX_SAFE_INTEGER
  if (!Number.isSafeInteger(value) || (value as number) < range.least || (value as number) > most) {
    throw optionInvalid(option, `must be a whole number from ${range.least} to ${most}`, value)
  }
  return value as number
}
