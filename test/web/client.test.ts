/** The client against the app over a store in memory, without a socket.
 * @module */
import { expect, test } from 'vitest'
import { createClient } from '../../web/client/index.ts'
import { harness } from './support/harness.ts'

async function connected(role = 'admin') {
  const { app, store, stop } = await harness()
  const client = createClient({ url: 'http://localhost/', token: role, fetch: (url, init) => app.request(url, init) })
  return { client, store, stop }
}

test('Client.append() and Client.page() carry every value of the table', async () => {
  const { client, store } = await connected()
  await client.createTopic('orders', { partitions: 1 })
  const data = { big: 2n ** 80n, zero: -0, bytes: new Uint8Array([1, 2]), at: new Date(5), none: null, nan: Number.NaN }
  const receipt = await client.append(
    'orders',
    { kind: 'A', entity: 'e', data },
    { expect: { entity: 'e', version: 'none' } },
  )
  expect(receipt).toMatchObject({ firstOffset: 0, endOffset: 1, versions: { e: 1 }, durability: 'synced' })
  await client.append('orders', [
    { kind: 'B', entity: 'e', data: 1 },
    { kind: 'C', entity: 'f', data: 2 },
  ])
  const first = await client.page('orders', { limit: 1 })
  expect(first.items[0]?.data).toEqual(data)
  const rest = await client.page('orders', { cursor: first.nextCursor ?? '', kind: 'C' })
  expect(rest.items.map(({ kind }) => kind)).toEqual(['C'])
  expect((await client.get('orders', 2))?.entity).toBe('f')
  expect(await client.get('orders', 3)).toBeUndefined()
  expect((await client.topics()).map(({ topic, events }) => [topic, events])).toEqual([['orders', 3]])
  await store.close()
})

test('Client.append() takes keys and conditions, and gives their errors', async () => {
  const { client, store } = await connected()
  await client.createTopic('orders')
  const event = { kind: 'A', entity: 'e', data: 1, tags: ['t'] }
  const first = await client.append('orders', event, { idempotencyKey: 'k "1"' })
  const again = await client.append('orders', event, { idempotencyKey: 'k "1"' })
  expect([first.replayed, again.replayed, again.firstOffset]).toEqual([false, true, 0])
  expect(again.idempotency).toMatchObject({ key: 'k "1"' })
  const other = client.append('orders', { ...event, data: 2 }, { idempotencyKey: 'k "1"' })
  await expect(other).rejects.toMatchObject({ code: 'KEY_REUSED', kind: 'conflict', details: { status: 409 } })
  const condition = { query: [{ kinds: ['A', 'B'], tags: ['t'] }], after: 0 }
  await expect(client.append('orders', event, { condition })).rejects.toMatchObject({ code: 'CONDITION_FAILED' })
  await client.append('orders', event, { condition: { ...condition, after: 1 } })
  expect([await client.version('orders', 'e'), await client.version('orders', 'none')]).toEqual([2, 0])
  const page = await client.page('orders', { kind: ['A', 'B'], entity: 'e', tag: 't' })
  expect([page.items.length, page.entityVersion]).toEqual([2, 2])
  await store.close()
})

test('Client.causes() and effects() walk', async () => {
  const { client, store } = await connected()
  await client.createTopic('orders')
  await client.append('orders', { kind: 'A', entity: 'e', data: 0, id: 'first&=' })
  await client.append('orders', { kind: 'A', entity: 'e', data: 1, id: 'second', causationId: 'first&=' })
  await client.append('orders', { kind: 'A', entity: 'e', data: 2, causationId: 'second' })
  expect((await client.causes('orders', 'second')).map(({ data }) => data)).toEqual([0])
  expect((await client.effects('orders', 'first&=')).map(({ data }) => data)).toEqual([1, 2])
  expect((await client.effects('orders', 'first&=', { limit: 1 })).map(({ data }) => data)).toEqual([1])
  await store.close()
})

test('Client.proof() gives a proof, or says that the topic has none', async () => {
  const { client, store } = await connected()
  await client.createTopic('proved', { chain: 'events' })
  const receipt = await client.append('proved', { kind: 'A', entity: 'e', data: 2n ** 80n })
  expect(await client.proof('proved', 0)).toMatchObject({ hash: receipt.hash, event: { data: 2n ** 80n } })
  expect(await client.proof('proved', 1)).toBeUndefined()
  await client.createTopic('plain')
  await client.append('plain', { kind: 'A', entity: 'e', data: 1 })
  await expect(client.proof('plain', 0)).rejects.toMatchObject({ code: 'PROOF_UNSUPPORTED' })
  await store.close()
})

test('Client changes, prunes and deletes topics', async () => {
  const { client, store } = await connected()
  const created = await client.createTopic('orders', { segmentBytes: 1_048_576, compression: 'none' })
  expect(created.settings).toMatchObject({ segmentBytes: 1_048_576, compression: 'none' })
  await client.changeTopic('orders', { retention: { maxEvents: 2 } })
  expect((await client.topic('orders')).settings.retention).toEqual({ maxEvents: 2 })
  await client.changeTopic('orders', { retention: {} })
  const append = (n: number) => client.append('orders', { kind: 'A', entity: 'e', data: `${n}`.repeat(700_000) })
  for (let n = 0; n < 4; n++) await append(n)
  const plan = await client.prune('orders', { dryRun: true, before: 3 })
  expect([plan.dryRun, (await client.topic('orders')).events]).toEqual([true, 4])
  const { partitions } = await client.prune('orders', { before: 3 })
  expect(partitions[0]).toMatchObject({ logStartOffset: plan.partitions[0]?.logStartOffset })
  await expect(client.get('orders', 0)).rejects.toMatchObject({ code: 'OFFSET_PRUNED', kind: 'gone' })
  await client.deleteTopic('orders')
  await expect(client.topic('orders')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' })
  await store.close()
})

test('Client throws the code of the server, with its details', async () => {
  const { client, store } = await connected()
  await client.createTopic('orders')
  await client.append('orders', { kind: 'A', entity: 'e', data: 1 })
  const stale = client.append('orders', { kind: 'A', entity: 'e', data: 2 }, { expect: { entity: 'e', version: 0 } })
  await expect(stale).rejects.toMatchObject({ code: 'VERSION_CONFLICT', details: { actual: 1, status: 409 } })
  await expect(client.page('nothing')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' })
  const stranger = await connected('nobody')
  await expect(stranger.client.topics()).rejects.toMatchObject({ code: 'AUTH_REQUIRED' })
  const broken = createClient({ url: 'http://localhost', fetch: () => new Response('<html>', { status: 502 }) })
  await expect(broken.topics()).rejects.toMatchObject({ code: 'INTERNAL', details: { status: 502 } })
  await store.close()
  await stranger.store.close()
})

test('Client.tail() follows, and ends with its signal', async () => {
  const { client, store, stop } = await connected()
  await client.createTopic('orders')
  await client.append('orders', { kind: 'A', entity: 'e', data: 'line\nbreak' })
  const ending = new AbortController()
  const seen: unknown[] = []
  for await (const event of client.tail('orders', { from: 'start', signal: ending.signal })) {
    seen.push(event.data)
    if (seen.length === 1) await client.append('orders', { kind: 'A', entity: 'e', data: 2 })
    else ending.abort()
  }
  expect(seen).toEqual(['line\nbreak', 2])
  stop.abort()
  await store.close()
})
