/** Forms: what they send, and how they are answered with htmx and without it.
 * @module */
import { html } from 'hono/html'
import { bodyText } from '../api/answers.ts'
import { refuse } from '../api/fields.ts'
import type { Shared, WebContext } from '../context.ts'
import { answer, type Html, layout } from './layout.ts'

export type FormFields = Readonly<Record<string, string>>

/** The fields that were filled in, without blanks around them.
 * @throws {VarveError} `OPTION_INVALID` for a field that is not known or is there twice. */
export async function formFields(c: WebContext, app: Shared, known: readonly string[]): Promise<FormFields> {
  const found = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(await bodyText(c, app))) {
    if (!known.includes(name)) throw refuse(name, `Cannot read the form: field "${name}" is not known`)
    if (found.has(name)) throw refuse(name, `Cannot read the form: field "${name}" is there twice`)
    found.set(name, value.trim())
  }
  return Object.fromEntries([...found].filter(([, value]) => value !== ''))
}

/** Answer a form with what became of it: a part of the page for htmx, a page of its own otherwise. */
export function outcome(c: WebContext, app: Shared, content: Html): Response {
  if (c.req.header('hx-request') !== undefined) return answer(content)
  return answer(layout({ title: 'varve', content }, { c, app }))
}

/** Answer a form by leading to another page. */
export function leadTo(c: WebContext, address: string): Response {
  if (c.req.header('hx-request') === undefined) return c.redirect(address, 303)
  return new Response(null, { status: 200, headers: { 'hx-redirect': address } })
}

const TIMES = { d: 86_400_000, h: 3_600_000, min: 60_000, s: 1_000, ms: 1 } as const
const SIZES = { TiB: 2 ** 40, GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 } as const

/** A number of milliseconds as `7 d`, in the greatest unit that says it exactly. */
export function timeText(ms: number | undefined): string {
  return exactly(ms, TIMES)
}

/** A number of bytes as `64 MiB`, in the greatest unit that says it exactly. */
export function sizeText(bytes: number | undefined): string {
  return exactly(bytes, SIZES)
}

function exactly(value: number | undefined, units: Readonly<Record<string, number>>): string {
  if (value === undefined) return ''
  const [unit, size] = Object.entries(units).find(([, size]) => value >= size && value % size === 0) ?? ['', 1]
  return `${value / size} ${unit}`.trim()
}

/** Read what `timeText` writes; a bare number is milliseconds. @throws {VarveError} `OPTION_INVALID`. */
export function readTime(text: string | undefined, name: string): number | undefined {
  return readExact(text, name, TIMES)
}

/** Read what `sizeText` writes; a bare number is bytes. @throws {VarveError} `OPTION_INVALID`. */
export function readSize(text: string | undefined, name: string): number | undefined {
  return readExact(text, name, SIZES)
}

/** A whole number. @throws {VarveError} `OPTION_INVALID`. */
export function readWhole(text: string | undefined, name: string): number | undefined {
  return readExact(text, name, {})
}

function readExact(
  text: string | undefined,
  name: string,
  units: Readonly<Record<string, number>>,
): number | undefined {
  if (text === undefined) return undefined
  const [, digits = '', unit = ''] = /^(\d{1,16}) ?([A-Za-z]*)$/.exec(text) ?? []
  const size =
    unit === '' ? 1 : Object.entries(units).find(([known]) => known.toLowerCase() === unit.toLowerCase())?.[1]
  const value = digits === '' ? Number.NaN : Number(digits) * (size ?? Number.NaN)
  if (Number.isSafeInteger(value)) return value
  const known = Object.keys(units)
  const words = known.length === 0 ? 'a whole number' : `a whole number, with ${known.join(', ')} or without`
  throw refuse(name, `Cannot read "${name}": expected ${words}`)
}

/** A choice among words. */
export function select(
  name: string,
  options: readonly (readonly [value: string, words: string])[],
  chosen?: string,
): Html {
  return html`<select name="${name}">${options.map(
    ([value, words]) => html`<option value="${value}" ${value === chosen && 'selected'}>${words}</option>`,
  )}</select>`
}
