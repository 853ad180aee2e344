/** Goal: no flipped bit of a group gives a wrong answer; every one is named by checks as exactly the versions it costs,
 * costs nothing in other groups, and does not keep anybody from appending.
 * Method: flip bits of each group of a store; each flip opens the store and asks one history for every version; every
 * so many ask the whole store, as a reader and as a writer that goes on appending.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { bitSweep, type Observation } from '../faults/bit-sweep.ts'
import type { StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import {
  type Answers,
  answersOf,
  type GroupOf,
  groupsOf,
  historyImage,
  judgeStore,
  quickStorage,
  wholeAnswers,
  wrongIn,
} from './histories-image.ts'
import { openForTest } from './oracle.ts'

const isNode = RUNTIME === 'node'
const WHOLE_EVERY = isNode ? 97 : 29

let image: StoreImage
let groups: readonly GroupOf[]
let baseline: ReadonlyMap<string, Answers>

beforeAll(async () => {
  image = await historyImage({ closes: true })
  groups = await groupsOf(image)
  baseline = await wholeAnswers(quickStorage(image))
})

/** What is wrong with the answers of the history of a group that is damaged, and what a check of it finds. */
async function observeHistory(group: GroupOf): Promise<Observation> {
  const store = await openForTest(quickStorage(image), { readOnly: true })
  try {
    const history = await store.histories.open(group.history)
    const { ok } = await history.verify()
    const answers = await answersOf(history)
    const wrong = wrongIn(baseline.get(group.history) ?? answers, answers, [group])
    return { answers: wrong.join('; '), found: ok ? [] : [`damaged: ${answers.damaged}`] }
  } finally {
    await store.close()
  }
}

async function observeWhole(group: GroupOf, readOnly: boolean): Promise<Observation> {
  const { wrong, problems } = await judgeStore(image, baseline, { damaged: [group], readOnly })
  return { answers: wrong.join('; '), found: problems.map(({ message }) => message) }
}

async function sweep(group: GroupOf, stride: number) {
  let turn = -1
  let wholeTurns = 0
  const observe = (): Promise<Observation> => {
    if (++turn % WHOLE_EVERY !== WHOLE_EVERY - 1) return observeHistory(group)
    return observeWhole(group, ++wholeTurns % 2 === 0)
  }
  const bytes = image.get(group.path) ?? new Uint8Array()
  const report = await bitSweep({ image: new Map([[group.path, bytes]]), observe, stride, failuresMax: 5 })
  return { ...report, wholeTurns }
}

describe('a store with histories', () => {
  test.each([
    ['board', 7, 1_500],
    ['thinned', 37, 300],
    ['wide', 1_201, 100],
  ])('notices every flipped bit: %s', { timeout: 120_000 }, async (name, nodeStride, floor) => {
    const stride = isNode ? nodeStride : nodeStride * 11
    let [flips, detected, wholeTurns] = [0, 0, 0]
    for (const group of groups.filter(({ history }) => history === name)) {
      const report = await sweep(group, stride)
      expect(report.failures).toEqual([])
      flips += report.flips
      wholeTurns += report.wholeTurns
      for (const counts of report.files.values()) detected += counts.detected
    }
    console.log(`flipped on ${RUNTIME}: ${flips} bits of ${name}, ${detected} detected, ${wholeTurns} whole`)
    expect(flips).toBeGreaterThanOrEqual(Math.floor(floor / (stride / nodeStride)))
    // What confirms a checksum is the next one.
    expect(detected).toBeGreaterThan(flips * 0.9)
  })
})
