/** The page of one snapshot: what it holds; checked, tried out, restored, pinned and deleted by admins.
 * @module */
import { html } from 'hono/html'
import { isVarveError, type SnapshotDetails, type SnapshotInfo } from '../../src/index.ts'
import {
  deleteSnapshot,
  pinSnapshot,
  snapshotId,
  snapshotOf,
  startDrill,
  startSnapshotVerify,
} from '../api/snapshots.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { formFields, leadTo, outcome } from './form.ts'
import { problemPart } from './history-moment.ts'
import { jobPanel, newestJob } from './job.ts'
import { answer, type Html, layout } from './layout.ts'
import { restoreForm } from './snapshot-restore.ts'
import { snapshotAddress, targetWords } from './snapshot-words.ts'
import { formatAge, formatBytes, formatCount, formatTime, isoTime } from './words.ts'

/** Partitions that are listed; the API lists all. */
const PARTITIONS = 200

/** GET /snapshots/:id */
export async function snapshotPage(c: WebContext, app: Shared): Promise<Response> {
  const id = snapshotId(c)
  const found = await detailsOrProblem(c, app)
  const isAdmin = allows(factsOf(c).role, 'admin')
  const may = isAdmin && !app.store.readOnly
  const content = html`<nav aria-label="Breadcrumb"><a href="${factsOf(c).base}/snapshots">Snapshots</a></nav>
<h1 hx-ignore>${id}</h1>
${found.content}
${isAdmin && checkForm(c, app, id)}
${found.details !== undefined && isAdmin && restoreForm(c, app, found.details)}
${may && deleteForm(c, id)}`
  return answer(layout({ title: `${id} · varve`, content }, { c, app }), found.status)
}

/** POST /snapshots/:id/verify, /drill */
export function checkPartial(way: 'verify' | 'drill'): (c: WebContext, app: Shared) => Promise<Response> {
  const start = way === 'verify' ? startSnapshotVerify : startDrill
  return async (c, app) => outcome(c, app, jobPanel(await start(c, app), c))
}

/** POST /snapshots/:id/pin */
export async function postSnapshotPin(c: WebContext, app: Shared): Promise<Response> {
  const { pinned } = await formFields(c, app, ['pinned'])
  const { id } = await pinSnapshot(c, app, pinned !== 'no')
  return leadTo(c, snapshotAddress(c, id))
}

/** POST /snapshots/:id/delete */
export async function postDeleteSnapshot(c: WebContext, app: Shared): Promise<Response> {
  const { confirm } = await formFields(c, app, ['confirm'])
  await deleteSnapshot(c, app, confirm)
  return leadTo(c, `${factsOf(c).base}/snapshots`)
}

/** What is damaged is told in its place: the snapshot can still be checked and deleted. */
async function detailsOrProblem(
  c: WebContext,
  app: Shared,
): Promise<{ content: Html; details?: SnapshotDetails; status: number }> {
  try {
    const details = await snapshotOf(c, app)
    const pin = allows(factsOf(c).role, 'admin') && !app.store.readOnly && pinForm(c, details)
    const content = html`<section class="panel" aria-label="Snapshot">${facts(details, app)}${pin}</section>
${partitionsTable(details)}`
    return { content, details, status: 200 }
  } catch (error) {
    if (!isVarveError(error, 'SNAPSHOT_DAMAGED')) throw error
    return { content: problemPart(c, app, { id: 'snapshot', error }), status: problemOf(error, factsOf(c)).status }
  }
}

