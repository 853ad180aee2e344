/** Answers of any length: how far they are read, and what ends them.
 * @module */
import { describe, expect, test } from 'vitest'
import { type OpenDocument, VarveError } from '../../src/index.ts'
import type { AppOptions } from '../../web/index.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { documentHarness as started } from './support/documents.ts'
import { settle } from './support/harness.ts'

/** What compression makes no smaller. */
const PIECE = seededRandom(6).bytes(65_536)

describe('long answers', () => {
  /** A document whose text comes in as many pieces as are read. */
  async function streaming(options: AppOptions = {}) {
    const made = await started(options)
    await made.put('1')
    const state = { read: 0, released: 0, fail: -1, slow: undefined as Promise<void> | undefined }
    const use = made.store.documents.use.bind(made.store.documents)
    made.store.documents.use = async (name, work) => {
      const result = await use(name, (document) =>
        work(new Proxy(document, { get: (_, key) => longer(document, key) })),
      )
      state.released++
      return result
    }
    const longer = (document: OpenDocument, key: string | symbol): unknown => {
      const found: unknown = key === 'json' ? json : Reflect.get(document, key)
      return typeof found === 'function' ? found.bind(document) : found
    }
    async function* json() {
      while (true) {
        await state.slow
        if (state.read === state.fail) throw new VarveError('DOCUMENT_DAMAGED', 'Cannot read block 7 of /secret/place')
        yield PIECE
        state.read++
      }
    }
    return { ...made, state }
  }

  const readerOf = (response: Response) => {
    if (response.body === null) throw new Error('No body')
    return response.body.getReader()
  }

  test('streamBytes() reads no further than the client, and lets go when it goes', async () => {
    const { get, state } = await streaming()
    const reader = readerOf(await get('/catalog'))
    for (let piece = 0; piece < 10; piece++) await reader.read()
    expect(state.read).toBeLessThan(12)
    await reader.cancel()
    await settle()
    expect(state.released).toBe(1)
  })

  test('compressAnswer() reads no further than the client, either', async () => {
    const { get, state } = await streaming()
    const answer = await get('/catalog', { 'accept-encoding': 'gzip' })
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    await settle()
    expect(state.read).toBeLessThan(5)
    const reader = readerOf(answer)
    await reader.read()
    await settle()
    expect(state.read).toBeGreaterThan(0)
    await reader.cancel()
    await settle()
    expect(state.released).toBe(1)
  })

  test('streamBytes() cuts a client that does not read for `answerIdleMs`', async () => {
    const { get, state, clock } = await streaming()
    const reader = readerOf(await get('/catalog'))
    await reader.read()
    await clock.advance(59_999)
    await reader.read()
    await clock.advance(60_000)
    await expect(reader.read()).rejects.toMatchObject({ code: 'BODY_TIMEOUT' })
    await settle()
    expect(state.released).toBe(1)
  })

  test('streamBytes() holds as many slots as answers are on their way', async () => {
    const { get, state } = await streaming({ limits: { streamsPerPeer: 2 } })
    const readers = [readerOf(await get('/catalog')), readerOf(await get('/catalog'))]
    expect((await get('/catalog')).status).toBe(429)
    expect(state.released).toBe(1)
    await readers[0]?.cancel()
    const third = readerOf(await get('/catalog'))
    await third.cancel()
    await readers[1]?.cancel()
    await settle()
    expect(state.released).toBe(4)
  })

  test('streamBytes() answers after a second where the first piece takes longer, and ends with its client', async () => {
    const { get, state, clock } = await streaming()
    let found = () => {}
    state.slow = new Promise((resolve) => {
      found = resolve
    })
    const asked = get('/catalog')
    await settle()
    await clock.advance(1_000)
    const answer = await asked
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, null])
    const reader = readerOf(answer)
    const first = reader.read()
    found()
    expect((await first).value?.length).toBe(65_536)
    expect((await reader.read()).value?.length).toBe(65_536)
    await reader.cancel()
    await settle()
    expect(state.released).toBe(1)
  })

  test('streamBytes() ends with the server', async () => {
    const { get, state, stop } = await streaming()
    const reader = readerOf(await get('/catalog'))
    await reader.read()
    stop.abort()
    await expect(reader.read()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await settle()
    expect(state.released).toBe(1)
    expect((await get('/catalog')).status).toBe(503)
  })

  test('a failure in the first pieces is a problem that tells readers nothing, a later one cuts the answer', async () => {
    const early = await streaming()
    early.state.fail = 1
    const refused = await early.get('/catalog')
    const text = await refused.text()
    expect([refused.status, JSON.parse(text).code, early.state.released]).toEqual([500, 'DOCUMENT_DAMAGED', 1])
    expect(text).not.toContain('secret')
    const late = await streaming()
    late.state.fail = 4
    const begun = await late.get('/catalog')
    expect(begun.status).toBe(200)
    await expect(begun.arrayBuffer()).rejects.toMatchObject({ code: 'DOCUMENT_DAMAGED' })
    await settle()
    expect([late.state.released, late.errors.length]).toEqual([1, 1])
  })
})
