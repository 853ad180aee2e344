/** `varve stats`: what eats the disk. @module */
import { utf8 } from '../codec/bytes.ts'
import { ValueEncoder } from '../codec/values.ts'
import type { Store } from '../store/types.ts'
import type { StoredEvent, Topic } from '../topic/types.ts'
import type { Arguments } from './arguments.ts'
import { type CliContext, type Command, type ExitCode, openForReading, withStore } from './context.ts'
import { clean, count, counted, jsonLine, size, table } from './output.ts'
import { Progress } from './progress.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'
import {
  FILE_NOTES,
  type Files,
  fileBytes,
  filesJson,
  filesOf,
  fileTables,
  fileTotals,
  restOf,
  share,
} from './stats-files.ts'

const TOP_DEFAULT = 20
/** What a reference to a string costs about. */
const REFERENCE_BYTES = 2
const COUNTED = {
  topic: 'diskBytes are the segment files of a topic, as they are.',
  events:
    'rawBytes are estimated, before compression: data, meta and extensions as the log packs them, and the text of ' +
    'the other fields, each different text once per run of about 1,000 events. diskBytes share the segment files of ' +
    'the topic out in that proportion.',
}

export const stats: Command = {
  name: 'stats',
  usage: '[TOPIC]',
  summary: 'Show what eats the disk: topics, documents and histories; or kinds or entities of topics',
  options: {
    by: { value: 'WHAT', help: 'topic (default), kind or entity; the last two read every event, and nothing else' },
    top: { value: 'N', help: `The N largest (default ${TOP_DEFAULT}) of topics, of documents and of histories` },
    ...SALVAGE_OPTION,
  },
  notes: [
    COUNTED.topic,
    ...FILE_NOTES,
    'Those whose names begin with _ are the states of projections.',
    ...COUNTED.events.split(/(?<=[.:,]) (?=the|data|diskBytes|each)/),
  ],
  examples: [
    ['varve stats', 'Sizes of all topics, documents and histories'],
    ['varve stats orders --by kind', 'Which kinds of one topic take the space'],
    ['varve stats --by entity --top 5 --json', 'The five largest entities of all topics'],
  ],
  async run(args, context) {
    args.atMost(1)
    const by = args.choice('by', ['topic', 'kind', 'entity']) ?? 'topic'
    const top = args.whole('top', { least: 1, most: 1_000_000 }) ?? TOP_DEFAULT
    let exitCode: ExitCode = 0
    let files: Files | undefined
    const found = await withStore(openForReading(args, context), async (store) => {
      exitCode = tellGaps(store, context)
      const topics = await topicsOf(store, args.at(0))
      if (by === 'topic' && args.at(0) === undefined) files = await filesOf(store)
      if (by === 'topic') return topics.map(topicGroup)
      const progress = new Progress('stats', context)
      try {
        return await groups(topics, by, { context, progress })
      } finally {
        progress.end()
      }
    })
    found.sort((a, b) => b.diskBytes - a.diskBytes || (a.name < b.name ? -1 : 1))
    await show(found, { by, top, files, args, context })
    return exitCode
  },
}

interface Group {
  readonly topic: string
  readonly name: string
  events: number
  rawBytes?: number
  diskBytes: number
}

async function topicsOf(store: Store, name: string | undefined): Promise<Topic[]> {
  if (name !== undefined) return [await store.topics.open(name)]
  const topics: Topic[] = []
  for (const { topic } of await store.topics.list()) topics.push(await store.topics.open(topic))
  return topics
}

function topicGroup(topic: Topic): Group {
  const { events, sizeBytes } = topic.stats()
  return { topic: topic.name, name: topic.name, events, diskBytes: sizeBytes }
}

/** Read everything once. Memory grows with the number of groups. */
async function groups(
  topics: readonly Topic[],
  by: 'kind' | 'entity',
  { context, progress }: { context: CliContext; progress: Progress },
): Promise<Group[]> {
  const all: Group[] = []
  const total = topics.reduce((sum, topic) => sum + topic.stats().events, 0)
  let done = 0
  for (const topic of topics) {
    const found = new Map<string, { events: number; rawBytes: number }>()
    let topicBytes = 0
    const encoder = new ValueEncoder()
    for await (const events of topic.read({ signal: context.terminal.interrupted }).batches()) {
      const texts = new Set<string>()
      for (const event of events) {
        const bytes = valueBytes(event, encoder) + textBytes(event, topic.lineage, texts)
        topicBytes += bytes
        const group = found.get(event[by]) ?? { events: 0, rawBytes: 0 }
        group.events++
        group.rawBytes += bytes
        found.set(event[by], group)
      }
      done += events.length
      progress.update({ done, total, items: { count: done, noun: 'events' } })
    }
    const { sizeBytes } = topic.stats()
    for (const [name, group] of found) {
      const diskBytes = topicBytes === 0 ? 0 : Math.round((sizeBytes * group.rawBytes) / topicBytes)
      all.push({ topic: topic.name, name, ...group, diskBytes })
    }
  }
  return all
}

