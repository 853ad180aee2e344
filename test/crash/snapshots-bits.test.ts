/** Goal: no flipped bit of a snapshot is restored: every one of its truth is named by a check with the file that has
 * it, and a flip of what is derived, or of the catalogue, changes no answer. The list, other snapshots and the store do
 * not notice.
 * Method: flip bits of each file of one of three snapshots, and of the catalogue. Each flip lists the
 * snapshots, reads the manifest and checks the truth; every so many open the store, as a reader and as a writer, check
 * the snapshot and restore it.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/index.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../src/snapshot/check/check.ts'
import { truthFiles } from '../../src/snapshot/files/state-files.ts'
import { bitSweep, type Observation } from '../faults/bit-sweep.ts'
import { RUNTIME } from '../support/runtime.ts'
import { plain } from '../support/scenario.ts'
import { type Damaged, damagedWorld, directoryOf, judge, quickStorage } from './snapshots-damage.ts'
import { storeText } from './snapshots-image.ts'

const isNode = RUNTIME === 'node'
const STRIDE = isNode ? 17 : 187
const WHOLE_STRIDE = isNode ? 2_003 : 12_011
const CATALOGUE = '.snapshots/snapshots.json'

let subject: Damaged
let truth: readonly string[]

beforeAll(async () => {
  subject = await damagedWorld()
  const catalogue = new SnapshotCatalogue(quickStorage(subject.image))
  const state = await catalogue.state(subject.victim.id)
  truth = truthFiles(state).map(({ path }) => `${directoryOf(subject.victim)}/${path}`)
})

/** What confirms a checksum in a group is the next one. */
const isGroup = (path: string) => path.endsWith('.vgrp')

/** List, read the manifest, check what has the flip: all that a restore does before it begins. */
async function observe(path: string): Promise<Observation> {
  const { image, victim, world } = subject
  const catalogue = new SnapshotCatalogue(quickStorage(image))
  const answers = plain(await catalogue.list())
  const wrong = answers === plain(world.infos.toReversed()) ? [] : [answers]
  const found: string[] = []
  try {
    const state = await catalogue.state(victim.id)
    const only = (file: string) => path === `${directoryOf(victim)}/${file}`
    const { problems } = await checkTruth(catalogue.storageOf(victim.id), state, { only })
    found.push(...problems.map(({ code }) => code))
    if (isGroup(path) && found.length === 0) {
      const text = await storeText(catalogue.storageOf(victim.id))
      if (text !== world.texts.get(victim.id)) wrong.push(text)
    }
  } catch (error) {
    if (!isVarveError(error, 'SNAPSHOT_DAMAGED')) throw error
    const { snapshot, file } = error.details
    if (snapshot !== victim.id || file !== path) wrong.push(`the error is about ${plain(error.details)}`)
    found.push(error.code)
  }
  return { answers: wrong.join('; '), found }
}

let turn = 0

/** Everything that people do. */
async function observeWhole(path: string): Promise<Observation> {
  const { image } = subject
  const isOurs = path.startsWith(`${directoryOf(subject.victim)}/`)
  turn++
  const how = { image, damaged: isOurs ? [path] : [], readOnly: turn % 2 === 0, isThorough: turn % 11 === 0 }
  const { wrong, found } = await judge(subject, how)
  return { answers: wrong.join('; '), found: found.map(({ code }) => code) }
}

function imageOf(paths: readonly string[]): ReadonlyMap<string, Uint8Array> {
  return new Map(paths.map((path) => [path, subject.image.get(path) ?? new Uint8Array()]))
}

describe('a snapshot', () => {
  test('says so when any bit of its truth is flipped', { timeout: 300_000 }, async () => {
    const manifests = subject.files.filter((path) => path.includes('/MANIFEST-'))
    const options = { observe, stride: STRIDE, failuresMax: 5 }
    const covered = imageOf([...manifests, ...truth.filter((path) => !isGroup(path))])
    const files = await bitSweep({ image: covered, ...options, covered: true })
    const groups = await bitSweep({ image: imageOf(truth.filter(isGroup)), ...options })
    console.log(`flipped on ${RUNTIME}: ${files.flips} bits of a snapshot, and ${groups.flips} of its groups`)
    expect([...files.failures, ...groups.failures]).toEqual([])
    expect(files.flips).toBeGreaterThan(50_000 / STRIDE)
    for (const { flips, detected } of groups.files.values()) expect(detected).toBeGreaterThan(flips * 0.9)
  })

  test('is listed whichever bit of the catalogue is flipped', { timeout: 120_000 }, async () => {
    const report = await bitSweep({ image: imageOf([CATALOGUE]), observe, stride: isNode ? 3 : 37, failuresMax: 5 })
    console.log(`flipped on ${RUNTIME}: ${report.flips} bits of the catalogue`)
    expect(report.failures).toEqual([])
    expect(report.flips).toBeGreaterThan(isNode ? 1_500 : 100)
  })

  test('is refused or restored whole, whichever bit is flipped', { timeout: 300_000 }, async () => {
    const image = imageOf([...subject.files, CATALOGUE])
    const report = await bitSweep({ image, observe: observeWhole, stride: WHOLE_STRIDE, failuresMax: 5 })
    console.log(`flipped on ${RUNTIME}: ${report.flips} bits, ${turn} times everything`)
    expect(report.failures).toEqual([])
    expect(report.flips).toBeGreaterThan(subject.files.length)
  })
})
