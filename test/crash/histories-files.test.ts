/** Goal: whatever happens to whole files of groups, each version answers as before or says that it is damaged, other
 * groups and histories do not notice, appending goes on, and nothing of others is removed.
 * Method: a store with histories that was closed and one that was not. Every file of a group is cut to many lengths,
 * removed, made longer, and put in the place of every other; sectors change places; files of others are put between.
 * Each time the store is opened, as a reader and as a writer, every version is asked for, and `verify` must name what
 * is damaged.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import type { StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { draws } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'
import { changed } from './files.ts'
import {
  type Answers,
  type GroupOf,
  groupsOf,
  historyImage,
  judgeStore,
  quickStorage,
  wholeAnswers,
} from './histories-image.ts'
import { openForTest, passTime } from './oracle.ts'

const KINDS = ['closed', 'unclean'] as const
const STRIDE = RUNTIME === 'node' ? 1 : 17
const SMALL_BYTES = 3_000
const SECTOR_BYTES = 512
const SWAPS = 60
const SEED = 20_261_121
const GARBAGE = Uint8Array.from({ length: 700 }, (_, at) => (at * 167 + 13) & 255)

interface Subject {
  readonly image: StoreImage
  readonly answers: ReadonlyMap<string, Answers>
  readonly groups: readonly GroupOf[]
}

interface Damage {
  readonly what: string
  readonly image: StoreImage
  /** Groups of which something may be lost. */
  readonly damaged: readonly GroupOf[]
  /** Something is. */
  readonly isSure?: boolean
}

const subjects = new Map<string, Subject>()

beforeAll(async () => {
  for (const kind of KINDS) {
    const image = await historyImage({ closes: kind === 'closed' })
    const answers = await mustSettle(wholeAnswers(quickStorage(image)), passTime)
    subjects.set(kind, { image, answers, groups: await groupsOf(image) })
  }
})

function of(kind: string): Subject {
  const subject = subjects.get(kind)
  if (subject === undefined) throw new Error(`no store ${kind}`)
  return subject
}

async function sweep(kind: string, damages: Iterable<Damage>, floor: number): Promise<void> {
  const { answers } = of(kind)
  const failures: string[] = []
  let turn = 0
  let cases = 0
  for (const { what, image, damaged, isSure = false } of damages) {
    if (turn++ % STRIDE !== 0 || failures.length > 5) continue
    cases++
    const readOnly = Math.floor(turn / STRIDE) % 2 === 0
    const { wrong, problems } = await mustSettle(judgeStore(image, answers, { damaged, readOnly }), passTime)
    const who = `${what}, ${readOnly ? 'reader' : 'writer'}`
    if (isSure && problems.length === 0) failures.push(`${who}: verify finds nothing`)
    failures.push(...wrong.map((one) => `${who}: ${one}`))
  }
  console.info(`files of histories on ${RUNTIME}: ${cases} cases, ${kind}`)
  expect(failures).toEqual([])
  expect(cases).toBeGreaterThanOrEqual(Math.floor(floor / STRIDE))
}

function* truncations({ image, groups }: Subject): Iterable<Damage> {
  for (const group of groups) {
    const bytes = image.get(group.path) ?? GARBAGE
    const step = bytes.length < SMALL_BYTES ? 37 : 5_003
    for (let length = 0; length < group.endBytes; length += step) {
      const cut = changed(image, { [group.path]: bytes.slice(0, length) })
      yield { what: `${group.path} cut to ${length}`, image: cut, damaged: [group], isSure: true }
    }
    for (const length of [group.endBytes - 1, group.endBytes, bytes.length - 1]) {
      const cut = changed(image, { [group.path]: bytes.slice(0, length) })
      const damaged = length < group.endBytes ? [group] : []
      yield { what: `${group.path} cut to ${length}`, image: cut, damaged, isSure: damaged.length > 0 }
    }
  }
}

function* misplaced({ image, groups }: Subject): Iterable<Damage> {
  for (const one of groups) {
    const bytes = image.get(one.path) ?? GARBAGE
    yield {
      what: `without ${one.path}`,
      image: changed(image, { [one.path]: undefined }),
      damaged: [one],
      isSure: true,
    }
    for (const more of [Uint8Array.of(0), GARBAGE]) {
      const longer = new Uint8Array([...bytes, ...more])
      yield { what: `${one.path} and ${more.length} more`, image: changed(image, { [one.path]: longer }), damaged: [] }
    }
    for (const other of groups) {
      if (other === one) continue
      const theirs = image.get(other.path) ?? GARBAGE
      const over = changed(image, { [one.path]: theirs })
      yield { what: `${other.path} over ${one.path}`, image: over, damaged: [one], isSure: true }
      if (groups.indexOf(one) > groups.indexOf(other)) continue
      const both = [one, other]
      const swapped = changed(image, { [one.path]: theirs, [other.path]: bytes })
      yield { what: `${other.path} and ${one.path} swapped`, image: swapped, damaged: both, isSure: true }
      const without = changed(image, { [one.path]: undefined, [other.path]: undefined })
      yield { what: `without ${other.path} and ${one.path}`, image: without, damaged: both, isSure: true }
    }
  }
}

