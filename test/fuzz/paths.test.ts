/** Goal: no text makes the readers of paths do more than refuse it, and what they read prints and parses back the same.
 * Method: texts of syntax characters, odd characters and changed good paths; steps drawn at random; a sort against a
 * comparison of every pair. Inputs come from seeds; fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { Path, type Step } from '../../src/document/path/path.ts'
import { isVarveError } from '../../src/errors.ts'
import { share } from '../support/runtime.ts'
import { type Draw, draws } from '../support/seeded-random.ts'

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })
const INPUTS_PER_SEED = 500
const SYNTAX = ['.', '[', ']', '{', '}', '(', ')', '"', "'", '\\', '*', ':', '-', '0', '1', '20', '[0]', '{7}', '.a']
const ODD = [
  '\\u',
  'd800',
  '\ud800',
  '\udc00',
  '😀',
  'é',
  ' ',
  '\n',
  '\0',
  '\ufeff',
  '/',
  '~',
  '~0',
  '~1',
  '9007199254740992',
]
const GOOD = [
  'users[0].name',
  'a."odd key"[3]',
  "m{3002}.'x'",
  'a.*[*]{*}',
  '[10:20](jane)',
  '/a/b~1c/0/~0',
  '名前."\\ud83d"',
]
const KEYS = [
  'a',
  'b',
  '',
  '*',
  '0',
  '10',
  'a b',
  '"',
  "'",
  '\\',
  '.',
  '\ud800',
  '\udc00',
  '😀',
  'é',
  '\u2028',
  '__proto__',
  '\0',
]

const pick = <T>(draw: Draw, from: readonly T[]): T => from[draw() % from.length] as T

function drawText(draw: Draw): string {
  if (draw() % 3 === 0) {
    const good = pick(draw, GOOD)
    const at = draw() % (good.length + 1)
    return good.slice(0, at) + (draw() % 2 === 0 ? pick(draw, SYNTAX) : pick(draw, ODD)) + good.slice(at + (draw() % 3))
  }
  let text = draw() % 4 === 0 ? '/' : ''
  for (let left = draw() % 12; left > 0; left--) {
    const kind = draw() % 8
    text += kind < 5 ? pick(draw, SYNTAX) : kind < 7 ? pick(draw, ODD) : String.fromCharCode(draw() & 0xffff)
  }
  return text
}

function drawStep(draw: Draw): Step {
  const small = draw() % 4
  switch (draw() % 10) {
    case 0:
    case 1:
    case 2:
      return { type: 'field', key: pick(draw, KEYS) }
    case 3:
    case 4:
      return { type: 'index', index: small === 0 ? Number.MAX_SAFE_INTEGER : small }
    case 5:
      return { type: 'intKey', key: small - 2 }
    case 6:
      return { type: 'keyed', key: pick(draw, KEYS) }
    case 7:
      return small === 0 ? { type: 'slice', from: draw() % 3 } : { type: 'slice', from: draw() % 3, to: small + 2 }
    default:
      return { type: pick(draw, ['anyField', 'anyIndex', 'anyIntKey'] as const) }
  }
}

const drawPath = (draw: Draw): Path => Path.of(Array.from({ length: draw() % 5 }, () => drawStep(draw)))

/** The path, or undefined when it is refused as it should be. */
function attempt(text: string, parse: (text: string) => Path): Path | undefined {
  try {
    return parse(text)
  } catch (error) {
    const position = isVarveError(error, 'PATH_INVALID') ? Number(error.details.position) : -1
    if (position >= 0 && position <= text.length) return undefined
    throw new Error(`${JSON.stringify(text)} failed with ${error}`, { cause: error })
  }
}

/** Thrown rather than expected: a million calls of `expect` take longer than all the rest. */
function check(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`not so: ${claim}`)
}

function checkText(text: string): void {
  const path = attempt(text, Path.parse)
  if (path !== undefined) {
    const canonical = path.toString()
    const again = Path.parse(canonical)
    check(again.equals(path), `${JSON.stringify(text)} prints as ${canonical}, which means the same`)
    check(again.toString() === canonical, `${canonical} is canonical`)
  }
  const pointed = attempt(text, Path.fromPointer)
  if (pointed !== undefined) check(pointed.toPointer() === text, `pointer ${JSON.stringify(text)} prints as itself`)
}

describe('paths', () => {
  const runs = share(250_000) / INPUTS_PER_SEED

  test('of any text are read or refused with PATH_INVALID, and print as what parses back', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = draws(seed)
        for (let left = INPUTS_PER_SEED; left > 0; left--) checkText(drawText(draw))
      }),
      { numRuns: runs },
    )
  }, 60_000)

  test('of any steps print as what parses back, and have one order', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = draws(seed)
        const paths = Array.from({ length: 24 }, () => drawPath(draw)).sort((a, b) => a.compare(b))
        for (const [at, path] of paths.entries()) {
          check(Path.parse(path.toString()).equals(path), `${path} parses back`)
          for (const later of paths.slice(at)) {
            const order = path.compare(later)
            check(order <= 0, `${path} is not after ${later}`)
            check(Math.sign(later.compare(path)) === -Math.sign(order), `${path} and ${later} compare both ways`)
            check((order === 0) === path.equals(later), `${path} and ${later} are equal when their order is 0`)
            check(
              (order === 0) === (path.toString() === later.toString()),
              `${path} and ${later} have texts of their own`,
            )
            check(!path.isAncestorOf(later) || order < 0, `${path} is before its descendant ${later}`)
          }
        }
      }),
      { numRuns: runs },
    )
  }, 60_000)
})
