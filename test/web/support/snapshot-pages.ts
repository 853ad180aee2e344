/** The pages of snapshots over set answers, as their tests use them.
 * @module */
import type { AppOptions, Role } from '../../../web/index.ts'
import { fakeInfo, fakeSnapshots } from './fake-snapshots.ts'
import { harness } from './harness.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'hx-request': 'true' }
export const HOUR = 3_600_000

/** With snapshots of these labels, an hour apart, the newest first; the clock is an hour after the newest. */
export async function started(labels: readonly string[] = [], options: AppOptions = {}) {
  const made = await harness(options)
  const { store, clock, as } = made
  const first = clock.now() - labels.length * HOUR
  const infos = labels.map((label, at) => fakeInfo(first + at * HOUR, { label })).reverse()
  const fake = fakeSnapshots(store, infos)
  const page = async (path: string, role: Role = 'read') => (await as(role, path)).text()
  const send = (path: string, fields: Record<string, string> = {}, role: Role = 'admin') =>
    as(role, path, { method: 'POST', headers: FORM, body: new URLSearchParams(fields).toString() })
  const newest = `/snapshots/${infos[0]?.id}`
  return { ...made, fake, page, send, newest, id: infos[0]?.id ?? '' }
}

/** The panel of the job that this answer shows, when the job has ended. */
export async function ended(
  { page }: { page: (path: string, role: Role) => Promise<string> },
  answer: Response,
): Promise<string> {
  let html = await answer.text()
  while (html.includes('data-state="running"')) {
    const [, path = ''] = /hx-get="([^"]*)"/.exec(html) ?? []
    await new Promise((resolve) => setImmediate(resolve))
    html = await page(path, 'admin')
  }
  return html
}
