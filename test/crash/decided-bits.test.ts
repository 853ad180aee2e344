/** Goal: no flipped bit of a term index, of the versions of pruned entities, of compressed segments or of chains over
 * events gives a wrong answer.
 * Method: flip every bit of a run of one segment, of a merged run, of a file of versions, and of segments in all forms;
 * each flip asks what guards the file, and every so many the whole store is opened, as a reader and as a writer, and
 * asked by every kind of term. Term indexes and versions are cut to many lengths; every file is removed, and pairs.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import { bitSweep, type Observation } from '../faults/bit-sweep.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { mustSettle } from '../support/settle.ts'
import { allAnswers, type Step, TOPIC } from './decided-oracle.ts'
import { allRuns, type DecidedWorkload, formats } from './decided-workloads.ts'
import { guardOfRun, guards, type Observe } from './guards.ts'
import { openForTest, restartIdentifiers } from './oracle.ts'
import { imageOf } from './whole.ts'

const isNode = RUNTIME === 'node'
const STRIDE = isNode ? 1 : 37
const WHOLE_EVERY = 499
const CUT_BYTES = isNode ? 509 : 4999
const PAIRS = isNode ? 5 : 29
const RUN = /\.terms$|\/terms-\d+-\d+$/
const VERSIONS = /\/versions-\d+/

let pruned: StoreImage
let packed: StoreImage

async function closedBy(workload: DecidedWorkload): Promise<StoreImage> {
  restartIdentifiers()
  const files = new FaultFiles()
  await mustSettle(workload(files, new Ledger<Step>(() => files.position)))
  return imageOf(files)
}

beforeAll(async () => {
  pruned = await closedBy(allRuns)
  packed = await closedBy(formats)
})

async function wholeAnswers(image: StoreImage, readOnly: boolean): Promise<Observation> {
  const store = await openForTest(imageStorage(image), { readOnly })
  try {
    const answers = await allAnswers(await store.topics.open(TOPIC))
    const { problems } = readOnly ? await store.verify() : { problems: [] }
    return { answers, found: problems.map(({ message }) => message) }
  } finally {
    await store.close()
  }
}

/** Flip the bits of some files; each is guarded, and now and then the whole store is asked. */
async function sweep(image: StoreImage, paths: readonly string[], guardOf: (path: string) => Observe | undefined) {
  const { answers } = await wholeAnswers(image, true)
  const guarded = new Map(paths.map((path) => [path, guardOf(path)]))
  const begun = new Set<string>()
  let turn = 0
  const observe = async (path: string): Promise<Observation> => {
    const isFirst = !begun.has(path)
    begun.add(path)
    if (!isFirst && ++turn % WHOLE_EVERY === 0) {
      const isReader = turn % (2 * WHOLE_EVERY) === 0
      const seen = await wholeAnswers(image, isReader)
      if (seen.answers !== answers) return { ...seen, answers: 'the whole store answers otherwise' }
      if (isReader && seen.found.length === 0) return { ...seen, answers: 'the whole store notices nothing' }
    }
    return (await guarded.get(path)?.()) ?? { answers: '', found: [] }
  }
  const part = new Map([...image].filter(([path]) => paths.includes(path)))
  const report = await bitSweep({ image: part, observe, stride: STRIDE, failuresMax: 5 })
  console.log(
    `flipped on ${RUNTIME}: ${report.flips} bits of ${paths.length} files, ${Math.floor(turn / WHOLE_EVERY)} whole`,
  )
  expect(report.failures).toEqual([])
  expect(report.unchangedAt).toEqual(new Map())
  return report.flips
}

describe('a store with keys and terms', () => {
  test('notices every flipped bit of its term indexes and versions', { timeout: 240_000 }, async () => {
    const some = (pattern: RegExp) => [...pruned.keys()].filter((path) => pattern.test(path)).slice(0, 1)
    const paths = [...some(/\.terms$/), ...some(/\/terms-/), ...some(VERSIONS)]
    expect(paths).toHaveLength(3)
    const flips = await sweep(pruned, paths, (path) => guardOfRun(pruned, path))
    expect(flips).toBeGreaterThanOrEqual(isNode ? 300_000 : 8_000)
  })

  test('notices every flipped bit of segments in all forms, and of their manifest', { timeout: 240_000 }, async () => {
    const all = await guards(packed)
    const paths = [...packed.keys()].filter((path) => all.has(path))
    const flips = await sweep(packed, paths, (path) => all.get(path))
    expect(flips).toBeGreaterThanOrEqual(isNode ? 90_000 : 2_000)
  })
})

/** Answers of a damaged store are those of the whole one, or a typed error where truth is gone. */
async function judge(
  image: StoreImage,
  facts: { what: string; answers: string; mayRefuse: boolean },
): Promise<string[]> {
  const failures: string[] = []
  for (const readOnly of [true, false]) {
    const who = `${facts.what}, ${readOnly ? 'reader' : 'writer'}`
    try {
      const { answers } = await wholeAnswers(image, readOnly)
      if (answers !== facts.answers) failures.push(`${who}: other answers`)
    } catch (error) {
      if (!isVarveError(error)) failures.push(`${who}: ${error instanceof Error ? error.stack : String(error)}`)
      else if (!facts.mayRefuse) failures.push(`${who}: refused with ${error.code}: ${error.message}`)
    }
  }
  return failures
}

describe('a store with keys and terms whose files are gone or short', () => {
  test('answers as before without any term index, and refuses versions it cannot tell', {
    timeout: 60_000,
  }, async () => {
    const { answers } = await wholeAnswers(pruned, true)
    const failures: string[] = []
    let cases = 0
    for (const [path, bytes] of pruned) {
      if (!RUN.test(path) && !VERSIONS.test(path)) continue
      for (let length = 0; length < bytes.length; length += CUT_BYTES) {
        const image = new Map(pruned).set(path, bytes.slice(0, length))
        const what = `${path} cut to ${length}`
        failures.push(...(await judge(image, { what, answers, mayRefuse: VERSIONS.test(path) })))
        cases++
      }
    }
    console.log(`cut on ${RUNTIME}: ${cases} lengths of term indexes and versions`)
    expect(failures.slice(0, 5)).toEqual([])
    expect(cases).toBeGreaterThanOrEqual(isNode ? 300 : 30)
  })

  test('answers as before or refuses, whichever file is removed, or which two', { timeout: 60_000 }, async () => {
    const { answers } = await wholeAnswers(pruned, true)
    const failures: string[] = []
    const paths = [...pruned.keys()]
    let turn = 0
    for (const [order, one] of paths.entries()) {
      for (const other of paths.slice(order)) {
        if (one !== other && turn++ % PAIRS !== 0) continue
        const image = new Map(pruned)
        image.delete(one)
        image.delete(other)
        // Without the newest manifest and its head the store is what it was before its last owner.
        if ([one, other].every((path) => /^(?:MANIFEST|head)-/.test(path))) continue
        const mayRefuse = [one, other].some((path) => !RUN.test(path) && !/\.(?:index|timeindex|ckpt)$/.test(path))
        failures.push(...(await judge(image, { what: `without ${one} and ${other}`, answers, mayRefuse })))
      }
    }
    expect(failures.slice(0, 5)).toEqual([])
  })
})