function facts(details: SnapshotDetails, app: Shared): Html {
  const { timestamp, label, pinned, topics, documents, histories, projections, events, totalSizeBytes } = details
  const count = (words: string, number: number) =>
    number > 0 && html`<div><dt>${words}</dt><dd>${formatCount(number)}</dd></div>`
  return html`<dl class="facts" id="snapshot-facts" hx-ignore>
<div class="wide"><dt>Of</dt><dd>${targetWords(details)} at
<time datetime="${isoTime(timestamp)}">${formatTime(timestamp)}</time>,
${formatAge(app.clock.now() - timestamp)}</dd></div>
${label !== undefined && html`<div class="wide"><dt>Label</dt><dd><span class="label">${label}</span></dd></div>`}
<div><dt>Events</dt><dd>${formatCount(events)}</dd></div>
<div><dt>Size</dt><dd>${formatBytes(totalSizeBytes)}</dd></div>
${count('Topics', topics)}${count('Documents', documents)}${count('Histories', histories)}
${count('Projections', projections)}
<div><dt>Clean-up</dt><dd id="pinned">${pinned ? 'leaves it: pinned' : 'as the policy says'}</dd></div>
<div class="wide"><dt>Hash of its end</dt><dd><code>${details.headHash}</code></dd></div>
<div class="wide"><dt>Store</dt><dd><code>${details.storeId}</code></dd></div>
</dl>`
}

function partitionsTable({ partitions }: SnapshotDetails): Html {
  if (partitions.length === 0) return html``
  return html`<h2 id="partitions-title">Partitions</h2>
<div class="scroll" hx-ignore>
<table id="partitions" aria-labelledby="partitions-title">
<thead><tr><th scope="col">Topic</th><th scope="col" class="number">Partition</th>
<th scope="col" class="number">First offset</th><th scope="col" class="number">End offset</th>
<th scope="col" class="number size">Segments</th><th scope="col" class="number size">Size</th></tr></thead>
<tbody>${partitions.slice(0, PARTITIONS).map(
    ({ topic, partition, baseOffset, highWatermark, segmentOffsets, sizeBytes }) => html`<tr>
<th scope="row">${topic}</th><td class="number">${partition}</td>
<td class="number">${formatCount(baseOffset)}</td><td class="number">${formatCount(highWatermark)}</td>
<td class="number size">${formatCount(segmentOffsets.length)}</td>
<td class="number size">${formatBytes(sizeBytes)}</td></tr>`,
  )}</tbody>
</table>
</div>
${
  partitions.length > PARTITIONS &&
  html`<p class="faint">The first ${formatCount(PARTITIONS)} of ${formatCount(partitions.length)}; the API has all.</p>`
}`
}

function pinForm(c: WebContext, { id, pinned }: SnapshotInfo): Html {
  return html`<form method="post" action="${snapshotAddress(c, id)}/pin" class="actions" id="pin" hx-ignore>
<input type="hidden" name="pinned" value="${pinned ? 'no' : 'yes'}">
<button class="quiet">${pinned ? 'Take the pin away' : 'Pin this snapshot'}</button>
</form>`
}

function checkForm(c: WebContext, app: Shared, id: string): Html {
  const path = snapshotAddress(c, id)
  const job = newestJob(app, ['snapshot-verify', 'snapshot-drill'], id)
  return html`<section class="panel" aria-labelledby="verify-title">
<h2 id="verify-title">Check</h2>
<p>Compare every byte with the hashes that were recorded, or try out a restore: into nothing, with its time and a
verdict.</p>
<div class="actions">
<form method="post" action="${path}/verify" hx-post="${path}/verify" hx-target="#verify-outcome">
<button id="verify">Verify every byte</button></form>
<form method="post" action="${path}/drill" hx-post="${path}/drill" hx-target="#verify-outcome">
<button class="quiet" id="drill">Try a restore</button></form>
</div>
<div id="verify-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>
</section>`
}

function deleteForm(c: WebContext, id: string): Html {
  const path = `${snapshotAddress(c, id)}/delete`
  return html`<section class="panel" aria-labelledby="delete-title">
<h2 id="delete-title">Delete</h2>
<p>The moment that <code hx-ignore>${id}</code> keeps is gone for good. What the store or other snapshots need
stays.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#delete-outcome" class="fields" id="delete">
<label>Name of the snapshot, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Delete this snapshot</button>
</form>
<div id="delete-outcome" aria-live="polite"></div>
</section>`
}
