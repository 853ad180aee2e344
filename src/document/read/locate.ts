/** Finding the value that a path means.
 *
 * From the root on, step by step: in a container with an entry the index says where a child is, or where to begin to
 * scan; in a large object key pages do; small containers are scanned.
 * @module */
import { VarveError } from '../../errors.ts'
import { BLOCK_RAW_BYTES } from '../blocks.ts'
import { type DocumentIndex, NOWHERE, type Route, type WantedStep } from '../index/document-index.ts'
import { ITEM } from '../index/format.ts'
import { directoryOf, findInLeaf, hashIntKey, hashKey, leavesOf, readRunHeader } from '../index/key-pages.ts'
import type { Scanner } from './scanner.ts'
import { ChildSearch, SEARCH } from './search.ts'
import type { Reading } from './window.ts'

/** One document as a reading sees it, and the way of that reading to a value. */
export class Place {
  readonly index: DocumentIndex
  readonly scanner: Scanner
  /** Some object has a key twice: scans go to the end. */
  readonly hasDuplicates: boolean
  /** Where the value begins. */
  address = 0
  /** Its entry in the index, or -1. */
  item = 0
  /** How many steps were found. */
  found = 0
  readonly #search: ChildSearch
  #steps: readonly WantedStep[] = []
  #isSearching = false
  /** A search in a large object, which is rare enough to be a reading of its own. */
  #rare: Reading<number> | undefined

  constructor(index: DocumentIndex, scanner: Scanner, hasDuplicates: boolean) {
    this.index = index
    this.scanner = scanner
    this.hasDuplicates = hasDuplicates
    this.#search = new ChildSearch(scanner)
  }

  /** Go to the value of a route: `advance` until it is no longer wanting, with a yield after each time. */
  begin(route: Route): void {
    this.#steps = route.steps
    this.found = route.found
    this.item = route.item
    this.address = route.address
    this.#isSearching = false
    this.#rare = undefined
    if (route.near < 0) return
    this.#search.behindElement(route.near, route.elements)
    this.#isSearching = true
  }

  /** @returns one of `SEARCH`; absent: the place is at the last value on the way.
   * @throws {VarveError} `DECODE_FAILED`. */
  advance(): number {
    for (;;) {
      let address = -1
      if (this.#isSearching) {
        const found = this.#search.advance()
        if (found !== SEARCH.found) return found
        address = this.#search.address
      } else if (this.#rare !== undefined) {
        const step = this.#rare.next()
        if (!step.done) return SEARCH.wanting
        address = step.value
        if (address < 0) return SEARCH.absent
      } else {
        if (this.found === this.#steps.length) return SEARCH.found
        const begun = this.#beginStep(this.#steps[this.found] as WantedStep)
        if (begun !== SEARCH.wanting) return begun
        continue
      }
      this.#isSearching = false
      this.#rare = undefined
      this.found++
      this.address = address
      // Where no key is there twice, the route has led through all entries.
      this.item = this.hasDuplicates ? this.index.entryAt(address) : -1
    }
  }

  /** @returns whether there is something to look for. */
  #beginStep(step: WantedStep): number {
    const { index, item, address } = this
    const { items } = index
    if (item < 0) this.#inContainer(address, step)
    else if (items.kinds[item] === ITEM.object) {
      if (step.key === undefined) return SEARCH.absent
      const run = items.pages[item] as number
      this.#rare = run > 0 ? fieldByPages(this, step, run) : fieldBySteps(this, step)
    } else {
      const near = index.nearElement(item, step.index)
      if (near === NOWHERE) return SEARCH.absent
      if (near < 0) this.#inContainer(address, step)
      else this.#searchBehind(near, step)
    }
    return SEARCH.wanting
  }

  #inContainer(address: number, step: WantedStep): void {
    this.#search.inContainer(address, step, this.hasDuplicates)
    this.#isSearching = true
  }

  /** Look for an element behind an item of its array, or at it. */
  #searchBehind(near: number, step: WantedStep): void {
    const { addresses, ordinals } = this.index.items
    this.#search.behindElement(addresses[near] as number, step.index - (ordinals[near] as number))
    this.#isSearching = true
  }
}

/** Go to the value of a route. @returns whether it is there. */
export function* locate(place: Place, route: Route): Reading<boolean> {
  place.begin(route)
  let found = place.advance()
  for (; found === SEARCH.wanting; found = place.advance()) yield
  return found === SEARCH.found
}

