/** Rows in the order of their names without regard to case: so one is found among 100,000 in 17 steps, and a commit
 * copies a list of rows and nothing else.
 * @module */
import { check } from './shapes.ts'

/** One change, the usual number, moves the rows behind it at once; many are merged in one pass. */
const SPLICED_MOST = 8

export interface NamedRow {
  readonly name: string
}

/** @param what the rows are, such as `a document`.
 * @returns rows in the order of a state. @throws {VarveError} `MANIFEST_DAMAGED` when a name occurs twice. */
export function orderedRows<Row extends NamedRow>(rows: readonly Row[], what: string): readonly Row[] {
  const names = rows.map(({ name }) => name.toLowerCase())
  if (isAscending(names)) return rows
  const sorted = rows.map((row, at) => ({ row, folded: names[at] as string }))
  sorted.sort((a, b) => (a.folded < b.folded ? -1 : 1))
  check(isAscending(sorted.map(({ folded }) => folded)), `${what} exists twice`)
  return sorted.map(({ row }) => row)
}

function isAscending(names: readonly string[]): boolean {
  let at = 1
  while (at < names.length && (names[at - 1] as string) < (names[at] as string)) at++
  return at >= names.length
}

/** The row of a name, or of one that differs only in case. */
export function findRow<Row extends NamedRow>(rows: readonly Row[] = [], name: string): Row | undefined {
  const folded = name.toLowerCase()
  const row = rows[placeOf(rows, folded)]
  return row?.name.toLowerCase() === folded ? row : undefined
}

/** Where a name is, or would have to be. */
function placeOf(rows: readonly NamedRow[], folded: string, from = 0): number {
  let low = from
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((rows[middle] as NamedRow).name.toLowerCase() < folded) low = middle + 1
    else high = middle
  }
  return low
}

/** Rows of a state while records are applied to it. */
export class RowsDraft<Row extends NamedRow> {
  readonly #from: readonly Row[]
  /** What records changed, by name without regard to case; undefined: deleted. */
  readonly #changed = new Map<string, Row | undefined>()

  constructor(from: readonly Row[] = []) {
    this.#from = from
  }

  /** The row of a name, or of one that differs only in case. */
  find(name: string): Row | undefined {
    const folded = name.toLowerCase()
    return this.#changed.has(folded) ? this.#changed.get(folded) : findRow(this.#from, folded)
  }

  set(row: Row): void {
    this.#changed.set(row.name.toLowerCase(), row)
  }

  delete(name: string): void {
    this.#changed.set(name.toLowerCase(), undefined)
  }

  /** What there is now. Cost: a copy of the list when something was changed. */
  get rows(): readonly Row[] {
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

  #merged(): Row[] {
    const rows: Row[] = []
    let at = 0
    for (const [folded, row] of [...this.#changed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const place = placeOf(this.#from, folded, at)
      for (; at < place; at++) rows.push(this.#from[at] as Row)
      if (row !== undefined) rows.push(row)
      if (this.#from[at]?.name.toLowerCase() === folded) at++
    }
    for (; at < this.#from.length; at++) rows.push(this.#from[at] as Row)
    return rows
  }
}
