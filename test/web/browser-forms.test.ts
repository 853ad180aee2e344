/** Goal: the forms and links of the admin page work in a browser by keyboard, show where the focus is, and say what is
 * wrong. Method: as in `browser.test.ts`, with a person who is logged in.
 * @module */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIME } from '../support/runtime.ts'
import { AdminBrowser, ask, live, onTop, rows, shownIn, tabTo } from './support/admin-browser.ts'

if (RUNTIME !== 'node')
  console.info(
    `forms are tested in a browser on Node only, not on ${RUNTIME}: the page is the same bytes everywhere; here ` +
      'test/web/admin.test.ts and test/runtime/server.test.ts cover the app that serves it',
  )

let admin: AdminBrowser

describe.skipIf(RUNTIME !== 'node')('forms of the admin page in Chromium', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    admin = await AdminBrowser.start()
    const page = await admin.context.newPage()
    await page.goto(admin.served.loginUrl)
    await page.waitForURL(`${admin.served.url}/`)
    await page.close()
    await admin.served.create('first')
    await admin.served.append('first', { kind: 'Placed', entity: 'order-1', data: { number: 1 } })
  }, 60_000)

  afterAll(() => admin?.close())

  afterEach(() => {
    expect(admin.said.splice(0)).toEqual([])
  })

  test('the keyboard reaches every control, shows where it is, and verifies the store', async () => {
    const page = await admin.opened('/')
    expect(await tabTo(page, '.skip')).toBe(1)
    await tabTo(page, '#verify')
    await page.keyboard.press('Enter')
    await page.locator('#job .job.done').waitFor()
    expect(await shownIn(page, '#job')).toMatch(
      /^No damage found\. \d+ events and 0 documents in \d+ files, .+ checked\.$/,
    )
    await tabTo(page, '#checkpoint')
    await page.keyboard.press('Enter')
    await page.getByText('Checkpoint done.').waitFor()
    await tabTo(page, 'a[href="/topics/first"]')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/topics/first`)
    await live(page, 'live')
    await tabTo(page, '#pause')
    await page.keyboard.press('Enter')
    await live(page, 'paused')
    await tabTo(page, '#events summary')
    await page.keyboard.press('Enter')
    expect(await page.locator('#events details[open]').count()).toBe(1)
    await page.close()
  })

  test('a topic is made, filtered and paged by keyboard', async () => {
    const page = await admin.opened('/')
    await tabTo(page, '#create [name=topic]')
    await page.keyboard.type('first')
    await page.keyboard.press('Enter')
    await page.locator('#create-outcome [role=alert]').waitFor()
    expect(await shownIn(page, '#create-outcome')).toContain('Cannot create topic "first": it exists')
    expect(await page.locator('#create [name=topic]').inputValue()).toBe('first')
    expectRefusals(1)
    await page.locator('#create [name=topic]').fill('paged')
    await tabTo(page, '#create button')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${admin.served.url}/topics/paged`)
    for (let at = 0; at < 120; at++)
      await admin.served.append('paged', { kind: at % 2 === 0 ? 'Even' : 'Odd', entity: `e-${at % 3}`, data: at })
    await page.reload()
    await page.getByRole('link', { name: 'Older events' }).click()
    await page.getByRole('link', { name: 'Older events' }).click()
    await onTop(page, 19)
    await page.getByRole('link', { name: 'Newer events' }).click()
    await onTop(page, 69)
    await page.getByRole('link', { name: 'Newer events' }).click()
    await onTop(page, 119)
    await page.goto(`${admin.served.url}/topics/paged`)
    await tabTo(page, '.filter [name=kind]')
    await page.keyboard.type('Odd')
    await tabTo(page, '.more > summary')
    await page.keyboard.press('Enter')
    await tabTo(page, '.filter [name=from]')
    await page.keyboard.type('100')
    await page.keyboard.press('Enter')
    await page.waitForURL(/kind=Odd/)
    expect(await rows(page)).toEqual([119, 117, 115, 113, 111, 109, 107, 105, 103, 101].map((at) => `0:${at}`))
    expect(await page.locator('.more').getAttribute('open')).not.toBeNull()
    expect(await page.locator('.filter [name=from]').inputValue()).toBe('100')
    await page.close()
  })

  test('an event has its own page, is copied, and leads to what led to it and what it led to', async () => {
    await admin.served.create('caused')
    await admin.served.append('caused', { kind: 'Asked', entity: 'e', data: { text: '<b>' }, id: 'first "1"' })
    await admin.served.append('caused', { kind: 'Done', entity: 'e', data: 1n.toString(), causationId: 'first "1"' })
    await admin.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await admin.opened('/topics/caused')
    await page.locator('#events summary').last().click()
    await page.getByRole('link', { name: 'Open this event' }).last().click()
    await page.waitForURL(`${admin.served.url}/topics/caused/events/0?partition=0`)
    await page.getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Copied').waitFor()
    const copied = JSON.parse(await ask(page, 'navigator.clipboard.readText()'))
    expect(copied).toMatchObject({ offset: 0, kind: 'Asked', id: 'first "1"', data: { text: '<b>' } })
    await page.getByRole('link', { name: 'Effects' }).click()
    await page.getByRole('heading', { name: 'What it led to' }).waitFor()
    expect(await rows(page)).toEqual(['0:1'])
    await page.locator('#events summary').click()
    await page.getByRole('link', { name: 'Open this event' }).click()
    await page.getByRole('link', { name: 'Causes' }).click()
    await page.getByRole('heading', { name: 'What led to it' }).waitFor()
    expect(await rows(page)).toEqual(['0:0'])
    await page.close()
  })

  test('settings are changed, events pruned and the topic deleted by forms that say what is wrong', async () => {
    await admin.served.create('settled', { segmentBytes: 1_048_576 })
    for (let at = 0; at < 6; at++)
      await admin.served.append('settled', { kind: 'A', entity: 'e', data: `${at}`.repeat(700_000) })
    const page = await admin.opened('/topics/settled/settings')
    await tabTo(page, '#change [name=maxAgeMs]')
    await page.keyboard.type('soon')
    await page.keyboard.press('Enter')
    await page.locator('#change-outcome [role=alert]').waitFor()
    expect(await shownIn(page, '#change-outcome')).toContain('expected a whole number, with d, h, min, s, ms')
    expect(await page.locator('#change [name=maxAgeMs]').inputValue()).toBe('soon')
    await page.locator('#change [name=maxAgeMs]').fill('30 d')
    await page.locator('#change select').selectOption('deflate')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    expect([await shownIn(page, '#kept'), await shownIn(page, '#compression')]).toEqual(['30 d', 'deflate'])

    await tabTo(page, '#prune [name=before]')
    await page.keyboard.type('4')
    await page.keyboard.press('Enter')
    await page.getByText(/This would give up \d events in \d segments/).waitFor()
    await tabTo(page, '#prune-outcome [name=confirm]')
    await page.keyboard.type('other')
    await page.keyboard.press('Enter')
    await page.locator('#prune-outcome [role=alert]').waitFor()
    await page.getByRole('button', { name: 'Show what would go' }).click()
    await page.locator('#prune-outcome [name=confirm]').fill('settled')
    await page.getByRole('button', { name: 'Prune' }).click()
    await page.getByText(/Pruned \d events in \d segments/).waitFor()

    const witness = await admin.opened('/topics/settled')
    await live(witness, 'live')
    await page.locator('#delete [name=confirm]').fill('settle')
    await page.getByRole('button', { name: 'Delete this topic' }).click()
    await page.locator('#delete-outcome [role=alert]').waitFor()
    await page.locator('#delete [name=confirm]').fill('settled')
    await page.getByRole('button', { name: 'Delete this topic' }).click()
    await page.waitForURL(`${admin.served.url}/`)
    expect(await shownIn(page, '#topics')).not.toContain('settled')
    await live(witness, 'ended')
    expect(await shownIn(witness, '#live-status')).toBe('This topic was deleted')
    await witness.close()
    expectRefusals(3)
    await page.getByRole('link', { name: 'What admins did' }).click()
    await page.locator('#events > li').first().waitFor()
    const kinds: string[] = await ask(
      page,
      `Array.from(document.querySelectorAll('#events .kind'), (one) => one.textContent)`,
    )
    expect(kinds.slice(0, 6)).toEqual([
      'TopicDelete',
      'TopicDelete',
      'TopicPrune',
      'TopicPrune',
      'TopicChange',
      'TopicChange',
    ])
    await page.close()
  })
})

/** The browser itself tells of answers that refuse something; there were that many, and nothing else was told but that
 * the sizes of a deleted topic are gone. */
function expectRefusals(count: number): void {
  const refusal = /^error: Failed to load resource: the server responded with a status of 400/
  const told = admin.said.splice(0).filter((text) => !/a status of 404/.test(text))
  expect(told.map((text) => (refusal.test(text) ? 'refusal' : text))).toEqual(Array(count).fill('refusal'))
}
