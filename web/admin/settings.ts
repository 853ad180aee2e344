/** The settings of a topic: read by everybody, changed, pruned and deleted by admins.
 * @module */
import { html } from 'hono/html'
import type { ChangeableTopicOptions, PruneReport, TopicSettings } from '../../src/index.ts'
import { topicOf } from '../api/answers.ts'
import { present, wordField } from '../api/fields.ts'
import { changeTopic, deleteTopic, pruneTopic } from '../api/topics.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { forkForm } from './fork.ts'
import {
  type FormFields,
  formFields,
  leadTo,
  outcome,
  readSize,
  readTime,
  readWhole,
  select,
  sizeText,
  timeText,
} from './form.ts'
import { answer, type Html, layout } from './layout.ts'
import { topicAddress } from './rows.ts'
import { topicHead } from './topic.ts'
import { counted, formatBytes, formatCount } from './words.ts'

const CHANGE_FIELDS = [
  'segmentBytes',
  'maxAgeMs',
  'maxBytes',
  'maxEvents',
  'compression',
  'windowMs',
  'windowKeys',
] as const

/** GET /topics/:topic/settings */
export async function settingsPage(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const { settings } = topic.stats()
  // The store's own topics are as the store wants them.
  const may = allows(factsOf(c).role, 'admin') && !topic.name.startsWith('_') && !app.store.readOnly
  const content = html`${topicHead(c, { name: topic.name, current: 'settings' })}
${settingsFacts(settings)}
${
  may &&
  html`${changeForm(c, settings)}${forkForm(c, topic.partitions)}${pruneForm(c, topic.partitions)}
${deleteForm(c, topic.name)}`
}`
  return answer(layout({ title: `${topic.name} settings · varve`, content }, { c, app }))
}

/** POST /topics/:topic/settings */
export async function postSettings(c: WebContext, app: Shared): Promise<Response> {
  const { settings } = await changeTopic(c, app, readForm(await formFields(c, app, CHANGE_FIELDS)))
  // What the page shows elsewhere is as it is now, too.
  return outcome(
    c,
    app,
    html`<p role="status">Saved.</p><div hx-swap-oob="innerHTML:#settings">${factsList(settings)}</div>`,
  )
}

/** POST /topics/:topic/prune: a preview, unless the name is there. */
export async function postPruneForm(c: WebContext, app: Shared): Promise<Response> {
  const { confirm, ...fields } = await formFields(c, app, ['before', 'partition', 'confirm', 'preview'])
  const options = present({
    before: readWhole(fields.before, 'before'),
    partition: readWhole(fields.partition, 'partition'),
  })
  const path = `${topicAddress(c)}/prune`
  const dryRun = fields.preview !== undefined
  const report = await pruneTopic(c, app, { options: dryRun ? { ...options, dryRun } : options, confirm })
  const events = report.partitions.reduce((sum, partition) => sum + partition.events, 0)
  if (!dryRun) return outcome(c, app, html`<p role="status">${wordsOf(report, 'Pruned')}</p>`)
  if (events === 0)
    return outcome(c, app, html`<p role="status">Nothing would go: whole segments only, oldest first.</p>`)
  return outcome(
    c,
    app,
    html`<p role="status">${wordsOf(report, 'This would give up')}</p>
${pruneTable(report)}
<form method="post" action="${path}" hx-post="${path}" hx-target="#prune-outcome" class="fields">
${fields.before !== undefined && html`<input type="hidden" name="before" value="${options.before ?? ''}">`}
${fields.partition !== undefined && html`<input type="hidden" name="partition" value="${options.partition ?? ''}">`}
<label>Name of the topic, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Prune</button>
</form>`,
  )
}

/** POST /topics/:topic/delete */
export async function postDelete(c: WebContext, app: Shared): Promise<Response> {
  const { confirm } = await formFields(c, app, ['confirm'])
  await deleteTopic(c, app, confirm)
  return leadTo(c, factsOf(c).base || '/')
}

/** What a form of settings says. An empty field of retention is no limit. */
function readForm(fields: FormFields): ChangeableTopicOptions {
  const retention = present({
    maxAgeMs: readTime(fields.maxAgeMs, 'maxAgeMs'),
    maxBytes: readSize(fields.maxBytes, 'maxBytes'),
    maxEvents: readWhole(fields.maxEvents, 'maxEvents'),
  })
  const idempotency = present({
    windowMs: readTime(fields.windowMs, 'windowMs'),
    windowKeys: readWhole(fields.windowKeys, 'windowKeys'),
  })
  return {
    ...present({
      segmentBytes: readSize(fields.segmentBytes, 'segmentBytes'),
      compression: wordField(fields.compression, 'compression', ['none', 'deflate']),
    }),
    retention,
    idempotency,
  }
}

function settingsFacts(settings: TopicSettings): Html {
  return html`<section class="panel" id="settings" aria-label="Settings">${factsList(settings)}</section>`
}

