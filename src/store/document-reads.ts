/** Documents that stay open between reads of one value each: those that were read last.
 * @module */
import type { OpenDocument } from '../document/types.ts'
import type { DocumentRow } from '../manifest/index.ts'

/** In memory an index takes up to ten times what it takes in its file. */
const OPEN_MOST = 32
const OPEN_INDEX_BYTES = 4 * 1_048_576

interface Entry {
  readonly id: string
  readonly indexBytes: number
  readonly opened: Promise<OpenDocument>
  readers: number
  /** Not for new readers: the last one closes it. */
  isDropped: boolean
}

export class DocumentReads {
  readonly #open: (row: DocumentRow) => Promise<OpenDocument>
  /** By name, the one that was read last at the end. */
  readonly #entries = new Map<string, Entry>()

  constructor(open: (row: DocumentRow) => Promise<OpenDocument>) {
    this.#open = open
  }

  /** Read from a version of a document, opening it when it is not open. */
  async read<T>(row: DocumentRow, read: (document: OpenDocument) => Promise<T>): Promise<T> {
    const entry = this.#entry(row)
    entry.readers++
    try {
      return await read(await entry.opened)
    } finally {
      entry.readers--
      if (entry.isDropped) this.#closeIfIdle(entry)
    }
  }

  #entry(row: DocumentRow): Entry {
    const known = this.#entries.get(row.name)
    if (known?.id === row.id) {
      this.#entries.delete(row.name)
      this.#entries.set(row.name, known)
      return known
    }
    this.drop(row.name)
    const entry = { id: row.id, indexBytes: row.indexBytes, opened: this.#open(row), readers: 0, isDropped: false }
    this.#entries.set(row.name, entry)
    entry.opened.catch(() => {
      if (this.#entries.get(row.name) === entry) this.#entries.delete(row.name)
    })
    this.#dropOldest()
    return entry
  }

  /** Keep few open, and their indexes small together. */
  #dropOldest(): void {
    let indexBytes = 0
    for (const entry of this.#entries.values()) indexBytes += entry.indexBytes
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size === 1) return
      if (this.#entries.size <= OPEN_MOST && indexBytes <= OPEN_INDEX_BYTES) return
      indexBytes -= entry.indexBytes
      this.drop(name)
    }
  }

  /** Close a document, now or when its last reader is done: there is a newer version, or none any more. */
  drop(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    entry.isDropped = true
    this.#closeIfIdle(entry)
  }

  /** The same for all that a test finds outdated. */
  dropAll(isOutdated: (name: string, id: string) => boolean): void {
    for (const [name, { id }] of [...this.#entries]) if (isOutdated(name, id)) this.drop(name)
  }

  #closeIfIdle(entry: Entry): void {
    // What cannot be opened has told its readers, and what cannot be closed has no bytes to lose.
    if (entry.readers === 0) entry.opened.then((document) => document.close()).catch(() => undefined)
  }
}
