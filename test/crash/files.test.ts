/** Goal: whatever happens to whole files of a store, it answers as before or refuses with a reason, never otherwise.
 * Method: a small store that was closed and one that was not. Every file is cut to every length (term indexes to many);
 * every file and every pair of files is removed; sectors change places within and between files; segments are copied,
 * swapped and renamed; files of others are put between. Each time the store is opened, as a reader and as a writer, and
 * asked everything. A writer must also leave every segment and every foreign file as it was.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { draws } from '../support/seeded-random.ts'
import { changed, type Damage, isDerived, judge, type StoreKind, type Subject, subject, type Tally } from './files.ts'

const KINDS: readonly StoreKind[] = ['closed', 'unclean']
const STRIDE = RUNTIME === 'node' ? 1 : 17
const SECTOR_BYTES = 512
const SWAPS = 200
const SEED = 20_240_611
const GARBAGE = Uint8Array.from({ length: 700 }, (_, at) => (at * 167 + 13) & 255)

const subjects = new Map<StoreKind, Subject>()

beforeAll(async () => {
  for (const kind of KINDS) subjects.set(kind, await subject(kind))
})

function of(kind: StoreKind): Subject {
  const found = subjects.get(kind)
  if (found === undefined) throw new Error(`no store ${kind}`)
  return found
}

/** A damage, and the files it touches. */
type Change = Omit<Damage, 'may'> & { readonly touches: readonly string[] }

/** Judge every damage; on runtimes that share, only some of them. Readers and writers in turn, or both. */
async function sweep(kind: StoreKind, damages: Iterable<Change>, modes: 'both' | 'in turn'): Promise<Tally> {
  const tally: Tally = { cases: 0, refused: 0, same: 0, less: 0, failures: [] }
  let turn = 0
  for (const { touches, ...damage } of damages) {
    if (turn++ % STRIDE !== 0) continue
    const isReader = Math.floor(turn / STRIDE) % 2 === 0
    for (const readOnly of modes === 'both' ? [true, false] : [isReader])
      await judge(of(kind), { ...damage, may: may(kind, touches, readOnly) }, { tally, readOnly })
  }
  return tally
}

function conclude(what: string, { cases, refused, same, less, failures }: Tally, floor: number): void {
  const counts = `${refused} refused, ${same} answered as before, ${less} with fewer events`
  console.info(`${what} on ${RUNTIME}: ${cases} cases, ${counts}`)
  expect(failures).toEqual([])
  expect(cases).toBeGreaterThanOrEqual(Math.floor(floor / STRIDE))
}

const [TOP, TOP_HEAD] = ['MANIFEST-00000000000000000003', 'head-00000000000000000003']

/** What may come of damage to these files.
 *
 * The head of a store that was not closed is all that tells a reader how far the last events are durable; without it
 * the reader shows what the segments themselves vouch for, and a writer, which recovers, shows all. When the newest
 * manifest and its head are both gone without a trace, the store is what it was when it was closed before. */
function may(kind: StoreKind, paths: readonly string[], readOnly: boolean): Damage['may'] {
  if (paths.every((path) => isDerived(path) || (path.startsWith('head-') && (kind === 'closed' || path !== TOP_HEAD))))
    return 'nothing else'
  if (paths.includes(TOP_HEAD) && kind === 'unclean' && readOnly) return 'show less'
  return paths.includes(TOP_HEAD) && paths.includes(TOP) ? 'show less' : 'refuse'
}

function* truncations(kind: StoreKind): Iterable<Change> {
  const { image } = of(kind)
  for (const [path, bytes] of image) {
    // Of their pages most bytes are zeros.
    const step = path.endsWith('.terms') ? 97 : 1
    for (let length = 0; length < bytes.length; length += step) {
      const cut = changed(image, { [path]: bytes.slice(0, length) })
      yield { name: `truncate file=${path} bytes=${length}`, image: cut, touches: [path] }
    }
  }
}

function* deletions(kind: StoreKind): Iterable<Change> {
  const { image } = of(kind)
  const paths = [...image.keys()]
  for (const [order, one] of paths.entries()) {
    for (const other of paths.slice(order)) {
      const without = changed(image, { [one]: undefined, [other]: undefined })
      const touches = [...new Set([one, other])]
      yield { name: `delete ${touches.join(' and ')}`, image: without, touches }
    }
  }
}

