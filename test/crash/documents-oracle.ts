/** What must be true of the documents of a store after anything happened to its disk.
 *
 * Each change of a document carries a number of its own; the ledger knows which were begun and which were acknowledged.
 * `mustHoldDocuments` opens the store and checks: each document is the last acknowledged version or one that was being
 * written after it, whole, wherever it is read (D1); what was deleted stays away, and so does what was refused (D2);
 * `verify` agrees (D3); versions never repeat (D4); writing works (D5); after a close every file is one that the
 * manifest names (D6); opening again shows the same (D7).
 * @module */
import type { StructuralEvent } from '../../src/document/types.ts'
import { isVarveError } from '../../src/index.ts'
import { readManifest } from '../../src/manifest/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { openForTest } from './oracle.ts'

/** One change of a document: a new version, or its deletion. */
export interface Change {
  readonly name: string
  /** Changes of one name with one number were made beside each other; others after those of lower numbers. */
  readonly turn: number
  /** Absent for a deletion. */
  readonly value?: DocumentValue
  /** Of an acknowledged write, or of what was deleted. */
  version?: number
  /** It was refused, and so must not be there. */
  refused?: boolean
}

export type ChangeLedger = Ledger<Change>

export interface DocumentValue {
  readonly number: number
  readonly rows: readonly { readonly id: number; readonly text: string }[]
  readonly byKey: Readonly<Record<string, number>>
  readonly more: unknown
}

/** A value of about 90 bytes a row that does not compress away, the same for the same number. */
export function documentValue(number: number, rows: number): DocumentValue {
  const bytes = seededRandom(number).bytes(rows * 30)
  const text = (row: number) =>
    Array.from(bytes.subarray(row * 30, row * 30 + 30), (byte) => byte.toString(36)).join('')
  return {
    number,
    rows: Array.from({ length: rows }, (_, id) => ({ id, text: text(id) })),
    byKey: Object.fromEntries(Array.from({ length: rows }, (_, id) => [`key ${id} of ${number}`, id * number])),
    more: [null, true, -0.5, 'größe', { nested: [[], {}] }],
  }
}

export type Via = 'value' | 'json' | 'events'

/** Changes documents and tells the ledger. */
export class Author {
  readonly #store: Store
  readonly #ledger: ChangeLedger
  #next: number

  constructor(store: Store, ledger: ChangeLedger, firstNumber: number) {
    this.#store = store
    this.#ledger = ledger
    this.#next = firstNumber
  }

  /** The number of the next change: pass it to several to say that they are made beside each other. */
  get turn(): number {
    return this.#next
  }

  async write(name: string, rows: number, { via = 'value' as Via, turn = this.#next } = {}): Promise<Change> {
    const value = documentValue(this.#next++, rows)
    return this.#make({ name, turn, value }, async () => {
      const { documents } = this.#store
      // Every value of 64 bytes is in the index.
      const options = { thresholdBytes: 64 }
      if (via === 'value') return (await documents.write(name, value, options)).version
      if (via === 'events') return (await documents.writeEvents(name, eventsOf(value), options)).version
      return (await documents.writeJson(name, piecesOf(JSON.stringify(value)), options)).version
    })
  }

  /** Write JSON whose source ends, or fails, in the middle. */
  async writeBroken(name: string, rows: number, how: 'cut' | 'thrown'): Promise<void> {
    const value = documentValue(this.#next, rows)
    const change: Change = { name, turn: this.#next++, value, refused: true }
    this.#ledger.attempt(change)
    const text = JSON.stringify(value)
    let isThrown = false
    async function* source() {
      yield* piecesOf(text.slice(0, text.length - 9))
      if (how === 'cut') return
      isThrown = true
      throw new Error('the source fails')
    }
    try {
      await this.#store.documents.writeJson(name, source())
    } catch (error) {
      if (isVarveError(error) || isThrown) return
      throw error
    }
    throw new ScenarioFailure(`half a document was stored as ${name}`)
  }

  async delete(name: string): Promise<void> {
    const { version } = await this.#store.documents.stat(name)
    await this.#make({ name, turn: this.#next++, version }, async () => {
      await this.#store.documents.delete(name)
      return version
    })
  }

  async #make(change: Change, make: () => Promise<number>): Promise<Change> {
    this.#ledger.attempt(change)
    try {
      change.version = await make()
    } catch (error) {
      change.refused = isVarveError(error, 'STORAGE_FULL')
      throw error
    }
    this.#ledger.acknowledge(change)
    return change
  }
}

/** JSON text as it comes from a network: in pieces, each after a while. */
async function* piecesOf(text: string): AsyncIterable<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += 3_000) {
    await undefined
    yield bytes.subarray(at, at + 3_000)
  }
}

function* eventsOf(value: unknown): Iterable<StructuralEvent> {
  if (typeof value !== 'object' || value === null) {
    yield { type: 'value', value: value as string | number | boolean | null }
  } else if (Array.isArray(value)) {
    yield { type: 'beginArray' }
    for (const element of value) yield* eventsOf(element)
    yield { type: 'endArray' }
  } else {
    yield { type: 'beginObject' }
    for (const [key, field] of Object.entries(value)) {
      yield { type: 'key', key }
      yield* eventsOf(field)
    }
    yield { type: 'endObject' }
  }
}