function factsList({ partitions, segmentBytes, retention, compression, chain, idempotency }: TopicSettings): Html {
  const { maxAgeMs, maxBytes, maxEvents } = retention
  const limits = [
    maxAgeMs !== undefined && timeText(maxAgeMs),
    maxBytes !== undefined && sizeText(maxBytes),
    maxEvents !== undefined && counted(maxEvents, 'event'),
  ].filter((limit) => limit !== false)
  return html`<dl class="facts">
<div><dt>Kept, per partition</dt><dd id="kept">${limits.length === 0 ? 'everything' : limits.join(', ')}</dd></div>
<div><dt>Segments of</dt><dd>${sizeText(segmentBytes)}</dd></div>
<div><dt>Compression</dt><dd id="compression">${compression}</dd></div>
<div><dt>Hash chain over</dt><dd>${chain}</dd></div>
<div><dt>Partitions</dt><dd>${formatCount(partitions)}</dd></div>
<div><dt>Idempotency keys kept</dt>
<dd>${timeText(idempotency.windowMs)}, ${formatCount(idempotency.windowKeys)}</dd></div>
</dl>`
}

function changeForm(c: WebContext, settings: TopicSettings): Html {
  const { segmentBytes, retention, compression, idempotency } = settings
  const path = `${topicAddress(c)}/settings`
  return html`<section class="panel" aria-labelledby="change-title">
<h2 id="change-title">Change</h2>
<form method="post" action="${path}" hx-post="${path}" hx-target="#change-outcome" class="fields" id="change">
<label>Oldest event (empty: no limit)
<input name="maxAgeMs" value="${timeText(retention.maxAgeMs)}" placeholder="30 d"></label>
<label>Size (empty: no limit)
<input name="maxBytes" value="${sizeText(retention.maxBytes)}" placeholder="10 GiB"></label>
<label>Events (empty: no limit)
<input name="maxEvents" value="${retention.maxEvents ?? ''}" inputmode="numeric"></label>
<label>Segments of <input name="segmentBytes" value="${sizeText(segmentBytes)}"></label>
<label>Compression ${select(
    'compression',
    [
      ['none', 'none'],
      ['deflate', 'deflate'],
    ],
    compression,
  )}</label>
<label>Idempotency keys kept for <input name="windowMs" value="${timeText(idempotency.windowMs)}"></label>
<label>Idempotency keys kept <input name="windowKeys" value="${idempotency.windowKeys}" inputmode="numeric"></label>
<button>Save</button>
</form>
<div id="change-outcome" aria-live="polite"></div>
</section>`
}

function pruneForm(c: WebContext, partitions: number): Html {
  const path = `${topicAddress(c)}/prune`
  return html`<section class="panel" aria-labelledby="prune-title">
<h2 id="prune-title">Prune</h2>
<p>Give up the oldest events, whole segments at a time: as the limits above say, or all below an offset.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#prune-outcome" class="fields" id="prune">
<input type="hidden" name="preview" value="1">
<label>Below offset (empty: as the limits say) <input name="before" inputmode="numeric"></label>
${partitions > 1 && html`<label>Partition (empty: all) <input name="partition" inputmode="numeric"></label>`}
<button class="quiet">Show what would go</button>
</form>
<div id="prune-outcome" aria-live="polite"></div>
</section>`
}

function deleteForm(c: WebContext, name: string): Html {
  const path = `${topicAddress(c)}/delete`
  return html`<section class="panel" aria-labelledby="delete-title">
<h2 id="delete-title">Delete</h2>
<p>All events of <code hx-ignore>${name}</code> are gone for good.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#delete-outcome" class="fields" id="delete">
<label>Name of the topic, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Delete this topic</button>
</form>
<div id="delete-outcome" aria-live="polite"></div>
</section>`
}

function wordsOf({ partitions }: PruneReport, words: string): string {
  const sum = (key: 'events' | 'segments' | 'sizeBytes' | 'sharedBytes') =>
    partitions.reduce((total, one) => total + one[key], 0)
  const events = `${counted(sum('events'), 'event')} in ${counted(sum('segments'), 'segment')}`
  const shared = sum('sharedBytes')
  const kept = shared === 0 ? '' : ` Snapshots and forks keep ${formatBytes(shared)} more.`
  return `${words} ${events}, ${formatBytes(sum('sizeBytes'))}.${kept}`
}

function pruneTable({ partitions }: PruneReport): Html {
  return html`<div class="scroll"><table>
<thead><tr><th scope="col">Partition</th><th scope="col" class="number">Events</th>
<th scope="col" class="number">Size</th><th scope="col" class="number">First offset then</th></tr></thead>
<tbody>${partitions.map(
    ({ partition, events, sizeBytes, logStartOffset }) => html`<tr><th scope="row">${partition}</th>
<td class="number">${formatCount(events)}</td><td class="number">${formatBytes(sizeBytes)}</td>
<td class="number">${formatCount(logStartOffset)}</td></tr>`,
  )}</tbody></table></div>`
}
