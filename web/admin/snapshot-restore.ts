/** Restoring a snapshot: as a new topic of this store, or as a store of its own in a directory that has a name.
 * @module */
import { html } from 'hono/html'
import type { SnapshotDetails } from '../../src/index.ts'
import { checkConfirmed, present } from '../api/fields.ts'
import { snapshotId, startRestore } from '../api/snapshots.ts'
import type { Shared, WebContext } from '../context.ts'
import { formFields, outcome } from './form.ts'
import { jobPanel, newestJob } from './job.ts'
import type { Html } from './layout.ts'
import { snapshotAddress } from './snapshot-words.ts'
import { readUntil, UNTIL_FIELDS, untilFields } from './until.ts'

/** Topics that the form suggests. */
const SUGGESTED_TOPICS = 100
const FIELDS = ['as', 'directory', 'topic', 'overwrite', 'confirm', ...UNTIL_FIELDS] as const

/** POST /snapshots/:id/restore */
export async function postRestoreForm(c: WebContext, app: Shared): Promise<Response> {
  const { confirm, overwrite, ...fields } = await formFields(c, app, FIELDS)
  checkConfirmed(confirm, { name: snapshotId(c), what: 'snapshot', action: 'restore' })
  const { as, directory, topic } = fields
  const until = readUntil(fields)
  const asked = present({ as, directory, topic, until, overwrite: overwrite === undefined ? undefined : true })
  return outcome(c, app, jobPanel(await startRestore(c, app, asked), c))
}

/** The forms, as far as this server can do it; none where it can do neither. */
export function restoreForm(c: WebContext, app: Shared, details: SnapshotDetails): Html {
  const hasPlace = app.options.restoreTo !== undefined
  const mayFork = !app.store.readOnly && details.topics > 0
  if (!hasPlace && !mayFork) return html``
  const topics = [...new Set(details.partitions.map(({ topic }) => topic))]
  const job = newestJob(app, ['snapshot-restore'], details.id)
  return html`<section class="panel" aria-labelledby="restore-title">
<h2 id="restore-title">Restore</h2>
<p>The snapshot is verified first. Nothing that exists is touched${hasPlace && ', unless a directory is to be replaced'}.</p>
${mayFork && html`<h3>As a new topic of this store</h3>${form(c, { details, topics, way: 'topic' })}`}
${hasPlace && html`<h3>As a store in a directory</h3>${form(c, { details, topics, way: 'directory' })}`}
<div id="restore-outcome" aria-live="polite">${job !== undefined && jobPanel(job, c)}</div>
</section>`
}

interface FormOf {
  readonly details: SnapshotDetails
  readonly topics: readonly string[]
  readonly way: 'topic' | 'directory'
}

function form(c: WebContext, { details, topics, way }: FormOf): Html {
  const path = `${snapshotAddress(c, details.id)}/restore`
  const [only] = topics.length === 1 ? topics : []
  const chosen = way === 'topic' ? only : undefined
  return html`<form method="post" action="${path}" hx-post="${path}" hx-target="#restore-outcome" class="fields"
id="restore-${way}">
${
  way === 'topic'
    ? html`<label>Name of the new topic
<input name="as" required maxlength="128" spellcheck="false" autocomplete="off"></label>`
    : html`<label>Name of the directory
<input name="directory" required maxlength="128" spellcheck="false" autocomplete="off"></label>`
}
${chosen === undefined && topicField({ topics, way })}
${untilFields(chosen === undefined ? 2 : details.partitions.length)}
<label>Name of the snapshot, to confirm
<input name="confirm" required autocomplete="off" spellcheck="false"></label>
${
  way === 'directory' &&
  html`<label class="check"><input type="checkbox" name="overwrite" value="yes"> Replace the store that is there</label>`
}
<button>${way === 'topic' ? 'Restore as a topic' : 'Restore to the directory'}</button>
</form>`
}

function topicField({ topics, way }: Pick<FormOf, 'topics' | 'way'>): Html {
  return html`<label>Topic of the snapshot${way === 'directory' && ' (empty: everything)'}
<input name="topic" list="topics-${way}" ${way === 'topic' && 'required'} maxlength="128" spellcheck="false"
autocomplete="off"></label>
<datalist id="topics-${way}" hx-ignore>${topics
    .slice(0, SUGGESTED_TOPICS)
    .map((topic) => html`<option value="${topic}"></option>`)}</datalist>`
}
