/** Copies of the files of groups.
 * @module */
import type { GroupRow } from '../manifest/histories.ts'
import type { GroupPlace } from './group-types.ts'

/** Copy what counts of a group to a new file, durably. @throws {VarveError} what the storage throws. */
export async function copyGroup(_from: GroupPlace, _to: GroupPlace, _row: GroupRow): Promise<void> {}