function* sectorSwaps({ image, groups }: Subject): Iterable<Damage> {
  const draw = draws(SEED)
  const sectors = groups.flatMap((group) =>
    Array.from({ length: Math.ceil(group.endBytes / SECTOR_BYTES) }, (_, at) => ({ group, at: at * SECTOR_BYTES })),
  )
  for (let swap = 0; swap < SWAPS; swap++) {
    const one = sectors[draw() % sectors.length]
    const other = sectors[draw() % sectors.length]
    if (one === undefined || other === undefined) continue
    const swapped = new Map(image)
    const sectorOf = ({ group, at }: typeof one) => (image.get(group.path) ?? GARBAGE).slice(at, at + SECTOR_BYTES)
    for (const [{ group, at }, sector] of [
      [one, sectorOf(other)],
      [other, sectorOf(one)],
    ] as const) {
      const bytes = Uint8Array.from(swapped.get(group.path) ?? GARBAGE)
      bytes.set(sector.subarray(0, bytes.length - at), at)
      swapped.set(group.path, bytes)
    }
    const what = `seed ${SEED}, number ${swap}: ${one.group.path}@${one.at} and ${other.group.path}@${other.at} swapped`
    yield { what, image: swapped, damaged: [one.group, other.group] }
  }
}

/** Each damage, once for a reader and once for a writer. */
function* twice(damages: Iterable<Damage>): Iterable<Damage> {
  for (const damage of damages) yield* [damage, damage]
}

const FOREIGN = [
  'histories/readme',
  'histories/0123456789abcdef.vgrp',
  'histories/board/readme',
  'histories/board/0123456789abcdef.vgrp.bak',
  'histories/board/0123456789abcdef.vgrp',
  'histories/board/board/0123456789abcdef.vgrp',
  'histories/nobody/0123456789abcdef.vgrp',
  'histories/nobody/readme',
  'histories/.odd/0123456789abcdef.vgrp',
]

/** Files with names of groups are the store's: those that nothing needs may go. */
const mayGo = (path: string) => /^histories\/(?:board|nobody)\/[0-9a-f]{16}\.vgrp$/.test(path)

describe.each(KINDS)('a store with histories that is %s', (kind) => {
  test('answers as before or names the damage, whatever length a group is cut to', { timeout: 120_000 }, async () => {
    await sweep(kind, truncations(of(kind)), 100)
  })

  test('answers as before or names the damage, with groups gone or misplaced', { timeout: 120_000 }, async () => {
    await sweep(kind, twice(misplaced(of(kind))), 100)
  })

  test('answers as before or names the damage, whichever sectors changed places', { timeout: 120_000 }, async () => {
    await sweep(kind, sectorSwaps(of(kind)), SWAPS)
  })

  test('answers as before with files of others between its own, and leaves them', { timeout: 120_000 }, async () => {
    const { image, groups, answers } = of(kind)
    const contents = { empty: new Uint8Array(), garbage: GARBAGE, group: image.get(groups[0]?.path ?? '') ?? GARBAGE }
    const failures: string[] = []
    for (const place of FOREIGN) {
      for (const [name, bytes] of Object.entries(contents)) {
        const added = changed(image, { [place]: bytes })
        const { wrong } = await mustSettle(judgeStore(added, answers, { damaged: [], readOnly: false }), passTime)
        failures.push(...wrong.map((one) => `${place} (${name}): ${one}`))
        const storage = quickStorage(added)
        await mustSettle(
          openForTest(storage).then((store) => store.close()),
          passTime,
        )
        for (const path of added.keys()) {
          if (!path.startsWith('histories/') || mayGo(path) || (await storage.exists(path))) continue
          failures.push(`${place} (${name}): ${path} is gone`)
        }
        for (const { path } of groups) if (!(await storage.exists(path))) failures.push(`${path} is gone`)
      }
    }
    expect(failures).toEqual([])
  })
})
