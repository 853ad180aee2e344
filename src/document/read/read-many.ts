/** Values at many paths in one pass: in the order of the document, so that no block is read twice.
 *
 * The paths become a tree of wanted values. A container is gone through once for all that is wanted in it: entries are
 * gone to, what lies between them is scanned, and keys are looked for in key pages before their fields are visited.
 * @module */

import { ValueBuilder } from '../../codec/value-builder.ts'
import { NOWHERE, type WantedStep } from '../index/document-index.ts'
import { ITEM } from '../index/format.ts'
import { directoryOf, findInLeaf, leavesOf, readRunHeader } from '../index/key-pages.ts'
import { feed } from './feed.ts'
import { enterEntry, hashOf, type Place, wholeBlock } from './locate.ts'
import { SKIP } from './scanner.ts'
import { Wanted, WatchingBuilder } from './wanted.ts'
import type { Reading } from './window.ts'

/** Values at many paths; undefined where nothing is. Memory: that of the values and the paths.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* readMany(place: Place, paths: readonly (readonly WantedStep[])[]): Reading<unknown[]> {
  const root = new Wanted()
  for (const [slot, steps] of paths.entries()) root.add(steps, slot)
  const values: unknown[] = new Array(paths.length).fill(undefined)
  const pass = new Pass(place, values)
  yield* pass.visit([root], { item: 0, address: place.index.items.addresses[0] as number, isPassed: false })
  place.scanner.window.release()
  return values
}

interface Visit {
  /** Entry of the value in the index, or -1. */
  readonly item: number
  readonly address: number
  /** The scanner is to be behind the value afterwards; it has no entry. */
  readonly isPassed: boolean
}

interface Candidate {
  readonly key: string | number
  readonly address: number
}

class Pass {
  readonly #place: Place
  readonly #values: unknown[]

  constructor(place: Place, values: unknown[]) {
    this.#place = place
    this.#values = values
  }

  /** What was read for a wanted value. */
  set({ slots }: Wanted, value: unknown): void {
    for (const slot of slots) this.#values[slot] = value
  }

  /** Read what is wanted at and in a value. */
  *visit(wanted: readonly Wanted[], visit: Visit): Reading<void> {
    const { index, hasDuplicates } = this.#place
    if (hasDuplicates) for (const one of wanted) one.meet(this)
    if (wanted.some(({ slots }) => slots.length > 0)) return yield* this.#read(wanted, visit.address)
    if (visit.item < 0) return yield* this.#scan(wanted, visit)
    const kind = index.items.kinds[visit.item]
    if (kind === ITEM.array) yield* this.#elements(wanted, visit.item)
    else if (kind === ITEM.object) yield* this.#fields(wanted, visit.item)
  }

  *#read(wanted: readonly Wanted[], address: number): Reading<void> {
    const { scanner, index } = this.#place
    const [one] = wanted
    if (one !== undefined && wanted.length === 1 && one.isLeaf && one.slots.length === 1) {
      const builder = new ValueBuilder(index.keys)
      yield* feed(scanner, address, builder)
      this.set(one, builder.value)
      return
    }
    const builder = new WatchingBuilder(index.keys, wanted)
    yield* feed(scanner, address, builder)
    builder.share(this.#values)
  }

