/** Assertions of scenarios that also run outside the test runner, bundled with a seeded defect.
 * @module */

/** A scenario saw the product do something wrong. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure'
}

/** Check a fact about the product. @throws {ScenarioFailure} with `fact` when it does not hold. */
export function must(holds: boolean, fact: string | (() => string)): asserts holds {
  if (!holds) throw new ScenarioFailure(typeof fact === 'string' ? fact : fact())
}

/** Check that two plain values are the same; bytes compare by content, -0 and NaN by identity. */
export function mustEqual(actual: unknown, wanted: unknown, what: string | (() => string)): void {
  if (isSame(actual, wanted)) return
  const have = plain(actual)
  const want = plain(wanted)
  if (have === want) return
  let at = 0
  while (have[at] === want[at]) at++
  const start = Math.max(0, at - 80)
  const name = typeof what === 'string' ? what : what()
  throw new ScenarioFailure(`${name}: at character ${at} have ${clip(have, start)}, want ${clip(want, start)}`)
}

/** A quick yes for plain objects, arrays and primitives; a no may be wrong and is looked at again. */
function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length || one.constructor !== other.constructor) return false
  if (one instanceof Date) return false
  return names.every((name) => isSame(one[name as keyof typeof one], other[name as keyof typeof other]))
}

/** One text for one value: keys sorted, so that equal values have equal texts. */
export function plain(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof Uint8Array) return `bytes[${value.join()}]`
  if (value instanceof Date) return `date(${value.getTime()})`
  if (Array.isArray(value)) return `[${value.map(plain).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  entries.sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${plain(field)}`).join(',')}}`
}

function clip(text: string, start: number): string {
  const part = text.slice(start, start + 240)
  return `${start > 0 ? '...' : ''}${part}${start + 240 < text.length ? '...' : ''}`
}
