/** What the log says about the calls of a group, looked up before the group is decided.
 * @module */
import type { VarveError } from '../errors.ts'
import type { QueuedCall } from './append-queue.ts'
import type { LogContext } from './context.ts'
import type { DecisionFacts } from './decisions.ts'
import type { Partition } from './partition.ts'
import type { TermIndex } from './term-index.ts'

/** Where the answers come from. */
export interface LookupPlace {
  readonly context: LogContext
  readonly partition: Partition
  readonly terms: TermIndex
  /** Calls with a key that are written and not durable yet. */
  readonly keysInFlight: ReadonlyMap<string, QueuedCall>
  readonly window: { readonly windowMs: number; readonly windowKeys: number }
  /** The offset after the last event that was written. */
  readonly writtenOffset: number
}

/** Look up versions, keys and conditions of calls. Nothing may be written to the partition meanwhile.
 * Cost: per entity or key that is not in the tail a few page reads, all of which are kept for the next look-up. */
export async function lookUp(
  calls: readonly QueuedCall[],
  place: LookupPlace,
): Promise<Pick<DecisionFacts, 'version' | 'keyed' | 'refused'>> {
  const versions = new Map<string, number>()
  // A call in flight may be durable before the group is decided: whoever saw it remembers it.
  const keys = new Map<string, number | QueuedCall>()
  const refused = new Map<QueuedCall, number | VarveError>()
  for (const call of calls) {
    for (const { entity } of call.expect) {
      if (!versions.has(entity)) versions.set(entity, await place.terms.version(entity))
    }
    if (call.key !== undefined && !keys.has(call.key)) {
      const earlier = place.keysInFlight.get(call.key) ?? (await rememberedKey(call.key, place))
      if (earlier !== undefined) keys.set(call.key, earlier)
    }
    const refusal = await conditionRefusal(call, place)
    if (refusal !== undefined) refused.set(call, refusal)
  }
  return {
    version: (entity) => versions.get(entity) ?? place.terms.tail.versionOf(entity) ?? 0,
    keyed: (key) => keys.get(key),
    refused: (call) => refused.get(call),
  }
}

/** The offset of the call with a key, while the window lasts: by time, and by how many keys came in later segments. */
export async function rememberedKey(
  key: string,
  place: Pick<LookupPlace, 'context' | 'partition' | 'terms' | 'window'>,
): Promise<number | undefined> {
  const { context, partition, terms, window } = place
  const offset = await terms.lastKeyed(key)
  if (offset === undefined || offset < partition.logStartOffset) return undefined
  if (offset >= partition.durable.offset) return offset
  if (terms.keysAfter(offset) >= window.windowKeys) return undefined
  const header = await partition.drive(partition.headerOf(offset))
  return context.clock.now() - header.recordedAt >= window.windowMs ? undefined : offset
}

async function conditionRefusal(call: QueuedCall, place: LookupPlace): Promise<number | VarveError | undefined> {
  const { condition } = call
  if (condition === undefined) return undefined
  const { partition, terms } = place
  const { after, clauses } = condition
  if (after < partition.logStartOffset) return partition.prunedAt(after)
  if (after > place.writtenOffset) return partition.outOfRange(after)
  for (const clause of clauses) {
    const found = await terms.firstMatch(clause, after)
    if (found !== undefined) return found
  }
  return undefined
}
