/** The filter of a topic's page: what of the query chooses events, the form for it, and addresses that keep it.
 * @module */
import { html } from 'hono/html'
import type { ReadOptions, Topic } from '../../src/index.ts'
import { present } from '../api/fields.ts'
import { factsOf, type WebContext } from '../context.ts'
import { filterOf, type ParameterKey } from '../parameters.ts'
import type { Html } from './layout.ts'
import { topicAddress } from './rows.ts'
import { isoTime } from './words.ts'

/** What a stream of new events can be filtered by. */
export const LIVE_FILTERS: readonly ParameterKey[] = [
  'kind',
  'entity',
  'scope',
  'tag',
  'id',
  'correlationId',
  'causationId',
  'idempotencyKey',
  'partition',
  'cursor',
]

/** What a page can be filtered by, and where it continues. */
export const PAGE_FILTERS: readonly ParameterKey[] = [
  ...LIVE_FILTERS,
  'sinceTime',
  'untilTime',
  'from',
  'to',
  'direction',
]

/** The part of a query that chooses events. */
export type Filter = Omit<ReadOptions, 'direction' | 'limit' | 'cursor' | 'signal'>

/** The filter of this request. */
export function filterOfPage(c: WebContext): Filter {
  const { query } = factsOf(c)
  const { from, to, partition } = query
  return { ...filterOf(query), ...present({ from, to, partition }) }
}

/** Tell whether new events can be shown as they come. A time or an offset says which part of the past is wanted. */
export function mayFollow({ since, until, from, to }: Filter): boolean {
  return [since, until, from, to].every((bound) => bound === undefined)
}

/** Address of the topic's page, with this filter and place. */
export function pageAddress(c: WebContext, place: Filter & Pick<ReadOptions, 'cursor' | 'direction'>): string {
  const query = queryOf(place)
  return `${topicAddress(c)}${query && `?${query}`}`
}

/** Address of the stream of rows behind a cursor, with this filter. */
export function liveAddress(c: WebContext, place: Filter & { readonly cursor: string }): string {
  return `${topicAddress(c)}/live?${queryOf(place)}`
}

function queryOf(place: object): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(place)) for (const one of [value].flat()) query.append(name, String(one))
  return query.toString()
}

/** A form with every filter. The rarer ones are folded away unless they are used. */
export function filterForm(c: WebContext, { topic, filter }: { topic: Topic; filter: Filter }): Html {
  const { kind, entity, ...rest } = filter
  const kinds = [kind ?? []].flat()
  const several = topic.partitions > 1
  const path = topicAddress(c)
  return html`<form class="filter" method="get" action="${path}" hx-ignore role="search" aria-label="Filter events">
${[...kinds, ''].map((one, at) => field(at === 0 ? 'Kind' : 'Or kind', 'kind', one))}
${field('Entity', 'entity', entity)}
<button class="quiet">Filter</button>
${Object.keys(filter).length > 0 && html`<a href="${path}">Clear</a>`}
<details class="more" ${Object.keys(rest).length > 0 && 'open'}><summary>More filters</summary>
<div class="fields">
${field('Scope', 'scope', rest.scope)}
${field('Tag', 'tag', rest.tag)}
${field('Id', 'id', rest.id)}
${field('Correlation', 'correlationId', rest.correlationId)}
${field('Caused by', 'causationId', rest.causationId)}
${field('Idempotency key', 'idempotencyKey', rest.idempotencyKey)}
${field('Since, UTC', 'since', timeText(rest.since), '2026-01-31 12:00')}
${field('Until, UTC', 'until', timeText(rest.until), '2026-01-31 12:00')}
${several && field('Partition', 'partition', rest.partition)}
${field(several ? 'From offset (with a partition)' : 'From offset', 'from', rest.from)}
${field(several ? 'To offset (with a partition)' : 'To offset', 'to', rest.to)}
</div></details>
</form>`
}

function field(
  label: string,
  name: string,
  ...[value, placeholder]: [value?: string | number, placeholder?: string]
): Html {
  return html`<label>${label} <input name="${name}" value="${value ?? ''}" maxlength="256" spellcheck="false" ${
    placeholder !== undefined && html`placeholder="${placeholder}"`
  }></label>`
}

function timeText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : isoTime(at)
}
