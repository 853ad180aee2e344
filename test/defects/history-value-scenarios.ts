/** What kills defects in how values become changes and changes values: whose they are, what is told apart, what moved.
 * @module */

import type { StoredHistory } from '../../src/history/history.ts'
import { cloneValue } from '../../src/history/patch/copy-value.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { found, mustBeExactly, scenario, smallOne } from './history-support.ts'

/** Append values one after the other and read all of them back, from memory and from the file. */
async function mustComeBack(values: readonly unknown[], what: string): Promise<StoredHistory> {
  const { history } = smallOne({ keyframeInterval: 1_000 })
  for (const value of values) await history.append(value)
  for (const [at, value] of values.entries()) {
    mustBeExactly(await history.read({ version: at + 1, check: true }), value, `${what}, version ${at + 1}`)
  }
  return history
}

/** There and back, so that each is made of the other. */
const both = (before: unknown, after: unknown) => [
  before,
  after,
  before,
  { both: [before, after] },
  { both: [after, before] },
]

const filler = Array.from({ length: 60 }, (_, at) => `filler ${at}`)

/** Numbers as `Object.is` tells them apart, in every place that has a coding of its own. */
export const numbersComeBackExactly = scenario(async () => {
  const numbers = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53 + 2, -0.1, 5, 5n, 2n ** 70n, -(2n ** 63n)]
  for (const [at, one] of numbers.entries()) {
    for (const other of numbers.slice(at + 1)) {
      await mustComeBack(both({ at: one, filler }, { at: other, filler }), `${String(one)} and ${String(other)}`)
    }
  }
  const column = (of: (at: number) => unknown) => Array.from({ length: 60 }, (_, at) => of(at))
  const columns: [string, unknown[], unknown[]][] = [
    ['steps', column((at) => at), column((at) => at + 1_000)],
    ['steps to -0', column((at) => at + 5), column((at) => (at === 7 ? -0 : at + 6))],
    ['steps from -0', column((at) => (at === 7 ? -0 : at)), column((at) => at + 1)],
    ['bigints', column((at) => 2n ** 64n + BigInt(at)), column((at) => 2n ** 64n + BigInt(at * 2 + 1))],
    ['bigints and numbers', column((at) => (at % 2 ? at : BigInt(at))), column((at) => (at % 3 ? at : BigInt(at)))],
    ['fractions', column((at) => at / 7), column((at) => at / 7 + 0.3)],
    ['whole steps of fractions', column((at) => at + 0.5), column((at) => at + 1.5)],
    ['fractions and NaN', column((at) => at / 7), column((at) => (at % 9 ? at / 7 + 1e-9 : Number.NaN))],
    ['signs', column((at) => at / 3), column((at) => -at / 3)],
    ['a few', column((at) => at / 3), column((at) => (at % 20 === 3 ? -0 : at / 3))],
    ['large', column((at) => 2 ** 53 - at), column((at) => -(2 ** 53) + at * 3)],
  ]
  for (const [what, before, after] of columns) await mustComeBack(both(before, after), what)
})

/** Fields by their keys and in their order. */
export const fieldsComeBackExactly = scenario(async () => {
  const odd = JSON.parse('{"__proto__":{"evil":1},"constructor":2,"toString":3,"":4,"1":5}') as object
  const field = (key: string, value: unknown) =>
    Object.fromEntries([
      ['a', 1],
      [key, value],
      ['z', filler],
    ])
  await mustComeBack(both({ a: 1, b: 2, filler }, { filler, b: 2, a: 1 }), 'an order')
  await mustComeBack(both({ a: 1, c: 3, filler }, { a: 1, b: 2, c: 3, filler }), 'a field in between')
  await mustComeBack(both({ a: 1, b: 2, c: 3, filler }, { c: 4, filler, d: 1, a: 1 }), 'fields that go and come')
  await mustComeBack(both({ 10: 1, 9: 2, filler }, { 9: 2, 11: 3, filler, 10: 4 }), 'numbers as keys')
  await mustComeBack(both({ ...odd, filler }, { filler }), 'odd keys')
  await mustComeBack(both(field('__proto__', 1), field('__proto__', { deep: [2] })), 'a changed __proto__')
  await mustComeBack(both({ a: 1, filler }, field('__proto__', 7)), 'a new __proto__')
  await mustComeBack(
    both({ at: new Date(5), bytes: new Uint8Array(3) }, { at: 5, bytes: [0, 0, 0] }),
    'kinds of objects',
  )
  await mustComeBack(both({ filler, list: [] }, { filler, list: {} }), 'empty ones')
})

