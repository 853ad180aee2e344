/** Goal: a term run answers as the Map of its rows does, with few reads, or refuses.
 * Method: runs of random rows, every term of the Map looked up and random ranges sought; then damage of every kind.
 * fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/codec/bytes.ts'
import { isVarveError } from '../../../src/errors.ts'
import { PageCache } from '../../../src/index/page-cache.ts'
import { TailRows } from '../../../src/index/tail-rows.ts'
import { buildRun } from '../../../src/index/term-build.ts'
import { PAGE_BYTES } from '../../../src/index/term-format.ts'
import { checkRun, findTerm, openRun, readPage, type TermRun } from '../../../src/index/term-run.ts'
import { offsetsIn, placesOf } from '../../../src/index/term-seek.ts'
import { digest } from '../codec/batch-support.ts'
import {
  build,
  buildAndOpen,
  EVERYTHING,
  Files,
  identityOf,
  type Log,
  makeLog,
  offsetsOf,
  openIn,
  termOf,
  weakDigest,
} from './term-support.ts'

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })

/** The code and reason of what a call throws. */
function refusal(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return `${error.code}: ${error.details.reason}`
    throw error
  }
  return 'accepted'
}

function expectAnswers(files: Files, run: TermRun, log: Log): void {
  for (const [key, offsets] of log.model) {
    const found = files.run(findTerm(run, termOf(key)))
    expect([key, found?.count, found?.first, found?.last]).toEqual([key, offsets.length, offsets[0], offsets.at(-1)])
    if (found !== undefined) expect(files.run(offsetsIn(run, found, EVERYTHING))).toEqual(offsets)
  }
  expect(run.sizes.terms).toBe(log.model.size)
}

describe('findTerm() and offsetsIn()', () => {
  test('give the offsets of the rows, for every term', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(1, 7, 60, 900, 3000), (seed, rows) => {
        const files = new Files()
        const log = makeLog(seed, [rows])
        const [segment] = log.segments
        if (segment !== undefined) expectAnswers(files, buildAndOpen(files, segment), log)
      }),
      { numRuns: 15 },
    )
  }, 20_000)

  test('give the same when nearly all hashes collide', () => {
    const files = new Files()
    const log = makeLog(5, [4000])
    const [segment] = log.segments
    if (segment === undefined) return
    const run = buildAndOpen(files, segment, { digest: weakDigest })
    expectAnswers(files, run, log)
    for (let i = 0; i < 300; i++) expect(offsetsOf(files, run, `id:absent-${i}`)).toEqual([])
  })

  test('offsetsIn() gives a range from either end, at most as many as asked', () => {
    const files = new Files()
    const log = makeLog(2, [20_000])
    const run = buildAndOpen(files, log.segments[0] as Log['segments'][number])
    const keys = ['kind:Kind1', 'scope:Kind0', 'entity:entity-3', 'tag:a', 'entity:\u{1F600}']
    const ends = fc.nat(22_000)
    fc.assert(
      fc.property(fc.constantFrom(...keys), ends, ends, fc.boolean(), fc.nat(40), (key, from, to, backward, most) => {
        const found = files.run(findTerm(run, termOf(key)))
        if (found === undefined) throw new Error(`${key} is not there`)
        const inside = (log.model.get(key) ?? []).filter((offset) => offset >= from && offset < to)
        const wanted = (backward ? inside.reverse() : inside).slice(0, most)
        expect(files.run(offsetsIn(run, found, { from, to, most, backward }))).toEqual(wanted)
      }),
      { numRuns: 300 },
    )
  })

  test('find keys of one CRC-32 among thousands in the logarithm of their pages', () => {
    const texts = collidingTexts(3000)
    const rows = new TailRows()
    const list = texts.map((text) => ({ ...ROW, entity: text }))
    rows.add(list, { baseOffset: 0, recordedAt: 1, position: 128, length: 1000 })
    const files = new Files()
    const segment = { rows, identity: identityOf({ endOffset: texts.length }) }
    const run = buildAndOpen(files, segment, { cache: new PageCache(0) })
    expect(new Set(texts.map((text) => digest.crc32(utf8(`\u0000${text}`)))).size).toBe(1)
    for (let i = 0; i < texts.length; i += 7) {
      files.reads = 0
      expect(files.run(findTerm(run, { field: 'entity', text: texts[i] as string }))?.first).toBe(i)
      expect(files.reads).toBeLessThanOrEqual(4 + Math.ceil(Math.log2(run.sizes.termsPages)))
    }
  })
})

const ROW = {
  ...{ kind: 'K', entity: 'e', id: undefined, correlationId: undefined, causationId: undefined, scope: undefined },
  ...{ lane: undefined, depth: undefined, tags: undefined, idempotencyKey: undefined },
}

/** Texts of one CRC-32. It is linear: toggling the case of letter i of a fixed text changes it by a fixed amount, and
 * of 64 such amounts of 32 bits many combinations cancel out, which elimination finds. */
