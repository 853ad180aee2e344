/** What a query asks of a history.
 * @module */
import type { Digest } from '../../codec/digest.ts'
import type { Path } from '../../document/path/path.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import type { VersionInfo } from '../types.ts'

export interface QuerySource {
  /** Names the history in cursors, in ASCII. One made later with the same name has another. */
  readonly id: string
  /** For the size of values at paths. */
  readonly digest: Digest
  /** Beside a writer: see what it did until now. */
  refresh(): Promise<void>
  /** The groups as they are now, in order. Asked again before each group, so that a query sees what clean-ups leave. */
  groups(): readonly GroupRow[]
  /** Open the group that `look` finds among `groups`; undefined: none. It is looked for in the turn in which it begins
   * to be opened: its file has to stay until `release`. */
  open(look: () => GroupRow | undefined, signal: AbortSignal | undefined): Promise<QueryGroup | undefined>
}

export interface QueryGroup {
  readonly row: GroupRow
  /** Those that can be listed, ascending. */
  readonly versions: readonly VersionInfo[]
  /** Numbers of those that cannot be read, listed or not. */
  readonly damaged: readonly number[]
  /** A value that is the caller's own. @throws {VarveError} `VERSION_DAMAGED`. */
  value(version: number, signal: AbortSignal | undefined): Promise<unknown>
  /** The same of the value at a path; undefined where nothing is. */
  valueAt(version: number, path: Path, signal: AbortSignal | undefined): Promise<unknown>
  /** The values of this version and those behind it in the group, in order: one value that advances, so that what is
   * kept of it has to be copied. @throws {VarveError} `VERSION_DAMAGED` at the first that cannot be read. */
  values(
    from: number,
    signal: AbortSignal | undefined,
  ): AsyncIterable<{ readonly version: number; readonly value: unknown }>
  release(): void
}
