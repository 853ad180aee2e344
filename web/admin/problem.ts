/** Errors as pages, and as fragments where htmx asked.
 * @module */
import { html } from 'hono/html'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import type { Problem } from '../problems.ts'
import { type Html, layout, markup } from './layout.ts'

/** The HTML that tells a problem to a person. */
export function problemPage(problem: Problem, { c, app }: { c: WebContext; app: Shared }): string {
  const heading = problem.status === 401 ? 'Log in to see this page' : problem.title
  const told = html`<section class="panel problem" role="alert">
<h1>${heading}</h1>
${problem.detail !== undefined && html`<p hx-ignore>${problem.detail}</p>`}
${problem.hint !== undefined && html`<p>${problem.hint}</p>`}
${
  problem.status === 401 &&
  app.options.login !== undefined &&
  html`<p><a class="button" href="${factsOf(c).base}/login">Log in</a></p>`
}
<p class="faint">Request <code>${problem.requestId}</code></p>
</section>`
  if (c.req.header('hx-request') !== undefined) return markup(told)
  return markup(layout({ title: `${heading} · varve`, content: told }, { c, app }))
}

/** What a check found. */
export function problemList(problems: readonly { code: string; file: string; message: string }[]): Html {
  return html`<ul>${problems.map(
    ({ code, file, message }) => html`<li><code>${code}</code> ${message} <code>${file}</code></li>`,
  )}</ul>`
}
