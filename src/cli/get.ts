/** `varve get`: one event, whole. @module */
import { stringifyValue } from '../codec/values.ts'
import { VarveError } from '../errors.ts'
import type { StoredEvent } from '../topic/types.ts'
import { wrongUse } from './arguments.ts'
import { type Command, openForReading, withStore } from './context.ts'
import { clean, jsonLine, orderedEvent, timeText } from './output.ts'

const WHOLE = /^\d{1,16}$/

export const get: Command = {
  name: 'get',
  usage: 'TOPIC OFFSET',
  summary: 'Show one event with all of its fields',
  options: { partition: { value: 'N', help: 'Partition of the event (default 0)' } },
  notes: ['Exit code 1 where there is no event: past the end, or below the log start (pruned).'],
  examples: [
    ['varve get orders 41', 'The event at offset 41'],
    ['varve get orders 41 --partition 2 --json', 'The same of another partition, as JSON'],
  ],
  async run(args, context) {
    args.atMost(2)
    const name = args.required(0, 'TOPIC')
    const offset = offsetOf(args.required(1, 'OFFSET'))
    const partition = args.whole('partition') ?? 0
    const event = await withStore(openForReading(args, context), async (store) => {
      const topic = await store.topics.open(name)
      return topic.get(offset, { partition })
    })
    if (event === undefined)
      throw new VarveError('EVENT_UNKNOWN', `Cannot show event ${offset} of "${name}": the log ends before it`, {
        details: { topic: name, partition, offset },
      })
    await context.terminal.write(args.flag('json') ? jsonLine(orderedEvent(event)) : eventText(event))
    return 0
  },
}

/** An offset as a positional argument. @throws {VarveError} `OPTION_INVALID`. */
export function offsetOf(text: string): number {
  const value = WHOLE.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw wrongUse(`Cannot use OFFSET "${text}": it must be a whole number from 0`)
}

function eventText(event: StoredEvent): string {
  const rows = Object.entries(orderedEvent(event)).map(([field, value]) => {
    const isTime = field === 'at' || field === 'recordedAt'
    const text = isTime
      ? `${value} (${timeText(Number(value))})`
      : typeof value === 'string'
        ? value
        : stringifyValue(value)
    return `${field.padEnd(13)}  ${clean(text)}\n`
  })
  return rows.join('')
}
