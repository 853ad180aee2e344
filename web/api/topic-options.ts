/** Options of topics out of JSON. Here only their names and types are checked; the library knows their ranges.
 * @module */
import type { ChangeableTopicOptions, TopicOptions } from '../../src/index.ts'
import { type Fields, fieldsOf, numberField, present, wordField } from './fields.ts'

export const CHANGEABLE = ['segmentBytes', 'retention', 'compression', 'idempotency'] as const
export const FIXED = ['partitions', 'chain'] as const

/** Options to create a topic with. @throws {VarveError} `OPTION_INVALID`. */
export function readTopicOptions(fields: Fields): TopicOptions {
  const { partitions, chain, ...rest } = fieldsOf(fields, 'options', [...FIXED, ...CHANGEABLE])
  return {
    ...readChange(rest),
    ...present({
      partitions: numberField(partitions, 'partitions'),
      chain: wordField(chain, 'chain', ['batches', 'events']),
    }),
  }
}

/** Options of a topic that may change. @throws {VarveError} `OPTION_INVALID`. */
export function readChange(fields: unknown): ChangeableTopicOptions {
  const { segmentBytes, retention, compression, idempotency } = fieldsOf(fields, 'options', CHANGEABLE)
  return present({
    segmentBytes: numberField(segmentBytes, 'segmentBytes'),
    retention: readNumbers(retention, 'retention', ['maxAgeMs', 'maxBytes', 'maxEvents']),
    compression: wordField(compression, 'compression', ['none', 'deflate']),
    idempotency: readNumbers(idempotency, 'idempotency', ['windowMs', 'windowKeys']),
  })
}

function readNumbers<K extends string>(
  value: unknown,
  name: string,
  keys: readonly K[],
): { readonly [Key in K]?: number } | undefined {
  if (value === undefined) return undefined
  const fields = fieldsOf(value, name, keys)
  const numbers = keys.flatMap((key) => {
    const number = numberField(fields[key], `${name}.${key}`)
    return number === undefined ? [] : [[key, number] as const]
  })
  return Object.fromEntries(numbers) as { readonly [Key in K]?: number }
}
