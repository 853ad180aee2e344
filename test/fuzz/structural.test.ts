/** Goal: no bytes do more to the readers of structural events than fail with `DECODE_FAILED`, and what they make of
 * bytes does not depend on how these come.
 * Method: encodings of values, with document codes put in, are mutated or made of random events; each input is read
 * whole and in two or three pieces, as a value and as events, and the answers are compared.
 * @module */
import { describe, expect, test } from 'vitest'
import { decodeStructural, StructuralSink } from '../../src/codec/structural.ts'
import { ValueBuffer } from '../../src/codec/value-buffer.ts'
import { ValueBuilder } from '../../src/codec/value-builder.ts'
import { ValueWalker } from '../../src/codec/value-walk.ts'
import { StreamCheck } from '../../src/document/check/stream-check.ts'
import type { EventConsumer } from '../../src/document/events/consumer.ts'
import { EventList } from '../../src/document/events/list.ts'
import { type ErrorDetails, isVarveError } from '../../src/errors.ts'
import { share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'

const KEYS = Array.from({ length: 50 }, (_, index) => `key ${index}`)
const LIMITS = { sizeBytes: 2 ** 30, depth: 1_024, nodes: 2 ** 30, keyBytes: 2 ** 30 }
const INPUTS = 250_000

interface Answer {
  readonly at: number
  readonly done: boolean
  readonly events: number
  readonly failed: ErrorDetails | undefined
}

/** Push pieces that end at `ends`, as a reader does: what was not taken comes again. */
function read(consumer: EventConsumer, bytes: Uint8Array, ends: readonly number[]): Answer {
  let at = 0
  let failed: ErrorDetails | undefined
  try {
    for (const end of ends) {
      const stopped = consumer.push(bytes, at, end)
      if (stopped < at || stopped > end) throw new Error(`from ${at} to ${stopped}, past ${end}`)
      at = stopped
    }
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    failed = error.details
  }
  return {
    at: failed === undefined ? at : (failed.position as number),
    done: consumer.done,
    events: consumer.events,
    failed,
  }
}

/** What verifying a document checks events with. */
class Checker extends StreamCheck implements EventConsumer {
  push(bytes: Uint8Array, from: number, end: number): number {
    let at = from
    while (at < end && !this.done) {
      const taken = this.take(bytes, at, end)
      if (taken < 0) break
      this.events++
      at = taken
    }
    return at
  }

  protected containerEnds(): void {}
}

/** It refuses what a reader refuses, perhaps before the event is complete, and keys that are to enter the key table
 * without being in it. */
function checkAsReader(bytes: Uint8Array): void {
  const reader = read(new ValueBuilder([]), bytes, [bytes.length])
  const checker = new Checker([])
  try {
    const at = checker.push(bytes, 0, bytes.length)
    const { done, events } = checker
    const answer = { at, done, events, failed: undefined }
    if (!isSame(answer, reader)) expect(answer).toEqual(reader)
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    const isCut = !reader.done && reader.at < bytes.length
    const isUnknown = error.details.found === 'a key that the key table has not'
    if (reader.failed === undefined && !isCut && !isUnknown) expect(reader.failed).toEqual(error.details)
  }
}

function check(bytes: Uint8Array, next: () => number): void {
  const whole = new ValueBuilder(KEYS)
  const answer = read(whole, bytes, [bytes.length])
  const cut = next() % (bytes.length + 1)
  const ends = [cut, cut + (next() % (bytes.length + 1 - cut)), bytes.length]
  const pieces = new ValueBuilder(KEYS)
  if (!isSame(read(pieces, bytes, ends), answer)) expect(read(new ValueBuilder(KEYS), bytes, ends)).toEqual(answer)
  const list = new EventList(KEYS)
  if (!isSame(read(list, bytes, ends), answer)) expect(read(new EventList(KEYS), bytes, ends)).toEqual(answer)
  if (difference(pieces.value, whole.value) !== undefined) expect(pieces.value).toEqual(whole.value)
  if (answer.done && list.take().length < answer.events) expect.fail('events are missing')
  decodesOrFails(bytes, answer.done && answer.at === bytes.length)
  checkAsReader(bytes)
}

/** Without a key table there is less that can be read, and never more. */
function decodesOrFails(bytes: Uint8Array, isWhole: boolean): void {
  try {
    decodeStructural(bytes)
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    return
  }
  expect(isWhole).toBe(true)
}

function isSame(one: Answer, other: Answer): boolean {
  return (
    one.at === other.at &&
    one.done === other.done &&
    one.events === other.events &&
    one.failed?.found === other.failed?.found
  )
}

describe('readers of structural events', () => {
  test('only fail with DECODE_FAILED, the same for all pieces: mutated values', () => {
    const samples = encodings()
    const next = randomNumbers(0x5eed)
    for (let run = 0; run < share(INPUTS / 2); run++) {
      check(mutate(samples[next() % samples.length] as Uint8Array, next), next)
    }
  }, 60_000)

  test('only fail with DECODE_FAILED, the same for all pieces: random events', () => {
    const next = randomNumbers(0xfeed)
    for (let run = 0; run < share(INPUTS / 2); run++) check(randomEvents(next), next)
  }, 60_000)

  test('only fail with DECODE_FAILED: every first byte with every byte behind it', () => {
    const next = randomNumbers(0xbad)
    for (let code = 0; code < 256; code++) {
      for (let fill = 0; fill < 256; fill++) {
        const bytes = new Uint8Array(12).fill(fill)
        bytes[0] = code
        check(bytes, next)
      }
    }
  }, 60_000)

  test('refuse a million levels of each container', () => {
    for (const begin of [[0x12], [0x10, 0xe0], [0x41], [0x51, 0xe0], [0x10, 0x14, 1]]) {
      const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => begin[index % begin.length] as number)
      for (const consumer of [new ValueBuilder(KEYS), new EventList(KEYS)]) {
        expect(read(consumer, bytes, [bytes.length]).failed?.found).toBe('too many levels')
      }
    }
  })
})

