/** Finding the value that a path means.
 *
 * From the root on, step by step: in a container with an entry the index says where a child is, or where to begin to
 * scan; in a large object key pages do; small containers are scanned.
 * @module */
import { VarveError } from '../errors.ts'
import { BLOCK_RAW_BYTES } from './blocks.ts'
import type { DocumentIndex, WantedStep } from './document-index.ts'
import { ITEM } from './index-format.ts'
import { directoryOf, findInLeaf, hashIntKey, hashKey, leavesOf, readRunHeader } from './key-pages.ts'
import { type Scanner, SKIP } from './scanner.ts'
import { type ChildSearch, SEARCH } from './search.ts'
import type { Reading } from './window.ts'

/** One document as readings see it. */
export interface Place {
  readonly index: DocumentIndex
  readonly scanner: Scanner
  readonly search: ChildSearch
  /** Some object has a key twice: scans go to the end. */
  readonly hasDuplicates: boolean
  /** Where the value begins. */
  address: number
  /** Its entry in the index, or -1. */
  item: number
  /** How many steps were found. */
  found: number
}

/** Move `place` to the root. */
export function toRoot(place: Place): void {
  place.item = 0
  place.address = place.index.items.addresses[0] as number
}

/** Move `place` to the value at `steps` from where it is. @returns whether it is there; otherwise `place` is at the
 * last value on the way. */
export function* locate(place: Place, steps: readonly WantedStep[]): Reading<boolean> {
  const { search, index } = place
  for (place.found = 0; place.found < steps.length; place.found++) {
    const step = steps[place.found] as WantedStep
    // In most places nothing has to be read for a step.
    const named = place.hasDuplicates ? -1 : entryOf(place, step)
    if (named >= 0) {
      place.item = named
      place.address = index.items.addresses[named] as number
      continue
    }
    let address = -1
    if (place.item >= 0 && index.items.kinds[place.item] === ITEM.object) address = yield* fieldOf(place, step)
    else if (begin(place, step)) {
      let found = search.advance()
      for (; found === SEARCH.wanting; found = search.advance()) yield
      if (found === SEARCH.found) address = search.address
    }
    if (address < 0) return false
    place.address = address
    // What has an entry was found by it.
    place.item = place.hasDuplicates ? index.entryAt(address) : -1
  }
  return true
}

/** Begin to look for a child of an array that the index names, or of any small container. @returns whether it can be
 * there. */
function begin({ index, item, search, address, hasDuplicates }: Place, step: WantedStep): boolean {
  if (item < 0) {
    search.inContainer(address, step, hasDuplicates)
    return true
  }
  const { items } = index
  if (items.kinds[item] === ITEM.scalar || step.index < 0 || step.index >= (items.counts[item] as number)) return false
  const children = index.childrenOf(item)
  const near = children[index.before(children, step.index)]
  if (near === undefined) search.inContainer(address, step, false)
  else search.behindElement(items.addresses[near] as number, step.index - (items.ordinals[near] as number))
  return true
}

/** The entry of a child that the index names, or -1. */
function entryOf({ index, item }: Place, step: WantedStep): number {
  if (item < 0) return -1
  const kind = index.items.kinds[item] as number
  if (kind === ITEM.object) return step.key === undefined ? -1 : index.field(item, step.key)
  if (kind !== ITEM.array || step.index < 0) return -1
  const children = index.childrenOf(item)
  const at = index.before(children, step.index)
  const child = children[at]
  if (child === undefined || index.items.kinds[child] === ITEM.range) return -1
  return index.items.ordinals[child] === step.index ? child : -1
}

/** Address of a field of an object that the index names, or -1. */
function* fieldOf(place: Place, step: WantedStep): Reading<number> {
  if (step.key === undefined) return -1
  const run = place.index.items.pages[place.item] as number
  return run > 0 ? yield* fieldByPages(place, step, run) : yield* fieldBySteps(place, step)
}

/** Go into the container of an entry. @returns how many children it says it has. */
function* enterEntry({ index, item, scanner }: Place): Reading<number> {
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
  const count = yield* enterEntry(place)
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
    while (scanner.skip() !== SKIP.done) yield
  }
  return last
}

function addressOf({ index }: Place, item: number): number {
  return item < 0 ? -1 : (index.items.addresses[item] as number)
}

/** Find a field by the key pages of its object: the last one with its key. */
function* fieldByPages(place: Place, step: WantedStep, newestRun: number): Reading<number> {
  const { scanner } = place
  const hash = step.bytes === undefined ? hashIntKey(step.key as number) : hashKey(step.bytes, 0, step.bytes.length)
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
function* wholeBlock(scanner: Scanner, block: number): Reading<Uint8Array> {
  if (!scanner.seek(block * BLOCK_RAW_BYTES)) yield
  const { window } = scanner
  return window.bytes.slice(window.at, window.end)
}
