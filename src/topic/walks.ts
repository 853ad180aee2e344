/** Walking the graph of causes: up by `causationId`, down by who names an event as its cause.
 * @module */

import { wholeOption } from '../options.ts'
import type { ReadOptions, StoredEvent, WalkOptions } from './types.ts'

const WALK_DEFAULT = 1_000
const WALK_MAX = 10_000

/** What a walk needs of a topic. */
export interface Walked {
  byId(id: string): Promise<StoredEvent | undefined>
  read(options: ReadOptions): { batches(): AsyncIterable<StoredEvent[]> }
}

/** The causes of an event, nearest first, until one has no cause or its cause is not here. Cost: a look-up for each. */
export async function walkCauses(topic: Walked, id: string, options: WalkOptions): Promise<StoredEvent[]> {
  const limit = wholeOption('limit', options.limit ?? WALK_DEFAULT, { least: 1, most: WALK_MAX })
  const causes: StoredEvent[] = []
  const seen = new Set([id])
  let next = (await topic.byId(id))?.causationId
  while (next !== undefined && !seen.has(next) && causes.length < limit) {
    options.signal?.throwIfAborted()
    seen.add(next)
    const cause = await topic.byId(next)
    if (cause === undefined) break
    causes.push(cause)
    next = cause.causationId
  }
  return causes
}

/** The effects of an event, level by level. Cost: a look-up for each event found. */
export async function walkEffects(topic: Walked, id: string, options: WalkOptions): Promise<StoredEvent[]> {
  const limit = wholeOption('limit', options.limit ?? WALK_DEFAULT, { least: 1, most: WALK_MAX })
  const effects: StoredEvent[] = []
  const seen = new Set([id])
  const queue = [id]
  for (let cause = queue.shift(); cause !== undefined; cause = queue.shift()) {
    options.signal?.throwIfAborted()
    for await (const events of topic.read({ causationId: cause }).batches()) {
      for (const event of events) {
        if (seen.has(event.id)) continue
        if (effects.length === limit) return effects
        seen.add(event.id)
        effects.push(event)
        queue.push(event.id)
      }
    }
  }
  return effects
}
