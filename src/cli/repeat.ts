/** Importing the same input again: what an earlier run appended is found by the ids of the events, and what has no
 * ids by an idempotency key for each batch.
 *
 * Ids work for ever, keys for the idempotency window of the topic; keys also hold when a run ends in the middle of a
 * batch, because they are part of it. Only what was there when the run began counts: an id that the input itself has
 * twice is no repetition.
 * @module */
import { toHex, utf8 } from '../codec/bytes.ts'
import { sameValue } from '../codec/same-value.ts'
import { VarveError } from '../errors.ts'
import { portableDigest } from '../ports/digest.ts'
import { EVENT_FIELDS } from '../topic/prepare.ts'
import type { NewEvent, StoredEvent, Topic } from '../topic/types.ts'
import type { Group, Repeat } from './sender.ts'

/** Events with one id that are compared; a writer that gives an id more often has no ids. */
const SAME_ID_MAX = 16
const SOURCE_DIGITS = 32

/** @param source names the input: the same name and place with other content is refused. */
export function repeatOf(
  topic: Topic,
  { source, noun }: { readonly source: string; readonly noun: 'line' | 'row' },
): Repeat {
  const ends = topic.stats().partitions.map(({ logEndOffset }) => logEndOffset)
  const isNew = ends.every((end) => end === 0)
  const name = toHex(portableDigest.sha256(utf8(source))).slice(0, SOURCE_DIGITS)
  const there = new There(topic, ends)
  return {
    noun,
    missing: (group) => (isNew ? Promise.resolve(group) : there.missing(group)),
    firstOther: (group, place) => firstOther(topic, group, place),
    key: ({ lines }, partition) => `import-${name}-${partition}-${lines[0]}`,
  }
}

async function firstOther(
  topic: Topic,
  { events }: Group,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<number> {
  let index = 0
  for await (const stored of topic.read({ partition, from: offset, limit: events.length })) {
    if (!isSame(events[index] as NewEvent, stored)) break
    index++
  }
  return Math.min(index, events.length - 1)
}

/** What was in the topic when the import began. */
class There {
  readonly #topic: Topic
  /** End offset of each partition at that time. */
  readonly #ends: readonly number[]

  constructor(topic: Topic, ends: readonly number[]) {
    this.#topic = topic
    this.#ends = ends
  }

  /** Cost: two look-ups for a group that is all new; one read of the events for one that is all there; a look-up for
   * each new event where the two meet.
   * @throws {VarveError} `KEY_REUSED` with `index`. */
  async missing(group: Group): Promise<Group> {
    const { events, lines } = group
    const first = await this.#find(events, 0)
    const last = first ?? (await this.#find(events, events.length - 1))
    if (last === undefined) return group
    const rest: { events: NewEvent[]; lines: number[] } = { events: [], lines: [] }
    for (let index = 0; index < events.length; ) {
      const found = await this.#find(events, index)
      if (found !== undefined) {
        index = await this.#pass(events, index, found)
        continue
      }
      rest.events.push(events[index] as NewEvent)
      rest.lines.push(lines[index] as number)
      index++
    }
    return rest
  }

  /** Pass over events that lie there one after the other. @returns the index after them. */
  async #pass(events: readonly NewEvent[], index: number, found: StoredEvent): Promise<number> {
    const { partition, offset } = found
    const end = this.#ends[partition] ?? 0
    let next = index
    const options = { partition, from: offset, to: Math.min(end, offset + events.length - index) }
    for await (const event of this.#topic.read(options)) {
      if (event.id !== events[next]?.id) break
      if (!isSame(events[next] as NewEvent, event)) throw this.#changed(next, event)
      next++
    }
    return Math.max(next, index + 1)
  }

  /** The same event with the same id. @throws {VarveError} `KEY_REUSED` when only others have the id. */
  async #find(events: readonly NewEvent[], index: number): Promise<StoredEvent | undefined> {
    const event = events[index] as NewEvent
    if (typeof event.id !== 'string' || event.id === '') return undefined
    const found = (await this.#withId(event.id)).filter(
      ({ partition, offset }) => offset < (this.#ends[partition] ?? 0),
    )
    const same = found.find((one) => isSame(event, one))
    const [other] = found
    if (same === undefined && other !== undefined) throw this.#changed(index, other)
    return same
  }

  async #withId(id: string): Promise<StoredEvent[]> {
    // An id that this topic made says where its event is, and is in no index.
    const { lineage } = this.#topic
    const [, partition, offset] = id.startsWith(`${lineage}-`)
      ? (/^-(\d{1,4})-(\d{1,16})$/.exec(id.slice(lineage.length)) ?? [])
      : []
    if (partition !== undefined && offset !== undefined) {
      const place = { partition: Number(partition), offset: Number(offset) }
      if (place.offset >= (this.#ends[place.partition] ?? 0)) return []
      const event = await this.#topic.get(place.offset, { partition: place.partition })
      return event?.id === id ? [event] : []
    }
    const found: StoredEvent[] = []
    for await (const event of this.#topic.read({ id, limit: SAME_ID_MAX })) found.push(event)
    return found
  }

  #changed(index: number, { id, partition, offset }: StoredEvent): VarveError {
    const where = `offset ${offset}${partition === 0 ? '' : ` of partition ${partition}`}`
    const message = `Cannot import: an event with id ${JSON.stringify(id)} is there already with other content, at ${where}`
    return new VarveError('KEY_REUSED', message, { details: { index, id, partition, offset } })
  }
}

/** Whether an event to append says what a stored one says. A time or id that is not given is made by the append. */
function isSame(event: NewEvent, stored: StoredEvent): boolean {
  return EVENT_FIELDS.every((field) => {
    if ((field === 'at' || field === 'id') && event[field] === undefined) return true
    return sameValue(plain(field, event[field]), plain(field, stored[field]))
  })
}

/** Absent, no tags, and lane or depth 0 are stored alike. */
function plain(field: (typeof EVENT_FIELDS)[number], value: unknown): unknown {
  if (Array.isArray(value) && field === 'tags' && value.length === 0) return undefined
  return (field === 'lane' || field === 'depth') && value === 0 ? undefined : value
}
