/** Where a restore or a fork ends, as fields of a form.
 * @module */
import { html } from 'hono/html'
import type { Until } from '../../src/index.ts'
import { refuse } from '../api/fields.ts'
import { parseTime } from '../parameters.ts'
import type { FormFields } from './form.ts'
import type { Html } from './layout.ts'

export const UNTIL_FIELDS = ['offset', 'time'] as const

/** Fields for one of the two, or neither. */
export function untilFields(partitions: number, before?: number): Html {
  const words = partitions > 1 ? 'Before these offsets, one for each partition' : 'Before offset'
  return html`<label>${words} (empty: all events)
<input name="offset" value="${before ?? ''}" inputmode="${partitions > 1 ? 'text' : 'numeric'}" autocomplete="off"
placeholder="${partitions > 1 ? '500, 500' : '500'}"></label>
<label>Or recorded up to this time, UTC
<input name="time" placeholder="2026-01-31 12:00" autocomplete="off"></label>`
}

/** Read what `untilFields` shows. @throws {VarveError} `OPTION_INVALID`. */
export function readUntil({ offset, time }: FormFields): Until | undefined {
  if (offset !== undefined && time !== undefined)
    throw refuse('time', 'Cannot read the form: "offset" and "time" both say where it ends')
  if (time !== undefined) return { time: parseTime('time', time) }
  if (offset === undefined) return undefined
  const offsets = offset.split(',').map((text) => (/^\s*\d{1,16}\s*$/.test(text) ? Number(text) : Number.NaN))
  const [only] = offsets
  if (!offsets.every(Number.isSafeInteger))
    throw refuse('offset', 'Cannot read "offset": expected a whole number, or one for each partition with commas')
  return { offset: offsets.length === 1 && only !== undefined ? only : offsets }
}
