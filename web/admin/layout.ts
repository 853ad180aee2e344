/** The frame of every page.
 * @module */
import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { assetPath } from '../assets/routes.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>

const HTMX_CONFIG = '{"history":false,"includeIndicatorCSS":false,"mode":"same-origin","defaultTimeout":20000}'

/** A whole page around `content`. Callers put text from the store below an element with `hx-ignore`. */
export function layout(
  { title, content }: { title: string; content: Html },
  { c, app }: { c: WebContext; app: Shared },
): Html {
  const { base, role } = factsOf(c)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content="${HTMX_CONFIG}">
<title>${title}</title>
<link rel="icon" type="image/svg+xml" href="${base}${assetPath('icon.svg')}">
<link rel="stylesheet" href="${base}${assetPath('admin.css')}">
<script src="${base}${assetPath('admin.js')}" defer></script>
<script src="${base}${assetPath('htmx.min.js')}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="${base || '/'}"><span class="mark" aria-hidden="true"></span>varve</a>
${
  role !== undefined &&
  html`<nav class="main" aria-label="Main"><a href="${base || '/'}">Topics</a>
<a href="${base}/documents">Documents</a> <a href="${base}/histories">Histories</a>
<a href="${base}/projections">Projections</a> <a href="${base}/snapshots">Snapshots</a></nav>
<div class="who"><span>${role}</span>${
    app.options.login !== undefined &&
    html`<form method="post" action="${base}/logout"><button class="quiet">Log out</button></form>`
  }</div>`
}
</header>
<main id="main">
${content}
</main>
</body>
</html>`
}

/** Answer with HTML. */
export function answer(content: Html, status = 200): Response {
  return new Response(markup(content), { status, headers: { 'content-type': 'text/html; charset=utf-8' } })
}

/** The text of a template. Templates here hold no promises, so they are ready at once. */
export function markup(content: Html): string {
  if (content instanceof Promise) throw new TypeError('A template holds a promise')
  return content.toString()
}