/** Elements that come, go and move, changed or not. */
export const elementsComeBackExactly = scenario(async () => {
  const random = seededRandom(5)
  const row = (id: number) => ({ id, text: `row number ${id}`, deep: { list: [id, id + 1] } })
  let rows = Array.from({ length: 24 }, (_, id) => row(id))
  const values: unknown[] = [rows]
  for (let turn = 0; turn < 40; turn++) {
    const [what = 0, from = 0, to = 0] = random.bytes(3)
    rows = cloneValue(rows) as typeof rows
    const [moved] = rows.splice(from % rows.length, 1)
    must(moved !== undefined, 'there are rows')
    if (what % 4 === 0) rows.splice(to % rows.length, 0, row(100 + turn), row(200 + turn), moved)
    else if (what % 4 === 1) rows.splice(to % rows.length, 0, { ...moved, text: `${moved.text} moved` })
    else rows.splice(to % rows.length, 0, moved)
    if (what % 3 === 0) rows.push(row(300 + turn))
    values.push(rows)
  }
  await mustComeBack(values, 'rows')
  await mustComeBack([rows, [...rows].reverse(), rows.slice(3, 20), [...rows.slice(12), ...rows.slice(0, 12)]], 'order')
  await mustComeBack(both(['a', 'b', 'a', 'c', 'a', 'b'], ['b', 'a', 'a', 'b', 'x', 'c', 'a']), 'elements again')
})

/** Edits in several places of a text, also between the halves of a character. */
export const textsComeBackExactly = scenario(async () => {
  const words = Array.from({ length: 80 }, (_, at) => `word${at}`)
  const text = (change: (words: string[]) => void) => {
    const copy = [...words]
    change(copy)
    return copy.join(' ')
  }
  const values = [
    text(() => undefined),
    text((copy) => copy.splice(10, 1, 'other')),
    text((copy) => {
      copy.splice(70, 2, 'x', 'y', 'z')
      copy.splice(40, 5)
      copy.splice(3, 0, 'new words that are longer')
    }),
    text((copy) => copy.splice(20, 3, 'a\n', 'b', '\nc')),
    text((copy) => copy.reverse()),
    text((copy) => copy.splice(5, 1, '😀😁😂')),
    text((copy) => copy.splice(5, 1, '😀😃😂')),
    text((copy) => copy.splice(5, 1, '\ud83d lone')),
    `${words.join('\n')}\n`,
    `${[...words.slice(30), ...words.slice(0, 20)].join('\n')}\n`,
  ]
  await mustComeBack(values, 'a text')
  await mustComeBack(
    values.map((value, at) => ({ [`key ${at % 2}`]: [value], filler })),
    'a text inside',
  )
})

/** A history owns what it was given: the caller may change it at once, and afterwards. */
export const callersMayChangeTheirValues = scenario(async () => {
  const { history } = smallOne({ keyframeInterval: 1_000 })
  const value = { title: 'board', rows: [{ id: 1, cells: [1, 2] }], filler } as Record<string, unknown> & {
    rows: { id: number; cells: number[] }[]
  }
  const wanted: unknown[] = []
  const append = async () => {
    wanted.push(structuredClone(value))
    const appended = history.append(value)
    value.title = 'changed before the promise is settled'
    value.rows[0]?.cells.push(99)
    value.rows.push({ id: -1, cells: [] })
    await appended
    value.title = `board ${wanted.length}`
    value.rows.pop()
    value.rows[0]?.cells.pop()
  }
  await append()
  const row = { id: 2, cells: [5] }
  value.rows.push(row)
  await append()
  row.cells.push(6)
  await append()
  const fresh = { deep: { list: [1] } }
  value.fresh = fresh
  await append()
  fresh.deep.list.push(2)
  await append()
  const other: unknown[] = [{ in: 'its place' }]
  value.fresh = other
  await append()
  other.push({ more: true })
  await append()
  for (const [at, want] of wanted.entries()) {
    mustBeExactly(await history.read({ version: at + 1, check: true }), want, `version ${at + 1}`)
  }
})

/** Appends that do not wait for each other are compared each with the one before it. */
export const appendsBesideEachOtherFollow = scenario(async () => {
  const { history } = smallOne({ keyframeInterval: 1_000 })
  const values = Array.from({ length: 12 }, (_, at) => ({ number: at, [`key ${at % 3}`]: [at], filler }))
  await history.append(values[0])
  const receipts = await Promise.all(values.slice(1).map((value) => history.append(value)))
  mustEqual(
    receipts.map(({ version }) => version),
    values.slice(1).map((_, at) => at + 2),
    'versions',
  )
  for (const [at, want] of values.entries()) {
    mustBeExactly(await history.read({ version: at + 1, check: true }), want, `version ${at + 1}`)
  }
})

