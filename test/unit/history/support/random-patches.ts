/** Values of every kind and patches that fit them, drawn from a seed: also patches that no comparison would make.
 * @module */
import type { ArrayRun, NumbersPatch, ObjectPatch, Patch, StringPatch } from '../../../../src/history/patch/patch.ts'
import type { Draw } from '../../../support/seeded-random.ts'

const TEXTS = [
  '',
  'a',
  'text',
  'é\ud83d\ude00',
  'lone \ud800',
  'a longer text that goes on for more than sixty-four bytes, really',
]
const KEYS = ['a', 'b', 'c', 'id', '12', 'odd key', '__proto__', 'x\udfff', 'a key of more than thirty-two bytes']
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  31,
  32,
  1e9,
  2 ** 53 - 1,
  2 ** 60,
  0.1,
  -12.5,
  Math.PI,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
]
const BIGINTS = [0n, 1n, -1n, 2n ** 63n, -(2n ** 80n), 1_700_000_000_000_000_000n]

export function pick<T>(draw: Draw, from: readonly T[]): T {
  return from[draw() % from.length] as T
}

export function randomValue(draw: Draw, levels = 4): unknown {
  const kind = draw() % (levels > 0 ? 14 : 8)
  if (kind === 0) return pick(draw, [null, true, false])
  if (kind === 1) return pick(draw, BIGINTS)
  if (kind === 2) return Uint8Array.from({ length: draw() % 5 }, () => draw() & 255)
  if (kind === 3) return new Date((draw() % 1_000) - 500)
  if (kind < 6) return pick(draw, TEXTS)
  if (kind < 8) return pick(draw, NUMBERS)
  if (kind < 11) return Array.from({ length: draw() % 6 }, () => randomValue(draw, levels - 1))
  if (kind === 11) return randomNumbers(draw)
  return randomObject(draw, levels - 1)
}

function randomObject(draw: Draw, levels: number): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (let left = draw() % 6; left > 0; left--) define(object, pick(draw, KEYS), randomValue(draw, levels))
  return object
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

function randomNumbers(draw: Draw): (number | bigint)[] {
  const length = 1 + (draw() % 20)
  const kind = draw() % 3
  if (kind === 0) return Array.from({ length }, () => pick(draw, NUMBERS))
  if (kind === 1) return Array.from({ length }, (_, at) => at * 1_000 + (draw() % 10))
  return Array.from({ length }, (_, at) => 1_700_000_000_000_000_000n + BigInt(at * 1_000))
}

/** A patch that fits the value. */
export function randomPatch(value: unknown, draw: Draw, levels = 4): Patch {
  if (draw() % 12 === 0) return { type: 'set', value: randomValue(draw, Math.min(levels, 2)) }
  if (typeof value === 'string') return randomEdits(value, draw)
  if (Array.isArray(value)) {
    const isNumbers = value.every((element) => typeof element === 'number' || typeof element === 'bigint')
    return isNumbers && value.length > 0 && draw() % 3 > 0 ? numbersPatch(value, draw) : randomRuns(value, draw, levels)
  }
  const isObject = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  if (isObject) return randomFields(value as Record<string, unknown>, draw, levels)
  return { type: 'set', value: randomValue(draw, Math.min(levels, 2)) }
}

function randomEdits(text: string, draw: Draw): StringPatch {
  const edits: StringPatch['edits'][number][] = []
  for (let at = 0; at <= text.length; ) {
    const start = at + (draw() % 8)
    if (start > text.length) break
    const remove = draw() % (Math.min(4, text.length - start) + 1)
    edits.push({ start, remove, insert: pick(draw, TEXTS) })
    at = start + remove + 1
  }
  return { type: 'string', edits }
}

function randomFields(value: Record<string, unknown>, draw: Draw, levels: number): ObjectPatch {
  const removed: string[] = []
  const changed: [string, Patch][] = []
  const added: [string, unknown][] = []
  for (const key of Object.keys(value)) {
    const fate = draw() % 8
    if (fate === 0) removed.push(key)
    else if (fate < 4)
      changed.push([key, randomPatch(Object.getOwnPropertyDescriptor(value, key)?.value, draw, levels - 1)])
  }
  for (let left = draw() % 3; left > 0; left--) {
    const key = pick(draw, KEYS)
    if (Object.hasOwn(value, key) || added.some(([other]) => other === key)) continue
    added.push([key, randomValue(draw, Math.min(levels - 1, 2))])
  }
  const all = Object.keys(value).length - removed.length + added.length
  if (draw() % 3 > 0 || all < 2) return { type: 'object', removed, changed, added }
  const cut = 1 + (draw() % (all - 1))
  const order: [number, number][] = [
    [cut, all - cut],
    [0, cut],
  ]
  return { type: 'object', removed, changed, added, order }
}

function randomRuns(value: readonly unknown[], draw: Draw, levels: number): Patch {
  const runs: ArrayRun[] = []
  for (let at = 0; at < value.length; ) {
    const fate = draw() % 6
    if (fate === 0) at++
    else if (fate === 1) runs.push({ type: 'change', start: at, patch: randomPatch(value[at++], draw, levels - 1) })
    else {
      const length = 1 + (draw() % (value.length - at))
      runs.push({ type: 'keep', start: at, length })
      at += length
    }
  }
  for (let left = draw() % 3; left > 0; left--) {
    const values = Array.from({ length: draw() % 3 }, () => randomValue(draw, Math.min(levels - 1, 2)))
    runs.splice(draw() % (runs.length + 1), 0, { type: 'insert', values })
  }
  if (draw() % 4 === 0) runs.sort(() => (draw() % 2) - 0.5)
  return { type: 'array', runs }
}

function numbersPatch(value: readonly (number | bigint)[], draw: Draw): NumbersPatch {
  const isBigint = value.every((element) => typeof element === 'bigint')
  const isSmall = value.every((element) => Number.isSafeInteger(element) && Math.abs(Number(element)) < 2 ** 40)
  const isFloat = value.every((element) => typeof element === 'number')
  const places = [...value.keys()].filter(() => draw() % 3 > 0)
  const positions = draw() % 2 === 0 ? { positions: places } : {}
  const count = positions.positions?.length ?? value.length
  const column = <T>(make: () => T): T[] => Array.from({ length: count }, make)
  const coding = draw() % 3
  if (coding === 1 && isBigint)
    return { type: 'numbers', ...positions, coding: 'add', values: column(() => pick(draw, BIGINTS)) }
  if (coding === 1 && isSmall)
    return { type: 'numbers', ...positions, coding: 'add', values: column(() => draw() % 100) }
  if (coding === 2 && isFloat) {
    const values = BigUint64Array.from(column(() => BigInt(draw()) << BigInt(draw() % 32)))
    return { type: 'numbers', ...positions, coding: 'bits', values }
  }
  return { type: 'numbers', ...positions, coding: 'set', values: column(() => pick(draw, [...NUMBERS, ...BIGINTS])) }
}
