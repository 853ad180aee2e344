/** Reading more than a page: filters, single events that are known, causes, effects, proofs, a head to verify.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Receipt, StoredEvent } from '../../src/index.ts'
import { FrameReader, harness, jsonOf, posted } from './support/harness.ts'

const PATH = '/api/topics/orders/events'

async function started(options: Record<string, unknown> = {}) {
  const made = await harness()
  await made.as('admin', '/api/topics', posted({ topic: 'orders', ...options }))
  const topic = await made.store.topics.open('orders')
  const read = async (path: string) => jsonOf(await made.as('read', path))
  const offsets = async (query: string) =>
    ((await read(`${PATH}?${query}`)).items as StoredEvent[]).map(({ offset }) => offset)
  return { ...made, topic, read, offsets }
}

describe('filters', () => {
  test('readPage() takes every filter of the library, and several kinds', async () => {
    const { topic, offsets } = await started()
    const event = { entity: 'a', data: null }
    await topic.append([
      { ...event, kind: 'A', at: 10, scope: 's', tags: ['t', 'u'] },
      { ...event, kind: 'B', at: 20, correlationId: 'c', id: 'own' },
      { ...event, kind: 'C', at: 30, causationId: 'own', entity: 'b' },
    ])
    expect(await offsets('kind=A')).toEqual([0])
    expect(await offsets('kind=A&kind=C')).toEqual([0, 2])
    expect(await offsets('kind=A&kind=C&entity=b')).toEqual([2])
    expect(await offsets('scope=s')).toEqual([0])
    expect(await offsets('tag=u')).toEqual([0])
    expect(await offsets('correlationId=c')).toEqual([1])
    expect(await offsets('causationId=own')).toEqual([2])
    expect(await offsets('id=own')).toEqual([1])
    expect(await offsets('since=20')).toEqual([1, 2])
    expect(await offsets('since=20&until=30')).toEqual([1])
    expect(await offsets('from=1&to=2')).toEqual([1])
    expect(await offsets('direction=backward&limit=2')).toEqual([2, 1])
  })

  for (const name of ['entity', 'scope', 'tag', 'id', 'correlationId', 'causationId', 'cursor', 'direction', 'limit'])
    test(`parseQuery() refuses "${name}" given twice`, async () => {
      const { read } = await started()
      const value = name === 'limit' ? '1' : name === 'direction' ? 'forward' : 'x'
      const answer = await read(`${PATH}?${name}=${value}&${name}=${value}`)
      expect(answer).toMatchObject({ code: 'OPTION_INVALID', details: { option: name } })
    })

  test('tailEvents() takes several kinds', async () => {
    const { topic, as } = await started()
    await topic.append(['A', 'B', 'C'].map((kind) => ({ kind, entity: 'a', data: null })))
    const frames = new FrameReader(await as('read', '/api/topics/orders/tail?from=start&kind=A&kind=C'))
    const kinds = [await frames.next(), await frames.next()].map((frame) => JSON.parse(frame?.data ?? '').kind)
    expect(kinds).toEqual(['A', 'C'])
    await frames.cancel()
  })
})

describe('single events', () => {
  test('readEvent() gives a tag of its own to each event, and 304 to who has it', async () => {
    const { topic, as } = await started({ partitions: 2 })
    await topic.append({ kind: 'A', entity: 'a', data: 1 })
    await topic.append({ kind: 'A', entity: 'a', data: 2 })
    const partition = (await topic.last(1))[0]?.partition ?? 0
    const tags: string[] = []
    for (const offset of [0, 1]) {
      const path = `${PATH}/${offset}?partition=${partition}`
      const tag = (await as('read', path)).headers.get('etag') ?? ''
      tags.push(tag)
      const again = await as('read', path, { headers: { 'if-none-match': tag } })
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag])
    }
    expect(tags).toEqual([0, 1].map((offset) => `"${topic.lineage}-${partition}-${offset}"`))
    const other = await as('read', `${PATH}/0?partition=${partition}`, { headers: { 'if-none-match': tags[1] ?? '' } })
    expect(other.status).toBe(200)
    const none = await as('read', `${PATH}/7?partition=${partition}`, { headers: { 'if-none-match': '*' } })
    expect(none.status).toBe(404)
  })
})

describe('causes and effects', () => {
  test('walkEvents() gives what led to an event and what it led to', async () => {
    const { topic, read } = await started()
    const chain: string[] = []
    for (let n = 0; n < 4; n++) {
      const causationId = chain.at(-1)
      await topic.append({ kind: 'A', entity: 'e', data: n, ...(causationId !== undefined && { causationId }) })
      chain.push((await topic.last(1))[0]?.id ?? '')
    }
    const numbers = async (path: string) => ((await read(path)).items as StoredEvent[]).map(({ data }) => data)
    const [first = '', , third = '', last = ''] = chain
    expect(await numbers(`/api/topics/orders/causes?id=${last}`)).toEqual([2, 1, 0])
    expect(await numbers(`/api/topics/orders/causes?id=${last}&limit=1`)).toEqual([2])
    expect(await numbers(`/api/topics/orders/effects?id=${first}`)).toEqual([1, 2, 3])
    expect(await numbers(`/api/topics/orders/effects?id=${third}`)).toEqual([3])
    expect(await numbers(`/api/topics/orders/effects?id=${last}`)).toEqual([])
  })

  for (const [path, option] of [
    ['causes', 'id'],
    ['effects', 'id'],
    ['causes?id=', 'id'],
    ['effects?id=x&limit=0', 'limit'],
    ['effects?id=x&limit=1001', 'limit'],
    ['causes?id=x&kind=y', 'kind'],
  ])
    test(`walkEvents() refuses "${path}"`, async () => {
      const { read } = await started()
      expect(await read(`/api/topics/orders/${path}`)).toMatchObject({ code: 'OPTION_INVALID', details: { option } })
    })
})

describe('proofs', () => {
  test('readProof() proves an event of a topic with a chain of events', async () => {
    const { topic, as, read } = await started({ chain: 'events' })
    const receipt = await topic.append([1, 2, 3].map((data) => ({ kind: 'A', entity: 'e', data })))
    expect(await read(`${PATH}/1/proof`)).toMatchObject({
      format: 1,
      topic: 'orders',
      hash: receipt.hash,
      event: { data: 2 },
    })
    expect((await as('read', `${PATH}/9/proof`)).status).toBe(404)
    expect((await as('read', `${PATH}/x/proof`)).status).toBe(400)
  })

  test('readProof() answers 501 for a topic without one', async () => {
    const { topic, read } = await started()
    await topic.append({ kind: 'A', entity: 'e', data: 1 })
    expect(await read(`${PATH}/0/proof`)).toMatchObject({ code: 'PROOF_UNSUPPORTED', status: 501 })
  })
})

describe('verify', () => {
  test('postVerify() checks that the log contains a hash kept elsewhere', async () => {
    const { topic, as } = await started()
    const receipt: Receipt = await topic.append({ kind: 'A', entity: 'e', data: 1 })
    await topic.append({ kind: 'A', entity: 'e', data: 2 })
    const outcome = async (hash: string) => {
      const head = { topic: 'orders', offset: receipt.endOffset, hash }
      const job = await jsonOf(await as('admin', '/api/store/verify', posted({ head })))
      const frames = new FrameReader(
        await as('admin', `/api/jobs/${job.id}`, { headers: { accept: 'text/event-stream' } }),
      )
      while ((await frames.next()) !== undefined);
      return (await jsonOf(await as('admin', `/api/jobs/${job.id}`))).report
    }
    expect(await outcome(receipt.hash)).toMatchObject({ ok: true })
    expect(await outcome('f'.repeat(64))).toMatchObject({ ok: false })
  })

  test('postVerify() with a head does not join a check without it', async () => {
    const { store, as } = await started()
    store.verify = () => new Promise(() => {})
    const head = { topic: 'orders', offset: 1, hash: '0'.repeat(64) }
    const start = async (init: RequestInit) => (await jsonOf(await as('admin', '/api/store/verify', init))).id
    const plain = await start({ method: 'POST' })
    const headed = await start(posted({ head }))
    expect(await start(posted({}))).toBe(plain)
    expect(await start(posted({ head }))).toBe(headed)
    expect(headed).not.toBe(plain)
  })

  const HEAD = { topic: 'orders', offset: 1, hash: '0'.repeat(64) }
  for (const head of [
    1,
    null,
    {},
    { ...HEAD, hash: 'x' },
    { ...HEAD, offset: '1' },
    { ...HEAD, more: 1 },
    { ...HEAD, topic: 1 },
  ])
    test(`postVerify() refuses the head ${JSON.stringify(head).slice(0, 60)}`, async () => {
      const { as } = await started()
      const answer = await as('admin', '/api/store/verify', posted({ head }))
      expect(await jsonOf(answer)).toMatchObject({ code: 'OPTION_INVALID', status: 400 })
    })
})

test('readStore() says what a salvage could not read: the offsets to readers, the files to admins', async () => {
  const { store, as } = await harness()
  const gap = { topic: 'orders', partition: 0, from: 3, to: 9, file: 'a.log', reason: 'checksum' }
  Object.assign(store, { openReport: { ...store.openReport, gaps: [gap] } })
  expect((await jsonOf(await as('admin', '/api/store'))).gaps).toEqual([gap])
  expect((await jsonOf(await as('read', '/api/store'))).gaps).toEqual([
    { topic: 'orders', partition: 0, from: 3, to: 9 },
  ])
})