/** A value's own code may append while the value is read: that version comes first. */
export const valuesMayAppendWhileTheyAreRead = scenario(async () => {
  const { history } = smallOne({ keyframeInterval: 1_000 })
  await history.append({ number: 1, list: [1, 2, 3], filler })
  let inside: Promise<unknown> = Promise.resolve()
  const toJSON = () => {
    inside = history.append({ fresh: { key: 2 }, list: [3], filler })
    return { number: 3, list: [1, 2, 3, 4], filler }
  }
  await Promise.all([history.append({ toJSON }), inside])
  await inside
  const { version } = await history.append('last')
  const first = await history.read({ version: 2, check: true })
  mustBeExactly(first, { fresh: { key: 2 }, list: [3], filler }, 'what the code of a value appended')
  for (let at = 3; at < version; at++) {
    mustBeExactly(
      await history.read({ version: at, check: true }),
      at === version - 1 ? { number: 3, list: [1, 2, 3, 4], filler } : first,
      `version ${at}`,
    )
  }
})

/** What readers are given is theirs, and does not change when they go on. */
export const readersMayChangeTheirValues = scenario(async () => {
  const { history } = smallOne({ keyframeInterval: 1_000 })
  const values = [1, 2, 3, 4].map((number) => ({ number, rows: [{ id: number, list: [number] }], filler }))
  for (const value of values) await history.append(value)
  const got = await found(history, {})
  mustBeExactly(
    got.map(({ value }) => value),
    values,
    'values of a query, all together',
  )
  const rows: unknown[] = []
  for await (const { value } of history.values('rows')) rows.push(value)
  mustBeExactly(
    rows,
    values.map((value) => value.rows),
    'values at a path, all together',
  )
  for await (const { value } of history.query({ path: 'rows' })) (value as unknown[]).push('mine')
  for await (const { value } of history.query()) (value as { rows: unknown[] }).rows.push('mine')
  for await (const { value } of history.values('rows')) (value as unknown[]).push('mine')
  for (const [at, want] of values.entries()) {
    const mine = (await history.read({ version: at + 1 })) as { rows: unknown[] }
    mine.rows.push('mine')
    mustBeExactly(await history.read({ version: at + 1 }), want, `version ${at + 1}`)
  }
})

/** The value at each path of each version is that of the whole version, whatever made it. */
export const pathsAreFollowed = scenario(async () => {
  const card = (id: number) => ({ id, text: `card ${id}`, marks: Array.from({ length: 12 }, (_, at) => id + at) })
  const cards = [1, 2, 3, 4, 5].map(card)
  const [a, b, c, d, e] = cards
  const values: unknown[] = [
    { cards, lone: { deep: { value: 1 } }, filler },
    { cards: [e, a, b, c, d], lone: { deep: { value: 1 } }, filler },
    { cards: [e, a, { ...b, text: 'other' }, d, c], lone: { deep: { value: 2 } }, filler },
    { cards: [e, card(7), a, card(8), b, d], lone: 'nothing', filler },
    { cards: [card(9), e, card(7), a, card(8), b, d], lone: { deep: [{ value: 3 }] }, filler },
    { cards: [card(9), { ...card(7), marks: card(70).marks }, a, b, d], filler },
    { cards: [card(9), { ...card(7), marks: card(71).marks.map((mark, at) => mark + at / 2) }, a, b, d], filler },
    {
      cards: [card(9), { ...card(7), marks: card(71).marks.map((mark, at) => (at % 5 ? mark + at / 2 : at)) }, a],
      filler,
    },
    { cards: [b, d, a].map((one, at) => ({ ...one, id: at })), lone: { deep: { value: 4 } }, filler },
    { cards: { 0: 'no array', 1: { id: 1 } }, filler },
    { cards, filler, lone: { deep: { value: 1 } } },
  ]
  const { history } = smallOne({ keyframeInterval: 1_000 })
  for (const value of values) await history.append(value)
  must(history.settings.keyframeInterval === 1_000, 'one group')
  const paths = [
    ...[
      'lone',
      'lone.deep',
      'lone.deep.value',
      'lone.deep[0].value',
      'cards',
      'filler[3]',
      'nothing',
      'filler.nothing',
    ],
    ...[0, 1, 2, 3, 4, 5, 6].flatMap((at) => {
      return ['', '.id', '.text', '.marks', '.marks[0]', '.marks[7]', '.marks[11]'].map((rest) => `cards[${at}]${rest}`)
    }),
  ]
  for (const [at, value] of values.entries()) {
    for (const path of paths) {
      const have = await history.read({ version: at + 1, path })
      mustBeExactly(have, at1(value, path), `${path} of version ${at + 1}`)
    }
  }
})

function at1(value: unknown, path: string): unknown {
  let at = value
  for (const step of path.split(/[.[]/)) {
    const isIndex = step.endsWith(']')
    if (typeof at !== 'object' || at === null || (isIndex && !Array.isArray(at))) return undefined
    at = (at as Record<string, unknown>)[isIndex ? step.slice(0, -1) : step]
  }
  return at
}
