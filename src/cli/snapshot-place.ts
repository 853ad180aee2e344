/** The snapshots of a store, for commands that only read them. @module */
import type { Snapshots } from '../snapshot/types.ts'
import type { Arguments } from './arguments.ts'
import { type CliContext, openForReading, withStore } from './context.ts'

/** What can be done with snapshots without writing to the store that they are of. */
export type ReadSnapshots = Pick<Snapshots, 'list' | 'get' | 'verify' | 'restore' | 'drill' | 'export'>

/** Read snapshots beside a running server. @throws {VarveError} as `openStore`. */
export function withSnapshots<T>(
  args: Arguments,
  context: CliContext,
  use: (snapshots: ReadSnapshots) => Promise<T>,
): Promise<T> {
  return withStore(openForReading(args, context), ({ snapshots }) => use(snapshots))
}
