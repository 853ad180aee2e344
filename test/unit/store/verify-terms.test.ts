/** verify, of term indexes and of the versions of pruned entities: what is wrong with them is found and named.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { nativeDigest } from '../../../adapters/node/digest.ts'
import { TailRows } from '../../../src/index/tail-rows.ts'
import { buildRun } from '../../../src/index/term-build.ts'
import { decodeRunHeader, PAGE_BYTES, type RunIdentity } from '../../../src/index/term-format.ts'
import { openStore, type VerifyReport } from '../../../src/index.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { systemRandom } from '../../../src/ports/random.ts'
import { imageStorage, type StoreImage } from '../../faults/image-storage.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { flipBit, imageOf, shapes, verifyImage, withFile } from './verify-support.ts'

const DIRECTORY = 'topics/orders/0'
const MERGED = `${DIRECTORY}/terms-1-${'0'.repeat(20)}`
const EVENTS = 60
const digest = nativeDigest(512)

/** Rolled so often that runs were merged; and the same store with its first segments pruned. */
let whole: StoreImage
let pruned: StoreImage

beforeAll(async () => {
  const storage = imageStorage(new Map())
  const place = { storage, clock: systemClock, random: systemRandom }
  await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes: 900 })
  const store = await openStore({ storage })
  const orders = await store.topics.open('orders')
  for (let number = 0; number < EVENTS; number++) {
    const twice = number % 4 === 0 ? 2 : 1
    await orders.append(
      Array.from({ length: twice }, () => ({
        kind: `Kind-${number % 3}`,
        entity: number < 5 ? `early-${number}` : `entity-${number % 7}`,
        data: { number, filler: 'x'.repeat(100) },
        ...(number % 2 === 0 ? { tags: ['even', 'even', `n-${number}`], scope: 'é' } : {}),
        ...(number % 5 === 0 ? { id: `id-${number}`, correlationId: 'c', causationId: `id-${number - 5}` } : {}),
      })),
      number % 4 === 0 ? { idempotencyKey: `key-${number}` } : {},
    )
  }
  await store.close()
  whole = await imageOf(storage)
  const again = await openStore({ storage })
  await (await again.topics.open('orders')).prune({ before: 12 })
  await again.close()
  pruned = await imageOf(storage)
})

const runs = (image: StoreImage) => [...image.keys()].filter((path) => /\.terms$|terms-\d/.test(path)).sort()
const versionsOf = (image: StoreImage) => [...image.keys()].find((path) => path.includes('/versions-')) ?? ''
const problemsOf = (report: VerifyReport) => report.problems.map(({ code, file, damage }) => ({ code, file, damage }))

