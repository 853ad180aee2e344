/** What many paths want of a document, as a tree: one node for all that have the same steps up to there.
 * @module */

import { ValueBuilder } from '../../codec/value-builder.ts'
import type { WantedStep } from '../index/document-index.ts'

export class Wanted {
  /** Places in the answer for the value itself. */
  readonly slots: number[] = []
  /** The last step to it; the root has none. */
  readonly step: WantedStep | undefined
  readonly #below = new Map<string, Wanted>()
  #isMet = false

  constructor(step?: WantedStep) {
    this.step = step
  }

  /** Want the value at `steps` from here. */
  add(steps: readonly WantedStep[], slot: number): void {
    let wanted: Wanted = this
    for (const step of steps) {
      const name = step.key === undefined ? `[${step.index}` : `${typeof step.key} ${step.key}`
      let next = wanted.#below.get(name)
      if (next === undefined) {
        next = new Wanted(step)
        wanted.#below.set(name, next)
      }
      wanted = next
    }
    wanted.slots.push(slot)
  }

  get isLeaf(): boolean {
    return this.#below.size === 0
  }

  /** The value is met. Of a key that an object has twice the last one counts: then what the one before gave goes. */
  meet(values: { set(wanted: Wanted, value: undefined): void }): void {
    const met: Wanted[] = this.#isMet ? [this] : []
    this.#isMet = true
    for (let one = met.pop(); one !== undefined; one = met.pop()) {
      values.set(one, undefined)
      for (const below of one.#below.values()) met.push(below)
    }
  }

  /** What is wanted of an object, by key. */
  static fields(all: readonly Wanted[]): Map<string | number, Wanted[]> {
    const fields = new Map<string | number, Wanted[]>()
    for (const wanted of all) {
      for (const below of wanted.#below.values()) put(fields, below.step?.key, below)
    }
    return fields
  }

  /** What is wanted of an array, in its order. A field may mean an element too. */
  static elements(all: readonly Wanted[]): Map<number, Wanted[]> {
    const elements = new Map<number, Wanted[]>()
    for (const wanted of all) {
      for (const below of wanted.#below.values()) {
        const index = below.step?.index ?? -1
        if (index >= 0) put(elements, index, below)
      }
    }
    return new Map([...elements].sort(([a], [b]) => a - b))
  }
}

function put<K>(map: Map<K, Wanted[]>, key: K | undefined, wanted: Wanted): void {
  if (key === undefined) return
  const known = map.get(key)
  if (known === undefined) map.set(key, [wanted])
  else known.push(wanted)
}

/** A container of which something is wanted, while it is built. */
interface Watched {
  readonly fields: Map<string | number, Wanted[]> | undefined
  readonly elements: Map<number, Wanted[]>
  /** The element that comes. */
  next: number
}

/** Builds a value and notes those in it that are wanted too. */
export class WatchingBuilder extends ValueBuilder {
  readonly #wanted: readonly Wanted[]
  readonly #open: (Watched | undefined)[] = []
  readonly #found = new Map<Wanted, unknown>()
  #key: string | number = ''
  #current: readonly Wanted[] | undefined

  constructor(keys: readonly string[], wanted: readonly Wanted[]) {
    super(keys)
    this.#wanted = wanted
  }

  /** Give every slot a value of its own. */
  share(values: unknown[]): void {
    let isTaken = false
    for (const [{ slots }, value] of this.#found) {
      for (const slot of slots) {
        // The first is the outermost, that the others are parts of.
        values[slot] = isTaken && typeof value === 'object' ? structuredClone(value) : value
        isTaken = true
      }
    }
  }

  protected override onValue(value: unknown): void {
    this.#current = this.#wantedHere()
    for (const wanted of this.#current ?? []) {
      wanted.meet(this.#found)
      this.#found.set(wanted, value)
    }
    super.onValue(value)
  }

  #wantedHere(): readonly Wanted[] | undefined {
    if (this.#open.length === 0) return this.#wanted
    const watched = this.#open.at(-1)
    if (watched === undefined) return undefined
    return watched.fields === undefined ? watched.elements.get(watched.next++) : watched.fields.get(this.#key)
  }

  protected override onKey(key: string): void {
    this.#key = key
    super.onKey(key)
  }

  protected override onIntKey(key: number): void {
    this.#key = key
    super.onIntKey(key)
  }

  protected override onBegin(isArray: boolean): void {
    super.onBegin(isArray)
    const wanted = this.#current
    if (wanted === undefined || wanted.every(({ isLeaf }) => isLeaf)) this.#open.push(undefined)
    else {
      const fields = isArray ? undefined : Wanted.fields(wanted)
      this.#open.push({ fields, elements: isArray ? Wanted.elements(wanted) : new Map(), next: 0 })
    }
  }

  protected override onEnd(): void {
    this.#open.pop()
    super.onEnd()
  }
}
