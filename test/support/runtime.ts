/** Which runtime the tests run on: the long explorations run whole on one of them and in part on the others.
 * @module */

export type Runtime = 'node' | 'deno' | 'bun' | 'edge'

/** Edge workers and browsers have no `process`. */
const { process } = globalThis as { process?: { versions: Readonly<Record<string, string | undefined>> } }

export const RUNTIME: Runtime = runtimeOf(process?.versions)

function runtimeOf(versions: Readonly<Record<string, string | undefined>> | undefined): Runtime {
  if (versions === undefined) return 'edge'
  if (versions.deno !== undefined) return 'deno'
  return versions.bun !== undefined ? 'bun' : 'node'
}

/** A count for the whole run on Node; elsewhere its tenth. */
export function share(count: number): number {
  return RUNTIME === 'node' ? count : Math.ceil(count / 10)
}
