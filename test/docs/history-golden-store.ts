/** The store that `test/golden/history` keeps, as varve writes it now: with a clock, randomness and a compression that
 * are the same at every run and on every runtime, it is the same to the byte.
 * @module */
import { memoryStorage } from '../../adapters/memory/index.ts'
import { type Fold, openStore, type Storage, type Store } from '../../src/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { plainDeflate } from '../support/plain-deflate.ts'
import { seededRandom } from '../support/seeded-random.ts'

export const AT = 1_767_225_600_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export interface Counts {
  placed: number
  total: number
  last: string
}

export const fold: Fold<Counts> = {
  version: 3,
  initial: () => ({ placed: 0, total: 0, last: '' }),
  apply: {
    Placed: (state, { entity, data }) => {
      const { price } = data as { price: number }
      return { placed: state.placed + 1, total: state.total + price, last: entity }
    },
  },
}

/** What the state is after so many events. */
export function countsAfter(events: number): Counts {
  const prices = Array.from({ length: events }, (_, at) => at * 3)
  return { placed: events, total: prices.reduce((a, b) => a + b, 0), last: `order-${(events - 1) % 5}` }
}

const cards = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({
    id: `c${from + at}`,
    text: `Card ${from + at} of the board`,
    done: false,
  }))
const times = (start: bigint, step: bigint) => Array.from({ length: 12 }, (_, at) => start + BigInt(at) * step)
const FIRST = {
  title: 'Plan',
  cards: cards(0, 12),
  text: 'One line\nAnother line, which is longer\nThe last line',
  clock: times(1_700_000_000_000_000_000n, 1_000_000_000n),
  floats: Array.from({ length: 12 }, (_, at) => Math.sqrt(at + 1)),
  counts: Array.from({ length: 12 }, (_, at) => at * at),
  scalars: [null, true, false, -0, Number.NaN, 0.1, 1e300, 2n ** 70n, new Uint8Array([1, 2, 255]), new Date(AT)],
}
const [c0, c1, c2, ...more] = FIRST.cards
const { scalars, ...others } = FIRST
const EDITED = { ...FIRST, title: 'Plan B', text: FIRST.text.replace('Another', 'One more').replace('last', 'third') }

/** The versions of the board, of which the thirteenth begins the second group. */
export const BOARD: readonly unknown[] = [
  FIRST,
  { ...FIRST, title: 'Plan B' },
  EDITED,
  FIRST,
  { ...FIRST, cards: [c0, { ...c1, done: true }, c2, ...more] },
  { ...FIRST, cards: [c2, c0, ...more, { id: 'new', text: 'A card', done: true, tags: ['odd \ud800', '\u00e9'] }] },
  { ...FIRST, clock: times(1_700_000_060_000_000_000n, 1_000_000_000n), counts: FIRST.counts.map((n) => n + 5) },
  { ...FIRST, floats: FIRST.floats.map((n) => n * (1 + 2 ** -50)), more: { points: FIRST.counts } },
  { scalars, ...others, 7: 'first of all', ['__proto__']: 'a field' },
  { ...FIRST, counts: FIRST.counts.with(11, 122), floats: FIRST.floats.with(4, Number.NaN) },
  { ...FIRST, floats: FIRST.floats.map((n, at) => (at % 4 === 0 ? Number.NaN : -n / 3)) },
  { ...FIRST, cards: [c0, { ...c1, done: true }, c2, { id: 'n', text: 'one more', done: false }, ...more] },
  { ...EDITED, cards: cards(0, 40) },
  { ...EDITED, cards: [...cards(0, 20), { id: 'x'.repeat(40), text: 'between', done: null }, ...cards(20, 40)] },
  'a text instead',
]

async function append(store: Store): Promise<void> {
  const board = await store.histories.open('board', { create: { keyframeInterval: 12, keyField: 'id' } })
  for (const [at, value] of BOARD.entries()) {
    const label = at % 4 === 1 ? { label: `step ${at} \u00e9` } : {}
    const more = at === 2 ? { fingerprint: 'known as this', metadata: { by: 'somebody', n: [1n, -0.5] } } : {}
    await board.append(value, { at: AT + at * MINUTE, offset: at * 2, ...label, ...more })
  }
  await board.append(FIRST, { label: 'back' })
  await board.pin({ version: 3 })
}

/** Every 20 minutes. */
export function measured(at: number) {
  const start = BigInt(AT + at * 20 * MINUTE) * 1_000_000n
  const timestamps = Array.from({ length: 10 }, (_, second) => start + BigInt(second) * 1_000_000_000n)
  const values = timestamps.map((_, second) => (second === 3 ? Number.NaN : at + second / 8))
  const metrics = { load: { timestamps, values }, idle: { timestamps: [start], values: [Number.NaN] } }
  return { metadata: { host: 'web-1' }, metrics }
}

async function measure(store: Store): Promise<void> {
  const tiers = {
    raw: { forMs: HOUR },
    compressed: { forMs: 2 * DAY, everyMs: HOUR },
    archive: { forMs: null, everyMs: DAY },
  }
  const cpu = await store.histories.open('cpu', { create: { tiers } })
  for (let at = 0; at < 24; at++) await cpu.appendMetrics(measured(at), { at: AT + at * 20 * MINUTE })
  await cpu.pin({ version: 5 })
  await cpu.cleanup({ now: AT + 24 * 20 * MINUTE })
}

async function project(store: Store): Promise<void> {
  const orders = await store.topics.open('orders', { create: true })
  const events = Array.from({ length: 20 }, (_, at) => {
    return { kind: 'Placed', entity: `order-${at % 5}`, data: { price: at * 3 }, at: AT + at }
  })
  await orders.append(events)
  for (const [name, keep] of [
    ['counts', 'document'],
    ['trail', 'history'],
  ] as const) {
    await (await store.projections.open(name, { fold, create: { topic: 'orders', keep, everyEvents: 8 } })).run()
  }
}

/** Write the store: two owners after each other, the second goes on with the groups of the first. */
export async function writeGoldenStore(): Promise<Storage> {
  const storage = memoryStorage()
  const compression = { ...storage.compression, deflate: plainDeflate }
  Object.defineProperty(storage, 'compression', { value: compression })
  const clock = new ManualClock(AT + 30 * DAY)
  const random = seededRandom(7)
  const first = await openStore({ storage, clock, random })
  await append(first)
  await measure(first)
  await project(first)
  await first.close()
  const second = await openStore({ storage, clock, random })
  const board = await second.histories.open('board')
  await board.append(BOARD[1], { label: 'goes on' })
  await second.close()
  return storage
}
