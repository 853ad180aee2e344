/** The page of one projection: how far it is, and its state, now or as of an event or a time.
 * @module */
import { html } from 'hono/html'
import {
  isVarveError,
  type Projected,
  type ProjectionStatus,
  stringifyValue,
  type VarveError,
} from '../../src/index.ts'
import { present } from '../api/fields.ts'
import { deleteProjection, projectionOf, startProjection } from '../api/projections.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { documentAddress } from './documents.ts'
import { formFields, leadTo, outcome } from './form.ts'
import { historyAddress } from './histories.ts'
import { jobPanel, newestJob } from './job.ts'
import { answer, type Html, layout } from './layout.ts'
import { projectionAddress } from './projections.ts'
import { counted, formatAge, formatCount, formatTime, isoTime, layOut } from './words.ts'

/** More of a state is shown by the API. */
const TEXT_CHARACTERS = 20_000

/** GET /projections/:name with `offset` or `time` */
export async function projectionPage(c: WebContext, app: Shared): Promise<Response> {
  const projection = await projectionOf(c, app)
  const { name } = projection
  const status = await projection.status()
  const { base, role } = factsOf(c)
  const { content: state, status: code } = await stateOrProblem(c, status, async () => {
    const { stateOffset: offset, stateMoment: time } = factsOf(c).query
    if (offset === undefined && time === undefined) return projection.state()
    const moment = offset === undefined ? { time: time ?? 0 } : { offset }
    return projection.stateAt(moment, { signal: c.req.raw.signal })
  })
  const content = html`<nav aria-label="Breadcrumb"><a href="${base}/projections">Projections</a></nav>
<h1 hx-ignore>${name}</h1>
<section class="panel" aria-label="Projection">
<div id="projection" hx-get="${base}/partials/projections/${encodeURIComponent(name)}" hx-trigger="every 2s"
hx-swap="innerMorph">${facts(status, { c, app })}</div>
${allows(role, 'admin') && !app.store.readOnly && actions(status, { c, app })}
</section>
${momentForm(c, status)}
${state}
${allows(role, 'admin') && !app.store.readOnly && deleteForm(c, name)}`
  return answer(layout({ title: `${name} · varve`, content }, { c, app }), code)
}

/** GET /partials/projections/:name */
export async function projectionPartial(c: WebContext, app: Shared): Promise<Response> {
  return answer(facts(await (await projectionOf(c, app)).status(), { c, app }))
}

/** POST /projections/:name/run, /rebuild */
export function startPartial(way: 'run' | 'rebuild'): (c: WebContext, app: Shared) => Promise<Response> {
  return async (c, app) => outcome(c, app, jobPanel(await startProjection(c, app, way), c))
}

/** POST /projections/:name/delete */
export async function postDeleteProjection(c: WebContext, app: Shared): Promise<Response> {
  const { confirm } = await formFields(c, app, ['confirm'])
  await deleteProjection(c, app, confirm)
  return leadTo(c, `${factsOf(c).base}/projections`)
}

function facts(status: ProjectionStatus, { c, app }: { c: WebContext; app: Shared }): Html {
  const { projection, topic, keep, state, positions, highWatermarks, lag, foldVersion, publishedAt, failure } = status
  const done = positions.reduce((sum, position) => sum + position, 0)
  const all = highWatermarks.reduce((sum, mark) => sum + mark, 0)
  const topicPath = `${factsOf(c).base}/topics/${encodeURIComponent(topic)}`
  return html`<div class="state ${state === 'failed' ? '' : 'open'}"><span class="dot" aria-hidden="true"></span>
<strong id="projection-state">${stateWords(status)}</strong></div>
${failure !== undefined && failureOf(failure, { c, topicPath })}
<meter class="progress" min="0" max="${Math.max(all, 1)}" value="${Math.min(done, all)}"
aria-label="Events folded"></meter>
<dl class="facts">
<div><dt>Lag</dt><dd id="lag">${lag === 0 ? 'caught up' : counted(lag, 'event')}</dd></div>
<div><dt>Folded</dt><dd id="folded">${formatCount(done)} of ${formatCount(all)}</dd></div>
<div><dt>Topic</dt><dd hx-ignore><a href="${topicPath}">${topic}</a></dd></div>
<div><dt>Fold version</dt><dd>${formatCount(foldVersion)}</dd></div>
<div><dt>Keeps</dt><dd hx-ignore>${
    keep === 'history'
      ? html`<a href="${historyAddress(c, `_${projection}`)}">each published state</a>`
      : html`<a href="${documentAddress(c, `_${projection}`)}">the newest state</a>`
  }</dd></div>
<div><dt>Published</dt><dd>${
    foldVersion === 0
      ? 'never'
      : html`<time datetime="${isoTime(publishedAt)}">${formatAge(app.clock.now() - publishedAt)}</time>`
  }</dd></div>
${
  positions.length > 1 &&
  html`<div class="wide"><dt>End offsets, by partition</dt><dd>${positions.map(formatCount).join(' · ')}</dd></div>`
}
</dl>`
}

function stateWords({ state, lag, hasFold }: ProjectionStatus): string {
  const idle = hasFold ? 'Not running' : 'Not running: this process has no fold for it'
  return {
    idle: lag === 0 ? `Caught up. ${idle}` : idle,
    running: 'Folding',
    following: 'Following the topic',
    failed: 'Stopped: the fold failed',
  }[state]
}

