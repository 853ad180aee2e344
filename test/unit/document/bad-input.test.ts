/** Documents that are not what they should be, and input past the limits: a typed error each time, soon.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { BLOCK_RAW_BYTES } from '../../../src/document/blocks.ts'
import { readTrailer as readDocument } from '../../../src/document/check/salvage.ts'
import { verifyDocumentFile } from '../../../src/document/check/verify.ts'
import { encodeHeader, readTrailer, sealIndex, TRAILER_BYTES, type Trailer } from '../../../src/document/file-format.ts'
import { encodeIndex, ITEM } from '../../../src/document/index/format.ts'
import { type DocumentParts, openDocumentFile } from '../../../src/document/read/document.ts'
import type { StructuralEvent } from '../../../src/document/types.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { type Written, writeDocument } from './support/documents.ts'
import { type Item, itemsOf } from './support/index-maker.ts'

const value = { a: [1, 2.5, 'three'], b: { c: 'x'.repeat(300), d: null }, e: new Uint8Array(20) }
const damaged = { code: 'DOCUMENT_DAMAGED' }

async function bytesOf({ storage, parts }: Written): Promise<Uint8Array> {
  const bytes = new Uint8Array(parts.stat.sizeBytes)
  const handle = await storage.openRead(parts.path)
  await handle.read(0, bytes)
  await handle.close()
  return bytes
}

async function storageWith(path: string, bytes: Uint8Array): Promise<Storage> {
  const storage = memoryStorage()
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.close()
  return storage
}

/** Where the index section begins. */
const sectionStart = ({ parts: { stat } }: Written) => stat.sizeBytes - stat.indexBytes

describe('a file that is no whole document', () => {
  let written: Written
  let bytes: Uint8Array
  beforeAll(async () => {
    written = await writeDocument({ value }, { thresholdBytes: 16 })
    bytes = await bytesOf(written)
  })

  async function expectDamage(changed: Uint8Array): Promise<void> {
    const parts = { ...written.parts, storage: await storageWith(written.parts.path, changed) }
    await expect(openDocumentFile(parts)).rejects.toMatchObject(damaged)
    const report = await verifyDocumentFile(parts)
    expect(report).toMatchObject({ ok: false, problems: [damaged] })
    expect(await readDocument(parts.storage, parts.path)).toBeUndefined()
  }

  test('truncated at any length is damaged', async () => {
    for (let length = 0; length < bytes.length; length++) await expectDamage(bytes.slice(0, length))
  })

  test('of anything else is damaged', async () => {
    await expectDamage(new Uint8Array(bytes.length))
    await expectDamage(new Uint8Array(bytes.length).fill(0xff))
    await expectDamage(bytes.slice().reverse())
    await expectDamage(new TextEncoder().encode('{"a":1}\n'.repeat(500)))
  })

  test('whose sizes are zero, as before it is finished, is damaged', async () => {
    const unfinished = bytes.slice()
    unfinished.set(encodeHeader(0, 0))
    await expectDamage(unfinished)
    await expectDamage(unfinished.slice(0, sectionStart(written)))
  })

  test('whose sizes say more than it has is damaged', async () => {
    for (const [stream, index] of [
      [2 ** 40, 10],
      [2 ** 53, 2 ** 32 - 1],
      [0, 2 ** 32 - 1],
      [1, 64],
    ] as const) {
      const changed = bytes.slice()
      changed.set(encodeHeader(stream, index))
      await expectDamage(changed)
    }
    const { stat } = written.parts
    for (const sizes of [{ sizeBytes: 2 ** 40 }, { indexBytes: 70 }, { sizeBytes: stat.sizeBytes + 1 }]) {
      const parts = { ...written.parts, stat: { ...stat, ...sizes } }
      await expect(openDocumentFile(parts)).rejects.toMatchObject(damaged)
    }
  })

  test('with bytes of a later document behind it is damaged', async () => {
    const longer = new Uint8Array(bytes.length + 100)
    longer.set(bytes)
    expect(await readDocument(await storageWith('d', longer), 'd')).toBeUndefined()
  })
})

