/** What a patch changes, as a list.
 * @module */
import { appendStep } from '../../document/path/format.ts'
import type { Change } from '../types.ts'
import { applyPatch } from './apply.ts'
import { movedRuns } from './changes-moved.ts'
import type { ArrayPatch, ArrayRun, NumbersPatch, ObjectPatch, Patch } from './patch.ts'

export interface Changes {
  readonly changes: Change[]
  /** There are more than the limit. */
  readonly isCut: boolean
}

/** List what a patch changes, container by container: what goes first, then the rest in the order of the new value. An
 * element that only has another index because others came or went is not listed. An object whose fields only come in
 * another order is listed as moved from where it is.
 * Cost: the patch, up to the limit.
 * @param before as it is while the patch is not applied. Values in the list are those of it and of the patch: copy them
 * before either changes. */
export function patchChanges(before: unknown, patch: Patch, limit: number): Changes {
  const list = new ChangeList(limit)
  list.patch({ path: '', from: '' }, before, patch)
  return { changes: list.changes, isCut: list.isFull }
}

type Fields = Readonly<Record<string, unknown>>

/** Where a value is, and where it was. */
interface Place {
  readonly path: string
  readonly from: string
}

class ChangeList {
  readonly changes: Change[] = []
  readonly #limit: number
  /** One more came than fits; nothing is to come any more. */
  isFull = false

  constructor(limit: number) {
    this.#limit = limit
  }

  patch(place: Place, before: unknown, patch: Patch): void {
    if (patch.type === 'set') this.#changed(place, before, patch.value)
    else if (patch.type === 'string') this.#changed(place, before, applyPatch(before, patch))
    else if (patch.type === 'object') this.#object(place, before as Fields, patch)
    else if (patch.type === 'array') this.#array(place, before as readonly unknown[], patch)
    else this.#numbers(place, before as readonly unknown[], patch)
  }

  #add(change: Change): void {
    if (this.changes.length < this.#limit) this.changes.push(change)
    else this.isFull = true
  }

  #changed({ path }: Place, before: unknown, after: unknown): void {
    this.#add({ type: 'changed', path, before, after })
  }

  #object(place: Place, before: Fields, { removed, changed, added, order }: ObjectPatch): void {
    const { path, from } = place
    for (const key of removed) {
      if (this.isFull) return
      this.#add({ type: 'removed', path: fieldOf(from, key), before: before[key] })
    }
    if (order !== undefined && isReordered(before, removed, order)) this.#add({ type: 'moved', path, from: path })
    for (const [key, patch] of changed) {
      if (this.isFull) return
      const inside = fieldOf(path, key)
      this.patch({ path: inside, from: path === from ? inside : fieldOf(from, key) }, before[key], patch)
    }
    for (const [key, after] of added) {
      if (this.isFull) return
      this.#add({ type: 'added', path: fieldOf(path, key), after })
    }
  }

  #array({ path, from }: Place, before: readonly unknown[], { runs }: ArrayPatch): void {
    for (const index of removedElements(before.length, runs)) {
      if (this.isFull) return
      this.#add({ type: 'removed', path: elementOf(from, index), before: before[index] })
    }
    const moved = movedRuns(runs)
    let at = 0
    for (const run of runs) {
      if (run.type === 'insert') {
        for (const after of run.values) {
          if (this.isFull) return
          this.#add({ type: 'added', path: elementOf(path, at++), after })
        }
        continue
      }
      const { start } = run
      const length = run.type === 'keep' ? run.length : 1
      for (let index = 0; moved.has(run) && index < length; index++) {
        if (this.isFull) return
        this.#add({ type: 'moved', path: elementOf(path, at + index), from: elementOf(from, start + index) })
      }
      if (run.type === 'change') {
        this.patch({ path: elementOf(path, at), from: elementOf(from, start) }, before[start], run.patch)
      }
      if (this.isFull) return
      at += length
    }
  }

  #numbers({ path, from }: Place, before: readonly unknown[], patch: NumbersPatch): void {
    const { positions, values } = patch
    let next = 0
    for (const index of positions ?? before.keys()) {
      if (this.isFull) return
      const was = before[index]
      const one: NumbersPatch = { type: 'numbers', coding: patch.coding, values: values.slice(next, ++next) }
      const after = applyPatch(was, one)
      // A patch of every element has those that stay, too.
      if (!Object.is(was, after)) this.#changed({ path: elementOf(path, index), from }, was, after)
    }
  }
}

function fieldOf(parent: string, key: string): string {
  return appendStep(parent, { type: 'field', key })
}

function elementOf(parent: string, index: number): string {
  return appendStep(parent, { type: 'index', index })
}

/** Whether fields that stay come in another order among themselves. */
function isReordered(before: Fields, removed: readonly string[], order: NonNullable<ObjectPatch['order']>): boolean {
  const stays = Object.keys(before).length - removed.length
  let last = -1
  for (const [start] of order) {
    if (start >= stays) continue
    if (start < last) return true
    last = start
  }
  return false
}

/** Elements that no run names, ascending. */
function* removedElements(length: number, runs: readonly ArrayRun[]): Generator<number> {
  const ranges: [start: number, end: number][] = []
  for (const run of runs) {
    if (run.type !== 'insert') ranges.push([run.start, run.start + (run.type === 'keep' ? run.length : 1)])
  }
  ranges.sort(([one], [other]) => one - other)
  let at = 0
  for (const [start, end] of ranges) {
    for (; at < start; at++) yield at
    at = end
  }
  for (; at < length; at++) yield at
}
