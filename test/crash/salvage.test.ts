/** Goal: whatever happens to the files of a store, a salvage serves only what was there, and says exactly what is not.
 * Method: damage random places of real stores in random ways, open them for salvage, and compare every way of reading
 * with the whole store. A failure prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { manifestEpoch } from '../../src/manifest/index.ts'
import type { StoreOptions } from '../../src/store/types.ts'
import { mustSurvive } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { mustEqual, plain } from '../support/scenario.ts'
import { outcome } from '../unit/topic/support.ts'
import { changed } from './files.ts'
import { openForTest } from './oracle.ts'
import { moved, mustServe, packed, salvageSubject, varied } from './salvage-support.ts'
import { imageOf, observeWhole } from './whole.ts'
import { exploration, recovery, roll, takeover } from './workloads.ts'

const RUNS = RUNTIME === 'node' ? 50 : 15

type Damage =
  | { readonly how: 'flip'; readonly file: number; readonly at: number; readonly bit: number }
  | { readonly how: 'zero' | 'noise'; readonly file: number; readonly at: number; readonly length: number }
  | { readonly how: 'cut'; readonly file: number; readonly at: number }
  | { readonly how: 'delete' | 'double'; readonly file: number }
  | { readonly how: 'swap' | 'copy'; readonly file: number; readonly other: number }

const file = fc.nat(1_000)
/** A part of the file's length: half of the damage is near the front, where headers are. */
const at = fc.oneof(fc.double({ min: 0, max: 0.02, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))

const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ how: fc.constant('flip' as const), file, at, bit: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      how: fc.constantFrom('zero' as const, 'noise' as const),
      file,
      at,
      length: fc.integer({ min: 1, max: 5_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ how: fc.constant('cut' as const), file, at }) },
  { weight: 1, arbitrary: fc.record({ how: fc.constantFrom('delete' as const, 'double' as const), file }) },
  {
    weight: 1,
    arbitrary: fc.record({ how: fc.constantFrom('swap' as const, 'copy' as const), file, other: file }),
  },
)

function damaged(image: StoreImage, one: Damage): StoreImage {
  const paths = [...image.keys()].sort()
  const path = paths[one.file % paths.length] ?? ''
  const bytes = image.get(path)?.slice() ?? new Uint8Array()
  switch (one.how) {
    case 'delete':
      return changed(image, { [path]: undefined })
    case 'double':
      return changed(image, { [path.replace(/(-\d)?\.log$/, '-7.log')]: bytes })
    case 'swap':
    case 'copy': {
      const other = paths[one.other % paths.length] ?? ''
      return changed(image, { ...(one.how === 'swap' && { [other]: bytes }), [path]: image.get(other) })
    }
    default:
      return changed(image, { [path]: spoilt(bytes, one) })
  }
}

function spoilt(bytes: Uint8Array, one: Extract<Damage, { at: number }>): Uint8Array {
  const position = Math.floor(one.at * bytes.length)
  if (one.how === 'cut') return bytes.subarray(0, position)
  if (one.how === 'flip') {
    bytes[position] = (bytes[position] ?? 0) ^ (1 << one.bit)
    return bytes
  }
  const end = Math.min(bytes.length, position + one.length)
  for (let i = position; i < end; i++) bytes[i] = one.how === 'zero' ? 0 : (i * 167 + 13) % 256
  return bytes
}

const SUBJECTS = { closed: varied(true), unclean: varied(false), moved, packed }

describe.each(Object.entries(SUBJECTS))('openStore() for salvage of the store %s', (_, workload) => {
  test('serves what was there and states the rest as gaps after any damage', { timeout: 120_000 }, async () => {
    const subject = await salvageSubject(workload)
    let gaps = 0
    const property = fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
      const image = damages.reduce(damaged, subject.image)
      const exists = [...image.keys()].some((path) => manifestEpoch(path) !== undefined || path.endsWith('.log'))
      if (!exists) return
      gaps += (await mustServe(subject, image)).report.gaps.length
    })
    await fc.assert(property, { numRuns: RUNS })
    if (RUNTIME === 'node') expect(gaps).toBeGreaterThan(0)
  })
})

/** Every event by topic, partition and offset. */
async function eventsOf(image: StoreImage, options: Partial<StoreOptions>): Promise<Map<string, string>> {
  const store = await openForTest(imageStorage(image), options)
  const events = new Map<string, string>()
  for (const { topic } of await store.topics.list())
    for await (const event of (await store.topics.open(topic)).read())
      events.set(`${topic}/${event.partition}/${event.offset}`, plain(event))
  await store.close()
  return events
}

describe.each([
  ['roll', roll],
  ['recovery', recovery],
  ['takeover', takeover],
] as const)('of a store that crashed: %s', (name, workload) => {
  const images = { ...exploration(name, workload), seeds: 2, imagesMax: share(240) }

  test('openStore() for salvage answers as for reading', { timeout: 120_000 }, async () => {
    const answers = (files: FaultFiles, readOnly: true | 'salvage') => outcome(observeWhole(imageOf(files), readOnly))
    const check = async (files: FaultFiles) =>
      mustEqual(await answers(files, 'salvage'), await answers(files, true), 'what a salvage answers')
    expect((await mustSurvive({ ...images, check })).unique).toBeGreaterThan(20)
  })

  test('openStore() for salvage finds without manifests what a recovery finds with them', {
    timeout: 120_000,
  }, async () => {
    const check = async (files: FaultFiles) => {
      const image = imageOf(files)
      const recovered = await eventsOf(image, {})
      const bare = new Map([...image].filter(([path]) => manifestEpoch(path) === undefined))
      if (recovered.size === 0) return
      const salvaged = await eventsOf(bare, { readOnly: 'salvage' })
      for (const [place, event] of recovered) mustEqual(salvaged.get(place), event, place)
    }
    expect((await mustSurvive({ ...images, check })).unique).toBeGreaterThan(20)
  })
})
