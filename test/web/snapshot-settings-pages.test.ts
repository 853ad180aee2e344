/** The pages about all snapshots, the policy with a clean-up and the schedule; and the form that forks a topic.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Role } from '../../web/index.ts'
import { ended, HOUR, started } from './support/snapshot-pages.ts'

describe('clean-up and schedule', () => {
  test('postSnapshotCleanup() shows what would go, and gives that up as a job', async () => {
    const made = await started(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
    const { send, fake, page } = made
    const settings = await page('/snapshots/settings', 'admin')
    expect(settings).toContain('<dd>5 snapshots</dd>')
    expect(settings).toContain('name="retentionTimeMs" value="1 d"')
    expect(await page('/snapshots/settings')).not.toContain('id="cleanup"')
    const limits = { maxSnapshots: '5', retentionTimeMs: '1 d' }
    const preview = await (await send('/snapshots/cleanup', { ...limits, preview: '1' })).text()
    expect(preview).toContain('2 snapshots would go and 5 stay.')
    expect(preview).toContain('free 2.0 KiB')
    expect([...preview.matchAll(/<th scope="row">/g)].length).toBe(2)
    expect(fake.infos.length).toBe(7)
    const [, age = ''] = /name="retentionTimeMs" value="([^"]*)"/.exec(preview) ?? []
    const html = await ended(made, await send('/snapshots/cleanup', { maxSnapshots: '5', retentionTimeMs: age }))
    expect(html).toContain('2 snapshots went, 5\nstay, 2.0 KiB freed.')
    expect(fake.infos.length).toBe(5)
    expect(await (await send('/snapshots/cleanup', { ...limits, preview: '1' })).text()).toContain('Nothing would go')
    expect((await send('/snapshots/cleanup', { maxSnapshots: 'all', preview: '1' })).status).toBe(400)
    expect((await send('/snapshots/cleanup', limits, 'append')).status).toBe(403)
  })

  test('schedulePanel() shows the next run, and failures with their words for admins', async () => {
    const { page, fake, clock } = await started(['one'])
    expect(await page('/snapshots/settings')).toContain('Nothing is scheduled.')
    const now = clock.now()
    fake.schedule = {
      everyMs: 6 * HOUR,
      jitterMs: 600_000,
      isRunning: false,
      nextRunAt: now + 2.5 * HOUR,
      failures: 1,
      runs: [
        { at: now - HOUR, error: { code: 'STORAGE_FULL', message: 'Cannot write /data/x' } },
        { at: now - 7 * HOUR, snapshot: 'snapshot-5', removed: ['snapshot-1', 'snapshot-2'] },
      ],
    }
    const html = await page('/snapshots/settings')
    for (const words of ['in 2 h', '<dd>6 h</dd>', '10 min later', '1 failure since', 'STORAGE_FULL', '2 snapshots'])
      expect(html, words).toContain(words)
    expect(html).toContain('<a href="/snapshots/snapshot-5">')
    expect(html).not.toContain('/data/x')
    expect(html).not.toContain('id="schedule-change"')
    expect(await page('/partials/schedule', 'admin')).toContain('Cannot write /data/x')
    expect(await page('/partials/schedule')).not.toContain('<html')
    fake.schedule = { ...fake.schedule, isRunning: true, failures: 0 }
    const running = await page('/partials/schedule')
    expect([running.includes('running now'), running.includes('As planned')]).toEqual([true, true])
  })

  test('postSchedule() sets, changes and stops the schedule', async () => {
    const { send, page, fake, store } = await started()
    await store.topics.open('orders', { create: true })
    const set = (fields: Record<string, string>, role: Role = 'admin') => send('/snapshots/schedule', fields, role)
    const answer = await set({ everyMs: '6 h', jitterMs: '5 min', topic: 'orders', label: 'by itself' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/snapshots/settings'])
    expect(await page('/snapshots/settings', 'admin')).toContain('name="everyMs" value="6 h"')
    expect((await set({ stop: '1' })).status).toBe(200)
    expect(await page('/snapshots/settings', 'admin')).toContain('Nothing is scheduled.')
    expect(fake.asked).toEqual([
      ['schedule', { everyMs: 6 * HOUR, jitterMs: 300_000, topic: 'orders', label: 'by itself' }],
      ['schedule', undefined],
    ])
    for (const wrong of [{}, { everyMs: 'often' }, { everyMs: '6 h', every: '1' }] as Record<string, string>[])
      expect((await set(wrong)).status, JSON.stringify(wrong)).toBe(400)
    expect((await set({ everyMs: '6 h', topic: 'none' })).status).toBe(404)
    expect((await set({ everyMs: '6 h' }, 'append')).status).toBe(403)
  })
})

describe('fork', () => {
  test('postFork() leads to the new topic, and wants its name', async () => {
    const { send, page, store } = await started()
    await store.topics.open('orders', { create: { partitions: 2 } })
    const asked: unknown[] = []
    Object.defineProperty(store.topics, 'fork', {
      value: async (...given: unknown[]) => {
        asked.push(given.slice(0, 2), (given[2] as { until?: unknown }).until)
        return {}
      },
    })
    const fork = (fields: Record<string, string>, role: Role = 'admin') => send('/topics/orders/fork', fields, role)
    const answer = await fork({ as: 'trial', offset: '3, 4' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/topics/trial'])
    await fork({ as: 'trial-2', time: '2026-01-31' })
    expect(asked).toEqual([
      ['orders', 'trial'],
      { offset: [3, 4] },
      ['orders', 'trial-2'],
      { time: Date.UTC(2026, 0, 31) },
    ])
    for (const wrong of [{}, { as: '_own' }, { as: 'trial', offset: 'x' }])
      expect((await fork(wrong as Record<string, string>)).status, JSON.stringify(wrong)).toBe(400)
    expect((await fork({ as: 'trial' }, 'append')).status).toBe(403)
    expect(await page('/topics/orders/settings', 'admin')).toContain('id="fork"')
    expect(await page('/topics/orders/settings')).not.toContain('id="fork"')
  })

  test('eventPage() leads to a fork that ends behind the event, where one offset says so', async () => {
    const { page, store } = await started()
    for (const [name, partitions] of [
      ['orders', 1],
      ['many', 2],
    ] as const) {
      const topic = await store.topics.open(name, { create: { partitions } })
      await topic.append({ kind: 'Placed', entity: 'e', data: {} })
    }
    expect(await page('/topics/orders/events/0', 'admin')).toContain('href="/topics/orders/settings?fork=1#fork"')
    expect(await page('/topics/orders/events/0')).not.toContain('fork=')
    const many = await Promise.all([0, 1].map((n) => page(`/topics/many/events/0?partition=${n}`, 'admin')))
    expect(many.join('')).not.toContain('fork=')
    expect(await page('/topics/orders/settings?fork=1', 'admin')).toContain('name="offset" value="1"')
  })
})