function collidingTexts(count: number): string[] {
  const letters = 'abcdefgh'.repeat(8)
  const crcOf = (text: string) => digest.crc32(utf8(`\u0000${text}`))
  const toggled = (toggles: bigint) =>
    [...letters].map((letter, i) => ((toggles >> BigInt(i)) & 1n ? letter.toUpperCase() : letter)).join('')
  const basis = new Map<number, { change: number; toggles: bigint }>()
  const neutral: bigint[] = []
  for (let i = 0; i < letters.length; i++) {
    let toggles = 1n << BigInt(i)
    let change = crcOf(toggled(toggles)) ^ crcOf(letters)
    while (change !== 0) {
      const lead = Math.clz32(change)
      const known = basis.get(lead)
      if (known === undefined) {
        basis.set(lead, { change, toggles })
        break
      }
      change ^= known.change
      toggles ^= known.toggles
    }
    if (change === 0) neutral.push(toggles)
  }
  return Array.from({ length: count }, (_, n) => {
    let toggles = 0n
    for (const [bit, combination] of neutral.entries()) if ((n >>> bit) & 1) toggles ^= combination
    return toggled(toggles)
  })
}

describe('placesOf()', () => {
  test('gives the batch of every offset, in one pass and one by one', () => {
    const files = new Files()
    const log = makeLog(3, [20_000])
    const [segment] = log.segments
    if (segment === undefined) return
    const run = buildAndOpen(files, segment, { cache: new PageCache(0) })
    const wanted = log.places.flatMap((place) => Array.from({ length: place.rows }, (_, i) => ({ place, i })))
    const offsets = wanted.map(({ place, i }) => place.baseOffset + i)
    files.reads = 0
    expect(files.run(placesOf(run, offsets))).toEqual(wanted.map(({ place }) => place))
    expect(files.reads).toBeLessThanOrEqual(3 * run.sizes.placesPages)
    for (let i = 0; i < offsets.length; i += 97) {
      expect(files.run(placesOf(run, [offsets[i] as number]))).toEqual([wanted[i]?.place])
    }
  })

  test('refuses offsets that the run does not cover', () => {
    const files = new Files()
    const log = makeLog(4, [50])
    const [segment] = log.segments
    if (segment === undefined) return
    const run = buildAndOpen(files, segment)
    const { baseOffset, endOffset } = segment.identity
    expect(refusal(() => files.run(placesOf(run, [endOffset])))).toContain('it has no place of offset')
    if (baseOffset > 0) expect(refusal(() => files.run(placesOf(run, [0])))).toContain('it has no place of offset')
  })
})

describe('openRun()', () => {
  const log = makeLog(1, [40])
  const segment = log.segments[0] as Log['segments'][number]
  const bytes = build(segment)

  test('accepts the run of what it expects, also when it knows only a part', () => {
    const files = new Files()
    files.bytes.set('a', bytes)
    expect(openIn(files, 'a', { expected: segment.identity }).identity).toEqual(segment.identity)
    const { baseOffset: _, ...known } = segment.identity
    expect(openIn(files, 'a', { expected: known }).identity).toEqual(segment.identity)
  })

  test.each([
    ['level', 1],
    ['sequence', 9],
    ['segments', 2],
    ['baseOffset', 7],
    ['endOffset', 3],
    ['lastSegmentId', 'ffffffffffffffff'],
    ['endPosition', 5],
    ['endHash', 'cd'.repeat(32)],
  ])('refuses a run whose %s differs', (name, value) => {
    const files = new Files()
    files.bytes.set('a', bytes)
    expect(refusal(() => openIn(files, 'a', { expected: { ...segment.identity, [name]: value } }))).toContain(
      `its ${name} is`,
    )
  })

  test('refuses another magic or version, and a file that is too short', () => {
    const files = new Files()
    files.bytes.set('empty', new Uint8Array(0))
    files.bytes.set(
      'older',
      Uint8Array.from(bytes, (byte, at) => (at === 7 ? 2 : byte)),
    )
    expect(refusal(() => openIn(files, 'empty', {}))).toContain('too short')
    expect(refusal(() => openIn(files, 'missing', {}))).toContain('too short')
    expect(refusal(() => openIn(files, 'older', {}))).toContain('magic or version differs')
  })

  test('a run in memory answers without a read', () => {
    const files = new Files()
    const run = files.run(openRun('none', segment.identity, { digest, cache: new PageCache(0), bytes }))
    expectAnswers(files, run, log)
    expect(files.run(placesOf(run, [log.places[0]?.baseOffset ?? 0]))).toEqual([log.places[0]])
    expect(files.reads).toBe(0)
  })

  test('a run of no rows has no terms and no places', () => {
    const files = new Files()
    const run = buildAndOpen(files, { rows: new TailRows(), identity: identityOf({}) })
    expect(offsetsOf(files, run, 'kind:Kind1')).toEqual([])
    expect(refusal(() => files.run(placesOf(run, [0])))).toContain('it has no place')
    files.run(checkRun(run))
  })
})

