/** Goal: whatever happens to whole files of documents, each answers as before or says that it is damaged, the others do
 * not notice, and nothing of others is removed.
 * Method: a store with documents that was closed and one that was not. Every file of a document is cut to many lengths,
 * removed, and put in the place of every other; sectors change places; files of others are put between. Each time the
 * store is opened, as a reader and as a writer, every document is asked everything, and `verify` must name what is
 * damaged.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { draws } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'
import { answersAt, documentImage } from './documents-image.ts'
import { changed } from './files.ts'
import { passTime } from './oracle.ts'

const KINDS = ['closed', 'unclean'] as const
const STRIDE = RUNTIME === 'node' ? 1 : 17
const CUT_BYTES = 41
const SECTOR_BYTES = 512
const SWAPS = 100
const SEED = 20_240_611
const GARBAGE = Uint8Array.from({ length: 700 }, (_, at) => (at * 167 + 13) & 255)

interface Subject {
  readonly image: StoreImage
  readonly answers: ReadonlyMap<string, string>
  /** Files of the newest versions, and the documents they are. */
  readonly documents: ReadonlyMap<string, string>
}

interface Damage {
  readonly what: string
  readonly image: StoreImage
  /** Documents that may be damaged. */
  readonly names: readonly string[]
}

const subjects = new Map<string, Subject>()

beforeAll(async () => {
  for (const kind of KINDS) {
    const image = await documentImage({ closes: kind === 'closed' })
    const { answers } = await mustSettle(answersAt(imageStorage(image), true), passTime)
    const documents = new Map<string, string>()
    for (const path of image.keys()) {
      const [, name] = /^documents\/([^/]+)\/[0-9a-f]{16}\.vdoc$/.exec(path) ?? []
      if (name === undefined) continue
      // The file of an older version is not needed.
      const without = await mustSettle(answersAt(imageStorage(changed(image, { [path]: undefined })), true), passTime)
      if (without.answers.get(name) === 'DOCUMENT_MISSING') documents.set(path, name)
    }
    subjects.set(kind, { image, answers, documents })
  }
})

function of(kind: string): Subject {
  const subject = subjects.get(kind)
  if (subject === undefined) throw new Error(`no store ${kind}`)
  return subject
}

/** What is wrong with what a store with a damage answers. */
async function judge(subject: Subject, { what, image, names }: Damage, readOnly: boolean): Promise<string[]> {
  const who = `${what}, ${readOnly ? 'reader' : 'writer'}`
  const storage = imageStorage(image)
  const found: string[] = []
  const { answers, problems } = await mustSettle(answersAt(storage, readOnly), passTime)
  for (const [name, wanted] of subject.answers) {
    const answer = answers.get(name)
    if (answer === wanted) continue
    if (!names.includes(name) || !/^DOCUMENT_(?:DAMAGED|MISSING)$/.test(answer ?? '')) {
      found.push(`${who}: ${name} answers ${answer?.slice(0, 200)}`)
    } else if (!problems.some(({ file }) => file?.startsWith(`documents/${name}/`) === true)) {
      found.push(`${who}: verify finds nothing wrong with ${name}`)
    }
  }
  if (answers.size !== subject.answers.size) found.push(`${who}: there are ${[...answers.keys()]}`)
  if (!readOnly) {
    for (const path of image.keys()) {
      const isNeeded = subject.documents.has(path) || !path.endsWith('.vdoc')
      if (path.startsWith('documents/') && isNeeded && !(await storage.exists(path)))
        found.push(`${who}: removed ${path}`)
    }
  }
  return found
}

async function sweep(kind: string, damages: Iterable<Damage>, floor: number): Promise<void> {
  const subject = of(kind)
  const failures: string[] = []
  let turn = 0
  let cases = 0
  for (const damage of damages) {
    if (turn++ % STRIDE !== 0 || failures.length > 5) continue
    cases++
    failures.push(...(await judge(subject, damage, Math.floor(turn / STRIDE) % 2 === 0)))
  }
  console.info(`files of documents on ${RUNTIME}: ${cases} cases, ${kind}`)
  expect(failures).toEqual([])
  expect(cases).toBeGreaterThanOrEqual(Math.floor(floor / STRIDE))
}

function* truncations({ image, documents }: Subject): Iterable<Damage> {
  for (const [path, name] of documents) {
    const bytes = image.get(path) ?? GARBAGE
    for (let length = 0; length < bytes.length; length += length < bytes.length - 200 ? CUT_BYTES : 1) {
      const cut = changed(image, { [path]: bytes.slice(0, length) })
      yield { what: `${path} cut to ${length}`, image: cut, names: [name] }
    }
  }
}

