/** Answers that go on for as long as versions are found: how far they are read, and what ends them.
 * @module */
import { expect, test } from 'vitest'
import { type FoundVersions, type History, VarveError } from '../../src/index.ts'
import type { AppOptions } from '../../web/index.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { settle } from './support/harness.ts'
import { historyHarness } from './support/histories.ts'

/** What compression makes no smaller. */
const TEXT = [...seededRandom(6).bytes(40_000)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('')

/** A history that finds as many versions as are read. */
async function endless(options: AppOptions = {}) {
  const made = await historyHarness(options)
  await made.create()
  const history: History = await made.store.histories.open('board')
  const state = { read: 0, ended: 0, fail: -1, aborted: 0 }
  async function* values(_path: unknown, { signal }: { signal?: AbortSignal } = {}) {
    try {
      while (true) {
        if (state.read === state.fail) throw new VarveError('VERSION_DAMAGED', 'Cannot read /secret/place')
        yield { version: ++state.read, at: 0, value: TEXT }
      }
    } finally {
      state.ended++
      if (signal?.aborted) state.aborted++
    }
  }
  history.values = values
  history.query = () => ({ outcome: undefined, [Symbol.asyncIterator]: () => values('') }) as unknown as FoundVersions
  return { ...made, state }
}

const readerOf = (response: Response) => {
  if (response.body === null) throw new Error('No body')
  return response.body.getReader()
}

for (const way of ['values', 'query'])
  test(`lines of ${way} are read no further than the client reads, and end with it`, async () => {
    const { get, state } = await endless()
    const answer = await get(`/board/${way}`)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    await settle()
    expect(state.read).toBeLessThan(8)
    const reader = readerOf(answer)
    for (let piece = 0; piece < 5; piece++) await reader.read()
    expect(state.read).toBeLessThan(16)
    await reader.cancel()
    await settle()
    expect(state.ended).toBe(1)
  })

test('lines hold a slot each, and a client that does not read is cut off', async () => {
  const { get, state, clock } = await endless({ limits: { streamsPerPeer: 2 } })
  const readers = [readerOf(await get('/board/values')), readerOf(await get('/board/values'))]
  expect((await get('/board/values')).status).toBe(429)
  await settle()
  expect(state.ended).toBe(1)
  await readers[0]?.cancel()
  const third = readerOf(await get('/board/values'))
  await third.read()
  await clock.advance(60_000)
  await expect(third.read()).rejects.toMatchObject({ code: 'BODY_TIMEOUT' })
  await readers[1]?.cancel()
  await settle()
  expect(state.ended).toBe(4)
})

test('lines end with the server', async () => {
  const { get, state, stop } = await endless()
  const reader = readerOf(await get('/board/values'))
  await reader.read()
  stop.abort()
  await expect(reader.read()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  await settle()
  expect([state.ended, state.aborted]).toEqual([1, 1])
  expect((await get('/board/values')).status).toBe(503)
})

test('damage in the first lines is a problem that tells readers nothing, later damage cuts the answer', async () => {
  const early = await endless()
  early.state.fail = 1
  const refused = await early.get('/board/values')
  const text = await refused.text()
  expect([refused.status, JSON.parse(text).code, text.includes('secret')]).toEqual([500, 'VERSION_DAMAGED', false])
  const late = await endless()
  late.state.fail = 9
  const begun = await late.get('/board/values')
  expect(begun.status).toBe(200)
  await expect(begun.arrayBuffer()).rejects.toMatchObject({ code: 'VERSION_DAMAGED' })
  expect(late.errors.length).toBe(1)
})