function failureOf(
  { partition, offset, kind, message, at }: NonNullable<ProjectionStatus['failure']>,
  { c, topicPath }: { c: WebContext; topicPath: string },
): Html {
  return html`<div class="panel problem" role="alert" id="failure" hx-ignore>
<p><strong>${kind}</strong> at <a href="${topicPath}/events/${offset}?partition=${partition}">offset ${offset}</a>
could not be folded, <time datetime="${isoTime(at)}">${formatTime(at)}</time>. The state before it is served.</p>
${allows(factsOf(c).role, 'admin') && html`<p><code>${message}</code></p>`}
</div>`
}

function actions({ projection, hasFold }: ProjectionStatus, { c, app }: { c: WebContext; app: Shared }): Html {
  if (!hasFold) return html``
  const path = projectionAddress(c, projection)
  const job = newestJob(app, ['projection-run', 'projection-rebuild'], projection)
  return html`<div class="actions">
<form method="post" action="${path}/run" hx-post="${path}/run" hx-target="#job-outcome">
<button id="run">Run</button></form>
<form method="post" action="${path}/rebuild" hx-post="${path}/rebuild" hx-target="#job-outcome">
<button class="quiet" id="rebuild">Rebuild from the first event</button></form>
</div>
<div id="job-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>`
}

function momentForm(c: WebContext, { projection, positions, hasFold, highWatermarks }: ProjectionStatus): Html {
  if (!hasFold) return html``
  const { stateOffset, stateMoment } = factsOf(c).query
  return html`<form class="filter" method="get" action="${projectionAddress(c, projection)}" role="search"
aria-label="State at a moment" hx-ignore>
${
  positions.length === 1 &&
  html`<label>State after the events below offset
<input type="number" name="offset" value="${stateOffset}" min="0" max="${highWatermarks[0]}"
inputmode="numeric"></label>`
}
<label>State as of a time, UTC
<input name="time" value="${stateMoment !== undefined && formatTime(stateMoment)}" placeholder="2026-01-31 12:00"
autocomplete="off"></label>
<button class="quiet">Show</button>
<a href="${projectionAddress(c, projection)}">Newest</a>
</form>`
}

async function stateOrProblem(
  c: WebContext,
  { projection }: ProjectionStatus,
  read: () => Promise<Projected<unknown>>,
): Promise<{ content: Html; status: number }> {
  try {
    return { content: stateOf(c, projection, await read()), status: 200 }
  } catch (error) {
    if (isVarveError(error, 'PROJECTION_EMPTY'))
      return { content: html`<p class="panel empty" id="empty">No state was published yet.</p>`, status: 200 }
    if (!isVarveError(error) || !STATE_CODES.has(error.code)) throw error
    const { status, title, detail, hint } = problemOf(error, factsOf(c))
    const content = html`<section class="panel problem" role="alert" id="state-problem"><h2>${title}</h2>
<p hx-ignore>${detail} ${hint}</p></section>`
    return { content, status }
  }
}

const STATE_CODES: ReadonlySet<VarveError['code']> = new Set([
  'PROJECTION_UNDEFINED',
  'PROJECTION_FAILED',
  'OFFSET_OUT_OF_RANGE',
  'OFFSET_PRUNED',
  'VERSION_DAMAGED',
  'DOCUMENT_DAMAGED',
  'DOCUMENT_MISSING',
])

function stateOf(c: WebContext, name: string, { state, positions, offset }: Projected<unknown>): Html {
  const { stateOffset, stateMoment } = factsOf(c).query
  const query = new URLSearchParams(
    Object.entries(present({ offset: stateOffset, time: stateMoment })).map(([key, value]) => [key, String(value)]),
  ).toString()
  const api = `${factsOf(c).base}/api/projections/${encodeURIComponent(name)}/state${query && `?${query}`}`
  const json = stringifyValue(state)
  const at = offset === undefined ? positions.map(formatCount).join(' · ') : formatCount(offset)
  return html`<section aria-labelledby="state-title">
<div class="live"><h2 id="state-title">State</h2> <span class="faint" id="state-at">after the events below ${at}</span>
<span class="spacer"></span><a href="${api}">JSON</a></div>
<pre id="state-text" tabindex="0" hx-ignore><code>${layOut(json.slice(0, TEXT_CHARACTERS))}</code></pre>
${
  json.length > TEXT_CHARACTERS &&
  html`<p class="faint">The first ${formatCount(TEXT_CHARACTERS)} of ${counted(json.length, 'character')}; the JSON has
all.</p>`
}
</section>`
}

function deleteForm(c: WebContext, name: string): Html {
  const path = `${projectionAddress(c, name)}/delete`
  return html`<section class="panel" aria-labelledby="delete-title">
<h2 id="delete-title">Delete</h2>
<p>The projection <code hx-ignore>${name}</code> and its states are gone; the events stay, and it can be made again.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#delete-outcome" class="fields" id="delete">
<label>Name of the projection, to confirm <input name="confirm" required autocomplete="off" spellcheck="false"></label>
<button class="danger">Delete this projection</button>
</form>
<div id="delete-outcome" aria-live="polite"></div>
</section>`
}
