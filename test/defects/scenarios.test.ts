/** The product as it is passes every scenario that kills a seeded defect.
 * @module */
import { describe, expect, test } from 'vitest'
import * as documentScenarios from './document-scenarios.ts'
import * as documentStoreScenarios from './document-store-scenarios.ts'
import * as historyCleanupScenarios from './history-cleanup-scenarios.ts'
import * as historyGroupScenarios from './history-group-scenarios.ts'
import * as historyRecordScenarios from './history-record-scenarios.ts'
import * as historyScenarios from './history-scenarios.ts'
import * as historyStoreScenarios from './history-store-scenarios.ts'
import * as historyValueScenarios from './history-value-scenarios.ts'
import * as projectionScenarios from './projection-scenarios.ts'
import * as logScenarios from './scenarios.ts'
import * as snapshotCopyScenarios from './snapshot-copy-scenarios.ts'
import * as snapshotScenarios from './snapshot-scenarios.ts'

const GROUPS = Object.entries({
  logScenarios,
  documentScenarios,
  documentStoreScenarios,
  historyGroupScenarios,
  historyValueScenarios,
  historyScenarios,
  historyCleanupScenarios,
  historyStoreScenarios,
  historyRecordScenarios,
  projectionScenarios,
  snapshotScenarios,
  snapshotCopyScenarios,
})

describe.each(GROUPS)('%s', (_group, scenarios) => {
  test.each(Object.entries(scenarios))('%s', { timeout: 120_000 }, async (_name, scenario) => {
    expect(await scenario()).toBeUndefined()
  })
})
