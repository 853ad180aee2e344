/** The pages of snapshots: the list with what each shares, and one of them with its checks, its restores and its end.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { VarveError } from '../../src/index.ts'
import { fakeInfo } from './support/fake-snapshots.ts'
import { skeleton, unignored } from './support/markup.ts'
import { ended, HOUR, started } from './support/snapshot-pages.ts'

const MARKUP = ['<script>x()</script>', '"><img src=x onerror=x()>', "'><b hx-get=/x>", '<!--', '</code></pre>', '&lt;']

describe('list', () => {
  test('snapshotsPage() names snapshots with label, age, size and pin, a hundred a page', async () => {
    const { page, fake, newest, id } = await started(['before the import', 'after it'])
    fake.infos[1] = { ...(fake.infos[1] ?? fakeInfo(0)), pinned: true, topic: 'orders', partition: 3 }
    const html = await page('/snapshots')
    expect(html).toContain(`<a href="${newest}">${id}</a>`)
    expect(html).toContain('<span class="label">after it</span>')
    for (const words of ['1 h ago', '2 h ago', '4.0 KiB', 'pinned', 'orders, partition 3', 'the whole store'])
      expect(html, words).toContain(words)
    expect(html).toContain('hx-get="/partials/snapshots"')
    expect(await page('/partials/snapshots')).not.toContain('<html')
    expect(await page('/')).toContain('<a href="/snapshots">')
    fake.infos = Array.from({ length: 130 }, (_, at) => fakeInfo(10_000 - at))
    const first = await page('/snapshots')
    expect([...first.matchAll(/<th scope="row">/g)].length).toBe(100)
    expect(first).toContain('href="/snapshots?cursor=snapshot-9901"')
    fake.infos = fake.infos.filter((info) => info.id !== 'snapshot-9901')
    const second = await page('/snapshots?cursor=snapshot-9901')
    expect([...second.matchAll(/<th scope="row">/g)].length).toBe(30)
    expect(second).toContain('hx-get="/partials/snapshots?cursor=snapshot-9901"')
    expect(second).not.toContain('id="next"')
  })

  test('snapshotsPage() says what a snapshot is, and shows the form to who may take one', async () => {
    const { page, store } = await started()
    await store.topics.open('orders', { create: true })
    const html = await page('/snapshots')
    expect(html).toContain('No snapshots yet.')
    expect(html).not.toContain('id="sharing"')
    expect(await page('/snapshots', 'append')).not.toContain('id="create"')
    const admin = await page('/snapshots', 'admin')
    expect(admin).toContain('<option value="orders"></option>')
    expect(admin).toContain('Even if the last one is less than')
  })

  test('postSnapshotForm() takes a snapshot as a job, and the list has it', async () => {
    const made = await started()
    const { send, page, fake, as } = made
    let release = () => {}
    fake.held = new Promise((resolve) => {
      release = resolve
    })
    const fields = { topic: 'orders', partition: '0', label: 'before <it>', pinned: 'yes', soon: 'yes' }
    const answer = await send('/snapshots', fields)
    const running = await answer.clone().text()
    expect(running).toContain('Snapshot is running: putting files in place, 10 B of 40 B')
    expect(await page('/snapshots', 'admin')).toContain('Snapshot is running')
    release()
    expect(answer.headers.get('hx-trigger')).toBe(null)
    const html = await ended(made, answer)
    const [, path = ''] = /hx-get="([^"]*)"/.exec(running) ?? []
    expect((await as('admin', path)).headers.get('hx-trigger')).toBe('{"snapshots":{"target":"body"}}')
    expect(html).toContain('<strong>Taken.</strong> <a href="/snapshots/snapshot-1">')
    expect(fake.asked[0]).toMatchObject([
      'create',
      { topic: 'orders', partition: 0, label: 'before <it>', pinned: true, minIntervalMs: 0 },
    ])
    expect(await page('/snapshots')).toContain('before &lt;it&gt;')
  })

  test('postSnapshotForm() tells what stands in the way', async () => {
    const { send, fake } = await started()
    for (const [code, status] of [
      ['SNAPSHOT_TOO_SOON', 409],
      ['SNAPSHOT_BUSY', 409],
      ['STORAGE_FULL', 507],
      ['TOPIC_UNKNOWN', 404],
    ] as const) {
      fake.refusal = new VarveError(code, `Cannot take a snapshot: ${code}`)
      const refused = await send('/snapshots')
      expect([refused.status, (await refused.text()).includes(`Cannot take a snapshot: ${code}`)]).toEqual([
        status,
        true,
      ])
    }
    expect((await send('/snapshots', { partition: 'one' })).status).toBe(400)
    expect((await send('/snapshots', {}, 'append')).status).toBe(403)
  })
})

describe('what they share', () => {
  test('usagePage() draws a bar for each with its parts in one scale, and says the numbers', async () => {
    const { page, fake, as } = await started(['one', 'two'])
    const usage = (id: string, store: number, others: number, own: number) => ({
      id,
      totalSizeBytes: store + others + own,
      sharedWithStoreBytes: store,
      sharedWithSnapshotsBytes: others,
      ownBytes: own,
    })
    const [two, one] = fake.infos.map(({ id }) => id)
    fake.usage = [usage(two ?? '', 6_144, 1_024, 1_024), usage(one ?? '', 4_096, 0, 0)]
    const html = await page('/snapshots/usage')
    const bars = [...html.matchAll(/<rect class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"/g)].map(
      ([, kind, x, width]) => [kind, Number(x), Number(width)],
    )
    expect(bars).toEqual([
      ['store', 0, 745],
      ['others', 745, 127.5],
      ['own', 872.5, 127.5],
      ['store', 0, 498],
    ])
    expect(html).toContain('6.0 KiB shared with the store, 1.0 KiB shared with other snapshots, 1.0 KiB its own')
    expect(html).toContain('aria-label="4.0 KiB shared with the store"')
    expect(html).toContain('<span class="label">two</span>')
    expect(html).toContain('<html')
    const part = await as('read', '/snapshots/usage', { headers: { 'hx-request': 'true' } })
    expect(await part.text()).not.toContain('<html')
    expect(await page('/snapshots')).toMatch(/id="sharing" hx-get="\/snapshots\/usage" hx-trigger="load, /)
    fake.infos = Array.from({ length: 21 }, (_, at) => fakeInfo(10_000 - at))
    expect(await page('/snapshots')).toMatch(/id="sharing" >\s*<p><a href="\/snapshots\/usage">/)
    fake.usage = [usage('snapshot-1', 0, 0, 0)]
    expect(await page('/snapshots/usage')).toContain('aria-label="no files"')
    fake.usage = Array.from({ length: 150 }, (_, at) => usage(`snapshot-${at}`, 1, 1, 1))
    expect(await page('/snapshots/usage')).toContain('50 older ones are not shown')
  })
})

describe('one snapshot', () => {
  test('snapshotPage() shows what it holds, and to admins what can be done with it', async () => {
    const { page, as, newest } = await started(['after it'], { restoreTo: () => memoryStorage() })
    const html = await page(newest)
    for (const words of ['after it', '1 h ago', '1,200', '4.0 KiB', 'ab'.repeat(32), 'the-store', 'orders'])
      expect(html, words).toContain(words)
    for (const form of ['id="pin"', 'id="verify"', 'id="restore-topic"', 'id="delete"'])
      expect(html, form).not.toContain(form)
    const admin = await page(newest, 'admin')
    for (const form of ['id="pin"', 'id="verify"', 'id="drill"', 'id="restore-topic"', 'id="restore-directory"'])
      expect(admin, form).toContain(form)
    for (const none of ['snapshot-1', 'none', '..%2fsnapshot-1'])
      expect((await as('read', `/snapshots/${none}`)).status, none).toBe(404)
  })

  test('snapshotPage() tells damage, and the snapshot can still be checked and deleted', async () => {
    const { page, as, fake, newest, id, send, errors } = await started(['after it'])
    fake.damaged.add(id)
    const damaged = await as('read', newest)
    expect([damaged.status, (await damaged.text()).includes('<h2>Snapshot damaged</h2>')]).toEqual([500, true])
    expect(errors.length).toBe(1)
    const admin = await page(newest, 'admin')
    expect(admin).toContain('its manifest is cut short')
    expect([admin.includes('id="delete"'), admin.includes('id="restore-topic"')]).toEqual([true, false])
    expect((await send(`${newest}/delete`, { confirm: id })).status).toBe(200)
    expect(fake.infos).toEqual([])
  })

  test('checkPartial() verifies and tries a restore as jobs, with a verdict and its time', async () => {
    const made = await started(['after it'])
    const { send, fake, newest, id, page } = made
    expect(await ended(made, await send(`${newest}/verify`))).toContain(
      '1,200 events in\n3 files, 4.0 KiB checked in 7 ms',
    )
    expect(await ended(made, await send(`${newest}/drill`))).toContain('It can be restored.</strong> Restored in 5 ms.')
    fake.damaged.add(id)
    const html = await ended(made, await send(`${newest}/verify`))
    expect(html).toContain('<strong>Damage found.</strong>')
    expect(html).toContain('Cannot read a batch')
    expect(await page(newest, 'admin')).toContain('Cannot read a batch')
    for (const way of ['verify', 'drill', 'restore', 'pin', 'delete'])
      expect((await send(`${newest}/${way}`, {}, 'append')).status, way).toBe(403)
    expect((await send('/snapshots/snapshot-1/verify')).status).toBe(404)
  })

  test('postSnapshotPin() pins and takes the pin away; postDeleteSnapshot() wants the name', async () => {
    const { send, fake, newest, id, page, store } = await started(['one', 'two'])
    const pinned = await send(`${newest}/pin`, { pinned: 'yes' })
    expect([pinned.status, pinned.headers.get('hx-redirect')]).toEqual([200, newest])
    expect(await page(newest, 'admin')).toContain('Take the pin away')
    expect((await send(`${newest}/delete`, { confirm: id })).status).toBe(409)
    await send(`${newest}/pin`, { pinned: 'no' })
    for (const fields of [{}, { confirm: 'snapshot' }])
      expect((await send(`${newest}/delete`, fields)).status).toBe(400)
    expect(fake.infos.length).toBe(2)
    const gone = await send(`${newest}/delete`, { confirm: id })
    expect([gone.status, gone.headers.get('hx-redirect')]).toEqual([200, '/snapshots'])
    const audit = await store.topics.open('_audit')
    expect(new Set((await audit.last(20)).map(({ kind }) => kind))).toEqual(
      new Set(['SnapshotPin', 'SnapshotUnpin', 'SnapshotDelete']),
    )
  })
})

describe('restore', () => {
  test('postRestoreForm() makes a topic, whole or up to an offset or a time, when the snapshot is named', async () => {
    const made = await started(['after it'])
    const { send, fake, newest, id } = made
    const restore = (fields: Record<string, string>) => send(`${newest}/restore`, { as: 'orders-2', ...fields })
    for (const fields of [{}, { confirm: 'orders' }]) expect((await restore(fields)).status).toBe(400)
    expect(fake.asked).toEqual([])
    const html = await ended(made, await restore({ confirm: id }))
    expect(html).toContain('<strong>Restored.</strong> 1,200 events in 1 topic (orders-2), 2 documents, 3 histories.')
    await ended(made, await restore({ confirm: id, offset: '500', topic: 'orders' }))
    await ended(made, await restore({ confirm: id, offset: '5, 6,7' }))
    await ended(made, await restore({ confirm: id, time: '2026-01-31 12:00' }))
    expect(fake.asked.map(([, , options]) => options)).toEqual([
      { as: 'orders-2' },
      { as: 'orders-2', topic: 'orders', until: { offset: 500 } },
      { as: 'orders-2', until: { offset: [5, 6, 7] } },
      { as: 'orders-2', until: { time: Date.UTC(2026, 0, 31, 12) } },
    ])
    for (const wrong of [{ offset: 'all' }, { offset: '5,' }, { time: 'soon' }, { offset: '5', time: '2026-01-31' }])
      expect((await restore({ confirm: id, ...wrong })).status, JSON.stringify(wrong)).toBe(400)
    expect((await send(`${newest}/restore`, { as: '_own', confirm: id })).status).toBe(400)
  })

  test('postRestoreForm() goes to a directory by its name, where the server has a place for these', async () => {
    const none = await started(['after it'])
    const away = { directory: 'restored', confirm: none.id }
    expect((await none.send(`${none.newest}/restore`, away)).status).toBe(501)
    expect(await none.page(none.newest, 'admin')).not.toContain('id="restore-directory"')
    const names: string[] = []
    const place = memoryStorage()
    const restoreTo = (name: string) => {
      names.push(name)
      return place
    }
    const made = await started(['after it'], { restoreTo })
    const { send, fake, newest, id } = made
    const fields = { directory: 'restored', overwrite: 'yes', confirm: id }
    expect(await ended(made, await send(`${newest}/restore`, fields))).toContain('Restored.')
    expect([names, fake.asked]).toEqual([['restored'], [['restore', id, { overwrite: true, to: place.location }]]])
    for (const directory of ['../restored', '/tmp/x', 'a/b', '.', '..'])
      expect((await send(`${newest}/restore`, { directory, confirm: id })).status, directory).toBe(400)
    expect(names).toEqual(['restored'])
    fake.damaged.add(id)
    expect(await ended(made, await send(`${newest}/restore`, fields))).toContain('Snapshot damaged')
  })
})

describe('escaping', () => {
  /** Every page with this text wherever a person or a program may have put one. */
  const shown = async (text: string) => {
    const made = await started([text, text], { restoreTo: () => memoryStorage() })
    const { fake, page, newest, send, clock } = made
    fake.infos = fake.infos.map((info) => ({ ...info, topic: text }))
    fake.policy = { ...fake.policy, maxSnapshots: 1 }
    fake.usage = fake.infos.map(({ id }) => ({
      id,
      totalSizeBytes: 3,
      sharedWithStoreBytes: 1,
      sharedWithSnapshotsBytes: 1,
      ownBytes: 1,
    }))
    const error = { code: text, message: text }
    const runs = [{ at: clock.now(), error }]
    fake.schedule = { everyMs: HOUR, jitterMs: 0, topic: text, isRunning: false, nextRunAt: 0, runs, failures: 1 }
    return [
      await page('/snapshots', 'admin'),
      await page('/snapshots/usage', 'admin'),
      await page('/snapshots/settings', 'admin'),
      await page(newest, 'admin'),
      await (await send('/snapshots/cleanup', { maxSnapshots: '1', preview: '1' })).text(),
      await ended(made, await send(`${newest}/restore`, { directory: 'trial', topic: text, confirm: made.id })),
    ]
  }

  test('texts about snapshots add no element and no attribute', async () => {
    const plain = (await shown('plain')).map(skeleton)
    for (const text of MARKUP) expect((await shown(text)).map(skeleton), text).toEqual(plain)
  })

  test('everything that comes from a snapshot stands below hx-ignore, or encoded in an address', async () => {
    for (const html of await shown('zzq')) {
      expect(html).toContain('zzq')
      expect(html).not.toMatch(/\son[a-z]+=|javascript:|<style|style="|hx-on|js:/)
      const known = /(?:hx-get|hx-post|href|action)="[A-Za-z0-9/?&;=%_.*+-]*"/g
      expect(unignored(html.replaceAll(known, ''), 'zzq')).toEqual([])
    }
  })
})
