/** The schedule of snapshots: when the next one is made, what became of the last ones, and the form that changes it.
 * @module */
import { html } from 'hono/html'
import type { SnapshotRun, SnapshotScheduleStatus } from '../../src/index.ts'
import { present, refuse } from '../api/fields.ts'
import { changeSchedule, tellSchedule } from '../api/snapshot-policy.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { formFields, leadTo, readTime, readWhole, timeText } from './form.ts'
import { answer, type Html } from './layout.ts'
import { snapshotAddress, targetWords } from './snapshot-words.ts'
import { counted, formatAge, formatAhead, formatTime, isoTime } from './words.ts'

/** GET /partials/schedule */
export function schedulePartial(c: WebContext, app: Shared): Response {
  return answer(scheduleFacts(c, app))
}

/** POST /snapshots/schedule: with `stop`, none from now on. */
export async function postSchedule(c: WebContext, app: Shared): Promise<Response> {
  const fields = await formFields(c, app, ['everyMs', 'jitterMs', 'topic', 'partition', 'label', 'stop'])
  await changeSchedule(c, app, fields.stop === undefined ? readOptions(fields) : undefined)
  return leadTo(c, `${factsOf(c).base}/snapshots/settings`)
}

function readOptions({ everyMs: every, jitterMs, topic, partition, label }: Readonly<Record<string, string>>) {
  const everyMs = readTime(every, 'everyMs')
  if (everyMs === undefined) throw refuse('everyMs', 'Cannot set a schedule: it needs the time between two snapshots')
  return {
    everyMs,
    ...present({
      jitterMs: readTime(jitterMs, 'jitterMs'),
      topic,
      partition: readWhole(partition, 'partition'),
      label,
    }),
  }
}

/** The schedule as it is, kept up to date, and for admins the form. */
export function schedulePanel(c: WebContext, app: Shared): Html {
  const may = allows(factsOf(c).role, 'admin') && !app.store.readOnly
  return html`<section class="panel" aria-labelledby="schedule-title">
<h2 id="schedule-title">Schedule</h2>
<div id="schedule" hx-get="${factsOf(c).base}/partials/schedule" hx-trigger="every 5s" hx-swap="innerMorph">
${scheduleFacts(c, app)}
</div>
${may && scheduleForm(c, app.store.snapshots.scheduled)}
<p class="faint">It lasts until this server stops; after each snapshot, what the policy does not keep goes.</p>
</section>`
}

function scheduleFacts(c: WebContext, app: Shared): Html {
  const { scheduled: status } = tellSchedule(c, app)
  if (status === undefined) return html`<p id="no-schedule">Nothing is scheduled.</p>`
  const { everyMs, jitterMs, isRunning, nextRunAt, runs, failures } = status
  const now = app.clock.now()
  return html`<div class="state ${failures === 0 ? 'open' : ''}"><span class="dot" aria-hidden="true"></span>
<strong id="schedule-state">${failures === 0 ? 'As planned' : `${counted(failures, 'failure')} since the last success`}
</strong></div>
<dl class="facts">
<div><dt>Next</dt><dd id="next-run">${
    isRunning
      ? 'running now'
      : html`<time datetime="${isoTime(nextRunAt)}" title="${formatTime(nextRunAt)}">${formatAhead(nextRunAt - now)}</time>`
  }</dd></div>
<div><dt>Every</dt><dd>${timeText(everyMs)}</dd></div>
<div><dt>At random up to</dt><dd>${timeText(jitterMs) || '0 ms'} later</dd></div>
<div><dt>Of</dt><dd hx-ignore>${targetWords(status)}</dd></div>
</dl>
${runs.length > 0 && runsTable(c, { runs, now })}`
}

function runsTable(c: WebContext, { runs, now }: { runs: readonly SnapshotRun[]; now: number }): Html {
  return html`<div class="scroll" hx-ignore><table id="runs">
<thead><tr><th scope="col">Run</th><th scope="col">Snapshot</th><th scope="col" class="number size">Gave up</th></tr>
</thead>
<tbody>${runs.map(
    (run) => html`<tr>
<td><time datetime="${isoTime(run.at)}">${formatAge(now - run.at)}</time></td>
<td>${runOutcome(c, run)}</td>
<td class="number size">${(run.removed?.length ?? 0) > 0 && counted(run.removed?.length ?? 0, 'snapshot')}</td></tr>`,
  )}</tbody></table></div>`
}

function runOutcome(c: WebContext, { snapshot, error }: SnapshotRun): Html {
  if (snapshot !== undefined) return html`<a href="${snapshotAddress(c, snapshot)}">${snapshot}</a>`
  if (error === undefined) return html`none`
  return html`<span class="alert"><code>${error.code}</code> ${error.message}</span>`
}

function scheduleForm(c: WebContext, status: SnapshotScheduleStatus | undefined): Html {
  const path = `${factsOf(c).base}/snapshots/schedule`
  return html`<form method="post" action="${path}" hx-post="${path}" hx-target="#schedule-outcome" class="fields"
id="schedule-change">
<label>Every <input name="everyMs" value="${timeText(status?.everyMs)}" placeholder="6 h" required></label>
<label>At random up to so much later (empty: a tenth)
<input name="jitterMs" value="${timeText(status?.jitterMs)}" placeholder="10 min"></label>
<label hx-ignore>Topic (empty: the whole store)
<input name="topic" value="${status?.topic ?? ''}" maxlength="128" spellcheck="false" autocomplete="off"></label>
<label>Partition (empty: all)
<input name="partition" value="${status?.partition ?? ''}" inputmode="numeric"></label>
<label>Label (empty: none) <input name="label" maxlength="256" autocomplete="off"></label>
<button>${status === undefined ? 'Set the schedule' : 'Change the schedule'}</button>
</form>
${
  status !== undefined &&
  html`<form method="post" action="${path}" hx-post="${path}" hx-target="#schedule-outcome" class="actions">
<input type="hidden" name="stop" value="1"><button class="quiet" id="schedule-stop">Stop the schedule</button></form>`
}
<div id="schedule-outcome" aria-live="polite"></div>`
}
