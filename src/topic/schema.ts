/** The Standard Schema interface, version 1 (https://standardschema.dev), copied so that no dependency is needed.
 * @module */
import { VarveError } from '../errors.ts'
import type { Maybe } from '../ports/storage.ts'
import type { NewEvent } from './types.ts'

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A schema for each kind that may be appended. */
export type KindSchemas = Readonly<Record<string, StandardSchema>>

/** Validate the data of every event; one bad event refuses the call. Answers at once unless a schema does not, so that
 * the caller may change its events as soon as the call returns.
 * @returns the events with the output of their schemas as data.
 * @throws {VarveError} `SCHEMA_REJECTED` with `details.issues` [{ index, kind, path, message }]. */
export function validateEvents(
  topic: string,
  events: readonly NewEvent[],
  schemas: KindSchemas,
): Maybe<readonly NewEvent[]> {
  const results = events.map(({ kind, data }) => {
    const schema = Object.hasOwn(schemas, kind) ? schemas[kind] : undefined
    return schema === undefined ? UNKNOWN_KIND : schema['~standard'].validate(data)
  })
  const known = results.filter((result) => 'issues' in result || 'value' in result) as StandardResult<unknown>[]
  if (known.length === results.length) return outputs(topic, events, known)
  const copies = events.map((event) => ({ ...event }))
  return Promise.all(results).then((all) => outputs(topic, copies, all))
}

const UNKNOWN_KIND: StandardResult<unknown> = { issues: [{ message: 'This kind has no schema' }] }

function outputs(
  topic: string,
  events: readonly NewEvent[],
  results: readonly StandardResult<unknown>[],
): readonly NewEvent[] {
  const issues: { index: number; kind: string; path: string; message: string }[] = []
  const checked: NewEvent[] = []
  for (const [index, result] of results.entries()) {
    const event = events[index] as NewEvent
    if (result.issues === undefined) {
      checked.push({ ...event, data: result.value })
      continue
    }
    const found = result.issues.length === 0 ? [{ message: 'Rejected' }] : result.issues
    for (const issue of found) {
      const path = result === UNKNOWN_KIND ? 'kind' : issuePath(issue)
      issues.push({ index, kind: event.kind, path, message: issue.message })
    }
  }
  const first = issues[0]
  if (first === undefined) return checked
  const message = `Cannot append to topic "${topic}": ${first.path}: ${first.message}`
  throw new VarveError('SCHEMA_REJECTED', message, { details: { topic, issues } })
}

function issuePath(issue: StandardIssue): string {
  let path = 'data'
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part
    path += typeof key === 'number' ? `[${key}]` : `.${String(key)}`
  }
  return path
}
