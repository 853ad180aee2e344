/** Writes web/assets/bundle.ts: the page's files as text, so that they reach the app on every runtime.
 * Run it after changing a file in web/assets or the version of htmx: node test/web/support/generate-assets.mjs
 * @module */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

const root = new URL('../../../', import.meta.url)
/** SHA-256 of htmx 4.0.1 as it was reviewed. */
const HTMX_SHA256 = 'a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130'

const FILES = [
  { name: 'admin.css', path: 'web/assets/admin.css', type: 'text/css; charset=utf-8' },
  { name: 'admin.js', path: 'web/assets/admin.js', type: 'text/javascript; charset=utf-8' },
  { name: 'htmx.min.js', path: 'node_modules/htmx.org/dist/htmx.min.js', type: 'text/javascript; charset=utf-8' },
  { name: 'icon.svg', path: 'web/assets/icon.svg', type: 'image/svg+xml' },
]

export function bundleText() {
  const rows = FILES.map(({ name, path, type }) => {
    const text = readFileSync(new URL(path, root), 'utf8')
    const sha256 = createHash('sha256').update(text).digest('hex')
    if (name === 'htmx.min.js' && sha256 !== HTMX_SHA256) throw new Error(`${path} is not the htmx that was reviewed`)
    return `  ${quote(name)}: {
    sha256: '${sha256}',
    type: ${quote(type)},
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the text of another program.
    // biome-ignore format: one file per line.
    text: ${JSON.stringify(text)},
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the text of another program.
  },
`
  })
  return `/** The files of the page as text. Made by test/web/support/generate-assets.mjs; do not edit.
 * @module */

export const ASSETS = {
${rows.join('')}} as const
`
}

function quote(text) {
  return `'${text}'`
}

if (process.argv[1] === new URL(import.meta.url).pathname)
  writeFileSync(new URL('web/assets/bundle.ts', root), bundleText())
