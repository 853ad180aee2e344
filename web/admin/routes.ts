/** The routes of the admin page.
 * @module */
import type { Route, Scope } from '../context.ts'
import type { ParameterKey } from '../parameters.ts'
import { postCreate } from './create.ts'
import { childrenPartial, postDeleteDocument, valuePage } from './document.ts'
import { documentsPage } from './documents.ts'
import { eventPage, walkPage } from './event.ts'
import { LIVE_FILTERS, PAGE_FILTERS } from './filter.ts'
import { postFork } from './fork.ts'
import { historiesPage, postCreateHistory } from './histories.ts'
import { momentPartial, timelinePage } from './history.ts'
import { postPinForm } from './history-moment.ts'
import {
  historySettingsPage,
  postCleanupForm,
  postDeleteHistory,
  postHistorySettings,
  verifyHistoryPartial,
} from './history-settings.ts'
import { valuesPage } from './history-values.ts'
import { cancelPartial, checkpointPartial, jobPartial, verifyPartial } from './job.ts'
import { loginPage, postLogin, postLogout } from './login.ts'
import { overviewPage, storePartial, topicsPartial } from './overview.ts'
import { postDeleteProjection, projectionPage, projectionPartial, startPartial } from './projection.ts'
import { projectionsPage, projectionsPartial } from './projections.ts'
import { postDelete, postPruneForm, postSettings, settingsPage } from './settings.ts'
import { checkPartial, postDeleteSnapshot, postSnapshotPin, snapshotPage } from './snapshot.ts'
import { postRestoreForm } from './snapshot-restore.ts'
import { postSchedule, schedulePartial } from './snapshot-schedule.ts'
import { postSnapshotCleanup, snapshotSettingsPage } from './snapshot-settings.ts'
import { postSnapshotForm, snapshotsPage, snapshotsPartial, usagePage } from './snapshots.ts'
import { liveRows, topicPage, topicPartial } from './topic.ts'

const FORM = 'application/x-www-form-urlencoded'
const MOMENT = ['momentVersion', 'momentFrom', 'path'] as const
type Row = Pick<Route, 'summary' | 'handle'> & { readonly scope?: Scope; readonly query?: readonly ParameterKey[] }

const get = (path: string, { scope = 'read', ...rest }: Row): Route => ({
  method: 'GET',
  path,
  scope,
  answers: 'html',
  success: { status: 200, types: ['text/html'] },
  ...rest,
})

const post = (path: string, { scope = 'admin', ...rest }: Row): Route => ({
  method: 'POST',
  path,
  scope,
  answers: 'html',
  body: [FORM],
  success: { status: 200, types: ['text/html'] },
  ...rest,
})

