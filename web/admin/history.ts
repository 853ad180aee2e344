/** The page of one history: its versions in time, one of them, and what changed.
 *
 * The slider names a version; moving it asks for that moment and puts it below, so the slider keeps the focus. All of
 * it works by links and forms where no script runs.
 * @module */
import { html } from 'hono/html'
import {
  type History,
  type HistoryStats,
  isVarveError,
  type VersionInfo,
  type VersionSelector,
} from '../../src/index.ts'
import { present } from '../api/fields.ts'
import { historyOf } from '../api/histories.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { historyAddress, historyHead } from './histories.ts'
import { type Moment, momentOf, problemPart } from './history-moment.ts'
import { plotOf } from './history-plot.ts'
import { answer, type Html, layout } from './layout.ts'
import { address } from './tree.ts'
import { formatAge, formatBytes, formatCount, formatRatio, formatTime, isoTime } from './words.ts'

/** Versions that are drawn side by side. */
const PLOT_VERSIONS = 200
const LIST_VERSIONS = 50

/** GET /histories/:name with `version`, `from`, `path`, or `time` or `label`; `cursor` of the list */
export async function timelinePage(c: WebContext, app: Shared): Promise<Response> {
  const history = await historyOf(c, app)
  const stats = await history.stats()
  const shown = stats.count === 0 ? undefined : await shownMoment(c, app, { history, stats })
  const content = html`${historyHead(c, { name: history.name, current: 'versions' })}
<div class="panel">${facts(stats, app)}</div>
${shown === undefined ? noVersions(c, history.name) : shown.content}
${shown !== undefined && (await versionList(c, history))}`
  return answer(layout({ title: `${history.name} · varve`, content }, { c, app }), shown?.status ?? 200)
}

/** GET /histories/:name/moment with `version`, `from`, `path`: what the slider points at. */
export async function momentPartial(c: WebContext, app: Shared): Promise<Response> {
  const history = await historyOf(c, app)
  const moment = await findMoment(c, { history, stats: await history.stats() })
  return answer(await drawn(c, app, moment))
}

/** The slider and what it points at, or why that cannot be shown. */
async function shownMoment(
  c: WebContext,
  app: Shared,
  of: { readonly history: History; readonly stats: HistoryStats },
): Promise<{ content: Html; status: number }> {
  try {
    const moment = await findMoment(c, of)
    const content = html`${findForm(c, of.history.name)}
${slider(c, { ...of, version: moment.info.version })}
<div id="moment">${await drawn(c, app, moment)}</div>`
    return { content, status: 200 }
  } catch (error) {
    // What is typed by hand is told beside its form, and past what is damaged the slider leads on.
    const isDamaged = isVarveError(error, 'VERSION_DAMAGED')
    if (!isDamaged && !isVarveError(error, 'VERSION_UNKNOWN')) throw error
    const version = factsOf(c).query.momentVersion ?? of.stats.newestVersion
    const content = html`${findForm(c, of.history.name)}
${isDamaged && slider(c, { ...of, version })}
<div id="moment">${problemPart(c, app, { id: 'place', error })}</div>`
    return { content, status: problemOf(error, factsOf(c)).status }
  }
}

/** The version that the query names, or the one beside it where that is gone. */
async function findMoment(
  c: WebContext,
  { history, stats }: { readonly history: History; readonly stats: HistoryStats },
): Promise<Moment> {
  const { momentVersion: asked, momentFrom, momentTime: time, withLabel: label, path = '' } = factsOf(c).query
  const info = await findNear(
    history,
    present({ time, label, ...(time === undefined && label === undefined && { version: asked }) }),
  )
  const base =
    momentFrom === undefined
      ? await versionBefore(history, info.version)
      : await findNear(history, { version: momentFrom })
  return { history, stats, info, asked: asked ?? info.version, base, isBaseChosen: momentFrom !== undefined, path }
}

async function findNear(history: History, selector: VersionSelector): Promise<VersionInfo> {
  try {
    return await history.find(selector)
  } catch (error) {
    const { version } = selector
    const isAway = isVarveError(error, 'VERSION_GONE') || isVarveError(error, 'VERSION_OUT_OF_RANGE')
    if (!isAway || version === undefined) throw error
    const near = (await versionBefore(history, version)) ?? (await history.list({ from: version, limit: 1 })).items[0]
    if (near === undefined) throw error
    return near
  }
}

async function versionBefore(history: History, version: number): Promise<VersionInfo | undefined> {
  if (version <= 1) return undefined
  const { items } = await history.list({ to: version, direction: 'backward', limit: 1 })
  return items[0]
}

/** The picture of the versions around a moment, and the moment. */
async function drawn(c: WebContext, app: Shared, moment: Moment): Promise<Html> {
  const { history, info, base, isBaseChosen, path } = moment
  const [before, after] = await Promise.all([
    history.list({ to: info.version, direction: 'backward', limit: PLOT_VERSIONS - 1 }),
    history.list({ from: info.version, limit: PLOT_VERSIONS }),
  ])
  // As many on either side, or more on one where the other has fewer.
  const half = PLOT_VERSIONS / 2
  const newer = after.items.slice(0, Math.max(half, PLOT_VERSIONS - before.items.length))
  const older = before.items.slice(0, PLOT_VERSIONS - newer.length).reverse()
  const from = isBaseChosen ? String(base?.version ?? '') : undefined
  const addressOf = (version: number) =>
    address(historyAddress(c, history.name), { version: String(version), from, path })
  return html`${plotOf([...older, ...newer], { selected: info.version, base: base?.version, addressOf })}
${await momentOf(c, app, { ...moment, addressOf })}`
}

