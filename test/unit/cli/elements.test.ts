/** Splitting NDJSON and JSON arrays as they stream in.
 * @module */
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ELEMENT_MAX_BYTES, elements, plainBytes } from '../../../src/cli/elements.ts'
import { pieces } from './support.ts'

async function cut(input: string | Uint8Array, sizes: readonly number[] = []): Promise<[number, unknown][]> {
  const bytes = typeof input === 'string' ? new TextEncoder().encode(input) : input
  const parts: Uint8Array[] = []
  let at = 0
  for (const size of sizes) {
    parts.push(bytes.slice(at, at + size))
    at += size
  }
  parts.push(bytes.slice(at))
  const found: [number, unknown][] = []
  const plain = plainBytes(pieces(parts), () => undefined)
  for await (const { line, text } of elements(plain)) found.push([line, JSON.parse(text)])
  return found
}

describe('elements()', () => {
  test('cuts lines, skips empty ones and counts all of them', async () => {
    expect(await cut('{"a":1}\n\n \r\n{"a":2}\r\n{"a":3}')).toEqual([
      [1, { a: 1 }],
      [4, { a: 2 }],
      [5, { a: 3 }],
    ])
  })

  test('cuts an array, with the line on which each element begins', async () => {
    expect(await cut('\n[ {"a":"],}"},\n\n  {"b":[1,[2]]}, 3\n,"\\"]"]\n')).toEqual([
      [2, { a: '],}' }],
      [4, { b: [1, [2]] }],
      [4, 3],
      [5, '"]'],
    ])
  })

  test('yields nothing for empty input, blanks and an empty array', async () => {
    for (const input of ['', ' \n\n', '[]', ' [ \n ] ']) expect(await cut(input)).toEqual([])
  })

  test('passes a byte order mark over', async () => {
    expect(await cut('\ufeff{"a":1}\n')).toEqual([[1, { a: 1 }]])
    expect(await cut('\ufeff[1]')).toEqual([[1, 1]])
  })

  test('undoes gzip, and tells when it is cut short', async () => {
    const zipped = new Uint8Array(gzipSync('{"a":1}\n{"a":2}\n'))
    expect(await cut(zipped, [1, 5])).toEqual([
      [1, { a: 1 }],
      [2, { a: 2 }],
    ])
    await expect(cut(zipped.slice(0, 20))).rejects.toMatchObject({ code: 'JSON_INVALID' })
  })

  test('refuses a broken frame of an array with its line', async () => {
    for (const [input, line] of [
      ['[1,\n,2]', 2],
      ['[1,\n]', 2],
      ['[,1]', 1],
      ['[1\n', 2],
      ['[1]\n\n2', 3],
      ['[', 1],
    ] as const) {
      await expect(cut(input), input).rejects.toMatchObject({ code: 'JSON_INVALID', details: { line } })
    }
  })

  test('refuses what is not UTF-8 with its line', async () => {
    const bytes = new Uint8Array([0x31, 0x0a, 0x22, 0xff, 0x22, 0x0a])
    await expect(cut(bytes)).rejects.toMatchObject({ code: 'JSON_INVALID', details: { line: 2 } })
  })

  test('refuses a text without end', async () => {
    const long = new Uint8Array(ELEMENT_MAX_BYTES + 2).fill(0x20)
    long[0] = 0x31
    const refused = { code: 'EVENT_TOO_LARGE', details: { line: 1 } }
    await expect(cut(long)).rejects.toMatchObject(refused)
  })

  test('does not depend on how the input arrives in pieces', async () => {
    const json = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 })
    const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(json, fc.boolean(), sizes, async (values, asArray, parts) => {
        const text = asArray
          ? JSON.stringify(values, null, 1)
          : values.map((one) => `${JSON.stringify(one)}\n`).join('')
        // A first line that begins with a bracket makes the input an array.
        fc.pre(asArray || !text.startsWith('['))
        const found = await cut(text, parts)
        expect(found.map(([, value]) => value)).toEqual(JSON.parse(JSON.stringify(values)))
        expect(found).toEqual(await cut(text))
      }),
      { numRuns: 200 },
    )
  })
})