export const PAGE_ROUTES: readonly Route[] = [
  get('/', { summary: 'Show the store and its topics', handle: overviewPage }),
  get('/topics/:topic', { summary: 'Show the events of a topic', query: PAGE_FILTERS, handle: topicPage }),
  {
    ...get('/topics/:topic/live', { summary: 'Follow a topic as rows', query: LIVE_FILTERS, handle: liveRows }),
    success: { status: 200, types: ['text/event-stream'] },
    stream: true,
  },
  get('/topics/:topic/events/:offset', { summary: 'Show an event', query: ['partition'], handle: eventPage }),
  get('/topics/:topic/causes', {
    summary: 'Show what led to an event',
    query: ['eventId'],
    handle: walkPage('causes'),
  }),
  get('/topics/:topic/effects', { summary: 'Show what it led to', query: ['eventId'], handle: walkPage('effects') }),
  get('/topics/:topic/settings', {
    summary: 'Show the settings of a topic',
    query: ['forkBefore'],
    handle: settingsPage,
  }),
  post('/topics/:topic/settings', { summary: 'Change the settings of a topic', handle: postSettings }),
  post('/topics/:topic/prune', { summary: 'Give up the oldest events', handle: postPruneForm }),
  post('/topics/:topic/fork', { summary: 'Make a topic that begins with its events', handle: postFork }),
  post('/topics/:topic/delete', { summary: 'Delete a topic', handle: postDelete }),
  post('/topics', { summary: 'Create a topic', handle: postCreate }),
  get('/documents', { summary: 'Show the documents', query: ['cursor'], handle: documentsPage }),
  get('/documents/:name', { summary: 'Show a value of a document', query: ['path', 'cursor'], handle: valuePage }),
  get('/documents/:name/children', {
    summary: 'Show what lies below a value',
    query: ['path', 'cursor', 'documentVersion'],
    handle: childrenPartial,
  }),
  post('/documents/:name/delete', { summary: 'Delete a document', handle: postDeleteDocument }),
  get('/histories', { summary: 'Show the histories', query: ['cursor'], handle: historiesPage }),
  post('/histories', { summary: 'Create a history', handle: postCreateHistory }),
  get('/histories/:name', {
    summary: 'Show the versions of a history and one of them',
    query: [...MOMENT, 'momentTime', 'withLabel', 'cursor'],
    handle: timelinePage,
  }),
  get('/histories/:name/moment', { summary: 'Show a version', query: MOMENT, handle: momentPartial }),
  get('/histories/:name/values', {
    summary: 'Show the value at a path over time',
    query: ['path', 'fromVersion'],
    handle: valuesPage,
  }),
  post('/histories/:name/pin', { summary: 'Pin a version, or take its pin away', handle: postPinForm }),
  get('/histories/:name/settings', { summary: 'Show the settings of a history', handle: historySettingsPage }),
  post('/histories/:name/settings', { summary: 'Change the settings of a history', handle: postHistorySettings }),
  post('/histories/:name/cleanup', { summary: 'Thin a history out', handle: postCleanupForm }),
  post('/histories/:name/verify', { summary: 'Check every version of a history', handle: verifyHistoryPartial }),
  post('/histories/:name/delete', { summary: 'Delete a history', handle: postDeleteHistory }),
  get('/projections', { summary: 'Show the projections', query: ['cursor'], handle: projectionsPage }),
  get('/projections/:name', {
    summary: 'Show a projection and its state',
    query: ['stateOffset', 'stateMoment'],
    handle: projectionPage,
  }),
  post('/projections/:name/run', { summary: 'Fold what is there', handle: startPartial('run') }),
  post('/projections/:name/rebuild', { summary: 'Fold all events anew', handle: startPartial('rebuild') }),
  post('/projections/:name/delete', { summary: 'Delete a projection', handle: postDeleteProjection }),
  get('/partials/projections', {
    summary: 'Show the table of projections',
    query: ['cursor'],
    handle: projectionsPartial,
  }),
  get('/partials/projections/:name', { summary: 'Show how far a projection is', handle: projectionPartial }),
  get('/snapshots', { summary: 'Show the snapshots', query: ['cursor'], handle: snapshotsPage }),
  post('/snapshots', { summary: 'Take a snapshot', handle: postSnapshotForm }),
  // Before the page of one snapshot, whose path would fit these.
  get('/snapshots/usage', { summary: 'Show what each snapshot shares', handle: usagePage }),
  get('/snapshots/settings', { summary: 'Show when snapshots are made and go', handle: snapshotSettingsPage }),
  post('/snapshots/cleanup', { summary: 'Give up snapshots that are not kept', handle: postSnapshotCleanup }),
  post('/snapshots/schedule', { summary: 'Change the schedule of snapshots', handle: postSchedule }),
  get('/snapshots/:id', { summary: 'Show a snapshot', handle: snapshotPage }),
  post('/snapshots/:id/pin', { summary: 'Pin a snapshot, or take its pin away', handle: postSnapshotPin }),
  post('/snapshots/:id/verify', { summary: 'Check every byte of a snapshot', handle: checkPartial('verify') }),
  post('/snapshots/:id/drill', { summary: 'Try to restore a snapshot', handle: checkPartial('drill') }),
  post('/snapshots/:id/restore', { summary: 'Restore a snapshot', handle: postRestoreForm }),
  post('/snapshots/:id/delete', { summary: 'Delete a snapshot', handle: postDeleteSnapshot }),
  get('/partials/snapshots', { summary: 'Show the table of snapshots', query: ['cursor'], handle: snapshotsPartial }),
  get('/partials/schedule', { summary: 'Show the schedule of snapshots', handle: schedulePartial }),
  get('/partials/store', { summary: 'Show the state of the store', handle: storePartial }),
  get('/partials/topics/:topic', { summary: 'Show the sizes of a topic', handle: topicPartial }),
  get('/partials/topics', { summary: 'Show the table of topics', handle: topicsPartial }),
  get('/partials/jobs/:id', { summary: 'Show a job', scope: 'admin', handle: jobPartial }),
  post('/partials/jobs/:id/cancel', { summary: 'Cancel a job', handle: cancelPartial }),
  post('/partials/verify', { summary: 'Check every byte of the store', handle: verifyPartial }),
  post('/partials/checkpoint', { summary: 'Write checkpoints', handle: checkpointPartial }),
  get('/login', { summary: 'Ask for a login code', scope: 'open', handle: loginPage }),
  post('/login', { summary: 'Exchange a code for a session', scope: 'open', handle: postLogin }),
  post('/logout', { summary: 'End the session', scope: 'open', handle: postLogout }),
]
