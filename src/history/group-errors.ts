/** What is said of versions that are lost.
 * @module */
import { VarveError } from '../errors.ts'
import type { GroupPlace } from './group-types.ts'

const NAMED_MOST = 3

/** @param found what was found instead of them. */
export function versionDamaged(
  { history, path }: Pick<GroupPlace, 'history' | 'path'>,
  { versions, found }: { readonly versions: readonly number[]; readonly found: string },
  cause?: unknown,
): VarveError {
  const some = versions.slice(0, NAMED_MOST).join(', ')
  const named = versions.length > NAMED_MOST ? `${some} and ${versions.length - NAMED_MOST} more` : some
  const many = versions.length === 1 ? `version ${named}` : `versions ${named}`
  return new VarveError('VERSION_DAMAGED', `Cannot read ${many} of history "${history}": found ${found}`, {
    details: { history, versions, file: path, found },
    ...(cause !== undefined && { cause }),
  })
}