function valueBytes({ data, meta, extensions }: StoredEvent, encoder: ValueEncoder): number {
  encoder.reset()
  encoder.encode(data, 'data')
  if (meta !== undefined) encoder.encode(meta, 'meta')
  if (extensions !== undefined) encoder.encode(extensions, 'extensions')
  return encoder.length
}

/** Text of the fields around the values that is not in `seen` yet, and references to it. */
function textBytes(event: StoredEvent, lineage: string, seen: Set<string>): number {
  const { kind, entity, scope, tags = [], id, correlationId, causationId } = event
  let bytes = 0
  for (const text of [kind, entity, scope, ...tags, id, correlationId, causationId]) {
    // An id that the store made is computed, not stored.
    if (text === undefined || (text === id && text.startsWith(`${lineage}-`))) continue
    bytes += REFERENCE_BYTES
    if (seen.has(text)) continue
    seen.add(text)
    bytes += utf8(text).length
  }
  return bytes
}

interface Shown {
  readonly by: 'topic' | 'kind' | 'entity'
  readonly top: number
  /** Undefined: they were not asked for. */
  readonly files: Files | undefined
  readonly args: Arguments
  readonly context: CliContext
}

interface Total {
  readonly groups: number
  readonly events: number
  readonly diskBytes: number
}

async function show(found: readonly Group[], shown: Shown): Promise<void> {
  const { by, top, files, args } = shown
  const { terminal } = shown.context
  const total = {
    groups: found.length,
    events: found.reduce((sum, { events }) => sum + events, 0),
    diskBytes: found.reduce((sum, { diskBytes }) => sum + diskBytes, 0),
  }
  const explained = by === 'topic' ? COUNTED.topic : COUNTED.events
  if (args.flag('json')) {
    const items = found.slice(0, top).map(jsonGroup(by))
    const more = files === undefined ? {} : filesJson(files, top)
    return terminal.write(jsonLine({ by, counted: explained, total, items, ...more }))
  }
  const all = total.diskBytes + (files === undefined ? 0 : fileBytes(files))
  const tables = files === undefined ? [] : fileTables(files, { top, all })
  if (found.length > 0)
    tables.unshift({ text: `${groupTable(found, shown, all)}${restOf(found, top)}`, note: explained })
  if (tables.length === 0)
    return terminal.write(files === undefined ? 'No events yet\n' : 'No topics, documents and histories yet\n')
  const totals = totalLine(by, total, files)
  const notes = tables.map(({ note }) => note)
  await terminal.write(`${tables.map(({ text }) => text).join('\n')}${totals}${notes.join('\n')}\n`)
}

function groupTable(found: readonly Group[], { by, top, args }: Shown, all: number): string {
  const several = by !== 'topic' && args.at(0) === undefined
  const rows = found
    .slice(0, top)
    .map(({ topic, name, events, diskBytes, rawBytes: raw }) => [
      share(diskBytes, all),
      size(diskBytes),
      ...(raw === undefined ? [] : [size(raw)]),
      count(events),
      clean(name),
      ...(several ? [clean(topic)] : []),
    ])
  const heading = ['share', 'disk', ...(by === 'topic' ? [] : ['raw']), 'events', by, ...(several ? ['topic'] : [])]
  return table([heading, ...rows], [0, 1, 2, by === 'topic' ? 2 : 3])
}

function totalLine(by: Shown['by'], total: Total, files: Files | undefined): string {
  const { groups, events, diskBytes } = total
  const many = { topic: 'topics', kind: 'kinds', entity: 'entities' }
  const logs = `${counted(events, 'event')} of ${count(groups)} ${groups === 1 ? by : many[by]}`
  const others = files === undefined ? [] : fileTotals(files)
  if (files === undefined || others.length === 0) return `Total ${size(diskBytes)}: ${logs}\n`
  return `Total ${size(diskBytes + fileBytes(files))}: ${[`${size(diskBytes)} for ${logs}`, ...others].join(', ')}\n`
}

function jsonGroup(by: string): (group: Group) => Record<string, unknown> {
  return ({ topic, name, ...numbers }) => (by === 'topic' ? { topic, ...numbers } : { topic, [by]: name, ...numbers })
}
