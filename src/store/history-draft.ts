/** Versions of a history that are to take the place of all there are, in one record: until then nobody sees them.
 * @module */
import { StoredHistory } from '../history/history.ts'
import type { GroupsWritten, HistoryHost } from '../history/host.ts'
import type { AppendCall } from '../history/version-writer.ts'
import type { HistoryRow } from '../manifest/index.ts'

export class HistoryDraft {
  readonly #host: HistoryHost
  readonly #history: StoredHistory
  /** As it will be. */
  #row: HistoryRow
  /** Files of its groups, which no manifest names yet. */
  readonly #held = new Map<string, () => void>()

  /** @param host of the history, to which nobody else may append meanwhile. */
  constructor(host: HistoryHost) {
    this.#host = host
    const { lastOffset: _, ...row } = host.row()
    this.#row = { ...row, groups: [] }
    this.#history = new StoredHistory({
      ...host,
      row: () => this.#row,
      commit: async (written) => this.#note(written),
      kept: () => undefined,
      reads: () => undefined,
    })
  }

  /** @throws {VarveError} as `History.append`. */
  async append(call: Omit<AppendCall, 'commit'>): Promise<void> {
    await this.#history.appendWith(call)
  }

  #note({ from, groups, lastVersion, lastOffset }: GroupsWritten): void {
    const all = [...this.#row.groups.slice(0, from), ...groups]
    this.#row = { ...this.#row, groups: all, lastVersion, ...(lastOffset !== undefined && { lastOffset }) }
    for (const { file } of groups) if (!this.#held.has(file)) this.#held.set(file, this.#host.hold(file))
  }

  /** What makes them the versions of the history. */
  get written(): GroupsWritten {
    const { name, groups, lastVersion, lastOffset = 0 } = this.#row
    return { name, from: 0, groups, lastVersion, lastOffset }
  }

  /** Give their files up, unless a record names them by now. */
  async end(): Promise<void> {
    await this.#history.rest()
    for (const release of this.#held.values()) release()
    this.#held.clear()
  }
}
