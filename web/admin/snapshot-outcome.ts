/** What became of work on snapshots, in words.
 * @module */
import { html } from 'hono/html'
import type { DrillReport, RestoreReport, SnapshotCleanupReport, SnapshotInfo } from '../../src/index.ts'
import type { WebContext } from '../context.ts'
import type { Html } from './layout.ts'
import { problemList } from './problem.ts'
import { snapshotAddress } from './snapshot-words.ts'
import { counted, formatBytes, formatCount } from './words.ts'

/** Topics that are named. */
const NAMED_TOPICS = 20

/** The end of a job on snapshots. */
export function snapshotOutcome(
  report: SnapshotInfo | DrillReport | RestoreReport | SnapshotCleanupReport,
  { c, isTrial }: { c: WebContext; isTrial: boolean },
): Html {
  if ('headHash' in report) return created(report, c)
  if ('policy' in report) return cleaned(report)
  return 'storeId' in report ? restored(report) : checked(report, isTrial)
}

function created({ id, events, totalSizeBytes }: SnapshotInfo, c: WebContext): Html {
  return html`<p><strong>Taken.</strong> <a href="${snapshotAddress(c, id)}">${id}</a> holds
${counted(events, 'event')}, ${formatBytes(totalSizeBytes)}.</p>`
}

function cleaned({ removed, kept, freedBytes }: SnapshotCleanupReport): Html {
  return html`<p><strong>Cleaned up.</strong> ${counted(removed.length, 'snapshot')} went, ${formatCount(kept.length)}
stay, ${formatBytes(freedBytes)} freed.</p>`
}

function checked(report: DrillReport, isTrial: boolean): Html {
  const { ok, events, bytesChecked, filesChecked, durationMs, restoreMs, problems } = report
  const verdict = isTrial ? `It can${ok ? '' : 'not'} be restored` : ok ? 'No damage found' : 'Damage found'
  const words = restoreMs === undefined ? '' : `Restored in ${milliseconds(restoreMs)}. `
  return html`<p><strong>${verdict}.</strong> ${words}${counted(events, 'event')} in
${counted(filesChecked, 'file')}, ${formatBytes(bytesChecked)} checked in ${milliseconds(durationMs)}.</p>
${problems.length > 0 && problemList(problems)}`
}

function restored({ topics, documents, histories, projections, leftOut, ...report }: RestoreReport): Html {
  const events = topics.reduce((sum, topic) => sum + topic.events, 0)
  const parts = counts({ documents, histories, projections })
  const missing = counts(leftOut)
  const names = topics.slice(0, NAMED_TOPICS).map(({ topic }) => topic)
  const more = topics.length > NAMED_TOPICS ? ` and ${formatCount(topics.length - NAMED_TOPICS)} more` : ''
  return html`<p><strong>Restored.</strong> ${counted(events, 'event')} in ${counted(topics.length, 'topic')}${
    topics.length > 0 && html` (${names.join(', ')}${more})`
  }${parts.length > 0 && `, ${parts.join(', ')}`}. ${formatBytes(report.bytesVerified)} verified,
${counted(report.filesLinked, 'file')} shared, ${counted(report.filesCopied, 'file')} copied
(${formatBytes(report.bytesCopied)}), in ${milliseconds(report.durationMs)}.</p>
${missing.length > 0 && html`<p>Left out, because their newest state is later: ${missing.join(', ')}.</p>`}`
}

function counts({ documents, histories, projections }: RestoreReport['leftOut']): string[] {
  return [
    documents > 0 && counted(documents, 'document'),
    histories > 0 && counted(histories, 'history', 'histories'),
    projections > 0 && counted(projections, 'projection'),
  ].filter((words) => words !== false)
}

function milliseconds(ms: number): string {
  return `${formatCount(Math.round(ms))} ms`
}
