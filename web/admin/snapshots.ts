/** The list of snapshots, what each shares, and the form for a new one.
 * @module */
import { html } from 'hono/html'
import type { SnapshotInfo } from '../../src/index.ts'
import { present } from '../api/fields.ts'
import { snapshotPage, startSnapshot } from '../api/snapshots.ts'
import { usersTopics } from '../api/topics.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { formFields, outcome, readWhole, timeText } from './form.ts'
import { jobPanel, tellChange } from './job.ts'
import { answer, type Html, layout } from './layout.ts'
import { sharingOf } from './snapshot-plot.ts'
import { snapshotAddress, targetWords } from './snapshot-words.ts'
import { formatAge, formatBytes, formatCount, isoTime } from './words.ts'

const PAGE_ITEMS = 100
/** More are drawn when somebody asks. */
const DRAWN_SNAPSHOTS = 20
/** Topics that the form suggests. */
const SUGGESTED_TOPICS = 100

/** GET /snapshots */
export async function snapshotsPage(c: WebContext, app: Shared): Promise<Response> {
  const { base, role } = factsOf(c)
  const { cursor } = factsOf(c).query
  const { items, nextCursor } = await listed(c, app)
  const here = cursor === undefined ? '' : `?${new URLSearchParams({ cursor })}`
  const next = nextCursor && `${base}/snapshots?${new URLSearchParams({ cursor: nextCursor })}`
  const content = html`${snapshotsHead(c, 'snapshots')}
<div id="snapshots" hx-get="${base}/partials/snapshots${here}" hx-trigger="every 5s, snapshots from:body"
hx-swap="innerMorph">
${snapshotsTable(items, { c, app })}
</div>
${cursor !== undefined && html`<p><a class="button" rel="prev" href="${base}/snapshots">First page</a></p>`}
${next && html`<p><a class="button" rel="next" id="next" href="${next}">Next page</a></p>`}
${allows(role, 'admin') && !app.store.readOnly && (await createForm(c, app))}
${items.length > 0 && sharingSection(c, { isLong: nextCursor !== undefined || items.length > DRAWN_SNAPSHOTS })}`
  return answer(layout({ title: 'Snapshots · varve', content }, { c, app }))
}

/** GET /partials/snapshots */
export async function snapshotsPartial(c: WebContext, app: Shared): Promise<Response> {
  return answer(snapshotsTable((await listed(c, app)).items, { c, app }))
}

/** GET /snapshots/usage: looks at every file of every snapshot, so the list does not wait for it. */
export async function usagePage(c: WebContext, app: Shared): Promise<Response> {
  const [usages, infos] = await Promise.all([app.store.snapshots.usage(), app.store.snapshots.list()])
  const picture = sharingOf(usages, { infos, addressOf: (id) => snapshotAddress(c, id) })
  if (c.req.header('hx-request') !== undefined) return answer(picture)
  const content = html`${snapshotsHead(c)}<h2>What they share</h2>${picture}`
  return answer(layout({ title: 'What snapshots share · varve', content }, { c, app }))
}

/** POST /snapshots */
export async function postSnapshotForm(c: WebContext, app: Shared): Promise<Response> {
  const fields = await formFields(c, app, ['topic', 'partition', 'label', 'pinned', 'soon'])
  const options = present({
    topic: fields.topic,
    partition: readWhole(fields.partition, 'partition'),
    label: fields.label,
    pinned: fields.pinned === undefined ? undefined : true,
    minIntervalMs: fields.soon === undefined ? undefined : 0,
  })
  const job = await startSnapshot(c, app, options)
  return tellChange(outcome(c, app, jobPanel(job, c)), job)
}

/** The head of the pages about all snapshots. */
export function snapshotsHead(c: WebContext, current?: 'snapshots' | 'settings'): Html {
  const tab = (key: 'snapshots' | 'settings', words: string, path: string) =>
    html`<a href="${factsOf(c).base}/snapshots${path}" ${current === key && html`aria-current="page"`}>${words}</a>`
  return html`<h1>Snapshots</h1>
<nav class="tabs" aria-label="Snapshots">
${tab('snapshots', 'Snapshots', '')}${tab('settings', 'Clean-up and schedule', '/settings')}</nav>`
}