  /** Go through a container that has no entry. */
  *#scan(wanted: readonly Wanted[], { address, isPassed }: Visit): Reading<void> {
    const { scanner } = this.#place
    if (!scanner.seek(address)) yield
    while (scanner.peek() < 0) yield
    if (!scanner.enter()) {
      scanner.beginSkip(1)
      while (isPassed && !scanner.skipValue()) yield
      return
    }
    const { isObject, count } = scanner
    if (isObject) yield* this.#scanFields(Wanted.fields(wanted), count, isPassed)
    else yield* this.#scanElements([...Wanted.elements(wanted)], { at: 0, count, isPassed })
  }

  *#scanFields(fields: Map<string | number, Wanted[]>, count: number, isPassed: boolean): Reading<void> {
    const { scanner, hasDuplicates } = this.#place
    const isWhole = isPassed || hasDuplicates
    let left = fields.size
    for (let field = 0; field < count && (isWhole || left > 0); field++) {
      while (scanner.peek() < 0) yield
      if (scanner.atEnd()) {
        scanner.passEnd(true)
        return
      }
      const wanted = fields.get(yield* this.#key())
      if (wanted === undefined) yield* this.#passValue()
      else yield* this.visit(wanted, { item: -1, address: scanner.behind, isPassed: isWhole || --left > 0 })
    }
  }

  /** Go through elements, of which the scanner is before the one numbered `at`. */
  *#scanElements(
    elements: readonly (readonly [number, Wanted[]])[],
    { at, count, isPassed }: { at: number; count: number; isPassed: boolean },
  ): Reading<void> {
    const { scanner } = this.#place
    let next = at
    let left = elements.length
    for (const [index, wanted] of elements) {
      if (index >= count) break
      if (!(yield* this.#passElements(index - next))) return
      while (scanner.peek() < 0) yield
      if (scanner.atEnd()) {
        scanner.passEnd(false)
        return
      }
      yield* this.visit(wanted, { item: -1, address: scanner.behind, isPassed: isPassed || --left > 0 })
      next = index + 1
    }
    if (isPassed && next < count) yield* this.#passElements(count - next)
  }

  /** @returns whether they are there; otherwise the array ended, and the scanner is behind it. */
  *#passElements(count: number): Reading<boolean> {
    const { scanner } = this.#place
    while (scanner.peek() < 0) yield
    scanner.beginSkip(count)
    for (let found = scanner.skip(); found !== SKIP.done; found = scanner.skip()) {
      if (found === SKIP.ended) {
        scanner.passEnd(false)
        return false
      }
      yield
    }
    return true
  }

  *#passValue(): Reading<void> {
    const { scanner } = this.#place
    scanner.beginSkip(1)
    while (!scanner.skipValue()) yield
  }

  /** The key at the scanner, which moves to the beginning of its value. */
  *#key(): Reading<string | number> {
    const { scanner, index } = this.#place
    for (;;) {
      while (scanner.peek() < 0) yield
      const key = scanner.readKey(index.keys)
      if (key !== undefined) {
        while (scanner.peek() < 0) yield
        return key
      }
      yield
    }
  }

  /** Elements of an array that the index names. */
  *#elements(wanted: readonly Wanted[], item: number): Reading<void> {
    const { scanner, index } = this.#place
    const { addresses, ordinals, kinds, counts } = index.items
    const elements = [...Wanted.elements(wanted)]
    for (let next = 0; next < elements.length; ) {
      const [ordinal, child] = elements[next] as [number, Wanted[]]
      const near = index.nearElement(item, ordinal)
      if (near === NOWHERE) return
      if (near >= 0 && kinds[near] !== ITEM.range && ordinals[near] === ordinal) {
        yield* this.visit(child, { item: near, address: addresses[near] as number, isPassed: false })
        next++
        continue
      }
      const first = next++
      while (next < elements.length && index.nearElement(item, elements[next]?.[0] ?? -1) === near) next++
      if (near < 0) yield* enterEntry(this.#place, item)
      else if (!scanner.seek(addresses[near] as number)) yield
      const at = near < 0 ? 0 : (ordinals[near] as number)
      const count = counts[item] as number
      yield* this.#scanElements(elements.slice(first, next), { at, count, isPassed: false })
    }
  }

  /** Fields of an object that the index names. */
  *#fields(wanted: readonly Wanted[], item: number): Reading<void> {
    const { index, hasDuplicates } = this.#place
    const fields = Wanted.fields(wanted)
    if (fields.size === 0) return
    const run = index.items.pages[item] as number
    if (run > 0) return yield* this.#fieldsByPages(fields, run)
    const named: [number, Wanted[]][] = []
    for (const [key, child] of fields) {
      const entry = index.field(item, key)
      if (entry >= 0) named.push([entry, child])
    }
    if (hasDuplicates || named.length < fields.size) return yield* this.#fieldsByScan(fields, item)
    for (const [entry, child] of named.sort(([a], [b]) => a - b)) yield* this.#visitEntry(child, entry)
  }

  *#visitEntry(wanted: readonly Wanted[], item: number): Reading<void> {
    yield* this.visit(wanted, { item, address: this.#place.index.items.addresses[item] as number, isPassed: false })
  }

  /** Scan the small fields; large ones are gone to by the index. */
  *#fieldsByScan(fields: Map<string | number, Wanted[]>, item: number): Reading<void> {
    const { scanner, index, hasDuplicates } = this.#place
    const { addresses, ordinals, kinds, keys, counts } = index.items
    const children = index.childrenOf(item)
    const isEntry = (child: number | undefined) => child !== undefined && kinds[child] !== ITEM.range
    const count = counts[item] as number
    let left = fields.size
    let next = 0
    yield* enterEntry(this.#place, item)
    for (let field = 0; field < count && (hasDuplicates || left > 0); field++) {
      while (scanner.peek() < 0) yield
      if (scanner.atEnd()) return
      const wanted = fields.get(yield* this.#key())
      const address = scanner.behind
      while (next < children.length && (addresses[children[next] as number] as number) < address) next++
      if (addresses[children[next] as number] !== address || !isEntry(children[next])) {
        if (wanted === undefined) yield* this.#passValue()
        else yield* this.visit(wanted, { item: -1, address, isPassed: hasDuplicates || --left > 0 })
        continue
      }
      // An entry, and those right behind it.
      for (; isEntry(children[next]); next++) {
        const entry = children[next] as number
        const named = fields.get(keys[entry] as string | number)
        if (named === undefined) continue
        left--
        yield* this.#visitEntry(named, entry)
      }
      const range = children[next]
      if (range === undefined) return
      field = (ordinals[range] as number) - 1
      if (!scanner.seek(addresses[range] as number)) yield
    }
  }

  /** Look for all keys in the key pages, then visit their fields. */
  *#fieldsByPages(fields: Map<string | number, Wanted[]>, newestRun: number): Reading<void> {
    const { scanner, index } = this.#place
    const keys = new Map<number, (string | number)[]>()
    for (const [key, [wanted]] of fields) {
      const hash = hashOf(wanted?.step as WantedStep)
      keys.set(hash, [...(keys.get(hash) ?? []), key])
    }
    const byHash = [...keys].sort(([a], [b]) => a - b)
    const candidates: Candidate[] = []
    // The first of the fields may be where the last value was.
    scanner.window.hold()
    for (let run = newestRun; run > 0; ) run = yield* this.#candidatesIn(run - 1, byHash, candidates)
    for (const { key, address } of candidates.sort((a, b) => a.address - b.address)) {
      if (!scanner.seek(address)) yield
      if ((yield* this.#key()) !== key) continue
      const value = scanner.behind
      const visit = { item: index.entryAt(value), address: value, isPassed: false }
      yield* this.visit(fields.get(key) as Wanted[], visit)
    }
  }

  /** Where keys may be, by one run of key pages. @returns the run before, as the index names runs. */
  *#candidatesIn(
    block: number,
    byHash: readonly (readonly [number, (string | number)[]])[],
    candidates: Candidate[],
  ): Reading<number> {
    const { scanner } = this.#place
    scanner.window.stopAt(block)
    const first = yield* wholeBlock(scanner, block)
    const header = readRunHeader(first, block)
    const directories = new Map([[0, first]])
    let leafNumber = -1
    let leaf = first
    for (const [hash, keys] of byHash) {
      const span = directoryOf(header, first, hash)
      for (let at = span?.first ?? 1; at <= (span?.last ?? 0); at++) {
        const bytes = directories.get(at) ?? (yield* wholeBlock(scanner, block + at))
        directories.set(at, bytes)
        const leaves = leavesOf(header, { block: at, bytes }, hash)
        for (let number = leaves?.first ?? 1; number <= (leaves?.last ?? 0); number++) {
          if (number !== leafNumber) leaf = yield* wholeBlock(scanner, block + number)
          leafNumber = number
          for (const address of findInLeaf(leaf, hash)) for (const key of keys) candidates.push({ key, address })
        }
      }
    }
    return header.previousRun
  }
}
