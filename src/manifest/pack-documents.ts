/** How the documents of a state are written: in columns, because there may be 100,000. Warning: this is a disk format;
 * a change needs a new format version.
 *
 * | column | what it holds for each document |
 * |---|---|
 * | `names` | the name, with `/` between them |
 * | `ids` | 16 hexadecimal digits, without anything between them |
 * | `version`, `sizeBytes`, `indexBytes`, `writtenAt` | a number |
 *
 * `rest` are documents that say something only a newer version knows, as rows.
 * @module */
import { checkDocument, type DocumentRow } from './documents.ts'
import { orderedRows } from './named-rows.ts'
import { check, isObject } from './shapes.ts'

const ID_DIGITS = 16
const NUMBERS = ['version', 'sizeBytes', 'indexBytes', 'writtenAt'] as const
const FIELDS = new Set<string>(['name', 'id', ...NUMBERS])

/** What was read and has not changed since is written as it was. */
const known = new WeakMap<readonly DocumentRow[], unknown>()

/** The documents of a state as they are written. */
export function packDocuments(rows: readonly DocumentRow[]): unknown {
  return known.get(rows) ?? packAnew(rows)
}

function packAnew(rows: readonly DocumentRow[]): unknown {
  const names: string[] = []
  let ids = ''
  const [version, sizeBytes, indexBytes, writtenAt]: number[][] = [[], [], [], []]
  const rest: DocumentRow[] = []
  for (const row of rows) {
    if (!isRegular(row)) {
      rest.push(row)
      continue
    }
    names.push(row.name)
    ids += row.id
    version?.push(row.version)
    sizeBytes?.push(row.sizeBytes)
    indexBytes?.push(row.indexBytes)
    writtenAt?.push(row.writtenAt)
  }
  const columns = { names: names.join('/'), ids, version, sizeBytes, indexBytes, writtenAt }
  return rest.length === 0 ? columns : { ...columns, rest }
}

function isRegular(row: DocumentRow): boolean {
  for (const field in row) if (!FIELDS.has(field)) return false
  return true
}

/** Check documents that were read, and unpack them. @returns them in the order of a state.
 * @throws {VarveError} `MANIFEST_DAMAGED`. */
export function unpackDocuments(stored: unknown): readonly DocumentRow[] {
  // As rows they are what a state in memory holds.
  const rest = isObject(stored) ? (stored.rest ?? []) : stored
  check(Array.isArray(rest), 'the documents are not listed')
  const found = isObject(stored) ? columnsOf(stored) : []
  found.push(...rest)
  for (const row of found) checkDocument(row)
  const rows = orderedRows(found, 'a document')
  known.set(rows, stored)
  return rows
}

function columnsOf(stored: Readonly<Record<string, unknown>>): DocumentRow[] {
  const { names, ids } = stored
  check(typeof names === 'string' && typeof ids === 'string', 'packed documents have no names')
  const each = names === '' ? [] : names.split('/')
  check(ids.length === each.length * ID_DIGITS, 'packed documents have no ids')
  const [version = [], sizeBytes = [], indexBytes = [], writtenAt = []] = NUMBERS.map((name) => {
    const column = stored[name]
    check(Array.isArray(column) && column.length === each.length, `packed documents lack ${name}`)
    return column as number[]
  })
  return each.map((name, at) => ({
    name,
    version: version[at] as number,
    id: ids.slice(at * ID_DIGITS, (at + 1) * ID_DIGITS),
    sizeBytes: sizeBytes[at] as number,
    indexBytes: indexBytes[at] as number,
    writtenAt: writtenAt[at] as number,
  }))
}
