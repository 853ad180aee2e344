/** A store whose topic has small segments, and what tests ask of its files.
 * @module */
import type { Storage } from '../../../src/ports/storage.ts'
import type { StoreOptions } from '../../../src/store/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { event, type Log, openLog, Wire } from '../topic/support.ts'

export const SEGMENT_BYTES = 2_000

let seeds = 0

/** Open a store with the topic `orders` of small segments. */
export async function openSmall(
  more: { partitions?: number; wire?: Wire; clock?: ManualClock } & Partial<StoreOptions> = {},
) {
  const { partitions = 1, clock = new ManualClock(), wire = new Wire(), ...options } = more
  const topic = { name: 'orders', partitions, segmentBytes: SEGMENT_BYTES }
  await createSmallTopic({ storage: wire.storage, clock, random: seededRandom(++seeds) }, topic)
  return openLog({ ...options, wire, clock, topic: {} })
}

/** The same place again, as after a restart. */
export function reopen({ wire, clock }: Log, options: Partial<StoreOptions> = {}): Promise<Log> {
  const { clock: _, ...rest } = options
  return openLog({ ...rest, wire, clock, topic: {} })
}

/** Append single events of 500 bytes, of a few entities in turn. */
export async function fill({ topic, clock }: Log, count: number, everyMs = 1_000): Promise<void> {
  for (let number = 0; number < count; number++) {
    await topic.append(event(`entity-${number % 3}`, 'x'.repeat(500)))
    if (everyMs > 0) await clock.advance(everyMs)
  }
}

export async function filesOf(storage: Storage, directory = 'topics/orders/0'): Promise<string[]> {
  return (await storage.list(directory)).map(({ name }) => name)
}

export async function bytesIn(storage: Storage, directory = 'topics/orders/0'): Promise<number> {
  let bytes = 0
  for (const name of await filesOf(storage, directory)) {
    const handle = await storage.openRead(`${directory}/${name}`)
    bytes += await handle.size()
    await handle.close()
  }
  return bytes
}
