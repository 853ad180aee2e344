/** The documents that exist, in the order of their names without regard to case.
 * @module */
import { findRow, RowsDraft } from './named-rows.ts'
import { check, checkOf, isFileId, isObject, isOwnOrFileName, isWhole } from './shapes.ts'

export interface DocumentRow {
  /** One that begins with `_` is the store's own. */
  readonly name: string
  /** From 1; each write makes it larger, and a name never has the same one twice. */
  readonly version: number
  /** Of its file `documents/<name>/<id>.vdoc`: random 64 bits, 16 hexadecimal digits. */
  readonly id: string
  readonly sizeBytes: number
  /** Of its path index; part of `sizeBytes`. */
  readonly indexBytes: number
  /** Milliseconds since 1970. */
  readonly writtenAt: number
}

/** Check the shape of a document. */
export function checkDocument(value: unknown): asserts value is DocumentRow {
  check(isObject(value), 'a document is not an object')
  const { name, version, id, sizeBytes, indexBytes, writtenAt } = value
  check(isOwnOrFileName(name), 'a document has an impossible name')
  checkOf(name, isWhole(version) && version > 0, 'document % has no version')
  checkOf(name, isFileId(id), 'document % has no id')
  checkOf(name, isWhole(sizeBytes) && isWhole(writtenAt), 'document % is incomplete')
  checkOf(name, isWhole(indexBytes) && indexBytes <= sizeBytes, 'document % has an impossible index')
}

/** The document of a name, or of one that differs only in case. */
export function findDocument(rows: readonly DocumentRow[] | undefined, name: string): DocumentRow | undefined {
  return findRow(rows, name)
}

/** The documents of a state while records are applied to it. */
export class DocumentsDraft {
  readonly #rows: RowsDraft<DocumentRow>
  /** The highest version of any document that was deleted. */
  lastVersion: number | undefined

  constructor(from: readonly DocumentRow[] | undefined, lastVersion: number | undefined) {
    this.#rows = new RowsDraft(from)
    this.lastVersion = lastVersion
  }

  write(row: DocumentRow): void {
    checkDocument(row)
    const before = this.#rows.find(row.name)
    if (before !== undefined) {
      check(before.name === row.name, `documents "${before.name}" and "${row.name}" differ only in case`)
      checkOf(row.name, row.version > before.version, 'a version of document % is not above the one before')
      checkOf(row.name, row.id !== before.id, 'two versions of document % have the same file')
    }
    this.#rows.set(row)
  }

  has(name: string): boolean {
    return this.#rows.find(name)?.name === name
  }

  delete(name: unknown): void {
    check(typeof name === 'string', 'a deletion names no document')
    const row = this.#rows.find(name)
    check(row?.name === name, `there is no document "${name}"`)
    this.lastVersion = Math.max(this.lastVersion ?? 0, row.version)
    this.#rows.delete(name)
  }

  /** What there is now. Cost: a copy of the list when something was changed. */
  get rows(): readonly DocumentRow[] {
    return this.#rows.rows
  }
}
