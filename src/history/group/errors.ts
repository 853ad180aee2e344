/** What is said of versions that are lost.
 * @module */
import { VarveError } from '../../errors.ts'
import type { GroupPlace } from './types.ts'

const NAMED_MOST = 3

/** @param found what was found instead of them; `position` in the file, where known. */
export function versionDamaged(
  { history, path }: Pick<GroupPlace, 'history' | 'path'>,
  { versions, found, position }: { versions: readonly number[]; found: string; position?: unknown },
  cause?: unknown,
): VarveError {
  const some = versions.slice(0, NAMED_MOST).join(', ')
  const named = versions.length > NAMED_MOST ? `${some} and ${versions.length - NAMED_MOST} more` : some
  const many = versions.length === 1 ? `version ${named}` : `versions ${named}`
  return new VarveError('VERSION_DAMAGED', `Cannot read ${many} of history "${history}": found ${found}`, {
    details: { history, versions, file: path, found, ...(typeof position === 'number' && { position }) },
    ...(cause !== undefined && { cause }),
  })
}
