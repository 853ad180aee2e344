/** The children of a container, page by page.
 * @module */
import { CODE } from '../../codec/structural-codes.ts'
import { ValueBuilder } from '../../codec/value-builder.ts'
import { VarveError } from '../../errors.ts'
import { ITEM } from '../index/format.ts'
import { Path, type Step } from '../path/path.ts'
import type { ChildType, Scalar } from '../types.ts'
import { feed } from './feed.ts'
import { locate, type Place } from './locate.ts'
import type { Reading } from './window.ts'

/** Scalars of at most so many bytes are listed with their value. */
const SHOWN_BYTES = 256

/** A child and where it is. */
export interface FoundChild {
  readonly key: string | number | undefined
  readonly ordinal: number
  readonly type: ChildType
  readonly sizeBytes: number
  readonly value?: Scalar
  /** Where its value begins. */
  readonly address: number
}

/** Where a listing goes on. */
export interface ChildCursor {
  readonly ordinal: number
  /** Of the key in an object, of the value in an array; of the value when the index names it. */
  readonly address: number
  readonly isNamed: boolean
}

export interface FoundChildren {
  readonly isObject: boolean
  readonly children: readonly FoundChild[]
  /** Undefined behind the last child. */
  readonly next: ChildCursor | undefined
}

/** List up to `limit` children of the container at `place`. @returns undefined when it is none. */
export function* listChildren(
  place: Place,
  limit: number,
  from: ChildCursor | undefined,
): Reading<FoundChildren | undefined> {
  const { scanner, address, item } = place
  if (!scanner.seek(address)) yield
  while (scanner.peek() < 0) yield
  if (!scanner.enter()) return undefined
  const { isObject } = scanner
  const count = item < 0 ? scanner.count : (place.index.items.counts[item] as number)
  const children: FoundChild[] = []
  let at: ChildCursor | undefined = from ?? { ordinal: 0, address: scanner.behind, isNamed: false }
  while (at !== undefined && at.ordinal < count && children.length < limit) {
    const child: FoundChild | undefined = yield* at.isNamed ? namedChild(place, at) : childAt(place, at, isObject)
    if (child === undefined) at = undefined
    else {
      children.push(child)
      at = nextOf(place, child)
    }
  }
  const next = at !== undefined && at.ordinal < count && (yield* isThere(place, at)) ? at : undefined
  if (!isObject || !place.hasDuplicates) return { isObject, children, next }
  return { isObject, children: yield* newest(place, { item, address }, children), next }
}

/** Those fields of the object that no later one with the same key replaces. */
function* newest(
  place: Place,
  object: { item: number; address: number },
  children: readonly FoundChild[],
): Reading<FoundChild[]> {
  const { index } = place
  const kept: FoundChild[] = []
  for (const child of children) {
    const steps = index.stepsOf(Path.of([stepOf(child)]))
    if ((yield* locate(place, index.routeFrom(object, steps))) && place.address === child.address) kept.push(child)
  }
  return kept
}

/** The step to a child. */
export function stepOf({ key, ordinal }: FoundChild): Step {
  if (typeof key === 'string') return { type: 'field', key }
  return typeof key === 'number' ? { type: 'intKey', key } : { type: 'index', index: ordinal }
}

/** Whether a child begins there. */
function* isThere({ scanner }: Place, { address, isNamed }: ChildCursor): Reading<boolean> {
  if (isNamed) return true
  if (!scanner.seek(address)) yield
  while (scanner.peek() < 0) yield
  return !scanner.atEnd()
}

/** Where the child behind this one is. */
function nextOf({ index, scanner }: Place, { ordinal, address }: FoundChild): ChildCursor | undefined {
  const entry = index.entryAt(address)
  if (entry < 0) return { ordinal: ordinal + 1, address: scanner.behind, isNamed: false }
  const next = index.siblingOf(entry)
  if (next < 0) return undefined
  const { ordinals, addresses, kinds } = index.items
  return {
    ordinal: ordinals[next] as number,
    address: addresses[next] as number,
    isNamed: kinds[next] !== ITEM.range,
  }
}

/** A child that the index names; its key need not be read. */
function* namedChild(place: Place, { ordinal, address }: ChildCursor): Reading<FoundChild> {
  const { index, scanner } = place
  const entry = index.entryAt(address)
  if (!scanner.seek(address)) yield
  while (scanner.peek() < 0) yield
  return yield* describe(place, { key: index.items.keys[entry], ordinal })
}

/** The child whose key, or in arrays value, is at the cursor; undefined at the end of the container. */
function* childAt(place: Place, { ordinal, address }: ChildCursor, isObject: boolean): Reading<FoundChild | undefined> {
  const { index, scanner } = place
  if (!scanner.seek(address)) yield
  while (scanner.peek() < 0) yield
  if (scanner.atEnd()) return undefined
  let key: string | number | undefined
  if (isObject) {
    key = scanner.readKey(index.keys)
    while (key === undefined) {
      yield
      while (scanner.peek() < 0) yield
      key = scanner.readKey(index.keys)
    }
    while (scanner.peek() < 0) yield
  }
  return yield* describe(place, { key, ordinal })
}

/** The child whose value is at the scanner, which moves behind it unless the index knows its size. */
function* describe(
  { index, scanner }: Place,
  { key, ordinal }: { key: string | number | undefined; ordinal: number },
): Reading<FoundChild> {
  const address = scanner.behind
  const type = typeOf(scanner.window.bytes[scanner.window.at] as number)
  const entry = index.entryAt(address)
  if (entry >= 0) {
    const sizeBytes = index.items.sizes[entry] as number
    if (sizeBytes > SHOWN_BYTES || type === 'object' || type === 'array') {
      return { key, ordinal, type, sizeBytes, address }
    }
  }
  const { skippedBytes } = scanner
  scanner.beginSkip(1)
  while (!scanner.skipValue()) yield
  const sizeBytes = scanner.behind - address - (scanner.skippedBytes - skippedBytes)
  if (sizeBytes > SHOWN_BYTES || type === 'object' || type === 'array')
    return { key, ordinal, type, sizeBytes, address }
  const builder = new ValueBuilder(index.keys)
  yield* feed(scanner, address, builder)
  return { key, ordinal, type, sizeBytes, address, value: builder.value as Scalar }
}

function typeOf(code: number): ChildType {
  if (code >= CODE.shortString) return 'string'
  if (code >= CODE.shortInt) return 'number'
  if (code >= CODE.shortObject) return 'object'
  if (code >= CODE.shortArray) return 'array'
  const type = TYPES.get(code)
  if (type !== undefined) return type
  throw new VarveError('DECODE_FAILED', `Cannot list children of a document: found the code ${code}`, {
    details: { found: `the code ${code}` },
  })
}

const TYPES = new Map<number, ChildType>([
  [CODE.null, 'null'],
  [CODE.false, 'boolean'],
  [CODE.true, 'boolean'],
  [CODE.int, 'number'],
  [CODE.negativeInt, 'number'],
  [CODE.float, 'number'],
  [CODE.scaled, 'number'],
  [CODE.negativeScaled, 'number'],
  [CODE.string, 'string'],
  [CODE.string + 1, 'string'],
  [CODE.bigint, 'bigint'],
  [CODE.negativeBigint, 'bigint'],
  [CODE.binary, 'bytes'],
  [CODE.timestamp, 'date'],
  [CODE.decimal, 'decimal'],
  [CODE.undefined, 'undefined'],
  [CODE.beginObject, 'object'],
  [CODE.beginArray, 'array'],
])
