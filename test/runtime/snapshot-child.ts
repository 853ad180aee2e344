/** One turn of a store that several runtimes share, on whatever runtime runs it: `DIR NAME`.
 *
 * Appends, writes, takes a snapshot with the label NAME, exports it, forks, and goes on in the forks of others;
 * restores the oldest snapshot, removes it and takes it from where it was exported to. Prints
 * `snapshot <label> <events> <fingerprint>` for each snapshot, `forks <events of each>`, `restored <label>
 * <events>`, and `problems <JSON>`.
 * @module */
import { join } from 'node:path'
import process from 'node:process'
import { openStore, type Store, type Topic } from '../../src/index.ts'
import { ownStorage } from './own-storage.ts'

const [, , directory = '', name = ''] = process.argv
const CALLS = 6
const EVENTS = 4

const problems: unknown[] = []
const fingerprints: string[] = []

async function append(topic: Topic, where: string): Promise<void> {
  for (let call = 0; call < CALLS; call++) {
    const events = Array.from({ length: EVENTS }, (_, at) => ({
      ...{ kind: 'Counted', entity: `entity-${call}`, tags: [name] },
      data: { call, at, writer: name, text: 'é'.repeat(200) },
    }))
    await topic.append(events, { idempotencyKey: `${name} ${where} ${call}` })
  }
}

async function fingerprint(store: Store): Promise<string> {
  const all: unknown[] = []
  for (const { topic: each } of await store.topics.list()) {
    const topic = await store.topics.open(each)
    for (let partition = 0; partition < topic.partitions; partition++)
      for await (const event of topic.read({ partition })) all.push(event)
    for (let call = 0; call < CALLS; call++) all.push(await topic.version(`entity-${call}`))
  }
  all.push(await store.documents.read('from'))
  const board = await store.histories.open('board')
  for (const { version } of (await board.list()).items) all.push(await board.read({ version }))
  const bytes = new TextEncoder().encode(JSON.stringify(all))
  return Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).slice(0, 8)).join('')
}

/** What each snapshot holds, read as a store of its own. */
async function look({ snapshots }: Store): Promise<void> {
  for (const { id, label = '', events } of (await snapshots.list()).toReversed()) {
    problems.push(...(await snapshots.verify(id)).problems)
    const store = await openStore({ storage: await snapshots.storageOf(id), readOnly: true })
    fingerprints.push(`snapshot ${label} ${events} ${await fingerprint(store)}`)
    await store.close()
  }
}

async function restore({ snapshots }: Store, id: string): Promise<number> {
  const to = ownStorage(join(directory, `restored-${name}`))
  await snapshots.restore(id, { to })
  const store = await openStore({ storage: to })
  const { events } = await store.stats()
  await append(await store.topics.open('orders'), 'restored')
  problems.push(...(await store.verify()).problems)
  await store.close()
  return events
}

const store = await openStore({ storage: ownStorage(join(directory, 'store')) })
const elsewhere = ownStorage(join(directory, 'elsewhere'))
const topic = await store.topics.open('orders', { create: { partitions: 2, compression: 'deflate' } })
await append(topic, 'live')
await store.documents.write('from', { name })
await (await store.histories.open('board', { create: true })).append({ name, list: [1, 2] })
const { id } = await store.snapshots.create({ label: name, minIntervalMs: 0 })
await store.snapshots.export(id, elsewhere)
await store.topics.fork('orders', `fork-${name}`, { until: { offset: [3, 5] } })
await look(store)
const oldest = (await store.snapshots.list()).at(-1)
if (oldest === undefined) throw new Error('no snapshot')
const events = await restore(store, oldest.id)
await store.snapshots.delete(oldest.id)
await store.snapshots.import(oldest.id, elsewhere)
problems.push(...(await store.snapshots.verify(oldest.id)).problems)
const forks: number[] = []
for (const { topic: each } of await store.topics.list()) {
  if (!each.startsWith('fork-')) continue
  const fork = await store.topics.open(each)
  forks.push(fork.stats().events)
  await append(fork, each)
}
problems.push(...(await store.verify()).problems)
await store.close()
console.log([...fingerprints, `restored ${oldest.label} ${events}`, `forks ${forks}`].join('\n'))
console.log(`problems ${JSON.stringify(problems)}`)
