/** Goal: no bytes do more to the reader of JSON than make `JSON_INVALID` or `DOCUMENT_LIMIT`, how they are cut into
 * chunks changes nothing, and it takes exactly what `JSON.parse` takes.
 * Method: texts of the dialect and the grammar's edges are mutated from a fixed seed, read whole and in chunks, and
 * compared with `parseJsonValue` of the same bytes.
 * @module */
import { describe, expect, test } from 'vitest'
import { parseJsonValue } from '../../src/codec/values.ts'
import { VarveError } from '../../src/errors.ts'
import { share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'
import { draws } from '../support/seeded-random.ts'
import { cutAt, outcome, utf8 } from '../unit/document/support/json-chunks.ts'

const SEED = 20_261
const INPUTS = share(250_000)

const TEXTS = [
  '{"id":812345,"number":"ORD-17","paid":true,"total":1234.50,"items":[{"sku":"é€😀","n":-1e3},{}],"note":null}',
  '[0,-0,1.5e-7,123456789012345678,0.30000000000000004,9007199254740993.0,"\\u00e9\\ud83d\\ude00\\n\\ud800"]',
  '[{"$type":"date","at":5},{"$type":"bytes","base64":"AAE="},{"$type":"object","value":{"$type":"number"}}]',
  '{"$type":"number","value":"-Infinity"}',
  ' \r\n\t{ "a" : [ [ ] , { } , "" ] ,\n "b" : { "$type" : "other" } }\n',
  '"grüße \\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"',
  '[[[[[[[[{"a":{"b":{"c":[false]}}}]]]]]]]]',
].map(utf8)
const PIECES = [
  ...[
    '"',
    '\\',
    '\\u',
    '\\ud83d',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '-',
    '0',
    '1',
    '.',
    'e',
    'E+',
    'true',
    'null',
    ' ',
    '\n',
  ],
  ...[
    '"$type"',
    '"a":',
    '{}',
    '[]',
    '1e400',
    '99999999999999999',
    '\u0000',
    'é',
    '\ufeff',
    '😀',
    '{"$type":"object","value":',
  ],
].map(utf8)
const decoder = new TextDecoder('utf-8', { fatal: true })

describe('JsonReader', () => {
  test('takes of mutated texts what JSON.parse takes, however they are cut', () => {
    const draw = draws(SEED)
    let taken = 0
    for (let input = 0; input < INPUTS; input++) {
      const bytes = mutate(TEXTS[draw() % TEXTS.length] as Uint8Array, draw)
      const whole = outcome([bytes])
      const places = Array.from({ length: 1 + (draw() % 6) }, () => draw() % (bytes.length + 1))
      const cut = outcome(cutAt(bytes, places))
      const about = `seed ${SEED}, input ${input}: ${JSON.stringify(decode(bytes) ?? [...bytes])}`
      if ('code' in whole) {
        if (!('code' in cut) || JSON.stringify(cut) !== JSON.stringify(whole)) expect(cut, about).toEqual(whole)
        if (whole.code !== 'JSON_INVALID') throw new Error(`${about}: ${whole.code}`)
      } else {
        taken++
        if (!('value' in cut)) throw new Error(`${about}: refused when cut`)
        const found = difference(cut.value, whole.value)
        if (found !== undefined) throw new Error(`${about}: ${found}`)
      }
      compare(bytes, whole, about)
    }
    console.info(`JsonReader: took ${taken} of ${INPUTS} texts`)
    expect(taken).toBeGreaterThan(INPUTS / 100)
  }, 120_000)
})

/** With the parser of whole texts. */
function compare(bytes: Uint8Array, have: ReturnType<typeof outcome>, about: string): void {
  const text = decode(bytes)
  let want: { value: unknown } | undefined
  try {
    if (text !== undefined) want = { value: parseJsonValue(text) }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
  }
  if (want === undefined) {
    if ('value' in have) throw new Error(`${about}: taken, and parseJsonValue refuses it`)
  } else if ('code' in have) throw new Error(`${about}: ${JSON.stringify(have)}, and parseJsonValue takes it`)
  else {
    const found = difference(have.value, want.value)
    if (found !== undefined) throw new Error(`${about}: ${found}`)
  }
}

/** Undefined for what is not UTF-8; without a mark at the start. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Up to three changes: a byte, a piece put in, a part taken out, repeated or moved, an end cut off. */
function mutate(text: Uint8Array, draw: () => number): Uint8Array {
  let bytes = [...text]
  for (let change = draw() % 4; change > 0; change--) {
    const at = draw() % (bytes.length + 1)
    const size = draw() % 8
    const kind = draw() % 7
    if (kind === 0) bytes[at] = draw() & 0xff
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << (draw() % 8))
    else if (kind === 2) bytes.splice(at, 0, ...(PIECES[draw() % PIECES.length] as Uint8Array))
    else if (kind === 3) bytes.splice(at, size, ...(PIECES[draw() % PIECES.length] as Uint8Array))
    else if (kind === 4) bytes.splice(at, size)
    else if (kind === 5) bytes.splice(draw() % (bytes.length + 1), 0, ...bytes.slice(at, at + size))
    else if (draw() % 4 === 0) bytes = bytes.slice(0, at)
  }
  return Uint8Array.from(bytes)
}
