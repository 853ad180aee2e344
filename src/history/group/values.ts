/** The values of a group: keyframe and deltas put together.
 *
 * Deltas are decoded anew for each read, because what is applied belongs to the value. Places are those of the entries;
 * a root is a place whose delta, or keyframe, makes a value.
 * @throws {DeltaDamage}, {KeyframeDamage} and what the storage throws, all of them.
 * @module */
import { Path } from '../../document/path/path.ts'
import { isVarveError } from '../../errors.ts'
import { nextTurn } from '../../ports/clock.ts'
import type { Compression } from '../../ports/compression.ts'
import { DeltaKeys } from '../delta/keys.ts'
import { applyPatch } from '../patch/apply.ts'
import { cloneValue } from '../patch/copy-value.ts'
import type { Patch } from '../patch/patch.ts'
import { tracePath } from '../patch/trace-path.ts'
import { applyChain, chainOf, KeptValues, needingKeyframe, type PlacedPatches } from './chain.ts'
import type { FileCost } from './chunks.ts'
import { KeyframeDamage } from './damage.ts'
import { DeltaReader, withDelta } from './deltas.ts'
import type { Entry } from './entries.ts'
import type { Keyframe, KeyframeCost } from './keyframe.ts'

/** Values of so many bytes, by what copies of them would take, are gone through in one turn of the event loop. */
const TURN_BYTES = 4_194_304

/** What a read may cost, and when it ends early. */
export interface Reading {
  readonly cost: KeyframeCost
  readonly signal: AbortSignal | undefined
}

/** A value on the way through a group, to be copied before the next step. */
export interface PlacedValue {
  readonly place: number
  readonly value: unknown
  readonly patch: Patch | undefined
}

export class GroupValues {
  readonly #list: readonly Entry[]
  readonly #keyframe: Keyframe
  readonly #compression: Compression

  constructor(list: readonly Entry[], keyframe: Keyframe, compression: Compression) {
    this.#list = list
    this.#keyframe = keyframe
    this.#compression = compression
  }

  /** The value of a root, the caller's own. */
  async value(root: number, reading: Reading): Promise<unknown> {
    return this.#build(root, await this.#patchesTo(root, reading.cost), reading)
  }

  /** What is at a path of the value of a root, the caller's own; undefined where nothing is. */
  async valueAt(root: number, path: Path, { cost, signal }: Reading): Promise<unknown> {
    const patches = await this.#patchesTo(root, cost)
    const { places } = chainOf(this.#list, root, patches)
    const traced = tracePath(
      places.map((place) => patches[place] as Patch),
      path.steps,
    )
    const { from } = traced
    if (from === 'absent') return undefined
    const changed = (value: unknown) =>
      withDelta(root, () => traced.patches.reduce((now, patch) => applyPatch(now, patch), value))
    if ('value' in from) return changed(cloneValue(from.value))
    const was = from.steps === path.steps ? path : Path.of(from.steps)
    const value = await fromKeyframe(() => this.#keyframe.valueAt(was, cost, signal))
    return value === undefined ? undefined : changed(value)
  }

  /** The values from a place on. @param reach looked at before each step: throws where it cannot be gone on. */
  async *walk(start: number, reach: (place: number) => void, reading: Reading): AsyncGenerator<PlacedValue> {
    reach(start)
    const list = this.#list
    const deltas = await this.#deltas(list.length - 1, reading.cost)
    const kept = new KeptValues(list)
    let { root } = list[start] as Entry
    const patches = await deltas.upTo(start)
    // What is built of them takes them over.
    const shown = patches[start]
    let value = await this.#build(root, patches, reading)
    yield { place: start, value, patch: shown }
    let passedBytes = 0
    for (let place = start + 1; place < list.length; place++) {
      reading.signal?.throwIfAborted()
      reach(place)
      const next = (list[place] as Entry).root
      const patch = (await deltas.upTo(place))[0]
      const before = value
      if (patch !== undefined) {
        kept.keep(root, place, () => cloneValue(before))
        value = withDelta(place, () => applyPatch(before, patch))
      } else if (next !== root) {
        kept.keep(root, place, () => before)
        const again = kept.take(next)
        value = again === undefined ? await this.value(next, reading) : again.value
      }
      root = next
      // Whoever asks may do with each value what takes as long as it is large.
      passedBytes += (list[root] as Entry | undefined)?.stored.rawBytes ?? 0
      if (passedBytes >= TURN_BYTES) {
        passedBytes = 0
        await nextTurn()
      }
      yield { place, value, patch }
    }
  }

  /** The keys that deltas have named so far, for another one. */
  async keys(cost: FileCost): Promise<DeltaKeys> {
    const keys = new DeltaKeys(await fromKeyframe(() => this.#keyframe.keys(cost)))
    await new DeltaReader(this.#list, keys, this.#compression).upTo(this.#list.length - 1)
    return keys
  }

  /** Which of the first so many entries cannot be read without the keyframe. */
  async needingKeyframe(count: number): Promise<boolean[]> {
    const patches = await this.#patchesTo(count - 1, { reads: 0, bytesRead: 0 })
    return needingKeyframe(this.#list, patches)
  }

  async #build(root: number, patches: PlacedPatches, { cost, signal }: Reading): Promise<unknown> {
    const { places, isOnKeyframe } = chainOf(this.#list, root, patches)
    const first = isOnKeyframe ? await fromKeyframe(() => this.#keyframe.value(cost, signal)) : undefined
    return applyChain(first, places, patches)
  }

  async #patchesTo(place: number, cost: FileCost): Promise<PlacedPatches> {
    return (await this.#deltas(place, cost)).upTo(place)
  }

  /** @param last place of the last entry that is going to be read. */
  async #deltas(last: number, cost: FileCost): Promise<DeltaReader> {
    const needsKeys = this.#list.some(({ delta }, place) => delta !== undefined && place <= last)
    const keys = needsKeys ? await fromKeyframe(() => this.#keyframe.keys(cost)) : []
    return new DeltaReader(this.#list, new DeltaKeys(keys), this.#compression)
  }
}

async function fromKeyframe<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    const isDamage = isVarveError(cause, 'DECODE_FAILED') || isVarveError(cause, 'DOCUMENT_DAMAGED')
    throw isDamage ? new KeyframeDamage(cause) : cause
  }
}