/** Check the invariants, and tell the ledger what was shown and what was written. @throws {ScenarioFailure} */
export async function mustHoldDocuments(
  storage: () => Storage,
  { known, ledger }: { known: Known<Change>; ledger: ChangeLedger },
): Promise<void> {
  const store = await openForTest(storage())
  const shown = await mustShow(store, known)
  ledger.shown(shown)
  const verified = await store.verify()
  must(verified.ok, () => `verify: ${JSON.stringify(verified.problems)}`)
  mustEqual(verified.unknownFiles, [], 'files that verify does not know')
  const author = new Author(store, ledger, 1_000_000 + Math.max(0, ...known.attempted.map(({ turn }) => turn)))
  const [first] = shown
  for (const name of new Set([first?.name ?? 'first', 'after'])) {
    const { version = 0 } = await author.write(name, 3)
    const before = known.acknowledged.filter((change) => change.name === name).map((change) => change.version ?? 0)
    must(version > Math.max(0, ...before), () => `version ${version} of ${name} was there before: ${before}`)
  }
  await store.close()
  await mustBeTidy(storage())
  const again = await openForTest(storage(), { readOnly: true })
  await mustShow(again, ledger.at(Number.POSITIVE_INFINITY))
  await again.close()
}

/** Which changes the store shows, each checked against what may be there. */
export async function mustShow(store: Store, { attempted, acknowledged }: Known<Change>): Promise<Change[]> {
  const listed = new Map((await store.documents.list()).map((stat) => [stat.name, stat]))
  const shown: Change[] = []
  for (const name of new Set(attempted.map((change) => change.name))) {
    const mine = (changes: readonly Change[]) => changes.filter((change) => change.name === name)
    const stat = listed.get(name)
    listed.delete(name)
    if (stat !== undefined) await mustRead(store, name, stat.version)
    const found = stat === undefined ? undefined : await store.documents.read(name, 'number')
    const isShown = (change: Change) => (stat === undefined ? isDeletion(change) : change.value?.number === found)
    const change = mine(attempted).findLast(isShown)
    must(change !== undefined || stat === undefined, () => `${name} is what nobody wrote: ${found}`)
    must(change === undefined || change.refused !== true, () => `${name} was refused, but is there`)
    for (const known of mine(acknowledged)) {
      const what = () =>
        `${name} is change ${change?.turn}, version ${stat?.version}: lost ${known.turn}, ${known.version}`
      must(change !== undefined && isNotBefore(change, known, stat?.version), what)
    }
    if (change === undefined) continue
    mustEqual(await newestValue(store, stat && name), change.value, () => `value of ${name}`)
    if (stat !== undefined && change.version !== undefined && acknowledged.includes(change))
      mustEqual(stat.version, change.version, () => `version of ${name}`)
    shown.push({ ...change, ...(stat !== undefined && { version: stat.version }) })
  }
  mustEqual([...listed.keys()], [], 'documents that nobody wrote')
  return shown
}

function isDeletion(change: Change): boolean {
  return change.value === undefined
}

/** Whether `change`, which the store shows with a version, may be what is left after `known` was acknowledged. */
function isNotBefore(change: Change, known: Change, version = 0): boolean {
  if (change === known || change.turn !== known.turn) return change.turn >= known.turn
  return version > (known.version ?? 0)
}

async function newestValue(store: Store, name: string | undefined): Promise<unknown> {
  return name === undefined ? undefined : store.documents.read(name)
}

/** Wherever a document is read, it is the same. */
async function mustRead(store: Store, name: string, version: number): Promise<void> {
  const document = await store.documents.open(name)
  try {
    mustEqual(document.version, version, `version of ${name} when it is opened`)
    const whole = (await document.read()) as DocumentValue
    const row = whole.rows.length >>> 1
    mustEqual(await document.read(`rows[${row}].text`), whole.rows[row]?.text, `row ${row} of ${name}`)
    const [key = 'none', number] = Object.entries(whole.byKey)[row] ?? []
    mustEqual(await document.read(`byKey."${key}"`), number, `key "${key}" of ${name}`)
    mustEqual(await document.read('byKey.nothing'), undefined, `no key of ${name}`)
    let text = ''
    for await (const piece of document.json()) text += new TextDecoder().decode(piece)
    mustEqual(JSON.parse(text), whole, `JSON of ${name}`)
  } finally {
    await document.close()
  }
}

/** After a close there is no file of a document but those of the newest versions, and nothing unfinished. */
export async function mustBeTidy(storage: Storage): Promise<void> {
  const state = (await readManifest(storage))?.state
  const wanted = (state?.documents ?? []).map(({ name, id }) => `${name}/${id}.vdoc`)
  const found: string[] = []
  for (const { name } of await storage.list('documents')) {
    for (const file of await storage.list(`documents/${name}`)) found.push(`${name}/${file.name}`)
  }
  mustEqual(found.sort(), wanted.sort(), 'files of documents after a close')
  mustEqual((await storage.list('tmp')).length, 0, 'unfinished files')
}