function slider(
  c: WebContext,
  { history, stats, version }: { readonly history: History; readonly stats: HistoryStats; readonly version: number },
): Html {
  const page = historyAddress(c, history.name)
  const { oldestVersion, newestVersion } = stats
  const { momentFrom, path } = factsOf(c).query
  return html`<form class="panel timeline" id="timeline" method="get" action="${page}" hx-get="${page}/moment"
hx-trigger="input delay:120ms, submit" hx-target="#moment" hx-sync="this:replace">
<label class="slide"><span>Version <output id="slide-version" for="slide">${formatCount(version)}</output></span>
<input type="range" id="slide" name="version" min="${oldestVersion}" max="${newestVersion}" step="1"
value="${version}" autocomplete="off" data-shows="slide-version"></label>
<div class="ends faint" aria-hidden="true"><span>${formatCount(oldestVersion)}</span>
<span>${formatCount(newestVersion)}</span></div>
<div class="fields">
<label>Compare with version (empty: the one before)
<input type="number" name="from" min="1" max="${newestVersion}" value="${momentFrom ?? ''}"
inputmode="numeric" autocomplete="off"></label>
<label hx-ignore>Value at path (empty: the whole)
<input name="path" value="${path ?? ''}" maxlength="6000" placeholder="shapes[4].x" spellcheck="false"
autocomplete="off" autocapitalize="off"></label>
<button class="quiet">Show</button>
</div>
</form>`
}

function findForm(c: WebContext, name: string): Html {
  const { momentTime, withLabel } = factsOf(c).query
  return html`<form class="filter" method="get" action="${historyAddress(c, name)}" hx-ignore role="search"
aria-label="Find a version">
<label>The version at this time, UTC
<input name="time" value="${momentTime !== undefined && formatTime(momentTime)}" placeholder="2026-01-31 12:00"
autocomplete="off"></label>
<label>The newest with this label
<input name="label" value="${withLabel ?? ''}" maxlength="256" spellcheck="false" autocomplete="off"></label>
<button class="quiet">Find</button>
</form>`
}

function facts(stats: HistoryStats, app: Shared): Html {
  const { count, storedBytes, rawBytes, ratio, groups, pinned, newestAt } = stats
  return html`<dl class="facts" id="history-facts">
<div><dt>Versions</dt><dd id="version-count">${formatCount(count)}</dd></div>
<div><dt>Stored</dt><dd>${formatBytes(storedBytes)}</dd></div>
<div><dt>Copies would take</dt><dd>${formatBytes(rawBytes)}</dd></div>
<div><dt>Smaller by</dt><dd>${formatRatio(ratio)}</dd></div>
<div><dt>Groups</dt><dd>${formatCount(groups)}</dd></div>
<div><dt>Pinned</dt><dd>${formatCount(pinned.length)}</dd></div>
<div><dt>Newest</dt><dd>${
    newestAt === undefined
      ? 'none yet'
      : html`<time datetime="${isoTime(newestAt)}">${formatAge(app.clock.now() - newestAt)}</time>`
  }</dd></div>
</dl>`
}

/** The versions newest first, a page at a time. */
async function versionList(c: WebContext, history: History): Promise<Html> {
  const { cursor } = factsOf(c).query
  const page = await history.list({ direction: 'backward', limit: LIST_VERSIONS, ...present({ cursor }) })
  const here = historyAddress(c, history.name)
  const next = page.nextCursor && address(here, { cursor: page.nextCursor })
  return html`<h2 id="versions-title">${cursor === undefined ? 'Versions' : 'Older versions'}</h2>
<div class="scroll" hx-ignore>
<table id="versions" aria-labelledby="versions-title">
<thead><tr><th scope="col">Version</th><th scope="col">Time</th><th scope="col">Label</th>
<th scope="col" class="size">Kept as</th><th scope="col" class="number">Stored</th>
<th scope="col" class="number size">Copy</th></tr></thead>
<tbody>${page.items.map((info) => versionRow(info, here))}</tbody>
</table>
</div>
${cursor !== undefined && html`<p><a class="button" rel="prev" href="${here}">Newest versions</a></p>`}
${next && html`<p><a class="button" rel="next" id="older" href="${next}">Older versions</a></p>`}`
}

function versionRow(
  { version, at, label, isDelta, tier, pinned, sizeBytes, rawBytes, kind }: VersionInfo,
  here: string,
): Html {
  const kept = [kind === 'value' ? (isDelta ? 'change' : 'whole copy') : kind, tier, pinned && 'pinned']
  return html`<tr><th scope="row"><a href="${address(here, { version: String(version) })}">${version}</a></th>
<td><time datetime="${isoTime(at)}">${formatTime(at)}</time></td><td>${label ?? ''}</td>
<td class="size">${kept.filter(Boolean).join(', ')}</td><td class="number">${formatBytes(sizeBytes)}</td>
<td class="number size">${formatBytes(rawBytes)}</td></tr>`
}

function noVersions(c: WebContext, name: string): Html {
  const url = new URL(c.req.url)
  const path = `${url.origin}${factsOf(c).base}/api/histories/${encodeURIComponent(name)}/versions`
  return html`<div class="panel empty" hx-ignore>
<p><strong>No versions yet.</strong> Store a first one:</p>
<pre tabindex="0"><code>curl '${path}' -d @value.json \\
  -H "authorization: Bearer $VARVE_TOKEN" -H 'content-type: application/json'</code></pre>
</div>`
}
