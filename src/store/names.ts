/** Names that become files: topics, documents, histories and projections.
 * @module */
import { VarveError } from '../errors.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** Topics of the store's own. Other names that begin with `_` are kept for more of them. */
const OWN: ReadonlySet<unknown> = new Set(['_audit'])
const WINDOWS_RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$/i

/** Check a name before it touches a path. @throws {VarveError} `NAME_INVALID`. */
export function checkName(name: unknown, what: string): asserts name is string {
  if (what === 'topic' && OWN.has(name)) return
  if (isName(name)) return
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 60)) : typeof name
  throw new VarveError('NAME_INVALID', `Cannot use ${shown} as the name of a ${what}`, {
    details: { what, name: shown },
  })
}

/** Whether this may be the name of a file or directory on any system. */
export function isName(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    !name.includes('..') &&
    !name.endsWith('.') &&
    !WINDOWS_RESERVED.test(name)
  )
}

/** The same, or one of the store's own, which begins with `_`. */
export function isOwnOrName(name: unknown): name is string {
  return isName(name) || (typeof name === 'string' && name.startsWith('_') && isName(name.slice(1)))
}
