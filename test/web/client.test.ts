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
