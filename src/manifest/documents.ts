/** The documents that exist, in the order of their names without regard to case: so one is found among 100,000 in
 * 17 steps, and a commit copies a list of rows and nothing else.
 * @module */
import { check, checkOf, isFileName, isObject, isWhole } from './shapes.ts'

/** One change, the usual number, moves the rows behind it at once; many are merged in one pass. */
const SPLICED_MOST = 8
const ID = /^[0-9a-f]{16}$/

export interface DocumentRow {
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
  check(isFileName(name), 'a document has an impossible name')
  checkOf(name, isWhole(version) && version > 0, 'document % has no version')
  checkOf(name, typeof id === 'string' && ID.test(id), 'document % has no id')
  checkOf(name, isWhole(sizeBytes) && isWhole(writtenAt), 'document % is incomplete')
  checkOf(name, isWhole(indexBytes) && indexBytes <= sizeBytes, 'document % has an impossible index')
}

/** @returns rows in the order of a state. @throws {VarveError} `MANIFEST_DAMAGED` when a name occurs twice. */
export function orderedDocuments(rows: readonly DocumentRow[]): readonly DocumentRow[] {
  const names = rows.map(({ name }) => name.toLowerCase())
  if (isAscending(names)) return rows
  const sorted = rows.map((row, at) => ({ row, folded: names[at] as string }))
  sorted.sort((a, b) => (a.folded < b.folded ? -1 : 1))
  check(isAscending(sorted.map(({ folded }) => folded)), 'a document exists twice')
  return sorted.map(({ row }) => row)
}

function isAscending(names: readonly string[]): boolean {
  let at = 1
  while (at < names.length && (names[at - 1] as string) < (names[at] as string)) at++
  return at >= names.length
}

/** The document of a name, or of one that differs only in case. */
export function findDocument(rows: readonly DocumentRow[] = [], name: string): DocumentRow | undefined {
  const folded = name.toLowerCase()
  const row = rows[placeOf(rows, folded)]
  return row?.name.toLowerCase() === folded ? row : undefined
}

/** Where a name is, or would have to be. */
function placeOf(rows: readonly DocumentRow[], folded: string, from = 0): number {
  let low = from
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle] as DocumentRow).name.toLowerCase() < folded) low = middle + 1
    else high = middle
  }
  return low
}

/** The documents of a state while records are applied to it. */
export class DocumentsDraft {
  readonly #from: readonly DocumentRow[]
  /** What records changed, by name without regard to case; undefined: deleted. */
  readonly #changed = new Map<string, DocumentRow | undefined>()
  /** The highest version of any document that was deleted. */
  lastVersion: number | undefined

  constructor(from: readonly DocumentRow[] | undefined, lastVersion: number | undefined) {
    this.#from = from ?? []
    this.lastVersion = lastVersion
  }

  write(row: DocumentRow): void {
    checkDocument(row)
    const folded = row.name.toLowerCase()
    const before = this.#find(folded)
    if (before !== undefined) {
      check(before.name === row.name, `documents "${before.name}" and "${row.name}" differ only in case`)
      checkOf(row.name, row.version > before.version, 'a version of document % is not above the one before')
      checkOf(row.name, row.id !== before.id, 'two versions of document % have the same file')
    }
    this.#changed.set(folded, row)
  }

  delete(name: unknown): void {
    check(typeof name === 'string', 'a deletion names no document')
    const folded = name.toLowerCase()
    const row = this.#find(folded)
    check(row?.name === name, `there is no document "${name}"`)
    this.lastVersion = Math.max(this.lastVersion ?? 0, row.version)
    this.#changed.set(folded, undefined)
  }

  #find(folded: string): DocumentRow | undefined {
    return this.#changed.has(folded) ? this.#changed.get(folded) : findDocument(this.#from, folded)
  }

  /** What there is now. Cost: a copy of the list when something was changed. */
  get rows(): readonly DocumentRow[] {
    if (this.#changed.size === 0) return this.#from
    if (this.#changed.size > SPLICED_MOST) return this.#merged()
    const rows = this.#from.slice()
    for (const [folded, row] of this.#changed) {
      const at = placeOf(rows, folded)
      const replaced = rows[at]?.name.toLowerCase() === folded ? 1 : 0
      rows.splice(at, replaced, ...(row === undefined ? [] : [row]))
    }
    return rows
  }

  #merged(): DocumentRow[] {
    const rows: DocumentRow[] = []
    let at = 0
    for (const [folded, row] of [...this.#changed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const place = placeOf(this.#from, folded, at)
      for (; at < place; at++) rows.push(this.#from[at] as DocumentRow)
      if (row !== undefined) rows.push(row)
      if (this.#from[at]?.name.toLowerCase() === folded) at++
    }
    for (; at < this.#from.length; at++) rows.push(this.#from[at] as DocumentRow)
    return rows
  }
}
