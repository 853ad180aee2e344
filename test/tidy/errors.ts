/** Error codes: each is thrown somewhere, and some test asserts it.
 * @module */
import type { Source } from './sources.ts'

/** Codes that nothing throws yet, or that no test asserts yet, and why. The list may only shrink: tidy refuses an entry
 * that is not needed any more. */
export const UNTHROWN: Readonly<Record<string, string>> = {}
export const UNASSERTED: Readonly<Record<string, string>> = {}

/** Codes that no product file names, and codes that no test names. */
export function missingCodes(
  sources: readonly Source[],
  codes: readonly string[],
): { readonly unthrown: string[]; readonly unasserted: string[] } {
  const product = sources.filter(({ path }) => !path.startsWith('test/') && path !== 'src/errors.ts')
  const tests = sources.filter(({ path }) => path.startsWith('test/') && !/^test\/(?:tidy|types|docs)\//.test(path))
  const isNamed = (within: readonly Source[], code: string) => {
    const named = new RegExp(`['"]${code}['"]|^\\s*${code}:`, 'm')
    return within.some(({ text }) => named.test(text))
  }
  return {
    unthrown: codes.filter((code) => !isNamed(product, code)),
    unasserted: codes.filter((code) => !isNamed(tests, code)),
  }
}
