/** The Standard Schema interface, version 1 (https://standardschema.dev), copied so that no dependency is needed.
 * @module */
import { VarveError } from '../errors.ts'
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

/** Validate the data of every event; one bad event refuses the call.
 * @returns the events with the output of their schemas as data.
 * @throws {VarveError} `SCHEMA_REJECTED` with `details.issues` [{ index, kind, path, message }]. */
export async function validateEvents(
  topic: string,
  events: readonly NewEvent[],
  schemas: KindSchemas,
): Promise<readonly NewEvent[]> {
  const issues: { index: number; kind: string; path: string; message: string }[] = []
  const checked: NewEvent[] = []
  for (const [index, event] of events.entries()) {
    const schema = Object.hasOwn(schemas, event.kind) ? schemas[event.kind] : undefined
    if (schema === undefined) {
      issues.push({ index, kind: event.kind, path: 'kind', message: 'This kind has no schema' })
      continue
    }
    const result = await schema['~standard'].validate(event.data)
    if (result.issues === undefined) checked.push({ ...event, data: result.value })
    else
      for (const issue of result.issues)
        issues.push({ index, kind: event.kind, path: issuePath(issue), message: issue.message })
  }
  if (issues.length === 0) return checked
  const first = issues[0]
  const message = `Cannot append to topic "${topic}": ${first?.path ?? 'data'}: ${first?.message ?? 'rejected'}`
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
