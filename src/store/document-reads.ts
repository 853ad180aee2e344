/** Documents that stay open between reads of one value each: those that were read last.
 * @module */
import type { OpenDocument } from '../document/types.ts'
import type { DocumentRow } from '../manifest/index.ts'

/** The index of a document takes up to a MiB of memory. */
const OPEN_MOST = 32

interface Entry {
  readonly id: string
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
    const entry = { id: row.id, opened: this.#open(row), readers: 0, isDropped: false }
    this.#entries.set(row.name, entry)
    entry.opened.catch(() => {
      if (this.#entries.get(row.name) === entry) this.#entries.delete(row.name)
    })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > OPEN_MOST && oldest !== undefined) this.drop(oldest)
    return entry
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
