/** Forking a topic: the form, and what becomes of it.
 * @module */
import { html } from 'hono/html'
import type { Topic } from '../../src/index.ts'
import { isOwn } from '../api/answers.ts'
import { present, refuse } from '../api/fields.ts'
import { forkTopic } from '../api/topic-fork.ts'
import { allows, factsOf, type Shared, type WebContext } from '../context.ts'
import { formFields, leadTo } from './form.ts'
import type { Html } from './layout.ts'
import { topicAddress } from './rows.ts'
import { readUntil, UNTIL_FIELDS, untilFields } from './until.ts'

/** POST /topics/:topic/fork */
export async function postFork(c: WebContext, app: Shared): Promise<Response> {
  const { as, ...fields } = await formFields(c, app, ['as', ...UNTIL_FIELDS])
  if (as === undefined) throw refuse('as', 'Cannot fork a topic: the new one needs a name')
  await forkTopic(c, app, { as, ...present({ until: readUntil(fields) }) })
  return leadTo(c, `${factsOf(c).base}/topics/${encodeURIComponent(as)}`)
}

/** Tell whether one offset says where a fork ends, and this reader may make one. */
export function mayFork(c: WebContext, app: Shared, { name, partitions }: Topic): boolean {
  return partitions === 1 && allows(factsOf(c).role, 'admin') && !isOwn(name) && !app.store.readOnly
}

/** The form for a topic that begins with the events of this one. */
export function forkForm(c: WebContext, partitions: number): Html {
  const path = `${topicAddress(c)}/fork`
  return html`<section class="panel" aria-labelledby="fork-title">
<h2 id="fork-title">Fork</h2>
<p>Make a new topic that begins with the events of this one. They are shared, not copied, and both go on.</p>
<form method="post" action="${path}" hx-post="${path}" hx-target="#fork-outcome" class="fields" id="fork">
<label>Name of the new topic
<input name="as" required maxlength="128" spellcheck="false" autocomplete="off"></label>
${untilFields(partitions, factsOf(c).query.forkBefore)}
<button>Fork</button>
</form>
<div id="fork-outcome" aria-live="polite"></div>
</section>`
}
