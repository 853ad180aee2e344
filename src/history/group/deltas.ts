/** The deltas of a group, decoded.
 * @module */
import { isVarveError } from '../../errors.ts'
import type { Compression } from '../../ports/compression.ts'
import type { DeltaKeys } from '../delta/keys.ts'
import { decodePatch } from '../delta/read.ts'
import type { Patch } from '../patch/patch.ts'
import type { Entry } from './entries.ts'

/** Raw deltas that small are not deflated: that would hardly ever help. */
const SMALL_BYTES = 128

/** A delta that cannot be read. */
export class DeltaDamage extends Error {
  /** Of its entry. */
  readonly place: number

  constructor(place: number, cause: unknown) {
    super('A delta cannot be read', { cause })
    this.place = place
  }
}

/** Run what uses the delta at a place. @throws {DeltaDamage} when the delta is at fault. */
export function withDelta<T>(place: number, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw isVarveError(error, 'DECODE_FAILED') ? new DeltaDamage(place, error) : error
  }
}

/** Decodes deltas in their order, each once. */
export class DeltaReader {
  readonly #entries: readonly Entry[]
  readonly #keys: DeltaKeys
  readonly #compression: Compression
  #next = 0

  /** @param keys those of the keyframe; others are added. */
  constructor(entries: readonly Entry[], keys: DeltaKeys, compression: Compression) {
    this.#entries = entries
    this.#keys = keys
    this.#compression = compression
  }

  /** The patches of the entries from where it stands up to a place, that included; undefined where there is none.
   * @throws {DeltaDamage}. */
  async upTo(place: number): Promise<(Patch | undefined)[]> {
    const patches: (Patch | undefined)[] = []
    while (this.#next <= place) {
      const at = this.#next++
      const delta = this.#entries[at]?.delta
      if (delta === undefined) {
        patches.push(undefined)
        continue
      }
      let { bytes } = delta
      if (delta.isDeflated) {
        const inflated = withDelta(at, () => this.#compression.inflate(bytes, delta.rawBytes))
        bytes =
          inflated instanceof Promise ? await inflated.catch((error) => withDelta(at, () => rethrow(error))) : inflated
      }
      patches.push(withDelta(at, () => decodePatch(bytes, this.#keys)))
    }
    return patches
  }
}

function rethrow(error: unknown): never {
  throw error
}

/** A delta as it is stored: deflated where that helps. */
export async function storeDelta(bytes: Uint8Array, compression: Compression) {
  const rawBytes = bytes.length
  if (rawBytes < SMALL_BYTES) return { bytes, isDeflated: false, rawBytes }
  const deflated = await compression.deflate(bytes)
  // The raw size is told besides.
  return deflated.length + 2 < rawBytes
    ? { bytes: deflated, isDeflated: true, rawBytes }
    : { bytes, isDeflated: false, rawBytes }
}
