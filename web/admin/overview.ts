/** The first page: the store, its topics, and work over all of it.
 * @module */
import { html } from 'hono/html'
import type { StoreStats, TopicStats } from '../../src/index.ts'
import { AUDIT_TOPIC } from '../api/audit.ts'
import { usersTopics } from '../api/topics.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { createForm } from './create.ts'
import { jobPanel } from './job.ts'
import { answer, type Html, layout } from './layout.ts'
import { counted, formatAge, formatBytes, formatCount, isoTime, openingWords, stateWords } from './words.ts'

/** GET / */
export async function overviewPage(c: WebContext, app: Shared): Promise<Response> {
  const [stats, topics] = await Promise.all([app.store.stats(), usersTopics(app)])
  const admin = allows(factsOf(c).role, 'admin')
  const content = html`<h1 class="visually-hidden">Store</h1>
<section class="panel store" aria-label="Store">
<div id="store" hx-get="${factsOf(c).base}/partials/store" hx-trigger="every 5s" hx-swap="innerMorph">
${storeFacts({ ...stats, topics: topics.length }, { c, app })}
</div>
${admin && storeActions({ c, app })}
</section>
<section aria-labelledby="topics-title">
<h2 id="topics-title">Topics</h2>
<div id="topics" hx-get="${factsOf(c).base}/partials/topics" hx-trigger="every 5s" hx-swap="innerMorph">
${topicsTable(topics, { c, app })}
</div>
</section>
${admin && !app.store.readOnly && createForm(c)}`
  return answer(layout({ title: 'varve', content }, { c, app }))
}

/** GET /partials/store */
export async function storePartial(c: WebContext, app: Shared): Promise<Response> {
  const [stats, topics] = await Promise.all([app.store.stats(), usersTopics(app)])
  return answer(storeFacts({ ...stats, topics: topics.length }, { c, app }))
}

/** GET /partials/topics */
export async function topicsPartial(c: WebContext, app: Shared): Promise<Response> {
  return answer(topicsTable(await usersTopics(app), { c, app }))
}

function storeFacts(stats: StoreStats, { c, app }: { c: WebContext; app: Shared }): Html {
  const admin = allows(factsOf(c).role, 'admin')
  const { gaps } = app.store.openReport
  const { memory } = stats
  return html`<div class="state ${stats.state}" id="state"><span class="dot" aria-hidden="true"></span>
<strong>${stats.readOnly ? 'Open for reading' : stateWords(stats.state)}</strong></div>
<p class="faint" id="opening">${openingWords(app.store.openReport)}</p>
<dl class="facts">
<div><dt>Events</dt><dd>${formatCount(stats.events)}</dd></div>
<div><dt>Size</dt><dd>${formatBytes(stats.sizeBytes)}</dd></div>
<div><dt>Topics</dt><dd>${formatCount(stats.topics)}</dd></div>
<div><dt>Documents</dt><dd><a href="${factsOf(c).base}/documents">${formatCount(stats.documents)}</a></dd></div>
<div><dt>Histories</dt><dd><a href="${factsOf(c).base}/histories">${formatCount(stats.histories)}</a></dd></div>
<div><dt>Projections</dt><dd><a href="${factsOf(c).base}/projections">${formatCount(stats.projections)}</a></dd></div>
<div><dt>Index memory</dt><dd>${formatBytes(memory.usedBytes)} of ${formatBytes(memory.budgetBytes)}</dd></div>
<div><dt>Epoch</dt><dd>${formatCount(stats.epoch)}</dd></div>
<div><dt>Storage</dt><dd hx-ignore>${stats.storage}</dd></div>
${
  gaps.length > 0 &&
  html`<div class="wide" id="gaps"><dt>Cannot be read</dt><dd hx-ignore>${gaps.map(
    ({ topic, partition, from, to }) => html`${topic} ${partition}: offsets ${from} to ${to - 1}. `,
  )}</dd></div>`
}
${admin && html`<div class="wide"><dt>Location</dt><dd hx-ignore><code>${stats.location}</code></dd></div>`}
</dl>`
}

function storeActions({ c, app }: { c: WebContext; app: Shared }): Html {
  const { base } = factsOf(c)
  return html`<div class="actions">
<button id="verify" hx-post="${base}/partials/verify" hx-target="#job">Verify every byte</button>
<button id="checkpoint" class="quiet" hx-post="${base}/partials/checkpoint" hx-target="#job">Write checkpoint</button>
<a class="button quiet" href="${base}/topics/${AUDIT_TOPIC}">What admins did</a>
</div>
<div id="job" aria-live="polite">${jobPanel(app.jobs.latest('verify'), c)}</div>`
}

function topicsTable(topics: readonly TopicStats[], { c, app }: { c: WebContext; app: Shared }): Html {
  const { base } = factsOf(c)
  if (topics.length === 0) return noTopics(c)
  const now = app.clock.now()
  return html`<div class="scroll" hx-ignore>
<table>
<thead><tr><th scope="col">Topic</th><th scope="col" class="number">Events</th>
<th scope="col" class="number size">Size</th><th scope="col" class="number partitions">Partitions</th>
<th scope="col" class="number">Last event</th></tr></thead>
<tbody>
${topics.map(
  ({ topic, events, sizeBytes, partitions, lastRecordedAt }) => html`<tr>
<th scope="row"><a href="${base}/topics/${encodeURIComponent(topic)}">${topic}</a></th>
<td class="number">${formatCount(events)}</td><td class="number size">${formatBytes(sizeBytes)}</td>
<td class="number partitions">${formatCount(partitions.length)}</td>
<td class="number">${
    lastRecordedAt === undefined
      ? html`<span class="faint">none yet</span>`
      : html`<time datetime="${isoTime(lastRecordedAt)}">${formatAge(now - lastRecordedAt)}</time>`
  }</td></tr>`,
)}
</tbody>
<tfoot><tr><th scope="row">${counted(topics.length, 'topic')}</th>
<td class="number">${formatCount(sum(topics.map(({ events }) => events)))}</td>
<td class="number size">${formatBytes(sum(topics.map(({ sizeBytes }) => sizeBytes)))}</td>
<td class="partitions"></td><td></td></tr></tfoot>
</table>
</div>`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function noTopics(c: WebContext): Html {
  const url = new URL(c.req.url)
  const address = `${url.origin}${factsOf(c).base}/api/topics`
  return html`<div class="panel empty" hx-ignore>
<p><strong>No topics yet.</strong> Create one and append to it:</p>
<pre tabindex="0"><code>${curl({ address, body: '{"topic":"orders"}' })}
${curl({ address: `${address}/orders/events`, body: FIRST_EVENT })}</code></pre>
</div>`
}

/** A first event that says what the fields are for. */
export const FIRST_EVENT = '{"kind":"OrderPlaced","entity":"order-1","data":{"total":12}}'

/** The shell command that posts `body` as JSON. */
export function curl({ address, body }: { address: string; body: string }): string {
  return [
    `curl ${address} \\`,
    `  -H "authorization: Bearer $VARVE_TOKEN" -H 'content-type: application/json' \\`,
    `  -d '${body}'`,
  ].join('\n')
}
