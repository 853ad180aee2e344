/** Logging in with a single-use code, and out.
 *
 * The printed link carries the code in its fragment, which browsers keep to themselves; the page's script moves it into
 * the form and sends it. Reading the page, as link previews do, uses nothing up.
 * @module */
import { html } from 'hono/html'
import { VarveError } from '../../src/index.ts'
import { bodyText } from '../api/answers.ts'
import { factsOf, type Login, type Shared, type WebContext } from '../context.ts'
import { answer, type Html, layout } from './layout.ts'

/** GET /login */
export function loginPage(c: WebContext, app: Shared): Response {
  loginOf(app)
  return answer(layout({ title: 'Log in · varve', content: form(c) }, { c, app }))
}

/** POST /login with `code` */
export async function postLogin(c: WebContext, app: Shared): Promise<Response> {
  const code = new URLSearchParams(await bodyText(c, app)).get('code')?.trim() ?? ''
  if (await loginOf(app).logIn(c, code)) return c.redirect(factsOf(c).base || '/', 303)
  const refused = 'This code is wrong, used or older than ten minutes. Ask the server for a new one.'
  return answer(layout({ title: 'Log in · varve', content: form(c, refused) }, { c, app }), 401)
}

/** POST /logout */
export async function postLogout(c: WebContext, app: Shared): Promise<Response> {
  await loginOf(app).logOut(c)
  return c.redirect(`${factsOf(c).base}/login`, 303)
}

function loginOf(app: Shared): Login {
  if (app.options.login === undefined) throw new VarveError('ROUTE_UNKNOWN', 'Cannot log in here: no login is set up')
  return app.options.login
}

function form(c: WebContext, refused?: string): Html {
  return html`<section class="panel login">
<h1>Log in</h1>
<p>Open the link that the server printed when it started, or enter the code at its end.</p>
${refused !== undefined && html`<p role="alert" class="alert">${refused}</p>`}
<form method="post" action="${factsOf(c).base}/login" id="login">
<label>Code <input name="code" required autocomplete="one-time-code" spellcheck="false" autofocus></label>
<button>Log in</button>
</form>
</section>`
}