function* misplaced({ image, documents }: Subject): Iterable<Damage> {
  for (const [one, name] of documents) {
    yield { what: `without ${one}`, image: changed(image, { [one]: undefined }), names: [name] }
    const longer = new Uint8Array([...(image.get(one) ?? []), 0])
    yield { what: `${one} with a byte more`, image: changed(image, { [one]: longer }), names: [name] }
    for (const [path, bytes] of image) {
      if (path === one || !path.endsWith('.vdoc')) continue
      const other = documents.get(path)
      const names = [name, ...(other === undefined ? [] : [other])]
      yield { what: `${path} over ${one}`, image: changed(image, { [one]: bytes }), names: [name] }
      const swapped = changed(image, { [one]: bytes, [path]: image.get(one) })
      yield { what: `${path} and ${one} swapped`, image: swapped, names }
      yield {
        what: `without ${path} and ${one}`,
        image: changed(image, { [one]: undefined, [path]: undefined }),
        names,
      }
    }
  }
}

function* sectorSwaps({ image, documents }: Subject): Iterable<Damage> {
  const draw = draws(SEED)
  const sectors = [...documents].flatMap(([path, name]) =>
    Array.from({ length: Math.ceil((image.get(path)?.length ?? 0) / SECTOR_BYTES) }, (_, at) => {
      return { path, name, at: at * SECTOR_BYTES }
    }),
  )
  for (let swap = 0; swap < SWAPS; swap++) {
    const one = sectors[draw() % sectors.length]
    const other = sectors[draw() % sectors.length]
    if (one === undefined || other === undefined) continue
    const swapped = new Map(image)
    const first = (image.get(one.path) ?? GARBAGE).slice(one.at, one.at + SECTOR_BYTES)
    const second = (image.get(other.path) ?? GARBAGE).slice(other.at, other.at + SECTOR_BYTES)
    for (const [{ path, at }, sector] of [
      [one, second],
      [other, first],
    ] as const) {
      const bytes = Uint8Array.from(swapped.get(path) ?? GARBAGE)
      bytes.set(sector.subarray(0, bytes.length - at), at)
      swapped.set(path, bytes)
    }
    const what = `seed ${SEED}, number ${swap}: ${one.path}@${one.at} and ${other.path}@${other.at} swapped`
    yield { what, image: swapped, names: [one.name, other.name] }
  }
}

/** Each damage, once for a reader and once for a writer. */
function* twice(damages: Iterable<Damage>): Iterable<Damage> {
  for (const damage of damages) yield* [damage, damage]
}

const FOREIGN = [
  'documents/readme',
  'documents/0123456789abcdef.vdoc',
  'documents/catalog/readme',
  'documents/catalog/0123456789abcdef.vdoc.bak',
  'documents/catalog/0123456789abcdef.vdoc',
  'documents/catalog/catalog/0123456789abcdef.vdoc',
  'documents/nobody/0123456789abcdef.vdoc',
  'documents/nobody/readme',
  'documents/.odd/0123456789abcdef.vdoc',
]

function* foreign({ image, documents }: Subject): Iterable<Damage> {
  const [[path] = ['']] = documents
  const contents = { empty: new Uint8Array(), garbage: GARBAGE, document: image.get(path) ?? GARBAGE }
  for (const place of FOREIGN) {
    for (const [name, bytes] of Object.entries(contents)) {
      const added = changed(image, { [place]: bytes })
      yield { what: `${place} (${name})`, image: added, names: [] }
    }
  }
}

describe.each(KINDS)('a store with documents that is %s', (kind) => {
  test('answers as before or names the damage, whatever length a document is cut to', { timeout: 60_000 }, async () => {
    await sweep(kind, truncations(of(kind)), 450)
  })

  test('answers as before or names the damage, with documents gone or misplaced', { timeout: 60_000 }, async () => {
    await sweep(kind, twice(misplaced(of(kind))), 20)
  })

  test('answers as before or names the damage, whichever sectors changed places', { timeout: 60_000 }, async () => {
    await sweep(kind, sectorSwaps(of(kind)), SWAPS)
  })

  test('answers as before with files of others between its own, and leaves them', { timeout: 60_000 }, async () => {
    await sweep(kind, twice(foreign(of(kind))), 50)
  })
})