function listed(c: WebContext, app: Shared): Promise<{ items: SnapshotInfo[]; nextCursor?: string }> {
  const { cursor } = factsOf(c).query
  return snapshotPage(app, { ...present({ cursor }), limit: PAGE_ITEMS })
}

function snapshotsTable(items: readonly SnapshotInfo[], { c, app }: { c: WebContext; app: Shared }): Html {
  if (items.length === 0) return noSnapshots(c)
  const now = app.clock.now()
  return html`<div class="scroll" hx-ignore>
<table>
<thead><tr><th scope="col">Snapshot</th><th scope="col">Label</th><th scope="col" class="size">Of</th>
<th scope="col" class="number size">Events</th><th scope="col" class="number">Size</th>
<th scope="col" class="number">Taken</th></tr></thead>
<tbody>
${items.map(
  (info) => html`<tr>
<th scope="row"><a href="${snapshotAddress(c, info.id)}">${info.id}</a></th>
<td>${info.label !== undefined && html`<span class="label">${info.label}</span>`}
${info.pinned && html`<span class="pinned">pinned</span>`}</td>
<td class="size">${targetWords(info)}</td><td class="number size">${formatCount(info.events)}</td>
<td class="number">${formatBytes(info.totalSizeBytes)}</td>
<td class="number"><time datetime="${isoTime(info.timestamp)}">${formatAge(now - info.timestamp)}</time></td></tr>`,
)}
</tbody>
</table>
</div>
<p class="faint">Snapshots share files with the store, so they protect from mistakes; an export protects from the loss
of the disk.</p>`
}

/** The picture comes by itself where that is little work. */
function sharingSection(c: WebContext, { isLong }: { isLong: boolean }): Html {
  const usage = `${factsOf(c).base}/snapshots/usage`
  return html`<section aria-labelledby="sharing-title">
<h2 id="sharing-title">What they share</h2>
<div id="sharing" ${!isLong && html`hx-get="${usage}" hx-trigger="load, snapshots from:body"`}>
<p><a href="${usage}">Show what each snapshot shares</a></p></div>
</section>`
}

function noSnapshots(c: WebContext): Html {
  if (factsOf(c).query.cursor !== undefined) return html`<p class="panel empty">No older snapshots.</p>`
  return html`<div class="panel empty">
<p><strong>No snapshots yet.</strong> A snapshot keeps the store, or a topic, as it is at one moment. It takes an
instant and no room of its own at first, and nobody who appends waits for it.</p>
</div>`
}

async function createForm(c: WebContext, app: Shared): Promise<Html> {
  const path = `${factsOf(c).base}/snapshots`
  const topics = (await usersTopics(app)).slice(0, SUGGESTED_TOPICS)
  const { minIntervalMs } = app.store.snapshots.policy
  const job = app.jobs.latest('snapshot-create')
  return html`<section class="panel" aria-labelledby="create-title">
<h2 id="create-title">New snapshot</h2>
<form method="post" action="${path}" hx-post="${path}" hx-target="#create-outcome" class="fields" id="create">
<label>Topic (empty: the whole store)
<input name="topic" list="topics" maxlength="128" spellcheck="false" autocomplete="off"></label>
<datalist id="topics" hx-ignore>${topics.map(({ topic }) => html`<option value="${topic}"></option>`)}</datalist>
<label>Partition (empty: all) <input name="partition" inputmode="numeric"></label>
<label>Label (empty: none) <input name="label" maxlength="256" autocomplete="off"></label>
<label class="check"><input type="checkbox" name="pinned" value="yes"> Pin it: clean-up leaves it alone</label>
${
  minIntervalMs > 0 &&
  html`<label class="check"><input type="checkbox" name="soon" value="yes"> Even if the last one is less than
${timeText(minIntervalMs)} old</label>`
}
<button>Take a snapshot</button>
</form>
<div id="create-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>
</section>`
}
