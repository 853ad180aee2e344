/** Carries out a plan: writes the document, checks everything.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { limitedStorage } from '../conformance/limited.ts'
import { type Draw, draws } from '../support/seeded-random.ts'
import { type Source, writeDocument } from '../unit/document/support/documents.ts'
import { cutAt, utf8 } from '../unit/document/support/json-chunks.ts'
import { DocumentChecks } from './document-checks.ts'
import { type DocumentPlan, treeOfPlan } from './document-plans.ts'
import { eventsOf, jsonOf, jsonTreeOf, plainOf, type Tree, treeOf } from './document-tree.ts'
import { type NotedRead, notingStorage } from './noted-reads.ts'

/** The index section beside its items: key table, trailer, counts. */
const INDEX_REST_BYTES = 20_480

function sourceOf(plan: DocumentPlan, tree: Tree, draw: Draw): { source: Source; stored: Tree } {
  if (plan.source === 'events') return { source: { events: eventsOf(tree) }, stored: tree }
  if (plan.source === 'json') {
    const bytes = utf8(jsonOf(tree))
    const places = Array.from({ length: draw() % 20 }, () => draw() % (bytes.length + 1))
    return { source: { json: cutAt(bytes, places) }, stored: jsonTreeOf(tree) }
  }
  const value = plainOf(tree)
  return { source: { value }, stored: treeOf(value) }
}

/** Write it, and ask it everything. */
export async function check(plan: DocumentPlan): Promise<void> {
  const draw = draws(plan.seed)
  const { source, stored } = sourceOf(plan, treeOfPlan(plan), draw)
  const memory = memoryStorage()
  const reads: NotedRead[] = []
  const limited = plan.limited === 'no' ? memory : limitedStorage(memory, { randomWrite: plan.limited === 'reads' })
  const storage = notingStorage(limited, reads)
  const limits = {
    ...(plan.indexBudget !== undefined && { indexBudget: plan.indexBudget }),
    ...(plan.heldKeys !== undefined && { heldKeys: plan.heldKeys }),
  }
  const written = await writeDocument(source, { thresholdBytes: plan.threshold }, { storage, limits })
  expect(await written.verify()).toMatchObject({ ok: true, problems: [] })
  const document = await written.open()
  expect(document.thresholdBytes).toBeGreaterThanOrEqual(plan.threshold)
  if (plan.threshold > 0 && plan.indexBudget !== undefined) {
    expect(document.indexBytes).toBeLessThanOrEqual(plan.indexBudget + INDEX_REST_BYTES)
  }
  const checks = new DocumentChecks(document, stored, { draw, reads })
  await checks.all()
  await checks.atOnce()
  await document.close()
  expect((await memory.list('tmp')).length).toBe(0)
}
