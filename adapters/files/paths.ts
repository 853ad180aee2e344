/** What a storage accepts as a path, a position and a size: the last door before the file system.
 * @module */
import { VarveError } from '../../src/errors.ts'

const SEGMENTS = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/
const DOTS_ONLY = /(?:^|\/)\.\.?(?:\/|$)/

/** Check a store-relative path. @throws `NAME_INVALID`. */
export function checkPath(path: string): void {
  if (SEGMENTS.test(path) && !DOTS_ONLY.test(path)) return
  throw new VarveError('NAME_INVALID', `Cannot use ${JSON.stringify(path)} as a path`, { details: { path } })
}

/** The same for a directory, where the empty path is the root. @throws `NAME_INVALID`. */
export function checkDirectory(path: string): void {
  if (path !== '') checkPath(path)
}

/** The directory that holds `path`; the empty path is the root. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** Check a position or a size in bytes. @throws {RangeError} unless it is a whole number from 0 to 2^53 - 1. */
export function checkPosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0) throw new RangeError(`Not a position in a file: ${position}`)
}

/** Order of names in a listing: by code unit, the same on every machine. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