/** Go into the container of an entry. @returns how many children it says it has. */
export function* enterEntry({ index, scanner }: Place, item: number): Reading<number> {
  if (!scanner.seek(index.items.addresses[item] as number)) yield
  while (scanner.peek() < 0) yield
  const kind = index.items.kinds[item]
  if (!scanner.enter() || scanner.isObject !== (kind === ITEM.object)) {
    throw new VarveError('DECODE_FAILED', 'Cannot follow the index of a document: it names another value', {
      details: { address: index.items.addresses[item] as number, found: 'another value than the index names' },
    })
  }
  return scanner.count
}

/** Pass over a key. @returns 1 when it is the one of `step`, 0 for another one, -1 at the end of the object. */
function* matchField(scanner: Scanner, step: WantedStep): Reading<number> {
  while (scanner.peek() < 0) yield
  if (scanner.atEnd()) return -1
  for (;;) {
    const isSame = scanner.matchKey(step)
    if (isSame >= 0) return isSame
    yield
  }
}

/** Scan the small fields of an entry; large ones are passed over by the index. */
function* fieldBySteps(place: Place, step: WantedStep): Reading<number> {
  const { index, item, scanner, hasDuplicates } = place
  const { items } = index
  const children = index.childrenOf(item)
  let last = hasDuplicates ? addressOf(place, index.field(item, step.key as string | number)) : -1
  let next = 0
  const count = yield* enterEntry(place, item)
  for (let field = 0; field < count; field++) {
    const isSame = yield* matchField(scanner, step)
    if (isSame < 0) break
    while (scanner.peek() < 0) yield
    const address = scanner.behind
    if (isSame === 1) {
      if (!hasDuplicates) return address
      last = Math.max(last, address)
    }
    while (next < children.length && (items.addresses[children[next] as number] as number) < address) next++
    const child = children[next]
    if (child !== undefined && items.addresses[child] === address && items.kinds[child] !== ITEM.range) {
      // What the index names has another key, or would have been found; so do the entries right behind it.
      do next++
      while (next < children.length && items.kinds[children[next] as number] !== ITEM.range)
      const range = children[next]
      if (range === undefined) break
      field = (items.ordinals[range] as number) - 1
      if (!scanner.seek(items.addresses[range] as number)) yield
      continue
    }
    if (field + 1 === count) break
    scanner.beginSkip(1)
    while (!scanner.skipValue()) yield
  }
  return last
}

function addressOf({ index }: Place, item: number): number {
  return item < 0 ? -1 : (index.items.addresses[item] as number)
}

/** The hash of a key in key pages. */
export function hashOf({ bytes, key }: WantedStep): number {
  return bytes === undefined ? hashIntKey(key as number) : hashKey(bytes, 0, bytes.length)
}

/** Find a field by the key pages of its object: the last one with its key. */
function* fieldByPages(place: Place, step: WantedStep, newestRun: number): Reading<number> {
  const { scanner } = place
  const hash = hashOf(step)
  for (let run = newestRun; run > 0; ) {
    const { addresses, previousRun } = yield* addressesInRun(place, run - 1, hash)
    for (let at = addresses.length - 1; at >= 0; at--) {
      if (!scanner.seek(addresses[at] as number)) yield
      if ((yield* matchField(scanner, step)) !== 1) continue
      while (scanner.peek() < 0) yield
      return scanner.behind
    }
    run = previousRun
  }
  return -1
}

function* addressesInRun(
  { scanner }: Place,
  block: number,
  hash: number,
): Reading<{ addresses: number[]; previousRun: number }> {
  const first = yield* wholeBlock(scanner, block)
  const header = readRunHeader(first, block)
  const { previousRun } = header
  const directory = directoryOf(header, first, hash)
  if (directory === undefined) return { addresses: [], previousRun }
  const addresses: number[] = []
  for (let at = directory.first; at <= directory.last; at++) {
    const hashes = at === 0 ? first : yield* wholeBlock(scanner, block + at)
    const leaves = leavesOf(header, { block: at, bytes: hashes }, hash)
    if (leaves === undefined) continue
    for (let leaf = leaves.first; leaf <= leaves.last; leaf++) {
      addresses.push(...findInLeaf(yield* wholeBlock(scanner, block + leaf), hash))
    }
  }
  return { addresses, previousRun }
}

/** The raw bytes of a block, copied. */
export function* wholeBlock(scanner: Scanner, block: number): Reading<Uint8Array> {
  if (!scanner.seek(block * BLOCK_RAW_BYTES)) yield
  const { window } = scanner
  return window.bytes.slice(window.at, window.end)
}
