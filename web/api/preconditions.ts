/** What a caller believes of one thing, in the headers that HTTP has for it: `If-Match: "<version>"`, `If-Match: *` (it
 * exists), `If-None-Match: *` (it does not); and for reads `If-None-Match` with what is known already.
 * @module */
import type { Expectation } from '../../src/index.ts'
import type { WebContext } from '../context.ts'
import { refuse } from './fields.ts'

/** The version that the headers of an unsafe request name. A weak mark is passed over: what compresses an answer adds
 * it, and a version is the same in any coding.
 * @param what what is done and the option that says the same, for errors.
 * @throws {VarveError} `OPTION_INVALID`. */
export function expectedVersion(
  c: WebContext,
  { action, option }: { action: string; option: string },
): Expectation['version'] | undefined {
  const match = c.req.header('if-match')
  const none = c.req.header('if-none-match')
  if (match === undefined && none === undefined) return undefined
  if (match === undefined && none === '*') return 'none'
  if (match === '*' && none === undefined) return 'exists'
  const version = none === undefined ? /^(?:W\/)?"(\d{1,16})"$/.exec(match ?? '')?.[1] : undefined
  if (version !== undefined && Number.isSafeInteger(Number(version))) return Number(version)
  throw refuse(option, `Cannot ${action}: expected If-Match: "<version>", If-Match: * or If-None-Match: *`)
}

/** Whether the caller of a read has what `etag` names. Weak comparison, which is what reads are for (RFC 9110,
 * 8.8.3.2). */
export function isKnown(c: WebContext, etag: string): boolean {
  const header = c.req.header('if-none-match')
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || header === '*'
}
