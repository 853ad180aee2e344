/** Goal: merged runs answer as the runs they were made from, through any number of levels.
 * Method: logs of random segments, merged in groups and the merged ones again; every term and place compared with the
 * Map of the rows. fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../../src/errors.ts'
import { TailRows } from '../../../src/index/tail-rows.ts'
import { mergeRuns } from '../../../src/index/term-merge.ts'
import { checkRun, type TermRun } from '../../../src/index/term-run.ts'
import { placesOf } from '../../../src/index/term-seek.ts'
import { digest } from '../codec/batch-support.ts'
import {
  buildAndOpen,
  Files,
  identityOf,
  type Log,
  makeLog,
  mergeIn,
  mergeLastIn,
  offsetsOf,
  weakDigest,
  written,
} from './term-support.ts'

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })

function expectAnswers(files: Files, run: TermRun, log: Log): void {
  for (const [key, offsets] of log.model) expect([key, ...offsetsOf(files, run, key)]).toEqual([key, ...offsets])
  expect(run.sizes.terms).toBe(log.model.size)
  expect(run.sizes.postings).toBe([...log.model.values()].reduce((sum, list) => sum + list.length, 0))
  const bases = log.places.map((place) => place.baseOffset)
  expect(files.run(placesOf(run, bases))).toEqual(log.places)
  files.run(checkRun(run))
}

describe('mergeRuns()', () => {
  test('answers as a run of all rows, at several levels', async () => {
    const sizes = fc.array(fc.constantFrom(1, 30, 400, 1500), { minLength: 2, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(seeds, sizes, fc.integer({ min: 2, max: 5 }), async (seed, rows, fanIn) => {
        const files = new Files()
        const log = makeLog(seed, rows)
        let runs = log.segments.map((segment) => buildAndOpen(files, segment))
        for (let level = 1; runs.length > 1; level++) {
          const merged: TermRun[] = []
          for (let i = 0; i < runs.length; i += fanIn) {
            merged.push(await mergeIn(files, runs.slice(i, i + fanIn), { level }))
          }
          runs = merged
        }
        expectAnswers(files, runs[0] as TermRun, log)
      }),
      { numRuns: 12 },
    )
  }, 30_000)

  test('answers the same when nearly all hashes collide', async () => {
    const files = new Files()
    const log = makeLog(8, [600, 900, 300])
    const facts = { digest: weakDigest }
    const runs = log.segments.map((segment) => buildAndOpen(files, segment, facts))
    expectAnswers(files, await mergeIn(files, runs, { level: 1, ...facts }), log)
  })

  test('writes the same bytes where the storage cannot overwrite', async () => {
    const files = new Files()
    const log = makeLog(9, [500, 40])
    const runs = log.segments.map((segment) => buildAndOpen(files, segment))
    const merged = await mergeIn(files, runs, { level: 1 })
    const bytes = await written(files, (tools) => mergeRuns(runs, merged.identity, tools), { appendOnly: true })
    expect(bytes).toEqual(files.bytes.get(merged.path))
  })

  test('takes segments without rows, and runs in memory', async () => {
    const files = new Files()
    const log = makeLog(10, [80, 90])
    const [first, second] = log.segments.map((segment) => buildAndOpen(files, segment)) as [TermRun, TermRun]
    const { endOffset } = first.identity
    const empty = { rows: new TailRows(), identity: identityOf({ sequence: 7, baseOffset: endOffset, endOffset }) }
    const inMemory = { ...second, bytes: files.bytes.get(second.path) as Uint8Array }
    const merged = await mergeIn(files, [first, buildAndOpen(files, empty), inMemory], { level: 1 })
    const places = log.places.map((place) => ({ ...place, segment: place.segment * 2 }))
    expectAnswers(files, merged, { ...log, places })
  })

  test('refuses damaged inputs, and leaves no readable run', async () => {
    const files = new Files()
    const log = makeLog(11, [500, 500])
    const runs = log.segments.map((segment) => buildAndOpen(files, segment)) as [TermRun, TermRun]
    const bytes = files.bytes.get(runs[1].path) as Uint8Array
    for (let page = 1; page < bytes.length / 4096; page++) {
      const damaged = bytes.slice()
      damaged[page * 4096 + 100] = ~(damaged[page * 4096 + 100] as number)
      files.bytes.set(runs[1].path, damaged)
      const isFilter = page >= runs[1].filter
      const outcome = await mergeIn(files, runs, { level: 1 }).then(
        () => 'merged',
        (error) => (isVarveError(error, 'DECODE_FAILED') ? 'refused' : error),
      )
      expect([page, outcome]).toEqual([page, isFilter ? 'merged' : 'refused'])
    }
  })

  test('refuses runs that are not in order', () => {
    const files = new Files()
    const runs = makeLog(12, [10, 10]).segments.map((segment) => buildAndOpen(files, segment))
    expect(() => mergeRuns(runs.toReversed(), identityOf({}), {} as never)).toThrow('runs are merged in order')
  })

  test('gives turns between pieces of work, and others run meanwhile', async () => {
    const files = new Files()
    const runs = makeLog(13, [3000, 3000]).segments.map((segment) => buildAndOpen(files, segment))
    const merged = await mergeIn(files, runs, { level: 1 })
    let turns = 0
    const turn = () => {
      turns++
      return Promise.resolve()
    }
    await mergeRuns(runs, merged.identity, {
      digest,
      answer: (request) => Promise.resolve(files.answer(request)),
      append: () => Promise.resolve(),
      overwrite: () => undefined,
      turn,
    })
    expect(turns).toBeGreaterThan(10)
  })
})

describe('mergeLast()', () => {
  test('keeps the last offset of each entity, the newest run first', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const files = new Files()
        const log = makeLog(seed, [200, 1, 700, 50])
        const runs = log.segments.map((segment) => buildAndOpen(files, segment))
        const older = await mergeLastIn(files, runs.slice(0, 2), 'versions-1')
        const all = await mergeLastIn(files, [older, ...runs.slice(2)], 'versions-2')
        const entities = [...log.model].filter(([key]) => key.startsWith('entity:'))
        for (const [key, offsets] of entities) {
          expect([key, ...offsetsOf(files, all, key)]).toEqual([key, offsets.at(-1)])
        }
        for (const key of log.model.keys()) {
          if (!key.startsWith('entity:')) expect(offsetsOf(files, all, key)).toEqual([])
        }
        expect(all.sizes).toMatchObject({ terms: entities.length, placesPages: 0, postingsPages: 0 })
        files.run(checkRun(all))
      }),
      { numRuns: 8 },
    )
  }, 20_000)
})
