/** Options that choose events, shared by the commands that show events. @module */
import type { ReadFilter } from '../topic/types.ts'
import type { Arguments, OptionSpecs } from './arguments.ts'

export const FILTER_OPTIONS: OptionSpecs = {
  kind: { value: 'KIND', multiple: true, help: 'Only events of this kind; several for any of them' },
  entity: { value: 'ENTITY', help: 'Only events of this entity' },
  scope: { value: 'SCOPE', help: 'Only events of this scope' },
  tag: { value: 'TAG', help: 'Only events with this tag' },
  'correlation-id': { value: 'ID', help: 'Only events with this correlation id' },
  'causation-id': { value: 'ID', help: 'Only events caused by the event with this id' },
  id: { value: 'ID', help: 'Only the event with this id, as given by its writer' },
  'idempotency-key': { value: 'KEY', help: 'Only the events that were appended with this key' },
}

/** The filter that the options ask for. */
export function filterOf(args: Arguments): ReadFilter {
  const kinds = args.list('kind')
  const texts: Record<string, string> = {}
  for (const name of ['entity', 'scope', 'tag', 'id'] as const) {
    const value = args.text(name)
    if (value !== undefined) texts[name] = value
  }
  const correlationId = args.text('correlation-id')
  const causationId = args.text('causation-id')
  const idempotencyKey = args.text('idempotency-key')
  return {
    ...texts,
    ...(kinds.length === 0 ? {} : { kind: kinds }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(causationId === undefined ? {} : { causationId }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  }
}
