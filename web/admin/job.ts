/** Work over the whole store as the page shows it: started, watched, cancelled.
 * @module */
import { html } from 'hono/html'
import type { VerifyReport } from '../../src/index.ts'
import type { Job, JobKind } from '../api/jobs.ts'
import { startCheckpoint, startVerify } from '../api/store.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { answer, type Html } from './layout.ts'
import { counted, formatBytes } from './words.ts'

const NAMES: Readonly<Record<JobKind, string>> = { verify: 'Verify', checkpoint: 'Checkpoint' }

/** POST /partials/verify */
export function verifyPartial(c: WebContext, app: Shared): Response {
  return answer(jobPanel(startVerify(app), c))
}

/** POST /partials/checkpoint */
export async function checkpointPartial(c: WebContext, app: Shared): Promise<Response> {
  return answer(jobPanel(await startCheckpoint(c, app), c))
}

/** GET /partials/jobs/:id */
export function jobPartial(c: WebContext, app: Shared): Response {
  return answer(jobPanel(app.jobs.get(c.req.param('id') ?? ''), c))
}

/** POST /partials/jobs/:id/cancel */
export function cancelPartial(c: WebContext, app: Shared): Response {
  return answer(jobPanel(app.jobs.cancel(c.req.param('id') ?? ''), c))
}

/** A job's state. While it runs, the panel asks for its successor twice a second. */
export function jobPanel(job: Job | undefined, c: WebContext): Html {
  if (job === undefined) return html``
  const { base } = factsOf(c)
  if (job.state === 'running') {
    const { doneBytes, totalBytes } = job.progress ?? { doneBytes: 0, totalBytes: 0 }
    const progress = totalBytes > 0 && html`: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
    return html`<div class="job running" data-state="running" hx-get="${base}/partials/jobs/${job.id}"
hx-trigger="load delay:500ms" hx-target="#job">
<p>${NAMES[job.kind]} is running${progress}</p>
<progress aria-label="${NAMES[job.kind]}" ${
      totalBytes > 0 && html`value="${doneBytes}" max="${totalBytes}"`
    }></progress>
<button class="quiet" hx-post="${base}/partials/jobs/${job.id}/cancel" hx-target="#job">Cancel</button>
</div>`
  }
  return html`<div class="job ${job.state}" data-state="${job.state}" hx-ignore>${outcome(job, c)}</div>`
}

function outcome(job: Job, c: WebContext): Html {
  const name = NAMES[job.kind]
  if (job.state === 'cancelled') return html`<p>${name} was cancelled.</p>`
  if (job.state === 'failed') {
    const { title, detail, hint } = problemOf(job.error, factsOf(c))
    return html`<p><strong>${name} failed: ${title}.</strong> ${detail}</p>
${hint !== undefined && html`<p>${hint}</p>`}`
  }
  if (job.report === undefined) return html`<p>${name} done.</p>`
  return verifyOutcome(job.report)
}

function verifyOutcome(report: VerifyReport): Html {
  const { ok, filesChecked, bytesChecked, eventsChecked, documentsChecked, problems } = report
  const found = ok ? 'No damage found' : 'Damage found'
  return html`<p><strong>${found}.</strong> ${counted(eventsChecked, 'event')} and
${counted(documentsChecked, 'document')} in ${counted(filesChecked, 'file')}, ${formatBytes(bytesChecked)} checked.</p>
${
  problems.length > 0 &&
  html`<ul>${problems.map(
    ({ code, file, message }) => html`<li><code>${code}</code> ${message} <code>${file}</code></li>`,
  )}</ul>`
}`
}
