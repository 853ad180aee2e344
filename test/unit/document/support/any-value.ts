/** Values drawn from the whole value table, with odd keys.
 * @module */
import fc from 'fast-check'

const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 90 }) },
  { weight: 1, arbitrary: fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((u) => String.fromCharCode(u)) }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(7, 8, 15, 16, 31, 32, 63, 64, 65, 5_000), fc.constantFrom('a', 'é', '€', '😀', '\uD800'))
      .map(([length, unit]) => unit.repeat(length)),
  },
)
const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c', 'name', 'items') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '', '0', '10', '-1', '$type', 'a b', '\uDC00'),
  },
  { weight: 1, arbitrary: text.filter((candidate) => candidate.length < 300 && candidate !== 'toJSON') },
)
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.integer({ min: -99_999, max: 99_999 }).map((cents) => cents / 100),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 31, 32, 127, 128, 2 ** 31, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e21),
)
const scalar = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 4, arbitrary: number },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false) },
  { weight: 1, arbitrary: fc.oneof(fc.bigInt(), fc.constantFrom(0n, -1n, 255n, 256n, -256n, -257n, 2n ** 64n)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: true }) },
)

export const { anyValue } = fc.letrec<{ anyValue: unknown }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    scalar,
    fc.array(tie('anyValue'), { maxLength: 18 }),
    fc.array(fc.tuple(key, tie('anyValue')), { maxLength: 18 }).map(objectOf),
  ),
}))

function objectOf(fields: readonly (readonly [string, unknown])[]): object {
  const object = {}
  for (const [name, value] of fields) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  }
  return object
}
