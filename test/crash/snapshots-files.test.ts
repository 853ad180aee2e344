/** Goal: whatever happens to whole files of a snapshot, it says so and is not restored, or nothing is lost; the other
 * snapshots, the list and the store do not notice, and nothing is removed, neither what is damaged nor what is not
 * ours.
 * Method: each file of one of three snapshots is removed, cut, made longer, and put in the place of others; the
 * catalogue too; files and directories of others are put between. Each time the store is opened, as a reader and as a
 * writer, and the snapshot is listed, checked and restored.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import type { StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { changed } from './files.ts'
import { type Damaged, damagedWorld, directoryOf, judge, quickStorage } from './snapshots-damage.ts'
import { openWorld } from './snapshots-image.ts'

const STRIDE = RUNTIME === 'node' ? 3 : 37
const THOROUGH_EVERY = 7
const GARBAGE = Uint8Array.from({ length: 700 }, (_, at) => (at * 167 + 13) & 255)

let subject: Damaged

beforeAll(async () => {
  subject = await damagedWorld()
})

interface Damage {
  readonly what: string
  readonly image: StoreImage
  readonly damaged: readonly string[]
  /** Something is lost for certain. */
  readonly isSure?: boolean
}

const isDerived = (path: string) => /\.(?:index|timeindex|terms)$|\/terms-/.test(path)

async function sweep(damages: Iterable<Damage>, floor: number): Promise<void> {
  const failures: string[] = []
  let turn = 0
  let cases = 0
  for (const { what, image, damaged, isSure = false } of damages) {
    if (turn++ % STRIDE !== 0 || failures.length > 5) continue
    cases++
    const readOnly = cases % 2 === 0
    const who = `${what}, ${readOnly ? 'reader' : 'writer'}`
    const isThorough = cases % THOROUGH_EVERY === 0
    try {
      const { wrong, isRefused } = await judge(subject, { image, damaged, readOnly, isThorough })
      failures.push(...wrong.map((one) => `${who}: ${one}`))
      if (isSure && !isRefused) failures.push(`${who}: it is restored`)
    } catch (error) {
      failures.push(`${who}: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  console.info(`files of snapshots on ${RUNTIME}: ${cases} cases`)
  expect(failures).toEqual([])
  expect(cases).toBeGreaterThanOrEqual(Math.floor(floor / STRIDE))
}

function bytesAt(path: string): Uint8Array {
  return subject.image.get(path) ?? GARBAGE
}

function* sizes(): Iterable<Damage> {
  for (const path of subject.files) {
    const bytes = bytesAt(path)
    const isSure = !isDerived(path)
    const damaged = [path]
    const as = (what: string, to: Uint8Array | undefined, sure = isSure): Damage => {
      const image = changed(subject.image, { [path]: to })
      return { what: `${path} ${what}`, image, damaged, isSure: sure }
    }
    yield as('removed', undefined)
    for (const length of [0, 1, bytes.length >>> 1, bytes.length - 1])
      yield as(`cut to ${length}`, bytes.slice(0, length))
    for (const more of [Uint8Array.of(0), GARBAGE])
      yield as(`and ${more.length} more`, new Uint8Array([...bytes, ...more]), false)
  }
}

function* misplaced(): Iterable<Damage> {
  const { image, world, victim, files } = subject
  for (const [at, one] of files.entries()) {
    const bytes = bytesAt(one)
    const name = one.slice(directoryOf(victim).length + 1)
    for (const other of [world.infos[0], world.infos[2]]) {
      const theirs = image.get(`${directoryOf(other)}/${name}`)
      if (theirs === undefined) continue
      yield { what: `${name} of ${other.id}`, image: changed(image, { [one]: theirs }), damaged: [one] }
    }
    for (const other of files.slice(at + 1)) {
      const theirs = bytesAt(other)
      const isSure = !isDerived(one) && !(isDerived(other) && one.endsWith('.log') && theirs.length === bytes.length)
      yield { what: `${other} over ${one}`, image: changed(image, { [one]: theirs }), damaged: [one], isSure }
      const both = changed(image, { [one]: theirs, [other]: bytes })
      yield { what: `${other} and ${one} swapped`, image: both, damaged: [one, other] }
    }
  }
}

/** Of the catalogue, which is made again. */
function* catalogues(): Iterable<Damage> {
  const path = '.snapshots/snapshots.json'
  const bytes = bytesAt(path)
  const as = (what: string, to: Uint8Array | undefined): Damage => {
    return { what: `catalogue ${what}`, image: changed(subject.image, { [path]: to }), damaged: [] }
  }
  const text = new TextDecoder().decode(bytes)
  for (const damage of [
    as('removed', undefined),
    as('cut to nothing', new Uint8Array(0)),
    as('cut', bytes.slice(0, bytes.length >>> 1)),
    as('cut by 1', bytes.slice(0, -1)),
    as('longer', new Uint8Array([...bytes, 0])),
    as('replaced', GARBAGE),
    as('of no snapshots', new TextEncoder().encode('{"format":1,"crc32":223132457,"snapshots":[]}')),
    as('of a newer format', new TextEncoder().encode(text.replace('"format":1', '"format":2'))),
  ])
    for (let turn = 0; turn < STRIDE * 2; turn++) yield damage
}

const FOREIGN = [
  '.snapshots/readme',
  '.snapshots/snapshot-x/readme',
  '.snapshots/snapshot-12345678901234567/readme',
  '.snapshots/snapshot-5',
  '.snapshots/snapshot-5.pinned/readme',
  '.snapshots/snapshots.json.bak',
  '.snapshots/backup/snapshot-1700000001000/MANIFEST-00000000000000000003',
  '.snapshots/.odd/MANIFEST-00000000000000000003',
]

describe('a snapshot', () => {
  test('is refused or whole, whatever length its files have', { timeout: 300_000 }, async () => {
    await sweep(sizes(), 90)
  })

  test('is refused or whole, with files gone, misplaced or of another snapshot', { timeout: 300_000 }, async () => {
    await sweep(misplaced(), 180)
  })

  test('is listed whatever becomes of the catalogue', { timeout: 120_000 }, async () => {
    await sweep(catalogues(), 16)
  })

  test('that has the place of another is refused by both names', async () => {
    const { image, world } = subject
    const [first, second] = world.infos
    const swapped = new Map<string, Uint8Array>()
    for (const [path, bytes] of image) {
      const to = path.startsWith(`${directoryOf(first)}/`)
        ? path.replace(first.id, second.id)
        : path.replace(`${second.id}/`, `${first.id}/`)
      swapped.set(to, bytes)
    }
    const damaged = [...swapped.keys()].filter((path) => path.startsWith('.snapshots/'))
    for (const readOnly of [false, true]) {
      const { wrong, isRefused } = await judge(subject, { image: swapped, damaged, readOnly, isThorough: false })
      expect(wrong).toEqual([])
      expect(isRefused).toBe(true)
    }
  })
})

describe('a store with snapshots', () => {
  test('leaves names of others among them alone, and says which', { timeout: 120_000 }, async () => {
    for (const place of FOREIGN) {
      const image = changed(subject.image, { [place]: GARBAGE })
      const { wrong } = await judge(subject, { image, damaged: [], readOnly: false, isThorough: true })
      expect(wrong.map((one) => `${place}: ${one}`)).toEqual([])
      const store = await openWorld(quickStorage(image), true)
      const { ok, unknownFiles } = await store.verify()
      expect(ok).toBe(true)
      const [, name = ''] = place.split('/')
      expect(unknownFiles).toEqual([`.snapshots/${name}`])
      await store.close()
    }
  })
})
