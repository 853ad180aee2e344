/** The histories of a state while records are applied to it.
 * @module */
import {
  checkDistinct,
  checkGroups,
  checkHistory,
  checkHistoryOptions,
  checkPins,
  type GroupRow,
  type HistoryRow,
} from './histories.ts'
import { RowsDraft } from './named-rows.ts'
import type { HistoryChanged, HistoryWritten } from './records.ts'
import { check, checkOf, isObject, isWhole } from './shapes.ts'

/** A history whose groups records change: the list is copied once, not for every record. */
interface OwnGroups {
  readonly row: HistoryRow
  readonly groups: GroupRow[]
}

export class HistoriesDraft {
  readonly #rows: RowsDraft<HistoryRow>
  readonly #epoch: number
  /** By name. Their rows are those of before. */
  readonly #own = new Map<string, OwnGroups>()

  /** @param epoch of the manifest that the records are in. */
  constructor(from: readonly HistoryRow[] | undefined, epoch: number) {
    this.#rows = new RowsDraft(from)
    this.#epoch = epoch
  }

  create(row: HistoryRow): void {
    checkHistory(row)
    check(this.#rows.find(row.name) === undefined, `history "${row.name}" exists twice`)
    this.#rows.set(row)
  }

  change({ name, options }: HistoryChanged): void {
    const { row, groups } = this.#find(name)
    checkHistoryOptions(options, name)
    this.#own.set(name, { row: { ...row, options }, groups })
  }

  delete(name: unknown): void {
    this.#find(name)
    this.#own.delete(name as string)
    this.#rows.delete(name as string)
  }

  write(record: Omit<HistoryWritten, 'type'>): void {
    check(isObject(record), 'what is written to a history is not an object')
    const { name, from, groups: written, lastVersion, lastOffset, pins } = record
    const { row, groups } = this.#find(name)
    check(isWhole(from) && from <= groups.length, `history "${name}" is written behind its end`)
    check(Array.isArray(written), `history "${name}" is written without groups`)
    const replaced = groups.splice(from, groups.length, ...written)
    checkGroups(groups, name, from)
    // The usual append goes on with the file that was the last.
    const hasNew = this.#goOn(replaced, written, name)
    if (hasNew || written.length > 1) checkDistinct(groups, name, from)
    const isNewest = isWhole(lastVersion) && lastVersion >= row.lastVersion
    check(isNewest && lastVersion >= (groups.at(-1)?.lastVersion ?? 0), `history "${name}" loses its newest version`)
    checkOf(name, lastOffset === undefined || isWhole(lastOffset), 'history % has an impossible offset')
    const { pins: before = [], ...rest } = row
    const now = pins ?? before
    // Pins of groups that stay were checked.
    if (pins !== undefined || replaced.length > 0) checkPins(now, groups, name)
    const changes = {
      lastVersion,
      ...(lastOffset !== undefined && { lastOffset }),
      ...(now.length > 0 && { pins: now }),
    }
    this.#own.set(name, { row: { ...rest, ...changes }, groups })
  }

  /** Check that files which stay are the same, that they lose nothing, and that whoever appended to one may do so.
   * @returns whether there are others. */
  #goOn(replaced: readonly GroupRow[], written: readonly GroupRow[], history: string): boolean {
    const before = new Map(replaced.map((group) => [group.file, group]))
    let hasNew = false
    for (const group of written) {
      const same = before.get(group.file)
      if (same === undefined) {
        hasNew = true
        continue
      }
      checkOf(history, same.id === group.id && same.endBytes <= group.endBytes, 'a file of history % loses something')
      if (same.endBytes === group.endBytes) continue
      const isOurs = group.epoch === this.#epoch && (same.epoch ?? this.#epoch) === this.#epoch
      checkOf(history, isOurs, 'a file of history % grows under another owner')
    }
    return hasNew
  }

  /** The owner is done: others may go on with the files it appended to. */
  close(): void {
    for (const { name, groups: all } of this.rows) {
      if (!all.some((group) => group.epoch === this.#epoch)) continue
      const { groups } = this.#find(name)
      for (const [at, group] of groups.entries()) {
        if (group.epoch !== this.#epoch) continue
        const { epoch: _, ...rest } = group
        groups[at] = rest
      }
    }
  }

  #find(name: unknown): OwnGroups {
    check(typeof name === 'string', 'a record names no history')
    const known = this.#own.get(name)
    if (known !== undefined) return known
    const row = this.#rows.find(name)
    check(row?.name === name, `there is no history "${name}"`)
    const own = { row, groups: [...row.groups] }
    this.#own.set(name, own)
    return own
  }

  get rows(): readonly HistoryRow[] {
    for (const { row, groups } of this.#own.values()) this.#rows.set({ ...row, groups: [...groups] })
    return this.#rows.rows
  }
}
