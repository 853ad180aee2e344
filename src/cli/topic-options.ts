/** Options of a topic as words of the command line, for `topics create` and `topics change`. @module */
import type { ChangeableTopicOptions, Retention, TopicOptions, TopicSettings } from '../topic/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import { count, size } from './output.ts'
import { countOption, sizeOption, spanOption, spanText } from './units.ts'

const MIB = 1024 * 1024

/** Fixed when the topic is created. */
const FIXED = ['partitions', 'chain'] as const

export const TOPIC_OPTIONS: OptionSpecs = {
  partitions: { value: 'N', help: 'Only with create: partitions, 1 to 1,024, fixed for ever (default 1)' },
  chain: { value: 'C', help: 'Only with create: batches (default), or events, so that `varve proof` proves one alone' },
  'segment-mib': { value: 'N', help: 'Size at which a segment file is sealed, 1 to 1,024 MiB (default 64)' },
  'max-age': { value: 'SPAN', help: 'Keep events this long, such as 30d, 12h, 90m; none keeps them for ever' },
  'max-bytes': { value: 'SIZE', help: 'Keep segment files of this size per partition, such as 10GiB; or none' },
  'max-events': { value: 'N', help: 'Keep this many events per partition; or none' },
  compression: { value: 'C', help: 'none (default) or deflate, for what is appended from now on' },
  'key-window': { value: 'SPAN', help: 'How long idempotency keys are remembered (default 24h)' },
  'key-count': { value: 'N', help: 'How many idempotency keys are remembered (default 1,000,000)' },
}

/** Names of the options that were given. */
export function givenTopicOptions(args: Arguments): string[] {
  return Object.keys(TOPIC_OPTIONS).filter((name) => args.text(name) !== undefined)
}

/** What a new topic is created with. @throws {VarveError} `OPTION_INVALID`. */
export function createOptions(args: Arguments): TopicOptions {
  const partitions = args.whole('partitions', { least: 1, most: 1_024 })
  const chain = args.choice('chain', ['batches', 'events'])
  return {
    ...(partitions === undefined ? {} : { partitions }),
    ...(chain === undefined ? {} : { chain }),
    ...changedOptions(args),
  }
}

/** What is given of the options that may change; limits that are not given stay as `settings` has them, because the
 * topic replaces retention and idempotency as a whole. @throws {VarveError} `OPTION_INVALID`. */
export function changeOptions(args: Arguments, settings: TopicSettings): ChangeableTopicOptions {
  const fixed = FIXED.find((name) => args.text(name) !== undefined)
  if (fixed !== undefined) throw wrongUse(`Cannot use --${fixed} with change: it is fixed when the topic is created`)
  return changedOptions(args, settings)
}

function changedOptions(args: Arguments, settings?: TopicSettings): ChangeableTopicOptions {
  const mebibytes = args.whole('segment-mib', { least: 1, most: 1_024 })
  const compression = args.choice('compression', ['none', 'deflate'])
  const retention = retentionOf(args, settings?.retention)
  const windowMs = windowOf(args, 'key-window', spanOption(args, 'key-window'))
  const windowKeys = windowOf(args, 'key-count', countOption(args, 'key-count'))
  const idempotency = {
    ...settings?.idempotency,
    ...(windowMs === undefined ? {} : { windowMs }),
    ...(windowKeys === undefined ? {} : { windowKeys }),
  }
  return {
    ...(mebibytes === undefined ? {} : { segmentBytes: mebibytes * MIB }),
    ...(compression === undefined ? {} : { compression }),
    ...(retention === undefined ? {} : { retention }),
    ...(windowMs === undefined && windowKeys === undefined ? {} : { idempotency }),
  }
}

function retentionOf(args: Arguments, now: Retention = {}): Retention | undefined {
  const given = {
    maxAgeMs: spanOption(args, 'max-age'),
    maxBytes: sizeOption(args, 'max-bytes'),
    maxEvents: countOption(args, 'max-events'),
  }
  if (Object.values(given).every((value) => value === undefined)) return undefined
  const kept = Object.entries(given).map(([name, value]) => [name, value ?? now[name as keyof Retention]] as const)
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined && value !== 'none'))
}

function windowOf(args: Arguments, name: string, value: number | 'none' | undefined): number | undefined {
  if (value !== 'none') return value
  throw wrongUse(`Cannot use --${name} "${args.text(name)}": there is always a window`)
}

/** The settings of a topic in one sentence. */
export function settingsText(settings: TopicSettings): string {
  const { partitions, segmentBytes, retention, compression, chain, idempotency } = settings
  const limits = [
    retention.maxAgeMs === undefined ? '' : spanText(retention.maxAgeMs),
    retention.maxBytes === undefined ? '' : size(retention.maxBytes),
    retention.maxEvents === undefined ? '' : `${count(retention.maxEvents)} events`,
  ].filter(Boolean)
  const kept = limits.length === 0 ? 'everything is kept' : `kept: ${limits.join(', ')} per partition`
  const window = `${spanText(idempotency.windowMs)} or ${count(idempotency.windowKeys)}`
  const parts = [`partitions ${partitions}`, `segments of ${size(segmentBytes)}`, kept, `compression ${compression}`]
  return [...parts, `chain over ${chain}`, `keys remembered for ${window}`].join('; ')
}