describe('buildRun()', () => {
  test('stops between slices of work, and rows added meanwhile to other segments do not matter', () => {
    const [first, second] = makeLog(6, [9000, 9000]).segments as [Log['segments'][number], Log['segments'][number]]
    const alone = build(first)
    const building = buildRun(first.rows, first.identity, digest)
    let stops = 0
    let step = building.next()
    for (; !step.done; step = building.next()) {
      stops++
      build(second)
      if (stops > 6) break
    }
    while (!step.done) step = building.next()
    expect(stops).toBeGreaterThan(6)
    expect(step.value).toEqual(alone)
  })

  test('writes the bytes of version 1: a change of them is a change of the version', () => {
    const bytes = build(makeLog(14, [2000]).segments[0] as Log['segments'][number])
    expect(toHex(digest.sha256(bytes))).toBe('7469b3d2c8a8e11efa22b69bb72971b133c0c3006a353f57b8ebe61508081d76')
  })

  test('refuses a key that is too long for a page', () => {
    const rows = new TailRows()
    rows.add([{ ...ROW, id: 'x'.repeat(257) }], { baseOffset: 0, recordedAt: 1, position: 128, length: 1 })
    expect(() => build({ rows, identity: identityOf({ endOffset: 1 }) })).toThrow('at most 256 bytes')
  })
})

describe('damage', () => {
  const segment = makeLog(1, [40]).segments[0] as Log['segments'][number]
  const bytes = build(segment)

  test('checkRun() and every read refuse a flip of any bit of a run', () => {
    const files = new Files()
    const damaged = bytes.slice()
    files.bytes.set('a', bytes)
    const whole = openIn(files, 'a', { expected: segment.identity, cache: new PageCache(0) })
    files.bytes.set('a', damaged)
    const accepted: number[] = []
    for (let bit = 0; bit < damaged.length * 8; bit++) {
      const at = bit >> 3
      damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7))
      const page = Math.floor(at / PAGE_BYTES)
      const said = refusal(() =>
        page === 0 ? openIn(files, 'a', { expected: segment.identity }) : files.run(readPage(whole, page)),
      )
      if (said === 'accepted') accepted.push(bit)
      damaged[at] = bytes[at] as number
    }
    expect(accepted).toEqual([])
    expect(refusal(() => files.run(checkRun(whole)))).toBe('accepted')
    damaged[damaged.length - 1] = ~(damaged.at(-1) as number)
    expect(refusal(() => files.run(checkRun(whole)))).toContain('checksum differs')
  }, 30_000)

  test('checkRun() refuses a file that was cut anywhere', () => {
    const files = new Files()
    for (let length = 0; length < bytes.length; length += 509) {
      files.bytes.set('a', bytes.subarray(0, length))
      const check = () => files.run(checkRun(openIn(files, 'a', { expected: segment.identity })))
      expect(refusal(check)).toContain('too short')
    }
  })

  test('readPage() refuses a page of another place and of another run', () => {
    const files = new Files()
    const run = buildAndOpen(files, segment)
    const swapped = bytes.slice()
    swapped.set(bytes.subarray(PAGE_BYTES, 2 * PAGE_BYTES), 2 * PAGE_BYTES)
    files.bytes.set(run.path, swapped)
    expect(refusal(() => files.run(readPage(run, 2)))).toContain('checksum differs')
    const foreign = build({ rows: segment.rows, identity: { ...segment.identity, endHash: 'cd'.repeat(32) } })
    files.bytes.set(run.path, foreign)
    expect(refusal(() => files.run(readPage(run, 2)))).toContain('checksum differs')
  })
})

describe('reads', () => {
  test('of a run of a million postings: one page for an absent term, at most three for one that is there', () => {
    const rows = new TailRows()
    const total = 250_000
    for (let base = 0; base < total; base += 500) {
      const list = Array.from({ length: 500 }, (_, i) => {
        const n = base + i
        return { ...ROW, kind: `K${n % 7}`, entity: `e-${n % 9000}`, id: `id-${n}`, correlationId: `c-${n >> 3}` }
      })
      rows.add(list, { baseOffset: base, recordedAt: 1, position: 128 + base, length: 500 })
    }
    const files = new Files()
    const segment = { rows, identity: identityOf({ endOffset: total }) }
    const run = buildAndOpen(files, segment, { cache: new PageCache(0) })
    expect(run.sizes.postings).toBe(4 * total)
    const readsOf = (key: string) => {
      files.reads = 0
      files.run(findTerm(run, termOf(key)))
      return files.reads
    }
    let absent = 0
    for (let i = 0; i < 2000; i++) {
      expect(readsOf(`id:id-${i * 101}`)).toBeLessThanOrEqual(3)
      expect(readsOf(`entity:e-${i * 4}`)).toBeLessThanOrEqual(3)
      absent += readsOf(`id:none-${i}`)
    }
    expect(absent).toBeLessThan(2000 * 1.05)
    const found = files.run(findTerm(run, termOf('kind:K3')))
    if (found === undefined) throw new Error('a kind of every seventh row is there')
    let sought = 0
    for (let from = 0; from < total - 7; from += 5003) {
      files.reads = 0
      files.run(offsetsIn(run, found, { ...EVERYTHING, from, most: 1 }))
      sought += files.reads
    }
    expect(sought / (total / 5003)).toBeLessThan(3)
  }, 20_000)
})
