/** Creating a topic: the form, and what becomes of it.
 * @module */
import { html } from 'hono/html'
import { present, refuse, wordField } from '../api/fields.ts'
import { createTopic } from '../api/topics.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { formFields, leadTo, readWhole, select } from './form.ts'
import type { Html } from './layout.ts'

/** POST /topics */
export async function postCreate(c: WebContext, app: Shared): Promise<Response> {
  const { topic: name, ...fields } = await formFields(c, app, ['topic', 'partitions', 'chain', 'compression'])
  if (name === undefined) throw refuse('topic', 'Cannot create a topic: it needs a name')
  const options = present({
    partitions: readWhole(fields.partitions, 'partitions'),
    chain: wordField(fields.chain, 'chain', ['batches', 'events']),
    compression: wordField(fields.compression, 'compression', ['none', 'deflate']),
  })
  const { created } = await createTopic(c, app, { name, options })
  if (!created) throw refuse('topic', `Cannot create topic "${name}": it exists`)
  return leadTo(c, `${factsOf(c).base}/topics/${encodeURIComponent(name)}`)
}

/** The form for a new topic. */
export function createForm(c: WebContext): Html {
  const path = `${factsOf(c).base}/topics`
  return html`<section class="panel" aria-labelledby="create-title">
<h2 id="create-title">New topic</h2>
<form method="post" action="${path}" hx-post="${path}" hx-target="#create-outcome" class="fields" id="create">
<label>Name <input name="topic" required maxlength="128" spellcheck="false" autocomplete="off"></label>
<label>Partitions, fixed <input name="partitions" value="1" inputmode="numeric"></label>
<label>Hash chain over, fixed ${select('chain', [
    ['batches', 'batches'],
    ['events', 'events: each can be proved alone'],
  ])}</label>
<label>Compression ${select('compression', [
    ['none', 'none'],
    ['deflate', 'deflate'],
  ])}</label>
<button>Create</button>
</form>
<div id="create-outcome" aria-live="polite"></div>
</section>`
}