describe('an index that points outside', () => {
  /** A document of an array with other items in its index, under right checksums. */
  async function withItems(rows: readonly Item[], change: Partial<Trailer> = {}): Promise<DocumentParts> {
    const written = await writeDocument({ value: Array.from({ length: 60 }, (_, at) => `element ${at}`) })
    const { parts } = written
    const bytes = await bytesOf(written)
    const index = encodeIndex({ items: itemsOf(rows), keys: [] }, BLOCK_RAW_BYTES)
    const stream = bytes.subarray(0, sectionStart(written))
    const trailer = { ...readTrailer(bytes), ...change, indexBytes: index.length + TRAILER_BYTES }
    const section = sealIndex(index, trailer, written.storage.digest)
    const all = new Uint8Array(stream.length + section.length)
    all.set(stream)
    all.set(encodeHeader(trailer.streamBytes, trailer.indexBytes))
    all.set(section, stream.length)
    const stat = { ...parts.stat, sizeBytes: all.length, indexBytes: section.length }
    return { ...parts, stat, storage: await storageWith(parts.path, all) }
  }

  const root = { kind: ITEM.array, depth: 0, address: 41, size: 650, count: 60 }
  test('of the document is damaged when it is opened', async () => {
    const outside: Item[][] = [
      [{ ...root, address: 1e9 }],
      [{ ...root, size: 1e9 }],
      [root, { kind: ITEM.range, depth: 1, address: 1e6, ordinal: 5 }],
      [root, { kind: ITEM.scalar, depth: 1, address: 60, ordinal: 60, size: 2 }],
      [root, { kind: ITEM.scalar, depth: 1, address: 60, ordinal: 1, size: 700 }],
    ]
    for (const rows of outside) await expect(openDocumentFile(await withItems(rows))).rejects.toMatchObject(damaged)
    const late = await withItems([root], { endAddress: 1e6 })
    await expect(openDocumentFile(late)).rejects.toMatchObject(damaged)
  })

  test('of its values is told by a check, and read as damage or as what is there', async () => {
    for (const address of [0, 3, 42, 44, 200, 690]) {
      const parts = await withItems([{ ...root, address, size: 2, count: 1 }])
      expect(await verifyDocumentFile(parts)).toMatchObject({ ok: false, problems: [damaged] })
      const document = await openDocumentFile(parts)
      for (const path of ['', '[0]', 'a']) {
        const read = await document.read(path).catch((error: unknown) => error)
        if (read instanceof Error) expect(read).toMatchObject(damaged)
      }
    }
  })
})

describe('limits', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const manyKeys = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

  test('1,024 containers inside each other are stored, 1,025 are not', async () => {
    for (const make of [nested, manyKeys]) {
      const written = await writeDocument({ json: make(1_024) }, { thresholdBytes: 0 })
      expect(await written.verify()).toMatchObject({ ok: true })
      const document = await written.open()
      expect(JSON.stringify(await document.read())).toBe(make(1_024))
      const deepest = make === nested ? '[0]'.repeat(1_023) : 'a.'.repeat(1_023).slice(0, -1)
      expect(await document.has(deepest)).toBe(true)
      expect((await document.children(deepest)).items.length).toBe(make === nested ? 0 : 1)
      await expect(writeDocument({ json: make(1_025) })).rejects.toMatchObject({
        code: 'DOCUMENT_LIMIT',
        details: { limitName: 'depth', limit: 1_024, found: 1_025 },
      })
      const parsed: unknown = JSON.parse(make(1_025))
      await expect(writeDocument({ value: parsed })).rejects.toMatchObject({ code: 'DOCUMENT_LIMIT' })
    }
  })

  test('keys of 64 KiB are stored, longer ones are not', async () => {
    for (const unit of ['k', 'é', '\ud800']) {
      const size = unit === 'k' ? 1 : unit === 'é' ? 2 : 3
      const longest = unit.repeat(Math.floor(65_536 / size)) + 'k'.repeat(65_536 % size)
      const written = await writeDocument({ value: { [longest]: { [longest]: 5 } } }, { thresholdBytes: 1 })
      expect(await written.verify()).toMatchObject({ ok: true })
      const document = await written.open()
      const key = JSON.stringify(longest)
      expect(await document.read(`${key}.${key}`)).toBe(5)
      expect((await document.children()).items[0]?.key).toBe(longest)
      const longer = { [`${longest}k`]: 1 }
      for (const source of [{ value: longer }, { json: JSON.stringify(longer) }]) {
        await expect(writeDocument(source)).rejects.toMatchObject({
          code: 'DOCUMENT_LIMIT',
          details: { limitName: 'keyBytes', limit: 65_536 },
        })
      }
    }
  })

  test('scalars of more than 256 MiB are not stored', async () => {
    // Never touched, so that it takes no memory.
    const bytes = new Uint8Array(268_435_457)
    await expect(writeDocument({ value: [bytes] })).rejects.toMatchObject({
      code: 'DOCUMENT_LIMIT',
      details: { limitName: 'scalarBytes', limit: 268_435_456, found: 268_435_457 },
    })
  })
})