describe('term indexes', () => {
  test('verifyStorage() finds nothing wrong with runs of segments and merged runs, also of pruned segments', async () => {
    expect(runs(whole)).toContain(MERGED)
    expect(runs(whole).some((path) => path.endsWith('.terms'))).toBe(true)
    expect(await verifyImage(whole)).toMatchObject({ ok: true, problems: [], unknownFiles: [] })
    expect(versionsOf(pruned)).not.toBe('')
    const report = await verifyImage(pruned)
    expect(report).toMatchObject({ ok: true, problems: [], unknownFiles: [] })
    // The head files of epochs that are over are not looked at.
    const heads = [...pruned.keys()].filter((path) => path.startsWith('head-')).sort()
    const checked = [...pruned].filter(([path]) => !heads.slice(0, -1).includes(path))
    expect(report.bytesChecked).toBe(checked.reduce((sum, [, bytes]) => sum + bytes.length, 0))
    expect(report.notChecked.join('\n')).not.toContain('no good term index')
  })

  test('verifyStorage() names a flipped bit of a run by its page, as no damage', async () => {
    for (const file of runs(whole)) {
      const pages = (whole.get(file)?.length ?? 0) / PAGE_BYTES
      expect(Number.isInteger(pages)).toBe(true)
      for (let page = 0; page < pages; page++) {
        const report = await verifyImage(flipBit(whole, file, page * PAGE_BYTES + 100))
        const position = page * PAGE_BYTES
        expect(shapes(report), `${file} page ${page}`).toEqual([
          { code: 'TERMS_DAMAGED', file, position, damage: false },
        ])
        expect(report.ok).toBe(true)
      }
    }
  })

  test('verifyStorage() notices a run that is longer or shorter', async () => {
    const longer = await verifyImage(withFile(whole, MERGED, (bytes) => new Uint8Array([...bytes, 0])))
    expect(problemsOf(longer)).toEqual([{ code: 'TERMS_DAMAGED', file: MERGED, damage: false }])
    const shorter = await verifyImage(withFile(whole, MERGED, (bytes) => bytes.subarray(0, -1)))
    expect(problemsOf(shorter)).toEqual([{ code: 'TERMS_DAMAGED', file: MERGED, damage: false }])
  })

  test('verifyStorage() says which segments have no run, and that it costs time only', async () => {
    const report = await verifyImage(withFile(whole, MERGED, () => undefined))
    expect(report).toMatchObject({ ok: true, problems: [] })
    expect(report.notChecked.join('\n')).toContain(`${DIRECTORY}: 8 sealed segments have no good term index`)
  })

  test('verifyStorage() compares a run that passes its checksums with the segment it claims to be of', async () => {
    const file = runs(whole).find((path) => path.endsWith('.terms')) ?? ''
    const rowsWith = (facts: { kind?: string; position?: number; rows?: number }) => {
      const rows = new TailRows()
      const { identity } = headerOf(file)
      const count = facts.rows ?? identity.endOffset - identity.baseOffset
      const none = { id: undefined, correlationId: undefined, causationId: undefined, scope: undefined }
      const row = { ...none, lane: undefined, depth: undefined, tags: undefined, idempotencyKey: undefined }
      const list = Array.from({ length: count }, () => ({ ...row, kind: facts.kind ?? 'Kind-0', entity: 'a' }))
      rows.add(list, { baseOffset: identity.baseOffset, recordedAt: 0, position: facts.position ?? 128, length: 100 })
      return withFile(whole, file, () => builtOf(rows, identity))
    }
    for (const image of [rowsWith({}), rowsWith({ kind: 'Other' }), rowsWith({ position: 130 }), rowsWith({ rows: 0 })])
      expect(problemsOf(await verifyImage(image))).toEqual([{ code: 'TERMS_DIFFER', file, damage: false }])
  })

  test('verifyStorage() refuses the run of another segment, and lists one of no segments as unknown', async () => {
    const [first = '', second = ''] = runs(whole).filter((path) => path.endsWith('.terms'))
    const swapped = new Map(whole).set(first, whole.get(second) ?? new Uint8Array())
    expect(problemsOf(await verifyImage(swapped))).toEqual([{ code: 'TERMS_DAMAGED', file: first, damage: false }])
    const stray = `${DIRECTORY}/terms-2-${'0'.repeat(20)}`
    const report = await verifyImage(new Map(whole).set(stray, whole.get(MERGED) ?? new Uint8Array()))
    expect(report).toMatchObject({ ok: true, problems: [] })
    expect(report.unknownFiles).toEqual([`${stray}: a term index of segments that there are none of`])
  })
})

describe('versions of pruned entities', () => {
  test('verifyStorage() calls them damaged when they are missing, cut, longer, or differ in a bit', async () => {
    const file = versionsOf(pruned)
    const damage = [{ code: 'VERSIONS_DAMAGED', file, damage: true }]
    const size = pruned.get(file)?.length ?? 0
    const images = [
      withFile(pruned, file, () => undefined),
      withFile(pruned, file, (bytes) => bytes.subarray(0, -1)),
      withFile(pruned, file, (bytes) => new Uint8Array([...bytes, 0])),
      ...Array.from({ length: size / PAGE_BYTES }, (_, page) => flipBit(pruned, file, page * PAGE_BYTES + 9)),
    ]
    for (const image of images) {
      const report = await verifyImage(image)
      expect(problemsOf(report)).toEqual(damage)
      expect(report.ok).toBe(false)
    }
  })

  test('verifyStorage() says what it cannot know of them, and calls a stray copy no damage', async () => {
    const file = versionsOf(pruned)
    const stray = `${DIRECTORY}/versions-${'7'.padStart(20, '0')}`
    const report = await verifyImage(new Map(pruned).set(stray, new Uint8Array(3)))
    expect(report).toMatchObject({ ok: true, problems: [] })
    expect(report.unknownFiles).toEqual([`${stray}: left by an interrupted pruning`])
    expect(report.notChecked.join('\n')).toContain(`${file}: whether the versions in it are true`)
  })
})

function headerOf(file: string) {
  return decodeRunHeader(whole.get(file) ?? new Uint8Array(), {}, { path: file, digest })
}

function builtOf(rows: TailRows, identity: RunIdentity): Uint8Array {
  const building = buildRun(rows, identity, digest)
  let step = building.next()
  while (!step.done) step = building.next()
  return step.value
}