function encodings(): Uint8Array[] {
  const row = { id: 'row-1', at: new Date(1), price: 12.5, big: -(2n ** 90n), blob: new Uint8Array(5), ü: [-0, null] }
  const values = [
    row,
    [row, { ...row, lone: 'x\uD800y', deep: [[{ a: [] }], 'é'.repeat(40), {}] }],
    Array.from({ length: 20 }, (_, index) => ({ [`k${index}`]: index * 1e9, list: [true, false, 'text'] })),
    'a long text '.repeat(20),
  ]
  const out = new ValueBuffer()
  const plain = values.map((value) => {
    out.begin()
    new ValueWalker(out, LIMITS).walk(value, 'value', new StructuralSink(out))
    return out.bytes.slice(out.start, out.length)
  })
  // Keys by number, integer keys, a decimal, undefined, a new key, key pages.
  const document = [0x10, 0xe1, 0x61, 0x0e, 0x05, 0x18, 2, 0x34, 0x32, 0x15, 9, 0x19, 0x0f, 1, 0x61, 0x16, 2, 0x83, 1]
  return [...plain, Uint8Array.of(...document, 0xff, 0x42, 0x60, 0x52, 0x11), Uint8Array.of(...document, 0x1a, 1)]
}

function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = next() % 8 === 0 ? bytes.slice(0, next() % bytes.length) : bytes.slice()
  for (let count = 1 + (next() % 3); count > 0 && copy.length > 0; count--) {
    copy[next() % copy.length] = next() % 2 === 0 ? next() : (EDGES[next() % EDGES.length] as number)
  }
  return copy
}

/** Mostly codes that may stand where they do, so that inputs go deep. */
function randomEvents(next: () => number): Uint8Array {
  const bytes: number[] = []
  for (let count = 1 + (next() % 30); count > 0; count--) {
    bytes.push(EDGES[next() % EDGES.length] as number)
    if (next() % 3 === 0) bytes.push(next() % 4)
    if (next() % 40 === 0) bytes.push(next() & 0xff)
  }
  return Uint8Array.from(bytes)
}

const EDGES = [
  ...[0x00, 0x01, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13],
  ...[0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x3f, 0x40, 0x41, 0x42, 0x50, 0x51, 0x52],
  ...[0x60, 0x61, 0x7f, 0x80, 0x81, 0x82, 0xc0, 0xc1, 0xe0, 0xe1, 0xe0, 0xe1, 0xff],
]

/** xorshift32. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