test('names of every kind are keys like others', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', ' ', '.', '..', '/', '\\', '\0', '[0]']
  names.push('{0}', '(a)', '*', '"', "'", '`', '\n', '\u2028', '\ud800', '\udc00\ud800', '$type', '0', '-1', 'a/b~c')
  for (const thresholdBytes of [0, 1_024]) {
    const written = await writeDocument(
      { json: `{${names.map((n, i) => `${JSON.stringify(n)}:${i}`).join()}}` },
      { thresholdBytes },
    )
    expect(await written.verify()).toMatchObject({ ok: true })
    const document = await written.open()
    const { items } = await document.children()
    expect(items.map(({ key }) => key)).toEqual(names)
    for (const [at, { path }] of items.entries()) expect(await document.read(path)).toBe(at)
    expect(await document.readMany(items.map(({ path }) => path))).toEqual(items.map((_, at) => at))
    const whole = (await document.read()) as object
    expect(Object.getPrototypeOf(whole)).toBe(Object.prototype)
    expect(Object.hasOwn(whole, '__proto__')).toBe(true)
    expect(await document.read('valueOf')).toBeUndefined()
  }
})

test('a cursor that a page did not give is refused', async () => {
  const document = await (
    await writeDocument({ value: { rows: Array.from({ length: 500 }, (_, at) => ({ at })) } })
  ).open()
  const { nextCursor } = await document.children('rows', { limit: 7 })
  const [version, parent, ordinal, address, form, check] = (nextCursor ?? '').split('-')
  const forged = [
    '',
    'x',
    `${nextCursor}x`,
    `${Number(version) + 1}-${parent}-${ordinal}-${address}-${form}-${check}`,
    `${version}-${parent}-${ordinal}-${Number(address) + 1}-${form}-${check}`,
    `${version}-${parent}-${ordinal}-${address}-${form === 'v' ? 'k' : 'v'}-${check}`,
    `${version}-${parent}-${ordinal}-${1e15}-${form}-${check}`,
    `${version}-${parent}-${1e15}-${address}-${form}-${check}`,
    `${version}-0-0-0-v-00000000`,
  ]
  for (const cursor of forged) {
    await expect(document.children('rows', { cursor }), cursor).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
  }
  await expect(document.children('', { cursor: nextCursor ?? '' })).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
})

describe('a key that an object has twice', () => {
  /** Some keys twice, small and large values behind each other. */
  const jsonOf = (count: number): string => {
    const fields = Array.from({ length: count }, (_, at) => {
      const name = `k${at % 10 === 0 ? (at * 7) % count : at}`
      return `"${name}":${at % 3 === 0 ? JSON.stringify('v'.repeat((at % 5) * 300)) : at}`
    })
    return `{"first":1,"in":{${fields.join()}},"in2":{"k0":1,"k0":${JSON.stringify('x'.repeat(2_000))},"k0":3}}`
  }

  test.each([
    [20, undefined],
    [300, undefined],
    [6_000, undefined],
    [6_000, 1_000],
    [900, 64],
  ])('of %d keys, %s of them held: the last one counts, as in JSON.parse', async (count, heldKeys) => {
    const json = jsonOf(count)
    const want = JSON.parse(json) as { in: Record<string, unknown> }
    for (const thresholdBytes of [0, 64, Number.POSITIVE_INFINITY]) {
      const limits = heldKeys === undefined ? {} : { heldKeys }
      const written = await writeDocument({ json }, { thresholdBytes }, { limits })
      expect(await written.verify()).toMatchObject({ ok: true })
      const document = await written.open()
      expect(await document.read()).toEqual(want)
      const names = Object.keys(want.in).filter((_, at) => at % 7 === 0)
      for (const name of names.slice(0, 60)) expect(await document.read(`in.${name}`)).toEqual(want.in[name])
      expect(await document.readMany(names.map((name) => `in.${name}`))).toEqual(names.map((name) => want.in[name]))
      expect(await document.read('in2')).toEqual({ k0: 3 })
      expect((await document.children('in2')).items).toMatchObject([{ key: 'k0', value: 3 }])
      const { items } = await document.children('in', { limit: 50 })
      for (const { key, value } of items) if (value !== undefined) expect(value).toEqual(want.in[key ?? ''])
    }
  })

  test.each([20, 300, 6_000])('of %d keys: refused on request', async (count) => {
    const options = { duplicateKeys: 'refuse' } as const
    await expect(writeDocument({ json: jsonOf(count) }, options, { limits: { heldKeys: 64 } })).rejects.toMatchObject({
      code: 'KEY_DUPLICATE',
    })
    const fields = Array.from({ length: count }, (_, at) => `"k${at}":${at}`).join()
    const written = await writeDocument({ json: `[{${fields}},{${fields}}]` }, options, { limits: { heldKeys: 64 } })
    expect(await written.verify()).toMatchObject({ ok: true })
  })

  test('counts when its value is undefined', async () => {
    const events: StructuralEvent[] = [
      { type: 'beginObject' },
      { type: 'key', key: 'a' },
      { type: 'value', value: 1 },
      { type: 'key', key: 'a' },
      { type: 'value', value: undefined },
      { type: 'endObject' },
    ]
    const document = await (await writeDocument({ events })).open()
    expect(await document.read()).toEqual({})
    expect(await document.read('a')).toBeUndefined()
    expect(await document.has('a')).toBe(true)
  })
})