function* sectorSwaps(kind: StoreKind): Iterable<Change> {
  const { image } = of(kind)
  const sectors = [...image].flatMap(([path, bytes]) =>
    Array.from({ length: Math.ceil(bytes.length / SECTOR_BYTES) }, (_, at) => ({ path, at: at * SECTOR_BYTES })),
  )
  const draw = draws(SEED)
  for (let swap = 0; swap < SWAPS; swap++) {
    const one = sectors[draw() % sectors.length]
    const other = sectors[draw() % sectors.length]
    if (one === undefined || other === undefined) continue
    const swapped = new Map(image)
    const own = (path: string) => Uint8Array.from(swapped.get(path) ?? [])
    const first = own(one.path).slice(one.at, one.at + SECTOR_BYTES)
    const second = own(other.path).slice(other.at, other.at + SECTOR_BYTES)
    for (const [{ path, at }, sector] of [
      [one, second],
      [other, first],
    ] as const) {
      const bytes = own(path)
      bytes.set(sector.subarray(0, bytes.length - at), at)
      swapped.set(path, bytes)
    }
    const name = `swap seed=${SEED} number=${swap} ${one.path}@${one.at} ${other.path}@${other.at}`
    yield { name, image: swapped, touches: [one.path, other.path] }
  }
}

/** Files in the place of others of their kind, and under names that are free. */
function* misplaced(kind: StoreKind): Iterable<Change> {
  const { image } = of(kind)
  for (const [one, bytes] of image) {
    for (const [other, others] of image) {
      if (one === other || suffix(one) !== suffix(other)) continue
      const touches = [one, other]
      yield { name: `copy ${one} over ${other}`, image: changed(image, { [other]: bytes }), touches: [other] }
      yield { name: `swap ${one} with ${other}`, image: changed(image, { [other]: bytes, [one]: others }), touches }
      const moved = changed(image, { [other]: bytes, [one]: undefined })
      yield { name: `rename ${one} over ${other}`, image: moved, touches }
    }
    if (!one.endsWith('.log')) continue
    const free = one.replace(/\d+\.log$/, `${'9'.padStart(20, '0')}.log`)
    yield { name: `copy ${one} to ${free}`, image: changed(image, { [free]: bytes }), touches: [] }
    const renamed = changed(image, { [free]: bytes, [one]: undefined })
    yield { name: `rename ${one} to ${free}`, image: renamed, touches: [one] }
  }
}

function suffix(path: string): string {
  return /(?:\.[a-z]+|^[A-Za-z]+-)/.exec(path)?.[0] ?? path
}

/** Files that nobody asked for. */
function* foreign(kind: StoreKind): Iterable<Change> {
  const { image } = of(kind)
  const segment = image.get('topics/orders/0/00000000000000000000.log') ?? GARBAGE
  const contents = { empty: new Uint8Array(), garbage: GARBAGE, segment }
  for (const path of FOREIGN) {
    for (const [name, bytes] of Object.entries(contents))
      yield { name: `add ${path} (${name})`, image: changed(image, { [path]: bytes }), touches: [] }
  }
  for (const [path, bytes] of image) {
    if (!/^(?:MANIFEST|head)-/.test(path)) continue
    const next = path.replace(/\d+$/, '9'.padStart(20, '0'))
    for (const [name, held] of Object.entries({ ...contents, same: bytes }))
      yield { name: `add ${next} (${name})`, image: changed(image, { [next]: held }), touches: [next] }
  }
}

const FOREIGN = [
  'notes.txt',
  '.DS_Store',
  'MANIFEST-1',
  'head-x',
  'topics/readme',
  'topics/orders/readme',
  'topics/orders/0/readme',
  'topics/orders/0/00000000000000000000.log.bak',
  'topics/orders/0/00000000000000000001.log',
  'topics/orders/0/00000000000000099999.log',
  'topics/orders/0/00000000000000000001.index',
  'topics/orders/0/1.log',
  'topics/orders/7/00000000000000000000.log',
  'topics/nobody/0/00000000000000000000.log',
]

describe.each(KINDS)('a store that is %s', (kind) => {
  test('answers as before or refuses, whatever length a file is cut to', { timeout: 120_000 }, async () => {
    conclude(`files cut short, ${kind}`, await sweep(kind, truncations(kind), 'in turn'), 5_000)
  })

  test('answers as before or refuses, whichever file or pair of files is removed', { timeout: 60_000 }, async () => {
    conclude(`files removed, ${kind}`, await sweep(kind, deletions(kind), 'both'), 80)
  })

  test('answers as before or refuses, whichever sectors changed places', { timeout: 60_000 }, async () => {
    conclude(`sectors swapped, ${kind}`, await sweep(kind, sectorSwaps(kind), 'both'), 2 * SWAPS)
  })

  test('answers as before or refuses when files stand in each other’s place', { timeout: 60_000 }, async () => {
    conclude(`files misplaced, ${kind}`, await sweep(kind, misplaced(kind), 'both'), 40)
  })

  test('answers as before with files of others between its own', { timeout: 60_000 }, async () => {
    conclude(`foreign files, ${kind}`, await sweep(kind, foreign(kind), 'both'), 80)
  })
})
