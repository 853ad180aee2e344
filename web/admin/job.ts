/** Work over the whole store as the page shows it: started, watched, cancelled.
 * @module */
import { html } from 'hono/html'
import type { CleanupReport, HistoryReport, ProjectionStatus, SnapshotProgress, VerifyReport } from '../../src/index.ts'
import type { Job, JobKind, JobProgress } from '../api/jobs.ts'
import { startCheckpoint, startVerify } from '../api/store.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { answer, type Html } from './layout.ts'
import { problemList } from './problem.ts'
import { snapshotOutcome } from './snapshot-outcome.ts'
import { counted, formatBytes } from './words.ts'

const NAMES: Readonly<Record<JobKind, string>> = {
  verify: 'Verify',
  checkpoint: 'Checkpoint',
  'history-verify': 'Verify',
  'history-cleanup': 'Clean-up',
  'projection-run': 'Run',
  'projection-rebuild': 'Rebuild',
  'snapshot-create': 'Snapshot',
  'snapshot-verify': 'Verify',
  'snapshot-drill': 'Trial',
  'snapshot-restore': 'Restore',
  'snapshot-cleanup': 'Clean-up',
}

const STEPS: Readonly<Record<SnapshotProgress['step'], string>> = {
  prepare: 'getting ready',
  files: 'putting files in place',
  verify: 'comparing with the recorded hashes',
  publish: 'finishing',
}

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
  const job = app.jobs.get(c.req.param('id') ?? '')
  return tellChange(answer(jobPanel(job, c)), job)
}

/** POST /partials/jobs/:id/cancel */
export function cancelPartial(c: WebContext, app: Shared): Response {
  return answer(jobPanel(app.jobs.cancel(c.req.param('id') ?? ''), c))
}

/** The job of these kinds that was started last, about this. */
export function newestJob(app: Shared, kinds: readonly JobKind[], subject: string): Job | undefined {
  const jobs = kinds.map((kind) => app.jobs.latest(kind, subject)).filter((job) => job !== undefined)
  return jobs.sort((a, b) => b.startedAt - a.startedAt)[0]
}

/** Have the page show the snapshots anew, once there are others. */
export function tellChange(response: Response, { kind, state }: Job): Response {
  const changes = kind === 'snapshot-create' || kind === 'snapshot-cleanup'
  if (changes && state === 'done') response.headers.set('hx-trigger', '{"snapshots":{"target":"body"}}')
  return response
}

/** A job's state. While it runs, the panel asks for its successor twice a second. */
export function jobPanel(job: Job | undefined, c: WebContext): Html {
  if (job === undefined) return html``
  const { base } = factsOf(c)
  if (job.state === 'running') {
    const { done, total, words } = progressOf(job.progress)
    const progress = words !== '' && html`: ${words}`
    return html`<div class="job running" data-state="running" hx-get="${base}/partials/jobs/${job.id}"
hx-trigger="load delay:500ms" hx-target="this" hx-swap="outerHTML">
<p>${NAMES[job.kind]} is running${progress}</p>
<progress aria-label="${NAMES[job.kind]}" ${total > 0 && html`value="${done}" max="${total}"`}></progress>
<button class="quiet" hx-post="${base}/partials/jobs/${job.id}/cancel" hx-target="closest .job"
hx-swap="outerHTML">Cancel</button>
</div>`
  }
  return html`<div class="job ${job.state}" data-state="${job.state}" hx-ignore>${outcome(job, c)}</div>`
}

function progressOf(progress: JobProgress | undefined): { done: number; total: number; words: string } {
  if (progress === undefined) return { done: 0, total: 0, words: '' }
  if ('groups' in progress) {
    const { groups, totalGroups } = progress
    return { done: groups, total: totalGroups, words: `${groups} of ${counted(totalGroups, 'group')}` }
  }
  if ('events' in progress) {
    const { events, lag } = progress
    return { done: events, total: events + lag, words: `${counted(events, 'event')} folded, ${lag} to go` }
  }
  const { doneBytes, totalBytes } = progress
  const bytes = totalBytes > 0 ? `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}` : ''
  const step = 'step' in progress ? STEPS[progress.step] : ''
  return { done: doneBytes, total: totalBytes, words: [step, bytes].filter((part) => part !== '').join(', ') }
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
  if ('headHash' in job.report || 'snapshot' in job.report || 'policy' in job.report)
    return snapshotOutcome(job.report, { c, isTrial: job.kind === 'snapshot-drill' })
  if ('filesChecked' in job.report) return verifyOutcome(job.report)
  if ('damaged' in job.report) return historyOutcome(job.report)
  if ('kept' in job.report) return cleanupOutcome(job.report)
  return projectionOutcome(name, job.report)
}

function historyOutcome({ ok, versionsChecked, bytesChecked, damaged, problems }: HistoryReport): Html {
  return html`<p><strong>${ok ? 'No damage found' : 'Damage found'}.</strong> ${counted(versionsChecked, 'version')} in
${formatBytes(bytesChecked)} checked${damaged.length > 0 && html`, ${counted(damaged.length, 'version')} cannot be read`}.</p>
${problems.length > 0 && problemList(problems)}`
}

function cleanupOutcome({ kept, versions, freedBytes }: CleanupReport): Html {
  return html`<p><strong>Cleaned up.</strong> ${counted(versions - kept, 'version')} went, ${kept} stay,
${formatBytes(freedBytes)} freed.</p>`
}

function projectionOutcome(name: string, { lag, foldVersion }: ProjectionStatus): Html {
  return html`<p><strong>${name} done.</strong> Fold version ${foldVersion},
${lag === 0 ? 'caught up' : `${counted(lag, 'event')} behind`}.</p>`
}

function verifyOutcome(report: VerifyReport): Html {
  const { ok, filesChecked, bytesChecked, eventsChecked, documentsChecked, versionsChecked, problems } = report
  const found = ok ? 'No damage found' : 'Damage found'
  return html`<p><strong>${found}.</strong> ${counted(eventsChecked, 'event')}${
    versionsChecked > 0 ? html`, ${counted(versionsChecked, 'version')}` : ''
  } and
${counted(documentsChecked, 'document')} in ${counted(filesChecked, 'file')}, ${formatBytes(bytesChecked)} checked.</p>
${problems.length > 0 && problemList(problems)}`
}
