/** Which runtime the tests run on: the long explorations run whole on one of them and in part on the others.
 * @module */

export type Runtime = 'node' | 'deno' | 'bun'

const versions: Readonly<Record<string, string | undefined>> = process.versions

export const RUNTIME: Runtime = versions.deno !== undefined ? 'deno' : versions.bun !== undefined ? 'bun' : 'node'

/** A count for the whole run on Node; elsewhere its tenth. */
export function share(count: number): number {
  return RUNTIME === 'node' ? count : Math.ceil(count / 10)
}
