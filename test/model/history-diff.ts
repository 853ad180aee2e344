/** That a list of changes says what differs between two values, and all of it.
 *
 * The older value is rebuilt with nothing but the list. The result is the newer one, so that what the list does not
 * name is equal; each change is used, and what it names differs.
 * @module */
import { expect } from 'vitest'
import { Path } from '../../src/document/path/path.ts'
import type { Change } from '../../src/history/types.ts'
import { difference } from '../support/same-value.ts'
import { isContainer, own, put } from './history-values.ts'

export function checkChanges(changes: readonly Change[], before: unknown, after: unknown): void {
  if (changes.length === 0) {
    expect(difference(before, after), 'no changes').toBeUndefined()
    return
  }
  expect(difference(before, after), 'some changes').toBeDefined()
  const rebuilding = new Rebuilding(changes)
  const rebuilt = rebuilding.build(before, Path.root, Path.root)
  expect(difference(sorted(rebuilt), sorted(after)), 'rebuilt').toBeUndefined()
  expect(rebuilding.unused(), 'changes that name nothing').toEqual([])
}

class Rebuilding {
  readonly #removed = new Map<string, Change>()
  readonly #added = new Map<string, Map<string, Change>>()
  readonly #changed = new Map<string, Change>()
  readonly #moved = new Map<string, Change[]>()
  readonly #unused: Set<Change>

  constructor(changes: readonly Change[]) {
    this.#unused = new Set(changes)
    for (const change of changes) {
      const { type, path } = change
      if (type === 'removed') this.#removed.set(path, change)
      else if (type === 'changed') this.#changed.set(path, change)
      else if (type === 'moved') this.#moved.set(path, [...(this.#moved.get(path) ?? []), change])
      else {
        const parent = `${Path.parse(path).parent}`
        const known = this.#added.get(parent) ?? new Map()
        this.#added.set(parent, known.set(path, change))
      }
    }
  }

  unused(): Change[] {
    return [...this.#unused]
  }

  #use(change: Change): void {
    this.#unused.delete(change)
  }

  /** @param from where the value was, @param to where it is now. */
  build(before: unknown, from: Path, to: Path): unknown {
    const changed = this.#changed.get(`${to}`)
    if (changed !== undefined) {
      this.#use(changed)
      expect(difference(changed.before, before), `before at ${to}`).toBeUndefined()
      expect(difference(changed.before, changed.after), `changed at ${to}`).toBeDefined()
      return changed.after
    }
    if (!isContainer(before)) return before
    // Of an object: its fields come in another order. Of an element: that it was moved, which is used where it is put.
    for (const moved of this.#moved.get(`${to}`) ?? []) if (moved.from === `${from}`) this.#use(moved)
    return Array.isArray(before) ? this.#array(before, from, to) : this.#object(before, from, to)
  }

  #object(before: object, from: Path, to: Path): unknown {
    const after = {}
    for (const key of Object.keys(before)) {
      const step = { type: 'field', key } as const
      if (!this.#isRemoved(from.join(step), own(before, key))) {
        put(after, key, this.build(own(before, key), from.join(step), to.join(step)))
      }
    }
    for (const [path, change] of this.#added.get(`${to}`) ?? []) {
      const step = Path.parse(path).steps.at(-1)
      if (step?.type !== 'field') throw new Error(`added ${path} to an object`)
      expect(Object.hasOwn(after, step.key), `added ${path}`).toBe(false)
      this.#use(change)
      put(after, step.key, change.after)
    }
    return after
  }

  #isRemoved(path: Path, value: unknown): boolean {
    const removed = this.#removed.get(`${path}`)
    if (removed === undefined) return false
    this.#use(removed)
    expect(difference(removed.before, value), `removed ${path}`).toBeUndefined()
    return true
  }

  #array(before: readonly unknown[], from: Path, to: Path): unknown[] {
    const element = (parent: Path, index: number) => parent.join({ type: 'index', index })
    const stays = before.flatMap((value, index) => (this.#isRemoved(element(from, index), value) ? [] : [index]))
    const added = this.#added.get(`${to}`) ?? new Map<string, Change>()
    const length = stays.length + added.size
    const places: (number | Change | undefined)[] = new Array(length).fill(undefined)
    const movedFrom = new Set<number>()
    for (let index = 0; index < length; index++) {
      const path = `${element(to, index)}`
      places[index] = added.get(path)
      for (const moved of this.#moved.get(path) ?? []) {
        const step = Path.parse(moved.from as string).steps.at(-1)
        if (step?.type !== 'index' || moved.from !== `${element(from, step.index)}`) continue
        this.#use(moved)
        places[index] = step.index
        movedFrom.add(step.index)
      }
    }
    const rest = stays.filter((index) => !movedFrom.has(index))
    return places.map((place, index) => {
      if (typeof place === 'object') {
        this.#use(place)
        return place.after
      }
      const source = place ?? (rest.shift() as number)
      return this.build(before[source], element(from, source), element(to, index))
    })
  }
}

/** With the fields of objects in one order: the list says that it is another one, not which. */
function sorted(value: unknown): unknown {
  if (!isContainer(value)) return value
  if (Array.isArray(value)) return value.map(sorted)
  const object = {}
  for (const key of Object.keys(value).sort()) put(object, key, sorted(own(value, key)))
  return object
}
