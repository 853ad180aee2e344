/** Goal: no bytes make a term run do more than fail: typed errors, no endless reading, no large memory.
 * Method: pages of random bytes, and runs with bytes changed or pages exchanged, all with right checksums, so that the
 * decoders behind the checksums see them; each is asked for everything and merged. fast-check prints the seed of a
 * failure.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { viewOf } from '../../src/codec/bytes.ts'
import { isVarveError } from '../../src/errors.ts'
import { PageCache } from '../../src/index/page-cache.ts'
import { PAGE_BYTES, PAGE_ROOM, pageCrc } from '../../src/index/term-format.ts'
import { mergeLast, mergeRuns } from '../../src/index/term-merge.ts'
import { checkRun, findTerm, openRun } from '../../src/index/term-run.ts'
import { offsetsIn, placesOf } from '../../src/index/term-seek.ts'
import { draws } from '../support/seeded-random.ts'
import { digest } from '../unit/codec/batch-support.ts'
import { build, EVERYTHING, Files, identityOf, makeLog, termOf, written } from '../unit/index/term-support.ts'

const READS_MAX = 2000
const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })

/** Give every page the checksum that belongs to it, after what the header says of the identity. */
function seal(bytes: Uint8Array): Uint8Array {
  const seed = digest.crc32(bytes.subarray(0, 88))
  for (let page = 0; page < bytes.length / PAGE_BYTES; page++) {
    const own = bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
    viewOf(own).setUint32(PAGE_ROOM, pageCrc(own, { seed, page }, digest), true)
  }
  return bytes
}

class LimitedFiles extends Files {
  override answer(request: { path: string; position: number; length: number } | object): Uint8Array {
    if (this.reads > READS_MAX) throw new Error('it reads without end')
    if ('length' in request && request.length > 1 << 17) throw new Error(`it reads ${request.length} bytes at once`)
    return super.answer(request)
  }
}

const KEYS = ['entity:entity-3', 'kind:Kind1', 'kind:Kind0', 'scope:Kind0', 'tag:a', 'id:id-7', 'id:absent', 'entity:']

/** Ask a run for everything. Whatever is thrown other than `DECODE_FAILED` is thrown on. */
async function askAll(bytes: Uint8Array): Promise<void> {
  const attempt = (ask: (files: LimitedFiles) => unknown) => {
    const files = new LimitedFiles()
    files.bytes.set('a', bytes)
    const refused = (error: unknown) => {
      if (!isVarveError(error, 'DECODE_FAILED')) throw error
    }
    try {
      const asked = ask(files)
      return asked instanceof Promise ? asked.catch(refused) : undefined
    } catch (error) {
      return refused(error)
    }
  }
  const open = (files: Files) => files.run(openRun('a', {}, { digest, cache: new PageCache(1 << 18) }))
  await attempt((files) => files.run(checkRun(open(files))))
  for (const key of KEYS) {
    for (const backward of [false, true]) {
      await attempt((files) => {
        const run = open(files)
        const found = files.run(findTerm(run, termOf(key)))
        if (found === undefined) return
        const offsets = files.run(offsetsIn(run, found, { ...EVERYTHING, from: 700, backward, most: 100_000 }))
        expect(offsets.length).toBeLessThanOrEqual(100_000)
      })
    }
  }
  for (const offset of [0, 5, 999, 1500]) await attempt((files) => files.run(placesOf(open(files), [offset])))
  await attempt((files) => {
    const run = open(files)
    return written(files, (tools) => mergeRuns([run], run.identity, tools), {})
  })
  await attempt((files) => {
    const run = open(files)
    return written(files, (tools) => mergeLast([run], identityOf({ level: 255 }), tools), {})
  })
}

describe('term runs', () => {
  const log = makeLog(3, [2500])
  const bytes = build(log.segments[0] as (typeof log.segments)[number])

  test('of changed bytes with right checksums fail with DECODE_FAILED or answer', async () => {
    const changes = fc.array(
      fc.record({ page: fc.nat(bytes.length / PAGE_BYTES - 1), at: fc.nat(PAGE_ROOM - 1), value: fc.nat(255) }),
      { minLength: 1, maxLength: 12 },
    )
    const header = fc.array(
      fc.record({ page: fc.constant(0), at: fc.integer({ min: 8, max: 130 }), value: fc.nat(255) }),
    )
    await fc.assert(
      fc.asyncProperty(changes, fc.option(header, { freq: 3 }), async (inPages, inHeader) => {
        const changed = bytes.slice()
        for (const { page, at, value } of [...inPages, ...(inHeader ?? [])]) changed[page * PAGE_BYTES + at] = value
        await askAll(seal(changed))
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  test('of changed beginnings of pages, where their numbers are, fail with DECODE_FAILED or answer', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const draw = draws(seed)
        const changed = bytes.slice()
        for (let page = 1; page < changed.length / PAGE_BYTES; page++) {
          if (draw() % 3 === 0) changed[page * PAGE_BYTES + (draw() % 40)] = draw() & 255
        }
        await askAll(seal(changed))
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  test('of random pages behind a good header fail with DECODE_FAILED or answer', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.nat(255), async (seed, mask) => {
        const draw = draws(seed)
        const changed = bytes.slice()
        for (let at = PAGE_BYTES; at < changed.length; at++) changed[at] = draw() & mask
        await askAll(seal(changed))
      }),
      { numRuns: 40 },
    )
  }, 60_000)

  test('of random bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3 * PAGE_BYTES }), async (random) => {
        const files = new LimitedFiles()
        files.bytes.set('a', random)
        const open = () => files.run(openRun('a', {}, { digest, cache: new PageCache(0) }))
        expect(open).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
      }),
    )
  })
})
